//! Compares the folds with a naive model of a keyword, over hostile histories. Each record is
//! folded once, batches and restarts change nothing, the ledger accounts for every record, and the
//! digest depends only on the content.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidings::events::{
    Content, Envelope, Event, GivenTexts, Keyword, KeywordRecord, KeywordRules, KeywordTracked,
    RecordHash, RuleTexts, Sequence, Timestamp, TweetMetrics, TweetPosted, normal_form,
};
use tidings::projections::ids::{IdHash, IdState, Ids};
use tidings::projections::volume::{self, Step, VolumePoint};
use tidings::projections::{
    Digest, FoldOutcome, KeywordView, MemoryRows, TimelineQuery, TweetKey, timeline,
};

use super::model::{Fate, Filter, Model};
use crate::common::events;
use crate::common::histories::{self, History};

/// Writes the row changes of a view into rows.
fn put(rows: &mut MemoryRows, view: &mut KeywordView) {
    if let Some(changes) = view.take_row_changes(&*rows).unwrap() {
        if changes.cleared {
            rows.clear();
        }
        rows.put(changes.rows);
    }
}

/// Folds a history. Writes the rows after the records in `cuts` and at the end. A cut whose flag is
/// set also hydrates the view again.
pub fn fold(
    history: &History,
    cuts: &[(usize, bool)],
) -> (KeywordView, MemoryRows, Vec<FoldOutcome>) {
    let mut rows = MemoryRows::default();
    let mut view = KeywordView::hydrate(&rows).unwrap();
    let mut outcomes = Vec::new();
    for (index, (sequence, record)) in history.iter().enumerate() {
        let envelope = histories::envelope(*sequence, record);
        outcomes.push(view.fold(&rows, &envelope).unwrap());
        if let Some((_, restart)) = cuts.iter().find(|(cut, _)| *cut == index) {
            put(&mut rows, &mut view);
            if *restart {
                view = KeywordView::hydrate(&rows).unwrap();
            }
        }
    }
    put(&mut rows, &mut view);
    (view, rows, outcomes)
}

pub fn model_of(history: &History) -> Model {
    let mut model = Model::default();
    for (sequence, record) in history {
        model.apply(*sequence, record);
    }
    model
}

/// All pages of a timeline, concatenated.
fn walk(rows: &MemoryRows, filter: &Filter, limit: usize) -> Vec<TweetPosted> {
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
        let page = timeline::query(rows, &query).unwrap();
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
    fn mark_and_time_are_of_the_last_record_and_outside_the_digest(
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
    fn folded_records_are_skipped(
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
        put(&mut rows, &mut view);
        prop_assert_eq!((view.summary().clone(), rows), before);
    }

    #[test]
    fn ledger_accounts_for_every_record(
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
        let rules = model.rules.each_ref().map(Vec::as_slice);
        prop_assert_eq!([head.rules.any(), head.rules.none()], rules);
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
    fn timeline_matches_the_model(
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
    fn volume_and_ids_match_the_model(
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
    // The histories are long enough for runs of ids to merge and for the timeline to have many
    // pages.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn long_histories_match_the_model(
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

/// Tests of the model, row by row of the table of events.
mod table {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(histories::NOON + millis)
    }

    fn posted(id: &str, millis: i64) -> Event {
        events::posted(TweetPosted {
            metrics: TweetMetrics {
                likes: 1,
                reposts: 2,
                replies: 3,
                quotes: 4,
            },
            ..events::tweet(id, at(millis), "a text")
        })
    }

    fn engaged(id: &str, millis: i64, likes: u64) -> Event {
        events::engaged(id, at(millis), likes)
    }

    fn deleted(id: &str) -> Event {
        events::deleted(id, at(0))
    }

    const TRACKED: Event = Event::keyword_tracked(Timestamp::EARLIEST);
    const UNTRACKED: Event = Event::keyword_untracked(Timestamp::EARLIEST);

    /// The model after `events`, and the outcome of each.
    fn after(events: Vec<Event>) -> (Model, Vec<Fate>) {
        let mut model = Model::default();
        for (sequence, event) in (1..).zip(events) {
            model.apply(Sequence::new(sequence), &KeywordRecord::Event(event));
        }
        let fates = model.fates.clone();
        (model, fates)
    }

    #[test]
    fn tweet_counts_once() {
        let (model, fates) = after(vec![posted("a", 0), posted("a", 5)]);
        assert_eq!(fates, [Fate::Folded, Fate::Duplicate]);
        assert_eq!(model.count(at(0), at(1)), 1);
        assert_eq!(model.count(at(1), at(9)), 0);
    }

    #[test]
    fn newest_metrics_win_and_unnamed_ones_stay() {
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
    fn untracked_keyword_forgets_all_but_its_ledger() {
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
    fn newest_tracked_event_decides_the_rules() {
        let tracked = |any: &[&str], none: &[&str]| {
            let texts = |list: &[&str]| RuleTexts::new(list.iter().copied()).unwrap();
            let rules = KeywordRules::new(texts(any), texts(none));
            Event::keyword_tracked_by(Timestamp::EARLIEST, &rules)
        };
        let rules = |events: Vec<Event>| after(events).0.rules;
        let none = [vec![""; 0], vec![]];
        let [ab, c] = [tracked(&["a", "b"], &[]), tracked(&[], &["c"])];
        assert_eq!(rules(vec![ab.clone()]), [vec!["a", "b"], vec![]]);
        assert_eq!(rules(vec![ab.clone(), c]), [vec![], vec!["c"]]);
        assert_eq!(rules(vec![ab.clone(), tracked(&[], &[])]), none);
        assert_eq!(rules(vec![ab.clone(), UNTRACKED]), none);
        assert_eq!(rules(vec![ab, UNTRACKED, TRACKED]), none);
    }

    #[test]
    fn tracked_event_without_lists_keeps_the_rules() {
        let rules = |events: Vec<Event>| after(events).0.rules;
        let list = || GivenTexts::given(RuleTexts::new(["a"]).unwrap());
        let [any, none] = [
            (list(), GivenTexts::absent()),
            (GivenTexts::absent(), list()),
        ]
        .map(|(any, none)| {
            let at = Timestamp::EARLIEST;
            Event::KeywordTracked(KeywordTracked { at, any, none })
        });
        assert_eq!(rules(vec![any.clone(), TRACKED]), [vec!["a"], vec![]]);
        assert_eq!(rules(vec![TRACKED, none.clone()]), [vec![], vec!["a"]]);
        assert_eq!(rules(vec![none, any, TRACKED]), [vec!["a"], vec![]]);
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
