//! The volume of a keyword for live subscribers: windows of buckets that follow the fold and the
//! clock.
//!
//! In: the rows once, then the changes of minutes from each fold. Out: points for snapshots and
//! updates.
//!
//! The counts are read once for each bucket width and shared by all windows of that width. After
//! that, changes of minutes are applied to them. Buckets after the end of the windows are kept too,
//! because a tweet can be dated up to a day ahead.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Step, VolumePoint, align, points};
use crate::events::Timestamp;
use crate::projections::{Rows, RowsError};

/// The bounds of buckets: their width, and the offset of local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VolumeGrid {
    /// The width of a bucket.
    pub step: Step,
    /// How many hours local time is ahead of UTC. The offset moves only days, and is 0 for other
    /// widths.
    pub offset_hours: i8,
}

/// The range of buckets to show: from a fixed time, or the last 24 hours, through the current
/// bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VolumeWindow {
    /// The width of a bucket.
    pub step: Step,
    /// How many hours local time is ahead of UTC. The offset moves only days.
    pub offset_hours: i8,
    /// The start of the range; `None` for 24 hours before its end.
    pub from: Option<Timestamp>,
}

impl VolumeWindow {
    /// Returns the start of the first bucket and the end of the last one. The start is later than
    /// the end when a fixed start is in the future.
    pub fn span(self, now: Timestamp) -> (Timestamp, Timestamp) {
        // Adding a millisecond puts a `now` at the start of a bucket inside the span.
        let to = now.plus(1);
        let (_, until) = align(to, to, self.step, self.offset_hours);
        let from = self.from.unwrap_or(until.plus(-Timestamp::DAY));
        let (from, _) = align(from, from, self.step, self.offset_hours);
        (from, until)
    }

    /// The range of times that give the same end of the window as `now`.
    pub fn current_during(self, now: Timestamp) -> Range<Timestamp> {
        let (_, until) = self.span(now);
        until.plus(-self.step.width())..until
    }

    /// The bounds of the buckets of this window.
    pub fn grid(self) -> VolumeGrid {
        VolumeGrid {
            step: self.step,
            offset_hours: match self.step {
                Step::Minute | Step::Hour => 0,
                Step::Day => self.offset_hours,
            },
        }
    }
}

/// The counts of the buckets of a [`VolumeGrid`], from a start on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeCounts {
    grid: VolumeGrid,
    start: Timestamp,
    /// Buckets at or after `start` with counts above zero.
    counts: BTreeMap<Timestamp, u64>,
}

impl VolumeCounts {
    /// Reads the counts of the buckets from `start`, a bound of a bucket, to `until`, or to the
    /// newest tweet if that is later. `last_at` is the time of the newest tweet.
    ///
    /// # Errors
    /// The error of `rows`, or [`RowsError::Damaged`].
    pub fn read(
        rows: &dyn Rows,
        grid: VolumeGrid,
        start: Timestamp,
        until: Timestamp,
        last_at: Option<Timestamp>,
    ) -> Result<Self, RowsError> {
        let end = last_at.map_or(until, |last| last.plus(1).max(until));
        let counts = points(rows, start, end, grid.step, grid.offset_hours)?
            .into_iter()
            .filter(|point| point.count > 0)
            .map(|point| (point.at, point.count))
            .collect();
        Ok(Self {
            grid,
            start,
            counts,
        })
    }

