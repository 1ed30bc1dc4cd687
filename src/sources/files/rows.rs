//! Splits a table into rows by RFC 4180, and rows into cells.
//!
//! A quoted cell can have delimiters, newlines and doubled quotes. The `csv` crate reads the cells;
//! the rows are found before, so that a quote that is never closed does not swallow the rest of the
//! file: the line with that quote is rejected, and reading continues at the next line.

use std::io::{self, Read};

use bytes::Bytes;
use csv::StringRecord;

use super::buffer::Buffer;
use super::piece::{Growing, MAX_RECORD_BYTES, Piece};
use crate::sources::Rejection;

/// Delimiters that are looked for, first choice first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Maximum length of a header in which delimiters are counted, in bytes.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Finds the delimiter that occurs most in the header, outside of quotes.
pub(super) fn delimiter_of_header(buffer: &mut Buffer) -> u8 {
    let mut wanted = 1;
    loop {
        let ahead = buffer.ahead(wanted);
        let (counts, is_whole) = delimiters_in(ahead);
        if is_whole || ahead.len() < wanted || ahead.len() >= MAX_HEADER_BYTES {
            let most = counts.iter().max().copied().unwrap_or(0);
            let first = counts.iter().position(|count| *count == most);
            let found = first.and_then(|index| DELIMITERS.get(index));
            return found.copied().unwrap_or(b',');
        }
        wanted = ahead.len().saturating_add(1);
    }
}

/// Counts the delimiters through the end of the first line, and whether that end was found.
fn delimiters_in(text: &[u8]) -> ([usize; 4], bool) {
    let mut counts = [0_usize; 4];
    let mut is_quoted = false;
    for byte in text {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\r' | b'\n' if !is_quoted => return (counts, true),
            byte if !is_quoted => {
                let pairs = counts.iter_mut().zip(DELIMITERS);
                for (count, _) in pairs.filter(|(_, delimiter)| delimiter == byte) {
                    *count = count.saturating_add(1);
                }
            }
            _ => {}
        }
    }
    (counts, false)
}

/// Returns the next row that is not blank; `None` at the end. A last row without a newline counts,
/// unless the text ended in an error: then it is not whole.
pub(super) fn next_row(buffer: &mut Buffer, delimiter: u8) -> Option<Piece> {
    loop {
        let (row, end) = read_row(buffer, delimiter);
        let is_blank = row.bytes().iter().all(|byte| *byte == b' ');
        match end {
            RowEnd::Text if buffer.has_failed() || row.is_empty() => return None,
            RowEnd::Unclosed if buffer.has_failed() => return None,
            RowEnd::Unclosed => return Some(unclosed(buffer, &row)),
            RowEnd::Newline | RowEnd::Text if !is_blank => return Some(row.finish()),
            RowEnd::Newline | RowEnd::Text => {}
        }
    }
}

/// What ends a row.
enum RowEnd {
    Newline,
    /// The end of the text.
    Text,
    /// The end of the text, or the size limit, within quotes.
    Unclosed,
}

fn read_row(buffer: &mut Buffer, delimiter: u8) -> (Growing, RowEnd) {
    let mut row = Growing::new(buffer.line(), MAX_RECORD_BYTES);
    let mut scan = RowScan::new(delimiter);
    loop {
        let chunk = buffer.chunk();
        if chunk.is_empty() {
            let is_unclosed = scan.is_quoted() && !row.is_too_large();
            let end = if is_unclosed {
                RowEnd::Unclosed
            } else {
                RowEnd::Text
            };
            return (row, end);
        }
        let end = scan.end_in(chunk);
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
        let size = row.bytes().len().saturating_add(part.len());
        let has_lines = memchr::memchr(b'\n', row.bytes()).is_some();
        if size > MAX_RECORD_BYTES && scan.is_quoted() && has_lines && !row.is_too_large() {
            return (row, RowEnd::Unclosed);
        }
        row.push(part);
        let count = part.len();
        buffer.consume(count);
        if end.is_some() {
            consume_newline(buffer);
            return (row, RowEnd::Newline);
        }
    }
}

