//! The statistics of answers: scores of 2x2 tables and of counts, and rounded decimals.
//!
//! Only queries use them, because a fold has no floats. Logarithms come from the `libm` crate in
//! software, and all other operations are defined exactly by IEEE 754, so equal counts give equal
//! scores on all machines. A score is rounded once, half away from zero, before anything is ordered
//! by it.

mod contingency;
mod decimal;
mod poisson;

pub use contingency::{Association, ContingencyTable, MIN_TWEETS};
pub use decimal::Decimal;
pub use poisson::deviance;
