//! The mean of the middle half of a few weighted numbers.

/// Maximum number of samples.
const MAX: usize = 12;

/// Upper bound of a weight, exclusive.
const WEIGHTS: u64 = 4;

/// At most twelve numbers below 2^62, each with a weight of 1 to 3.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// Each number with its weight in the lowest bits, so that sorting orders by number.
    packed: [u64; MAX],
    len: usize,
    total: u64,
}

impl Samples {
    /// Adds a number with a weight.
    pub(super) fn add(&mut self, number: u64, weight: u64) {
        if let Some(slot) = self.packed.get_mut(self.len) {
            *slot = number * WEIGHTS + weight;
            self.len += 1;
            self.total += weight;
        }
    }

    /// The mean of the samples, rounded down, without the lowest and the highest quarter of the
    /// weight; 0 without samples.
    pub(super) fn middle_mean(mut self) -> u64 {
        let samples = self.packed.get_mut(..self.len).unwrap_or_default();
        samples.sort_unstable();
        let cut = self.total / 4;
        let kept = cut..self.total - cut;
        let (mut below, mut sum) = (0, 0);
        for packed in samples {
            let from = kept.start.max(below);
            below += *packed % WEIGHTS;
            sum += *packed / WEIGHTS * kept.end.min(below).saturating_sub(from);
        }
        sum / (kept.end - kept.start).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mean(samples: &[(u64, u64)]) -> u64 {
        let mut all = Samples::default();
        for (number, weight) in samples {
            all.add(*number, *weight);
        }
        all.middle_mean()
    }

    #[test]
    fn lowest_and_highest_quarter_of_the_weight_are_left_out() {
        assert_eq!(mean(&[]), 0);
        assert_eq!(mean(&[(7, 3)]), 7);
        // Of 2 2 2 4 4 4 5 90, the lowest quarter 2 2 and the highest quarter 5 90 are left out.
        assert_eq!(
            mean(&[(90, 1), (2, 3), (5, 1), (4, 3)]),
            (2 + 4 + 4 + 4) / 4
        );
    }

    proptest! {
        #[test]
        fn weighted_mean_equals_the_mean_of_repeated_numbers(
            samples in prop::collection::vec((0_u64..1_000_000, 1_u64..=3), 1..=12),
        ) {
            let repeat =
                |(number, weight): &(u64, u64)| (0..*weight).map(|_| *number).collect::<Vec<_>>();
            let mut all: Vec<u64> = samples.iter().flat_map(repeat).collect();
            all.sort_unstable();
            let cut = all.len() / 4;
            let kept = &all[cut..all.len() - cut];
            let expected = kept.iter().sum::<u64>() / kept.len() as u64;
            prop_assert_eq!(mean(&samples), expected);
        }
    }
}
