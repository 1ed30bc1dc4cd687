//! `GET …/spikes`: the stretches with far more tweets than usual, and the words, tweets and authors
//! that explain them.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use crate::events::{Keyword, Timestamp};
use crate::http::lanes::Lane;
use crate::http::parameter::{Head, Parameter, Time};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{KeywordResource, Live, Resource};
use crate::http::response::Moment;
use crate::projections::spikes::{MAX_REASON_KEYS, MAX_REASON_TWEETS};
use crate::projections::{KeywordSummary, Rows, RowsError};
use crate::queries::{ExplainedSpike, explained_spikes};

const FROM: Time = Time(
    Head::new(
        "from",
        "Start of the span, lowered to the hour; at most 366 days before its end. Default: 30 days \
         before the end",
    )
    .live(
        "Start of the span, lowered to the hour; at most 366 days before now, and moved when it \
         gets older. Default: 30 days before now",
    ),
);
const TO: Time = Time(
    Head::new(
        "to",
        "End of the span, exclusive; raised to the hour. Default: now",
    )
    .not_live(),
);

const MAX_SPAN: i64 = 366 * Timestamp::DAY;
const DEFAULT_SPAN: i64 = 30 * Timestamp::DAY;

/// A query for the spikes of one keyword.
#[derive(Debug, Clone)]
pub struct Spikes {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Spikes")]
pub struct SpikesAnswer {
    spikes: Vec<SpikeAnswer>,
    /// The end of the span
    until: Moment,
}

/// A stretch of hours with far more tweets than usual
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Spike")]
pub struct SpikeAnswer {
    start: Moment,
    /// The end of its last hour so far
    end: Moment,
    /// The hour with the most tweets
    peak_at: Moment,
    count: u64,
    /// The expected number of tweets from `start` to `end`
    #[schemars(range(min = 0))]
    expected: f64,
    /// The deviance of `count` from `expected`, as of a Poisson process
    score: f64,
    /// The words that are more frequent than usual, the highest scores first
    #[schemars(length(max = MAX_REASON_KEYS))]
    words: Vec<String>,
    /// The ids of the tweets with the most likes, reposts, quotes and replies
    #[schemars(length(max = MAX_REASON_TWEETS))]
    tweets: Vec<String>,
    /// The authors that are more frequent than usual, the highest scores first
    #[schemars(length(max = MAX_REASON_KEYS))]
    authors: Vec<String>,
}

impl From<ExplainedSpike> for SpikeAnswer {
    fn from(ExplainedSpike { spike, reasons }: ExplainedSpike) -> Self {
        let tweets = reasons.tweets.iter().map(ToString::to_string);
        Self {
            start: Moment(spike.start),
            end: Moment(spike.end),
            peak_at: Moment(spike.peak_at),
            count: spike.count,
            expected: spike.expected.to_f64(),
            score: spike.score.to_f64(),
            words: reasons.words,
            tweets: tweets.collect(),
            authors: reasons.authors,
        }
    }
}

impl Resource for Spikes {
    const NAME: &'static str = "spikes";
    const PATH: &'static str = "/api/v1/keywords/{token}/spikes";
    const SUMMARY: &'static str = "Hours in which far more tweets came than usual, and the reasons";
    const DESCRIPTION: &'static str =
        "Spikes that overlap the span are given whole, in the order of their starts.";
    const PARAMETERS: &'static [Parameter] = &[Parameter::Time(FROM), Parameter::Time(TO)];
    const EXAMPLES: &'static [&'static str] = &[
        "",
        "to=2015-06-20T00:00:00Z",
        "from=2015-05-20T12:30:00Z&to=2016-05-20T12:30:00Z",
    ];
    const LIVE: Live = Live::Polled {
        long_lists: &["spikes"],
        is_default: false,
    };

    type Answer = SpikesAnswer;

    fn read(query: &Query, now: Timestamp) -> Result<Self, Problem> {
        let resource = Self {
            from: query.time(&FROM)?,
            to: query.time(&TO)?,
        };
        let to = resource.to.unwrap_or(now);
        if let Some(from) = resource.from {
            if from > to {
                return Err(Problem::BadQuery(format!(
                    "from {from} is after to {to}; give an earlier from or a later to"
                )));
            }
            if from < to.plus(-MAX_SPAN) {
                return Err(Problem::BadQuery(format!(
                    "from {from} to {to} is more than 366 days; give a later from or an earlier to"
                )));
            }
        }
        if resource.span(now).end > Timestamp::LATEST {
            return Err(Problem::BadQuery(
                "the span ends after the year 9999; give an earlier to".to_owned(),
            ));
        }
        Ok(resource)
    }

    /// While no event is folded, the answer stays the same until the next hour, when its span
    /// moves. With `to` the answer does not depend on the time.
    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>> {
        let hour = now.floor_to(Timestamp::HOUR);
        self.to.is_none().then(|| hour..hour.plus(Timestamp::HOUR))
    }
}

