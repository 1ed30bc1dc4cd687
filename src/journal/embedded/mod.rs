//! The journal in segment files on the local disk: the default journal, for a single machine.
//!
//! The way of an append: [`EmbeddedJournal`] checks the sizes and passes the records to the commit
//! thread ([`commit`]). The thread joins waiting records into one frame ([`body`] has the layout of
//! a record). The segment log writes and syncs the frame. Then the thread moves the journal head
//! and answers. A [`reader`] waits for the journal head and reads up to it. Records that cannot be
//! folded go to the [`rejected`] log, which is beside the journal and has the same file format.

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

/// The options of an embedded journal.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Size in bytes at which a segment file is closed and the next one begins.
    pub segment_bytes: u64,
    /// Maximum size in bytes of the waiting appends that are joined into one group.
    pub group_bytes: usize,
    /// Number of shards of a new journal. An existing journal keeps its own.
    pub shards: ShardCount,
    /// Incarnation of a new journal; `None` draws a random one. An existing journal keeps its own.
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
    /// Commits appends; `None` when the journal was opened for reading only.
    committer: Option<GroupCommitter>,
    head: watch::Receiver<Sequence>,
    obstacle: watch::Receiver<Obstacle>,
    closed_cleanly: bool,
    rejected: Arc<EmbeddedRejectedLog>,
}

impl EmbeddedJournal {
    /// Opens the journal in `dir`, or creates it, and its rejected log in `dir/rejected`. Checks
    /// all of the last segment, and cuts off a torn end with a warning. Blocks on the disk. The
    /// caller makes sure that no other process has the journal open. If the tokens of the journal
    /// are in an earlier version of the normal form, the whole journal is read. It is taken over if
    /// all its tokens are the same in the current version.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when the last segment is damaged, [`JournalError::Unsupported`],
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

    /// Opens the journal in `dir` for reading only. Creates, changes and cuts nothing, and leaves
    /// out a torn end. Blocks on the disk.
    ///
    /// # Errors
    /// Those of [`Self::open`], and [`JournalError::Unsupported`] when there is no journal.
    pub fn open_read_only(dir: &Path) -> Result<Self, JournalError> {
        let Some(opened) = Log::open_read_only(dir, Kind::Journal)? else {
            return Err(no_journal(dir));
        };
        let rejected = EmbeddedRejectedLog::open_read_only(&rejected_dir(dir))?;
        // The sender is dropped, so a reader at the end learns that no records follow.
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

    /// The folder of the journal.
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
