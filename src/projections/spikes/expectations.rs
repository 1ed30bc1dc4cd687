//! The expected number of tweets of an hour, computed from the hours before it, and the dispersion
//! of counts around that number. `docs/spikes.md` has the reasons.
//!
//! Both depend only on the [`LOOKBACK`] hours before the hour. So an hour has the same expectation,
//! whatever span is queried. Rates are in thousandths of a tweet an hour.

use super::hourly_counts::{DAY, HourlyCounts, WEEK};
use super::samples::Samples;

/// Hours after the hour of the oldest tweet that have no expectation.
pub(super) const MIN_HISTORY: i64 = WEEK;

/// Number of hours before an hour on which its expectation and dispersion depend.
pub(super) const LOOKBACK: i64 =
    WEEKS * WEEK + SCATTER_DAYS * DAY + DAY + LEVEL_BLOCKS * BLOCK + BLOCK + 1;

/// Number of earlier weeks that an expectation is computed from.
const WEEKS: i64 = 4;
/// Number of earlier days that an expectation is also computed from while less than two weeks are
/// known.
const DAYS: i64 = 6;
/// Weight of the same hour of an earlier week. The hours beside it, and the same hour of an earlier
/// day, have weight 1.
const SAME_HOUR_WEIGHT: u64 = 3;

/// Added to each count: half a tweet an hour. It avoids a division by zero, and makes a keyword
/// without tweets one with few tweets.
pub(super) const PRIOR: u64 = 500;

/// Hours in a block. Blocks are compared with the same block in the weeks before.
const BLOCK: i64 = 3;
/// Number of blocks that the present level is computed from: two days.
const LEVEL_BLOCKS: i64 = 16;
/// The level 1: as many tweets as in the weeks before.
const LEVEL_ONE: u64 = 1_024;
/// Limits of the present level: half and 64 times the earlier one.
const LEVELS: (u64, u64) = (LEVEL_ONE / 2, 64 * LEVEL_ONE);

/// Number of days that the dispersion is computed from.
const SCATTER_DAYS: i64 = 14;
/// The greatest 1 / `LEFT_OUT` of the squared distances are left out, because they belong to
/// earlier spikes.
const LEFT_OUT: usize = 16;
/// Part of the variance of a normal distribution that remains without the greatest 1 /
/// [`LEFT_OUT`] of the squared distances, in thousandths.
const LEFT_OF_VARIANCE: u128 = 728;
/// Minimum number of hours for a dispersion.
const MIN_SCATTERED: usize = 36;
/// The dispersion of a Poisson process, in thousandths.
const POISSON: u64 = 1_000;
/// The dispersion when there are too few hours to compute it.
const UNKNOWN_DISPERSION: u64 = 2 * POISSON;

/// The distance of the count of an hour from the expected number.
#[derive(Debug, Clone, Copy)]
struct Distance {
    /// The distance in thousandths of a tweet, squared.
    square: u128,
    /// The expected number in thousandths of a tweet, at least [`PRIOR`].
    expected: u64,
    /// `square` divided by `expected`.
    proportion: u128,
}

/// The expectations of one keyword. Computed values are kept.
#[derive(Debug)]
pub(super) struct Expectations<'a> {
    counts: &'a HourlyCounts,
    /// The hour of the oldest tweet.
    oldest: i64,
    /// By hour: the [`Expectations::base`]; 0 when it is not computed yet.
    bases: Vec<u64>,
    /// By block: the [`Expectations::level`]; 0 when it is not computed yet.
    levels: Vec<u64>,
    /// By block: the [`Expectations::ratio`] and its weight; 0 when they are not computed yet.
    ratios: Vec<(u64, u64)>,
    /// The day that was queried last, and the distances of the hours before it.
    scatter: Option<(i64, Vec<Distance>)>,
}

