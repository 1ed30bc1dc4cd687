//! The rejected log: every record that could not be folded, once, with its reason and position.
//!
//! In: entries from the shards, in sequence order per subject. Out: pages of entries, oldest first.
//! An entry that is already stored is skipped.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::JournalError;
use crate::events::{Incarnation, Sequence, Timestamp};

/// Maximum length of a stored payload, in bytes. Longer ones are cut.
pub const MAX_KEPT_BYTES: usize = 64 * 1024;

/// Maximum length of the code of a reason, in bytes.
pub const MAX_CODE_BYTES: usize = 64;

/// Whether a text can be the code of a reason.
pub(super) fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=MAX_CODE_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

/// One rejected record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedEntry {
    /// The incarnation of the journal of the record.
    pub incarnation: Incarnation,
    /// The position of the record in the journal.
    pub sequence: Sequence,
    /// When the journal received the record.
    pub received_at: Timestamp,
    /// The token of the record, unchanged.
    pub token: Bytes,
    /// Whether the token names a keyword.
    pub addressed: bool,
    /// The code of the reason, if it was stored: 1 to [`MAX_CODE_BYTES`] bytes of `a-z 0-9 _`.
    #[serde(skip)]
    pub code: Option<String>,
    /// Why the record was rejected.
    pub reason: String,
    /// The length of the whole payload in bytes.
    pub length: u64,
    /// The first [`MAX_KEPT_BYTES`] bytes of the payload.
    pub payload: Bytes,
}

/// The port of rejected logs.
#[async_trait]
pub trait RejectedLog: std::fmt::Debug + Send + Sync + 'static {
    /// Stores the entries and returns when they are durable. The entries of a subject must be in
    /// sequence order. An entry at or below the last one of its subject and incarnation is already
    /// stored and is skipped, so a refold writes nothing twice. Returns how many entries were
    /// written.
    ///
    /// The subject of an entry is its token if that names a keyword. All other entries have one
    /// common subject.
    async fn append(&self, entries: Vec<RejectedEntry>) -> Result<u64, JournalError>;

    /// Returns the next entries, oldest first: at least one if there is one, and at most a few MiB.
    /// `after` is the `end` of the previous page; 0 begins with the oldest entry.
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

/// One page of the rejected log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RejectedPage {
    /// The entries, oldest first.
    pub entries: Vec<RejectedEntry>,
    /// The value of `after` for the next page; `None` when there is none.
    pub end: Option<u64>,
    /// The size of the entries in bytes.
    bytes: usize,
}

/// Maximum number of entries of a page.
const MAX_PAGE_ENTRIES: usize = 1_000;
/// Size of a page, in bytes, at which it is full.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

impl RejectedPage {
    /// Adds the entry at a position of the log. Returns false when the page is full after it.
    pub(crate) fn push(&mut self, position: u64, entry: RejectedEntry) -> bool {
        let bytes = entry.token.len() + entry.reason.len() + entry.payload.len();
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.push(entry);
        let is_full = self.entries.len() >= MAX_PAGE_ENTRIES || self.bytes >= MAX_PAGE_BYTES;
        self.end = is_full.then_some(position);
        !is_full
    }
}

/// The last entry of each subject. It tells which entries are already stored and must be skipped.
#[derive(Debug, Default)]
pub(super) struct LastPositions {
    /// The key is the token. All records that name no keyword share the key `None`.
    last: HashMap<Option<Bytes>, (Incarnation, Sequence)>,
}

impl LastPositions {
    /// Whether the entry, or a later one of its subject, is already stored.
    pub(super) fn holds(&self, entry: &RejectedEntry) -> bool {
        self.last
            .get(&subject(entry))
            .is_some_and(|(incarnation, sequence)| {
                *incarnation == entry.incarnation && *sequence >= entry.sequence
            })
    }

    /// Notes that the entry is now the last one of its subject.
    pub(super) fn note(&mut self, entry: &RejectedEntry) {
        // Copied, because the token can be a slice of a large buffer.
        let subject = subject(entry).map(|token| Bytes::copy_from_slice(&token));
        self.last
            .insert(subject, (entry.incarnation, entry.sequence));
    }

    /// Adopts all positions of `later`.
    pub(super) fn take_over(&mut self, later: Self) {
        self.last.extend(later.last);
    }
}

fn subject(entry: &RejectedEntry) -> Option<Bytes> {
    entry.addressed.then(|| entry.token.clone())
}
