//! Queries over the volume of a keyword.
//!
//! In: the rows of a keyword and a range of time. Out: counts per bucket, per minute, or between
//! given bounds.

use super::row::{CountRow, Minutes, RowSpan};
use crate::events::Timestamp;
use crate::projections::{Rows, RowsError};

/// The width of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours, from a local midnight.
    Day,
}

/// A text that is not the name of a [`Step`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a step; use minute, hour or day")]
pub struct StepError(pub String);

impl Step {
    /// The width in milliseconds.
    pub const fn width(self) -> i64 {
        match self {
            Self::Minute => Timestamp::MINUTE,
            Self::Hour => Timestamp::HOUR,
            Self::Day => Timestamp::DAY,
        }
    }

    /// The number of buckets in `[from, to)`, both [aligned](align); 0 when `to` is not later than
    /// `from`. Check the number before a call of [`points`], which makes all buckets.
    pub fn buckets(self, from: Timestamp, to: Timestamp) -> u64 {
        let span = to.millis().saturating_sub(from.millis());
        u64::try_from(span / self.width()).unwrap_or(0)
    }
}

impl std::str::FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, StepError> {
        match text {
            "minute" => Ok(Self::Minute),
            "hour" => Ok(Self::Hour),
            "day" => Ok(Self::Day),
            other => Err(StepError(other.chars().take(64).collect())),
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        })
    }
}

/// A bucket and the tweets in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumePoint {
    /// When the bucket begins.
    pub at: Timestamp,
    /// The number of tweets in the bucket.
    pub count: u64,
}

/// Lowers `from` and raises `to` to bounds of buckets. `offset_hours` is how far local time is
/// ahead of UTC (+9 in Seoul). The offset moves only days, which begin at local midnight.
pub fn align(
    from: Timestamp,
    to: Timestamp,
    step: Step,
    offset_hours: i8,
) -> (Timestamp, Timestamp) {
    let ahead = i64::from(offset_hours) * Timestamp::HOUR;
    let local = |at: Timestamp| at.plus(ahead);
    let width = step.width();
    (
        local(from).floor_to(width).plus(-ahead),
        local(to).ceil_to(width).plus(-ahead),
    )
}

/// Returns every bucket in `[from, to)`, zeros included, oldest first. Aligns the times first.
///
/// Reads one row for each sixteen days. For [`Step::Minute`] it reads at most one more row for each
/// six hours with tweets. Makes a point for every bucket, so check [`Step::buckets`] first.
///
/// # Errors
/// The error of `rows`, or [`RowsError::Damaged`].
pub fn points(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    step: Step,
    offset_hours: i8,
) -> Result<Vec<VolumePoint>, RowsError> {
    let (from, to) = align(from, to, step, offset_hours);
    let starts = std::iter::successors(Some(from), |at| Some(at.plus(step.width())));
    let mut points: Vec<VolumePoint> = starts
        .take_while(|at| *at < to)
        .map(|at| VolumePoint { at, count: 0 })
        .collect();
    let mut count_in = |at: Timestamp, count| {
        let bucket = (at.millis() - from.millis()) / step.width();
        let point = usize::try_from(bucket)
            .ok()
            .and_then(|bucket| points.get_mut(bucket));
        if let Some(point) = point {
            point.count += count;
        }
    };
    match step {
        Step::Minute => for_each_minute(rows, from, to.plus(-1), count_in)?,
        Step::Hour | Step::Day => for_each_span(rows, from, to, |number, span| {
            for (at, _, count) in span.counts(number) {
                if (from..to).contains(&at) {
                    count_in(at, count);
                }
            }
            Ok(())
        })?,
    }
    Ok(points)
}

/// The numbers of tweets between consecutive bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountsBetween {
    /// The number of tweets between each bound and the next one.
    pub counts: Vec<u64>,
    /// The newest tweet before the last bound is older than this time. This time is the end of the
    /// minute or hour that counts the tweet, and not later than the last bound. `None` when no
    /// tweets are counted.
    pub end_of_newest: Option<Timestamp>,
}

