//! The tweets of a span of time with the highest scores.

use std::cmp::Reverse;

use super::entry::PageEntry;
use super::late_metrics::EngagedMetrics;
use super::query::Flow;
use super::stored::for_each_entry;
use crate::events::{Timestamp, TweetId, TweetMetrics, TweetPosted};
use crate::projections::rows::{Rows, RowsError};

/// A tweet and its score: likes, reposts, quotes and replies, as last known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedTweet {
    /// The sum of the metrics.
    pub score: u64,
    /// The tweet, with its latest metrics.
    pub tweet: TweetPosted,
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

/// The first `limit` tweets in `[from, to)` by score. Reads every tweet there, and decodes the
/// metrics of each and the whole of few.
///
/// # Errors
/// [`RowsError`].
pub fn rank_tweets(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<RankedTweet>, RowsError> {
    let mut first: Vec<RankedTweet> = Vec::new();
    for_each_entry(rows, from..to, &mut |key, entry, late| {
        let damaged = |what| RowsError::damaged(key, what);
        let metrics = latest(entry, late).map_err(damaged)?;
        let score = score(metrics);
        let place = first.partition_point(|held| {
            let held_id = held.tweet.id.as_bytes();
            (Reverse(held.score), held_id) < (Reverse(score), entry.id)
        });
        if place < limit {
            let mut tweet = entry.tweet().map_err(damaged)?;
            tweet.metrics = metrics;
            first.truncate(limit - 1);
            first.insert(place, RankedTweet { score, tweet });
        }
        Ok(Flow::Go)
    })?;
    Ok(first)
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
    for_each_entry(rows, from..to, &mut |key, entry, late| {
        let damaged = |what| RowsError::damaged(key, what);
        let score = score(latest(entry, late).map_err(damaged)?);
        // Tweets come oldest first, so this one stands before those with an equal score.
        let place = first.partition_point(|(held, _)| *held > score);
        if place < limit {
            let tweet = entry.tweet().map_err(damaged)?;
            first.truncate(limit - 1);
            first.insert(place, (score, tweet.id));
        }
        Ok(Flow::Go)
    })?;
    Ok(first.into_iter().map(|(_, id)| id).collect())
}

fn latest(entry: &PageEntry<'_>, late: Option<EngagedMetrics>) -> Result<TweetMetrics, String> {
    match late {
        Some(late) => Ok(late.metrics),
        None => entry.metrics(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::test_history::{self, TestKeyword};
    use crate::projections::timeline::for_each_stored;

    #[test]
    fn tweets_rank_by_their_latest_metrics_and_equal_ones_by_id_or_time() {
        let mut folded = TestKeyword::new();
        folded.fold(test_history::history());
        let rows = &folded.rows;
        for (from, to) in [(-70, 400), (0, 90), (90, 90)] {
            let [from, to] =
                [from, to].map(|minute| test_history::NOON.plus(minute * Timestamp::MINUTE));
            let mut tweets = Vec::new();
            for_each_stored(rows, from, to, |stored| tweets.push(stored.tweet)).unwrap();
            tweets.sort_by_key(|tweet| (Reverse(score(tweet.metrics)), tweet.id.clone()));
            let ranked = rank_tweets(rows, from, to, 50).unwrap();
            let ranked: Vec<_> = ranked.into_iter().map(|one| one.tweet).collect();
            assert_eq!(ranked, tweets.iter().take(50).cloned().collect::<Vec<_>>());
            tweets.sort_by_key(|tweet| (Reverse(score(tweet.metrics)), Reverse(tweet.at)));
            let at_of = |id: &TweetId| tweets.iter().find(|tweet| tweet.id == *id).unwrap().at;
            let top = top_tweets(rows, from, to, 50).unwrap();
            let times: Vec<_> = top.iter().map(at_of).collect();
            let expected: Vec<_> = tweets.iter().take(50).map(|tweet| tweet.at).collect();
            assert_eq!(times, expected);
        }
    }
}
