//! The expected counts of the hours of a keyword, recomputed by the formulas of `docs/spikes.md`.

use std::cell::RefCell;
use std::collections::HashMap;

use tidings::events::Timestamp;

use super::archive::View;

/// A day in hours.
pub const DAY: i64 = 24;
const WEEK: i64 = 7 * DAY;
/// Added to each count: half a tweet, in thousandths.
pub const PRIOR: u64 = 500;

/// The number of tweets of each hour of a keyword, and the expected number. Hours are numbered from
/// 1970-01-01. Bases and expectations are in thousandths of a tweet.
pub struct Expectations {
    counts: HashMap<i64, u64>,
    /// The hour of the oldest tweet.
    oldest: i64,
    /// The [`Expectations::base`] of hours for which it was computed.
    bases: RefCell<HashMap<i64, u64>>,
    /// The [`Expectations::expected`] of hours for which it was computed.
    expectations: RefCell<HashMap<i64, u64>>,
}

impl Expectations {
    /// `None` for a keyword without tweets.
    pub fn of(view: &View<'_>) -> Option<Self> {
        let hour = |millis: i64| millis.div_euclid(Timestamp::HOUR);
        let mut counts = HashMap::new();
        for post in &view.posts {
            *counts.entry(hour(post.at)).or_default() += 1;
        }
        Some(Self {
            counts,
            oldest: hour(view.posts.first()?.at),
            bases: RefCell::default(),
            expectations: RefCell::default(),
        })
    }

    /// The number of tweets of an hour.
    pub fn count(&self, hour: i64) -> u64 {
        self.counts.get(&hour).copied().unwrap_or(0)
    }

    /// The first hour with an expectation.
    pub fn first(&self) -> i64 {
        self.oldest + WEEK
    }

    /// The number of tweets of an hour and the prior, in thousandths.
    fn with_prior(&self, hour: i64) -> u64 {
        self.count(hour) * 1_000 + PRIOR
    }

    /// The expected number of tweets of an hour, in thousandths; `None` before
    /// [`Expectations::first`].
    pub fn expected(&self, hour: i64) -> Option<u64> {
        if hour < self.first() {
            return None;
        }
        let known = self.expectations.borrow().get(&hour).copied();
        let expected = known.unwrap_or_else(|| {
            let raised = self.base(hour) * self.level(hour.div_euclid(3)) / 1_024;
            raised.saturating_sub(PRIOR)
        });
        self.expectations.borrow_mut().insert(hour, expected);
        Some(expected)
    }

    /// The mean of the middle half of the samples, in thousandths. The samples are the same hours
    /// of the last four weeks and the hours beside them, and also the same hours of six days while
    /// only one week is known.
    fn base(&self, hour: i64) -> u64 {
        if let Some(known) = self.bases.borrow().get(&hour) {
            return *known;
        }
        let mut samples = Vec::new();
        for week in 1..=4 {
            let same = hour - week * WEEK;
            if same >= self.oldest {
                samples.extend([same - 1, same, same, same, same + 1]);
            }
        }
        let weeks = (1..).take_while(|week| hour - week * WEEK >= self.oldest);
        if weeks.take(2).count() < 2 {
            samples.extend((1..=6).map(|day| hour - day * DAY));
        }
        samples.retain(|sample| *sample >= self.oldest);
        let mut samples: Vec<u64> = samples.iter().map(|hour| self.with_prior(*hour)).collect();
        samples.sort_unstable();
        let cut = samples.len() / 4;
        let kept = &samples[cut..samples.len() - cut];
        let base = kept.iter().sum::<u64>() / (kept.len() as u64).max(1);
        self.bases.borrow_mut().insert(hour, base);
        base
    }

    /// The median of the ratios of the sixteen blocks before a block, weighted by their bases, in
    /// 1,024ths.
    fn level(&self, block: i64) -> u64 {
        let blocks = block - 16..block;
        if blocks.start * 3 < self.first() {
            return 1_024;
        }
        let mut ratios: Vec<(u64, u64)> = blocks
            .map(|block| {
                let hours = || block * 3..block * 3 + 3;
                let counted: u64 = hours().map(|hour| self.with_prior(hour)).sum();
                let base: u64 = hours().map(|hour| self.base(hour)).sum();
                (counted * 1_024 / base, base)
            })
            .collect();
        ratios.sort_unstable();
        let total: u64 = ratios.iter().map(|(_, base)| base).sum();
        let mut below = 0;
        let mut ratios = ratios.into_iter();
        let median = ratios.find(|(_, base)| {
            below += base;
            2 * below >= total
        });
        median.unwrap().0.clamp(512, 64 * 1_024)
    }

    /// The dispersion of an hour, in thousandths.
    pub fn dispersion(&self, hour: i64) -> u64 {
        let today = hour.div_euclid(DAY) * DAY;
        let hours = self.first().max(today - 14 * DAY)..today;
        let mut distances: Vec<(u64, u64, u64)> = hours
            .map(|hour| {
                let expected = self.expected(hour).unwrap();
                let square = (self.count(hour) * 1_000).abs_diff(expected).pow(2);
                let expected = expected.max(PRIOR);
                (square / expected, square, expected)
            })
            .collect();
        distances.sort_unstable();
        distances.truncate(distances.len() - distances.len() / 16);
        let wanted = self.expected(hour).unwrap_or(0).max(PRIOR);
        let like: Vec<_> = distances
            .iter()
            .filter(|(.., expected)| wanted <= 2 * expected && *expected <= 2 * wanted)
            .copied()
            .collect();
        let told_by = [like, distances];
        let told_by = told_by.iter().find(|distances| distances.len() >= 36);
        told_by.map_or(2_000, |distances| {
            let squares: u64 = distances.iter().map(|(_, square, _)| square).sum();
            let expected: u64 = distances.iter().map(|(.., expected)| expected).sum();
            (squares * 1_000 / (expected * 728)).max(1_000)
        })
    }
}
