//! Polled topics of resources.
//!
//! In: the parameters of a topic. Out: a [`Topic`] with a [`PolledQuery`]. Live runs the query to
//! get the answer as JSON.

use std::ops::Range;

use serde::Serialize;

use super::{AcrossResource, JoinedResource, KeywordResource, Live, Resource};
use crate::access::KeywordSet;
use crate::actors::live::{
    AcrossQuery, EncodedAnswer, JoinedQuery, KeywordQuery, PolledQuery, PolledTopic, Topic,
};
use crate::events::{Keyword, Timestamp};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::queries::{MarkedAnswer, QueryError};
use crate::store::{StoreError, Views};
use crate::telemetry::{log_throttled, whole};

/// The polled topic of a resource of one keyword.
pub(super) fn of_keyword<R: KeywordResource>(
    query: &Query,
    _: &KeywordSet,
    now: Timestamp,
) -> Result<Topic, Problem> {
    let resource = R::read(query, now)?;
    topic::<R>(query, PolledQuery::of_keyword(OfKeyword(resource)))
}

/// The polled topic of a resource of one keyword among others.
pub(super) fn joined<R: JoinedResource>(
    query: &Query,
    countable: &KeywordSet,
    now: Timestamp,
) -> Result<Topic, Problem> {
    let resource = R::read(query, now)?;
    let polled = PolledQuery::joined(countable.clone(), Joined(resource));
    topic::<R>(query, polled)
}

/// The polled topic of a resource of many keywords.
pub(super) fn across<R: AcrossResource>(
    query: &Query,
    countable: &KeywordSet,
    now: Timestamp,
) -> Result<Topic, Problem> {
    let resource = R::read(query, now)?;
    let polled = PolledQuery::across(countable.clone(), Across(resource));
    topic::<R>(query, polled)
}

fn topic<R: Resource>(query: &Query, polled: PolledQuery) -> Result<Topic, Problem> {
    let mut parameters = Vec::new();
    for parameter in R::PARAMETERS {
        if let Some(value) = query.canonical(parameter)? {
            parameters.push((parameter.name(), value));
        }
    }
    let long_lists = match R::LIVE {
        Live::Polled { long_lists, .. } => long_lists,
        Live::None | Live::Incremental { .. } => &[],
    };
    Ok(Topic::Polled(PolledTopic::new(
        R::NAME,
        parameters,
        long_lists,
        polled,
    )))
}

#[derive(Debug)]
struct OfKeyword<R>(R);

impl<R: KeywordResource> KeywordQuery for OfKeyword<R> {
    fn ask(
        &self,
        keyword: &Keyword,
        summary: &KeywordSummary,
        rows: &dyn Rows,
        now: Timestamp,
    ) -> Result<EncodedAnswer, RowsError> {
        let mut query = self.0.clone().query(keyword.clone(), now);
        encoded(&query(summary, rows)?)
    }

    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>> {
        self.0.current_during(now)
    }
}

#[derive(Debug)]
struct Joined<R>(R);

impl<R: JoinedResource> JoinedQuery for Joined<R> {
    fn ask(
        &self,
        views: &Views,
        countable: &KeywordSet,
        keyword: &Keyword,
        now: Timestamp,
    ) -> Result<Option<MarkedAnswer<EncodedAnswer>>, StoreError> {
        match self.0.answer(views, countable, keyword, now) {
            Ok(answer) => {
                let json = encoded(&answer.value)?;
                Ok(Some(answer.map(|_| json)))
            }
            Err(QueryError::Store(error)) => Err(error),
            Err(QueryError::Unknown(_) | QueryError::NotTracked(_)) => Ok(None),
        }
    }

    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>> {
        self.0.current_during(now)
    }
}

#[derive(Debug)]
struct Across<R>(R);

impl<R: AcrossResource> AcrossQuery for Across<R> {
    fn ask(
        &self,
        views: &Views,
        countable: &KeywordSet,
        now: Timestamp,
    ) -> Result<EncodedAnswer, StoreError> {
        match self.0.answer(views, countable, now) {
            Ok(answer) => Ok(encoded(&answer)?),
            Err(QueryError::Store(error)) => Err(error),
            // The query of a polled topic names no keywords. So the keyword of this error was
            // tracked when the answer was begun, and was untracked meanwhile. The next answer does
            // not contain it.
            Err(error @ (QueryError::Unknown(_) | QueryError::NotTracked(_))) => {
                log_throttled("polled-keyword-gone", move |count| {
                    tracing::warn!(error = %whole(&error), count, topic = R::NAME, "a \
                        keyword was untracked while an answer was made; the answer is made again");
                });
                Err(StoreError::Absent)
            }
        }
    }

    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>> {
        self.0.current_during(now)
    }
}

fn encoded(answer: &impl Serialize) -> Result<EncodedAnswer, RowsError> {
    let json = serde_json::to_vec(answer).map_err(|error| RowsError::Store(Box::new(error)))?;
    Ok(EncodedAnswer(json.into()))
}
