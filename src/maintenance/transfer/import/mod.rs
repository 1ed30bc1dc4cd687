//! Makes a journal from an export.
//!
//! The journal has to be empty, or to hold the beginning of the same export: a resumed import
//! compares the records in the journal with the export, and continues after them. A small state
//! file beside the journal names the export until it is completely imported.

mod batch;
mod present;
mod state_file;

use std::io::Read;
use std::path::Path;

use super::carried::{CarriedKeyword, Carrier};
use super::export::ExportProgress;
use super::lines::ExportLines;
use super::ndjson::{Closing, Parsed, parse_record};
use super::restore::LineChange;
use crate::events::Sequence;
use crate::journal::Journal;
use crate::maintenance::TransferError;
use batch::ImportBatch;
use present::Present;
use state_file::begin;
pub(super) use state_file::sync_parent;
pub use state_file::{import_state, import_unfinished};

/// Maximum number of records that are appended at once.
const BATCH_RECORDS: usize = 4096;

/// A finished import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Number of records in the export.
    pub records: u64,
    /// Number of records that an earlier attempt had imported.
    pub resumed: u64,
    /// The digest of the export.
    pub digest: String,
    /// The digest of the lines of the export's records.
    pub records_digest: String,
    /// Numbers of records that differ from the export.
    pub changes: ImportChanges,
    /// Keywords whose normal form has changed since the export.
    pub carried: Vec<CarriedKeyword>,
}

/// Numbers of records that an import changed. An import omits no record.
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
