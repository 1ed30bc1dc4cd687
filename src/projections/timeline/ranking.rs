//! The tweets of a span of time with the highest scores.

use std::cmp::{Ordering, Reverse};

use super::query::{TimelineQuery, query};
use crate::events::{Timestamp, TweetPosted};
use crate::projections::rows::{Rows, RowsError};

/// Tweets that one step of the scan reads.
const STEP: usize = 200;

/// A tweet and its score: likes, reposts, quotes and replies, as last known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedTweet {
    /// The sum of the metrics.
    pub score: u64,
    /// The tweet, with its latest metrics.
    pub tweet: TweetPosted,
}

impl RankedTweet {
    fn new(tweet: TweetPosted) -> Self {
        let metrics = tweet.metrics;
        let parts = [
            metrics.likes,
            metrics.reposts,
            metrics.quotes,
            metrics.replies,
        ];
        Self {
            score: parts.into_iter().fold(0, u64::saturating_add),
            tweet,
        }
    }

    /// The highest score first, then by the bytes of the id.
    fn order(&self, other: &Self) -> Ordering {
        Reverse(self.score)
            .cmp(&Reverse(other.score))
            .then_with(|| self.tweet.id.as_bytes().cmp(other.tweet.id.as_bytes()))
    }
}

/// The first `limit` tweets in `[from, to)` by score. Reads every tweet there.
///
/// # Errors
/// [`RowsError`].
pub fn rank_tweets(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<RankedTweet>, RowsError> {
    let mut wanted = TimelineQuery {
        limit: STEP,
        from: Some(from),
        to: Some(to),
        ..TimelineQuery::default()
    };
    let mut first: Vec<RankedTweet> = Vec::new();
    loop {
        let page = query(rows, &wanted)?;
        first.extend(page.items.into_iter().map(RankedTweet::new));
        first.sort_unstable_by(RankedTweet::order);
        first.truncate(limit);
        wanted.before = page.next;
        if wanted.before.is_none() {
            return Ok(first);
        }
    }
}
