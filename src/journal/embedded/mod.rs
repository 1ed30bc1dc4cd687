//! The journal in segment files of our own: the default, and the one for a single machine.
//!
//! Follow an append: [`EmbeddedJournal`] checks the sizes and hands the records to the thread of
//! [`commit`], which joins all that wait into one frame ([`body`] says how a record is laid out),
//! has it written and synced by the segment log, moves the head, and answers. A [`reader`] waits
//! for the head and reads up to it. What could not be folded goes to the log of [`rejected`],
//! which is kept in the same way beside it.

mod blocking;
mod body;
mod commit;
mod reader;
mod rejected;
mod survey;
mod takeover;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use self::blocking::blocking;
use self::commit::{Append, GroupCommitter, Obstacle};
use self::reader::{EmbeddedReader, ReadPosition};
use self::rejected::EmbeddedRejectedLog;
use self::takeover::take_over;
use super::segments::{Kind, Log, MAX_FRAME_BYTES, NewLog};
use super::{
    Appended, Durability, Journal, JournalError, JournalReader, RejectedLog, Selection, check_first,
};
use crate::events::{Incarnation, NORMAL_FORM_VERSION, Record, RecordHash, Sequence, ShardCount};

pub use survey::{Salvage, Salvaged, SegmentSummary, Summary, Verified, verify};

/// How an embedded journal is kept.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// From how many bytes on a segment file is followed by the next.
    pub segment_bytes: u64,
    /// How many bytes of waiting appends are joined into one group.
    pub group_bytes: usize,
    /// Into how many shards a new journal places keywords. An existing one keeps its own.
    pub shards: ShardCount,
    /// The incarnation of a new journal; `None` draws one. An existing one keeps its own.
    pub incarnation: Option<Incarnation>,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 128 * 1024 * 1024,
            group_bytes: 8 * 1024 * 1024,
            shards: ShardCount::DEFAULT,
            incarnation: None,
        }
    }
}

/// A journal in segment files.
#[derive(Debug)]
pub struct EmbeddedJournal {
    log: Arc<Log>,
    /// `None` when it was opened for reading only.
    committer: Option<GroupCommitter>,
    head: watch::Receiver<Sequence>,
    obstacle: watch::Receiver<Obstacle>,
    closed_cleanly: bool,
    rejected: Arc<EmbeddedRejectedLog>,
}

impl EmbeddedJournal {
    /// Opens the journal in `dir`, or creates it, and its rejected log in `dir/rejected`. Checks
    /// all of the last segment, and cuts off a torn end with a warning. Blocks on the disk. The
    /// caller sees to it that no other process has it open. A journal whose tokens are in an
    /// earlier version of the normal form is read through, and taken over if all of them are the
    /// same in today's.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when the last segment is, [`JournalError::Unsupported`],
    /// [`JournalError::EarlierTokens`] or [`JournalError::Io`].
    pub fn open(dir: &Path, options: &EmbeddedOptions) -> Result<Self, JournalError> {
        let incarnation = match options.incarnation {
            Some(incarnation) => incarnation,
            None => draw_incarnation(dir)?,
        };
        let new = NewLog {
            incarnation,
            shards: options.shards,
        };
        let mut opened = Log::open(dir, Kind::Journal, new, options.segment_bytes)?;
        take_over(&opened.log, opened.head, &mut opened.writer)?;
        let rejected = EmbeddedRejectedLog::open(&rejected_dir(dir), new, options.segment_bytes)?;
        let (moves, head) = watch::channel(opened.head);
        let (stalls, obstacle) = watch::channel(None);
        let committer = GroupCommitter::start(
            opened.writer,
            options.group_bytes.min(MAX_FRAME_BYTES),
            moves,
            stalls,
        )
        .map_err(|source| JournalError::Io {
            action: "start a thread for",
            path: dir.to_path_buf(),
            source,
        })?;
        Ok(Self {
            log: opened.log,
            committer: Some(committer),
            head,
            obstacle,
            closed_cleanly: opened.closed_cleanly,
            rejected: Arc::new(rejected),
        })
    }

