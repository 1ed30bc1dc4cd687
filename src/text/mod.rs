//! Analysis of texts: the normal form of a text, which keywords occur in it, and its words,
//! hashtags and mentions.
//!
//! In: texts, the tracked keywords, and the words of the settings. Out: normal forms, the keywords
//! of a text, and its keys. All of it is pure and imports only [`crate::events`].
//!
//! The [`Analyser`] splits a text in one pass. `segments` finds entities (`entities`), runs of
//! Hangul, and words of other scripts. `korean` finds the noun of a Hangul run with the help of
//! the `lexicon`. `stop_words` are dropped; words of the settings (`user_words`) have
//! precedence over all of this. The result is [`TweetKeys`]. `docs/text.md` explains the rules.

mod analysed_text;
mod analyser;
mod boundaries;
mod entities;
mod korean;
mod lexicon;
mod matcher;
mod segments;
mod stop_words;
mod tweet_keys;
mod user_words;

pub use analysed_text::AnalysedText;
pub use analyser::{Analyser, AnalyserSettings, analyser_version};
pub use entities::is_hashtag;
pub use matcher::Matcher;
pub use tweet_keys::{TweetKeys, first_bytes};

/// The version of the analysis, a part of the epoch. It changes whenever the same text would give
/// other words.
pub const ANALYSER_VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows hold the keys that the analyser gave. When the number of [`analyser_version`] changes,
    /// raise [`ANALYSER_VERSION`], so that the views are folded again.
    #[test]
    fn version_belongs_to_these_rules_and_lists() {
        let settings = AnalyserSettings::default();
        assert_eq!(
            (ANALYSER_VERSION, analyser_version(&settings)),
            (1, 6_089_300_389_702_489_927)
        );
    }
}
