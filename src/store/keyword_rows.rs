//! The rows of one keyword in the store. They implement [`Rows`], the port of the projections.

use std::ops::Bound;

use bytes::Bytes;

use super::memtable::Memtables;
use super::result_cache::{Owner, Ticket};
use super::{ShardRows, StoreError, layout};
use crate::events::Keyword;
use crate::projections::{AnyResult, FoldContext, ResultKey, RowKey, Rows, RowsError, Seek};

/// The rows of one keyword: the memtables over the rows in sled.
#[derive(Debug)]
pub struct KeywordRows<'a> {
    shard: &'a ShardRows,
    keyword: Keyword,
    owner: Owner,
    /// Memtables that do not change, if the rows are those of a snapshot.
    held: Option<&'a Memtables>,
    /// The ticket for the result cache: that of the snapshot, or of the moment before the first row
    /// is read.
    ticket: Ticket,
}

impl<'a> KeywordRows<'a> {
    pub(super) fn new(
        shard: &'a ShardRows,
        keyword: &Keyword,
        held: Option<(&'a Memtables, Ticket)>,
    ) -> Self {
        Self {
            shard,
            keyword: keyword.clone(),
            owner: Owner::Keyword(keyword.clone()),
            held: held.map(|(memtables, _)| memtables),
            ticket: held.map_or_else(|| shard.results().ticket(), |(_, ticket)| ticket),
        }
    }
}

impl Rows for KeywordRows<'_> {
    fn context(&self) -> &FoldContext {
        self.shard.context()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        self.context().check_kept(key.kind())?;
        self.shard
            .get(&layout::key(&self.keyword, key), self.held)
            .map_err(as_rows_error)
    }

    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        let kind = seek.key().kind();
        self.context().check_kept(kind)?;
        let start = layout::start(kind, &self.keyword);
        let (range, backwards) = match seek.map(|row| layout::key(&self.keyword, row)) {
            Seek::AtOrBefore(key) => {
                let range = (Bound::Included(start.clone()), Bound::Included(key));
                (range, true)
            }
            Seek::Before(key) => {
                let range = (Bound::Included(start.clone()), Bound::Excluded(key));
                (range, true)
            }
            Seek::After(key) => {
                let range = (Bound::Excluded(key), Bound::Excluded(end(&start)));
                (range, false)
            }
        };
        let found = self
            .shard
            .nearest(range, backwards, self.held)
            .map_err(as_rows_error)?;
        found
            .map(|(key, row)| {
                let name = layout::row_key(kind, &start, &key).ok_or_else(|| {
                    as_rows_error(StoreError::Inconsistent(format!(
                        "a row has the key {key:02x?}"
                    )))
                })?;
                Ok((name, row))
            })
            .transpose()
    }

    fn kept_result(&self, key: &ResultKey) -> Option<AnyResult> {
        self.shard.results().get(&self.owner, self.ticket, key)
    }

    fn keep_result(&self, key: ResultKey, result: AnyResult, bytes: usize) {
        let results = self.shard.results();
        results.insert(&self.owner, self.ticket, key, result, bytes);
    }
}

/// The end of the range of keys that start with `start`. The last byte of `start` is the zero byte
/// that ends a keyword.
fn end(start: &[u8]) -> Vec<u8> {
    let mut end = start.to_vec();
    end.pop();
    end.push(1);
    end
}

