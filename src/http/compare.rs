//! `GET /compare`: the volumes of a few keywords over the same buckets.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::Http;
use super::access::Action;
use super::lanes::Lane;
use super::problem::Problem;
use super::request_context::{MIN_SEQ, RequestContext};
use super::response::{Moment, as_text};
use super::time_range::Buckets;
use super::volume::{PointAnswer, points_in};
use crate::actors::engine::{Scope, Tidings};
use crate::events::{Keyword, Timestamp};
use crate::projections::volume::Step;
use crate::store::Views;

const KEYWORD: &str = "keyword";
const MAX_KEYWORDS_COMPARED: usize = 10;
/// A point of an answer has about so many bytes.
const POINT_BYTES: u64 = 46;

/// The parameters of this route; `keyword` may come more than once.
pub const PARAMETERS: &[&str] = &[KEYWORD, "from", "to", "step", "tz", MIN_SEQ];

#[derive(Debug, Serialize)]
struct Comparison {
    #[serde(serialize_with = "as_text")]
    step: Step,
    series: Vec<Series>,
    until: Moment,
}

#[derive(Debug, Serialize)]
struct Series {
    #[serde(serialize_with = "as_text")]
    keyword: Keyword,
    points: Vec<PointAnswer>,
    total: u64,
}

/// Answers `GET /compare`.
pub async fn get(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Read)?;
    let query = call.query_repeating(PARAMETERS, &[KEYWORD])?;
    let keywords = query.keywords(KEYWORD)?;
    if keywords.is_empty() || keywords.len() > MAX_KEYWORDS_COMPARED {
        return Err(Problem::BadQuery(format!(
            "{} keywords are named; name 1 to {MAX_KEYWORDS_COMPARED}, each as keyword=",
            keywords.len()
        )));
    }
    for keyword in &keywords {
        call.ask(Some(keyword), Action::Read)?;
    }
    let buckets = Buckets::read(&query, Timestamp::now())?;
    call.reach(Scope::All, query.min_seq()?).await?;
    let series_count = u64::try_from(keywords.len()).unwrap_or(u64::MAX);
    let points = series_count.saturating_mul(buckets.points());
    let bytes = points.saturating_mul(POINT_BYTES);
    call.answer_large_across(Lane::Scan, bytes, move |tidings, views| {
        Ok(Comparison {
            step: buckets.step,
            series: keywords
                .iter()
                .map(|keyword| series(tidings, views, keyword, buckets))
                .collect::<Result<_, _>>()?,
            until: Moment(buckets.to),
        })
    })
    .await
}

fn series(
    tidings: &Tidings,
    views: &Views,
    keyword: &Keyword,
    buckets: Buckets,
) -> Result<Series, Problem> {
    let answer = views.read(keyword, |summary, rows| {
        summary
            .tracked
            .then(|| points_in(rows, buckets))
            .transpose()
    })?;
    let (points, total) = answer
        .ok_or_else(|| Problem::unknown(tidings, keyword))?
        .value
        .ok_or_else(|| Problem::not_tracked(tidings, keyword))?;
    Ok(Series {
        keyword: keyword.clone(),
        points,
        total,
    })
}