impl<'a> Expectations<'a> {
    /// The expectations from these counts, which begin [`LOOKBACK`] hours before the first queried
    /// hour.
    pub(super) fn new(counts: &'a HourlyCounts, oldest: i64) -> Self {
        let hours = counts.len();
        Self {
            counts,
            oldest,
            bases: vec![0; hours],
            levels: vec![0; hours / 3 + 2],
            ratios: vec![(0, 0); hours / 3 + 2],
            scatter: None,
        }
    }

    /// The first hour with an expectation.
    pub(super) const fn first(&self) -> i64 {
        self.oldest + MIN_HISTORY
    }

    /// The expected number of tweets of an hour, in thousandths; `None` before
    /// [`Expectations::first`].
    pub(super) fn expected(&mut self, hour: i64) -> Option<u64> {
        if hour < self.first() {
            return None;
        }
        let level = self.level(hour.div_euclid(BLOCK));
        let raised = self.base(hour).saturating_mul(level) / LEVEL_ONE;
        Some(raised.saturating_sub(PRIOR))
    }

    /// The dispersion of counts like that of an hour, in thousandths: their variance divided by the
    /// expected number, at least 1, which is that of a Poisson process. It is computed from the
    /// hours of the two weeks before the day of the hour. If enough of them were expected to have
    /// between half and twice as many tweets as the hour, only these are used.
    pub(super) fn dispersion(&mut self, hour: i64) -> u64 {
        let expected = self.expected(hour).unwrap_or(0).max(PRIOR);
        let day = hour.div_euclid(DAY);
        let scatter = match self.scatter.take_if(|(of_day, _)| *of_day == day) {
            Some((_, scatter)) => scatter,
            None => self.scatter_before(day),
        };
        let (_, scatter) = self.scatter.insert((day, scatter));
        let is_like = |distance: &&Distance| {
            expected <= 2 * distance.expected && distance.expected <= 2 * expected
        };
        let like = dispersion_of(scatter.iter().filter(is_like));
        like.or_else(|| dispersion_of(scatter.iter()))
            .unwrap_or(UNKNOWN_DISPERSION)
    }

    /// The distances of the counts in the two weeks before a day, without the ones that are
    /// greatest in proportion to the expectation.
    fn scatter_before(&mut self, day: i64) -> Vec<Distance> {
        let first = self.first().max((day - SCATTER_DAYS) * DAY);
        let mut scatter: Vec<Distance> = (first..day * DAY)
            .filter_map(|hour| {
                let expected = self.expected(hour)?;
                let counted = scaled(self.counts.get(hour)) - PRIOR;
                let distance = u128::from(counted.abs_diff(expected));
                let (square, expected) = (distance * distance, expected.max(PRIOR));
                Some(Distance {
                    square,
                    expected,
                    proportion: square / u128::from(expected),
                })
            })
            .collect();
        let kept = scatter.len() - scatter.len() / LEFT_OUT;
        if kept < scatter.len() {
            // Hours of equal proportion need an order; otherwise the remaining ones would depend on
            // the sort algorithm of the library.
            scatter.select_nth_unstable_by_key(kept, |distance| {
                (distance.proportion, distance.square, distance.expected)
            });
            scatter.truncate(kept);
        }
        scatter
    }

    /// The level of a block: the tweets of the two days before it, divided by those of the same
    /// hours in the weeks before. The level is the median of the ratios of the blocks, weighted by
    /// their base. It is 1 until there are two days to compare.
    fn level(&mut self, block: i64) -> u64 {
        let position = self.index_of(block);
        if let Some(known) = self
            .levels
            .get(position)
            .copied()
            .filter(|known| *known > 0)
        {
            return known;
        }
        let level = self.find_level(block);
        if let Some(known) = self.levels.get_mut(position) {
            *known = level;
        }
        level
    }

