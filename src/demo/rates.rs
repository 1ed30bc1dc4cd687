//! The number of posts over time, in all and for each keyword.

use super::chance::mixed;
use super::rhythm::Rhythm;
use super::stories::{Episode, STORIES, Schedule, Stir, USUAL};
use super::subjects::{COUNT, SUBJECTS};
use crate::events::Timestamp;

/// Number of ticks in a slot of the storylines. Volumes change with each tick.
const TICKS_PER_SLOT: i64 = 216;
/// The time over which the popularity of a keyword changes.
const DRIFT_MILLIS: i64 = 9 * Timestamp::DAY;
/// Length of a storyline's slot in a live part.
const LIVE_SLOT_MILLIS: i64 = 5 * Timestamp::MINUTE;
/// Number of equal parts of a span. Volumes rise in the last part.
const RISING_PART: i64 = 4;
/// The rise of volumes, in percent.
const RISE_PERCENT: u64 = 1_500;

/// A stretch of the world's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Start of the span.
    pub from: Timestamp,
    /// End of the span, exclusive.
    pub to: Timestamp,
    /// Number of posts in the span.
    pub posts: u64,
    /// The change of the number of posts over the span.
    pub growth: Growth,
}

/// The change of the number of posts a day over a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growth {
    /// All days have about the same number.
    Steady,
    /// In the last quarter the number rises to 16 times.
    Rising,
}

/// The volumes of a stretch of time. They are computed tick by tick.
#[derive(Debug)]
pub(super) struct Rates {
    seed: u64,
    schedule: Schedule,
    from: Timestamp,
    to: Timestamp,
    rises: bool,
    is_live: bool,
    /// The next tick.
    next: Timestamp,
    tick: i64,
    /// `posts` divided by `total` is the number of posts per unit of weight.
    posts: u128,
    total: u128,
    /// Sum of the weights so far.
    passed: u128,
}

/// A short time with constant volumes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick {
    /// Start of the tick.
    pub(super) start: Timestamp,
    /// Length of the tick, in milliseconds.
    pub(super) length: i64,
    /// Number of posts in the tick.
    pub(super) posts: u64,
    /// The running sums of the weights of the keywords.
    pub(super) sums: [u64; COUNT],
    /// For each keyword: the part of its weight that is written in Korean, in thousandths.
    pub(super) korean: [u64; COUNT],
    /// The effects of the present episodes.
    pub(super) stirs: [Option<Stir>; 3],
}

impl Rates {
    /// The volumes of a span.
    pub(super) fn of(seed: u64, span: &Span) -> Self {
        let length = span.to.millis().saturating_sub(span.from.millis()).max(1);
        let schedule = Schedule::over(seed, span.from, length);
        let mut rates = Self {
            seed,
            schedule,
            from: span.from,
            to: span.to,
            rises: span.growth == Growth::Rising,
            is_live: false,
            next: span.from,
            tick: (schedule.slot() / TICKS_PER_SLOT).max(1),
            posts: u128::from(span.posts),
            total: 0,
            passed: 0,
        };
        let mut total = 0;
        while let Some(tick) = rates.next_tick() {
            total += weight_of(&tick);
        }
        rates.total = total.max(1);
        rates.passed = 0;
        rates.next = span.from;
        rates
    }

    /// The volumes from a time on, without an end: a post every `pause` milliseconds on average,
    /// and a storyline every few minutes.
    pub(super) fn live(seed: u64, from: Timestamp, pause: u32) -> Self {
        let stories = i64::try_from(STORIES).unwrap_or(1);
        let schedule = Schedule::over(seed, from, stories * LIVE_SLOT_MILLIS);
        let tick = (schedule.slot() / TICKS_PER_SLOT).max(1);
        let usual: u64 = SUBJECTS.iter().map(|subject| subject.weight).sum();
        Self {
            seed,
            schedule,
            from,
            to: Timestamp::LATEST,
            rises: false,
            is_live: true,
            next: from,
            tick,
            posts: 1,
            // The usual values of the factors: rhythm 1,000, drift, jitter and growth 100 each.
            total: u128::from(usual * 1_000 * 100 * 100 * 100 * USUAL) * u128::from(pause.max(1)),
            passed: 0,
        }
    }

