//! The volume of a keyword as its followers hold it: a window of buckets that moves with the clock.
//!
//! The counts are read once; from then on they follow the changes of the minutes. Buckets behind
//! the window's end are kept too, since a tweet may be dated up to a day ahead.

use std::collections::{BTreeMap, BTreeSet};

use super::{Point, Step, align, points};
use crate::events::Timestamp;
use crate::projections::{Rows, RowsError};

/// Which buckets: from a fixed moment, or the last 24 hours, up to the bucket that contains now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VolumeWindow {
    /// Their width.
    pub step: Step,
    /// How far local time is ahead of UTC; it moves days.
    pub offset_hours: i8,
    /// Where they begin; `None` for 24 hours before the end.
    pub from: Option<Timestamp>,
}

impl VolumeWindow {
    /// The start of the first bucket and the end of the last one. The first is the later one when
    /// a fixed start is still to come.
    pub fn span(self, now: Timestamp) -> (Timestamp, Timestamp) {
        // The first moment behind `now`, so that a `now` at the start of a bucket is in the span.
        let to = now.plus(1);
        let (_, until) = align(to, to, self.step, self.offset_hours);
        let from = self.from.unwrap_or(until.plus(-Timestamp::DAY));
        let (from, _) = align(from, from, self.step, self.offset_hours);
        (from, until)
    }
}

/// The counts in a [`VolumeWindow`], and which of them changed since its followers were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSeries {
    window: VolumeWindow,
    start: Timestamp,
    until: Timestamp,
    /// Buckets at or after `start` that are not zero.
    counts: BTreeMap<Timestamp, u64>,
    /// Buckets before `until` whose points are to be told.
    untold: BTreeSet<Timestamp>,
}

impl VolumeSeries {
    /// Reads the counts. `last_at` is the time of the newest tweet.
    ///
    /// # Errors
    /// What `rows` fails with, or [`RowsError::Damaged`].
    pub fn read(
        rows: &dyn Rows,
        window: VolumeWindow,
        now: Timestamp,
        last_at: Option<Timestamp>,
    ) -> Result<Self, RowsError> {
        let (start, until) = window.span(now);
        let end = last_at.map_or(until, |last| last.plus(1).max(until));
        let counts = points(rows, start, end, window.step, window.offset_hours)?
            .into_iter()
            .filter(|point| point.count > 0)
            .map(|point| (point.at, point.count))
            .collect();
        Ok(Self {
            window,
            start,
            until,
            counts,
            untold: BTreeSet::new(),
        })
    }

