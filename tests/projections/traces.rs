//! Repeated and deleted tweets leave no trace: after any history, the answers about a keyword are
//! those of a keyword that got only the tweets that are left, each once with its latest metrics.

use proptest::prelude::*;
use tidings::events::{
    Event, Keyword, KeywordRecord, KeywordRules, RuleTexts, Sequence, Timestamp,
};
use tidings::projections::keys::{KeyKind, RankingQuery, ranking, rising};
use tidings::projections::overview::Window;
use tidings::projections::{Digest, KeywordView, MemoryRows};
use tidings::queries::explained_spikes;

use super::folds::{fold, model_of};
use super::model::{Filter, Model};
use crate::common::events;
use crate::common::histories;

/// A history that posts only the tweets of this model, the oldest first, each once.
fn without_history(model: &Model) -> histories::History {
    let texts = |list: &[String]| RuleTexts::new(list.iter().map(String::as_str)).unwrap();
    let [any, none] = &model.rules;
    let rules = KeywordRules::new(texts(any), texts(none));
    let tracked = Event::keyword_tracked_by(Timestamp::EARLIEST, &rules);
    let left = model.timeline(&Filter::default()).into_iter().rev();
    let records = [tracked].into_iter().chain(left.map(events::posted));
    (1..)
        .map(Sequence::new)
        .zip(records.map(KeywordRecord::Event))
        .collect()
}

/// Everything that a client can read of rankings and spikes, as text.
fn answers((view, rows): &(KeywordView, MemoryRows), at: Timestamp) -> Vec<String> {
    let mut answers = Vec::new();
    for (window, by) in Window::ALL
        .into_iter()
        .flat_map(|window| KeyKind::ALL.map(|by| (window, by)))
    {
        let query = RankingQuery {
            by,
            window,
            at,
            limit: 20,
        };
        answers.push(format!("{:?}", ranking(rows, &query).unwrap()));
        answers.push(format!("{:?}", rising(rows, &query).unwrap()));
    }
    let span = (at.plus(-30 * Timestamp::DAY), at);
    let keyword = Keyword::new("ai").unwrap();
    let spikes = explained_spikes(&keyword, view.summary(), rows, span).unwrap();
    answers.extend(spikes.iter().map(|spike| format!("{spike:?}")));
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn answers_are_those_of_a_keyword_that_has_only_had_the_tweets_that_are_left(
        history in histories::histories(300, 150),
        cuts in histories::cuts(300),
        at in histories::times(),
    ) {
        let model = model_of(&history);
        prop_assume!(model.tracked == Some(true));
        let (view, rows, _) = fold(&history, &cuts);
        let (clean_view, clean_rows, _) = fold(&without_history(&model), &[]);
        let (found, expected) = ((view, rows), (clean_view, clean_rows));
        let digest = |(view, rows): &(KeywordView, MemoryRows)| {
            Digest::of(rows, view.summary()).unwrap()
        };
        prop_assert_eq!(digest(&found), digest(&expected));
        let at = at.plus(Timestamp::HOUR);
        prop_assert_eq!(answers(&found, at), answers(&expected, at));
    }
}
