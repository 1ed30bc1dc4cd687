//! The rejected log in segment files, beside the embedded journal.
//!
//! A record of the segment log is an entry in its stored form: a version byte, in version 2 the
//! code, then the entry as [`binary`] encodes values. An entry without a code has version 1. Golden
//! files of the tests have entries of every version.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::blocking::blocking;
use crate::events::{Sequence, binary};
use crate::journal::rejected::{LastPositions, MAX_KEPT_BYTES, is_code};
use crate::journal::segments::{FrameBuilder, Kind, Log, NewLog, SegmentCursor, Writer};
use crate::journal::{JournalError, RejectedEntry, RejectedLog, RejectedPage};

const VERSION_1: u8 = 1;
const WITH_CODE: u8 = 2;
/// Maximum length of a stored reason, in bytes. Longer ones are cut.
const MAX_REASON_BYTES: usize = 2048;
/// Maximum length of a stored token, in bytes. Longer ones are cut.
const MAX_TOKEN_BYTES: usize = 4096;
/// Maximum size in bytes of the entries that are written as one group.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// The rejected log of an embedded journal.
#[derive(Debug)]
pub(super) struct EmbeddedRejectedLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None` when the log was opened for reading only and does not exist yet.
    log: Option<Arc<Log>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    writer: Option<Writer>,
    /// Whether appends are refused because the log was opened for reading only.
    read_only: bool,
    head: Sequence,
    last: LastPositions,
    frame: FrameBuilder,
}

impl EmbeddedRejectedLog {
    /// Opens the log, or creates it, and reads all of it to find the last position of each subject.
    pub(super) fn open(dir: &Path, new: NewLog, segment_bytes: u64) -> Result<Self, JournalError> {
        let opened = Log::open(dir, Kind::Rejected, new, segment_bytes)?;
        let mut last = LastPositions::default();
        each(&opened.log, opened.log.start(), opened.head, |_, entry| {
            last.note(&entry);
            true
        })?;
        Ok(Self::over(
            Some(opened.log),
            opened.head,
            Some(opened.writer),
            last,
        ))
    }

    /// Opens the log for reading only, if it exists.
    pub(super) fn open_read_only(dir: &Path) -> Result<Self, JournalError> {
        let (log, head) = match Log::open_read_only(dir, Kind::Rejected)? {
            None => (None, Sequence::ZERO),
            Some(opened) => (Some(opened.log), opened.head),
        };
        Ok(Self::over(log, head, None, LastPositions::default()))
    }

    fn over(
        log: Option<Arc<Log>>,
        head: Sequence,
        writer: Option<Writer>,
        last: LastPositions,
    ) -> Self {
        let read_only = writer.is_none();
        let state = Mutex::new(State {
            writer,
            read_only,
            head,
            last,
            frame: FrameBuilder::new(),
        });
        Self {
            inner: Arc::new(Inner { log, state }),
        }
    }

    /// Writes the end mark. Later appends are refused. Blocks on the disk.
    pub(super) fn finish(&self) -> Result<(), JournalError> {
        let mut state = self.inner.lock();
        match state.writer.take() {
            Some(mut writer) => writer.repair().and_then(|()| writer.finish()),
            None => Ok(()),
        }
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RejectedLog for EmbeddedRejectedLog {
    async fn append(&self, entries: Vec<RejectedEntry>) -> Result<u64, JournalError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.lock().append(&entries)).await
    }

    async fn page(&self, after: u64) -> Result<RejectedPage, JournalError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let head = inner.lock().head;
            let mut page = RejectedPage::default();
            if let Some(log) = &inner.log {
                each(log, Sequence::new(after), head, |position, entry| {
                    page.push(position.get(), entry)
                })?;
            }
            Ok(page)
        })
        .await
    }
}

impl State {
    fn append(&mut self, entries: &[RejectedEntry]) -> Result<u64, JournalError> {
        let mut written = 0_u64;
        let mut rest = entries;
        while !rest.is_empty() {
            let Some(writer) = &mut self.writer else {
                return Err(if self.read_only {
                    JournalError::ReadOnly
                } else {
                    JournalError::Closed
                });
            };
            // The caller retries after a pause, so repairs are paced too.
            writer.repair()?;
            self.frame.restart(writer.next(), GROUP_BYTES);
            // The positions are adopted when the group is durable.
            let mut group = LastPositions::default();
            while self.frame.len() < GROUP_BYTES
                && let Some((entry, behind)) = rest.split_first()
            {
                rest = behind;
                if !group.holds(entry) && !self.last.holds(entry) {
                    self.frame.push(&[&encode(entry)?]);
                    group.note(entry);
                    written = written.saturating_add(1);
                }
            }
            if !self.frame.is_empty() {
                self.head = writer.write(&mut self.frame)?;
                self.last.take_over(group);
            }
        }
        Ok(written)
    }
}

/// Calls `visit` with the entries after `after` and their positions in the log, until `visit`
/// returns false.
fn each(
    log: &Arc<Log>,
    after: Sequence,
    head: Sequence,
    mut visit: impl FnMut(Sequence, RejectedEntry) -> bool,
) -> Result<(), JournalError> {
    if head <= after {
        return Ok(());
    }
    let mut cursor = SegmentCursor::behind(log, after)?;
    while cursor.advance(head)? {
        let record = cursor.record();
        let entry = decode(record.body).map_err(|error| JournalError::Unsupported {
            path: log.dir().to_path_buf(),
            what: format!("entry {}: {error}", record.sequence),
        })?;
        if !visit(record.sequence, entry) {
            break;
        }
    }
    Ok(())
}

/// Encodes the stored form of an entry. Cuts its reason, token and payload to their maximum
/// lengths.
fn encode(entry: &RejectedEntry) -> Result<Vec<u8>, JournalError> {
    let mut kept = entry.clone();
    kept.payload.truncate(MAX_KEPT_BYTES);
    kept.token.truncate(MAX_TOKEN_BYTES);
    kept.reason
        .truncate(kept.reason.floor_char_boundary(MAX_REASON_BYTES));
    let mut out = Vec::new();
    let encoded = match kept.code.as_ref().filter(|code| is_code(code)) {
        None => {
            out.push(VERSION_1);
            binary::encode_value(&kept, &mut out)
        }
        Some(code) => {
            out.push(WITH_CODE);
            binary::encode_value(code, &mut out)
                .and_then(|()| binary::encode_value(&kept, &mut out))
        }
    };
    encoded.map_err(|_| JournalError::TooLarge {
        bytes: kept.payload.len(),
        max: MAX_KEPT_BYTES,
    })?;
    Ok(out)
}

/// Decodes the stored form of any version.
fn decode(bytes: &[u8]) -> Result<RejectedEntry, binary::StoredError> {
    match bytes.split_first() {
        Some((&VERSION_1, value)) => binary::decode_value(value),
        Some((&WITH_CODE, value)) => {
            let (code, value) = binary::decode_first::<String>(value)?;
            let entry = binary::decode_value(value)?;
            Ok(RejectedEntry {
                code: Some(code),
                ..entry
            })
        }
        Some((&version, _)) => Err(binary::StoredError::Version(version)),
        None => Err(binary::StoredError::Empty),
    }
}
