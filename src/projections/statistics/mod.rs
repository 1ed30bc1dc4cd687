//! The statistics of answers: scores of 2x2 tables and of counts, and rounded decimals.
//!
//! Queries use them; a fold has no floats. Logarithms come from the `libm` crate in software, and
//! the rest are operations that IEEE 754 defines exactly, so equal counts give equal scores on all
//! machines. A score is rounded once, half away from zero, before anything is ordered by it.

mod contingency;
mod decimal;
mod poisson;

pub use contingency::{Association, ContingencyTable, MIN_TWEETS};
pub use decimal::Decimal;
pub use poisson::deviance;
