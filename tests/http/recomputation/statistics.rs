//! The formulas of scores, with counts as plain numbers.

use serde_json::{Value, json};

/// Numbers of tweets: `a` have a key and `b` do not. `c` and `d` are the same numbers of the tweets
/// with which these are compared.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    pub a: u64,
    pub b: u64,
    pub c: u64,
    pub d: u64,
}

impl Table {
    /// The table of a key that `a` of `here` tweets and `c` of `there` tweets have.
    pub fn of(a: u64, here: u64, c: u64, there: u64) -> Self {
        Self {
            a,
            b: here - a,
            c,
            d: there - c,
        }
    }

    fn all(self) -> u64 {
        self.a + self.b + self.c + self.d
    }

    /// Whether more tweets here have the key than expected from the others.
    pub fn is_above_expectation(self) -> bool {
        self.a * self.all() > (self.a + self.b) * (self.a + self.c)
    }

    /// Dunning's log-likelihood ratio in thousandths: twice the sum of every cell's count × the
    /// logarithm of count / expectation.
    pub fn g2(self) -> i64 {
        let Self { a, b, c, d } = self;
        let cells = [
            (a, a + b, a + c),
            (b, a + b, b + d),
            (c, c + d, a + c),
            (d, c + d, b + d),
        ];
        let sum: f64 = cells
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, row, column)| {
                let expected = real(row) * real(column) / real(self.all());
                real(count) * libm::log(real(count) / expected)
            })
            .sum();
        rounded(2.0 * sum, 1_000.0)
    }

    /// Bouma's normalized pointwise mutual information in ten-thousandths.
    pub fn npmi(self) -> i64 {
        let part = |count: u64| real(count) / real(self.all());
        let joint = part(self.a);
        let apart = part(self.a + self.b) * part(self.a + self.c);
        rounded(libm::log(joint / apart) / -libm::log(joint), 10_000.0)
    }
}

/// `2·(n·ln(n/e) − (n − e))` in thousandths; 0 if `n` is not above `e`. The argument `e` is in
/// thousandths.
pub fn deviance(n: u64, e: u64) -> i64 {
    let (n, e) = (real(n), real(e) / 1_000.0);
    if n <= e {
        return 0;
    }
    rounded(2.0 * (n * libm::log(n / e) - (n - e)), 1_000.0)
}

/// `number × units`, rounded half away from zero.
fn rounded(number: f64, units: f64) -> i64 {
    (number * units).round() as i64
}

/// `units / per_one`, as answers show it.
pub fn shown(units: i64, per_one: f64) -> Value {
    json!(f64::from(i32::try_from(units).unwrap()) / per_one)
}

fn real(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

#[test]
fn formulas_give_the_known_values() {
    let table = |[a, b, c, d]: [u64; 4]| Table { a, b, c, d };
    let checked = table([110, 2442, 111, 29114]);
    assert!(checked.is_above_expectation());
    assert_eq!(checked.g2(), 270_722);
    let checked = table([30, 70, 100, 9800]);
    assert_eq!((checked.g2(), checked.npmi()), (147_249, 5_403));
    let independent = table([10, 90, 100, 900]);
    assert!(!independent.is_above_expectation());
    assert_eq!(independent.g2(), 0);
    // 2·(32·ln 16 − 30)
    assert_eq!(deviance(32, 2_000), 117_446);
}
