//! The tweets of a span of time with the highest scores.
//!
//! In: the rows, and a span. Out: the first tweets in one of two orders.
//!
//! A span is divided into **slots**: hours and, where these have very many tweets, slots of five
//! minutes, a minute and five seconds. The first tweets of a slot are a result that rows can keep
//! (`results.rs`). So a query reads the tweets of those slots that have changed since an earlier
//! query, and a few entries of each other slot.

use std::cmp::Reverse;
use std::ops::Range;

use super::entry::PageEntry;
use super::late_metrics::EngagedMetrics;
use super::page::TweetPage;
use super::query::{Flow, with_latest};
use super::stored::for_each_entry;
use crate::events::{Timestamp, TweetId, TweetMetrics, TweetPosted};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::volume::{Step, points};
use crate::projections::{KeptResult, RowKey, Seek, TweetKey, kept};

/// Maximum number of tweets in a ranking.
pub const MAX_RANKED_TWEETS: usize = 100;
/// Maximum number of tweets that [`top_tweets`] returns.
pub const MAX_TOP_TWEETS: usize = 10;

/// The widths of slots in milliseconds, the widest first.
const WIDTHS: [i64; 4] = [
    Timestamp::HOUR,
    5 * Timestamp::MINUTE,
    Timestamp::MINUTE,
    5_000,
];
/// Maximum number of tweets of a slot that is read as a whole. A slot with more tweets is divided
/// into narrower ones. The maximum is small in unit tests.
const MAX_SLOT_TWEETS: u64 = if cfg!(test) { 4 } else { 2_048 };

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

/// Returns the tweets of `[from, to)` with the highest scores, highest first. Tweets with equal
/// scores are in the order of their ids. Returns at most `limit` tweets, and at most
/// `MAX_RANKED_TWEETS`. Only the returned tweets are decoded whole; of the others only the
/// metrics are.
///
/// # Errors
/// [`RowsError`].
pub fn rank_tweets(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<RankedTweet>, RowsError> {
    let first = Slots::new(rows, Order::Id).first_in(from..to)?;
    let ranked = first.tweets.into_iter().take(limit).map(|scored| {
        Ok(RankedTweet {
            score: scored.score,
            tweet: tweet(rows, &scored.key)?,
        })
    });
    ranked.collect()
}

/// Returns the ids of the tweets of `[from, to)` with the highest scores, highest first. Tweets
/// with equal scores are in the order of their times, newest first. Returns at most `limit` ids,
/// and at most `MAX_TOP_TWEETS`.
///
/// # Errors
/// [`RowsError`].
pub fn top_tweets(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<TweetId>, RowsError> {
    let first = Slots::new(rows, Order::Newest).first_in(from..to)?;
    let keys = first.tweets.into_iter().take(limit);
    keys.map(|scored| Ok(tweet(rows, &scored.key)?.id))
        .collect()
}

/// The order of tweets with equal scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// By the bytes of the tweets' ids.
    Id,
    /// The newest first.
    Newest,
}

impl Order {
    /// Number of tweets that each slot keeps.
    const fn limit(self) -> usize {
        match self {
            Self::Id => MAX_RANKED_TWEETS,
            Self::Newest => MAX_TOP_TWEETS,
        }
    }
}

/// The score of a tweet, and its key.
#[derive(Debug, Clone)]
struct Scored {
    score: u64,
    key: TweetKey,
}

/// The first tweets of a span in one order.
#[derive(Debug)]
struct FirstTweets {
    order: Order,
    tweets: Vec<Scored>,
}

impl KeptResult for FirstTweets {
    fn bytes(&self) -> usize {
        let of_tweet = |scored: &Scored| size_of::<Scored>() + scored.key.id().len();
        self.tweets.iter().map(of_tweet).sum()
    }
}

impl FirstTweets {
    const fn new(order: Order) -> Self {
        Self {
            order,
            tweets: Vec::new(),
        }
    }

    /// Takes a tweet if it is among the first ones so far.
    fn offer(&mut self, score: u64, at: Timestamp, id: &[u8]) {
        let order = self.order;
        let index = self.tweets.partition_point(|held| {
            let (held_at, held_id) = (held.key.at(), held.key.id());
            let by_score = Reverse(held.score).cmp(&Reverse(score));
            let compared = by_score.then_with(|| match order {
                Order::Id => held_id.cmp(id),
                Order::Newest => (at, id).cmp(&(held_at, held_id)),
            });
            compared.is_lt()
        });
        if index < order.limit() {
            self.tweets.truncate(order.limit() - 1);
            let key = TweetKey::from_parts(at, id);
            self.tweets.insert(index, Scored { score, key });
        }
    }

    fn add(&mut self, others: &Self) {
        for Scored { score, key } in &others.tweets {
            self.offer(*score, key.at(), key.id());
        }
    }
}

/// Finds the first tweets of spans, slot by slot.
struct Slots<'r> {
    rows: &'r dyn Rows,
    order: Order,
}