    /// Follows the changes of minutes.
    pub fn apply<'m>(&mut self, minutes: impl IntoIterator<Item = (&'m Timestamp, &'m i64)>) {
        let VolumeWindow {
            step, offset_hours, ..
        } = self.window;
        for (minute, moved) in minutes {
            let (bucket, _) = align(*minute, *minute, step, offset_hours);
            if bucket < self.start {
                continue;
            }
            let count = self.counts.entry(bucket).or_default();
            *count = count.saturating_add_signed(*moved);
            if *count == 0 {
                self.counts.remove(&bucket);
            }
            self.untold.insert(bucket);
        }
    }

    /// Moves on with the clock; true when buckets entered.
    pub fn roll(&mut self, now: Timestamp) -> bool {
        let (start, until) = self.window.span(now);
        if until <= self.until {
            return false;
        }
        let width = self.window.step.width();
        let mut entered = self.until;
        while entered < until {
            self.untold.insert(entered);
            entered = entered.plus(width);
        }
        self.counts = self.counts.split_off(&start);
        self.untold = self.untold.split_off(&start);
        self.start = start;
        self.until = until;
        true
    }

    /// The end of the last bucket; when the clock reaches it, it is time to [roll](Self::roll).
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// How many points there are.
    pub fn len(&self) -> u64 {
        self.window.step.buckets(self.start, self.until)
    }

    /// There are none: the window begins in the future.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The points that changed or entered since the last time, oldest first, with their counts.
    pub fn take_untold(&mut self) -> Vec<Point> {
        let ahead = self.untold.split_off(&self.until);
        let told = std::mem::take(&mut self.untold);
        // What changed ahead of the window is told when it enters, whether it changes again or not.
        drop(ahead);
        told.into_iter().map(|at| self.point(at)).collect()
    }

    /// All points, zeros too, oldest first.
    pub fn points(&self) -> Vec<Point> {
        let width = self.window.step.width();
        std::iter::successors(Some(self.start), |at| Some(at.plus(width)))
            .take_while(|at| *at < self.until)
            .map(|at| self.point(at))
            .collect()
    }

    fn point(&self, at: Timestamp) -> Point {
        Point {
            at,
            count: self.counts.get(&at).copied().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::NoRows;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn series(step: Step, offset_hours: i8, now: &str) -> VolumeSeries {
        let window = VolumeWindow {
            step,
            offset_hours,
            from: None,
        };
        VolumeSeries::read(&NoRows, window, moment(now), None).unwrap()
    }

    fn moved(series: &mut VolumeSeries, at: &str, by: i64) {
        series.apply([(&moment(at), &by)]);
    }

    fn told(series: &mut VolumeSeries) -> Vec<(String, u64)> {
        let points = series.take_untold().into_iter();
        points
            .map(|point| (point.at.to_string(), point.count))
            .collect()
    }

    #[test]
    fn a_day_of_hours_ends_with_the_hour_that_contains_now() {
        let series = series(Step::Hour, 0, "2026-11-23T07:00:00Z");
        let points = series.points();
        assert_eq!(points.len(), 24);
        assert_eq!(points[0].at, moment("2026-11-22T08:00:00Z"));
        assert_eq!(series.until(), moment("2026-11-23T08:00:00Z"));
    }

    #[test]
    fn only_what_moved_is_told_and_once() {
        let mut series = series(Step::Hour, 0, "2026-11-23T07:30:00Z");
        moved(&mut series, "2026-11-23T07:29:00Z", 2);
        moved(&mut series, "2026-11-23T07:01:00Z", 1);
        moved(&mut series, "2026-11-22T07:59:00Z", 9);
        assert_eq!(
            told(&mut series),
            [("2026-11-23T07:00:00.000Z".to_owned(), 3)]
        );
        assert!(told(&mut series).is_empty());
        moved(&mut series, "2026-11-23T07:01:00Z", -3);
        assert_eq!(
            told(&mut series),
            [("2026-11-23T07:00:00.000Z".to_owned(), 0)]
        );
    }

    #[test]
    fn a_roll_tells_every_bucket_that_entered_and_keeps_what_was_dated_ahead() {
        let mut series = series(Step::Minute, 0, "2026-11-23T07:30:30Z");
        moved(&mut series, "2026-11-23T07:32:00Z", 5);
        assert!(told(&mut series).is_empty());
        assert!(!series.roll(moment("2026-11-23T07:30:59.999Z")));
        assert!(series.roll(moment("2026-11-23T07:32:00Z")));
        assert_eq!(
            told(&mut series),
            [
                ("2026-11-23T07:31:00.000Z".to_owned(), 0),
                ("2026-11-23T07:32:00.000Z".to_owned(), 5)
            ]
        );
        assert_eq!(series.points().len(), 1440);
        assert_eq!(series.until(), moment("2026-11-23T07:33:00Z"));
    }

    #[test]
    fn days_are_local() {
        let mut series = series(Step::Day, 9, "2026-11-23T16:00:00Z");
        moved(&mut series, "2026-11-23T15:00:00Z", 1);
        moved(&mut series, "2026-11-23T14:59:00Z", 1);
        assert_eq!(
            told(&mut series),
            [("2026-11-23T15:00:00.000Z".to_owned(), 1)]
        );
    }

    #[test]
    fn a_fixed_start_stays_while_the_end_moves() {
        let window = VolumeWindow {
            step: Step::Hour,
            offset_hours: 0,
            from: Some(moment("2026-11-23T05:59:00Z")),
        };
        let now = moment("2026-11-23T07:30:00Z");
        let mut series = VolumeSeries::read(&NoRows, window, now, None).unwrap();
        assert_eq!(series.len(), 3);
        assert!(series.roll(now.plus(Timestamp::HOUR)));
        assert_eq!(series.len(), 4);
        assert_eq!(series.points()[0].at, moment("2026-11-23T05:00:00Z"));
    }
}
