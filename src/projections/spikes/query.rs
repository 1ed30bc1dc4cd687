//! Spikes and expectations of one keyword, from the hours of its volume.

use super::expectations::{Expectations, LOOKBACK};
use super::hourly_counts::HourlyCounts;
use super::search::{Stretch, search};
use super::settings::SpikeSettings;
use crate::events::Timestamp;
use crate::projections::statistics::Decimal;
use crate::projections::volume::{Step, points};
use crate::projections::{Rows, RowsError};

/// A stretch of hours with far more tweets than expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spike {
    /// Start of the first hour of the spike.
    pub start: Timestamp,
    /// End of the last hour of the spike so far; later hours may extend the spike.
    pub end: Timestamp,
    /// Start of the hour with the most tweets; the first one if several have as many.
    pub peak_at: Timestamp,
    /// Number of tweets from `start` to `end`.
    pub count: u64,
    /// Expected number of tweets from `start` to `end`.
    pub expected: Decimal<1>,
    /// The deviance of `count` from `expected`, where `expected` is taken as at least half a tweet
    /// an hour.
    pub score: Decimal<3>,
}

impl From<Stretch> for Spike {
    fn from(stretch: Stretch) -> Self {
        Self {
            start: time(stretch.first),
            end: time(stretch.last + 1),
            peak_at: time(stretch.peak),
            count: stretch.count,
            expected: stretch.expected,
            score: stretch.score,
        }
    }
}

/// The spikes that overlap `[from, to)`, in the order of their starts, each as a whole. `first_at`
/// is the time of the oldest tweet; no spike begins earlier than seven days after the start of this
/// tweet's hour.
///
/// Reads the rows of sixteen days that contain the span. Unless the span has too few tweets for a
/// spike, it also reads the rows of the 46 days before. Time and memory are proportional to the
/// span.
///
/// # Errors
/// What `rows` fails with, or [`RowsError::Damaged`].
pub fn spikes(
    rows: &dyn Rows,
    first_at: Timestamp,
    from: Timestamp,
    to: Timestamp,
    settings: &SpikeSettings,
) -> Result<Vec<Spike>, RowsError> {
    let read = |from, to| hourly_counts(rows, from, to);
    let span = (hour(from), hour(to.ceil_to(Timestamp::HOUR)));
    let stretches = search(read, hour(first_at), span, settings)?;
    Ok(stretches.into_iter().map(Spike::from).collect())
}

