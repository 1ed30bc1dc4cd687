//! The noun of a Korean word.
//!
//! An *eojeol* is the text between two spaces: a noun with its particles, or a verb. In: a run of
//! Hangul syllables. Out: the part that is its noun, if it has one.
//!
//! - [`eojeol`] holds one run with what the lexicon says of its parts.
//! - [`rests`] says whether what follows a noun may follow one: particles, copula, light verbs.
//! - [`predicates`] says whether a stretch is a verb or adjective with its endings.
//! - [`cover`] finds the nouns of the lexicon that cover the left part of a run.
//! - [`joined`] splits two words that are written together.
//! - [`unknown`] applies the rules to what the lexicon does not know.
//! - [`counters`] knows what follows a number.
//! - [`nouns`] decides in which order these are asked, and [`recent`] remembers the answers.

mod counters;
mod cover;
mod eojeol;
mod joined;
mod nouns;
mod predicates;
mod recent;
mod rests;
mod unknown;

pub(super) use nouns::{Before, begins_with_syllable_noun, may_follow_noun, noun};