fn as_rows_error(error: StoreError) -> RowsError {
    RowsError::Store(Box::new(error))
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::sync::Arc;

    use super::*;
    use crate::events::{Event, KeywordEnvelope, KeywordRecord, Timestamp, TweetPosted};
    use crate::projections::keys::{KeyKind, RankingQuery, ranking};
    use crate::projections::overview::Window;
    use crate::projections::test_history::NOON;
    use crate::projections::{
        KeptResult, KeywordSummary, KeywordView, RowChanges, RowKind, TouchedTimes, kept,
        row_formats,
    };
    use crate::store::{Store, Views};

    /// The number of tweets of the keyword.
    struct Tweets(u64);

    impl KeptResult for Tweets {
        fn bytes(&self) -> usize {
            size_of::<Self>()
        }
    }

    const MINUTE: i64 = Timestamp::MINUTE;

    /// Puts a summary with this number of tweets, one of which is new at this time.
    fn put(shard: &ShardRows, keyword: &Keyword, tweets: u64, minute: i64) {
        let summary = KeywordSummary {
            tracked: true,
            tweets,
            ..KeywordSummary::default()
        };
        let mut touched = TouchedTimes::default();
        touched.add(Timestamp::from_millis(minute * MINUTE));
        let changes = RowChanges {
            rows: vec![(KeywordSummary::key(), Some(summary.encode().unwrap()))],
            touched,
            ..RowChanges::default()
        };
        shard.put(keyword, changes).unwrap();
    }

    #[test]
    fn results_are_made_again_after_a_put_that_touches_their_spans_and_in_no_other_case() {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::of_test(data.path()));
        let keyword = Keyword::new("a").unwrap();
        let shard = Arc::clone(store.rows_of(&keyword).unwrap());
        let views = Views::default();
        views.show(&store);
        let made = Cell::new(0);
        let ask = |meanwhile: &dyn Fn()| {
            let answer = views.read(&keyword, |summary, rows| {
                let span = Timestamp::from_millis(10 * MINUTE)..Timestamp::from_millis(20 * MINUTE);
                let found = kept(rows, span, 0, || {
                    made.set(made.get() + 1);
                    meanwhile();
                    Ok(Tweets(summary.tweets))
                })?;
                Ok((found.0, summary.tweets))
            });
            let (found, tweets) = answer.unwrap().unwrap().value;
            assert_eq!(found, tweets);
            made.replace(0)
        };
        put(&shard, &keyword, 1, 15);
        assert_eq!(ask(&|| ()), 1);
        assert_eq!(ask(&|| ()), 0);
        put(&shard, &keyword, 2, 12);
        // A put comes while the query runs. The query runs again, and the later result is kept.
        let tweets = Cell::new(2);
        let grow = || {
            if tweets.get() < 4 {
                tweets.set(tweets.get() + 1);
                put(&shard, &keyword, tweets.get(), 19);
            }
        };
        assert_eq!(ask(&grow), 3);
        assert_eq!(ask(&|| ()), 0);
        // A put of another keyword drops no result.
        put(&shard, &Keyword::new("b").unwrap(), 9, 15);
        assert_eq!(ask(&|| ()), 0);
    }

    #[test]
    fn result_made_from_a_summary_of_before_a_put_is_not_kept() {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::of_test(data.path()));
        let keyword = Keyword::new("a").unwrap();
        let shard = Arc::clone(store.rows_of(&keyword).unwrap());
        let views = Views::default();
        views.show(&store);
        put(&shard, &keyword, 1, 15);
        let answer = views.read(&keyword, |summary, rows| {
            if summary.tweets == 1 {
                put(&shard, &keyword, 2, 50);
            }
            let span = Timestamp::from_millis(10 * MINUTE)..Timestamp::from_millis(20 * MINUTE);
            let found = kept(rows, span, 0, || Ok(Tweets(summary.tweets)))?;
            Ok((found.0, summary.tweets))
        });
        assert_eq!(answer.unwrap().unwrap().value, (2, 2));
    }

    #[test]
    fn result_outlives_puts_and_commits_that_touch_other_times() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::of_test(data.path());
        let keyword = Keyword::new("a").unwrap();
        let shard = store.rows_of(&keyword).unwrap();
        let ask = |made| {
            let rows = shard.of(&keyword);
            let span = Timestamp::from_millis(0)..Timestamp::from_millis(MINUTE);
            kept(&rows, span, 0, || Ok(Tweets(made))).unwrap().0
        };
        assert_eq!(ask(1), 1);
        put(shard, &keyword, 1, 7);
        shard.freeze().unwrap();
        assert_eq!(ask(2), 1);
        let snapshot = shard.snapshot(&keyword);
        let rows = snapshot.rows();
        put(shard, &keyword, 2, 0);
        assert_eq!(ask(3), 3);
        // The snapshot is older than the result.
        let span = Timestamp::from_millis(0)..Timestamp::from_millis(MINUTE);
        let found = kept(&rows, span, 0, || Ok(Tweets(4))).unwrap();
        assert_eq!(found.0, 4);
        assert_eq!(ask(5), 3);
    }

    /// A keyword that a test folds into a store.
    struct Folded<'s> {
        shard: &'s ShardRows,
        keyword: &'s Keyword,
        view: KeywordView,
    }

    impl<'s> Folded<'s> {
        fn new(shard: &'s ShardRows, keyword: &'s Keyword) -> Self {
            Self {
                shard,
                keyword,
                view: KeywordView::hydrate(&shard.of(keyword)).unwrap(),
            }
        }

        /// Folds tweets with this text, a minute apart, and puts the rows.
        fn post(&mut self, count: i64, start: Timestamp, text: &str) {
            let rows = self.shard.of(self.keyword);
            for number in 0..count {
                let at = start.plus(number * MINUTE);
                let tweet = TweetPosted::of_test(&format!("{text}:{number}"), at, text);
                let envelope = KeywordEnvelope {
                    sequence: self.view.summary().as_of.next(),
                    received_at: at,
                    record: KeywordRecord::Event(Event::TweetPosted(Box::new(tweet))),
                };
                self.view.fold(&rows, &envelope).unwrap();
            }
            let changes = self.view.take_row_changes(&rows).unwrap().unwrap();
            self.shard.put(self.keyword, changes).unwrap();
        }
    }

    /// Rows that call a function after a query has read the last pending tweets.
    struct AfterPending<'a> {
        rows: &'a dyn Rows,
        pending: RowKind,
        then: &'a dyn Fn(),
    }

    impl Rows for AfterPending<'_> {
        fn context(&self) -> &FoldContext {
            self.rows.context()
        }

        fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
            self.rows.get(key)
        }

        fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
            let kind = seek.key().kind();
            let found = self.rows.seek(seek)?;
            if found.is_none() && kind == self.pending {
                (self.then)();
            }
            Ok(found)
        }

        fn kept_result(&self, key: &ResultKey) -> Option<AnyResult> {
            self.rows.kept_result(key)
        }

        fn keep_result(&self, key: ResultKey, result: AnyResult, bytes: usize) {
            self.rows.keep_result(key, result, bytes);
        }
    }

    /// The tweet that comes during the query fills the log of pending tweets. So its put moves the
    /// earlier tweets from the log, which the query has read, into the map, which it reads next.
    #[test]
    fn ranking_during_which_pending_tweets_are_merged_counts_each_tweet_once() {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::of_test(data.path()));
        let keyword = Keyword::new("a").unwrap();
        let shard = store.rows_of(&keyword).unwrap();
        let views = Views::default();
        views.show(&store);
        let query = RankingQuery {
            by: KeyKind::Word,
            window: Window::Day,
            at: NOON,
            limit: 5,
        };
        let mut folded = Folded::new(shard, &keyword);
        folded.post(15, NOON.plus(-120 * MINUTE), "storm");
        // The result cache remembers the puts since the first kept results of the keyword.
        let hashtags = RankingQuery {
            by: KeyKind::Hashtag,
            ..query
        };
        ranking(&shard.of(&keyword), &hashtags).unwrap();
        let folded = RefCell::new(Some(folded));
        let put = || {
            if let Some(mut folded) = folded.take() {
                folded.post(1, NOON, "calm");
            }
        };
        let pending = row_formats().find(|format| format.name == "pending keys");
        let pending = pending.unwrap().kind;
        let ask = || {
            let answer = views.read(&keyword, |summary, rows| {
                let then = &put;
                let rows = AfterPending {
                    rows,
                    pending,
                    then,
                };
                Ok((summary.tweets, ranking(&rows, &query)?))
            });
            let (tweets, ranking) = answer.unwrap().unwrap().value;
            let counts = ranking.items.into_iter().map(|item| (item.key, item.count));
            (tweets, ranking.total, counts.collect::<Vec<_>>())
        };
        let expected = || {
            let counts = [("storm".to_owned(), 15), ("calm".to_owned(), 1)];
            (16, 16, counts.to_vec())
        };
        assert_eq!(ask(), expected());
        assert!(folded.borrow().is_none());
        // The second answer may be made of results that the first one has kept.
        assert_eq!(ask(), expected());
    }
}
