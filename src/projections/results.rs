//! Results over the tweets of a span of time, which rows can keep for later queries.
//!
//! In: the span, and how the result is made. Out: the result, made now or by an earlier query.
//!
//! A kept result holds while no tweet of its span is added, changed or removed, and the keyword's
//! rules stay. A store learns that from the [`TouchedTimes`] of each put, and drops the results
//! that a put concerns. So a result must depend on nothing but the tweets of its span, the rules
//! and the fold's settings. Other rows, such as those in memory, keep nothing, and every result is
//! made again.

use std::any::{Any, TypeId};
use std::ops::Range;
use std::sync::Arc;

use super::rows::{Rows, RowsError};
use crate::events::Timestamp;

/// A result of any type.
pub type AnyResult = Arc<dyn Any + Send + Sync>;

/// A result that rows can keep.
pub trait KeptResult: Any + Send + Sync {
    /// The memory that the result takes, in bytes.
    fn bytes(&self) -> usize;
}

/// Identifies a result among those that the rows of a keyword, or of a shard, keep.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResultKey {
    /// The span of the tweets from which the result is made.
    pub span: Range<Timestamp>,
    kind: TypeId,
    number: u64,
}

impl ResultKey {
    /// The key of a result of type `T`. `number` tells results of one type and span apart.
    pub fn of<T: KeptResult>(span: Range<Timestamp>, number: u64) -> Self {
        Self {
            span,
            kind: TypeId::of::<T>(),
            number,
        }
    }
}

/// Returns the result of this type, span and number. If the rows have not kept it, it is made and
/// offered to the rows.
///
/// # Errors
/// The error of `make`.
pub fn kept<T: KeptResult>(
    rows: &dyn Rows,
    span: Range<Timestamp>,
    number: u64,
    make: impl FnOnce() -> Result<T, RowsError>,
) -> Result<Arc<T>, RowsError> {
    let key = ResultKey::of::<T>(span, number);
    match of_key(rows, &key) {
        Some(result) => Ok(result),
        None => Ok(offered(rows, key, make()?)),
    }
}

/// Does what [`kept`] does, for a result that `make` may not return. `None` is not kept.
///
/// # Errors
/// The error of `make`.
pub fn kept_if_made<T: KeptResult>(
    rows: &dyn Rows,
    span: Range<Timestamp>,
    number: u64,
    make: impl FnOnce() -> Result<Option<T>, RowsError>,
) -> Result<Option<Arc<T>>, RowsError> {
    let key = ResultKey::of::<T>(span, number);
    match of_key(rows, &key) {
        Some(result) => Ok(Some(result)),
        None => Ok(make()?.map(|result| offered(rows, key, result))),
    }
}

/// The result of this type, span and number, if the rows have kept it.
pub fn found<T: KeptResult>(
    rows: &dyn Rows,
    span: Range<Timestamp>,
    number: u64,
) -> Option<Arc<T>> {
    of_key(rows, &ResultKey::of::<T>(span, number))
}

/// Offers a result to the rows. It replaces an earlier one of this type, span and number.
pub fn offer<T: KeptResult>(rows: &dyn Rows, span: Range<Timestamp>, number: u64, result: Arc<T>) {
    let bytes = result.bytes();
    rows.keep_result(ResultKey::of::<T>(span, number), result, bytes);
}

fn of_key<T: KeptResult>(rows: &dyn Rows, key: &ResultKey) -> Option<Arc<T>> {
    rows.kept_result(key)?.downcast().ok()
}

fn offered<T: KeptResult>(rows: &dyn Rows, key: ResultKey, result: T) -> Arc<T> {
    let result = Arc::new(result);
    let bytes = result.bytes();
    rows.keep_result(key, Arc::<T>::clone(&result), bytes);
    result
}

/// Maximum number of ranges in [`TouchedTimes`].
const MAX_RANGES: usize = 16;

/// The times of the tweets that a batch has added, changed or removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TouchedTimes {
    /// At most one range for each hour, in order. More than [`MAX_RANGES`] ranges are joined into
    /// one.
    ranges: Vec<Range<Timestamp>>,
    are_all: bool,
}

impl TouchedTimes {
    /// All times.
    pub const fn all() -> Self {
        Self {
            ranges: Vec::new(),
            are_all: true,
        }
    }

    /// Adds the time of a tweet.
    pub fn add(&mut self, at: Timestamp) {
        if self.are_all {
            return;
        }
        let hour = at.floor_to(Timestamp::HOUR);
        let index = self.ranges.partition_point(|range| range.end <= hour);
        let added = at..at.plus(1);
        match self.ranges.get_mut(index) {
            Some(range) if range.start < hour.plus(Timestamp::HOUR) => {
                *range = joined(range, &added);
            }
            _ => self.ranges.insert(index, added),
        }
        if self.ranges.len() > MAX_RANGES {
            let (first, last) = (self.ranges.first(), self.ranges.last());
            if let Some(all) = first.zip(last).map(|(first, last)| joined(first, last)) {
                self.ranges = vec![all];
            }
        }
    }

    /// Whether no tweet was touched.
    pub const fn is_empty(&self) -> bool {
        !self.are_all && self.ranges.is_empty()
    }

    /// Whether all tweets were touched, or may have been.
    pub const fn are_all(&self) -> bool {
        self.are_all
    }

    /// The touched ranges, in order; empty if all times are touched.
    pub fn ranges(&self) -> &[Range<Timestamp>] {
        &self.ranges
    }

    /// Whether a tweet of a span was touched.
    pub fn touch(&self, span: &Range<Timestamp>) -> bool {
        let index = self.ranges.partition_point(|range| range.end <= span.start);
        let next = self.ranges.get(index);
        self.are_all || next.is_some_and(|range| range.start < span.end)
    }
}

fn joined(a: &Range<Timestamp>, b: &Range<Timestamp>) -> Range<Timestamp> {
    a.start.min(b.start)..a.end.max(b.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * Timestamp::MINUTE)
    }

    #[test]
    fn touched_times_have_one_range_for_each_hour() {
        let mut touched = TouchedTimes::default();
        assert!(touched.is_empty());
        for minute in [130, 10, 150, 50, 140] {
            touched.add(at(minute));
        }
        let expected = [at(10)..at(50).plus(1), at(130)..at(150).plus(1)];
        assert_eq!(touched.ranges(), expected);
        assert!(touched.touch(&(at(20)..at(21))));
        assert!(!touched.touch(&(at(0)..at(10))));
        assert!(!touched.touch(&(at(60)..at(130))));
        assert!(TouchedTimes::all().touch(&(at(0)..at(1))));
    }

    #[test]
    fn touched_times_of_very_many_hours_are_one_range() {
        let mut touched = TouchedTimes::default();
        let hours = i64::try_from(MAX_RANGES).unwrap();
        for hour in 0..hours {
            touched.add(at(60 * hour));
        }
        assert!(!touched.touch(&(at(1)..at(60))));
        touched.add(at(60 * hours));
        assert!(touched.touch(&(at(1)..at(60))));
        assert!(!touched.touch(&(at(60 * hours + 1)..at(60 * hours + 2))));
    }

    proptest! {
        #[test]
        fn every_touched_time_is_found(minutes in prop::collection::vec(0_i64..9_000, 0..300)) {
            let mut touched = TouchedTimes::default();
            for minute in &minutes {
                touched.add(at(*minute));
            }
            prop_assert!(touched.ranges().is_sorted_by(|a, b| a.end <= b.start));
            for minute in minutes {
                prop_assert!(touched.touch(&(at(minute)..at(minute).plus(1))));
            }
        }
    }
}
