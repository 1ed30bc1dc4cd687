//! The deviance of a count from its expectation.

use super::decimal::{Decimal, natural};

/// The deviance of a count above its Poisson expectation: `2·(n·ln(n/e) − (n − e))`, where the
/// expectation `e` is given in thousandths. It is the log-likelihood ratio of the rate `n` against
/// the rate `e`, and approximates the square of the distance in standard deviations. It is 0 when
/// the count is not above the expectation, and when the expectation is 0.
pub fn deviance(count: u64, expected_thousandths: u64) -> Decimal<3> {
    let (n, e) = (
        natural(u128::from(count)),
        natural(u128::from(expected_thousandths)) / 1_000.0,
    );
    if e == 0.0 || n <= e {
        return Decimal::default();
    }
    Decimal::round(2.0 * (n * libm::log(n / e) - (n - e)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn deviances_are_those_of_the_formula() {
        for (count, expected, deviance_of) in [
            // 2·(27·ln 13.5 − 25), 2·(300·ln 5 − 240)
            (27, 2_000, "90.545"),
            (300, 60_000, "485.663"),
            (5, 5_000, "0.000"),
            (4, 5_000, "0.000"),
            (4, 0, "0.000"),
        ] {
            assert_eq!(deviance(count, expected).to_string(), deviance_of);
        }
    }

    proptest! {
        #[test]
        fn a_higher_count_or_a_lower_expectation_has_no_lower_deviance(
            count in 0_u64..1_000_000,
            expected in 1_u64..1_000_000_000,
            more in 0_u64..1_000,
        ) {
            prop_assert!(deviance(count + more, expected) >= deviance(count, expected));
            prop_assert!(deviance(count, expected + more) <= deviance(count, expected));
        }
    }
}
