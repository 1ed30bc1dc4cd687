//! The tweets of a span of time with the highest scores.

use std::cmp::{Ordering, Reverse};

use super::query::{TimelineQuery, query};
use super::stored::for_each_stored;
use crate::events::{Timestamp, TweetId, TweetMetrics, TweetPosted};
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
        Self {
            score: score(tweet.metrics),
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

fn score(metrics: TweetMetrics) -> u64 {
    let parts = [
        metrics.likes,
        metrics.reposts,
        metrics.quotes,
        metrics.replies,
    ];
    parts.into_iter().fold(0, u64::saturating_add)
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

/// The ids of the first `limit` tweets in `[from, to)` by score, equal scores newest first. Reads
/// every tweet there.
///
/// # Errors
/// [`RowsError`].
pub fn top_tweets(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<TweetId>, RowsError> {
    let mut first: Vec<(u64, TweetId)> = Vec::new();
    for_each_stored(rows, from, to, |stored| {
        let score = score(stored.tweet.metrics);
        // Tweets come oldest first, so this one stands before those with an equal score.
        let place = first.partition_point(|(held, _)| *held > score);
        if place < limit {
            first.truncate(limit - 1);
            first.insert(place, (score, stored.tweet.id));
        }
    })?;
    Ok(first.into_iter().map(|(_, id)| id).collect())
}
