//! The folds against a naive model of a keyword: one fold, invisible batches, deduplication and a
//! complete ledger over hostile histories.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod model;

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use tidings::events::{
    Author, Content, Envelope, Event, Keyword, KeywordRecord, MetricsPatch, RecordHash, Sequence,
    Timestamp, TweetDeleted, TweetEngaged, TweetId, TweetMetrics, TweetPosted, normal_form,
};
use tidings::projections::ids::{IdHash, IdState, Ids};
use tidings::projections::volume::{self, Step, VolumePoint};
use tidings::projections::{
    Digest, FoldOutcome, KeywordView, RowKey, Rows, RowsError, Seek, TimelineQuery, TweetKey,
    pack_page, timeline_query,
};

use model::histories::{self, History};
use model::{Fate, Filter, Model};

/// The rows of one keyword, in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct MapRows(BTreeMap<RowKey, Bytes>);

impl Rows for MapRows {
    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        Ok(self.0.get(key).cloned())
    }

    fn page(&self, seek: Seek<'_>) -> Result<Option<(TweetKey, Bytes)>, RowsError> {
        let mut pages = self.0.iter().filter_map(|(key, row)| match key {
            RowKey::Page(lower) => Some((lower.clone(), row.clone())),
            _ => None,
        });
        Ok(match seek {
            Seek::AtOrBefore(key) => pages.rfind(|(lower, _)| lower <= key),
            Seek::Before(key) => pages.rfind(|(lower, _)| lower < key),
            Seek::After(key) => pages.find(|(lower, _)| lower > key),
        })
    }
}

impl MapRows {
    fn put(&mut self, view: &mut KeywordView) {
        let Some(changes) = view.take_row_changes(&*self).unwrap() else {
            return;
        };
        if changes.cleared {
            self.0.clear();
        }
        for (key, row) in changes.rows {
            // As a store writes it.
            let row = row.map(|row| match &key {
                RowKey::Page(_) => pack_page(&row).map_or(row, Into::into),
                _ => row,
            });
            match row {
                Some(row) => self.0.insert(key, row),
                None => self.0.remove(&key),
            };
        }
    }
}

/// Folds a history, putting the rows after the records that `cuts` names and at the end.
fn fold(history: &History, cuts: &[(usize, bool)]) -> (KeywordView, MapRows, Vec<FoldOutcome>) {
    let mut rows = MapRows::default();
    let mut view = KeywordView::hydrate(&rows).unwrap();
    let mut outcomes = Vec::new();
    for (place, (sequence, record)) in history.iter().enumerate() {
        let envelope = histories::envelope(*sequence, record);
        outcomes.push(view.fold(&rows, &envelope).unwrap());
        if let Some((_, restart)) = cuts.iter().find(|(cut, _)| *cut == place) {
            rows.put(&mut view);
            if *restart {
                view = KeywordView::hydrate(&rows).unwrap();
            }
        }
    }
    rows.put(&mut view);
    (view, rows, outcomes)
}

fn model_of(history: &History) -> Model {
    let mut model = Model::default();
    for (sequence, record) in history {
        model.apply(*sequence, record);
    }
    model
}

/// Every page of a timeline, one after the other.
fn walk(rows: &MapRows, filter: &Filter, limit: usize) -> Vec<TweetPosted> {
    let mut query = TimelineQuery {
        limit,
        before: filter
            .before
            .as_ref()
            .map(|(at, id)| TweetKey::new(*at, id)),
        from: filter.from,
        to: filter.to,
        lang: filter.lang.clone(),
        author: filter.author.clone(),
        text: filter.text.as_deref().map(normal_form),
    };
    let mut tweets = Vec::new();
    loop {
        let page = timeline_query::query(rows, &query).unwrap();
        assert!(page.items.len() <= limit);
        tweets.extend(page.items);
        match page.next {
            Some(next) => query.before = Some(next),
            None => return tweets,
        }
    }
}

