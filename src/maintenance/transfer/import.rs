//! Making a journal of an exported one.
//!
//! The journal has to be empty, or to hold the beginning of the same export: an import that was
//! cut short goes on behind what is there, having compared it. A small state file beside the
//! journal names the export until all of it has been taken.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::carried::{CarriedKeyword, Carrier};
use super::export::ExportProgress;
use super::lines::ExportLines;
use super::ndjson::{Closing, Header, LineChange, Parsed, parse_record};
use crate::events::{Envelope, Record, Sequence};
use crate::journal::tokens::Tokens;
use crate::journal::{Journal, JournalReader, Selection};
use crate::maintenance::TransferError;

/// How many records are appended at once, at most.
const BATCH_RECORDS: usize = 4096;
/// And how many bytes of lines they are read from.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// An import that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// How many records the export holds.
    pub records: u64,
    /// How many of them were there from an earlier attempt.
    pub resumed: u64,
    /// The digest of the export.
    pub digest: String,
    /// The digest of its records' lines.
    pub records_digest: String,
    /// What is not as the export has it.
    pub changes: ImportChanges,
    /// Keywords whose normal form is another one today.
    pub carried: Vec<CarriedKeyword>,
}

/// How many records an import did not take as they were. None is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImportChanges {
    /// Payloads that are too long for any event, and so rejected, were cut to just that length.
    pub cut: u64,
    /// Events about keywords that were journaled while a clock was wrong have the nearest time that
    /// is allowed.
    pub retimed: u64,
    /// Tweets with a time that is not allowed are kept as rejected.
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

/// Where the state of an import into the journal in `dir` is kept.
pub fn import_state(dir: &Path) -> PathBuf {
    dir.join("import.json")
}

/// Whether an import into the journal in `dir` was begun and not finished.
pub fn import_unfinished(dir: &Path) -> bool {
    import_state(dir).exists()
}

/// Imports a plain file, packed with zstd or not. The closing digest is checked before anything is
/// written, for which the file is read twice. `state` is where the state file is kept, such as
/// [`import_state`]. Blocks on the file between appends.
///
/// # Errors
/// [`TransferError::CutShort`] when the file has no last line: what it holds is in the journal
/// then, and the import goes on with the whole file. [`TransferError::Digest`] when bytes were
/// changed: nothing was written. Otherwise any [`TransferError`]; what was read before it is kept.
pub async fn import(
    journal: &dyn Journal,
    file: &Path,
    state: &Path,
    progress: &mut (dyn FnMut(ExportProgress) + Send),
) -> Result<Imported, TransferError> {
    let end = match check_export(file) {
        Ok(checked) => Some(Sequence::new(checked.records)),
        // What is there is imported all the same.
        Err(TransferError::CutShort { .. }) => None,
        Err(error) => return Err(error),
    };
    let lines = ExportLines::open(file)?;
    take_in(journal, lines, state, end, progress).await
}

/// Imports a stream, such as standard input or a pipe, packed with zstd or not. `name` is what
/// errors call it.
///
/// # Errors
/// As [`import`], but a wrong digest is found when all has been written:
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

/// What a file claims to hold, when all its bytes are as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How many records it holds.
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
    let form = journal.form();
    let mut changes = ImportChanges::default();
    let mut carrier = Carrier::of(header.normal_form());
    let mut batch = Vec::new();
    let mut bytes = 0_usize;
    let closing = loop {
        let Some(line) = lines.next()? else {
            break None;
        };
        if let Some(closing) = Closing::parse(line) {
            break Some(closing);
        }
        let parsed = parse_record(line, form);
        let length = line.len();
        let Parsed {
            mut record, change, ..
        } = match lines.record(parsed) {
            Ok(parsed) => parsed,
            Err(error) => {
                // What came before the bad line is kept.
                journal.append(std::mem::take(&mut batch)).await?;
                return Err(error);
            }
        };
        change.into_iter().for_each(|change| changes.count(change));
        carrier.carry(&mut record, form);
        let position = lines.records();
        if position <= resumed {
            present.check(position, &record, lines.path()).await?;
            continue;
        }
        batch.push(record);
        bytes = bytes.saturating_add(length);
        if batch.len() >= BATCH_RECORDS || bytes >= BATCH_BYTES {
            let appended = journal.append(std::mem::take(&mut batch)).await?;
            bytes = 0;
            progress(ExportProgress {
                records: position,
                through: appended.last,
                end,
            });
        }
    };
    let appended = journal.append(batch).await?;
    if lines.records() < resumed {
        return Err(TransferError::OtherExport {
            path: lines.path().into(),
            what: format!(
                "the journal holds {resumed} records, and it only {}",
                lines.records()
            ),
        });
    }
    progress(ExportProgress {
        records: lines.records(),
        through: appended.last,
        end,
    });
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

/// The state file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// The first line of the export.
    export: Header,
}

/// Sees to it that the journal is empty or holds the beginning of this export, and notes which.
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
    // A half written state would only be read when records follow it, hence the sync.
    let mut file = File::create(state).map_err(failed("create"))?;
    file.write_all(&json)
        .and_then(|()| file.sync_all())
        .map_err(failed("write"))?;
    sync_parent(state)
}

/// Makes the name of a file durable, or its absence.
pub(super) fn sync_parent(file: &Path) -> Result<(), TransferError> {
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(TransferError::file("sync", dir))
}

/// What the journal held when the import began.
struct Present {
    reader: Box<dyn JournalReader>,
    ahead: VecDeque<Envelope>,
    tokens: Tokens,
}

impl Present {
    async fn of(journal: &dyn Journal) -> Result<Self, TransferError> {
        Ok(Self {
            reader: journal.read(Sequence::ZERO, Selection::All).await?,
            ahead: VecDeque::new(),
            tokens: Tokens::default(),
        })
    }

    /// Checks that the record at a position is the one that the export has in its place. All are
    /// compared, since the earlier attempt may have read a stream that was damaged.
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
