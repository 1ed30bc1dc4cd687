//! Reads rejected records again, as they stand in the rejected log.

use std::io::{Cursor, Read};

use bytes::Bytes;

use super::account;
use super::input::decompressed;
use super::json::{Family, JsonRecords};
use super::piece::Piece;
use super::{FileError, FileFormat, FileInput, FileOptions, FileReader};
use crate::events::Clock;
use crate::sources::SourceRecord;

/// Maps the raw bytes of a record of a file again, with the options of that file. A row of a table
/// has its header before it. A tweet of an archive gets the author of the options.
///
/// # Errors
/// [`FileError::Usage`] when the header of a row needs another option.
pub fn read_again(
    raw: &Bytes,
    options: &FileOptions,
    clock: &Clock,
) -> Result<Vec<SourceRecord>, FileError> {
    let family = match options.format {
        FileFormat::Csv => return rows(raw, options, clock),
        FileFormat::Auto if is_row(raw) => return rows(raw, options, clock),
        FileFormat::Auto => Family::Any,
        FileFormat::Native => Family::Native,
        FileFormat::Twarc | FileFormat::Archive => Family::Tweets,
    };
    let json = JsonRecords {
        family,
        source: options.source.clone(),
        author: account::given(options),
        clock: clock.clone(),
    };
    let piece = Piece {
        line: 1,
        bytes: raw.clone(),
        fault: None,
    };
    Ok(json.of(piece))
}

/// A record in JSON begins as an object, or is in one line.
fn is_row(raw: &[u8]) -> bool {
    !raw.trim_ascii_start().starts_with(b"{") && memchr::memchr(b'\n', raw).is_some()
}

fn rows(raw: &Bytes, options: &FileOptions, clock: &Clock) -> Result<Vec<SourceRecord>, FileError> {
    let options = FileOptions {
        format: FileFormat::Csv,
        // The log has the record in UTF-8.
        encoding: None,
        ..options.clone()
    };
    let bytes: Box<dyn Read + Send> = Box::new(Cursor::new(raw.clone()));
    let opened = decompressed(bytes).map_err(|error| FileError::Unreadable {
        file: "a rejected record".to_owned(),
        error,
    })?;
    let mut reader = FileReader::of(&FileInput::Stdin, None, opened, &options, clock)?;
    let mut records = Vec::new();
    while let Some(next) = reader.next_record() {
        records.push(next?.record);
    }
    Ok(records)
}
