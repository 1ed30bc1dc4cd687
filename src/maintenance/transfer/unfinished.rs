//! Recognizes an unfinished export in a file.
//!
//! An unfinished export is continued after its last complete line, or, when it is compressed, after
//! its last complete zstd frame (a frame holds complete lines). The rest is removed, so it must be
//! the torn end of an export: any other file is left unchanged. The file may have any length and
//! content, so at most one line or frame is in memory.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use super::export::{BLOCK_BYTES, Compression};
use super::ndjson::{Closing, Digests, Header, MAX_LINE_BYTES, sequence_of};
use crate::events::Incarnation;
use crate::maintenance::TransferError;

/// Maximum size of a frame of an export, in bytes: a block, and the line that filled it.
const MAX_FRAME_BYTES: usize = BLOCK_BYTES + MAX_LINE_BYTES;
/// The first bytes of every zstd frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// An unfinished export, or an empty file.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// Length of the complete lines or frames, in bytes.
    pub(crate) bytes: u64,
    /// Whether the first line was read.
    pub(super) has_header: bool,
    /// The digest of the lines.
    pub(super) digests: Digests,
}

impl Unfinished {
    /// Reads a file that may hold an unfinished export of the journal with this incarnation.
    ///
    /// # Errors
    /// [`TransferError::Complete`], [`TransferError::OtherJournal`], [`TransferError::Line`] when
    /// the file is something else, or [`TransferError::File`].
    pub(crate) fn read(
        file: &File,
        path: &Path,
        compression: Compression,
        incarnation: Incarnation,
    ) -> Result<Self, TransferError> {
        let mut reading = Reading {
            found: Self::default(),
            path,
            incarnation,
        };
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        if compression == Compression::Zstd {
            let mut start = Vec::new();
            let magic = u64::try_from(ZSTD_MAGIC.len()).unwrap_or_default();
            reader
                .by_ref()
                .take(magic)
                .read_to_end(&mut start)
                .and_then(|_| reader.rewind())
                .map_err(TransferError::file("read", path))?;
            if !ZSTD_MAGIC.starts_with(&start) {
                return Err(reading.foreign("it is not compressed with zstd"));
            }
        }
        let mut block = Vec::new();
        loop {
            block.clear();
            let is_whole = match compression {
                Compression::None => read_line(&mut reader, &mut block),
                Compression::Zstd => read_frame(&mut reader, &mut block),
            };
            match is_whole.map_err(TransferError::file("read", path))? {
                Block::Whole => reading.take(&block)?,
                Block::Torn => break,
                Block::Foreign(what) => return Err(reading.foreign(what)),
            }
            reading.found.bytes = reader
                .stream_position()
                .map_err(TransferError::file("read", path))?;
        }
        if !reading.found.has_header && !is_beginning(&block, incarnation) {
            return Err(reading.foreign("it is not an unfinished export of this journal"));
        }
        Ok(reading.found)
    }
}

struct Reading<'p> {
    found: Unfinished,
    path: &'p Path,
    incarnation: Incarnation,
}

impl Reading<'_> {
    /// Adds complete lines.
    fn take(&mut self, block: &[u8]) -> Result<(), TransferError> {
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            let number = self.number();
            let wrong = |what| TransferError::line(self.path, number, what);
            let digests = &mut self.found.digests;
            if !self.found.has_header {
                let header = Header::parse(line).map_err(wrong)?;
                if header.incarnation().map_err(wrong)? != self.incarnation {
                    return Err(TransferError::OtherJournal {
                        path: self.path.into(),
                    });
                }
                self.found.has_header = true;
                digests.header(line);
            } else if Closing::parse(line).is_some() {
                return Err(TransferError::Complete {
                    path: self.path.into(),
                });
            } else {
                let sequence = sequence_of(line).map_err(wrong)?;
                if sequence <= digests.last {
                    return Err(wrong(format!(
                        "sequence {sequence} follows {}",
                        digests.last
                    )));
                }
                digests.record(line);
                digests.last = sequence;
            }
        }
        Ok(())
    }

    /// The number of the next line, from 1.
    fn number(&self) -> u64 {
        let header = u64::from(self.found.has_header);
        self.found
            .digests
            .count
            .saturating_add(header)
            .saturating_add(1)
    }

    fn foreign(&self, what: &str) -> TransferError {
        TransferError::line(
            self.path,
            self.number(),
            format!("{what}; choose another file, or remove it first"),
        )
    }
}

/// The next part of a file.
enum Block {
    /// A whole line or frame.
    Whole,
    /// The end of the file. The bytes of an incomplete line or frame before it, if any, were read.
    Torn,
    /// Bytes that cannot be part of an export.
    Foreign(&'static str),
}

fn read_line<R: BufRead>(reader: &mut R, line: &mut Vec<u8>) -> std::io::Result<Block> {
    let max = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    reader.take(max).read_until(b'\n', line)?;
    Ok(if line.ends_with(b"\n") {
        Block::Whole
    } else if line.len() < MAX_LINE_BYTES {
        Block::Torn
    } else {
        Block::Foreign("it is longer than any line of an export")
    })
}

fn read_frame<R: BufRead>(reader: &mut R, lines: &mut Vec<u8>) -> std::io::Result<Block> {
    if reader.fill_buf()?.is_empty() {
        return Ok(Block::Torn);
    }
    let max = u64::try_from(MAX_FRAME_BYTES).unwrap_or(u64::MAX);
    let decoder = zstd::stream::read::Decoder::with_buffer(reader)?.single_frame();
    let read = decoder.take(max.saturating_add(1)).read_to_end(lines);
    Ok(match read {
        Ok(_) if lines.len() > MAX_FRAME_BYTES => {
            Block::Foreign("one of its frames is larger than any frame of an export")
        }
        Ok(_) if lines.ends_with(b"\n") => Block::Whole,
        Ok(_) => Block::Foreign("one of its frames does not hold complete lines"),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Block::Torn,
        Err(_) => Block::Foreign("it is damaged, or not compressed with zstd"),
    })
}

/// True when an export of this journal may begin with these bytes: a part of its first line, or
/// that line and more.
fn is_beginning(torn: &[u8], incarnation: Incarnation) -> bool {
    if let Some(end) = memchr::memchr(b'\n', torn) {
        let line = torn.get(..end).unwrap_or_default();
        return Header::parse(line).and_then(|header| header.incarnation()) == Ok(incarnation);
    }
    let before = Header::before_first(incarnation);
    match torn.split_at_checked(before.len()) {
        None => before.as_bytes().starts_with(torn),
        Some((start, behind)) => start == before.as_bytes() && behind.len() < MAX_HEADER_REST,
    }
}

/// The first line has fewer bytes than this from the value of `first` on: two numbers, and the name
/// of the second.
const MAX_HEADER_REST: usize = 64;