/// Consumes `\n`, `\r\n` or `\r`.
fn consume_newline(buffer: &mut Buffer) {
    if buffer.ahead(1).first() == Some(&b'\r') {
        buffer.consume(1);
        if buffer.ahead(1).first() != Some(&b'\n') {
            buffer.count_line();
            return;
        }
    }
    buffer.consume(1);
}

/// Rejects the first line of a row whose quote is not closed, and puts the others back.
fn unclosed(buffer: &mut Buffer, row: &Growing) -> Piece {
    let first = memchr::memchr(b'\n', row.bytes()).map(|end| end.saturating_add(1));
    let (line, rest) = row
        .bytes()
        .split_at_checked(first.unwrap_or(row.bytes().len()))
        .unwrap_or((row.bytes(), b""));
    buffer.put_back(rest);
    Piece {
        line: row.line(),
        bytes: Bytes::copy_from_slice(line.trim_ascii_end()),
        fault: Some(Rejection::new("a quote in the row is not closed")),
    }
}

/// Finds the newline that ends a row, over any number of chunks.
#[derive(Debug)]
struct RowScan {
    delimiter: u8,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    CellStart,
    Unquoted,
    Quoted,
    /// After a quote within quotes: the end of the cell, or the first of two quotes.
    Quote,
}

impl RowScan {
    fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            at: At::CellStart,
        }
    }

    fn is_quoted(&self) -> bool {
        self.at == At::Quoted
    }

    fn end_in(&mut self, chunk: &[u8]) -> Option<usize> {
        for (index, byte) in chunk.iter().enumerate() {
            self.at = match (self.at, byte) {
                (At::CellStart | At::Quote, b'"') => At::Quoted,
                (At::Quoted, b'"') => At::Quote,
                (At::Quoted, _) => At::Quoted,
                (_, b'\r' | b'\n') => return Some(index),
                (_, byte) if *byte == self.delimiter => At::CellStart,
                _ => At::Unquoted,
            };
        }
        None
    }
}

/// Reads the cells of rows.
#[derive(Debug)]
pub(super) struct Cells {
    reader: csv::Reader<Feed>,
    cells: StringRecord,
}

impl Cells {
    /// Cells between these delimiters.
    pub(super) fn new(delimiter: u8) -> Self {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(Feed::default());
        Self {
            reader,
            cells: StringRecord::new(),
        }
    }

    /// The cells of a row, which is UTF-8 and without its newline.
    ///
    /// # Errors
    /// [`Rejection`] for a row that the `csv` crate does not read; there is none.
    pub(super) fn of(&mut self, row: &[u8]) -> Result<&StringRecord, Rejection> {
        self.reader.get_mut().feed(row);
        match self.reader.read_record(&mut self.cells) {
            Ok(_) => Ok(&self.cells),
            Err(error) => Err(Rejection::new(format!("the row cannot be read: {error}"))),
        }
    }
}

/// Gives one row at a time to the `csv` crate, each with a newline.
#[derive(Debug, Default)]
struct Feed {
    bytes: Vec<u8>,
    given: usize,
}

impl Feed {
    fn feed(&mut self, row: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(row);
        self.bytes.push(b'\n');
        self.given = 0;
    }
}

