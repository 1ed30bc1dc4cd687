//! Words that say nothing of a subject, in Korean and English.
//!
//! The lists are `assets/stop-words-ko.txt` and `assets/stop-words-en.txt`, a word a line, in
//! normal form.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

const KOREAN: &str = include_str!("../../assets/stop-words-ko.txt");
const ENGLISH: &str = include_str!("../../assets/stop-words-en.txt");

static WORDS: LazyLock<HashSet<&'static str, BuildHasherDefault<Fnv>>> =
    LazyLock::new(|| lines(KOREAN).chain(lines(ENGLISH)).collect());

/// The lists, as they are written.
pub(super) const fn lists() -> [&'static str; 2] {
    [KOREAN, ENGLISH]
}

/// Whether a word in normal form is one of them.
pub(super) fn is_stop_word(word: &str) -> bool {
    WORDS.contains(word)
}

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// FNV-1a, which is short for short words.
#[derive(Debug, Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::normal_form;

    #[test]
    fn lists_are_in_normal_form() {
        for word in WORDS.iter() {
            assert_eq!(&normal_form(word), word);
            assert!(!word.contains(' '), "{word}");
        }
        assert!(is_stop_word("the") && is_stop_word("우리"));
    }
}
