//! The rejected log: every record that could not be folded, once, with its reason and position.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::JournalError;
use crate::events::{Incarnation, Sequence, Timestamp};

/// How much of a payload is kept, in bytes.
pub const MAX_KEPT_BYTES: usize = 64 * 1024;

/// The longest stable name of a reason, in bytes.
pub const MAX_CODE_BYTES: usize = 64;

/// Whether a text can be the stable name of a reason.
pub(super) fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=MAX_CODE_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

/// One rejected record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedEntry {
    /// The journal that held it.
    pub incarnation: Incarnation,
    /// Its position there.
    pub sequence: Sequence,
    /// When the journal took it.
    pub received_at: Timestamp,
    /// Its token as it came.
    pub token: Bytes,
    /// The token names a keyword.
    pub addressed: bool,
    /// The stable name of the reason, where one was kept: 1 to [`MAX_CODE_BYTES`] bytes of
    /// `a-z 0-9 _`.
    #[serde(skip)]
    pub code: Option<String>,
    /// Why it was rejected.
    pub reason: String,
    /// The payload's length in bytes.
    pub length: u64,
    /// The payload's first [`MAX_KEPT_BYTES`] bytes.
    pub payload: Bytes,
}

/// Where rejected records are kept.
#[async_trait]
pub trait RejectedLog: std::fmt::Debug + Send + Sync + 'static {
    /// Keeps the entries, which come in sequence order per subject, and answers when they are
    /// durable. An entry at or below the last one of its subject and incarnation is there
    /// already and is skipped, so that a refold writes nothing twice. Answers how many it wrote.
    ///
    /// A subject is the token where it names a keyword, and one common subject for all others.
    async fn append(&self, entries: Vec<RejectedEntry>) -> Result<u64, JournalError>;

    /// The next entries, oldest first: at least one if there is one, and otherwise no more than a
    /// few MiB. `after` is where the page before ended; 0 begins with the oldest entry.
    async fn page(&self, after: u64) -> Result<RejectedPage, JournalError>;

    /// All entries, oldest first, in memory.
    async fn entries(&self) -> Result<Vec<RejectedEntry>, JournalError> {
        let mut all = Vec::new();
        let mut after = Some(0);
        while let Some(position) = after {
            let page = self.page(position).await?;
            all.extend(page.entries);
            after = page.end;
        }
        Ok(all)
    }
}

/// A stretch of the rejected log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RejectedPage {
    /// Its entries, oldest first.
    pub entries: Vec<RejectedEntry>,
    /// Where the next page goes on; `None` when there is none.
    pub end: Option<u64>,
    /// How many bytes the entries have.
    bytes: usize,
}

/// A page of so many entries, or of so many bytes, takes no further entry.
const MAX_PAGE_ENTRIES: usize = 1_000;
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

impl RejectedPage {
    /// Takes the entry at a position of the log; false when the page is full with it.
    pub(crate) fn push(&mut self, position: u64, entry: RejectedEntry) -> bool {
        let bytes = entry.token.len() + entry.reason.len() + entry.payload.len();
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push(entry);
        let is_full = self.entries.len() >= MAX_PAGE_ENTRIES || self.bytes >= MAX_PAGE_BYTES;
        self.end = is_full.then_some(position);
        !is_full
    }
}

/// The last entry of each subject: what the skipping of entries that are there already goes by.
#[derive(Debug, Default)]
pub(super) struct LastPositions {
    /// By token, and `None` for all records that name no keyword.
    last: HashMap<Option<Bytes>, (Incarnation, Sequence)>,
}

impl LastPositions {
    /// The entry, or one behind it, is there already.
    pub(super) fn holds(&self, entry: &RejectedEntry) -> bool {
        self.last
            .get(&subject(entry))
            .is_some_and(|(incarnation, sequence)| {
                *incarnation == entry.incarnation && *sequence >= entry.sequence
            })
    }

    /// The entry is the last of its subject now.
    pub(super) fn note(&mut self, entry: &RejectedEntry) {
        // Copied: the token may be a slice of something large.
        let subject = subject(entry).map(|token| Bytes::copy_from_slice(&token));
        self.last
            .insert(subject, (entry.incarnation, entry.sequence));
    }

    /// Notes all that `later` holds.
    pub(super) fn take_over(&mut self, later: Self) {
        self.last.extend(later.last);
    }
}

fn subject(entry: &RejectedEntry) -> Option<Bytes> {
    entry.addressed.then(|| entry.token.clone())
}
