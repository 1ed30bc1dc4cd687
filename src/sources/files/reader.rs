//! Reads the records of one file in order.

use std::collections::VecDeque;
use std::sync::Arc;

use encoding_rs::Encoding;

use super::account;
use super::array::ArrayElements;
use super::buffer::{Buffer, End};
use super::input::{Opened, Progress};
use super::json::{Family, JsonRecords};
use super::lines::next_line;
use super::piece::MAX_RECORD_BYTES;
use super::table::{self, Table};
use super::text::decoded;
use super::{FileError, FileFormat, FileIdentity, FileInput, FileOptions};
use crate::events::Clock;
use crate::sources::SourceRecord;

/// How much of a table is checked for its encoding before its first record is given out, in bytes.
const CHECKED_BYTES: usize = MAX_RECORD_BYTES;
/// How many blanks before the first record are looked past, in bytes.
const MAX_TABS: usize = 64;

/// A record of a file.
#[derive(Debug, Clone)]
pub struct FileRecord {
    /// The number of the record in the file, from 1.
    pub number: u64,
    /// The line in which the record begins, from 1.
    pub line: u64,
    /// The record with its meaning, or the reason why it has none.
    pub record: SourceRecord,
}

/// Reads a file. It blocks; a server runs it on a thread of its own.
pub struct FileReader {
    file: String,
    identity: Option<FileIdentity>,
    progress: Arc<Progress>,
    buffer: Buffer,
    pieces: Pieces,
    /// Records of the last page that were not given out.
    ready: VecDeque<SourceRecord>,
    line: u64,
    number: u64,
    has_ended: bool,
}

/// How the text is taken apart.
enum Pieces {
    Lines(JsonRecords),
    Elements(ArrayElements, JsonRecords),
    Rows(Box<Table>),
    /// The file is empty.
    None,
}

impl FileReader {
    /// Opens a file, finds its format, and reads what stands before the first record.
    ///
    /// # Errors
    /// [`FileError::Usage`] when the file needs another argument, [`FileError::Unreadable`].
    pub fn open(
        input: &FileInput,
        options: &FileOptions,
        clock: &Clock,
    ) -> Result<Self, FileError> {
        let identity = input.identity()?;
        let opened = input.open()?;
        Self::of(input, identity, opened, options, clock)
    }

