//! `GET /compare`: the volumes of a few keywords over the same buckets.

use schemars::JsonSchema;
use serde::Serialize;

use super::points::{PointAnswer, points};
use crate::access::KeywordSet;
use crate::actors::engine::Tidings;
use crate::events::{Keyword, Timestamp};
use crate::http::lanes::Lane;
use crate::http::parameter::{Head, Keywords, Parameter};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{AcrossResource, Live, Resource};
use crate::http::response::{Moment, as_text};
use crate::http::time_range::{self, FROM, STEP, TO, TZ};
use crate::projections::volume::Step;
use crate::queries::{Buckets, KeywordSeries, QueryError, compare};
use crate::store::Views;

const KEYWORD: Keywords = Keywords {
    head: Head::new("keyword", "Repeated for each keyword"),
    max: 10,
};
/// Estimated size of one point of an answer, in bytes.
const POINT_BYTES: u64 = 46;

/// A query for the volumes of a few keywords.
#[derive(Debug, Clone)]
pub struct Compare {
    keywords: Vec<Keyword>,
    buckets: Buckets,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Comparison {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = STEP.words))]
    step: Step,
    series: Vec<Series>,
    /// The end of the window
    until: Moment,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Series {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    keyword: Keyword,
    points: Vec<PointAnswer>,
    total: u64,
}

impl From<KeywordSeries> for Series {
    fn from(KeywordSeries { keyword, series }: KeywordSeries) -> Self {
        Self {
            keyword,
            points: points(&series.points),
            total: series.total,
        }
    }
}

impl Resource for Compare {
    const NAME: &'static str = "compare";
    const PATH: &'static str = "/api/v1/compare";
    const SUMMARY: &'static str = "The volumes of a few keywords";
    const DESCRIPTION: &'static str = "At most 10 keywords of 10,000 points each.";
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::Keywords(KEYWORD),
        Parameter::Time(FROM),
        Parameter::Time(TO),
        Parameter::Word(STEP),
        Parameter::Zone(TZ),
    ];
    const EXAMPLES: &'static [&'static str] = &["keyword=ai"];
    const LIVE: Live = Live::None;

    type Answer = Comparison;

    fn read(query: &Query, now: Timestamp) -> Result<Self, Problem> {
        Ok(Self {
            keywords: query.keywords(&KEYWORD)?,
            buckets: time_range::buckets(query, now)?,
        })
    }
}

impl AcrossResource for Compare {
    const LANE: Lane = Lane::Scan;

    fn bytes(&self, _: &Tidings) -> u64 {
        let series = u64::try_from(self.keywords.len()).unwrap_or(u64::MAX);
        let points = series.saturating_mul(self.buckets.count());
        points.saturating_mul(POINT_BYTES)
    }

    fn answer(
        &self,
        views: &Views,
        countable: &KeywordSet,
        _: Timestamp,
    ) -> Result<Comparison, QueryError> {
        let series = compare(views, countable, &self.keywords, self.buckets)?;
        Ok(Comparison {
            step: self.buckets.step,
            series: series.into_iter().map(Series::from).collect(),
            until: Moment(self.buckets.to),
        })
    }
}
