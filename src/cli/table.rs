//! Tables of text, with columns that line up beside wide characters.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr as _;

use super::output::plain;

/// Number of spaces between two columns.
const GAP: usize = 2;

/// The side of a column to which its cells are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    heading: &'static str,
    side: Side,
}

impl Column {
    /// A column of texts.
    pub(super) const fn left(heading: &'static str) -> Self {
        Self {
            heading,
            side: Side::Left,
        }
    }

    /// A column of numbers.
    pub(super) const fn right(heading: &'static str) -> Self {
        Self {
            heading,
            side: Side::Right,
        }
    }
}

/// A table whose columns are as wide as their widest cell. A wide character counts as two columns.
pub(super) fn table<const N: usize>(headings: [&'static str; N], rows: &[[String; N]]) -> String {
    aligned(headings.map(Column::left), rows)
}

/// A table like [`table`], with columns that are aligned to the left or to the right.
pub(super) fn aligned<const N: usize>(columns: [Column; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[Cow<'_, str>; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| plain(cell)))
        .collect();
    let mut widths = columns.map(|column| column.heading.width());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let line = |cells: [&str; N]| {
        let mut text = String::new();
        for ((cell, width), column) in cells.iter().zip(widths).zip(columns) {
            let space = " ".repeat(width.saturating_sub(cell.width()));
            match column.side {
                Side::Left => text.extend([cell, &*space]),
                Side::Right => text.extend([&*space, cell]),
            }
            text.push_str(&" ".repeat(GAP));
        }
        text.trim_end().to_owned()
    };
    let mut lines = vec![line(columns.map(|column| column.heading))];
    lines.extend(
        rows.iter()
            .map(|row| line(row.each_ref().map(|cell| cell.as_ref()))),
    );
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_beside_wide_characters() {
        let rows = [
            ["아이폰".to_owned(), "12".to_owned()],
            ["ai".to_owned(), "3".to_owned()],
        ];
        let text = table(["keyword", "tweets"], &rows);
        assert_eq!(text, "keyword  tweets\n아이폰   12\nai       3");
    }

    #[test]
    fn numbers_line_up_at_the_right() {
        let rows = [
            ["12".to_owned(), "아이폰".to_owned(), "한국어판".to_owned()],
            ["3".to_owned(), "ai".to_owned(), "+1".to_owned()],
        ];
        let columns = [
            Column::right("n"),
            Column::left("word"),
            Column::right("change"),
        ];
        assert_eq!(
            aligned(columns, &rows),
            " n  word      change\n12  아이폰  한국어판\n 3  ai            +1"
        );
    }

    #[test]
    fn control_characters_of_a_cell_are_escaped() {
        let cell = [["a\nb".to_owned()]];
        assert_eq!(table(["name"], &cell), "name\na\\nb");
    }
}
