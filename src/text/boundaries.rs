//! Boundaries of the extended grapheme clusters of a text (UAX 29).
//!
//! In: a text and byte positions. Out: whether a cluster begins at a position.

use std::cell::{Cell, OnceCell};

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// Maximum number of positions that are checked one by one. A check can read all the text before
/// its position, for example in a row of flags. For many positions it is cheaper to find all
/// boundaries at once.
const CHECKED_ALONE: u32 = 8;

/// The boundaries of one text. The first [`CHECKED_ALONE`] positions between characters that can
/// belong to one cluster are checked one by one. At the next such position all boundaries are found
/// at once.
#[derive(Debug)]
pub(super) struct Boundaries<'t> {
    text: &'t str,
    /// Number of positions that were checked.
    checked: Cell<u32>,
    /// One bit for each byte of the text, set where a cluster begins.
    starts: OnceCell<Vec<u64>>,
}

impl<'t> Boundaries<'t> {
    pub(super) const fn of(text: &'t str) -> Self {
        Self {
            text,
            checked: Cell::new(0),
            starts: OnceCell::new(),
        }
    }

    /// Whether there is a boundary between the characters before and after `position`. Both ends of
    /// the text are boundaries.
    pub(super) fn between(
        &self,
        before: Option<char>,
        behind: Option<char>,
        position: usize,
    ) -> bool {
        let (Some(before), Some(behind)) = (before, behind) else {
            return true;
        };
        (stands_alone(before) && stands_alone(behind)) || self.begins(position)
    }

    fn begins(&self, position: usize) -> bool {
        let checked = self.checked.get();
        if checked < CHECKED_ALONE {
            self.checked.set(checked + 1);
            let mut cursor = GraphemeCursor::new(position, self.text.len(), true);
            // The cursor has the whole text, so it never needs more context.
            return cursor.is_boundary(self.text, 0).unwrap_or(true);
        }
        let starts = self.starts.get_or_init(|| starts(self.text));
        let word = starts.get(position / 64).copied().unwrap_or_default();
        word >> (position % 64) & 1 == 1
    }
}

fn starts(text: &str) -> Vec<u64> {
    let mut starts = vec![0; text.len() / 64 + 1];
    for (start, _) in text.grapheme_indices(true) {
        if let Some(word) = starts.get_mut(start / 64) {
            *word |= 1 << (start % 64);
        }
    }
    starts
}

/// Whether a character is always a cluster of its own beside another such character. This is a
/// shortcut, which a test compares with the tables.
const fn stands_alone(character: char) -> bool {
    matches!(
        character,
        ' '..='~'
            | '\u{430}'..='\u{45f}'
            | '\u{3001}'..='\u{3003}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fe}'
            | '\u{3131}'..='\u{318e}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of clusters and of lower case may be one Unicode version behind the others. They
    /// then lack the newest characters.
    #[test]
    fn tables_are_of_one_version_or_the_one_before() {
        let version = unicode_normalization::UNICODE_VERSION.0;
        assert_eq!(u64::from(version), unicode_properties::UNICODE_VERSION.0);
        assert_eq!(u64::from(version), unicode_script::UNICODE_VERSION.0);
        for other in [
            unicode_segmentation::UNICODE_VERSION.0,
            u64::from(char::UNICODE_VERSION.0),
        ] {
            assert!(
                (u64::from(version) - 1..=u64::from(version)).contains(&other),
                "{other}"
            );
        }
    }

    #[test]
    fn characters_that_stand_alone_do_so_beside_one_of_every_kind() {
        let kinds = "a Ж、かカㄱ漢가각";
        for character in ('\0'..=char::MAX).filter(|c| stands_alone(*c)) {
            for other in kinds.chars() {
                for text in [format!("{character}{other}"), format!("{other}{character}")] {
                    assert_eq!(text.graphemes(true).count(), 2, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn checks_one_by_one_and_at_once_agree() {
        let text = "🇰🇷🇺🇸é👩\u{200d}💻हिन्दी\u{600}1한\u{302}".repeat(3);
        for (position, behind) in text.char_indices() {
            let before = text[..position].chars().next_back();
            let alone = Boundaries::of(&text);
            let together = Boundaries::of(&text);
            together.checked.set(CHECKED_ALONE);
            let judged =
                |boundaries: &Boundaries<'_>| boundaries.between(before, Some(behind), position);
            assert_eq!(judged(&alone), judged(&together), "{position}");
        }
    }

    #[test]
    fn position_inside_a_cluster_is_no_boundary() {
        let text = "a🇰🇷🇺🇸é👩\u{200d}💻한\u{301}हिन्दी";
        let boundaries = Boundaries::of(text);
        let expected: Vec<usize> = text
            .grapheme_indices(true)
            .map(|(start, _)| start)
            .collect();
        let found: Vec<usize> = text
            .char_indices()
            .map(|(position, behind)| (position, text[..position].chars().next_back(), behind))
            .filter(|(position, before, behind)| {
                boundaries.between(*before, Some(*behind), *position)
            })
            .map(|(position, ..)| position)
            .collect();
        assert_eq!(found, expected);
        assert_eq!(expected.len(), 8);
        assert!(boundaries.between(Some('ी'), None, text.len()));
    }
}
