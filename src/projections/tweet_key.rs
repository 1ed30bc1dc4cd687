//! The order of tweets in a timeline.

use super::rows::{RowKey, RowKind};
use crate::events::{Timestamp, TweetId, TweetPosted};

/// The position of a tweet in a timeline: its time, then the bytes of its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TweetKey {
    at: Timestamp,
    id: Box<[u8]>,
}

impl TweetKey {
    /// The key of a tweet.
    pub fn new(at: Timestamp, id: &TweetId) -> Self {
        Self {
            at,
            id: id.as_bytes().into(),
        }
    }

    /// The key of this tweet.
    pub fn of(tweet: &TweetPosted) -> Self {
        Self::new(tweet.at, &tweet.id)
    }

    /// The smallest key at or after `at`.
    pub fn start_of(at: Timestamp) -> Self {
        Self {
            at,
            id: Box::default(),
        }
    }

    /// The smallest key of all.
    pub fn first() -> Self {
        Self::start_of(Timestamp::from_millis(0))
    }

    /// Makes a key from its parts in a row or cursor.
    pub fn from_parts(at: Timestamp, id: &[u8]) -> Self {
        Self { at, id: id.into() }
    }

    /// Reads the key from the suffix of a row key; `None` when the suffix is too short.
    pub fn of_row(row: &RowKey) -> Option<Self> {
        let (at, id) = row.suffix().split_first_chunk::<8>()?;
        let at = Timestamp::from_millis(i64::from_be_bytes(*at));
        Some(Self::from_parts(at, id))
    }

    /// The key of the row of this kind that this tweet key names: milliseconds in big-endian order,
    /// then the bytes of the id. Rows are in the order of their tweet keys, because no event is
    /// before 1970.
    pub fn row(&self, kind: RowKind) -> RowKey {
        RowKey::of_kind(kind)
            .with(&self.at.millis().to_be_bytes())
            .with(&self.id)
    }

    /// The tweet's time.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The bytes of the tweet's id.
    pub fn id(&self) -> &[u8] {
        &self.id
    }
}
