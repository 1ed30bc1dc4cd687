//! Writes a journal as lines; [`import`](mod@super::import) makes a journal from them.
//!
//! A plain file shows how far its export has come and whether it is complete, so that an unfinished
//! export is continued at its end ([`unfinished`](super::unfinished)). Pipes and devices are
//! written directly. Memory holds one block of lines.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::import::sync_parent;
use super::ndjson::{Digests, Header, write_line, write_record};
use super::unfinished::Unfinished;
use crate::events::{Envelope, Incarnation, NORMAL_FORM_VERSION, Sequence};
use crate::journal::{Journal, JournalError, Selection};
use crate::journal::{Salvage, Salvaged};
use crate::maintenance::TransferError;

/// Size of the lines that are compressed and written at once, in bytes.
pub(crate) const BLOCK_BYTES: usize = 4 * 1024 * 1024;
/// The default level of zstd. Lines become little smaller with higher levels.
const ZSTD_LEVEL: i32 = 3;

/// The compression of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Uncompressed.
    None,
    /// As zstd frames.
    Zstd,
}

impl Compression {
    /// The compression for a file name: zstd if it ends in `.zst`.
    pub fn of(file: &Path) -> Self {
        match file.extension() {
            Some(extension) if extension == "zst" => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// A complete export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Number of records in the export.
    pub records: u64,
    /// The sequence of the last record.
    pub last: Sequence,
    /// BLAKE3 of all but the last line, in hex.
    pub digest: String,
    /// BLAKE3 of the records' lines, in hex: equal for journals of equal records.
    pub records_digest: String,
    /// Number of payloads that this attempt shortened, because they are too long for any event.
    pub cut: u64,
}

/// The progress of an export or an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportProgress {
    /// Number of processed records, including those of an earlier attempt.
    pub records: u64,
    /// The position through which the journal was read (export) or written (import).
    pub through: Sequence,
    /// The position at which the export or import ends, if it is known.
    pub end: Option<Sequence>,
}

/// An unfinished export. All methods block on the file.
pub struct Exporter {
    path: PathBuf,
    out: Box<dyn Write + Send>,
    /// The plain file, which is synced at the end; `None` for a stream.
    file: Option<File>,
    compression: Compression,
    incarnation: Incarnation,
    /// The version of the normal form of the journal's tokens.
    normal_form: u16,
    headed: bool,
    digests: Digests,
    cut: u64,
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
    /// Starts an export of the journal with this incarnation to a new file, or continues an
    /// unfinished export in a plain file. Any other plain file is left unchanged. A pipe or a
    /// device is written directly; opening a pipe waits for its reader.
    ///
    /// # Errors
    /// [`TransferError::Complete`] when the file is a complete export already,
    /// [`TransferError::OtherJournal`] when it is an export of another journal,
    /// [`TransferError::Line`] when it is something else, [`TransferError::Folder`], or
    /// [`TransferError::File`].
    pub fn to_file(
        path: &Path,
        compression: Compression,
        incarnation: Incarnation,
    ) -> Result<Self, TransferError> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(TransferError::Folder { path: path.into() }),
            Ok(found) if !found.is_file() => {
                let stream = OpenOptions::new()
                    .write(true)
                    .open(path)
                    .map_err(TransferError::file("open", path))?;
                Ok(Self::to_stream(
                    Box::new(stream),
                    path,
                    compression,
                    incarnation,
                ))
            }
            Ok(_) => Self::to_plain_file(path, compression, incarnation),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Self::to_plain_file(path, compression, incarnation)
            }
            Err(error) => Err(TransferError::file("open", path)(error)),
        }
    }

    fn to_plain_file(
        path: &Path,
        compression: Compression,
        incarnation: Incarnation,
    ) -> Result<Self, TransferError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(TransferError::file("open", path))?;
        let found = Unfinished::read(&file, path, compression, incarnation)?;
        let out = file
            .set_len(found.bytes)
            .and_then(|()| file.seek(SeekFrom::Start(found.bytes)))
            .and_then(|_| file.try_clone())
            .map_err(TransferError::file("write to", path))?;
        Ok(Self {
            file: Some(file),
            headed: found.has_header,
            digests: found.digests,
            ..Self::to_stream(Box::new(out), path, compression, incarnation)
        })
    }

    /// Starts an export to a stream, such as standard output, which cannot be resumed. `name` is
    /// its name in errors.
    pub fn to_stream(
        out: Box<dyn Write + Send>,
        name: &Path,
        compression: Compression,
        incarnation: Incarnation,
    ) -> Self {
        Self {
            path: name.into(),
            out,
            file: None,
            compression,
            incarnation,
            normal_form: NORMAL_FORM_VERSION,
            headed: false,
            digests: Digests::default(),
            cut: 0,
            block: Vec::new(),
        }
    }

    /// The sequence of the last record in the export.
    pub fn after(&self) -> Sequence {
        Sequence::new(self.digests.last)
    }

    /// Number of records in the export.
    pub fn records(&self) -> u64 {
        self.digests.count
    }

    /// Adds a record, whose sequence is after [`Self::after`].
    ///
    /// # Errors
    /// [`TransferError::File`].
    pub fn push(&mut self, envelope: &Envelope) -> Result<(), TransferError> {
        self.head(envelope.sequence)?;
        let start = self.block.len();
        let is_cut = write_record(envelope, &mut self.block)
            .map_err(TransferError::file("write to", &self.path))?;
        self.cut = self.cut.saturating_add(u64::from(is_cut));
        let line = self.block.get(start..).unwrap_or_default();
        self.digests.record(line);
        self.digests.last = envelope.sequence.get();
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the closing line, and makes the file durable.
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
            .map_err(TransferError::file("write to", &self.path))?;
        if let Some(file) = &self.file {
            file.sync_all()
                .map_err(TransferError::file("sync", &self.path))?;
            sync_parent(&self.path)?;
        }
        Ok(Exported {
            records: closing.records,
            last: Sequence::new(closing.last),
            digest: closing.digest,
            records_digest: closing.records_digest,
            cut: self.cut,
        })
    }

    /// Writes the first line if there is none.
    fn head(&mut self, first: Sequence) -> Result<(), TransferError> {
        if !self.headed {
            let header = Header::new(self.incarnation, first.get(), self.normal_form);
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

/// Exports all records through the current journal head. Blocks on the file between reads.
///
/// # Errors
/// [`TransferError::Journal`] if the journal cannot be read, or [`TransferError::File`]; the export
/// can be resumed.
pub async fn export(
    journal: &dyn Journal,
    mut exporter: Exporter,
    progress: &mut (dyn FnMut(ExportProgress) + Send),
) -> Result<Exported, TransferError> {
    const BATCH: usize = 4096;
    exporter.normal_form = journal.normal_form();
    let head = *journal.head().borrow();
    let mut through = exporter.after().max(journal.start().sequence);
    let mut reader = journal.read(through, Selection::All).await?;
    while through < head {
        let batch = reader.next(BATCH).await?;
        for envelope in &batch.envelopes {
            exporter.push(envelope)?;
        }
        through = batch.end;
        progress(ExportProgress {
            records: exporter.records(),
            through,
            end: Some(head.max(through)),
        });
    }
    exporter.finish()
}

/// Exports the undamaged records of a damaged embedded journal. `skipped` is called for each
/// damaged stretch.
///
/// # Errors
/// The errors of [`export`].
pub fn export_salvaged(
    salvage: Salvage,
    mut exporter: Exporter,
    skipped: &mut dyn FnMut(&JournalError),
    progress: &mut dyn FnMut(ExportProgress),
) -> Result<Exported, TransferError> {
    const EVERY: u64 = 4096;
    exporter.normal_form = salvage.normal_form();
    let after = exporter.after();
    for found in salvage {
        match found? {
            Salvaged::Damage(damage) => skipped(&damage),
            Salvaged::Record(envelope) if envelope.sequence > after => {
                exporter.push(&envelope)?;
                if exporter.records().is_multiple_of(EVERY) {
                    progress(ExportProgress {
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
