//! `GET /compare`: the volumes of a few keywords over the same buckets.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::Http;
use super::lanes::Lane;
use super::problem::Problem;
use super::request_context::{MIN_SEQ, RequestContext};
use super::response::{Moment, as_text};
use super::time_range;
use super::volume::{PointAnswer, points};
use crate::access::Action;
use crate::actors::engine::Scope;
use crate::events::{Keyword, Timestamp};
use crate::projections::volume::Step;
use crate::queries::{KeywordSeries, compare};

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

impl From<KeywordSeries> for Series {
    fn from(KeywordSeries { keyword, series }: KeywordSeries) -> Self {
        Self {
            keyword,
            points: points(series.points),
            total: series.total,
        }
    }
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
    let buckets = time_range::buckets(&query, Timestamp::now())?;
    call.reach(Scope::All, query.min_seq()?).await?;
    let series_count = u64::try_from(keywords.len()).unwrap_or(u64::MAX);
    let points_count = series_count.saturating_mul(buckets.count());
    let bytes = points_count.saturating_mul(POINT_BYTES);
    let countable = call.countable();
    call.answer_large_across(Lane::Scan, bytes, move |views| {
        let series = compare(views, &countable, &keywords, buckets)?;
        Ok(Comparison {
            step: buckets.step,
            series: series.into_iter().map(Series::from).collect(),
            until: Moment(buckets.to),
        })
    })
    .await
}
