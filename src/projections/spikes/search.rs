//! Finds the stretches of hours that are spikes.
//!
//! An hour is **warm** when it has clearly more tweets than expected. It is **hot** when it, alone
//! or with one neighbour, reaches the settings. A spike is a stretch of warm hours with gaps of at
//! most [`MAX_GAP`] hours, and at least one of its hours is hot. So the spikes of a span do not
//! depend on where the search begins.

use super::expectations::{Expectations, LOOKBACK, MIN_HISTORY, PRIOR};
use super::hourly_counts::HourlyCounts;
use super::settings::SpikeSettings;
use crate::projections::statistics::{Decimal, deviance};

/// Maximum number of consecutive hours within a spike that are not warm.
const MAX_GAP: i64 = 2;

/// Minimum ratio of the tweets of a warm hour to the expected ones, in thousandths.
const WARM_FACTOR: u64 = 1_500;
/// A warm hour also needs this part of the threshold of the settings: a third.
const WARM_PART_OF_THRESHOLD: u64 = 3;
/// A warm hour also needs this part of the minimum of the settings: a quarter.
const WARM_PART_OF_MINIMUM: u64 = 4;

/// Number of hours on each side of the wanted ones that are searched first. As many hours without a
/// warm one end a stretch.
const MARGIN: i64 = MAX_GAP + 1;

/// A stretch of hours with far more tweets than expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The first hour.
    pub(super) first: i64,
    /// The last hour.
    pub(super) last: i64,
    /// The first of the hours with the most tweets.
    pub(super) peak: i64,
    pub(super) count: u64,
    pub(super) expected: Decimal<1>,
    pub(super) score: Decimal<3>,
}

/// The stretches that overlap the hours `from..to`, oldest first, each as a whole. `read` returns
/// the counts of the hours in a range. `oldest` is the hour of the oldest tweet.
pub(super) fn search<E>(
    mut read: impl FnMut(i64, i64) -> Result<HourlyCounts, E>,
    oldest: i64,
    (from, to): (i64, i64),
    settings: &SpikeSettings,
) -> Result<Vec<Stretch>, E> {
    let start = oldest.saturating_add(MIN_HISTORY);
    let from = from.max(start);
    if to <= from {
        return Ok(Vec::new());
    }
    // The search of most keywords ends after this read.
    let near = read(from - MAX_GAP, to + MAX_GAP)?;
    if !may_overlap_spike(&near, (from, to), settings) {
        return Ok(Vec::new());
    }
    let (mut before, mut after) = (MARGIN, MARGIN);
    loop {
        let first = start.max(from - before);
        let last = to + after;
        let counts = read(first - LOOKBACK, last + 1)?;
        let mut search = Search {
            expectations: Expectations::new(&counts, oldest),
            counts: &counts,
            settings,
        };
        let overlapping =
            |(warm_first, warm_last): &(i64, i64)| *warm_first < to && from <= *warm_last;
        let warm = search.warm_stretches(first, last);
        let warm: Vec<_> = warm.into_iter().filter(overlapping).collect();
        let is_cut_before =
            |(warm_first, _): &(i64, i64)| first > start && *warm_first <= first + MAX_GAP;
        let is_cut_after = |(_, warm_last): &(i64, i64)| *warm_last + MAX_GAP + 1 >= last;
        if warm.first().is_some_and(is_cut_before) {
            before *= 4;
        } else if warm.last().is_some_and(is_cut_after) {
            after *= 4;
        } else {
            return Ok(warm
                .into_iter()
                .filter_map(|(first, last)| search.spike(first, last))
                .collect());
        }
    }
}

/// Whether a spike can overlap the hours `from..to`. `near` has their counts and those of
/// [`MAX_GAP`] hours on each side. A stretch within these hours has a hot hour, or two, among them.
/// A longer one has a warm hour among the three at an edge.
fn may_overlap_spike(
    near: &HourlyCounts,
    (from, to): (i64, i64),
    settings: &SpikeSettings,
) -> bool {
    let may_be_warm = |hour| near.get(hour) >= least_warm_count(settings);
    let may_be_hot =
        |hour| near.get(hour).saturating_add(near.get(hour + 1)) >= u64::from(settings.minimum);
    (from - MAX_GAP..=from).any(may_be_warm)
        || (to - 1..to + MAX_GAP).any(may_be_warm)
        || (from..to).any(may_be_hot)
}

/// Minimum number of tweets of a warm hour.
fn least_warm_count(settings: &SpikeSettings) -> u64 {
    u64::from(settings.minimum) / WARM_PART_OF_MINIMUM
}

struct Search<'a> {
    counts: &'a HourlyCounts,
    expectations: Expectations<'a>,
    settings: &'a SpikeSettings,
}

