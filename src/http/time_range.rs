//! Reads a span of time from the parameters `from`, `to`, `step` and `tz`, and fills in the
//! defaults.

use super::parameter::{Head, Time, Word, Zone};
use super::problem::Problem;
use super::query::Query;
use crate::events::Timestamp;
use crate::projections::volume;
use crate::queries::Buckets;

/// Maximum number of points in one series of an answer.
pub const MAX_POINTS: u64 = 10_000;

/// 0000-01-01T00:00:00Z: the earliest moment that RFC 3339 can write.
const YEAR_0: Timestamp = Timestamp::from_millis(-62_167_219_200_000);

/// Start of a span of buckets.
pub const FROM: Time = Time(
    Head::new(
        "from",
        "Start, inclusive; lowered to the step. Default: 24 hours before the end",
    )
    .live("Start of the first bucket. Default: 24 hours before the end"),
);
/// End of a span of buckets.
pub const TO: Time = Time(
    Head::new(
        "to",
        "End, exclusive; raised to the step. Default: the end of the bucket that contains now",
    )
    .not_live(),
);
/// Width of a bucket.
pub const STEP: Word = Word {
    head: Head::new("step", "The width of a bucket"),
    words: &["minute", "hour", "day"],
    default: "hour",
};
/// Offset from UTC of the day that a day bucket covers.
pub const TZ: Zone = Zone(
    Head::new("tz", "Offset from UTC of day buckets, in whole hours")
        .live("Offset from UTC of day buckets, in whole hours, such as +09:00"),
);

/// Reads [`FROM`], [`TO`], [`STEP`] and [`TZ`]. Without `to`, the span ends with the bucket that
/// contains `now`. Without `from`, it starts 24 hours before its end.
///
/// # Errors
/// [`Problem`] when one of them is malformed, when `from` is after `to`, or when the span has more
/// than [`MAX_POINTS`] buckets.
pub fn buckets(query: &Query, now: Timestamp) -> Result<Buckets, Problem> {
    let step = query.word(&STEP)?;
    let offset_hours = query.zone(&TZ)?;
    let given = (query.time(&FROM)?, query.time(&TO)?);
    if let (Some(from), Some(to)) = given
        && from > to
    {
        return Err(reversed(from, to));
    }
    // One millisecond after `now`: if a bucket starts at `now`, the span includes this bucket.
    let to = given.1.unwrap_or(now.plus(1));
    let (_, until) = volume::align(to, to, step, offset_hours);
    let from = given.0.unwrap_or(until.plus(-Timestamp::DAY));
    if from > until {
        return Err(reversed(from, until));
    }
    let (from, to) = volume::align(from, until, step, offset_hours);
    if from < YEAR_0 || to > Timestamp::LATEST {
        return Err(Problem::BadQuery(
            "the span does not lie within the years 0 to 9999, which RFC 3339 can write".to_owned(),
        ));
    }
    let points = step.buckets(from, to);
    if points > MAX_POINTS {
        return Err(Problem::TooManyPoints {
            from: from.to_string(),
            to: to.to_string(),
            points,
            max: MAX_POINTS,
        });
    }
    Ok(Buckets {
        from,
        to,
        step,
        offset_hours,
    })
}

fn reversed(from: Timestamp, to: Timestamp) -> Problem {
    Problem::BadQuery(format!(
        "from {from} is after to {to}; give an earlier from or a later to"
    ))
}

/// The hours of an offset such as `+09:00`, or 0 for `Z`. `None` when it is neither.
pub fn zone(text: &str) -> Option<i8> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match (text.strip_prefix(['+', ' ']), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        (None, None) => return None,
    };
    let hours = rest.strip_suffix(":00")?;
    let two_digits = hours.len() == 2 && hours.bytes().all(|byte| byte.is_ascii_digit());
    let hours: i8 = two_digits.then(|| hours.parse().ok()).flatten()?;
    (hours < 24).then_some(sign * hours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parameter::Parameter;

    const BUCKET_PARAMETERS: [Parameter; 4] = [
        Parameter::Time(FROM),
        Parameter::Time(TO),
        Parameter::Word(STEP),
        Parameter::Zone(TZ),
    ];

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn span(raw: &str, now: &str) -> Result<(String, String), Problem> {
        let query = Query::read(raw, &BUCKET_PARAMETERS)?;
        let span = buckets(&query, moment(now))?;
        Ok((span.from.to_string(), span.to.to_string()))
    }

    #[test]
    fn defaults_match_the_specification() {
        for (raw, now, from, to) in [
            (
                "",
                "2026-11-23T07:00:00Z",
                "2026-11-22T08:00:00.000Z",
                "2026-11-23T08:00:00.000Z",
            ),
            (
                "",
                "2026-11-23T07:59:59.999Z",
                "2026-11-22T08:00:00.000Z",
                "2026-11-23T08:00:00.000Z",
            ),
            (
                "step=minute",
                "2026-11-23T07:00:30Z",
                "2026-11-22T07:01:00.000Z",
                "2026-11-23T07:01:00.000Z",
            ),
            (
                "step=day",
                "2026-11-23T07:00:30Z",
                "2026-11-23T00:00:00.000Z",
                "2026-11-24T00:00:00.000Z",
            ),
            (
                "step=day&tz=+09:00",
                "2026-11-23T16:00:00Z",
                "2026-11-23T15:00:00.000Z",
                "2026-11-24T15:00:00.000Z",
            ),
            (
                "to=2026-11-23T07:00:01Z",
                "2026-12-01T00:00:00Z",
                "2026-11-22T08:00:00.000Z",
                "2026-11-23T08:00:00.000Z",
            ),
            (
                "to=2026-11-23T07:00:00Z",
                "2026-12-01T00:00:00Z",
                "2026-11-22T07:00:00.000Z",
                "2026-11-23T07:00:00.000Z",
            ),
            (
                "from=2026-11-23T05:30:00Z",
                "2026-11-23T07:00:00Z",
                "2026-11-23T05:00:00.000Z",
                "2026-11-23T08:00:00.000Z",
            ),
        ] {
            assert_eq!(
                span(raw, now).unwrap(),
                (from.into(), to.into()),
                "{raw} at {now}"
            );
        }
    }

    #[test]
    fn volume_has_at_most_ten_thousand_points() {
        let minutes = |to: &str| {
            span(
                &format!("step=minute&from=2026-11-01T00:00:00Z&to={to}"),
                "2026-11-23T07:00:00Z",
            )
        };
        assert!(minutes("2026-11-07T22:40:00Z").is_ok());
        assert!(matches!(
            minutes("2026-11-07T22:40:00.001Z"),
            Err(Problem::TooManyPoints { points: 10_001, .. })
        ));
    }

    #[test]
    fn impossible_spans_are_refused() {
        let now = "2026-11-23T07:00:00Z";
        for raw in [
            "from=2026-11-23T07:00:01Z&to=2026-11-23T07:00:00Z",
            "from=2027-11-23T07:00:01Z",
            "to=9999-12-31T23:59:59.999Z",
            "to=0000-01-01T00:00:00Z",
            "step=week",
            "tz=09:00",
            "tz=+09:30",
            "tz=+9:00",
            "tz=+24:00",
        ] {
            assert!(span(raw, now).is_err(), "{raw}");
        }
        let empty = span("from=2026-11-23T07:00:00Z&to=2026-11-23T07:00:00Z", now).unwrap();
        assert_eq!(empty.0, empty.1);
    }
}
