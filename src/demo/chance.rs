//! Random numbers that are the same on every machine.

/// A generator of random numbers (`SplitMix64`): integers only, one state of 64 bits.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// The generator that begins with a seed.
    pub(super) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        finish(self.0)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = (u128::from(self.next()) * u128::from(bound)) >> 64;
        u64::try_from(wide).unwrap_or_default()
    }

    /// A number from `low` through `high`.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `percent` of 100 cases.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// An index below `length`; 0 when `length` is 0.
    pub(super) fn index(&mut self, length: usize) -> usize {
        let drawn = self.below(u64::try_from(length).unwrap_or_default());
        usize::try_from(drawn).unwrap_or_default()
    }

    /// A random item; `None` when there are no items.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// The index of a random entry of `sums`, which ascend. The probability of an entry is in
    /// proportion to its difference from the entry before.
    pub(super) fn position(&mut self, sums: &[u64]) -> usize {
        let drawn = self.below(sums.last().copied().unwrap_or_default());
        sums.partition_point(|sum| *sum <= drawn)
    }

    /// Puts the items in random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.index(end + 1));
        }
    }
}

/// A hash of the seed and the parts, as a random number.
pub(super) fn mixed(seed: u64, parts: &[u64]) -> u64 {
    parts.iter().fold(seed, |state, part| {
        finish(state.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ part.rotate_left(32))
    })
}

fn finish(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        let mut chance = Chance::of(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| chance.next()).collect();
        // The first outputs of the reference implementation for this seed.
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn positions_follow_the_sums() {
        let mut chance = Chance::of(7);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[chance.position(&[10, 10, 100])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((800..1_200).contains(&counts[0]), "{counts:?}");
    }
}
