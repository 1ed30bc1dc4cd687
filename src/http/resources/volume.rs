//! `GET …/volume`: the number of tweets of a keyword in each bucket.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::actors::live::Topic;
use crate::events::{Keyword, Timestamp};
use crate::http::parameter::{Head, Parameter, Word};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{KeywordResource, Live, Resource};
use crate::http::response::{Moment, as_text};
use crate::http::time_range::{self, FROM, MAX_POINTS, STEP, TO, TZ};
use crate::projections::spikes::expected_per_hour;
use crate::projections::statistics::Decimal;
use crate::projections::volume::{Step, VolumePoint, VolumeWindow};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::queries::{Buckets, series};

/// Whether each point has its expected count.
const EXPECTED: Word = Word {
    head: Head::new(
        "expected",
        "Adds to each point the expected count, from the weeks before; with step hour only",
    )
    .not_live(),
    words: &["false", "true"],
    default: "false",
};

/// A query for the volume of one keyword.
#[derive(Debug, Clone)]
pub struct Volume {
    buckets: Buckets,
    /// Whether each point has its expected count.
    expected: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Volume")]
pub struct VolumeAnswer {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = STEP.words))]
    step: Step,
    points: Vec<VolumePointAnswer>,
    total: u64,
    /// The end of the window
    until: Moment,
}

/// One bucket of a volume
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "VolumePoint")]
struct VolumePointAnswer {
    at: Moment,
    count: u64,
    /// The expected count, from the weeks before; null in the keyword's first seven days, absent
    /// unless requested
    #[serde(skip_serializing_if = "Expected::is_unrequested")]
    #[schemars(with = "Option<f64>", range(min = 0))]
    expected: Expected,
}

/// The expected count of a bucket.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Unrequested,
    Unknown,
    Tweets(Decimal<1>),
}

impl Expected {
    const fn is_unrequested(&self) -> bool {
        matches!(self, Self::Unrequested)
    }
}

impl Serialize for Expected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unrequested | Self::Unknown => serializer.serialize_none(),
            Self::Tweets(tweets) => tweets.serialize(serializer),
        }
    }
}

/// The points of a volume, with their expected counts.
fn points(
    counted: &[VolumePoint],
    expected: impl Iterator<Item = Expected>,
) -> Vec<VolumePointAnswer> {
    let points = counted.iter().zip(expected);
    points
        .map(|(point, expected)| VolumePointAnswer {
            at: Moment(point.at),
            count: point.count,
            expected,
        })
        .collect()
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
        Parameter::Word(EXPECTED),
    ];
    const EXAMPLES: &'static [&'static str] = &["", "expected=true"];
    const LIVE: Live = Live::Incremental {
        read: topic,
        is_default: true,
    };

    type Answer = VolumeAnswer;

    fn read(query: &Query, now: Timestamp) -> Result<Self, Problem> {
        let buckets = time_range::buckets(query, now)?;
        let expected = query.word(&EXPECTED)?;
        if expected && buckets.step != Step::Hour {
            return Err(Problem::BadQuery(
                "expected=true is for step=hour only".to_owned(),
            ));
        }
        Ok(Self { buckets, expected })
    }
}

impl KeywordResource for Volume {
    fn query(
        self,
        _: Keyword,
        _: Timestamp,
    ) -> impl FnMut(&KeywordSummary, &dyn Rows) -> Result<VolumeAnswer, RowsError> + Send + 'static
    {
        let Self { buckets, expected } = self;
        move |summary: &KeywordSummary, rows: &dyn Rows| {
            let series = series(rows, buckets)?;
            let points = if expected {
                let usual = expected_per_hour(rows, summary.first_at, buckets.from, buckets.to)?;
                let of_point = |usual: Option<_>| usual.map_or(Expected::Unknown, Expected::Tweets);
                points(&series.points, usual.into_iter().map(of_point))
            } else {
                points(&series.points, std::iter::repeat(Expected::Unrequested))
            };
            Ok(VolumeAnswer {
                step: buckets.step,
                points,
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