    fn find_level(&mut self, block: i64) -> u64 {
        if (block - LEVEL_BLOCKS) * BLOCK < self.first() {
            return LEVEL_ONE;
        }
        let mut ratios = [(0_u64, 0_u64); 16];
        let mut total = 0;
        for (ratio, earlier) in ratios.iter_mut().zip(block - LEVEL_BLOCKS..block) {
            *ratio = self.ratio(earlier);
            total += ratio.1;
        }
        ratios.sort_unstable();
        let mut below = 0;
        let median = ratios.iter().find(|(_, weight)| {
            below += weight;
            below * 2 >= total
        });
        let (least, greatest) = LEVELS;
        median.map_or(LEVEL_ONE, |(ratio, _)| (*ratio).clamp(least, greatest))
    }

    /// The ratio of the tweets of a block to the base of its hours, in units of 1 / [`LEVEL_ONE`];
    /// and the weight of this ratio, which is the base.
    fn ratio(&mut self, block: i64) -> (u64, u64) {
        let position = self.index_of(block);
        if let Some(known) = self.ratios.get(position).filter(|(_, base)| *base > 0) {
            return *known;
        }
        let (mut counted, mut base) = (0, 0);
        for hour in block * BLOCK..(block + 1) * BLOCK {
            counted += scaled(self.counts.get(hour));
            base += self.base(hour);
        }
        let ratio = (counted * LEVEL_ONE / base.max(1), base);
        if let Some(known) = self.ratios.get_mut(position) {
            *known = ratio;
        }
        ratio
    }

    /// The base of an hour: the mean of the middle half of the counts, with the [`PRIOR`], of the
    /// same hour in four earlier weeks and of the hours beside it. While less than two weeks are
    /// known, the same hour of six earlier days counts too.
    fn base(&mut self, hour: i64) -> u64 {
        let position = self.counts.position(hour);
        let known = position.and_then(|position| self.bases.get(position).copied());
        if let Some(known) = known.filter(|known| *known > 0) {
            return known;
        }
        let base = self.find_base(hour);
        if let Some(known) = position.and_then(|position| self.bases.get_mut(position)) {
            *known = base;
        }
        base
    }

    fn find_base(&self, hour: i64) -> u64 {
        let mut samples = Samples::default();
        for week in 1..=WEEKS {
            let same = hour - week * WEEK;
            if same >= self.oldest {
                for (earlier, weight) in [(same - 1, 1), (same, SAME_HOUR_WEIGHT), (same + 1, 1)] {
                    self.add_sample(&mut samples, earlier, weight);
                }
            }
        }
        if hour - 2 * WEEK < self.oldest {
            for day in 1..=DAYS {
                self.add_sample(&mut samples, hour - day * DAY, 1);
            }
        }
        samples.middle_mean()
    }

    fn add_sample(&self, samples: &mut Samples, hour: i64, weight: u64) {
        if hour >= self.oldest {
            samples.add(scaled(self.counts.get(hour)), weight);
        }
    }

    /// The index of a block, from the first one.
    fn index_of(&self, block: i64) -> usize {
        let first = self.counts.start().div_euclid(BLOCK);
        usize::try_from(block - first).unwrap_or(usize::MAX)
    }
}

/// The dispersion by these distances; `None` if there are too few.
fn dispersion_of<'a>(scatter: impl Iterator<Item = &'a Distance>) -> Option<u64> {
    let (mut hours, mut squares, mut expected) = (0, 0_u128, 0_u128);
    for distance in scatter {
        hours += 1;
        squares += distance.square;
        expected += u128::from(distance.expected);
    }
    if hours < MIN_SCATTERED {
        return None;
    }
    let dispersion = squares * 1_000 / (expected * LEFT_OF_VARIANCE).max(1);
    Some(u64::try_from(dispersion).unwrap_or(u64::MAX).max(POISSON))
}

/// A count in thousandths, with the [`PRIOR`]. Counts over 2^32 are taken as 2^32, so that products
/// do not overflow.
fn scaled(count: u64) -> u64 {
    count.min(u64::from(u32::MAX)) * 1_000 + PRIOR
}
