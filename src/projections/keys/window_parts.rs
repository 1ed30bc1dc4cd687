//! Splits a window and the window before into the buckets that are read for both.
//!
//! In: the bounds of the windows, and the costs of reading buckets. Out: whole days where that is
//! possible, and hours.
//!
//! A day in which a window begins or ends is read in one of two ways, whichever costs less: as the
//! hours that belong to the window, or as the whole day and the hours that do not. For a window
//! that begins at 20:00, the second way adds the day and takes off the hours before 20:00.

use std::ops::Range;

use super::bucket::Width;
use super::buckets::Buckets;
use super::ranking::Span;
use super::window_words::Both;
use crate::projections::rows::RowsError;

/// Hours of a day.
const HOURS: u32 = 24;

/// Buckets that are read for a window and for the window before. `signs` says what a count of these
/// buckets does to each window: 1 adds it, -1 takes it off, 0 leaves the window as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) buckets: Buckets,
    pub(super) signs: Both<i64>,
}

impl Part {
    /// The changes of both windows by a count of the buckets.
    pub(super) fn changes(&self, count: u64) -> Both<i64> {
        self.signs.map(|sign| sign * count.cast_signed())
    }
}

/// The costs of reading buckets, in any unit.
pub(super) trait Costs {
    /// The cost of a day; `None` if the day may differ from the sum of its hours.
    fn of_day(&mut self, day: u32) -> Result<Option<u64>, RowsError>;

    /// The cost of hours.
    fn of_hours(&mut self, hours: &Range<u32>) -> Result<u64, RowsError>;
}

/// The parts of a window and of the window before.
pub(super) fn parts(span: &Span, costs: &mut impl Costs) -> Result<Vec<Part>, RowsError> {
    let [before, start, end] = span.bounds;
    let windows = [(before..start, [0, 1]), (start..end, [1, 0])];
    let mut parts = Parts::default();
    if span.width != Width::Hour {
        for (numbers, signs) in windows {
            parts.push(span.width, numbers, signs);
        }
        return Ok(parts.0);
    }
    for day in before / HOURS..end.div_ceil(HOURS) {
        let hours = day.saturating_mul(HOURS)..day.saturating_add(1).saturating_mul(HOURS);
        let outside = [(hours.start..before, [0, 0]), (end..hours.end, [0, 0])];
        let [left, right] = outside;
        let [previous, current] = windows.clone();
        let stretches = [left, previous, current, right].map(|(numbers, signs)| {
            let numbers = numbers.start.max(hours.start)..numbers.end.min(hours.end);
            (numbers, signs)
        });
        let stretches = stretches.into_iter();
        let stretches: Vec<_> = stretches.filter(|(hours, _)| !hours.is_empty()).collect();
        parts.push_day(day, &stretches, costs)?;
    }
    Ok(parts.0)
}

/// Hours of one day that count for the same window.
type Stretch = (Range<u32>, Both<i64>);

#[derive(Default)]
struct Parts(Vec<Part>);

impl Parts {
    fn push(&mut self, width: Width, numbers: Range<u32>, signs: Both<i64>) {
        if numbers.is_empty() || signs == [0, 0] {
            return;
        }
        match self.0.last_mut() {
            Some(last)
                if last.signs == signs
                    && last.buckets.width == width
                    && last.buckets.numbers.end == numbers.start =>
            {
                last.buckets.numbers.end = numbers.end;
            }
            _ => self.0.push(Part {
                buckets: Buckets { width, numbers },
                signs,
            }),
        }
    }

    fn push_day(
        &mut self,
        day: u32,
        stretches: &[Stretch],
        costs: &mut impl Costs,
    ) -> Result<(), RowsError> {
        let whole = costs.of_day(day)?;
        let replaced = match (whole, stretches) {
            (None, _) => None,
            (Some(_), [_]) => Some(0),
            (Some(whole), _) => replaced(whole, stretches, costs)?,
        };
        let replaced = replaced.and_then(|index| Some((index, stretches.get(index)?.1)));
        for (index, (hours, signs)) in stretches.iter().enumerate() {
            match replaced {
                Some((replaced, _)) if index == replaced => {}
                Some((_, [current, previous])) => {
                    let [own_current, own_previous] = signs;
                    let signs = [own_current - current, own_previous - previous];
                    self.push(Width::Hour, hours.clone(), signs);
                }
                None => self.push(Width::Hour, hours.clone(), *signs),
            }
        }
        if let Some((_, signs)) = replaced {
            self.push(Width::Day, day..day.saturating_add(1), signs);
        }
        Ok(())
    }
}

