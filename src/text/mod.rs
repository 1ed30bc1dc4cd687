//! What a text says: its normal form, and which keywords are in it. Pure, and knows nothing but
//! [`crate::events`].

mod analysed_text;
mod boundaries;
mod matcher;

pub use analysed_text::AnalysedText;
pub use matcher::Matcher;

/// Changes whenever the same text would give other words; part of the epoch.
pub const ANALYSER_VERSION: u32 = 0;
