//! Late metrics: the metrics that tweets of one tweet page got after their post.
//!
//! They have a row of their own, because metrics change often and the texts of the page never do.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::events::{Timestamp, TweetMetrics, binary};
use crate::projections::{RowFormat, RowKey, RowKind, Rows, RowsError, TweetKey};

const VERSION: u8 = 1;

/// Rows of [`LateMetrics`]. The key has the lower bound of the page.
pub const METRICS_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'e'),
    name: "metrics",
    versions: &[VERSION],
    pack: None,
};

/// The latest metrics of the tweets of a page that were engaged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LateMetrics {
    of_tweet: BTreeMap<TweetKey, (Timestamp, TweetMetrics)>,
}

impl LateMetrics {
    /// The key of the row for the page with this lower bound.
    pub fn key(lower: &TweetKey) -> RowKey {
        lower.row(METRICS_FORMAT.kind)
    }

    /// Reads the late metrics of the page with this lower bound.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn read(rows: &dyn Rows, lower: &TweetKey) -> Result<Self, RowsError> {
        let key = Self::key(lower);
        match rows.get(&key)? {
            Some(row) => Self::decode(&key, &row),
            None => Ok(Self::default()),
        }
    }

    /// The metrics of a tweet, and when they were read.
    pub fn get(&self, key: &TweetKey) -> Option<(Timestamp, TweetMetrics)> {
        self.of_tweet.get(key).copied()
    }

    /// Sets the metrics of a tweet.
    pub fn set(&mut self, key: TweetKey, at: Timestamp, metrics: TweetMetrics) {
        self.of_tweet.insert(key, (at, metrics));
    }

    /// Removes the metrics of a tweet; false when there were none.
    pub fn remove(&mut self, key: &TweetKey) -> bool {
        self.of_tweet.remove(key).is_some()
    }

    /// Removes and returns the metrics of the tweets at or after `lower`, the lower bound of a new
    /// page.
    pub fn split_off(&mut self, lower: &TweetKey) -> Self {
        Self {
            of_tweet: self.of_tweet.split_off(lower),
        }
    }

    /// Whether no tweet has late metrics.
    pub fn is_empty(&self) -> bool {
        self.of_tweet.is_empty()
    }

    /// Encodes the row; `None` when it would be empty.
    ///
    /// # Errors
    /// [`RowsError::Damaged`] when the metrics do not fit in a row.
    pub fn encode(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        if self.is_empty() {
            return Ok(None);
        }
        let flat: Vec<_> = self
            .of_tweet
            .iter()
            .map(|(tweet, (at, metrics))| (tweet.at(), tweet.id(), *at, *metrics))
            .collect();
        let mut row = vec![VERSION];
        binary::encode_value(&flat, &mut row).map_err(|error| RowsError::damaged(key, error))?;
        Ok(Some(row.into()))
    }

    /// Reads the row.
    ///
    /// # Errors
    /// [`RowsError::Damaged`].
    pub fn decode(key: &RowKey, row: &[u8]) -> Result<Self, RowsError> {
        let Some((&VERSION, body)) = row.split_first() else {
            return Err(RowsError::damaged(key, "unknown version"));
        };
        let flat: Vec<(Timestamp, Vec<u8>, Timestamp, TweetMetrics)> =
            binary::decode_value(body).map_err(|error| RowsError::damaged(key, error))?;
        let of_tweet = flat
            .into_iter()
            .map(|(tweet_at, id, at, metrics)| (TweetKey::from_parts(tweet_at, &id), (at, metrics)))
            .collect();
        Ok(Self { of_tweet })
    }
}
