//! Writing a journal to a file of lines, from which [`import`](mod@super::import) makes a journal
//! again.
//!
//! The file says itself how far it has come, and whether it is whole, so that an export that was
//! cut short goes on where it ended: behind its last whole line, or, when it is compressed, behind
//! its last whole zstd frame (a frame holds whole lines).

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::embedded::{Salvage, Salvaged};
use super::ndjson::{Closing, Digests, Header, sequence_of, write_line, write_record};
use super::{Journal, JournalError, Selection, TransferError};
use crate::events::{Envelope, Incarnation, Sequence};

/// How many bytes of lines are written, and compressed, at once.
const BLOCK_BYTES: usize = 4 * 1024 * 1024;
/// zstd's own default: the point where more effort gains little.
const ZSTD_LEVEL: i32 = 3;

/// How the lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// As zstd frames.
    Zstd,
}

impl Compression {
    /// What a file's name asks for: zstd when it ends in `.zst`.
    pub fn of(file: &Path) -> Self {
        match file.extension() {
            Some(extension) if extension == "zst" => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// A whole export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// How many records it holds.
    pub records: u64,
    /// The last one's sequence.
    pub last: Sequence,
    /// BLAKE3 of all but the last line, in hex.
    pub digest: String,
    /// BLAKE3 of the records' lines, in hex: equal for journals of equal records.
    pub records_digest: String,
}

/// Where an export or an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many records are done, those of an earlier attempt included.
    pub records: u64,
    /// Through which position of the journal that is read (export) or written (import).
    pub through: Sequence,
    /// Where it ends, as far as is known.
    pub end: Option<Sequence>,
}

/// An export in the making. All methods block on the file.
pub struct Exporter {
    path: PathBuf,
    out: Box<dyn Write + Send>,
    /// To be synced at the end; not so with standard output.
    file: Option<File>,
    compression: Compression,
    incarnation: Incarnation,
    headed: bool,
    digests: Digests,
    block: Vec<u8>,
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter")
            .field("path", &self.path)
            .field("digests", &self.digests)
            .finish_non_exhaustive()
    }
}

