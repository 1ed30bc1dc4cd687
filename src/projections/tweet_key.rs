//! The order of tweets in a timeline.

use super::rows::{RowKey, RowKind};
use crate::events::{Timestamp, TweetId, TweetPosted};

/// Where a tweet stands in its timeline: by time, then by the bytes of its id.
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

    /// Before every tweet at or after `at`.
    pub fn start_of(at: Timestamp) -> Self {
        Self {
            at,
            id: Box::default(),
        }
    }

    /// Before every tweet.
    pub fn first() -> Self {
        Self::start_of(Timestamp::from_millis(0))
    }

    /// A key from its parts, as a row or cursor holds them.
    pub fn from_parts(at: Timestamp, id: &[u8]) -> Self {
        Self { at, id: id.into() }
    }

    /// The key in the name of a row; `None` when the name has none.
    pub fn of_row(row: &RowKey) -> Option<Self> {
        let (at, id) = row.suffix().split_first_chunk::<8>()?;
        let at = Timestamp::from_millis(i64::from_be_bytes(*at));
        Some(Self::from_parts(at, id))
    }

    /// The row of this kind that is named by this key: milliseconds in big-endian order, then the
    /// bytes of the id. Rows are in the order of their keys, since no event is before 1970.
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
