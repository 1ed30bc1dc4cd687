//! Makes a journal from an export.
//!
//! The journal has to be empty, or to hold the beginning of the same export: a resumed import
//! compares the records in the journal with the export, and continues after them. A small state
//! file beside the journal names the export until it is completely imported.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::carried::{CarriedKeyword, Carrier};
use super::export::ExportProgress;
use super::lines::ExportLines;
use super::ndjson::{Closing, Header, Parsed, parse_record};
use super::restore::LineChange;
use crate::events::{Envelope, Record, Sequence};
use crate::journal::tokens::Tokens;
use crate::journal::{Journal, JournalReader, Selection};
use crate::maintenance::TransferError;

/// Maximum number of records that are appended at once.
const BATCH_RECORDS: usize = 4096;
/// Maximum size of the lines of records that are appended at once, in bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// A finished import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Number of records in the export.
    pub records: u64,
    /// Number of them that an earlier attempt had imported.
    pub resumed: u64,
    /// The digest of the export.
    pub digest: String,
    /// The digest of its records' lines.
    pub records_digest: String,
    /// Numbers of records that differ from the export.
    pub changes: ImportChanges,
    /// Keywords whose normal form has changed since the export.
    pub carried: Vec<CarriedKeyword>,
}

/// Numbers of records that an import changed. It omits none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportChanges {
    /// Payloads that are too long for any event, and therefore rejected. They are shortened to one
    /// byte more than the maximum of an event.
    pub cut: u64,
    /// Events about keywords that were journaled with a wrong clock. They get the nearest allowed
    /// time.
    pub retimed: u64,
    /// Tweets with a time outside the allowed range. They are kept as rejected.
    pub rejected: u64,
}

impl ImportChanges {
    fn count(&mut self, change: LineChange) {
        let counter = match change {
            LineChange::Cut => &mut self.cut,
            LineChange::Retimed => &mut self.retimed,
            LineChange::Rejected => &mut self.rejected,
        };
        *counter = counter.saturating_add(1);
    }
}

/// The state file of an import into the journal in `dir`.
pub fn import_state(dir: &Path) -> PathBuf {
    dir.join("import.json")
}

/// True when an import into the journal in `dir` is unfinished.
pub fn import_unfinished(dir: &Path) -> bool {
    import_state(dir).exists()
}

/// Imports a plain file, with or without zstd compression. Reads the file twice, because the
/// closing digest is checked before anything is written. `state` is the state file, such as
/// [`import_state`]. Blocks on the file between appends.
///
/// # Errors
/// [`TransferError::CutShort`] when the file has no closing line: its records are in the journal,
/// and the import can be resumed with the whole file. [`TransferError::Digest`] when bytes were
/// changed: nothing was written. Otherwise any [`TransferError`]; the records before the error are
/// kept.
pub async fn import(
    journal: &dyn Journal,
    file: &Path,
    state: &Path,
    progress: &mut (dyn FnMut(ExportProgress) + Send),
) -> Result<Imported, TransferError> {
    let end = match check_export(file) {
        Ok(checked) => Some(Sequence::new(checked.records)),
        // The records before the cut are imported.
        Err(TransferError::CutShort { .. }) => None,
        Err(error) => return Err(error),
    };
    let lines = ExportLines::open(file)?;
    take_in(journal, lines, state, end, progress).await
}

/// Imports a stream, such as standard input or a pipe, with or without zstd compression. `name` is
/// its name in errors.
///
/// # Errors
/// The errors of [`import`], except that a wrong digest is found after everything is written:
/// [`TransferError::Spoiled`].
pub async fn import_stream(
    journal: &dyn Journal,
    stream: Box<dyn Read + Send>,
    name: &Path,
    state: &Path,
    progress: &mut (dyn FnMut(ExportProgress) + Send),
) -> Result<Imported, TransferError> {
    let lines = ExportLines::over(stream, name)?;
    match take_in(journal, lines, state, None, progress).await {
        Err(TransferError::Digest { path }) => Err(TransferError::Spoiled { path }),
        done => done,
    }
}

/// The content of an export file with a correct digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Number of records in the export.
    pub records: u64,
    /// The digest of the export.
    pub digest: String,
}

/// Checks the digest of an exported file. Blocks on the file.
///
/// # Errors
/// [`TransferError::CutShort`], [`TransferError::Digest`], [`TransferError::Line`] or
/// [`TransferError::File`].
pub fn check_export(file: &Path) -> Result<Checked, TransferError> {
    let mut lines = ExportLines::open(file)?;
    lines.header()?;
    while let Some(line) = lines.next()? {
        match Closing::parse(line) {
            Some(closing) => {
                lines.end(&closing)?;
                return Ok(Checked {
                    records: closing.records,
                    digest: closing.digest,
                });
            }
            None => lines.count(),
        }
    }
    Err(lines.cut_short())
}

