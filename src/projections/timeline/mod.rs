//! The timeline of a keyword: its tweets in key order. Tweet pages divide the range of keys without
//! gaps.
//!
//! The newest page is open: it stays in memory, because most tweets belong there. Other pages are
//! loaded when a late tweet, a deletion or new metrics concern them, and leave memory at the end of
//! the batch. The insertion that makes a page too large splits it. The end of a batch never does,
//! so the rows depend on the events alone. A page is removed when its last tweet is deleted; the
//! page before it then covers its span. The first page has no page before it, so it stays even when
//! it is empty.
//!
//! The timeline owns the tweets. The fold reads the tweet that an event concerns with
//! [`Timeline::stored`], before any projection changes its rows.

mod closed_pages;
mod entry;
mod filter;
mod late_metrics;
pub(crate) mod page;
mod page_compression;
mod query;
mod ranking;
mod scan;
mod stored;
mod texts;

use std::collections::BTreeMap;

use super::{
    FoldedTweet, KeywordSummary, MetricsChange, Projection, RowChange, RowFormat, Rows, RowsError,
    Seek, TweetKey,
};
use crate::events::{Event, Sequence, Timestamp, json};
use closed_pages::{ClosedPages, Touched};
use late_metrics::{EngagedMetrics, LateMetrics, METRICS_FORMAT};
use page::{OPEN_PAGE_FORMAT, PAGE_FORMAT, TweetPage};
pub use query::{TimelinePage, TimelineQuery, for_each_tweet, query};
pub use ranking::{RankedTweet, rank_tweets, top_tweets};
pub use scan::{MAX_TEXT_BYTES, TimelineScan};
pub use stored::{StoredTweet, for_each_stored, stored_while};
pub use texts::texts_while;

/// The state of a timeline in memory.
#[derive(Debug)]
pub struct Timeline {
    open: TweetPage,
    open_changed: bool,
    /// Late metrics of the open page. They stay in memory, so that splitting the open page reads no
    /// rows.
    open_metrics: Touched<LateMetrics>,
    closed: ClosedPages,
    /// Whether a tweet of this batch belonged to a closed page.
    was_late: bool,
    /// Late metrics of closed pages that this batch has read, by lower bound of the page.
    metrics: BTreeMap<TweetKey, Touched<LateMetrics>>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::with_open(TweetPage::new(TweetKey::first()), LateMetrics::default())
    }
}

impl Projection for Timeline {
    const VERSION: u32 = 2;
    const SINCE: u32 = 0;
    const FORMATS: &'static [RowFormat] = &[OPEN_PAGE_FORMAT, PAGE_FORMAT, METRICS_FORMAT];

    fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError> {
        let key = TweetPage::open_key();
        match rows.get(&key)? {
            Some(row) => {
                let open = TweetPage::decode(&key, &row)?;
                let late = LateMetrics::read(rows, open.lower())?;
                Ok(Self::with_open(open, late))
            }
            None => Ok(Self::default()),
        }
    }

    fn posted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        self.add(rows, tweet)
    }

    fn engaged(
        &mut self,
        rows: &dyn Rows,
        tweet: &FoldedTweet<'_>,
        change: &MetricsChange,
    ) -> Result<(), RowsError> {
        let engaged = EngagedMetrics {
            sequence: tweet.sequence,
            at: change.at,
            metrics: change.after,
        };
        self.set_metrics(rows, &tweet.key, engaged)
    }

    fn deleted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        self.remove(rows, &tweet.key, tweet.sequence)
    }

    /// Only the open page stays in memory. Late tweets change the same closed pages again and
    /// again. So a batch with a late tweet leaves its closed pages plain, and the store packs them,
    /// once for all changes that it writes together.
    fn take_row_changes(&mut self, out: &mut Vec<RowChange>) -> Result<(), RowsError> {
        if std::mem::take(&mut self.open_changed) {
            out.push((TweetPage::open_key(), Some(self.open.encode())));
        }
        let is_kept_plain = std::mem::take(&mut self.was_late);
        self.closed.take_row_changes(is_kept_plain, out);
        for (lower, metrics) in std::mem::take(&mut self.metrics) {
            metrics.push_row(&lower, out)?;
        }
        self.open_metrics.push_row(self.open.lower(), out)?;
        self.open_metrics.changed = false;
        Ok(())
    }

    /// Adds the number of tweets, then every tweet with its latest metrics, newest first.
    fn digest(
        rows: &dyn Rows,
        summary: &KeywordSummary,
        hasher: &mut blake3::Hasher,
    ) -> Result<(), RowsError> {
        hasher.update(&summary.tweets.to_be_bytes());
        for_each_tweet(rows, |tweet| {
            hasher.update(&json::encode(&Event::TweetPosted(Box::new(tweet))));
            hasher.update(b"\n");
        })
    }
}