fn filters() -> impl Strategy<Value = Filter> {
    let text = |texts: &'static [&'static str]| {
        prop::option::weighted(0.4, prop::sample::select(texts).prop_map(str::to_owned))
    };
    let before = (histories::times(), histories::tweet_ids(40));
    (
        prop::option::weighted(0.4, before),
        prop::option::weighted(0.4, histories::times()),
        prop::option::weighted(0.4, histories::times()),
        text(&["ko", "Ko", "en-us", "e"]),
        text(&["KIM", "李", "k"]),
        text(&["movie n", "ai", "É", "연기", "e"]),
    )
        .prop_map(|(before, from, to, lang, author, text)| Filter {
            before,
            from,
            to,
            lang,
            author,
            text,
        })
}

const LONGEST: usize = 120;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn views_do_not_depend_on_batches_or_restarts(
        history in histories::histories(LONGEST, 40),
        cuts in histories::cuts(LONGEST),
    ) {
        let (whole_view, whole, whole_outcomes) = fold(&history, &[]);
        let (view, rows, outcomes) = fold(&history, &cuts);
        prop_assert_eq!(view.summary(), whole_view.summary());
        prop_assert_eq!(outcomes, whole_outcomes);
        prop_assert_eq!(rows, whole);
    }

    #[test]
    fn mark_and_time_are_those_of_the_last_record_and_no_part_of_the_digest(
        history in histories::histories(LONGEST, 40),
        cuts in histories::cuts(LONGEST),
        moved_by in 1_u64..1_000,
    ) {
        let (view, rows, _) = fold(&history, &cuts);
        let head = view.summary();
        let Some((sequence, record)) = history.last() else {
            prop_assert_eq!(head.mark, RecordHash::default());
            return Ok(());
        };
        let last = Envelope {
            sequence: *sequence,
            received_at: histories::received_at(*sequence),
            content: Content::Keyword(Keyword::new("ai").unwrap(), record.clone()),
            origin: None,
        };
        prop_assert_eq!(head.mark, RecordHash::of(&last));
        prop_assert_eq!(head.received_at, last.received_at);

        let moved: History = history
            .iter()
            .map(|(sequence, record)| (sequence.plus(moved_by), record.clone()))
            .collect();
        let (moved_view, moved_rows, _) = fold(&moved, &cuts);
        prop_assert_ne!(moved_view.summary().mark, head.mark);
        prop_assert_eq!(
            Digest::of(&moved_rows, moved_view.summary()).unwrap(),
            Digest::of(&rows, head).unwrap()
        );
    }

    #[test]
    fn what_was_folded_is_not_folded_again(
        history in histories::histories(LONGEST, 40),
        cuts in histories::cuts(LONGEST),
        again in 0..LONGEST,
    ) {
        let (mut view, mut rows, _) = fold(&history, &cuts);
        let before = (view.summary().clone(), rows.clone());
        for (sequence, record) in history.iter().skip(again) {
            let envelope = histories::envelope(*sequence, record);
            prop_assert_eq!(view.fold(&rows, &envelope).unwrap(), FoldOutcome::Skipped);
        }
        rows.put(&mut view);
        prop_assert_eq!((view.summary().clone(), rows), before);
    }

    #[test]
    fn the_ledger_accounts_for_every_record(
        history in histories::histories(LONGEST, 40),
        cuts in histories::cuts(LONGEST),
    ) {
        let mut model = Model::default();
        let (view, _, outcomes) = fold(&history, &cuts);
        for ((sequence, record), outcome) in history.iter().zip(outcomes) {
            let expected = match model.apply(*sequence, record) {
                Fate::Folded => FoldOutcome::Folded,
                Fate::Duplicate => FoldOutcome::Duplicate,
                Fate::Ignored => FoldOutcome::Ignored,
                Fate::Rejected => FoldOutcome::Rejected,
            };
            prop_assert_eq!(outcome, expected, "{} {:?}", sequence, record);
        }
        let head = view.summary();
        prop_assert_eq!(head.tracked, model.tracked.unwrap_or(false));
        prop_assert_eq!(head.as_of, model.as_of);
        prop_assert_eq!(head.tweets, model.tweets.len() as u64);
        prop_assert_eq!(head.first_at.zip(head.last_at), model.span());
        let ledger = head.ledger;
        prop_assert_eq!(ledger.journaled, history.len() as u64);
        prop_assert_eq!(ledger.folded, model.fated(Fate::Folded));
        prop_assert_eq!(ledger.duplicate, model.fated(Fate::Duplicate));
        prop_assert_eq!(ledger.ignored, model.fated(Fate::Ignored));
        prop_assert_eq!(ledger.rejected, model.fated(Fate::Rejected));
        prop_assert_eq!(ledger.deleted, model.deleted);
    }

    #[test]
    fn the_timeline_is_that_of_the_model(
        history in histories::histories(LONGEST, 40),
        cuts in histories::cuts(LONGEST),
        filter in filters(),
        limit in prop_oneof![1_usize..4, Just(200)],
    ) {
        let model = model_of(&history);
        let (_, rows, _) = fold(&history, &cuts);
        let all = Filter::default();
        prop_assert_eq!(walk(&rows, &all, limit), model.timeline(&all));
        prop_assert_eq!(walk(&rows, &filter, limit), model.timeline(&filter));
    }

    #[test]
    fn the_volume_and_the_ids_are_those_of_the_model(
        history in histories::histories(LONGEST, 40),
        cuts in histories::cuts(LONGEST),
        from in histories::times(),
        span in prop_oneof![0..Timestamp::DAY, 0..6 * Timestamp::DAY],
        offset in -12_i8..=14,
    ) {
        let model = model_of(&history);
        let (view, rows, _) = fold(&history, &cuts);
        let mut minutes = BTreeMap::new();
        let first = Timestamp::EARLIEST;
        let last = Timestamp::from_millis(histories::NOON).plus(60 * Timestamp::DAY);
        volume::for_each_minute(&rows, first, last, |at, count| {
            assert!(minutes.insert(at, count).is_none());
        })
        .unwrap();
        prop_assert_eq!(minutes, model.minutes());
        for step in [Step::Minute, Step::Hour, Step::Day] {
            let (from, to) = volume::align(from, from.plus(span), step, offset);
            let points = volume::points(&rows, from, to, step, offset).unwrap();
            for VolumePoint { at, count } in points {
                prop_assert_eq!(count, model.count(at, at.plus(step.width())));
            }
        }
        let ids = Ids::hydrate(&rows, &view.summary().id_runs).unwrap();
        for (_, record) in &history {
            if let KeywordRecord::Event(event) = record && let Some(id) = event.tweet_id() {
                let known = ids.find(&rows, IdHash::of(id)).unwrap();
                let expected = model.knows(id).map(|present| match present {
                    true => IdState::Present(model.tweets[id].at),
                    false => IdState::Deleted,
                });
                prop_assert_eq!(known, expected);
            }
        }
    }
}