impl<'r> Slots<'r> {
    const fn new(rows: &'r dyn Rows, order: Order) -> Self {
        Self { rows, order }
    }

    fn first_in(&self, span: Range<Timestamp>) -> Result<FirstTweets, RowsError> {
        let mut first = FirstTweets::new(self.order);
        for hour in points(self.rows, span.start, span.end, Step::Hour, 0)? {
            if hour.count > 0 {
                let end = hour.at.plus(Timestamp::HOUR);
                let part = hour.at.max(span.start)..end.min(span.end);
                self.add_part(&part, (0, hour.count), &mut first)?;
            }
        }
        Ok(first)
    }

    /// Adds the first tweets of a part of a slot of this level. The part has at most `count`
    /// tweets.
    fn add_part(
        &self,
        part: &Range<Timestamp>,
        (level, count): (usize, u64),
        first: &mut FirstTweets,
    ) -> Result<(), RowsError> {
        let Some(width) = WIDTHS.get(level) else {
            return self.scan(part, first);
        };
        let is_whole =
            part.start.floor_to(*width) == part.start && part.start.plus(*width) == part.end;
        if !is_whole {
            return self.add_parts(part, level + 1, first);
        }
        let number = match self.order {
            Order::Id => 0,
            Order::Newest => 1,
        };
        let of_slot = kept(self.rows, part.clone(), number, || {
            let mut of_slot = FirstTweets::new(self.order);
            if count <= MAX_SLOT_TWEETS {
                self.scan(part, &mut of_slot)?;
            } else {
                self.add_parts(part, level + 1, &mut of_slot)?;
            }
            Ok(of_slot)
        })?;
        first.add(&of_slot);
        Ok(())
    }

    /// Adds the first tweets of a span that lies in one slot of a wider level, one slot of this
    /// level after the other.
    fn add_parts(
        &self,
        span: &Range<Timestamp>,
        level: usize,
        first: &mut FirstTweets,
    ) -> Result<(), RowsError> {
        let Some(width) = WIDTHS.get(level).copied() else {
            return self.scan(span, first);
        };
        let minutes = points(self.rows, span.start, span.end, Step::Minute, 0)?;
        let starts = std::iter::successors(Some(span.start.floor_to(width)), |start| {
            Some(start.plus(width))
        });
        for start in starts.take_while(|start| *start < span.end) {
            let end = start.plus(width);
            let inside = start.floor_to(Timestamp::MINUTE)..end;
            let inside = minutes.iter().filter(|minute| inside.contains(&minute.at));
            let count = inside.map(|minute| minute.count).sum();
            if count > 0 {
                let part = start.max(span.start)..end.min(span.end);
                self.add_part(&part, (level, count), first)?;
            }
        }
        Ok(())
    }

    /// Reads every tweet of a span.
    fn scan(&self, span: &Range<Timestamp>, first: &mut FirstTweets) -> Result<(), RowsError> {
        for_each_entry(self.rows, span.clone(), &mut |key, entry, late| {
            let metrics = latest(entry, late).map_err(|what| RowsError::damaged(key, what))?;
            first.offer(score(metrics), entry.at, entry.id);
            Ok(Flow::Go)
        })
    }
}

fn latest(entry: &PageEntry<'_>, late: Option<EngagedMetrics>) -> Result<TweetMetrics, String> {
    match late {
        Some(late) => Ok(late.metrics),
        None => entry.metrics(),
    }
}

