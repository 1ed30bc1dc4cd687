//! `GET …/volume`: how many tweets a keyword had, bucket by bucket.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::Http;
use super::lanes::Lane;
use super::problem::Problem;
use super::request_context::{MIN_SEQ, RequestContext};
use super::response::{Moment, as_text};
use super::time_range;
use crate::access::Action;
use crate::actors::engine::Scope;
use crate::events::Timestamp;
use crate::projections::volume::{Step, VolumePoint};
use crate::queries::{Untracked, series};

/// The parameters of this route.
pub const PARAMETERS: &[&str] = &["from", "to", "step", "tz", MIN_SEQ];

/// One bucket.
#[derive(Debug, Serialize)]
pub struct PointAnswer {
    at: Moment,
    count: u64,
}

/// The points of an answer.
pub fn points(points: Vec<VolumePoint>) -> Vec<PointAnswer> {
    let points = points.into_iter();
    points
        .map(|point| PointAnswer {
            at: Moment(point.at),
            count: point.count,
        })
        .collect()
}

#[derive(Debug, Serialize)]
struct Volume {
    #[serde(serialize_with = "as_text")]
    step: Step,
    points: Vec<PointAnswer>,
    total: u64,
    until: Moment,
}

/// Answers `GET …/volume`.
pub async fn get(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let query = call.query(PARAMETERS)?;
    let buckets = time_range::buckets(&query, Timestamp::now())?;
    call.reach(Scope::Keyword(&keyword), query.min_seq()?)
        .await?;
    call.answer_for(Lane::Rows, keyword, Untracked::Refused, move |_, rows| {
        let series = series(rows, buckets)?;
        Ok(Volume {
            step: buckets.step,
            points: points(series.points),
            total: series.total,
            until: Moment(buckets.to),
        })
    })
    .await
}