impl Exporter {
    /// Begins an export of the journal with this incarnation, or goes on with one that was cut
    /// short.
    ///
    /// # Errors
    /// [`TransferError::Complete`] when the file is a whole export already,
    /// [`TransferError::OtherJournal`] when it is one of another journal,
    /// [`TransferError::Line`] when it is something else, or [`TransferError::File`].
    pub fn to_file(
        path: &Path,
        compression: Compression,
        incarnation: Incarnation,
    ) -> Result<Self, TransferError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(TransferError::file("open", path))?;
        let partial = Partial::read(&file, path, compression)?;
        if partial.complete {
            return Err(TransferError::Complete { path: path.into() });
        }
        if let Some(header) = &partial.header
            && header.incarnation() != Ok(incarnation)
        {
            return Err(TransferError::OtherJournal { path: path.into() });
        }
        let mut out = file
            .try_clone()
            .map_err(TransferError::file("open", path))?;
        file.set_len(partial.bytes)
            .and_then(|()| out.seek(std::io::SeekFrom::Start(partial.bytes)))
            .map_err(TransferError::file("write to", path))?;
        Ok(Self {
            path: path.into(),
            out: Box::new(out),
            file: Some(file),
            compression,
            incarnation,
            headed: partial.header.is_some(),
            digests: partial.digests,
            block: Vec::new(),
        })
    }

    /// Begins an export to something that can't be gone on with, such as standard output. `name`
    /// is what errors call it.
    pub fn to_stream(
        out: Box<dyn Write + Send>,
        name: &str,
        compression: Compression,
        incarnation: Incarnation,
    ) -> Self {
        Self {
            path: name.into(),
            out,
            file: None,
            compression,
            incarnation,
            headed: false,
            digests: Digests::default(),
            block: Vec::new(),
        }
    }

    /// The last record that is in it already.
    pub fn after(&self) -> Sequence {
        Sequence::new(self.digests.last)
    }

    /// How many records are in it.
    pub fn records(&self) -> u64 {
        self.digests.count
    }

    /// Adds a record, which comes behind [`Self::after`].
    ///
    /// # Errors
    /// [`TransferError::File`].
    pub fn push(&mut self, envelope: &Envelope) -> Result<(), TransferError> {
        self.head(envelope.sequence)?;
        let start = self.block.len();
        write_record(envelope, &mut self.block)
            .map_err(TransferError::file("write to", &self.path))?;
        self.digests
            .record(self.block.get(start..).unwrap_or_default());
        self.digests.last = envelope.sequence.get();
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the last line, and makes the file durable.
    ///
    /// # Errors
    /// [`TransferError::File`].
    pub fn finish(mut self) -> Result<Exported, TransferError> {
        self.head(Sequence::new(1))?;
        let closing = self.digests.closing();
        write_line(&closing, &mut self.block)
            .map_err(TransferError::file("write to", &self.path))?;
        self.flush()?;
        self.out
            .flush()
            .and_then(|()| self.file.as_ref().map_or(Ok(()), File::sync_all))
            .map_err(TransferError::file("sync", &self.path))?;
        Ok(Exported {
            records: closing.records,
            last: Sequence::new(closing.last),
            digest: closing.digest,
            records_digest: closing.records_digest,
        })
    }

    /// Writes the first line if there is none.
    fn head(&mut self, first: Sequence) -> Result<(), TransferError> {
        if !self.headed {
            let header = Header::new(self.incarnation, first.get());
            write_line(&header, &mut self.block)
                .map_err(TransferError::file("write to", &self.path))?;
            self.digests.header(&self.block);
            self.headed = true;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TransferError> {
        let written = match self.compression {
            Compression::None => self.out.write_all(&self.block),
            Compression::Zstd => compress(&self.block).and_then(|frame| self.out.write_all(&frame)),
        };
        written.map_err(TransferError::file("write to", &self.path))?;
        self.block.clear();
        Ok(())
    }
}

fn compress(block: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(block)
}

/// Exports all records through the journal's present head. Blocks on the file between reads.
///
/// # Errors
/// [`TransferError::Journal`] where the journal can't be read, or [`TransferError::File`]; what
/// was written can be gone on with.
pub async fn export(
    journal: &dyn Journal,
    mut exporter: Exporter,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Exported, TransferError> {
    const BATCH: usize = 4096;
    let head = *journal.head().borrow();
    let mut through = exporter.after();
    let mut reader = journal.read(through, Selection::All).await?;
    while through < head {
        let batch = reader.next(BATCH).await?;
        for envelope in &batch.envelopes {
            exporter.push(envelope)?;
        }
        through = batch.end;
        progress(Progress {
            records: exporter.records(),
            through,
            end: Some(head.max(through)),
        });
    }
    exporter.finish()
}

/// Exports what is left of a damaged embedded journal. `skipped` is told of each damage.
///
/// # Errors
/// As [`export`].
pub fn export_salvaged(
    salvage: Salvage,
    mut exporter: Exporter,
    skipped: &mut dyn FnMut(&JournalError),
    progress: &mut dyn FnMut(Progress),
) -> Result<Exported, TransferError> {
    const EVERY: u64 = 4096;
    let after = exporter.after();
    for found in salvage {
        match found? {
            Salvaged::Damage(damage) => skipped(&damage),
            Salvaged::Record(envelope) if envelope.sequence > after => {
                exporter.push(&envelope)?;
                if exporter.records().is_multiple_of(EVERY) {
                    progress(Progress {
                        records: exporter.records(),
                        through: envelope.sequence,
                        end: None,
                    });
                }
            }
            Salvaged::Record(_) => {}
        }
    }
    exporter.finish()
}

/// What an earlier attempt left in a file.
#[derive(Debug, Default)]
struct Partial {
    /// How much of the file is whole lines, or whole frames.
    bytes: u64,
    header: Option<Header>,
    digests: Digests,
    /// The last record's line.
    last_line: Vec<u8>,
    complete: bool,
}

impl Partial {
    fn read(file: &File, path: &Path, compression: Compression) -> Result<Self, TransferError> {
        let mut partial = Self::default();
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        let failed = || TransferError::file("read", path);
        let mut block = Vec::new();
        loop {
            block.clear();
            let whole = match compression {
                Compression::None => {
                    reader.read_until(b'\n', &mut block).map_err(failed())?;
                    block.ends_with(b"\n")
                }
                Compression::Zstd => read_frame(&mut reader, &mut block),
            };
            if !whole {
                break;
            }
            partial.take(&block, path)?;
            partial.bytes = reader.stream_position().map_err(failed())?;
        }
        if partial.digests.count > 0 {
            partial.digests.last = sequence_of(&partial.last_line)
                .map_err(|what| TransferError::line(path, partial.lines(), what))?;
        }
        Ok(partial)
    }

    const fn lines(&self) -> u64 {
        self.digests.count.saturating_add(1)
    }

    /// Takes whole lines.
    fn take(&mut self, block: &[u8], path: &Path) -> Result<(), TransferError> {
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            if self.header.is_none() {
                let header =
                    Header::parse(line).map_err(|what| TransferError::line(path, 1, what))?;
                self.header = Some(header);
                self.digests.header(line);
            } else if Closing::parse(line).is_some() {
                self.complete = true;
            } else {
                self.digests.record(line);
                self.last_line.clear();
                self.last_line.extend_from_slice(line);
            }
        }
        Ok(())
    }
}

/// Reads one zstd frame; false at the end, and when it is cut short.
fn read_frame<R: BufRead>(reader: &mut R, block: &mut Vec<u8>) -> bool {
    if !matches!(reader.fill_buf(), Ok(bytes) if !bytes.is_empty()) {
        return false;
    }
    let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(reader) else {
        return false;
    };
    decoder.single_frame().read_to_end(block).is_ok() && block.ends_with(b"\n")
}
