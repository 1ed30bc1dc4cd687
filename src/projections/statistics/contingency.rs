//! The association of a key with a set of tweets: how much more frequent the key is in it than in
//! another set.

use super::decimal::{Decimal, natural};

/// Minimum number of tweets with the key for an association.
pub const MIN_TWEETS: u64 = 3;

/// Maximum count; greater counts are taken as the maximum.
const MAX_COUNT: u64 = (1 << 61) - 1;

/// The numbers of tweets of two sets, with and without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContingencyTable {
    /// Tweets of the first set with the key.
    pub a: u64,
    /// Tweets of the first set without the key.
    pub b: u64,
    /// Tweets of the second set with the key.
    pub c: u64,
    /// Tweets of the second set without the key.
    pub d: u64,
}

/// The result for the key of a [`ContingencyTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Association {
    /// The first set has too few tweets with the key, or not more than expected.
    None,
    /// The first set has enough tweets with the key, and the second set is too small for an
    /// expectation.
    Unscored,
    /// The first set has more tweets with the key than expected. The score is
    /// [`ContingencyTable::g2`].
    Scored(Decimal<3>),
}

impl ContingencyTable {
    /// The association of the key with the first set. The first set needs at least [`MIN_TWEETS`]
    /// tweets with the key. If the second set has at least `min_background` tweets, the first set
    /// must also have more tweets with the key than expected.
    pub fn association(&self, min_background: u64) -> Association {
        if self.a < MIN_TWEETS {
            Association::None
        } else if self.c.saturating_add(self.d) < min_background {
            Association::Unscored
        } else if self.is_above_expectation() {
            Association::Scored(self.g2())
        } else {
            Association::None
        }
    }

    /// Whether the first set has more tweets with the key than expected if key and set were
    /// independent: `a·(a+b+c+d) > (a+b)·(a+c)`.
    pub fn is_above_expectation(&self) -> bool {
        let [a, b, c, d] = self.cells();
        a * (a + b + c + d) > (a + b) * (a + c)
    }

    /// Dunning's log-likelihood ratio (Computational Linguistics 19(1), 1993): twice the sum of
    /// `O·ln(O/E)` over the four cells, where `O` is the count of the cell and `E` is `row·column /
    /// total`. It is 0 when key and set are independent.
    pub fn g2(&self) -> Decimal<3> {
        let [a, b, c, d] = self.cells();
        let total = a + b + c + d;
        let cell = |observed: u128, row: u128, column: u128| {
            if observed == 0 {
                return 0.0;
            }
            // The ratio is a quotient of integer products, so that it is exactly 1 for
            // independence.
            let ratio = natural(observed * total) / natural(row * column);
            natural(observed) * libm::log(ratio)
        };
        let sum = cell(a, a + b, a + c)
            + cell(b, a + b, b + d)
            + cell(c, c + d, a + c)
            + cell(d, c + d, b + d);
        // The sum can only be negative by rounding.
        Decimal::round(2.0 * sum).max(Decimal::default())
    }

    /// Normalized pointwise mutual information of key and first set (Bouma, GSCL 2009): `ln(p(x,y)
    /// / (p(x)·p(y))) / −ln p(x,y)`, from −1 (never together) over 0 (independent) to 1 (only
    /// together). It is 1 if only `a` is above 0.
    pub fn npmi(&self) -> Decimal<4> {
        let [a, b, c, d] = self.cells();
        let total = a + b + c + d;
        if a == 0 {
            return Decimal::round(-1.0);
        }
        if a == total {
            return Decimal::round(1.0);
        }
        let information = libm::log(natural(a * total) / natural((a + b) * (a + c)));
        Decimal::round(information / libm::log(natural(total) / natural(a)))
    }

