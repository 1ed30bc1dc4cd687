//! Runs the questions of polled topics.

use crate::access::KeywordSet;
use crate::actors::live::feed_key::FeedViews;
use crate::actors::live::message::Position;
use crate::actors::live::polled::{AcrossQuestion, JoinedQuestion, KeywordQuestion, PolledAnswer};
use crate::events::{Keyword, Timestamp};
use crate::queries;
use crate::store::StoreError;

/// Runs a question about one keyword, under one version of its rows.
pub(super) fn keyword(
    source: &FeedViews,
    keyword: &Keyword,
    question: &dyn KeywordQuestion,
    now: Timestamp,
) -> Result<Option<PolledAnswer>, StoreError> {
    let answer = source.views.read(keyword, |summary, rows| {
        summary
            .tracked
            .then(|| Ok((summary.mark, question.ask(keyword, summary, rows, now)?)))
            .transpose()
    })?;
    let are_older = source.progress.is_frozen();
    Ok(answer.and_then(|read| {
        let (mark, answer) = read.value?;
        let position = Position::new(read.epoch, read.as_of, mark);
        Some(PolledAnswer {
            position: position.unmarked_if(are_older),
            current: question.current_during(now),
            answer,
        })
    }))
}

/// Runs a question about one keyword among others.
pub(super) fn joined(
    source: &FeedViews,
    (keyword, countable): (&Keyword, &KeywordSet),
    question: &dyn JoinedQuestion,
    now: Timestamp,
) -> Result<Option<PolledAnswer>, StoreError> {
    let answer = question.ask(&source.views, countable, keyword, now)?;
    let are_older = source.progress.is_frozen();
    Ok(answer.map(|read| {
        let position = Position::new(read.epoch, read.as_of, read.mark);
        PolledAnswer {
            position: position.unmarked_if(are_older),
            current: question.current_during(now),
            answer: read.value,
        }
    }))
}

/// Runs a question about many keywords, in one epoch.
pub(super) fn across(
    source: &FeedViews,
    countable: &KeywordSet,
    question: &dyn AcrossQuestion,
    now: Timestamp,
) -> Result<Option<PolledAnswer>, StoreError> {
    let position = || source.progress.lowest();
    let ask = |views: &_| question.ask(views, countable, now);
    let answer = queries::in_one_epoch(&source.views, 1, position, ask)?;
    Ok(Some(PolledAnswer {
        position: Position::of_all(answer.epoch, answer.as_of),
        current: question.current_during(now),
        answer: answer.value,
    }))
}