proptest! {
    // Long enough for runs of ids to merge and for the timeline to have many pages.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn long_histories_agree_too(
        history in histories::histories(4_000, 3_000),
        cuts in histories::cuts(4_000),
    ) {
        let history: History = history
            .into_iter()
            .filter(|(sequence, record)| {
                sequence.get() < 500
                    || !matches!(record, KeywordRecord::Event(Event::KeywordUntracked { .. }))
            })
            .collect();
        let model = model_of(&history);
        let (view, rows, _) = fold(&history, &cuts);
        let (_, whole, _) = fold(&history, &[]);
        prop_assert_eq!(&rows, &whole);
        prop_assert_eq!(walk(&rows, &Filter::default(), 200), model.timeline(&Filter::default()));
        prop_assert_eq!(view.summary().ledger.duplicate, model.fated(Fate::Duplicate));
        prop_assert_eq!(view.summary().ledger.ignored, model.fated(Fate::Ignored));
        prop_assert_eq!(view.summary().ledger.deleted, model.deleted);
    }
}

/// The model itself, row by row of the table that it is written from.
mod table {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(histories::NOON + millis)
    }

    fn id(text: &str) -> TweetId {
        TweetId::new(text).unwrap()
    }

    fn posted(name: &str, millis: i64) -> Event {
        Event::TweetPosted(Box::new(TweetPosted {
            id: id(name),
            at: at(millis),
            source: None,
            author: Author {
                handle: "kim".into(),
                name: None,
                followers: None,
            },
            text: "a text".into(),
            lang: None,
            url: None,
            reply_to: None,
            repost_of: None,
            metrics: TweetMetrics {
                likes: 1,
                reposts: 2,
                replies: 3,
                quotes: 4,
            },
        }))
    }

    fn engaged(name: &str, millis: i64, likes: u64) -> Event {
        let metrics = MetricsPatch {
            likes: Some(likes),
            ..MetricsPatch::default()
        };
        Event::TweetEngaged(TweetEngaged {
            id: id(name),
            at: at(millis),
            metrics,
        })
    }

    fn deleted(name: &str) -> Event {
        Event::TweetDeleted(TweetDeleted {
            id: id(name),
            at: at(0),
        })
    }

    const TRACKED: Event = Event::KeywordTracked {
        at: Timestamp::EARLIEST,
    };
    const UNTRACKED: Event = Event::KeywordUntracked {
        at: Timestamp::EARLIEST,
    };

    /// The model after `events`, and what became of each.
    fn after(events: Vec<Event>) -> (Model, Vec<Fate>) {
        let mut model = Model::default();
        for (sequence, event) in (1..).zip(events) {
            model.apply(Sequence::new(sequence), &KeywordRecord::Event(event));
        }
        let fates = model.fates.clone();
        (model, fates)
    }

    #[test]
    fn a_tweet_counts_once() {
        let (model, fates) = after(vec![posted("a", 0), posted("a", 5)]);
        assert_eq!(fates, [Fate::Folded, Fate::Duplicate]);
        assert_eq!(model.count(at(0), at(1)), 1);
        assert_eq!(model.count(at(1), at(9)), 0);
    }

    #[test]
    fn the_newest_metrics_hold_and_what_is_not_named_stays() {
        let (model, fates) = after(vec![
            engaged("a", 0, 9),
            posted("a", 10),
            engaged("a", 9, 8),
            engaged("a", 10, 7),
            engaged("a", 20, 6),
            engaged("a", 19, 5),
        ]);
        use Fate::{Folded, Ignored};
        assert_eq!(fates, [Ignored, Folded, Ignored, Folded, Folded, Ignored]);
        let metrics = model.timeline(&Filter::default())[0].metrics;
        assert_eq!(
            metrics,
            TweetMetrics {
                likes: 6,
                reposts: 2,
                replies: 3,
                quotes: 4
            }
        );
    }

    #[test]
    fn deleted_tweet_never_reappears() {
        let (model, fates) = after(vec![
            posted("a", 0),
            deleted("a"),
            deleted("a"),
            posted("a", 0),
            engaged("a", 9, 9),
            deleted("b"),
            posted("b", 0),
        ]);
        use Fate::{Duplicate, Folded, Ignored};
        assert_eq!(
            fates,
            [
                Folded, Folded, Ignored, Duplicate, Ignored, Folded, Duplicate
            ]
        );
        assert_eq!(model.deleted, 1);
        assert_eq!(model.timeline(&Filter::default()), []);
        assert_eq!(model.minutes(), BTreeMap::new());
    }

    #[test]
    fn a_keyword_that_is_left_forgets_all_but_its_ledger() {
        let (model, fates) = after(vec![
            posted("a", 0),
            deleted("b"),
            UNTRACKED,
            posted("c", 0),
            UNTRACKED,
            TRACKED,
            posted("a", 0),
            posted("b", 0),
        ]);
        use Fate::{Folded, Ignored};
        let expected = [
            Folded, Folded, Folded, Ignored, Folded, Folded, Folded, Folded,
        ];
        assert_eq!(fates, expected);
        assert_eq!(model.tweets.len(), 2);
        assert_eq!(model.tracked, Some(true));
    }

    #[test]
    fn equal_times_are_ordered_by_the_bytes_of_ids() {
        let (model, _) = after(vec![
            posted("b", 0),
            posted("a", 0),
            posted("B", 0),
            posted("a", 1),
        ]);
        let listed = model.timeline(&Filter::default());
        let ids: Vec<_> = listed.iter().map(|tweet| tweet.id.as_str()).collect();
        assert_eq!(ids, ["b", "a", "B"]);
    }
}
