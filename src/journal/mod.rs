//! The journal: the log of events, and the only data that cannot be made again. [`Journal`] is the
//! port; each way to keep a journal implements it.
//!
//! In: groups of [`Record`]s. A journal makes each group durable before it answers. Out:
//! [`Envelope`]s in sequence order. Views can be thrown away, because they are folded from the
//! journal.

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
    BareJetStream, JetStreamJournal, JetStreamOptions, JetStreamPublisher, MicroService, Revised,
    Secret, SourcesBucket, StatusAnswer, WriteTerms, without_passwords,
};
pub use memory::{MemoryJournal, MemoryRejectedLog};
pub use rejected::{MAX_CODE_BYTES, MAX_KEPT_BYTES, RejectedEntry, RejectedLog, RejectedPage};

/// The first position of journals that were never trimmed.
const FIRST: Sequence = Sequence::new(1);

/// A handle of a journal in use. A clone is cheap.
pub type JournalHandle = Arc<dyn Journal>;

/// Which acknowledged records a power loss can destroy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// No records: every group is on disk before it is acknowledged.
    Synced,
    /// No records, unless most replicas fail together.
    Replicated,
    /// The latest records: they are acknowledged before they are on disk.
    Buffered,
    /// All records: they are only in memory (tests).
    Volatile,
}

/// The connection to a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// The journal is in this process.
    Local,
    /// The journal is in another process, which answers.
    Connected,
    /// The journal is in another process, which does not answer.
    Disconnected,
}

/// The port of journals. All methods may be called from any task.
#[async_trait]
pub trait Journal: std::fmt::Debug + Send + Sync + 'static {
    /// The incarnation of the journal. It changes in a running process only when the stream of a
    /// broker was created again. Every reader of the old stream then fails with
    /// [`JournalError::Changed`].
    fn incarnation(&self) -> Incarnation;

    /// The number of shards.
    fn shards(&self) -> ShardCount;

    /// Which acknowledged records a power loss can destroy.
    fn durability(&self) -> Durability;

    /// The form of events that the journal stores best.
    fn form(&self) -> Form {
        Form::Stored
    }

    /// The version of the normal form of the journal's tokens. It is an earlier one only for a
    /// journal that is opened for reading: appending requires tokens in the current normal form.
    fn normal_form(&self) -> u16 {
        NORMAL_FORM_VERSION
    }

    /// Whether the journal can be reached at present.
    fn connection(&self) -> Connection {
        Connection::Local
    }

    /// Why the journal accepts no records at present, with the error of the operating system;
    /// `None` while it does, as far as is known. The journal retries by itself.
    fn unwritable(&self) -> Option<Arc<str>> {
        None
    }
    /// Why the journal cannot be read at present, with the answer of the broker; `None` while it
    /// can, as far as is known. The journal retries by itself.
    fn unreadable(&self) -> Option<Arc<str>> {
        None
    }
    /// Whether other servers may read the journal too. All of them must give the same answers, so
    /// nothing that clients see may then be random.
    fn is_shared(&self) -> bool {
        self.connection() != Connection::Local
    }

    /// The last durable position. The receiver is notified when a later position is durable.
    fn head(&self) -> watch::Receiver<Sequence>;

    /// The first position. Reading below it is [`JournalError::BelowFirst`]. An empty journal has a
    /// first position too.
    fn first(&self) -> Sequence {
        FIRST
    }

    /// The checkpoint of a view without any record. Reading after its sequence gives all records.
    fn start(&self) -> Checkpoint {
        Checkpoint::start_of(self.incarnation(), self.first())
    }

    /// Appends records in order, and returns when they are durable. In the embedded journal no
    /// other records come between them; in a stream of a broker they can, because other processes
    /// write to it. After an error none of the records is in the journal, unless the error says
    /// that this is unknown. An empty append returns the journal head. A broker is asked for it, so
    /// it can be higher than the known [`Journal::head`].
    async fn append(&self, records: Vec<Record>) -> Result<Appended, JournalError>;

    /// Opens a reader of the records after `after`.
    ///
    /// # Errors
    /// [`JournalError::BelowFirst`] when records after `after` are below [`Journal::first`].
    async fn read(
        &self,
        after: Sequence,
        selection: Selection,
    ) -> Result<Box<dyn JournalReader>, JournalError>;

    /// The hash of the record at a position; `None` where the journal has no record. It costs one
    /// request to a broker. In the embedded journal it opens one segment, and reads at most one
    /// chunk of it if the marked positions of the segment are known.
    async fn hash_at(&self, sequence: Sequence) -> Result<Option<RecordHash>, JournalError>;

    /// The log of records that cannot be folded.
    fn rejected(&self) -> Arc<dyn RejectedLog>;

    /// Closes the journal cleanly. Later appends are refused.
    async fn close(&self) -> Result<(), JournalError>;
}

/// Checks that the records after `after` can be read from a journal that begins at `first`.
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

/// Selects the records that a reader hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All records.
    All,
    /// The records of one keyword.
    Keyword(Keyword),
}

/// The sequences that an append got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Number of records that were appended.
    pub count: u64,
    /// The sequence of the last record; the journal head when nothing was appended.
    pub last: Sequence,
}

/// A read position in the journal.
#[async_trait]
pub trait JournalReader: Send {
    /// Returns the next records, at most `max` and at most about 16 MiB. Returns as soon as the
    /// position can advance. A batch can have no envelopes when no record was selected. Dropping
    /// the future loses nothing: the next call returns the same records.
    async fn next(&mut self, max: usize) -> Result<Batch, JournalError>;
}

/// Records in sequence order.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The selected records after the `end` of the previous batch, up to `end`.
    pub envelopes: Vec<Envelope>,
    /// The position through which this batch has read, including records that were not selected.
    pub end: Sequence,
    /// The hash of the record at `end`, for checkpoints.
    pub end_hash: RecordHash,
    /// Positions without a record. An undamaged embedded journal has none.
    pub missing: Vec<RangeInclusive<u64>>,
}

impl Batch {
    /// The checkpoint of a view that includes this batch.
    pub fn checkpoint(&self, incarnation: Incarnation) -> Checkpoint {
        Checkpoint {
            incarnation,
            sequence: self.end,
            hash: self.end_hash,
        }
    }
}
