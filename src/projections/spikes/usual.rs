//! What was usual: how many tweets the hours before let one expect in an hour, and how widely
//! counts scatter around that. `docs/spikes.md` has the reasons.
//!
//! All of it depends on a bounded past alone, [`LOOKBACK`], so an hour has one expectation,
//! whatever span is asked for. Rates are in thousandths of a tweet an hour.

use super::hourly_counts::{DAY, HourlyCounts, WEEK};
use super::samples::Samples;

/// Hours before the oldest tweet's hour plus this have no expectation.
pub(super) const MIN_HISTORY: i64 = WEEK;

/// So many hours before an hour have an influence on what is said of it.
pub(super) const LOOKBACK: i64 =
    WEEKS * WEEK + SCATTER_DAYS * DAY + DAY + LEVEL_BLOCKS * BLOCK + BLOCK + 1;

/// How many earlier weeks have a say about an hour, and how many earlier days as long as only one
/// week is known.
const WEEKS: i64 = 4;
const DAYS: i64 = 6;
/// The weight of the same hour of an earlier week; that of the hours beside it, and of the same
/// hour of an earlier day, is 1.
const SAME_HOUR_WEIGHT: u64 = 3;

/// Added to each count: half a tweet an hour. So nothing is divided by zero, and a keyword without
/// tweets is one with few.
pub(super) const PRIOR: u64 = 500;

/// Hours that are compared as one, with what the same weeks before had.
const BLOCK: i64 = 3;
/// How many blocks tell the present level: two days.
const LEVEL_BLOCKS: i64 = 16;
/// A level of 1 means as many tweets as in the weeks before.
const LEVEL_ONE: u64 = 1_024;
/// The present level is taken to lie between a half and 64 times the earlier one.
const LEVELS: (u64, u64) = (LEVEL_ONE / 2, 64 * LEVEL_ONE);

/// How many days tell how widely counts scatter.
const SCATTER_DAYS: i64 = 14;
/// Of the squared distances the greatest sixteenth is left out: those of earlier spikes. What is
/// left of a normal distribution is 0.728 of its variance.
const LEFT_OUT: usize = 16;
const LEFT_OF_VARIANCE: u128 = 728;
/// Fewer hours than this tell nothing.
const MIN_SCATTERED: usize = 36;
/// The dispersion of a Poisson process, and the one assumed while nothing is known.
const POISSON: u64 = 1_000;
const UNKNOWN_DISPERSION: u64 = 2 * POISSON;

/// How far the count of an hour lay from what was expected there.
#[derive(Debug, Clone, Copy)]
struct Distance {
    /// In thousandths of a tweet, squared.
    square: u128,
    /// In thousandths of a tweet, [`PRIOR`] at least.
    expected: u64,
    /// The first in proportion to the second.
    proportion: u128,
}

/// The expectations of one keyword. What was asked for is kept.
#[derive(Debug)]
pub(super) struct Usual<'a> {
    counts: &'a HourlyCounts,
    /// The hour of the oldest tweet.
    oldest: i64,
    /// By hour; 0 is unknown.
    bases: Vec<u64>,
    /// By block; 0 is unknown.
    levels: Vec<u64>,
    /// By block: how its count compares with its base, and the base; 0 is unknown.
    ratios: Vec<(u64, u64)>,
    /// How far counts lay from what was expected, before the day that was asked for last.
    scatter: Option<(i64, Vec<Distance>)>,
}

impl<'a> Usual<'a> {
    /// The expectations by these counts, which reach [`LOOKBACK`] hours before the first hour that
    /// is asked for.
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

    /// The expected tweets of an hour, in thousandths; `None` before [`Usual::first`].
    pub(super) fn expected(&mut self, hour: i64) -> Option<u64> {
        if hour < self.first() {
            return None;
        }
        let level = self.level(hour.div_euclid(BLOCK));
        let raised = self.base(hour).saturating_mul(level) / LEVEL_ONE;
        Some(raised.saturating_sub(PRIOR))
    }

    /// How widely counts like that of an hour scatter, in thousandths: the variance of a count in
    /// proportion to the expected one, 1 for a Poisson process and not below. Told by those hours
    /// of the two weeks before the hour's day that were expected to have between half and twice as
    /// many tweets, or by all if they are few.
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

    /// How far counts lay from what was expected in the two weeks before a day, without the
    /// greatest distances in proportion.
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
            // Equal proportions need an order, or the kept ones depend on the library's sort.
            scatter.select_nth_unstable_by_key(kept, |distance| {
                (distance.proportion, distance.square, distance.expected)
            });
            scatter.truncate(kept);
        }
        scatter
    }

    /// How the last two days compare with what the weeks before them had at the same hours: the
    /// median over blocks, each with the weight of what it is expected to have. 1 as long as there
    /// are no two days to compare.
    fn level(&mut self, block: i64) -> u64 {
        let position = self.place(block);
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

    /// How the tweets of a block compare with what the weeks before it had, and its weight.
    fn ratio(&mut self, block: i64) -> (u64, u64) {
        let position = self.place(block);
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

    /// What an hour had in the weeks before, with the [`PRIOR`]: the mean of the middle half of the
    /// same hour of four earlier weeks, and the hours beside it.
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

    /// Where a block is, counted from the first.
    fn place(&self, block: i64) -> usize {
        let first = self.counts.start().div_euclid(BLOCK);
        usize::try_from(block - first).unwrap_or(usize::MAX)
    }
}

/// The dispersion that distances tell; `None` if they are few.
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

/// A count in thousandths, with the [`PRIOR`]. Counts over 2^32 are not distinguished, so that
/// products fit.
fn scaled(count: u64) -> u64 {
    count.min(u64::from(u32::MAX)) * 1_000 + PRIOR
}
