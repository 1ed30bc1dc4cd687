//! Tables: maps the rows of a CSV file to posts, by the columns of its header.

use bytes::Bytes;
use csv::StringRecord;
use encoding_rs::{Encoding, UTF_8};
use sha2::{Digest, Sha256};

use super::buffer::Buffer;
use super::checked;
use super::columns::{Columns, Field};
use super::piece::Piece;
use super::rows::{Cells, delimiter_of_header, next_row};
use super::times;
use super::{FileError, FileOptions};
use crate::events::json::{MAX_HANDLE_CODE_POINTS, MAX_METRIC, MAX_TEXT_CODE_POINTS};
use crate::events::{Author, Clock, Timestamp, TweetMetrics, TweetPosted};
use crate::sources::x::mapping::{cut, language};
use crate::sources::{Mapped, Rejection, SourceRecord};

/// The source of rows if none is given.
const DEFAULT_SOURCE: &str = "file";
/// The number of hex digits of an id that is made from the content of a row.
const HASH_DIGITS: usize = 32;
/// A spreadsheet keeps the first 15 digits of a number.
const KEPT_DIGITS: usize = 15;

/// A table whose header has been read.
#[derive(Debug)]
pub(super) struct Table {
    file: String,
    encoding: &'static Encoding,
    delimiter: u8,
    /// The header as written, with its newline. It stands before a row in the rejected log, so that
    /// the row can be read again.
    header: Vec<u8>,
    columns: Columns,
    cells: Cells,
    mapping: RowMapping,
}

/// What rows are mapped with.
#[derive(Debug)]
struct RowMapping {
    source: String,
    zone_millis: i64,
    clock: Clock,
}

impl Table {
    /// Reads the header. `None` when the file has no rows at all.
    ///
    /// # Errors
    /// [`FileError::Usage`] when the header lacks a column, or is not text of the encoding.
    pub(super) fn open(
        buffer: &mut Buffer,
        options: &FileOptions,
        encoding: &'static Encoding,
        file: &str,
        clock: Clock,
    ) -> Result<Option<Self>, FileError> {
        let named = delimiter_line(buffer);
        let delimiter = options
            .delimiter
            .or(named)
            .unwrap_or_else(|| delimiter_of_header(buffer));
        let Some(header) = next_row(buffer, delimiter) else {
            return Ok(None);
        };
        if memchr::memchr(0, &header.bytes).is_some() {
            return Err(FileError::Usage(format!(
                "{file} is not UTF-8: its header has zero bytes; name its encoding, such as \
                --encoding utf-16le"
            )));
        }
        let mut cells = Cells::new(delimiter);
        check_text(&header, encoding, file)?;
        let names = cells
            .of(&header.bytes)
            .map_err(|rejection| FileError::Usage(format!("{file}: {rejection}")))?;
        let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
        let columns = Columns::find(&names, &options.columns, file)?;
        Ok(Some(Self {
            file: file.to_owned(),
            encoding,
            delimiter,
            header: [&header.bytes[..], b"\n"].concat(),
            columns,
            cells,
            mapping: RowMapping {
                source: options.source_or(DEFAULT_SOURCE).to_owned(),
                zone_millis: options.zone_millis,
                clock,
            },
        }))
    }

    /// The next row, with its line; `None` at the end.
    ///
    /// # Errors
    /// [`FileError::Usage`] when the row is not text of the encoding.
    pub(super) fn next(
        &mut self,
        buffer: &mut Buffer,
    ) -> Result<Option<(u64, SourceRecord)>, FileError> {
        let Some(piece) = next_row(buffer, self.delimiter) else {
            return Ok(None);
        };
        let raw = [&self.header[..], &piece.bytes].concat();
        let content = match piece.fault {
            Some(fault) => Err(fault),
            None => {
                check_text(&piece, self.encoding, &self.file)?;
                let cells = self.cells.of(&piece.bytes);
                cells.and_then(|cells| self.mapping.map(cells, &self.columns))
            }
        };
        let record = SourceRecord {
            content,
            raw: Bytes::from(raw),
            cursor: None,
        };
        Ok(Some((piece.line, record)))
    }
}

/// Reads a line `sep=;`, which some spreadsheets write before the header.
fn delimiter_line(buffer: &mut Buffer) -> Option<u8> {
    let ahead = buffer.ahead(7);
    let rest = ahead.strip_prefix(b"sep=")?;
    let (delimiter, end) = rest.split_first()?;
    let newline = match end {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => return None,
    };
    let delimiter = *delimiter;
    buffer.consume(b"sep=".len().saturating_add(1).saturating_add(newline));
    Some(delimiter)
}

/// Checks that a row is text of the file's encoding.
///
/// # Errors
/// [`FileError::Usage`] names the line and `--encoding`.
pub(super) fn check_text(
    row: &Piece,
    encoding: &'static Encoding,
    file: &str,
) -> Result<(), FileError> {
    if std::str::from_utf8(&row.bytes).is_ok() {
        return Ok(());
    }
    Err(not_of_encoding(encoding, file, row.line))
}

