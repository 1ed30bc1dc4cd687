//! What commands print: text for people or JSON for machines, on standard output; what is wrong,
//! on standard error.

use std::io::{self, Write as _};

use clap::ValueEnum;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

/// For whom a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON document, or one per line where there is no end to them.
    Json,
}

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Prints a value: as one line of JSON, or as the text that `text` makes of it.
    pub(super) fn show<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Text => self.line(&text(value)),
            Format::Json => self.line(&serde_json::to_string(value)?),
        }
    }

    /// Prints a text as it is, with a line's end, and at once.
    pub(super) fn line(self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.trim_end_matches('\n').as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()?;
        Ok(())
    }

    /// Says on standard error what is wrong.
    pub(super) fn error(self, text: &str) {
        let line = match self.format {
            Format::Text => format!("error: {text}"),
            Format::Json => serde_json::json!({ "error": text }).to_string(),
        };
        self.note(&line);
    }

    /// Says something on standard error. There is nobody left to tell when that fails.
    pub(super) fn note(self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// Rows under headings, in columns as wide as they have to be; wide characters count as two.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(|heading| heading.width());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let line = |cells: [&str; N]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width.saturating_sub(cell.width()).saturating_add(2)));
        }
        text.trim_end().to_owned()
    };
    let mut lines = vec![line(headings)];
    lines.extend(
        rows.iter()
            .map(|row| line(row.each_ref().map(String::as_str))),
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
}