    /// Opens the journal in `dir` for reading only: creates, changes and cuts nothing. A torn end
    /// is left out. Blocks on the disk.
    ///
    /// # Errors
    /// As [`Self::open`], and [`JournalError::Unsupported`] when there is no journal.
    pub fn open_read_only(dir: &Path) -> Result<Self, JournalError> {
        let Some(opened) = Log::open_read_only(dir, Kind::Journal)? else {
            return Err(no_journal(dir));
        };
        let rejected = EmbeddedRejectedLog::open_read_only(&rejected_dir(dir))?;
        // Without a sender: a reader at the end learns that nothing more comes.
        let (_, head) = watch::channel(opened.head);
        let (_, obstacle) = watch::channel(None);
        Ok(Self {
            log: opened.log,
            committer: None,
            head,
            obstacle,
            closed_cleanly: opened.closed_cleanly,
            rejected: Arc::new(rejected),
        })
    }

    /// The folder it is in.
    pub fn dir(&self) -> &Path {
        self.log.dir()
    }
}

#[async_trait]
impl Journal for EmbeddedJournal {
    fn incarnation(&self) -> Incarnation {
        self.log.incarnation()
    }

    fn shards(&self) -> ShardCount {
        self.log.shards()
    }

    fn durability(&self) -> Durability {
        Durability::Synced
    }

    fn normal_form(&self) -> u16 {
        if self.committer.is_some() {
            NORMAL_FORM_VERSION
        } else {
            self.log.normal_form()
        }
    }

    fn unwritable(&self) -> Option<Arc<str>> {
        self.obstacle.borrow().clone()
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.head.clone()
    }

    async fn append(&self, records: Vec<Record>) -> Result<Appended, JournalError> {
        let Some(committer) = &self.committer else {
            return Err(JournalError::ReadOnly);
        };
        if records.is_empty() {
            return Ok(Appended {
                count: 0,
                last: *self.head.borrow(),
            });
        }
        let mut bytes = 0_usize;
        for record in &records {
            bytes = bytes.saturating_add(body::checked_size(record)?);
        }
        if bytes > MAX_FRAME_BYTES {
            return Err(JournalError::TooMuch {
                bytes,
                max: MAX_FRAME_BYTES,
            });
        }
        committer.append(Append { records, bytes }).await
    }

    async fn read(
        &self,
        after: Sequence,
        selection: Selection,
    ) -> Result<Box<dyn JournalReader>, JournalError> {
        check_first(self.first(), after)?;
        let log = Arc::clone(&self.log);
        let reader = EmbeddedReader::new(log, self.head.clone(), after, &selection);
        Ok(Box::new(reader))
    }

    async fn hash_at(&self, sequence: Sequence) -> Result<Option<RecordHash>, JournalError> {
        let head = *self.head.borrow();
        if sequence < self.first() || sequence > head {
            return Ok(None);
        }
        let log = Arc::clone(&self.log);
        blocking(move || {
            let envelope = ReadPosition::behind(&log, sequence.previous())?.next(head)?;
            Ok(envelope.as_ref().map(RecordHash::of))
        })
        .await
    }

    fn rejected(&self) -> Arc<dyn RejectedLog> {
        Arc::<EmbeddedRejectedLog>::clone(&self.rejected)
    }

    async fn close(&self) -> Result<(), JournalError> {
        let Some(committer) = &self.committer else {
            return Ok(());
        };
        let closed = committer.close().await;
        let rejected = Arc::clone(&self.rejected);
        let rejected_closed = blocking(move || rejected.finish()).await;
        closed.and(rejected_closed)
    }
}

fn rejected_dir(dir: &Path) -> PathBuf {
    dir.join("rejected")
}

fn no_journal(dir: &Path) -> JournalError {
    JournalError::Unsupported {
        path: dir.to_path_buf(),
        what: "there is no journal".into(),
    }
}

fn draw_incarnation(dir: &Path) -> Result<Incarnation, JournalError> {
    let drawn = getrandom::u64().map_err(|error| JournalError::Io {
        action: "draw a random number for",
        path: dir.to_path_buf(),
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(Incarnation(drawn))
}