impl KeywordResource for Spikes {
    /// The answer is a scan: all tweets of a spike are read, and their number is not limited.
    fn lane(&self) -> Lane {
        Lane::Scan
    }

    fn query(
        self,
        keyword: Keyword,
        now: Timestamp,
    ) -> impl FnMut(&KeywordSummary, &dyn Rows) -> Result<SpikesAnswer, RowsError> + Send + 'static
    {
        let span = self.span(now);
        move |summary: &KeywordSummary, rows: &dyn Rows| {
            let spikes = explained_spikes(&keyword, summary, rows, (span.start, span.end))?;
            Ok(SpikesAnswer {
                spikes: spikes.into_iter().map(SpikeAnswer::from).collect(),
                until: Moment(span.end),
            })
        }
    }
}

impl Spikes {
    /// The whole hours that overlap the span. Without `to` the span ends with the hour that
    /// contains `now`.
    fn span(&self, now: Timestamp) -> Range<Timestamp> {
        let to = self.to.unwrap_or(now);
        let end = match self.to {
            Some(to) => to.ceil_to(Timestamp::HOUR),
            None => now.plus(1).ceil_to(Timestamp::HOUR),
        };
        // The span of a live topic grows with the clock, up to [`MAX_SPAN`].
        let from = self.from.map(|from| from.max(to.plus(-MAX_SPAN)));
        let from = from.unwrap_or(to.plus(-DEFAULT_SPAN));
        from.floor_to(Timestamp::HOUR)..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn read(raw: &str, now: &str) -> Result<Spikes, Problem> {
        let query = Query::read(raw, Spikes::PARAMETERS)?;
        Spikes::read(&query, moment(now))
    }

    #[test]
    fn span_has_the_hours_that_it_touches() {
        for (raw, now, from, to) in [
            (
                "",
                "2026-11-23T07:12:34Z",
                "2026-10-24T07:00:00.000Z",
                "2026-11-23T08:00:00.000Z",
            ),
            (
                "",
                "2026-11-23T07:00:00Z",
                "2026-10-24T07:00:00.000Z",
                "2026-11-23T08:00:00.000Z",
            ),
            (
                "to=2026-11-23T07:00:00Z",
                "2026-12-01T00:00:00Z",
                "2026-10-24T07:00:00.000Z",
                "2026-11-23T07:00:00.000Z",
            ),
            (
                "from=2025-11-22T07:10:00Z",
                "2026-11-23T07:10:00Z",
                "2025-11-22T07:00:00.000Z",
                "2026-11-23T08:00:00.000Z",
            ),
        ] {
            let span = read(raw, now).unwrap().span(moment(now));
            let span = (span.start.to_string(), span.end.to_string());
            assert_eq!(span, (from.into(), to.into()), "{raw} at {now}");
        }
    }

    #[test]
    fn spikes_are_scans_with_and_without_a_span() {
        for raw in ["", "from=2026-11-20T00:00:00Z", "to=2026-11-20T00:00:00Z"] {
            let spikes = read(raw, "2026-11-23T07:00:00Z").unwrap();
            assert_eq!(spikes.lane(), Lane::Scan, "{raw}");
        }
    }

    #[test]
    fn impossible_spans_are_refused() {
        for raw in [
            "from=2026-11-23T07:00:00.001Z",
            "from=2025-11-22T06:59:59.999Z",
            "from=2026-11-20T00:00:00Z&to=2026-11-19T00:00:00Z",
            "from=2024-01-01T00:00:00Z&to=2025-01-01T00:00:00.001Z",
            "to=9999-12-31T23:00:00.001Z",
            "to=yesterday",
        ] {
            assert!(read(raw, "2026-11-23T07:00:00Z").is_err(), "{raw}");
        }
    }

    #[test]
    fn span_of_a_topic_is_bounded_when_it_gets_old() {
        let topic = read("from=2025-12-01T00:00:00Z", "2026-11-23T07:00:00Z").unwrap();
        let span = topic.span(moment("2026-12-25T10:30:00Z"));
        assert_eq!(span.start, moment("2025-12-24T10:00:00Z"));
        assert_eq!(span.end, moment("2026-12-25T11:00:00Z"));
    }

    #[test]
    fn span_without_an_end_moves_with_the_hour() {
        let hour = moment("2026-11-23T07:00:00Z")..moment("2026-11-23T08:00:00Z");
        let now = "2026-11-23T07:59:59.999Z";
        assert_eq!(
            read("", now).unwrap().current_during(moment(now)),
            Some(hour)
        );
        let fixed = read("to=2026-11-23T07:00:00Z", now).unwrap();
        assert_eq!(fixed.current_during(moment(now)), None);
    }
}
