//! What a text says: which keywords are in it. Pure, and knows nothing but [`crate::events`].

mod boundaries;
mod matcher;

pub use matcher::Matcher;

/// Changes whenever the same text would give other words; part of the epoch.
pub const ANALYSER_VERSION: u32 = 0;