impl Timeline {
    fn with_open(open: TweetPage, late: LateMetrics) -> Self {
        Self {
            open,
            open_changed: false,
            open_metrics: Touched::read(late),
            closed: ClosedPages::default(),
            was_late: false,
            metrics: BTreeMap::new(),
        }
    }

    /// Adds a tweet whose id is new.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn add(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        let page = self.page_for_change(rows, &tweet.key)?;
        let lower = page.lower().clone();
        let grows_at_end = page.position(&tweet.key) == Err(page.len());
        page.insert(tweet)?;
        if page.is_overfull() {
            let upper = page.split(grows_at_end);
            self.keep_upper_part(rows, &lower, upper)?;
        }
        Ok(())
    }

    fn keep_upper_part(
        &mut self,
        rows: &dyn Rows,
        lower: &TweetKey,
        upper: TweetPage,
    ) -> Result<(), RowsError> {
        let metrics = self.metrics_of_page(rows, lower)?;
        let moved = metrics.value.split_off(upper.lower(), upper.changed_at());
        metrics.changed |= !moved.is_empty();
        let moved = Touched {
            changed: !moved.is_empty(),
            value: moved,
        };
        if lower == self.open.lower() {
            let full = std::mem::replace(&mut self.open, upper);
            self.open_changed = true;
            self.closed.add_newest(full);
            let closed = std::mem::replace(&mut self.open_metrics, moved);
            self.metrics.insert(lower.clone(), closed);
        } else {
            self.metrics.insert(upper.lower().clone(), moved);
            self.closed.add(upper);
        }
        Ok(())
    }

    /// Removes a tweet. `sequence` is that of the event that removes it.
    fn remove(
        &mut self,
        rows: &dyn Rows,
        key: &TweetKey,
        sequence: Sequence,
    ) -> Result<(), RowsError> {
        let page = self.page_for_change(rows, key)?;
        let Ok(index) = page.position(key) else {
            return Ok(());
        };
        page.remove(index, sequence);
        let lower = page.lower().clone();
        let is_empty = page.len() == 0;
        let metrics = self.metrics_of_page(rows, &lower)?;
        metrics.changed |= metrics.value.remove(key, sequence);
        if is_empty && lower != *self.open.lower() && lower != TweetKey::first() {
            self.closed.end(lower);
        }
        Ok(())
    }

    /// Returns the tweet with this key, which must be in the timeline according to the ids.
    ///
    /// # Errors
    /// [`RowsError`], also when the tweet is missing.
    pub fn stored(&mut self, rows: &dyn Rows, key: &TweetKey) -> Result<StoredTweet, RowsError> {
        let page = self.page(rows, key)?;
        let lower = page.lower().clone();
        let damaged = |what| RowsError::damaged(&TweetPage::key(&lower), what);
        let entry = page.position(key).ok().and_then(|index| page.entry(index));
        let entry = entry.ok_or_else(|| damaged("a tweet that the ids know is missing".into()))?;
        let mut stored = StoredTweet::of(&entry).map_err(damaged)?;
        stored.engage(self.metrics_of_page(rows, &lower)?.value.get(key));
        Ok(stored)
    }

    fn set_metrics(
        &mut self,
        rows: &dyn Rows,
        key: &TweetKey,
        engaged: EngagedMetrics,
    ) -> Result<(), RowsError> {
        let lower = if key >= self.open.lower() {
            self.open.lower().clone()
        } else {
            self.closed.lower_of(rows, key, self.open.lower())?
        };
        let late = self.metrics_of_page(rows, &lower)?;
        late.value.set(key.clone(), engaged);
        late.changed = true;
        Ok(())
    }

    /// The times of the oldest and the newest tweet.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn span(&mut self, rows: &dyn Rows) -> Result<Option<(Timestamp, Timestamp)>, RowsError> {
        let open = self.open.lower().clone();
        let mut newest = self.open.last().map(|entry| entry.at);
        if newest.is_none()
            && let Some(lower) = self.closed.find(rows, Seek::Before(&open))?
        {
            newest = self
                .closed
                .load(rows, &lower)?
                .value
                .last()
                .map(|entry| entry.at);
        }
        let first = TweetKey::first();
        let mut oldest = None;
        if first != open {
            oldest = self
                .closed
                .load(rows, &first)?
                .value
                .first()
                .map(|entry| entry.at);
            if oldest.is_none()
                && let Some(lower) = self.closed.find(rows, Seek::After(&first))?
            {
                oldest = self
                    .closed
                    .load(rows, &lower)?
                    .value
                    .first()
                    .map(|entry| entry.at);
            }
        }
        let oldest = oldest.or_else(|| self.open.first().map(|entry| entry.at));
        Ok(oldest.zip(newest))
    }

    fn page(&mut self, rows: &dyn Rows, key: &TweetKey) -> Result<&TweetPage, RowsError> {
        if key >= self.open.lower() {
            return Ok(&self.open);
        }
        let lower = self.closed.lower_of(rows, key, self.open.lower())?;
        self.closed.remember(key, &lower);
        Ok(&self.closed.load(rows, &lower)?.value)
    }

    fn page_for_change(
        &mut self,
        rows: &dyn Rows,
        key: &TweetKey,
    ) -> Result<&mut TweetPage, RowsError> {
        if key >= self.open.lower() {
            self.open_changed = true;
            return Ok(&mut self.open);
        }
        self.was_late = true;
        let lower = self.closed.lower_of(rows, key, self.open.lower())?;
        let touched = self.closed.load(rows, &lower)?;
        touched.changed = true;
        Ok(&mut touched.value)
    }

    fn metrics_of_page(
        &mut self,
        rows: &dyn Rows,
        lower: &TweetKey,
    ) -> Result<&mut Touched<LateMetrics>, RowsError> {
        use std::collections::btree_map::Entry::{Occupied, Vacant};
        if lower == self.open.lower() {
            return Ok(&mut self.open_metrics);
        }
        Ok(match self.metrics.entry(lower.clone()) {
            Occupied(known) => known.into_mut(),
            Vacant(entry) => entry.insert(Touched::read(LateMetrics::read(rows, lower)?)),
        })
    }
}

