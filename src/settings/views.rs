//! The settings on which the content of views depends.
//!
//! In: the layers. Out: checked values, which are a part of the epoch.

use super::{Layers, SettingsError, count};

/// Maximum number of words in `text.user_words`.
const MAX_USER_WORDS: usize = 10_000;
/// Maximum length of a word in `text.user_words`, in characters.
const MAX_WORD_CHARACTERS: usize = 64;

/// How texts are analysed. Other values make another epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextSettings {
    /// Words that are always found in texts.
    pub user_words: Vec<String>,
}

/// What makes a spike. Other values make another epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpikeLimits {
    /// Minimum deviance.
    pub threshold: u32,
    /// Minimum number of tweets above the expected ones.
    pub minimum: u32,
}

impl TextSettings {
    pub(super) fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        Ok(Self {
            user_words: layers.words("text.user_words", MAX_USER_WORDS, MAX_WORD_CHARACTERS)?,
        })
    }
}

impl SpikeLimits {
    pub(super) fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        Ok(Self {
            threshold: count(layers.whole("spikes.threshold", 4..=10_000)?),
            minimum: count(layers.whole("spikes.minimum", 4..=1_000_000)?),
        })
    }
}