/// The tweet with this key, with its latest metrics.
fn tweet(rows: &dyn Rows, key: &TweetKey) -> Result<TweetPosted, RowsError> {
    let missing = |row: &RowKey| RowsError::damaged(row, "a ranked tweet is missing");
    let open_key = TweetPage::open_key();
    let open = rows.get(&open_key)?.ok_or_else(|| missing(&open_key))?;
    let mut page = TweetPage::decode(&open_key, &open)?;
    let mut row_key = open_key;
    if *key < *page.lower() {
        let found = TweetPage::seek(rows, Seek::AtOrBefore(key))?;
        let (lower, row) = found.ok_or_else(|| missing(&TweetPage::key(key)))?;
        row_key = TweetPage::key(&lower);
        page = TweetPage::decode(&row_key, &row)?;
    }
    let entry = page.position(key).ok().and_then(|index| page.entry(index));
    let entry = entry.ok_or_else(|| missing(&row_key))?;
    rows.look(entry.len())?;
    with_latest(rows, &row_key, &page, &entry, &mut None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Event;
    use crate::projections::TouchedTimes;
    use crate::projections::test_history::{self, NOON, TestKeyword};
    use crate::projections::test_rows::{CountedRows, KeepingRows, KeptResults};
    use crate::projections::timeline::for_each_stored;

    fn ids(tweets: &[TweetPosted]) -> Vec<TweetId> {
        tweets.iter().map(|tweet| tweet.id.clone()).collect()
    }

    /// Compares both orders with sorted lists of all tweets of a span.
    fn assert_first(rows: &dyn Rows, from: Timestamp, to: Timestamp) {
        let mut tweets = Vec::new();
        for_each_stored(rows, from, to, |stored| tweets.push(stored.tweet)).unwrap();
        tweets.sort_by_key(|tweet| (Reverse(score(tweet.metrics)), tweet.id.clone()));
        let ranked = rank_tweets(rows, from, to, 50).unwrap();
        let ranked: Vec<_> = ranked.into_iter().map(|one| one.tweet).collect();
        assert_eq!(ranked, tweets.iter().take(50).cloned().collect::<Vec<_>>());
        let newest = |tweet: &TweetPosted| Reverse(TweetKey::of(tweet));
        tweets.sort_by_key(|tweet| (Reverse(score(tweet.metrics)), newest(tweet)));
        tweets.truncate(MAX_TOP_TWEETS);
        assert_eq!(top_tweets(rows, from, to, 50).unwrap(), ids(&tweets));
    }

    #[test]
    fn tweets_rank_by_their_latest_metrics_and_equal_ones_by_id_or_time() {
        let mut folded = TestKeyword::new();
        folded.fold(test_history::history());
        let crowd = (0..60).map(|number| {
            let at = NOON.plus(400 * Timestamp::MINUTE + number * 1_500);
            let mut tweet = TweetPosted::of_test(&format!("y:{:02}", 97 * number % 60), at, "a");
            tweet.metrics.likes = u64::try_from(number % 3).unwrap();
            Event::TweetPosted(Box::new(tweet))
        });
        folded.fold(crowd);
        let results = KeptResults::default();
        let rows = KeepingRows::new(&folded.rows, &results);
        for (from, to) in [
            (-70, 400),
            (0, 90),
            (90, 90),
            (300, 402),
            (401, 402),
            (0, 90),
        ] {
            let [from, to] = [from, to].map(|minute| NOON.plus(minute * Timestamp::MINUTE));
            assert_first(&folded.rows, from, to);
            assert_first(&rows, from, to);
            assert_first(&rows, from.plus(7), to.plus(12_345));
        }
    }

    #[test]
    fn second_ranking_reads_the_tweets_of_touched_slots_alone() {
        let mut folded = TestKeyword::new();
        folded.fold(test_history::history());
        let counted = CountedRows::new(&folded.rows);
        let results = KeptResults::default();
        let rows = KeepingRows::new(&counted, &results);
        let [from, to] = [-60, 300].map(|minute| NOON.plus(minute * Timestamp::MINUTE));
        let read = |limit| {
            let before = counted.bytes_looked_at();
            rank_tweets(&rows, from, to, limit).unwrap();
            counted.bytes_looked_at() - before
        };
        let all = read(1);
        let one = read(1);
        assert!(one < all / 100, "{one} of {all} bytes");
        // One slot of five minutes has five tweets.
        let mut touched = TouchedTimes::default();
        touched.add(NOON.plus(Timestamp::MINUTE));
        results.put(&touched);
        let again = read(1) - one;
        assert!(again > 0 && again < all / 40, "{again} of {all} bytes");
    }
}