    /// The counts `a` to `d`, limited to [`MAX_COUNT`] so that no product overflows. No journal
    /// reaches the limit.
    fn cells(&self) -> [u128; 4] {
        [self.a, self.b, self.c, self.d].map(|count| u128::from(count.min(MAX_COUNT)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(a: u64, b: u64, c: u64, d: u64) -> ContingencyTable {
        ContingencyTable { a, b, c, d }
    }

    #[test]
    fn scores_are_those_of_the_contract() {
        assert_eq!(table(110, 2442, 111, 29114).g2().to_string(), "270.722");
        let other = table(30, 70, 100, 9800);
        assert_eq!(other.g2().to_string(), "147.249");
        assert_eq!(other.npmi().to_string(), "0.5403");
    }

    #[test]
    fn edges_have_scores() {
        assert_eq!(table(0, 0, 0, 0).g2(), Decimal::default());
        assert_eq!(table(5, 0, 0, 0).npmi().to_string(), "1.0000");
        assert_eq!(table(5, 0, 0, 95).npmi().to_string(), "1.0000");
        assert_eq!(table(0, 5, 5, 5).npmi().to_string(), "-1.0000");
        assert!(table(u64::MAX, 0, 0, u64::MAX).g2() > Decimal::default());
    }

    #[test]
    fn association_needs_three_tweets_above_expectation_and_a_background() {
        let scored = |table: ContingencyTable| Association::Scored(table.g2());
        for (table, min_background, expected) in [
            (table(2, 0, 0, 9_999), 1, Association::None),
            (table(3, 7, 0, 0), 1, Association::Unscored),
            (table(3, 7, 30, 70), 1, Association::None),
            (table(3, 7, 29, 71), 1, scored(table(3, 7, 29, 71))),
            (table(3, 7, 0, 999), 1_000, Association::Unscored),
            (table(3, 7, 0, 1_000), 1_000, scored(table(3, 7, 0, 1_000))),
        ] {
            assert_eq!(table.association(min_background), expected, "{table:?}");
        }
    }

    proptest! {
        #[test]
        fn independence_has_no_score(
            (a, b) in (1_u64..1_000_000, 1_u64..1_000_000),
            times in 1_u64..1_000_000,
        ) {
            let independent = table(a, b, a * times, b * times);
            prop_assert_eq!(independent.g2(), Decimal::default());
            prop_assert_eq!(independent.npmi(), Decimal::default());
            prop_assert!(!independent.is_above_expectation());
        }

        #[test]
        fn g2_is_the_same_for_rows_and_columns_exchanged(
            (a, b) in (0_u64..100_000, 0_u64..100_000),
            (c, d) in (0_u64..100_000, 0_u64..100_000),
        ) {
            let g2 = table(a, b, c, d).g2();
            prop_assert!(g2 >= Decimal::default());
            for other in [table(a, c, b, d), table(b, a, d, c), table(c, d, a, b)] {
                // A sum in another order may be rounded differently in the last decimal.
                prop_assert!((other.g2().units() - g2.units()).abs() <= 1);
            }
        }

        #[test]
        #[allow(clippy::cast_precision_loss, reason = "these counts are floats exactly")]
        fn g2_is_the_sum_of_entropies(
            (a, b) in (0_u64..100_000, 0_u64..100_000),
            (c, d) in (0_u64..100_000, 0_u64..100_000),
        ) {
            let term = |n: u64| if n == 0 { 0.0 } else { n as f64 * (n as f64).ln() };
            let cells = term(a) + term(b) + term(c) + term(d);
            let rows = term(a + b) + term(c + d);
            let columns = term(a + c) + term(b + d);
            let g2 = 2.0 * (cells - rows - columns + term(a + b + c + d));
            let found = table(a, b, c, d).g2().to_f64();
            prop_assert!((found - g2.max(0.0)).abs() < 0.001, "{} is not {}", found, g2);
        }

        #[test]
        fn npmi_lies_between_minus_one_and_one_and_has_the_sign_of_the_excess(
            (a, b) in (0_u64..100_000, 0_u64..100_000),
            (c, d) in (0_u64..100_000, 1_u64..100_000),
        ) {
            let table = table(a, b, c, d);
            let npmi = table.npmi().units();
            prop_assert!((-10_000..=10_000).contains(&npmi));
            prop_assert!(npmi <= 0 || table.is_above_expectation());
        }
    }
}
