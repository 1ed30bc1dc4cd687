//! A digest of what a client can read of a keyword.
//!
//! It covers the tweets with their latest metrics and the counts per minute; not the ledger,
//! tombstones, epoch, sequences or lag. Equal content gives equal digests, however it came about:
//! through another journal, in other commits, or with pages split elsewhere.

use super::rows::{Rows, RowsError};
use super::summary::KeywordSummary;
use super::timeline_query::for_each_tweet;
use super::volume;
use crate::events::{Event, Keyword, json};

/// 32 bytes of blake3, shown as hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

/// The digest of a whole view, made of its keywords' in keyword order.
#[derive(Debug, Default)]
pub struct ViewDigest(blake3::Hasher);

impl Digest {
    /// The digest of one tracked keyword.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn of(rows: &dyn Rows, summary: &KeywordSummary) -> Result<Self, RowsError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&summary.tweets.to_be_bytes());
        for_each_tweet(rows, |tweet| {
            hasher.update(&json::encode(&Event::TweetPosted(Box::new(tweet))));
            hasher.update(b"\n");
        })?;
        if let Some((first, last)) = summary.first_at.zip(summary.last_at) {
            volume::for_each_minute(rows, first, last, |minute, count| {
                hasher.update(&minute.millis().to_be_bytes());
                hasher.update(&count.to_be_bytes());
            })?;
        }
        Ok(Self(*hasher.finalize().as_bytes()))
    }
}

impl ViewDigest {
    /// Adds the next keyword.
    pub fn add(&mut self, keyword: &Keyword, digest: &Digest) {
        self.0.update(keyword.as_str().as_bytes());
        self.0.update(b"\n");
        self.0.update(&digest.0);
    }

    /// The digest of all that was added.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}
