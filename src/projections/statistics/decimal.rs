//! Rounded numbers, which compare as integers.

use serde::{Serialize, Serializer};

/// A number with `PLACES` decimals (at most 9), stored as an integer number of units of its last
/// decimal. Comparisons use this integer. The number is serialized as a JSON number:
/// `Decimal::<3>::of_units(270_722)` is `270.722`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal<const PLACES: u32>(i64);

impl<const PLACES: u32> Decimal<PLACES> {
    /// Number of units in 1.
    const UNITS: i64 = 10_i64.pow(PLACES);

    /// The number with `units` units of the last decimal.
    pub const fn of_units(units: i64) -> Self {
        Self(units)
    }

    /// The number in units of the last decimal.
    pub const fn units(self) -> i64 {
        self.0
    }

    /// The number nearest to `value`, half away from zero. NaN gives 0; a value out of range gives
    /// the nearest limit.
    pub fn round(value: f64) -> Self {
        Self(whole(libm::round(value * float(Self::UNITS))))
    }

    /// The number nearest to `numerator / denominator`, half up; 0 if the denominator is 0.
    pub fn of_ratio(numerator: u64, denominator: u64) -> Self {
        let (numerator, denominator) = (u128::from(numerator), u128::from(denominator));
        let units = u128::from(Self::UNITS.unsigned_abs());
        let rounded = (2 * units * numerator + denominator).checked_div(2 * denominator);
        Self(i64::try_from(rounded.unwrap_or(0)).unwrap_or(i64::MAX))
    }

    /// The float nearest to the number.
    pub fn to_f64(self) -> f64 {
        float(self.0) / float(Self::UNITS)
    }
}

impl<const PLACES: u32> Serialize for Decimal<PLACES> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The nearest float is written as the shortest decimal that reads back as this float. That
        // is the number itself if it has at most 15 digits.
        serializer.serialize_f64(self.to_f64())
    }
}

impl<const PLACES: u32> std::fmt::Display for Decimal<PLACES> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (units, width) = (self.0.unsigned_abs(), PLACES.try_into().unwrap_or(9));
        let one = Self::UNITS.unsigned_abs();
        write!(f, "{sign}{}", units / one)?;
        if PLACES > 0 {
            write!(f, ".{:0width$}", units % one)?;
        }
        Ok(())
    }
}

/// The float nearest to an integer.
fn float(integer: i64) -> f64 {
    let magnitude = natural(u128::from(integer.unsigned_abs()));
    if integer < 0 { -magnitude } else { magnitude }
}

/// The float nearest to a natural number. Above 2^96 its last bit may differ.
pub(super) fn natural(number: u128) -> f64 {
    let part = |shift: u32| {
        let part = (number >> shift) & u128::from(u32::MAX);
        f64::from(u32::try_from(part).unwrap_or(u32::MAX))
    };
    const WORD: f64 = 4_294_967_296.0;
    // The sum of the upper parts is exact below 2^85, so only the last addition rounds.
    ((part(96) * WORD + part(64)) * WORD + part(32)) * WORD + part(0)
}

/// Converts a whole float to an integer; a float out of range gives the nearest limit.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a float saturates, and makes 0 of NaN"
)]
const fn whole(float: f64) -> i64 {
    float as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_round_half_away_from_zero() {
        for (value, units) in [
            (0.0005, 1),
            (-0.0005, -1),
            (0.000_499, 0),
            (270.7215, 270_722),
            (-1.25, -1_250),
            (f64::NAN, 0),
            (f64::INFINITY, i64::MAX),
        ] {
            assert_eq!(Decimal::<3>::round(value).units(), units, "{value}");
        }
        for (numerator, denominator, units) in
            [(1, 4, 3), (1, 3, 3), (7, 0, 0), (u64::MAX, 1, i64::MAX)]
        {
            assert_eq!(
                Decimal::<1>::of_ratio(numerator, denominator).units(),
                units
            );
        }
    }

    #[test]
    fn numbers_are_written_with_their_places() {
        for (units, text) in [(270_722, "270.722"), (-5, "-0.005"), (12_000, "12.000")] {
            assert_eq!(Decimal::<3>::of_units(units).to_string(), text);
        }
        assert_eq!(Decimal::<0>::of_units(7).to_string(), "7");
    }

    proptest! {
        #[test]
        fn json_holds_exactly_the_number(units in -999_999_999_999_999_i64..=999_999_999_999_999) {
            let decimal = Decimal::<4>::of_units(units);
            let json = serde_json::to_string(&decimal).unwrap();
            let shown: f64 = json.parse().unwrap();
            let exact: f64 = decimal.to_string().parse().unwrap();
            prop_assert_eq!(shown, exact);
            // The JSON has at most as many decimals as the number.
            let digits = json.split_once('.').map_or(0, |(_, digits)| digits.len());
            prop_assert!(digits <= 4 || json.contains('e'), "{}", json);
            prop_assert_eq!(Decimal::<4>::round(shown), decimal);
        }

        #[test]
        #[allow(clippy::cast_precision_loss, reason = "the loss is what is compared")]
        fn naturals_become_the_nearest_float(number: u64) {
            prop_assert_eq!(natural(u128::from(number)), number as f64);
        }
    }
}
