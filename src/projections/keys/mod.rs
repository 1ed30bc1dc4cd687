//! Words, hashtags, mentions and authors: how many tweets have each, in buckets of time.
//!
//! ```text
//! posted ─► pending log ─(full)─► merge ─► map of counts: (width, bucket, kind, key) ─► tweets
//! deleted ─► pending log, or the map
//! both ─► contribution to the background of all keywords (`background`)
//! query ─► KeyCounts ─► both
//! ```
//!
//! A new tweet goes into the log of pending tweets. When a tweet fills the log, all tweets of the
//! log are merged into the map. Each tweet is counted in one bucket of each width: five minutes, an
//! hour and a day. Rows hold the keys themselves and no dictionary, so a deleted tweet leaves no
//! key behind.
//!
//! A bucket takes at most [`MAX_KEYS`] different keys of a kind, in the order of the journal. When
//! one more key comes, the bucket is cut: it continues to count the keys that it has, and takes no
//! new ones. Which keys a cut bucket has follows from the order of its tweets in the journal, and
//! the counts alone cannot show what a deletion changes. So when a cut bucket loses a tweet, its
//! counts are removed from the map, and queries count its tweets again.

pub mod background;
mod bucket;
mod buckets;
mod counts;
mod group_edits;
mod hours;
mod kept_sums;
mod key_costs;
mod key_sums;
mod kind;
mod merge;
mod names;
mod occurrences;
mod own_words;
mod pending;
mod pending_keys;
mod ranking;
mod recount;
mod remove;
mod window_parts;
mod window_words;
mod written_keys;

use super::tree::{self, Tree};
use super::{
    FoldedTweet, KeywordSummary, MetricsChange, Projection, RowChange, RowFormat, RowKind, Rows,
    RowsError,
};
use crate::events::Sequence;
use background::Contribution;
use merge::{Scope, merge};
use pending::{PENDING_FORMAT, PendingLog};
use written_keys::WrittenKeys;

pub use bucket::Width;
pub use hours::HourlyKeys;
pub use kind::{KeyKind, KeysOfTweet};
pub use own_words::own_words;
pub use ranking::{Ranked, Ranking, RankingQuery, Rising, ranking, rising, window_times};
pub use window_words::{Both, CutBucket, UntakenWords, WindowWord, WindowWords};

/// Maximum number of different keys of one kind in a bucket. It is small in unit tests, which fill
/// buckets.
pub const MAX_KEYS: u64 = if cfg!(test) { 40 } else { 20_000 };

/// The format of the leaves of the map of counts.
const COUNTS_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'w'),
    name: "key counts",
    versions: tree::VERSIONS,
    pack: None,
};

/// The state of the projection in memory.
#[derive(Debug)]
pub struct Keys {
    pending: PendingLog,
    counts: Tree,
    contribution: Contribution,
}

impl Keys {
    /// Takes the changes of the background by the tweets since the last call. `changed_at` is the
    /// sequence of the last event.
    pub(super) fn take_contribution(&mut self, changed_at: Sequence) -> Contribution {
        std::mem::take(&mut self.contribution).through(changed_at)
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            pending: PendingLog::default(),
            counts: Tree::new(&COUNTS_FORMAT),
            contribution: Contribution::default(),
        }
    }
}

impl Projection for Keys {
    const VERSION: u32 = 4;
    const SINCE: u32 = 9;
    const FORMATS: &'static [RowFormat] = &[PENDING_FORMAT, COUNTS_FORMAT];

    fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError> {
        Ok(Self {
            pending: PendingLog::hydrate(rows)?,
            ..Self::default()
        })
    }

    fn posted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        let keys = WrittenKeys::of(&KeysOfTweet::new(tweet.tweet, tweet.keys()));
        self.contribution.gained(tweet.key.at(), &keys);
        self.pending.push(tweet.sequence, &tweet.key, &keys);
        if self.pending.is_full() {
            let records = self.pending.take(rows)?;
            let pending = (&records[..], Scope::All);
            merge(&mut self.counts, rows, tweet.sequence, pending)?;
        }
        Ok(())
    }

    fn engaged(
        &mut self,
        _: &dyn Rows,
        _: &FoldedTweet<'_>,
        _: &MetricsChange,
    ) -> Result<(), RowsError> {
        Ok(())
    }

    fn deleted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        let keys = KeysOfTweet::new(tweet.tweet, tweet.keys());
        let written = WrittenKeys::of(&keys);
        self.contribution.lost(tweet.key.at(), &written);
        if self.pending.remove(rows, tweet.sequence, &tweet.key)? {
            return Ok(());
        }
        remove::remove(
            &mut self.counts,
            rows,
            tweet.sequence,
            tweet.key.at(),
            &keys,
        )
    }

    fn take_row_changes(&mut self, out: &mut Vec<RowChange>) -> Result<(), RowsError> {
        self.pending.take_row_changes(out);
        self.counts.take_row_changes(out);
        Ok(())
    }

    /// Adds the counts of all buckets to the digest, including those of pending tweets.
    fn digest(
        rows: &dyn Rows,
        _: &KeywordSummary,
        hasher: &mut blake3::Hasher,
    ) -> Result<(), RowsError> {
        counts::digest(rows, hasher)
    }
}

#[cfg(test)]
mod tests;
