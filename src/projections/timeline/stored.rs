//! Tweets with the records that counted them and set their metrics.

use std::ops::Range;

use super::entry::{CountingRecord, PageEntry};
use super::late_metrics::{EngagedMetrics, LateMetrics};
use super::page::TweetPage;
use super::query::Flow;
use crate::events::{Sequence, Timestamp, TweetPosted};
use crate::projections::{RowKey, Rows, RowsError, Seek, TweetKey};

/// A tweet of the timeline, with its latest metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTweet {
    /// The sequence of the record that counted the tweet; [`Sequence::ZERO`] in rows of an earlier
    /// version.
    pub sequence: Sequence,
    /// When the journal received the record that counted the tweet; `None` in rows of an earlier
    /// version.
    pub received_at: Option<Timestamp>,
    /// Reserved; 0 so far.
    pub flags: u8,
    /// The tweet.
    pub tweet: TweetPosted,
    /// When the metrics were read.
    pub metrics_at: Timestamp,
    /// The sequence of the record that set the metrics: that of the last `tweet.engaged`, or else
    /// the one that counted the tweet. [`Sequence::ZERO`] in rows of an earlier version.
    pub metrics_sequence: Sequence,
}

impl StoredTweet {
    /// Decodes a tweet, with the metrics from its post.
    ///
    /// # Errors
    /// A text that says what is wrong with the entry.
    pub(super) fn of(entry: &PageEntry<'_>) -> Result<Self, String> {
        let CountingRecord {
            sequence,
            received_at,
        } = entry.record()?;
        let tweet = entry.tweet()?;
        Ok(Self {
            sequence,
            received_at,
            flags: entry.flags,
            metrics_at: tweet.at,
            metrics_sequence: sequence,
            tweet,
        })
    }

    /// Sets the metrics to later ones, if there are any.
    pub(super) fn engage(&mut self, late: Option<EngagedMetrics>) {
        if let Some(late) = late {
            self.metrics_sequence = late.sequence;
            self.metrics_at = late.at;
            self.tweet.metrics = late.metrics;
        }
    }
}

/// Calls `visit` with every tweet whose time is in `[from, to)`, oldest first. To recount the
/// tweets in the order of the journal, sort them by [`StoredTweet::sequence`].
///
/// The rows are those last put, without the changes of a running batch. So a projection cannot use
/// this function while it folds: the rows of the projection would depend on the batches.
///
/// # Errors
/// [`RowsError`].
pub fn for_each_stored(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    mut visit: impl FnMut(StoredTweet),
) -> Result<(), RowsError> {
    stored_while(rows, from, to, |stored| {
        visit(stored);
        true
    })
}

/// Does the same as [`for_each_stored`], until `visit` returns `false`.
///
/// # Errors
/// [`RowsError`].
pub fn stored_while(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    mut visit: impl FnMut(StoredTweet) -> bool,
) -> Result<(), RowsError> {
    for_each_entry(rows, from..to, &mut |key, entry, late| {
        let stored = StoredTweet::of(entry);
        let mut stored = stored.map_err(|what| RowsError::damaged(key, what))?;
        stored.engage(late);
        Ok(if visit(stored) { Flow::Go } else { Flow::Stop })
    })
}