impl Touched<LateMetrics> {
    fn push_row(&self, lower: &TweetKey, out: &mut Vec<RowChange>) -> Result<(), RowsError> {
        if self.changed {
            let key = LateMetrics::key(lower);
            let row = self.value.encode(&key)?;
            out.push((key, row));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use bytes::Bytes;

    use super::*;
    use crate::events::TweetPosted;
    use crate::projections::{FoldContext, MemoryRows, RowKey};

    /// Counts the searches for a row.
    struct CountedRows<'a>(&'a MemoryRows, Cell<usize>);

    impl Rows for CountedRows<'_> {
        fn context(&self) -> &FoldContext {
            self.0.context()
        }

        fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
            self.0.get(key)
        }

        fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
            self.1.set(self.1.get() + 1);
            self.0.seek(seek)
        }
    }

    #[test]
    fn event_of_an_old_tweet_searches_its_page_once() {
        let text = "x".repeat(5_000);
        let tweet = |number: i64| {
            let at = Timestamp::from_millis(number);
            TweetPosted::of_test(&format!("x:{number}"), at, &text)
        };
        let mut rows = MemoryRows::default();
        let mut timeline = Timeline::default();
        let sequence = Sequence::new(1);
        for number in 0..100 {
            let tweet = tweet(number);
            let folded = FoldedTweet::of_test(sequence, tweet.at, &tweet);
            timeline.add(&rows, &folded).unwrap();
        }
        let mut changes = Vec::new();
        timeline.take_row_changes(&mut changes).unwrap();
        rows.put(changes);

        let mut timeline = Timeline::hydrate(&rows).unwrap();
        let rows = CountedRows(&rows, Cell::new(0));
        // The bounds of near pages are read at first.
        timeline.stored(&rows, &TweetKey::of(&tweet(20))).unwrap();
        for (number, is_deletion) in [(10, false), (11, true), (10, true)] {
            let tweet = tweet(number);
            let before = rows.1.get();
            let key = TweetKey::of(&tweet);
            let stored = timeline.stored(&rows, &key).unwrap();
            let folded = FoldedTweet::of_test(sequence, tweet.at, &tweet);
            if is_deletion {
                timeline.deleted(&rows, &folded).unwrap();
            } else {
                let change = MetricsChange {
                    at: stored.metrics_at,
                    before: stored.tweet.metrics,
                    after: stored.tweet.metrics,
                };
                timeline.engaged(&rows, &folded, &change).unwrap();
            }
            assert_eq!(rows.1.get(), before + 1, "{number}");
        }
    }
}
