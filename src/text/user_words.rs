//! Words of the settings. They have precedence over every rule.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::entities::{is_letter, is_syllable};
use super::korean::may_follow_noun;

/// Finds the words in a text in normal form. Of several words that begin at one position, it finds
/// the longest.
#[derive(Debug, Default)]
pub(super) struct UserWords {
    /// `None` when there are no words.
    automaton: Option<AhoCorasick>,
}

impl UserWords {
    /// Finds these words, which are in normal form and not empty.
    pub(super) fn new(words: &[String]) -> Self {
        if words.is_empty() {
            return Self::default();
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::LeftmostLongest)
            .build(words);
        Self {
            automaton: automaton.ok(),
        }
    }

    /// Calls `found` with each occurrence in `text`, from left to right. Occurrences do not
    /// overlap.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(Range<usize>)) {
        let Some(automaton) = &self.automaton else {
            return;
        };
        for occurrence in automaton.find_iter(text) {
            if stands_alone(text, occurrence.range()) {
                found(occurrence.range());
            }
        }
    }
}

/// Whether the occurrence is a whole word. A text after the occurrence that may follow a noun, such
/// as a Korean particle, is not a part of the word.
fn stands_alone(text: &str, word: Range<usize>) -> bool {
    let (Some(before), Some(inner), Some(behind)) = (
        text.get(..word.start),
        text.get(word.clone()),
        text.get(word.end..),
    ) else {
        return false;
    };
    let first = inner.chars().next().unwrap_or(' ');
    let last = inner.chars().next_back().unwrap_or(' ');
    let left = before.chars().next_back().unwrap_or(' ');
    let right = behind.chars().next().unwrap_or(' ');
    if goes_on(left, first) {
        return false;
    }
    if is_syllable(right) && (is_syllable(last) || last.is_alphanumeric()) {
        let length = behind.find(|c| !is_syllable(c)).unwrap_or(behind.len());
        return may_follow_noun(behind.get(..length).unwrap_or_default());
    }
    !goes_on(last, right)
}

/// Whether two characters belong to one word: both are Hangul, or both are letters or digits of
/// other scripts.
fn goes_on(left: char, right: char) -> bool {
    let is_word = |c: char| is_letter(c) || c.is_numeric() || c == '_';
    is_word(left) && is_word(right) && is_syllable(left) == is_syllable(right)
}
