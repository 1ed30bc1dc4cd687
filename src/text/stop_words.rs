//! Words that say nothing about a subject, in Korean and English.
//!
//! The lists are `assets/stop-words-ko.txt` and `assets/stop-words-en.txt`, a word a line, in
//! normal form.

use std::collections::HashSet;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

const KOREAN: &str = include_str!("../../assets/stop-words-ko.txt");
const ENGLISH: &str = include_str!("../../assets/stop-words-en.txt");

static LISTS: LazyLock<Lists> = LazyLock::new(Lists::new);

/// The texts of the lists.
pub(super) const fn lists() -> [&'static str; 2] {
    [KOREAN, ENGLISH]
}

/// Whether a word in normal form is a stop word.
pub(super) fn is_stop_word(word: &str) -> bool {
    let lists = &*LISTS;
    lists.may_have(word) && lists.words.contains(word)
}

/// All stop words.
struct Lists {
    words: HashSet<&'static str, RandomState>,
    /// For each first byte: the lengths of the stop words that begin with it, as bits. This
    /// excludes most other words without a search.
    lengths: [u64; 256],
}

impl Lists {
    fn new() -> Self {
        let words: HashSet<_, _> = lines(KOREAN).chain(lines(ENGLISH)).collect();
        let mut lengths = [0; 256];
        for word in &words {
            if let Some((first, length)) = byte_and_length(word)
                && let Some(bits) = lengths.get_mut(first)
            {
                *bits |= length;
            }
        }
        Self { words, lengths }
    }

    fn may_have(&self, word: &str) -> bool {
        byte_and_length(word).is_some_and(|(first, length)| {
            self.lengths
                .get(first)
                .is_some_and(|bits| bits & length != 0)
        })
    }
}

/// The first byte of a word, and its length as a bit. All lengths from 63 bytes share one bit.
fn byte_and_length(word: &str) -> Option<(usize, u64)> {
    let first = word.as_bytes().first()?;
    Some((usize::from(*first), 1 << word.len().min(63)))
}

fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::normal_form;

    #[test]
    fn lists_are_in_normal_form() {
        for word in &LISTS.words {
            assert_eq!(&normal_form(word), word);
            assert!(!word.contains(' '), "{word}");
        }
        assert!(is_stop_word("the") && is_stop_word("우리"));
        assert!(LISTS.words.iter().all(|word| is_stop_word(word)));
    }
}