impl Search<'_> {
    /// The stretches of warm hours in `first..last`, including gaps, as first and last hours.
    fn warm_stretches(&mut self, first: i64, last: i64) -> Vec<(i64, i64)> {
        let mut stretches: Vec<(i64, i64)> = Vec::new();
        for hour in first..last {
            if !self.is_warm(hour) {
                continue;
            }
            match stretches.last_mut() {
                Some((_, end)) if hour - *end <= MAX_GAP + 1 => *end = hour,
                _ => stretches.push((hour, hour)),
            }
        }
        stretches
    }

    /// The spike of a stretch of warm hours; `None` if no hour of the stretch is hot.
    fn spike(&mut self, first: i64, last: i64) -> Option<Stretch> {
        let is_hot = (first..=last).any(|hour| self.is_hot(hour, hour))
            || (first - 1..=last).any(|hour| self.is_hot(hour, hour + 1));
        if !is_hot {
            return None;
        }
        let (count, expected) = self.sums(first, last);
        let expected = Decimal::of_ratio(expected, 1_000);
        let peak = (first..=last)
            .rev()
            .max_by_key(|hour| self.counts.get(*hour))?;
        Some(Stretch {
            first,
            last,
            peak,
            count,
            expected,
            score: score(count, expected, last - first + 1),
        })
    }

    fn is_warm(&mut self, hour: i64) -> bool {
        let settings = self.settings;
        let limits = Limits {
            threshold: settings.threshold.units().unsigned_abs() / WARM_PART_OF_THRESHOLD,
            minimum: u64::from(settings.minimum) * 1_000 / WARM_PART_OF_MINIMUM,
            factor: WARM_FACTOR,
        };
        self.counts.get(hour) >= least_warm_count(settings)
            && self.is_above_neighbours(hour)
            && self.reaches(hour, hour, &limits)
    }

    /// Whether an hour has clearly more tweets than are expected in it and in the hours beside it.
    /// The usual course of a day shifts by an hour when clocks change for daylight saving time.
    fn is_above_neighbours(&mut self, hour: i64) -> bool {
        let neighbours = (hour - 1..=hour + 1).filter_map(|hour| self.expectations.expected(hour));
        let expected = neighbours.max().unwrap_or(0);
        let counted = self.counts.get(hour).min(u64::from(u32::MAX));
        counted * 1_000_000 >= expected.saturating_mul(WARM_FACTOR)
    }

    fn is_hot(&mut self, first: i64, last: i64) -> bool {
        let settings = self.settings;
        let limits = Limits {
            threshold: settings.threshold.units().unsigned_abs(),
            minimum: u64::from(settings.minimum) * 1_000,
            factor: settings.factor.units().unsigned_abs() * 100,
        };
        self.reaches(first, last, &limits)
    }

    /// Whether the tweets of these hours reach the limits. The most expensive check comes last.
    fn reaches(&mut self, first: i64, last: i64, limits: &Limits) -> bool {
        let counted: u64 = (first..=last).map(|hour| self.counts.get(hour)).sum();
        let counted = counted.min(u64::from(u32::MAX));
        if counted * 1_000 < limits.minimum {
            return false;
        }
        let hours = u64::try_from(last - first + 1).unwrap_or(1);
        let mut expected = 0;
        for hour in first..=last {
            match self.expectations.expected(hour) {
                Some(of_hour) => expected += of_hour,
                None => return false,
            }
        }
        let compared = expected.max(hours * PRIOR);
        counted * 1_000 >= expected + limits.minimum
            && counted * 1_000_000 >= compared.saturating_mul(limits.factor)
            && {
                let deviance = deviance(counted, compared).units().unsigned_abs();
                deviance >= limits.threshold
                    && deviance >= self.raised(limits.threshold, first, last)
            }
    }

    /// Raises a threshold for counts that scatter as widely as those of these hours. A threshold
    /// `t` for a Poisson process becomes `t·(d + (d − 1)/2·(1 + (d − 1)/2e))` for a dispersion `d`
    /// and `e` expected tweets. The second summand is for counts that come in clumps, whose
    /// distribution has a longer tail. The tail is longest when an hour has few clumps, and then
    /// the estimate of the dispersion is too low.
    fn raised(&mut self, threshold: u64, first: i64, last: i64) -> u64 {
        let factors = (first..=last).map(|hour| {
            let excess = u128::from(self.expectations.dispersion(hour)).saturating_sub(1_000);
            let expected = u128::from(self.expectations.expected(hour).unwrap_or(0).max(PRIOR));
            let tail = excess / 2 + excess.saturating_mul(excess) / (4 * expected);
            u64::try_from(1_000 + excess + tail).unwrap_or(u64::MAX)
        });
        let factor = factors.max().unwrap_or(1_000);
        threshold.saturating_mul(factor) / 1_000
    }

    /// The number of tweets of these hours, and the expected number in thousandths.
    fn sums(&mut self, first: i64, last: i64) -> (u64, u64) {
        let (mut count, mut expected) = (0, 0);
        for hour in first..=last {
            count += self.counts.get(hour);
            expected += self.expectations.expected(hour).unwrap_or(0);
        }
        (count, expected)
    }
}

/// Limits that the tweets of some hours must reach, in thousandths: the deviance, the number of
/// tweets above the expected one, and the ratio to the expected number.
struct Limits {
    threshold: u64,
    minimum: u64,
    factor: u64,
}

/// The deviance of a count from the expectation as the answer shows it, which is taken as at least
/// half a tweet an hour. So clients can recompute it from the answer.
fn score(count: u64, expected: Decimal<1>, hours: i64) -> Decimal<3> {
    let shown = expected.units().unsigned_abs() * 100;
    let least = hours.unsigned_abs() * PRIOR;
    deviance(count, shown.max(least))
}