impl Read for Feed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.bytes.get(self.given..).unwrap_or_default();
        let read = rest.read(into)?;
        self.given = self.given.saturating_add(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(text: &[u8], step: usize) -> Vec<Piece> {
        let mut buffer = Buffer::of_test(text, step);
        std::iter::from_fn(|| next_row(&mut buffer, b',')).collect()
    }

    fn rows(text: &str, step: usize) -> Vec<(u64, Vec<String>)> {
        let mut cells = Cells::new(b',');
        let pieces = pieces(text.as_bytes(), step).into_iter();
        pieces
            .map(|piece| {
                let row = cells.of(&piece.bytes).unwrap();
                (piece.line, row.iter().map(str::to_owned).collect())
            })
            .collect()
    }

    proptest! {
        #[test]
        fn rows_are_those_of_the_csv_crate(
            rows_of_cells in prop::collection::vec(
                prop::collection::vec("[a\",;가\r\n ]{0,6}", 2..4), 0..6,
            ),
            step in 1..30_usize,
        ) {
            let mut text = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows_of_cells {
                text.write_record(row).unwrap();
            }
            let text = String::from_utf8(text.into_inner().unwrap()).unwrap();
            let found: Vec<Vec<String>> =
                rows(&text, step).into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(found, rows_of_cells);
        }

        #[test]
        fn odd_tables_are_split_as_the_csv_crate_does(
            text in "[a\",\r\n]{0,40}", step in 1..30_usize,
        ) {
            let found = pieces(text.as_bytes(), step);
            prop_assume!(found.iter().all(|piece| piece.fault.is_none()));
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = reader
                .records()
                .map(|row| row.unwrap().iter().map(str::to_owned).collect())
                .collect();
            let found: Vec<Vec<String>> =
                rows(&text, step).into_iter().map(|(_, cells)| cells).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn rows_know_their_line() {
        let text = "a,b\r\n\r\n\"x\ny\",\"1 \"\"2\"\"\"\nlast,row";
        for step in [1, 3, 100] {
            let found = rows(text, step);
            let lines: Vec<u64> = found.iter().map(|(line, _)| *line).collect();
            assert_eq!(lines, [1, 3, 5]);
            assert_eq!(found[1].1, ["x\ny", "1 \"2\""]);
        }
        let of_returns = rows("a,b\rc,d\r", 1);
        assert_eq!(of_returns[1].0, 2);
    }

    #[test]
    fn unclosed_quote_costs_one_line() {
        let found = pieces(b"a,b\nc,\"d\ne,f\ng,h\n", 5);
        let lines: Vec<(u64, bool)> = found
            .iter()
            .map(|piece| (piece.line, piece.fault.is_some()))
            .collect();
        assert_eq!(lines, [(1, false), (2, true), (3, false), (4, false)]);
        assert_eq!(&found[1].bytes[..], b"c,\"d");
    }

    #[test]
    fn unclosed_quote_before_much_text_costs_one_line() {
        let many = format!("e,{}\n", "f".repeat(1_000)).repeat(1_500);
        let found = pieces(format!("c,\"d\n{many}").as_bytes(), 60_000);
        assert_eq!(found.len(), 1_501);
        assert_eq!(
            found.iter().filter(|piece| piece.fault.is_some()).count(),
            1
        );
    }

    #[test]
    fn row_over_the_limit_is_rejected_and_the_next_one_read() {
        let text = format!("a,\"{}\"\nb,c\n", "x".repeat(MAX_RECORD_BYTES));
        let found = pieces(text.as_bytes(), 60_000);
        let reason = &found[0].fault.as_ref().unwrap().reason;
        assert!(reason.contains("at most 1048576"), "{reason}");
        assert_eq!(&found[1].bytes[..], b"b,c");
    }

    #[test]
    fn delimiter_is_the_most_frequent_outside_of_quotes() {
        for (header, delimiter) in [
            ("a,b;c,d\n;;;;", b','),
            ("\"a,b,c\";d;e\n", b';'),
            ("a\tb\tc,d", b'\t'),
            ("a|b|c\n", b'|'),
            ("text\n", b','),
            ("a;b,c\n", b','),
        ] {
            let mut buffer = Buffer::of_test(header.as_bytes(), 3);
            assert_eq!(delimiter_of_header(&mut buffer), delimiter, "{header:?}");
        }
    }
}
