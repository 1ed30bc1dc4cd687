//! Questions about the volume of a keyword, answered from its rows.

use super::block::{Block, Grain};
use crate::events::Timestamp;
use crate::projections::{Rows, RowsError};

/// The width of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours, from a midnight.
    Day,
}

/// A text that names no [`Step`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no step; use minute, hour or day")]
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

    /// How many buckets lie in `[from, to)`, once these are [aligned](align); none when `to` is not
    /// later. Ask before [`points`], which makes them all.
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
pub struct Point {
    /// When the bucket begins.
    pub at: Timestamp,
    /// The tweets in it.
    pub count: u64,
}

/// Lowers `from` and raises `to` to where buckets begin. `offset_hours` is how far local time is
/// ahead of UTC (+9 in Seoul); it moves days, whose midnights are local, and nothing else.
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

/// Every bucket in `[from, to)`, zeros too, oldest first. Times that are not aligned are.
///
/// Reads a row for each six hours (minutes) or sixteen days (hours and days), and makes a point for
/// every bucket: ask [`Step::buckets`] first.
///
/// # Errors
/// What `rows` fails with, or [`RowsError::Damaged`].
pub fn points(
    rows: &dyn Rows,
    from: Timestamp,
    to: Timestamp,
    step: Step,
    offset_hours: i8,
) -> Result<Vec<Point>, RowsError> {
    let (from, to) = align(from, to, step, offset_hours);
    let starts = std::iter::successors(Some(from), |at| Some(at.plus(step.width())));
    let mut points: Vec<Point> = starts
        .take_while(|at| *at < to)
        .map(|at| Point { at, count: 0 })
        .collect();
    let grain = match step {
        Step::Minute => Grain::Minutes,
        Step::Hour | Step::Day => Grain::Hours,
    };
    for_each(rows, grain, from, to, |at, count| {
        let bucket = (at.millis() - from.millis()) / step.width();
        let point = usize::try_from(bucket)
            .ok()
            .and_then(|bucket| points.get_mut(bucket));
        if let Some(point) = point {
            point.count += count;
        }
        Ok(())
    })?;
    Ok(points)
}

/// The tweets in `[from, to)`, in whole minutes: `from` is lowered, `to` raised to one.
///
/// Reads a row for each sixteen days, and at most one for each end.
///
/// # Errors
/// What `rows` fails with, or [`RowsError::Damaged`].
pub fn count(rows: &dyn Rows, from: Timestamp, to: Timestamp) -> Result<u64, RowsError> {
    let (from, to) = align(from, to, Step::Minute, 0);
    let counts = counts_between(rows, &[from, to])?;
    Ok(counts.into_iter().sum())
}

/// The tweets between each two neighbours of `bounds`, which ascend and are whole minutes.
///
/// Reads a row for each sixteen days, and for each bound inside an hour that has tweets the row of
/// its minutes; none of them twice.
///
/// # Errors
/// What `rows` fails with, or [`RowsError::Damaged`].
pub fn counts_between(rows: &dyn Rows, bounds: &[Timestamp]) -> Result<Vec<u64>, RowsError> {
    let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else {
        return Ok(Vec::new());
    };
    let mut hours = Vec::new();
    let from = first.floor_to(Timestamp::HOUR);
    for_each(
        rows,
        Grain::Hours,
        from,
        last.ceil_to(Timestamp::HOUR),
        |at, count| {
            hours.push((at, count));
            Ok(())
        },
    )?;
    let mut hours = hours.into_iter().peekable();
    let mut before_hour = 0;
    let mut minutes = None;
    let mut counts = Vec::with_capacity(bounds.len().saturating_sub(1));
    let mut before_bound = None;
    for bound in bounds {
        let hour = bound.floor_to(Timestamp::HOUR);
        while let Some((_, count)) = hours.next_if(|(at, _)| *at < hour) {
            before_hour += count;
        }
        let mut before = before_hour;
        if hour < *bound && hours.peek().is_some_and(|(at, _)| *at == hour) {
            before += minutes_between(rows, &mut minutes, hour, *bound)?;
        }
        if let Some(earlier) = before_bound.replace(before) {
            counts.push(before.saturating_sub(earlier));
        }
    }
    Ok(counts)
}

/// The tweets in `[from, to)`, both in one hour. `held` is the block read last.
fn minutes_between(
    rows: &dyn Rows,
    held: &mut Option<(u32, Block)>,
    from: Timestamp,
    to: Timestamp,
) -> Result<u64, RowsError> {
    let (number, first) = Grain::Minutes.place(from);
    let (_, end) = Grain::Minutes.place(to);
    let block = match held.take_if(|(held, _)| *held == number) {
        Some((_, block)) => block,
        None => Grain::Minutes.read(rows, number)?,
    };
    let (_, block) = held.insert((number, block));
    let inside = block
        .counts()
        .filter(|(slot, _)| (first..end).contains(slot));
    Ok(inside.map(|(_, count)| count).sum())
}

/// Calls `each` for every minute that has tweets, oldest first, with its count: from the minute of
/// `first` through that of `last`. Reads a row for each sixteen days, and the minutes only where
/// there are tweets.
///
/// # Errors
/// What `rows` fails with, or [`RowsError::Damaged`].
pub fn for_each_minute(
    rows: &dyn Rows,
    first: Timestamp,
    last: Timestamp,
    mut each: impl FnMut(Timestamp, u64),
) -> Result<(), RowsError> {
    let from = first.floor_to(Timestamp::MINUTE);
    let to = last.floor_to(Timestamp::MINUTE).plus(Timestamp::MINUTE);
    let mut read_through = from;
    let hours_from = from.floor_to(Timestamp::HOUR);
    for_each(
        rows,
        Grain::Hours,
        hours_from,
        to.ceil_to(Timestamp::HOUR),
        |hour, _| {
            if hour.plus(Timestamp::HOUR) <= read_through {
                return Ok(());
            }
            // All minutes of the row that this hour is in: its later hours need not read it again.
            let (number, _) = Grain::Minutes.place(hour);
            let end = Grain::Minutes
                .start(number, 0)
                .plus(6 * Timestamp::HOUR)
                .min(to);
            let start = std::mem::replace(&mut read_through, end).max(hour);
            for_each(rows, Grain::Minutes, start, end, |at, count| {
                each(at, count);
                Ok(())
            })
        },
    )
}

/// Calls `each` for every slot that begins in `[from, to)` and is not zero, oldest first.
fn for_each(
    rows: &dyn Rows,
    grain: Grain,
    from: Timestamp,
    to: Timestamp,
    mut each: impl FnMut(Timestamp, u64) -> Result<(), RowsError>,
) -> Result<(), RowsError> {
    let to = to.min(Timestamp::LATEST.plus(1));
    if to.millis() <= 0 || to <= from {
        return Ok(());
    }
    let (first, _) = grain.place(from);
    let (last, _) = grain.place(to.plus(-1));
    for number in first..=last {
        for (slot, count) in grain.read(rows, number)?.counts() {
            let at = grain.start(number, slot);
            if from <= at && at < to {
                each(at, count)?;
            }
        }
    }
    Ok(())
}