    /// Reads bytes that were opened.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub(super) fn of(
        input: &FileInput,
        identity: Option<FileIdentity>,
        opened: Opened,
        options: &FileOptions,
        clock: &Clock,
    ) -> Result<Self, FileError> {
        let file = input.name();
        let text = decoded(opened.bytes, options.encoding);
        let (mut buffer, encoding) = match text {
            Ok(text) => (Buffer::new(text.bytes), text.encoding),
            Err(error) => return Err(failure(&file, &opened.progress, error, 1)),
        };
        let opening = Opening {
            input,
            file: &file,
            options,
            encoding,
            is_regular: identity.is_some(),
            clock,
        };
        let pieces = opening.pieces(&mut buffer)?;
        Ok(Self {
            file,
            identity,
            progress: opened.progress,
            buffer,
            pieces,
            ready: VecDeque::new(),
            line: 0,
            number: 0,
            has_ended: false,
        })
    }

    /// The next record; `None` at the end. After an error nothing follows.
    ///
    /// The error is [`FileError::Torn`] or [`FileError::Unreadable`] when the file ends too early,
    /// and [`FileError::Usage`] when a row of a table is not text of the encoding.
    pub fn next_record(&mut self) -> Option<Result<FileRecord, FileError>> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                self.number = self.number.saturating_add(1);
                return Some(Ok(FileRecord {
                    number: self.number,
                    line: self.line,
                    record,
                }));
            }
            if self.has_ended {
                return None;
            }
            match self.next_piece() {
                Ok(true) => {}
                Ok(false) => {
                    self.has_ended = true;
                    let line = self.buffer.line();
                    if let Some(End::Failed(error)) = self.buffer.take_end() {
                        return Some(Err(failure(&self.file, &self.progress, error, line)));
                    }
                }
                Err(error) => {
                    self.has_ended = true;
                    return Some(Err(error));
                }
            }
        }
    }

    /// Reads the records of the next piece. Returns false at the end.
    fn next_piece(&mut self) -> Result<bool, FileError> {
        let buffer = &mut self.buffer;
        let (line, records) = match &mut self.pieces {
            Pieces::Lines(json) => match next_line(buffer) {
                Some(piece) => (piece.line, json.of(piece)),
                None => return Ok(false),
            },
            Pieces::Elements(elements, json) => match elements.next(buffer) {
                Some(piece) => (piece.line, json.of(piece)),
                None => return Ok(false),
            },
            Pieces::Rows(table) => match table.next(buffer)? {
                Some((line, record)) => (line, vec![record]),
                None => return Ok(false),
            },
            Pieces::None => return Ok(false),
        };
        self.line = line;
        self.ready.extend(records);
        Ok(true)
    }

    /// Reads through the record before this number, so that the record with the number is the next
    /// one. The records are read and dropped.
    ///
    /// # Errors
    /// Those of [`Self::next_record`].
    pub fn skip_to(&mut self, number: u64) -> Result<(), FileError> {
        while self.number.saturating_add(1) < number {
            match self.next_record() {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The name of the file for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The identity of a regular file; `None` for the standard input, pipes and devices.
    pub fn identity(&self) -> Option<&FileIdentity> {
        self.identity.as_ref()
    }

    /// The number of bytes that were read of the file, before decompression.
    pub fn bytes_read(&self) -> u64 {
        self.progress.bytes()
    }
}

fn failure(file: &str, progress: &Progress, error: std::io::Error, line: u64) -> FileError {
    let file = file.to_owned();
    if progress.has_failed() {
        return FileError::Unreadable { file, error };
    }
    FileError::Torn {
        file,
        problem: error.to_string(),
        line,
    }
}

/// What the way to read a file depends on.
struct Opening<'a> {
    input: &'a FileInput,
    file: &'a str,
    options: &'a FileOptions,
    encoding: &'static Encoding,
    /// A pipe is not read ahead, since more may come late.
    is_regular: bool,
    clock: &'a Clock,
}

impl Opening<'_> {
    /// Finds the format by the first record.
    fn pieces(&self, buffer: &mut Buffer) -> Result<Pieces, FileError> {
        let Some(first) = first_byte(buffer) else {
            return Ok(Pieces::None);
        };
        let is_archive = first == b'w'
            && buffer
                .ahead(account::LABEL.len())
                .starts_with(account::LABEL);
        let family = match self.options.format {
            FileFormat::Csv => return self.table(buffer),
            FileFormat::Archive => return self.archive(buffer, first, is_archive),
            FileFormat::Auto if is_archive => return self.archive(buffer, first, true),
            FileFormat::Auto if !matches!(first, b'{' | b'[') => return self.table(buffer),
            FileFormat::Auto => Family::Any,
            FileFormat::Native => Family::Native,
            FileFormat::Twarc => Family::Tweets,
        };
        let json = self.json(family, account::given(self.options));
        Ok(match first {
            b'[' => Pieces::Elements(ArrayElements::default(), json),
            _ => Pieces::Lines(json),
        })
    }

    fn archive(
        &self,
        buffer: &mut Buffer,
        first: u8,
        is_labelled: bool,
    ) -> Result<Pieces, FileError> {
        if is_labelled {
            account::check_label(buffer, self.file)?;
        } else if first != b'[' {
            return Err(FileError::Usage(format!(
                "{} is no file of an X archive: it does not begin with window.YTD.tweets",
                self.file
            )));
        }
        let author = account::author(self.input, self.options)?;
        let json = self.json(Family::Tweets, Some(author));
        Ok(Pieces::Elements(ArrayElements::default(), json))
    }

    fn json(&self, family: Family, author: Option<super::v1::ArchiveAuthor>) -> JsonRecords {
        JsonRecords {
            family,
            source: self.options.source.clone(),
            author,
            clock: self.clock.clone(),
        }
    }

    fn table(&self, buffer: &mut Buffer) -> Result<Pieces, FileError> {
        if self.is_regular {
            self.check_encoding(buffer)?;
        }
        let table = Table::open(
            buffer,
            self.options,
            self.encoding,
            self.file,
            self.clock.clone(),
        )?;
        Ok(table.map_or(Pieces::None, |table| Pieces::Rows(Box::new(table))))
    }

    /// Checks the first part of a table, so that a wrong encoding is found before a row is given
    /// out.
    fn check_encoding(&self, buffer: &mut Buffer) -> Result<(), FileError> {
        let line = buffer.line();
        let ahead = buffer.ahead(CHECKED_BYTES);
        match std::str::from_utf8(ahead) {
            // A character can be cut by the end of the part.
            Err(error) if error.error_len().is_some() => {
                let before = ahead.get(..error.valid_up_to()).unwrap_or_default();
                let lines = memchr::memchr_iter(b'\n', before).count();
                let line = line.saturating_add(u64::try_from(lines).unwrap_or(0));
                Err(table::not_of_encoding(self.encoding, self.file, line))
            }
            _ => Ok(()),
        }
    }
}

/// Consumes blank lines, and returns the first byte behind them; `None` when there is none. A tab
/// can be a delimiter, so it is not consumed.
fn first_byte(buffer: &mut Buffer) -> Option<u8> {
    let first = loop {
        let chunk = buffer.chunk();
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\r' | b'\n');
        let count = chunk.iter().take_while(is_blank).count();
        let first = chunk.get(count).copied();
        let is_end = chunk.is_empty();
        buffer.consume(count);
        if is_end {
            return None;
        }
        if let Some(first) = first {
            break first;
        }
    };
    if first != b'\t' {
        return Some(first);
    }
    let ahead = buffer.ahead(MAX_TABS).iter();
    let visible = ahead.copied().find(|byte| !byte.is_ascii_whitespace());
    visible.or(Some(first))
}
