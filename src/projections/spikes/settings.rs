//! What makes a stretch of hours a spike.

use crate::projections::statistics::Decimal;

/// The limits that an hour, or two neighbouring ones, must reach to make a spike. They are a part
/// of the analyser version: other limits are another epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpikeSettings {
    /// The least deviance, for counts that scatter like a Poisson process. It is raised for counts
    /// that scatter more widely.
    pub threshold: Decimal<3>,
    /// The least number of tweets above the expected ones.
    pub minimum: u32,
    /// The least ratio of the tweets to the expected ones.
    pub factor: Decimal<1>,
}

impl Default for SpikeSettings {
    fn default() -> Self {
        Self {
            threshold: Decimal::of_units(16_000),
            minimum: 18,
            factor: Decimal::of_units(30),
        }
    }
}

impl std::fmt::Display for SpikeSettings {
    /// One line with every setting: the text that the analyser version takes the hash of.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            threshold,
            minimum,
            factor,
        } = self;
        write!(
            f,
            "spikes threshold={threshold} minimum={minimum} factor={factor}"
        )
    }
}