/// Visits a tweet: gets the key of the row of its page, its entry, and its late metrics if there
/// are any.
pub(super) type VisitEntry<'v> =
    dyn FnMut(&RowKey, &PageEntry<'_>, Option<EngagedMetrics>) -> Result<Flow, RowsError> + 'v;

/// Visits the tweets whose time is in a span, oldest first. Decodes no bodies: `visit` decodes what
/// it needs.
pub(super) fn for_each_entry(
    rows: &dyn Rows,
    times: Range<Timestamp>,
    visit: &mut VisitEntry<'_>,
) -> Result<(), RowsError> {
    let open_key = TweetPage::open_key();
    let Some(open) = rows.get(&open_key)? else {
        return Ok(());
    };
    let open = TweetPage::decode(&open_key, &open)?;
    let Range { start, end } = times;
    let mut span = Span {
        rows,
        first: TweetKey::start_of(start.max(Timestamp::from_millis(0))),
        to: end,
        visit,
    };
    if span.first < *open.lower() {
        let mut next = TweetPage::seek(rows, Seek::AtOrBefore(&span.first))?;
        while let Some((lower, row)) = next
            && lower.at() < end
        {
            let key = TweetPage::key(&lower);
            if let Flow::Stop = span.visit_page(&key, &TweetPage::decode(&key, &row)?)? {
                return Ok(());
            }
            next = TweetPage::seek(rows, Seek::After(&lower))?;
        }
    }
    span.visit_page(&open_key, &open)?;
    Ok(())
}

/// The tweets of a span of time, and the function that visits them.
struct Span<'a, 'v> {
    rows: &'a dyn Rows,
    /// A key at or before the first tweet.
    first: TweetKey,
    /// The end of the span, exclusive.
    to: Timestamp,
    visit: &'a mut VisitEntry<'v>,
}

impl Span<'_, '_> {
    /// Visits the tweets of the page in the row `key`.
    fn visit_page(&mut self, key: &RowKey, page: &TweetPage) -> Result<Flow, RowsError> {
        let start = page.position(&self.first).unwrap_or_else(|index| index);
        let entries = (start..page.len()).filter_map(|index| page.entry(index));
        let mut late = None;
        for entry in entries.take_while(|entry| entry.at < self.to) {
            self.rows.look(entry.len())?;
            let late = match &late {
                Some(late) => late,
                None => &*late.insert(LateMetrics::read(self.rows, page.lower())?),
            };
            let engaged = if late.is_empty() {
                None
            } else {
                late.get(&entry.key())
            };
            if let Flow::Stop = (self.visit)(key, &entry, engaged)? {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Go)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::test_history::{self, TestKeyword};
    use crate::projections::{Meter, MeteredRows};

    fn folded() -> TestKeyword {
        let mut folded = TestKeyword::new();
        folded.fold(test_history::history());
        folded
    }

    fn between(rows: &dyn Rows, from: Timestamp, to: Timestamp) -> Vec<StoredTweet> {
        let mut found = Vec::new();
        for_each_stored(rows, from, to, |stored| found.push(stored)).unwrap();
        found
    }

    const ALWAYS: (Timestamp, Timestamp) = (Timestamp::from_millis(-1), Timestamp::LATEST);

    /// The sequence of a tweet of the history: after each tenth tweet comes an event that engages
    /// the tweet eight before it.
    fn sequence_of(number: u64) -> u64 {
        1 + number + number / 10
    }

    #[test]
    fn tweets_come_with_the_records_that_counted_and_engaged_them() {
        let folded = folded();
        let all = between(&folded.rows, ALWAYS.0, ALWAYS.1);
        let mut tweets: Vec<_> = (0..300)
            .filter(|number| ![20, 298].contains(number))
            .collect();
        assert_eq!(all.len(), tweets.len());
        let posted = |number: &u64| TweetKey::of(&test_history::tweet(*number));
        tweets.sort_by_key(posted);
        for (number, stored) in tweets.into_iter().zip(all) {
            let mut tweet = test_history::tweet(number);
            let (mut sequence, mut metrics_at) = (sequence_of(number), tweet.at);
            assert_eq!(stored.sequence, Sequence::new(sequence));
            assert_eq!(stored.received_at, Some(test_history::NOON));
            let engaged = match number {
                299 => Some((331, 7)),
                _ if number % 10 == 1 => Some((sequence_of(number + 8) + 1, number + 8)),
                _ => None,
            };
            if let Some((engaged_at, likes)) = engaged {
                (sequence, metrics_at) = (engaged_at, tweet.at.plus(Timestamp::DAY));
                tweet.metrics.likes = likes;
            }
            assert_eq!(stored.metrics_sequence, Sequence::new(sequence), "{number}");
            assert_eq!((stored.tweet, stored.metrics_at), (tweet, metrics_at));
        }
    }

    #[test]
    fn rows_of_the_earlier_version_name_no_records() {
        let rows = test_history::rows_of_fold_4();
        let earlier = between(&rows, ALWAYS.0, ALWAYS.1);
        let later = between(&folded().rows, ALWAYS.0, ALWAYS.1);
        assert_eq!(earlier.len(), later.len());
        for (earlier, later) in earlier.into_iter().zip(later) {
            let expected = StoredTweet {
                sequence: Sequence::ZERO,
                received_at: None,
                metrics_sequence: Sequence::ZERO,
                ..later
            };
            assert_eq!(earlier, expected);
        }
    }

    #[test]
    fn any_span_has_its_tweets_and_reads_no_others() {
        let folded = folded();
        let all = between(&folded.rows, ALWAYS.0, ALWAYS.1);
        let meter = Meter::default();
        let metered = MeteredRows::new(&folded.rows, &meter);
        between(&metered, ALWAYS.0, ALWAYS.1);
        let whole = meter.bytes();
        for minute in (-70..310).step_by(9) {
            let from = test_history::NOON.plus(minute * Timestamp::MINUTE);
            for minutes in [0, 1, 40, 200] {
                let to = from.plus(minutes * Timestamp::MINUTE);
                let before = meter.bytes();
                let found = between(&metered, from, to);
                let is_inside = |stored: &&StoredTweet| (from..to).contains(&stored.tweet.at);
                let expected: Vec<_> = all.iter().filter(is_inside).cloned().collect();
                assert_eq!(found, expected);
                assert!(minutes > 40 || meter.bytes() - before < whole / 2);
            }
        }
    }
}