/// The error for a table whose bytes are not text of its encoding.
pub(super) fn not_of_encoding(encoding: &'static Encoding, file: &str, line: u64) -> FileError {
    let name = if encoding == UTF_8 {
        "UTF-8"
    } else {
        encoding.name()
    };
    FileError::Usage(format!(
        "{file} is not {name}: line {line} has bytes that belong to no character; name its \
        encoding, such as --encoding cp949 (Korean spreadsheets) or --encoding windows-1252"
    ))
}

impl RowMapping {
    fn map(&self, cells: &StringRecord, columns: &Columns) -> Result<Mapped, Rejection> {
        if cells.len() != columns.width() {
            return Err(Rejection::new(format!(
                "the row has {} cells, and the header {}",
                cells.len(),
                columns.width()
            )));
        }
        let cell = |field| {
            let place = columns.place(field);
            place.and_then(|place| cells.get(place)).unwrap_or_default()
        };
        let filled = |field| Some(cell(field).trim()).filter(|text| !text.is_empty());
        let given = filled(Field::Id).map(whole_id).transpose()?;
        let at = times::parse(cell(Field::At), self.zone_millis)?;
        let handle = cell(Field::Handle).trim();
        let handle = handle.strip_prefix('@').unwrap_or(handle);
        if handle.is_empty() {
            return Err(Rejection::new("the row names no author"));
        }
        let text = cell(Field::Text);
        let id = given.map_or_else(|| self.made_id(handle, at, text), str::to_owned);
        let count = |field| count(filled(field).unwrap_or("0"));
        let tweet = TweetPosted {
            id: checked::tweet_id(&id, &self.source)?,
            at,
            source: Some(self.source.clone()),
            author: Author {
                handle: cut(handle.to_owned(), MAX_HANDLE_CODE_POINTS),
                name: filled(Field::Name).map(str::to_owned),
                followers: None,
            },
            text: cut(text.to_owned(), MAX_TEXT_CODE_POINTS),
            lang: filled(Field::Lang).and_then(language).map(str::to_owned),
            url: filled(Field::Url).map(str::to_owned),
            reply_to: None,
            repost_of: None,
            metrics: TweetMetrics {
                likes: count(Field::Likes)?,
                reposts: count(Field::Reposts)?,
                replies: count(Field::Replies)?,
                quotes: count(Field::Quotes)?,
            },
        };
        checked::post(tweet, self.clock.now())
    }

    /// The id of a row that has none: a hash of its author, time and text, so that the same row has
    /// the same id in every run.
    fn made_id(&self, handle: &str, at: Timestamp, text: &str) -> String {
        let content = format!("{handle}\n{at}\n{text}");
        let digest = Sha256::digest(content.as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let digits = hex.get(..HASH_DIGITS).unwrap_or(&hex);
        format!("{}:h:{digits}", self.source)
    }
}

/// An id, unless a spreadsheet rounded it.
fn whole_id(id: &str) -> Result<&str, Rejection> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_decimal = |text: &str| match text.split_once(['.', ',']) {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(text),
    };
    let has_exponent = id.split_once(['e', 'E']).is_some_and(|(number, exponent)| {
        is_decimal(number) && is_digits(exponent.strip_prefix('+').unwrap_or(exponent))
    });
    let is_long_decimal = id.split_once('.').is_some_and(|(whole, fraction)| {
        is_digits(whole) && is_digits(fraction) && whole.len() > KEPT_DIGITS
    });
    if !has_exponent && !is_long_decimal {
        return Ok(id);
    }
    let shown: String = id.chars().take(64).collect();
    Err(Rejection::new(format!(
        "the id {shown} was destroyed by a spreadsheet, which keeps {KEPT_DIGITS} digits of a \
        number; its last digits are lost. Export the file again with the ids as text, or leave the \
        column out with --map"
    )))
}

/// A whole number in a cell; some exporters write it with `.0`.
fn count(text: &str) -> Result<u64, Rejection> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    let number = whole.parse().ok().filter(|number| *number <= MAX_METRIC);
    number.ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Rejection::new(format!(
            "{shown:?} is no number of reactions: a whole number from 0 to {MAX_METRIC}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_ids_are_rejected_and_others_stay() {
        for id in [
            "1.59E+18",
            "1,59E+18",
            "1.59e18",
            "2E+18",
            "1590000000000000000.0",
        ] {
            let reason = whole_id(id).unwrap_err().reason;
            assert!(reason.contains("destroyed by a spreadsheet"), "{reason}");
        }
        for id in [
            "1590000000000000001",
            "x:1E5",
            "abc",
            "1.5",
            "e5",
            "deadbeef",
        ] {
            assert_eq!(whole_id(id), Ok(id));
        }
    }

    #[test]
    fn counts_are_whole_numbers() {
        assert_eq!(count("12"), Ok(12));
        assert_eq!(count("12.0"), Ok(12));
        for text in ["-1", "1.5", "many", "9007199254740992", "1,234"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