/// The expected number of tweets in each hour of `[from, to)`, which are whole hours. The number is
/// `None` for hours that begin earlier than seven days after the start of the hour of `first_at`,
/// the time of the oldest tweet.
///
/// # Errors
/// What `rows` fails with, or [`RowsError::Damaged`].
pub fn expected_per_hour(
    rows: &dyn Rows,
    first_at: Option<Timestamp>,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Option<Decimal<1>>>, RowsError> {
    let hours = hour(from)..hour(to);
    let Some(first_at) = first_at.filter(|first_at| hour(*first_at) < hours.end) else {
        return Ok(hours.map(|_| None).collect());
    };
    let counts = hourly_counts(rows, hours.start.max(hour(first_at)) - LOOKBACK, hours.end)?;
    let mut expectations = Expectations::new(&counts, hour(first_at));
    let of_hour = |hour| {
        let expected = expectations.expected(hour)?;
        Some(Decimal::of_ratio(expected, 1_000))
    };
    Ok(hours.map(of_hour).collect())
}

/// The tweets of the hours in `from..to`.
fn hourly_counts(rows: &dyn Rows, from: i64, to: i64) -> Result<HourlyCounts, RowsError> {
    let points = points(rows, time(from), time(to), Step::Hour, 0)?;
    let counts = points.iter().map(|point| point.count).collect();
    Ok(HourlyCounts::new(from, counts))
}

/// The hour that contains a time, counted from 1970-01-01T00:00:00Z.
const fn hour(at: Timestamp) -> i64 {
    at.millis().div_euclid(Timestamp::HOUR)
}

/// The start of an hour.
const fn time(hour: i64) -> Timestamp {
    Timestamp::from_millis(hour.saturating_mul(Timestamp::HOUR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Sequence;
    use crate::projections::MemoryRows;
    use crate::projections::volume::Volume;

    /// The sequence of every change in these tests.
    const SEQUENCE: Sequence = Sequence::new(1);

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn fold(rows: &mut MemoryRows, change: impl FnOnce(&mut Volume, &MemoryRows)) {
        let mut volume = Volume::default();
        change(&mut volume, rows);
        let mut changes = Vec::new();
        volume.take_row_changes(&mut changes);
        rows.put(changes);
    }

    /// Two tweets an hour for three weeks from `first_at`, and thirty more in one hour.
    fn keyword_with_a_burst(first_at: Timestamp, burst_at: Timestamp) -> MemoryRows {
        let mut rows = MemoryRows::default();
        fold(&mut rows, |volume, rows| {
            for half_hour in 0..3 * 7 * 48 {
                let at = first_at.plus(half_hour * Timestamp::HOUR / 2);
                volume.add(rows, at, SEQUENCE).unwrap();
            }
            for minute in 0..30 {
                let at = burst_at.plus(minute * Timestamp::MINUTE);
                volume.add(rows, at, SEQUENCE).unwrap();
            }
        });
        rows
    }

    #[test]
    fn spike_disappears_when_its_tweets_are_deleted() {
        let first_at = moment("2026-10-01T00:10:00Z");
        let burst_at = moment("2026-10-15T09:20:00Z");
        let mut rows = keyword_with_a_burst(first_at, burst_at);
        let ask = |rows: &MemoryRows, from: &str, to: &str| {
            let (from, to) = (moment(from), moment(to));
            spikes(rows, first_at, from, to, &SpikeSettings::default()).unwrap()
        };
        let spike = Spike {
            start: moment("2026-10-15T09:00:00Z"),
            end: moment("2026-10-15T10:00:00Z"),
            peak_at: moment("2026-10-15T09:00:00Z"),
            count: 32,
            expected: Decimal::of_units(20),
            // 2·(32·ln 16 − 30)
            score: Decimal::of_units(117_446),
        };
        assert_eq!(
            ask(&rows, "2026-10-01T00:00:00Z", "2026-10-20T00:00:00Z"),
            [spike]
        );
        assert_eq!(
            ask(&rows, "2026-10-15T09:59:59Z", "2026-10-15T10:00:00Z"),
            [spike]
        );
        assert_eq!(
            ask(&rows, "2026-10-15T10:00:00Z", "2026-10-20T00:00:00Z"),
            []
        );
        assert_eq!(
            ask(&rows, "2026-10-01T00:00:00Z", "2026-10-15T09:00:00Z"),
            []
        );

        fold(&mut rows, |volume, rows| {
            for minute in 0..30 {
                let at = burst_at.plus(minute * Timestamp::MINUTE);
                volume.remove(rows, at, SEQUENCE).unwrap();
            }
        });
        assert_eq!(
            ask(&rows, "2026-10-01T00:00:00Z", "2026-10-20T00:00:00Z"),
            []
        );
    }

    #[test]
    fn expectation_begins_seven_days_after_the_oldest_tweet() {
        let first_at = moment("2026-10-01T00:10:00Z");
        let rows = keyword_with_a_burst(first_at, moment("2026-10-15T09:20:00Z"));
        let (from, to) = (
            moment("2026-10-07T23:00:00Z"),
            moment("2026-10-08T02:00:00Z"),
        );
        let two = Some(Decimal::of_units(20));
        let expected = expected_per_hour(&rows, Some(first_at), from, to).unwrap();
        assert_eq!(expected, [None, two, two]);
        assert_eq!(expected_per_hour(&rows, None, from, to).unwrap(), [None; 3]);
    }
}
