//! A made-up world in which people post: invented keywords, authors and events, for the demo, for
//! load tests and for benches.
//!
//! ```text
//! subjects ─► phrases ─┐
//! authors ─────────────┼─► composer ─► lines ─► chronicle ─► NDJSON
//! rhythm, stories ─────┘
//! ```
//!
//! A [`World`] follows from its seed, and a [`Chronicle`] from the world and its [`Span`]. They are
//! the same on every machine, byte for byte: there are no floats, no clock and no hash maps. A
//! chronicle hands out one line at a time. It holds the events that wait for their time, of which
//! a longer span has no more.

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

/// People and what they write about.
#[derive(Debug)]
pub struct World {
    seed: u64,
    authors: Authors,
    /// The phrases of each keyword, in the order of [`KEYWORDS`].
    phrases: Vec<Phrases>,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64) -> Self {
        let phrases = SUBJECTS.iter().map(|subject| {
            Phrases::of(&[
                (COMMON_KOREAN, Some(Language::Korean)),
                (COMMON_ENGLISH, Some(Language::English)),
                // Twice: what is said of this keyword alone is said more often.
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

    /// The handles of the accounts that are the first to write about what happens to a keyword.
    pub fn voices(&self, keyword: &str) -> Vec<&str> {
        let found = KEYWORDS.iter().position(|one| *one == keyword);
        found.map_or_else(Vec::new, |found| self.authors.voices(found).collect())
    }
}

#[cfg(test)]
mod tests;
