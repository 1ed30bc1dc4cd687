//! Runs the queries of polled topics.

use crate::access::KeywordSet;
use crate::actors::live::feed_key::FeedViews;
use crate::actors::live::message::Position;
use crate::actors::live::polled::{AcrossQuery, JoinedQuery, KeywordQuery, PolledAnswer};
use crate::events::{Keyword, Timestamp};
use crate::queries;
use crate::store::StoreError;

/// Runs a query about one keyword, under one version of its rows.
pub(super) fn keyword(
    source: &FeedViews,
    keyword: &Keyword,
    query: &dyn KeywordQuery,
    now: Timestamp,
) -> Result<Option<PolledAnswer>, StoreError> {
    let answer = source.views.read(keyword, |summary, rows| {
        summary
            .tracked
            .then(|| Ok((summary.mark, query.ask(keyword, summary, rows, now)?)))
            .transpose()
    })?;
    let are_older = source.progress.is_frozen();
    Ok(answer.and_then(|read| {
        let (mark, answer) = read.value?;
        let position = Position::new(read.epoch, read.as_of, mark);
        Some(PolledAnswer {
            position: position.unmarked_if(are_older),
            current: query.current_during(now),
            answer,
        })
    }))
}

/// Runs a query about one keyword among others.
pub(super) fn joined(
    source: &FeedViews,
    (keyword, countable): (&Keyword, &KeywordSet),
    query: &dyn JoinedQuery,
    now: Timestamp,
) -> Result<Option<PolledAnswer>, StoreError> {
    let answer = query.ask(&source.views, countable, keyword, now)?;
    let are_older = source.progress.is_frozen();
    Ok(answer.map(|read| {
        let position = Position::new(read.epoch, read.as_of, read.mark);
        PolledAnswer {
            position: position.unmarked_if(are_older),
            current: query.current_during(now),
            answer: read.value,
        }
    }))
}

/// Runs a query about many keywords, in one epoch.
pub(super) fn across(
    source: &FeedViews,
    countable: &KeywordSet,
    query: &dyn AcrossQuery,
    now: Timestamp,
) -> Result<Option<PolledAnswer>, StoreError> {
    let position = || source.progress.lowest();
    let ask = |views: &_| query.ask(views, countable, now);
    let answer = queries::in_one_epoch(&source.views, 1, position, ask)?;
    Ok(Some(PolledAnswer {
        position: Position::of_all(answer.epoch, answer.as_of),
        current: query.current_during(now),
        answer: answer.value,
    }))
}
