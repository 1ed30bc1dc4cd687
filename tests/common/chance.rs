//! Repeatable random numbers: the seed is the number of the trial.

/// A generator of random numbers: xorshift64*.
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn of(trial: u64) -> Self {
        let mut chance = Self((trial + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            chance.next();
        }
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A random element of a slice, which must not be empty.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// Whether the tests run in their long form (`scripts/soak`).
pub fn is_soak() -> bool {
    std::env::var_os("TIDINGS_SOAK").is_some()
}

/// `long` in the long form of the tests, else `short`.
pub fn long_or<T>(long: T, short: T) -> T {
    if is_soak() { long } else { short }
}

/// The number of trials in the environment variable `name`, else `otherwise`.
pub fn trials(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text:?} is no number")),
        Err(_) => otherwise,
    }
}