/// Counts the tweets between each bound and the next one. `bounds` are whole minutes in ascending
/// order.
///
/// Reads one row for each sixteen days, and at most one row of minutes for each bound inside an
/// hour with tweets. Reads no row twice.
///
/// # Errors
/// The error of `rows`, or [`RowsError::Damaged`].
pub fn counts_between(rows: &dyn Rows, bounds: &[Timestamp]) -> Result<CountsBetween, RowsError> {
    let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else {
        return Ok(CountsBetween::default());
    };
    let from = first.floor_to(Timestamp::HOUR);
    let mut slots = Vec::new();
    for_each_span(rows, from, *last, |number, span| {
        let counts = span.counts(number);
        slots.extend(counts.filter(|(at, ..)| (from..*last).contains(at)));
        Ok(())
    })?;
    let newest = slots.iter().map(|(at, width, _)| at.plus(*width)).max();
    let mut slots = slots.into_iter().peekable();
    let mut whole = 0;
    let mut minutes = None;
    let mut counts = Vec::with_capacity(bounds.len().saturating_sub(1));
    let mut before_bound = None;
    for bound in bounds {
        while let Some((.., count)) = slots.next_if(|(at, width, _)| at.plus(*width) <= *bound) {
            whole += count;
        }
        let mut before = whole;
        // Only an hour can begin before a whole minute and end after it.
        if let Some((hour, ..)) = slots.peek().filter(|(at, ..)| at < bound) {
            before += minutes_between(rows, &mut minutes, *hour, *bound)?;
        }
        if let Some(earlier) = before_bound.replace(before) {
            counts.push(before.saturating_sub(earlier));
        }
    }
    Ok(CountsBetween {
        counts,
        end_of_newest: newest.map(|end| end.min(*last)),
    })
}

/// Counts the tweets in `[from, to)`, which is inside one hour of a span with rows of minutes.
/// `held` caches the row read last.
fn minutes_between(
    rows: &dyn Rows,
    held: &mut Option<(u32, Minutes)>,
    from: Timestamp,
    to: Timestamp,
) -> Result<u64, RowsError> {
    let number = Minutes::number(from);
    let row = match held.take_if(|(held, _)| *held == number) {
        Some((_, row)) => row,
        None => Minutes::read(rows, number)?,
    };
    let (_, row) = held.insert((number, row));
    let counts = row.counts(number);
    let inside = counts.filter(|(at, _)| (from..to).contains(at));
    Ok(inside.map(|(_, count)| count).sum())
}

/// Calls `each` with the start and count of every minute that has tweets, oldest first, from the
/// minute of `first` through the minute of `last`. Reads one row for each sixteen days, and rows of
/// minutes only where there are tweets.
///
/// # Errors
/// The error of `rows`, or [`RowsError::Damaged`].
pub fn for_each_minute(
    rows: &dyn Rows,
    first: Timestamp,
    last: Timestamp,
    mut each: impl FnMut(Timestamp, u64),
) -> Result<(), RowsError> {
    let from = first.floor_to(Timestamp::MINUTE);
    let to = last.floor_to(Timestamp::MINUTE).plus(Timestamp::MINUTE);
    let mut visit = |at, count| {
        if (from..to).contains(&at) {
            each(at, count);
        }
    };
    for_each_span(rows, from, to, |number, span| {
        let mut read = None;
        for (at, width, count) in span.counts(number) {
            if width == Timestamp::MINUTE {
                visit(at, count);
            } else if at < to && from < at.plus(width) {
                let number = Minutes::number(at);
                // All minutes of a row are visited once, at the first hour of the row.
                if read.replace(number) != Some(number) {
                    let row = Minutes::read(rows, number)?;
                    row.counts(number).for_each(|(at, count)| visit(at, count));
                }
            }
        }
        Ok(())
    })
}

/// Calls `each` with the number and the counts of every span that overlaps `[from, to)`, oldest
/// first.
fn for_each_span(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    mut each: impl FnMut(u32, RowSpan) -> Result<(), RowsError>,
) -> Result<(), RowsError> {
    let to = to.min(Timestamp::LATEST.plus(1));
    if to.millis() <= 0 || to <= from {
        return Ok(());
    }
    let mut numbers = RowSpan::number(from)..=RowSpan::number(to.plus(-1));
    numbers.try_for_each(|number| each(number, RowSpan::read(rows, number)?))
}