/// The index of the stretch that is read as the whole day without the other stretches, if that
/// costs less than to read the hours of the windows.
fn replaced(
    whole: u64,
    stretches: &[Stretch],
    costs: &mut impl Costs,
) -> Result<Option<usize>, RowsError> {
    let (mut all, mut wanted) = (0_u64, 0_u64);
    let mut largest = (0, None);
    for (index, (hours, signs)) in stretches.iter().enumerate() {
        let cost = costs.of_hours(hours)?;
        all = all.saturating_add(cost);
        if *signs != [0, 0] {
            wanted = wanted.saturating_add(cost);
            if cost >= largest.0 {
                largest = (cost, Some(index));
            }
        }
    }
    let (cost, index) = largest;
    let with_day = whole.saturating_add(all.saturating_sub(cost));
    Ok(index.filter(|_| with_day < wanted))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The costs of the hours of some days, and of each day that is the sum of its hours.
    #[derive(Debug, Clone)]
    struct Given {
        hours: Vec<u64>,
        days: Vec<Option<u64>>,
    }

    fn at(index: u32) -> usize {
        usize::try_from(index).unwrap()
    }

    impl Costs for Given {
        fn of_day(&mut self, day: u32) -> Result<Option<u64>, RowsError> {
            Ok(self.days[at(day)])
        }

        fn of_hours(&mut self, hours: &Range<u32>) -> Result<u64, RowsError> {
            Ok(self.hours[at(hours.start)..at(hours.end)].iter().sum())
        }
    }

    fn given() -> impl Strategy<Value = Given> {
        let hours = prop::collection::vec(0_u64..9, 24 * 24);
        let days = prop::collection::vec(prop::option::weighted(0.8, 0_u64..30), 24);
        (hours, days).prop_map(|(hours, days)| Given { hours, days })
    }

    proptest! {
        #[test]
        fn parts_add_up_to_both_windows(
            given in given(),
            before in 0_u32..60,
            length in prop_oneof![Just(24_u32), Just(168), 1_u32..200],
        ) {
            let [start, end] = [before + length, before + 2 * length];
            let span = Span { width: Width::Hour, bounds: [before, start, end] };
            let parts = parts(&span, &mut given.clone()).unwrap();
            let mut sums: BTreeMap<u32, Both<i64>> = BTreeMap::new();
            for part in &parts {
                let Range { start, end } = part.buckets.numbers;
                let hours = match part.buckets.width {
                    Width::Day => {
                        let is_whole = |day| given.days[at(day)].is_some();
                        prop_assert!((start..end).all(is_whole));
                        start * HOURS..end * HOURS
                    }
                    _ => start..end,
                };
                for hour in hours {
                    let [current, previous] = part.changes(1);
                    let sum = sums.entry(hour).or_default();
                    *sum = [sum[0] + current, sum[1] + previous];
                }
            }
            for hour in 0..24 * HOURS {
                let found = sums.get(&hour).copied().unwrap_or_default();
                let expected = [(start..end).contains(&hour), (before..start).contains(&hour)];
                prop_assert_eq!(found, expected.map(i64::from), "{}", hour);
            }
        }
    }

    #[test]
    fn day_is_read_in_place_of_most_of_its_hours() {
        let mut costs = Given {
            hours: vec![5; 24 * 24],
            days: vec![Some(11); 24],
        };
        let mut of = |bounds| {
            let span = Span {
                width: Width::Hour,
                bounds,
            };
            let parts = parts(&span, &mut costs).unwrap().into_iter();
            let parts = parts.map(|part| (part.buckets.width, part.buckets.numbers, part.signs));
            parts.collect::<Vec<_>>()
        };
        // From 20:00 to 20:00, twice.
        let expected = [
            (Width::Hour, 20..24, [0, 1]),
            (Width::Hour, 44..48, [1, -1]),
            (Width::Day, 1..2, [0, 1]),
            (Width::Hour, 68..72, [-1, 0]),
            (Width::Day, 2..3, [1, 0]),
        ];
        assert_eq!(of([20, 44, 68]), expected);
        let days = [(Width::Day, 1..8, [0, 1]), (Width::Day, 8..15, [1, 0])];
        assert_eq!(of([24, 24 * 8, 24 * 15]), days);
    }
}