    /// The next tick; `None` at the end.
    pub(super) fn next_tick(&mut self) -> Option<Tick> {
        if self.next >= self.to {
            return None;
        }
        let start = self.next;
        self.next = start.plus(self.tick).min(self.to);
        let length = self.next.millis() - start.millis();
        let mut tick = Tick {
            start,
            length,
            posts: 0,
            sums: [0; COUNT],
            korean: [0; COUNT],
            stirs: [None; 3],
        };
        let episodes = self.schedule.around(start);
        for (stir, episode) in tick.stirs.iter_mut().zip(episodes) {
            *stir = episode.stir(start);
        }
        self.weigh(&mut tick);
        let before = self.posts_through();
        self.passed += weight_of(&tick);
        tick.posts = self.posts_through().saturating_sub(before);
        Some(tick)
    }

    /// End of the stretch.
    pub(super) fn end(&self) -> Timestamp {
        self.to
    }

    /// The episodes that begin in the stretch.
    pub(super) fn episodes(&self) -> impl Iterator<Item = Episode> {
        self.schedule.episodes(self.to)
    }

    /// Number of posts in the ticks so far.
    fn posts_through(&self) -> u64 {
        let posts = (self.passed * self.posts).checked_div(self.total);
        u64::try_from(posts.unwrap_or_default()).unwrap_or(u64::MAX)
    }

    fn weigh(&self, tick: &mut Tick) {
        let rhythm = self.rhythm(tick.start);
        let growth = self.growth(tick.start);
        let number = tick.start.millis().div_euclid(self.tick).cast_unsigned();
        let weighed = tick.sums.iter_mut().zip(&mut tick.korean);
        let mut sum = 0;
        for ((total, part), (subject, keyword)) in weighed.zip(SUBJECTS.iter().zip(0_u64..)) {
            let korean = subject.korean * rhythm.korean;
            let both = (korean + (100 - subject.korean) * rhythm.english).max(1);
            *part = korean * 1_000 / both;
            let jitter = 85 + mixed(self.seed, &[5, keyword, number]) % 31;
            let times = tick.stirs.iter().flatten();
            let times = times.filter(|stir| stir.keyword as u64 == keyword);
            let times = times.map(|stir| stir.times).max().unwrap_or(USUAL);
            sum += subject.weight
                * (both / 100)
                * self.drift(keyword, tick.start)
                * jitter
                * growth
                * times;
            *total = sum;
        }
    }

    /// The rhythm at `moment`. In a live part nights are less quiet and evenings less busy.
    fn rhythm(&self, moment: Timestamp) -> Rhythm {
        let Rhythm { korean, english } = Rhythm::at(moment);
        if self.is_live {
            Rhythm {
                korean: korean.midpoint(1_000),
                english: english.midpoint(1_000),
            }
        } else {
            Rhythm { korean, english }
        }
    }

    /// The popularity of a keyword at `moment`, in percent.
    fn drift(&self, keyword: u64, moment: Timestamp) -> u64 {
        let period = moment.millis().div_euclid(DRIFT_MILLIS);
        let part = moment.millis().rem_euclid(DRIFT_MILLIS) * 100 / DRIFT_MILLIS;
        let part = part.unsigned_abs();
        let at = |period: i64| 75 + mixed(self.seed, &[4, keyword, period.cast_unsigned()]) % 51;
        (at(period) * (100 - part) + at(period + 1) * part) / 100
    }

    /// The growth at `moment`, in percent.
    fn growth(&self, moment: Timestamp) -> u64 {
        let length = (self.to.millis() - self.from.millis()) / RISING_PART;
        let since = moment.millis() - (self.to.millis() - length);
        if !self.rises || since <= 0 || length == 0 {
            return 100;
        }
        let part = (since / (length / 1_000).max(1)).unsigned_abs().min(1_000);
        100 + RISE_PERCENT * part * part * part / 1_000_000_000
    }
}

fn weight_of(tick: &Tick) -> u128 {
    let sum = tick.sums.last().copied().unwrap_or_default();
    u128::from(sum) * u128::from(tick.length.unsigned_abs())
}