async fn take_in(
    journal: &dyn Journal,
    mut lines: ExportLines,
    state: &Path,
    end: Option<Sequence>,
    progress: &mut (dyn FnMut(ExportProgress) + Send),
) -> Result<Imported, TransferError> {
    let header = lines.header()?;
    let resumed = journal.head().borrow().get();
    begin(state, &header, resumed, lines.path())?;
    let mut present = Present::of(journal).await?;
    let mut changes = ImportChanges::default();
    let mut carrier = Carrier::of(header.normal_form());
    let mut batch = ImportBatch::new(journal, progress, end);
    let closing = loop {
        let Some(line) = lines.next()? else {
            break None;
        };
        if let Some(closing) = Closing::parse(line) {
            break Some(closing);
        }
        let parsed = parse_record(line, journal.form());
        let length = line.len();
        let Parsed {
            mut record, change, ..
        } = match lines.record(parsed) {
            Ok(parsed) => parsed,
            Err(error) => {
                // The records before the bad line are kept.
                batch.append().await?;
                return Err(error);
            }
        };
        change.into_iter().for_each(|change| changes.count(change));
        carrier.carry(&mut record, journal.form());
        let position = lines.records();
        if position <= resumed {
            present.check(position, &record, lines.path()).await?;
        } else {
            batch.push(record, length, position).await?;
        }
    };
    batch.finish(&lines, resumed).await?;
    let closing = closing.ok_or_else(|| lines.cut_short())?;
    lines.end(&closing)?;
    std::fs::remove_file(state).map_err(TransferError::file("remove", state))?;
    sync_parent(state)?;
    Ok(Imported {
        records: closing.records,
        resumed,
        digest: closing.digest,
        records_digest: closing.records_digest,
        changes,
        carried: carrier.finish(),
    })
}

/// Records of an import that wait to be appended together.
struct ImportBatch<'a> {
    journal: &'a dyn Journal,
    progress: &'a mut (dyn FnMut(ExportProgress) + Send),
    /// The last sequence of the export, if it is known.
    end: Option<Sequence>,
    records: Vec<Record>,
    /// Size of their lines, in bytes.
    bytes: usize,
}

impl<'a> ImportBatch<'a> {
    fn new(
        journal: &'a dyn Journal,
        progress: &'a mut (dyn FnMut(ExportProgress) + Send),
        end: Option<Sequence>,
    ) -> Self {
        Self {
            journal,
            progress,
            end,
            records: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds the record of the line at this position; appends the batch if it is full.
    async fn push(
        &mut self,
        record: Record,
        length: usize,
        position: u64,
    ) -> Result<(), TransferError> {
        self.records.push(record);
        self.bytes = self.bytes.saturating_add(length);
        if self.records.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES {
            let through = self.append().await?;
            self.report(position, through);
        }
        Ok(())
    }

    /// Appends the waiting records. Returns the journal head.
    async fn append(&mut self) -> Result<Sequence, TransferError> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        Ok(self.journal.append(records).await?.last)
    }

    /// Appends the remaining records after the last line. The journal held `resumed` records at the
    /// start.
    async fn finish(mut self, lines: &ExportLines, resumed: u64) -> Result<(), TransferError> {
        let through = self.append().await?;
        if lines.records() < resumed {
            return Err(TransferError::OtherExport {
                path: lines.path().into(),
                what: format!(
                    "the journal holds {resumed} records, and it only {}",
                    lines.records()
                ),
            });
        }
        self.report(lines.records(), through);
        Ok(())
    }

    fn report(&mut self, records: u64, through: Sequence) {
        (self.progress)(ExportProgress {
            records,
            through,
            end: self.end,
        });
    }
}

/// The state file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// The first line of the export.
    export: Header,
}

/// Checks that the journal is empty or holds the beginning of this export, and writes the state
/// file.
fn begin(state: &Path, header: &Header, present: u64, export: &Path) -> Result<(), TransferError> {
    let failed = |action| TransferError::file(action, state);
    if present > 0 {
        let Ok(bytes) = std::fs::read(state) else {
            return Err(TransferError::NotEmpty { records: present });
        };
        let known: State = serde_json::from_slice(&bytes)
            .map_err(|error| TransferError::line(state, 1, error.to_string()))?;
        if known.export != *header {
            return Err(TransferError::OtherExport {
                path: export.into(),
                what: "the journal holds a part of another one".into(),
            });
        }
        return Ok(());
    }
    let fresh = State {
        export: header.clone(),
    };
    let json = serde_json::to_vec(&fresh).map_err(|error| failed("write")(error.into()))?;
    // Synced before any record: a state file that is half written must not be read later.
    let mut file = File::create(state).map_err(failed("create"))?;
    file.write_all(&json)
        .and_then(|()| file.sync_all())
        .map_err(failed("write"))?;
    sync_parent(state)
}

/// Makes the creation or removal of a file durable.
pub(super) fn sync_parent(file: &Path) -> Result<(), TransferError> {
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(TransferError::file("sync", dir))
}

/// The records that the journal held when the import began.
struct Present {
    reader: Box<dyn JournalReader>,
    ahead: VecDeque<Envelope>,
    tokens: Tokens,
}

impl Present {
    async fn of(journal: &dyn Journal) -> Result<Self, TransferError> {
        Ok(Self {
            reader: journal
                .read(journal.start().sequence, Selection::All)
                .await?,
            ahead: VecDeque::new(),
            tokens: Tokens::default(),
        })
    }

    /// Checks that the record at a position is the one in the export. All records are compared,
    /// since the earlier attempt may have read a damaged stream.
    async fn check(
        &mut self,
        position: u64,
        record: &Record,
        export: &Path,
    ) -> Result<(), TransferError> {
        if self.ahead.is_empty() {
            self.ahead = self.reader.next(BATCH_RECORDS).await?.envelopes.into();
        }
        let meaning = self.tokens.meaning(&record.token);
        let wanted = record.open(Sequence::new(position), meaning);
        if self.ahead.pop_front().as_ref() == Some(&wanted) {
            Ok(())
        } else {
            Err(TransferError::OtherExport {
                path: export.into(),
                what: format!("its record {position} is not the one that the journal holds"),
            })
        }
    }
}
