//! The counts of a keyword's words in the map of one shard, which rows can keep for later queries.

use crate::projections::KeptResult;
use crate::projections::keys::window_words::Both;

/// The number of tweets in the map of a shard that have each word of a keyword.
#[derive(Debug)]
pub(super) struct MapCounts {
    /// [`WindowWords::digest`](crate::projections::keys::WindowWords::digest) of the words.
    pub(super) words: u64,
    /// The counts of each word, by the index of the word.
    pub(super) counts: Vec<Both<i64>>,
    /// The number of all tweets in the map, in each window.
    pub(super) totals: Both<i64>,
}

impl KeptResult for MapCounts {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.counts.len() * size_of::<Both<i64>>()
    }
}
