//! A made-up world with invented keywords, authors and events, for the demo, for load tests and for
//! benchmarks.
//!
//! ```text
//! subjects ─► phrases ─┐
//! authors ─────────────┼─► composer ─► lines ─► chronicle ─► NDJSON
//! rhythm, stories ─────┘
//! ```
//!
//! A [`World`] follows from its seed, and a [`Chronicle`] from the world and its [`Span`]. They are
//! the same on every machine, byte for byte: there are no floats, no clock and no hash maps. A
//! chronicle returns one line at a time. It keeps only the events that wait for their time, and
//! their number does not grow with the span.

mod authors;
mod chance;
mod chronicle;
mod composer;
mod josa;
mod lines;
mod mistakes;
mod pen;
mod phrases;
mod plan;
mod rates;
mod rhythm;
mod stories;
mod subjects;

pub use authors::AUTHORS;
pub use chronicle::Chronicle;
pub use rates::{Growth, Span};
pub use stories::Episode;
pub use subjects::KEYWORDS;

use authors::Authors;
use chance::{Chance, mixed};
use phrases::Phrases;
use subjects::SUBJECTS;

const COMMON_KOREAN: &str = include_str!("../../assets/demo/common-ko.txt");
const COMMON_ENGLISH: &str = include_str!("../../assets/demo/common-en.txt");
const NAMES: &str = include_str!("../../assets/demo/authors.txt");

/// A language that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Korean.
    Korean,
    /// English.
    English,
}

impl Language {
    /// The tag of the language, as in an event's `lang`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Korean => "ko",
            Self::English => "en",
        }
    }
}

/// The authors, and the phrases of what they write about.
#[derive(Debug)]
pub struct World {
    seed: u64,
    authors: Authors,
    /// The phrases of each keyword, in the order of [`KEYWORDS`].
    phrases: Vec<Phrases>,
}

impl World {
    /// The world that follows from a seed.
    pub fn new(seed: u64) -> Self {
        let phrases = SUBJECTS.iter().map(|subject| {
            Phrases::of(&[
                (COMMON_KOREAN, Some(Language::Korean)),
                (COMMON_ENGLISH, Some(Language::English)),
                // The file is read twice, so that the keyword's own phrases are more frequent than
                // general ones.
                (subject.phrases, None),
                (subject.phrases, None),
            ])
        });
        Self {
            seed,
            authors: Authors::of(&mut Chance::of(mixed(seed, &[0])), NAMES),
            phrases: phrases.collect(),
        }
    }

    /// The handles of the voices of a keyword: the accounts that write first about what happens to
    /// it.
    pub fn voices(&self, keyword: &str) -> Vec<&str> {
        let found = KEYWORDS.iter().position(|one| *one == keyword);
        found.map_or_else(Vec::new, |found| self.authors.voices(found).collect())
    }
}

#[cfg(test)]
mod tests;
