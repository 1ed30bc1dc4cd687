//! Spans of time as requests give them, with the defaults of the contract.

use super::problem::Problem;
use super::query::Query;
use crate::events::Timestamp;
use crate::projections::volume::{self, Step};
use crate::queries::Buckets;

/// The most points that one series of an answer holds.
pub const MAX_POINTS: u64 = 10_000;

/// 0000-01-01T00:00:00Z.
const YEAR_0: Timestamp = Timestamp::from_millis(-62_167_219_200_000);

/// Reads `from`, `to`, `step` and `tz`. Without `to` the span ends with the bucket that
/// contains `now`, without `from` it starts 24 hours before its end.
///
/// # Errors
/// [`Problem`] when one of them is malformed, `from` is after `to`, or there would be more
/// than [`MAX_POINTS`] buckets.
pub fn buckets(query: &Query, now: Timestamp) -> Result<Buckets, Problem> {
    let step = query.one_of(
        "step",
        &[
            ("minute", Step::Minute),
            ("hour", Step::Hour),
            ("day", Step::Day),
        ],
        Step::Hour,
    )?;
    let offset_hours = offset_hours(query)?;
    let given = (query.moment("from")?, query.moment("to")?);
    if let (Some(from), Some(to)) = given
        && from > to
    {
        return Err(reversed(from, to));
    }
    // The first moment behind `now`, so that a `now` at the start of a bucket is in the span.
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

/// Reads `tz`: `Z` or a whole number of hours. A `+` may have become a space on its way.
fn offset_hours(query: &Query) -> Result<i8, Problem> {
    let Some(text) = query.text("tz") else {
        return Ok(0);
    };
    zone(text).ok_or_else(|| {
        Problem::parameter(
            "tz",
            text,
            "it must be an offset of whole hours such as +09:00 or -05:00",
        )
    })
}

/// The hours of `Z` or a whole-hour offset such as `+09:00`; `None` when it is neither.
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

    const BUCKET_PARAMETERS: [&str; 4] = ["from", "to", "step", "tz"];

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn span(raw: &str, now: &str) -> Result<(String, String), Problem> {
        let query = Query::read(raw, &BUCKET_PARAMETERS, &[])?;
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
    fn spans_that_cannot_be_are_refused() {
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

    #[test]
    fn zones_are_whole_hours() {
        let hours = |raw: &str| {
            let query = Query::read(raw, &BUCKET_PARAMETERS, &[]).unwrap();
            offset_hours(&query).ok()
        };
        for (raw, expected) in [
            ("", Some(0)),
            ("tz=Z", Some(0)),
            ("tz=+09:00", Some(9)),
            ("tz=%2B09:00", Some(9)),
            ("tz=-05:00", Some(-5)),
            ("tz=%2B%2B9:00", None),
            ("tz=-a1:00", None),
        ] {
            assert_eq!(hours(raw), expected, "{raw}");
        }
    }
}