    /// Applies changes of minutes. Adds the starts of the changed buckets to `moved`.
    pub fn apply<'m>(
        &mut self,
        minutes: impl IntoIterator<Item = (&'m Timestamp, &'m i64)>,
        moved: &mut BTreeSet<Timestamp>,
    ) {
        let VolumeGrid { step, offset_hours } = self.grid;
        for (minute, by) in minutes {
            let (bucket, _) = align(*minute, *minute, step, offset_hours);
            if bucket < self.start {
                continue;
            }
            let count = self.counts.entry(bucket).or_default();
            *count = count.saturating_add_signed(*by);
            if *count == 0 {
                self.counts.remove(&bucket);
            }
            moved.insert(bucket);
        }
    }

    /// The starts of the buckets whose counts differ between `self` and `newer`, from the later one
    /// of both starts.
    pub fn differences(&self, newer: &Self) -> BTreeSet<Timestamp> {
        let start = self.start.max(newer.start);
        let both = self
            .counts
            .range(start..)
            .chain(newer.counts.range(start..));
        both.map(|(at, _)| *at)
            .filter(|at| self.counts.get(at) != newer.counts.get(at))
            .collect()
    }

    /// The start of the first bucket.
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// Drops the buckets before `start`, a bound of a bucket.
    pub fn drop_before(&mut self, start: Timestamp) {
        if start > self.start {
            self.counts = self.counts.split_off(&start);
            self.start = start;
        }
    }

    /// The number of buckets with counts above zero.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether all buckets are zero.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The points of all buckets from `start`, a bound of a bucket, to `until`, zeros included,
    /// oldest first.
    pub fn points(&self, start: Timestamp, until: Timestamp) -> Vec<VolumePoint> {
        let width = self.grid.step.width();
        std::iter::successors(Some(start), |at| Some(at.plus(width)))
            .take_while(|at| *at < until)
            .map(|at| self.point(at))
            .collect()
    }

    /// The point of the bucket that begins at `at`.
    pub fn point(&self, at: Timestamp) -> VolumePoint {
        VolumePoint {
            at,
            count: self.counts.get(&at).copied().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::MemoryRows;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn window(step: Step, offset_hours: i8) -> VolumeWindow {
        VolumeWindow {
            step,
            offset_hours,
            from: None,
        }
    }

    fn counts(window: VolumeWindow, now: &str) -> VolumeCounts {
        let (start, until) = window.span(moment(now));
        VolumeCounts::read(&MemoryRows::default(), window.grid(), start, until, None).unwrap()
    }

    fn apply(counts: &mut VolumeCounts, changes: &[(&str, i64)]) -> Vec<(String, u64)> {
        let mut moved = BTreeSet::new();
        for (at, by) in changes {
            counts.apply([(&moment(at), by)], &mut moved);
        }
        let points = moved.into_iter().map(|at| counts.point(at));
        points
            .map(|point| (point.at.to_string(), point.count))
            .collect()
    }

    #[test]
    fn a_day_of_hours_ends_with_the_hour_that_contains_now() {
        let window = window(Step::Hour, 0);
        let now = moment("2026-11-23T07:00:00Z");
        let (start, until) = window.span(now);
        assert_eq!(start, moment("2026-11-22T08:00:00Z"));
        assert_eq!(until, moment("2026-11-23T08:00:00Z"));
        let points = counts(window, "2026-11-23T07:00:00Z").points(start, until);
        assert_eq!(points.len(), 24);
        assert_eq!(points[0].at, start);
    }

    #[test]
    fn span_is_the_same_exactly_for_times_in_current_during() {
        for (step, offset) in [(Step::Minute, 0), (Step::Hour, 5), (Step::Day, -7)] {
            let window = window(step, offset);
            let now = moment("2026-11-23T07:30:30.500Z");
            let during = window.current_during(now);
            assert!(during.contains(&now));
            for (at, is_same) in [
                (during.start, true),
                (during.end.plus(-1), true),
                (during.start.plus(-1), false),
                (during.end, false),
            ] {
                assert_eq!(window.span(at) == window.span(now), is_same, "{step} {at}");
            }
        }
    }

    #[test]
    fn changes_of_minutes_move_their_bucket_and_none_before_the_start() {
        let mut counts = counts(window(Step::Hour, 0), "2026-11-23T07:30:00Z");
        let seven = |count| vec![("2026-11-23T07:00:00.000Z".to_owned(), count)];
        let changes = [
            ("2026-11-23T07:29:00Z", 2),
            ("2026-11-23T07:01:00Z", 1),
            ("2026-11-22T07:59:00Z", 9),
        ];
        assert_eq!(apply(&mut counts, &changes), seven(3));
        assert_eq!(apply(&mut counts, &[]), []);
        assert_eq!(
            apply(&mut counts, &[("2026-11-23T07:01:00Z", -3)]),
            seven(0)
        );
        assert!(counts.is_empty());
    }

    #[test]
    fn future_bucket_keeps_its_count_until_it_enters() {
        let window = window(Step::Minute, 0);
        let mut counts = counts(window, "2026-11-23T07:30:30Z");
        apply(&mut counts, &[("2026-11-23T07:32:00Z", 5)]);
        let (start, until) = window.span(moment("2026-11-23T07:32:00Z"));
        let points = counts.points(start, until);
        assert_eq!(points.len(), 1440);
        assert_eq!(points.last().map(|point| point.count), Some(5));
    }

    #[test]
    fn days_are_local_and_hours_are_not() {
        let mut days = counts(window(Step::Day, 9), "2026-11-23T16:00:00Z");
        let changes = [("2026-11-23T15:00:00Z", 1), ("2026-11-23T14:59:00Z", 1)];
        assert_eq!(
            apply(&mut days, &changes),
            [("2026-11-23T15:00:00.000Z".to_owned(), 1)]
        );
        assert_eq!(window(Step::Hour, 9).grid(), window(Step::Hour, 0).grid());
        assert_ne!(window(Step::Day, 9).grid(), window(Step::Day, 0).grid());
    }

    #[test]
    fn differences_are_the_buckets_whose_counts_differ() {
        let mut old = counts(window(Step::Hour, 0), "2026-11-23T07:30:00Z");
        let changes = [("2026-11-23T05:00:00Z", 1), ("2026-11-23T06:00:00Z", 1)];
        apply(&mut old, &changes);
        let mut new = counts(window(Step::Hour, 0), "2026-11-21T07:30:00Z");
        let changes = [
            ("2026-11-21T05:00:00Z", 7),
            ("2026-11-23T06:00:00Z", 2),
            ("2026-11-23T07:00:00Z", 1),
        ];
        apply(&mut new, &changes);
        let differ: Vec<_> = old.differences(&new).into_iter().collect();
        assert_eq!(
            differ,
            [5, 6, 7].map(|hour| moment(&format!("2026-11-23T0{hour}:00:00Z")))
        );
    }

    #[test]
    fn dropped_buckets_are_not_counted_again() {
        let mut counts = counts(window(Step::Hour, 0), "2026-11-23T07:30:00Z");
        apply(&mut counts, &[("2026-11-23T05:00:00Z", 1)]);
        counts.drop_before(moment("2026-11-23T06:00:00Z"));
        assert!(counts.is_empty());
        assert_eq!(apply(&mut counts, &[("2026-11-23T05:00:00Z", 1)]), []);
    }
}
