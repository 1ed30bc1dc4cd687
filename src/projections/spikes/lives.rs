//! Simulated keywords for the tests: tweets per hour over some weeks, with planted bursts.
//!
//! A life is made in one of several ways, none of which uses the formula of spikes: with Poisson
//! counts around a rate, with clumped counts, or with single tweets that draw reposts.

/// A random number generator with a seed.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0.0..1.0`.
    pub(super) fn part(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / 4_294_967_296.0
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A number of an exponential distribution with mean 1.
    pub(super) fn wait(&mut self) -> f64 {
        -(1.0 - self.part()).ln()
    }

    pub(super) fn poisson(&mut self, mean: f64) -> u64 {
        let (mut at, mut count) = (self.wait(), 0);
        while at < mean {
            count += 1;
            at += self.wait();
        }
        count
    }

    /// A number of a gamma distribution with mean 1 and this shape, in halves.
    pub(super) fn gamma(&mut self, halves: u64) -> f64 {
        let mut sum = 0.0;
        for _ in 0..halves / 2 {
            sum += self.wait();
        }
        if halves % 2 == 1 {
            let normal = (2.0 * self.wait()).sqrt() * (std::f64::consts::TAU * self.part()).cos();
            sum += normal * normal / 2.0;
        }
        2.0 * sum / halves as f64
    }
}

/// The variation of counts around their rate.
#[derive(Debug, Clone, Copy)]
pub(super) enum Noise {
    /// Each tweet is independent of the others.
    Poisson,
    /// Negative binomial counts: the rate of each hour is multiplied by a number of a gamma
    /// distribution with this shape, in halves.
    Gamma(u64),
    /// Tweets come in clumps within one hour. The size of a clump is geometric with this mean.
    Clumps(f64),
    /// Each tweet and each repost draws this mean number of reposts, after half an hour on average.
    Reposts(f64),
    /// The rate of each day is multiplied by a number of a gamma distribution with this shape, in
    /// halves.
    Days(u64),
}

/// A planted burst.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    /// The start of the burst, in hours from the start of the life.
    pub(super) start: f64,
    pub(super) hours: f64,
    /// The rate is multiplied by this number, and increases by at least `least` tweets an hour.
    pub(super) factor: f64,
    pub(super) least: f64,
}

/// A keyword's life.
pub(super) struct Life<'a> {
    pub(super) hours: i64,
    /// Tweets per hour, by the hour from the start, which is the midnight before a Monday.
    pub(super) rate: &'a dyn Fn(f64) -> f64,
    pub(super) noise: Noise,
    pub(super) bursts: Vec<Burst>,
}

impl Life<'_> {
    /// Number of tweets of each hour.
    pub(super) fn live(&self, seed: u64) -> Vec<u64> {
        let mut chance = Chance::new(seed);
        let mut counts = vec![0; usize::try_from(self.hours).unwrap()];
        let mut day = 1.0;
        for hour in 0..self.hours {
            let start = hour as f64;
            if hour % 24 == 0
                && let Noise::Days(halves) = self.noise
            {
                day = chance.gamma(halves);
            }
            let rate = (self.rate)(start + 0.5).max(0.0);
            let scale = match self.noise {
                Noise::Poisson => 1.0,
                Noise::Gamma(halves) => chance.gamma(halves),
                Noise::Clumps(mean) | Noise::Reposts(mean) if mean == 0.0 => 1.0,
                Noise::Clumps(mean) => 1.0 / mean,
                Noise::Reposts(drawn) => 1.0 - drawn,
                Noise::Days(_) => day,
            };
            for _ in 0..chance.poisson(rate * scale) {
                let at = start + chance.part();
                match self.noise {
                    Noise::Clumps(mean) => {
                        let mut size = 1;
                        while chance.part() > 1.0 / mean {
                            size += 1;
                        }
                        count(&mut counts, at, size);
                    }
                    Noise::Reposts(drawn) => draw(&mut counts, &mut chance, at, drawn),
                    _ => count(&mut counts, at, 1),
                }
            }
        }
        for burst in &self.bursts {
            let usual = (self.rate)(burst.start + burst.hours / 2.0);
            let more = ((burst.factor - 1.0) * usual).max(burst.least) * burst.hours;
            for _ in 0..chance.poisson(more) {
                let at = burst.start + burst.hours * chance.part();
                count(&mut counts, at, 1);
            }
        }
        counts
    }
}

fn draw(counts: &mut [u64], chance: &mut Chance, at: f64, drawn: f64) {
    count(counts, at, 1);
    for _ in 0..chance.poisson(drawn) {
        let later = at + chance.wait() / 2.0;
        draw(counts, chance, later, drawn);
    }
}

fn count(counts: &mut [u64], at: f64, more: u64) {
    if let Some(count) = counts.get_mut(at as usize) {
        *count += more;
    }
}

/// The rate over a day, with mean 1 and its maximum in the afternoon. The minimum is 0 if `depth`
/// is 1.
pub(super) fn day(hour: f64, depth: f64) -> f64 {
    1.0 - depth * (std::f64::consts::TAU * (hour - 3.0) / 24.0).cos()
}

/// The hour of the day, and the day of the week from Monday.
pub(super) fn clock(hour: f64) -> (f64, u64) {
    let day = (hour / 24.0) as u64;
    (hour - 24.0 * day as f64, day % 7)
}
