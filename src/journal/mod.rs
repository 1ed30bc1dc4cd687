//! The log of events, the only truth: a port with one implementation per way to keep it.
//!
//! A journal takes [`Record`]s in groups, makes each group durable before it answers, and hands
//! records out again as [`Envelope`]s in sequence order. Views are disposable; this is not.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::events::{
    Checkpoint, Envelope, Form, Incarnation, Keyword, NORMAL_FORM_VERSION, Record, RecordHash,
    Sequence, ShardCount,
};

mod earlier_tokens;
mod embedded;
mod error;
mod jetstream;
mod memory;
mod rejected;
mod segments;
pub(crate) mod tokens;

pub use embedded::{
    EmbeddedJournal, EmbeddedOptions, Salvage, Salvaged, SegmentSummary, Summary, Verified, verify,
};
pub use error::JournalError;

pub use jetstream::{
    BareJetStream, JetStreamJournal, JetStreamOptions, JetStreamPublisher, MicroService, Secret,
    StatusAnswer, without_passwords,
};
pub use memory::{MemoryJournal, MemoryRejectedLog};
pub use rejected::{MAX_CODE_BYTES, MAX_KEPT_BYTES, RejectedEntry, RejectedLog, RejectedPage};

/// The first position of journals that nothing was trimmed from.
const FIRST: Sequence = Sequence::new(1);

/// A journal in use; cheap to clone.
pub type JournalHandle = Arc<dyn Journal>;

/// What a power loss may take of what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: every group is on disk before it is acknowledged.
    Synced,
    /// Nothing unless most replicas fail together.
    Replicated,
    /// The last moments: acknowledged before it is on disk.
    Buffered,
    /// Everything: kept in memory only (tests).
    Volatile,
}

/// How a journal is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// It is in this process.
    Local,
    /// It is elsewhere, and answers.
    Connected,
    /// It is elsewhere, and doesn't answer.
    Disconnected,
}

/// The port. All methods may be called from any task.
#[async_trait]
pub trait Journal: std::fmt::Debug + Send + Sync + 'static {
    /// Which journal this is now. It changes under a running process only when a broker's stream
    /// was created again; every reader of the old one then fails with [`JournalError::Changed`].
    fn incarnation(&self) -> Incarnation;

    /// Into how many shards it places keywords.
    fn shards(&self) -> ShardCount;

    /// What a power loss may take.
    fn durability(&self) -> Durability;

    /// In which form it takes events best.
    fn form(&self) -> Form {
        Form::Stored
    }

    /// The version of the normal form that its tokens are in. An earlier one only where the
    /// journal is only looked at: a journal is not opened for appending unless its tokens are in
    /// today's.
    fn normal_form(&self) -> u16 {
        NORMAL_FORM_VERSION
    }

    /// Whether it can be reached now.
    fn connection(&self) -> Connection {
        Connection::Local
    }

    /// Why it takes no records in at present, with the system's answer; `None` while it does, as
    /// far as is known. It tries by itself to take in again.
    fn unwritable(&self) -> Option<Arc<str>> {
        None
    }
    /// Why it cannot be read at present, with the broker's answer; `None` while it can, as far as
    /// is known. It tries by itself to read again.
    fn unreadable(&self) -> Option<Arc<str>> {
        None
    }
    /// Whether other servers may read it too. They have to come to the same answers, so nothing
    /// that a client sees may be drawn at random then.
    fn is_shared(&self) -> bool {
        self.connection() != Connection::Local
    }

    /// The last durable position, and every later one as it comes.
    fn head(&self) -> watch::Receiver<Sequence>;

    /// The first position: records begin here, and reading below it is
    /// [`JournalError::BelowFirst`]. A journal that holds no record yet begins here too.
    fn first(&self) -> Sequence {
        FIRST
    }

    /// The checkpoint of a view that has taken nothing into account: reading behind its sequence
    /// hands out all records.
    fn start(&self) -> Checkpoint {
        Checkpoint::start_of(self.incarnation(), self.first())
    }

    /// Appends records, in order, and answers when they are durable. Into the embedded journal
    /// no others get between them; into a broker's stream, to which others may write, they
    /// can. After an error none of them is in the journal, unless the error says that it isn't
    /// known. Appending nothing answers with the head, which a broker is asked for: it may be ahead
    /// of what [`Journal::head`] knows yet.
    async fn append(&self, records: Vec<Record>) -> Result<Appended, JournalError>;

    /// Reads on from the record behind `after`.
    ///
    /// # Errors
    /// [`JournalError::BelowFirst`] when that lies below [`Journal::first`].
    async fn read(
        &self,
        after: Sequence,
        selection: Selection,
    ) -> Result<Box<dyn JournalReader>, JournalError>;

    /// What stands at a position; `None` where the journal holds nothing (any more). Costs one
    /// request to a broker, or opening one segment and reading at most one chunk of it once its
    /// frames are known.
    async fn hash_at(&self, sequence: Sequence) -> Result<Option<RecordHash>, JournalError>;

    /// Where records that cannot be folded are kept.
    fn rejected(&self) -> Arc<dyn RejectedLog>;

    /// Ends the journal cleanly; appends from here on are refused.
    async fn close(&self) -> Result<(), JournalError>;
}

/// Checks that the records behind `after` can be read from a journal that begins at `first`.
///
/// # Errors
/// [`JournalError::BelowFirst`].
fn check_first(first: Sequence, after: Sequence) -> Result<(), JournalError> {
    let wanted = after.next();
    if wanted < first {
        return Err(JournalError::BelowFirst { wanted, first });
    }
    Ok(())
}

/// Which records a reader hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All.
    All,
    /// One keyword's.
    Keyword(Keyword),
}

/// The sequences that an append was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// How many records were appended.
    pub count: u64,
    /// The last one's sequence; the head when nothing was appended.
    pub last: Sequence,
}

/// A position in the journal that moves on as it is read.
#[async_trait]
pub trait JournalReader: Send {
    /// The next records, at most `max` (and no more than fit a few MiB), as soon as there is at
    /// least one position to move on by. A batch may hold no envelope when none was selected.
    /// Dropping the future loses nothing: the next call hands out the same records.
    async fn next(&mut self, max: usize) -> Result<Batch, JournalError>;
}

/// Records in sequence order.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The selected records of positions behind the last batch's `end` and up to this one's.
    pub envelopes: Vec<Envelope>,
    /// Through which position this batch has read, selected or not.
    pub end: Sequence,
    /// What stands at `end`, for checkpoints.
    pub end_hash: RecordHash,
    /// Positions that should hold a record but don't (never on an undamaged embedded journal).
    pub missing: Vec<RangeInclusive<u64>>,
}

impl Batch {
    /// The checkpoint of a view that has taken this batch into account.
    pub fn checkpoint(&self, incarnation: Incarnation) -> Checkpoint {
        Checkpoint {
            incarnation,
            sequence: self.end,
            hash: self.end_hash,
        }
    }
}
