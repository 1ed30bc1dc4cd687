//! Spikes: stretches of hours with far more tweets than expected.
//!
//! Spikes have no rows. They are computed from the hours that the volume keeps, so a tweet
//! that comes late or is deleted changes spikes at once.
//!
//! ```text
//! volume ─► hourly_counts ─► expectations: the expected tweets of an hour, the scatter of counts
//!                                │
//!                                ├─► search: warm hours ─► stretches ─► those with a hot hour
//!                                └─► expected_per_hour
//! keys, timeline, volume ─► reasons: the words, authors and tweets that explain a spike
//! ```
//!
//! `docs/spikes.md` has the formulas and their reasons.

mod comparison;
mod expectations;
mod hourly_counts;
#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "simulated hours and counts are small"
)]
mod lives;
mod query;
mod reasons;
mod samples;
mod search;
mod settings;
mod usual_tweets;

pub use query::{Spike, expected_per_hour, spikes};
pub use reasons::{Explainer, MAX_REASON_KEYS, MAX_REASON_TWEETS, Reasons};
pub use settings::SpikeSettings;

#[cfg(test)]
#[allow(
    clippy::cast_precision_loss,
    reason = "simulated hours and counts are small"
)]
mod tests;
