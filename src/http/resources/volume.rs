//! `GET …/volume`: how many tweets a keyword had, bucket by bucket.

use schemars::JsonSchema;
use serde::Serialize;

use super::points::{PointAnswer, points};
use crate::actors::live::Topic;
use crate::events::Timestamp;
use crate::http::parameter::Parameter;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{KeywordResource, Live, Resource};
use crate::http::response::{Moment, as_text};
use crate::http::time_range::{self, FROM, MAX_POINTS, STEP, TO, TZ};
use crate::projections::volume::{Step, VolumeWindow};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::queries::{Buckets, series};

/// A query for the volume of one keyword.
#[derive(Debug, Clone)]
pub struct Volume(Buckets);

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Volume")]
pub struct VolumeAnswer {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = STEP.words))]
    step: Step,
    points: Vec<PointAnswer>,
    total: u64,
    /// The end of the window
    until: Moment,
}

impl Resource for Volume {
    const NAME: &'static str = "volume";
    const PATH: &'static str = "/api/v1/keywords/{token}/volume";
    const SUMMARY: &'static str = "A keyword's tweets, counted by time";
    const DESCRIPTION: &'static str = "At most 10,000 points.";
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::Time(FROM),
        Parameter::Time(TO),
        Parameter::Word(STEP),
        Parameter::Zone(TZ),
    ];
    const LIVE: Live = Live::Incremental {
        read: topic,
        is_default: true,
    };

    type Answer = VolumeAnswer;

    fn read(query: &Query, now: Timestamp) -> Result<Self, Problem> {
        time_range::buckets(query, now).map(Self)
    }
}

impl KeywordResource for Volume {
    fn question(
        self,
        _: Timestamp,
    ) -> impl FnMut(&KeywordSummary, &dyn Rows) -> Result<VolumeAnswer, RowsError> + Send + 'static
    {
        let Self(buckets) = self;
        move |_: &KeywordSummary, rows: &dyn Rows| {
            let series = series(rows, buckets)?;
            Ok(VolumeAnswer {
                step: buckets.step,
                points: points(&series.points),
                total: series.total,
                until: Moment(buckets.to),
            })
        }
    }
}

/// The window of a live topic without parameters.
pub const DEFAULT_VOLUME: VolumeWindow = VolumeWindow {
    step: Step::Hour,
    offset_hours: 0,
    from: None,
};

/// Reads the live topic. Its window has no `to`: it moves with the clock.
fn topic(query: &Query, now: Timestamp) -> Result<Topic, Problem> {
    let window = VolumeWindow {
        step: query.word(&STEP)?,
        offset_hours: query.zone(&TZ)?,
        from: query.time(&FROM)?,
    };
    let (start, until) = window.span(now);
    if start > until {
        return Err(Problem::BadQuery(format!(
            "from must lie before the end of the window, which contains now ({until})"
        )));
    }
    if window.step.buckets(start, until) > MAX_POINTS {
        return Err(Problem::BadQuery(format!(
            "from {start} to {until} are more than {MAX_POINTS} points; take a later from or a \
            longer step"
        )));
    }
    Ok(Topic::Volume(window))
}
