//! `GET …/volume`: how many tweets a keyword had, bucket by bucket.

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
use crate::actors::engine::Scope;
use crate::events::Timestamp;
use crate::projections::volume::{self, Step};
use crate::projections::{Rows, RowsError};

/// The parameters of this route.
pub const PARAMETERS: &[&str] = &["from", "to", "step", "tz", MIN_SEQ];

/// One bucket.
#[derive(Debug, Serialize)]
pub struct PointAnswer {
    at: Moment,
    count: u64,
}

/// All buckets of a span, zeros too.
///
/// # Errors
/// [`RowsError`].
pub fn points_in(rows: &dyn Rows, buckets: Buckets) -> Result<(Vec<PointAnswer>, u64), RowsError> {
    let Buckets {
        from,
        to,
        step,
        offset_hours,
    } = buckets;
    let points: Vec<PointAnswer> = volume::points(rows, from, to, step, offset_hours)?
        .into_iter()
        .map(|point| PointAnswer {
            at: Moment(point.at),
            count: point.count,
        })
        .collect();
    let total = points.iter().map(|point| point.count).sum();
    Ok((points, total))
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
    let buckets = Buckets::read(&query, Timestamp::now())?;
    call.reach(Scope::Keyword(&keyword), query.min_seq()?)
        .await?;
    call.answer_for(Lane::Rows, keyword, false, move |_, rows| {
        let (points, total) = points_in(rows, buckets)?;
        Ok(Volume {
            step: buckets.step,
            points,
            total,
            until: Moment(buckets.to),
        })
    })
    .await
}
