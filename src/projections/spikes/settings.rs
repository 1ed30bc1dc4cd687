//! The settings of spikes.

use crate::projections::statistics::Decimal;

/// The limits that an hour, or two neighbouring hours, must reach for a spike. The limits are part
/// of the analyser version, so other limits begin another epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpikeSettings {
    /// Minimum deviance, for counts that scatter like a Poisson process. The minimum is raised for
    /// counts that scatter more widely.
    pub threshold: Decimal<3>,
    /// Minimum number of tweets above the expected ones.
    pub minimum: u32,
    /// Minimum ratio of the tweets to the expected ones.
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
    /// Writes one line with every setting. The analyser version is a hash of this text.
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
