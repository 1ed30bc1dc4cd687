//! Analysis of texts: the normal form of a text, and which keywords occur in it.
//!
//! In: texts and the tracked keywords. Out: normal forms, and the keywords of a text. All of it is
//! pure and imports only [`crate::events`].

mod analysed_text;
mod boundaries;
mod matcher;

pub use analysed_text::AnalysedText;
pub use matcher::Matcher;

/// The version of the analysis, a part of the epoch. It changes whenever the same text would give
/// other words.
pub const ANALYSER_VERSION: u32 = 0;
