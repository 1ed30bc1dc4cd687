//! Where the extended grapheme clusters of a text begin (UAX 29).

use std::cell::{Cell, OnceCell};

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// How many positions of a text are looked at one by one. Each may take a look back over all
/// that stands before it, as in a row of flags, so that more of them cost less together.
const LOOKED_AT_ALONE: u32 = 8;

/// The boundaries of one text. Positions that need the tables are looked at one by one, until they
/// are many: then all boundaries are found, once.
#[derive(Debug)]
pub(super) struct Boundaries<'t> {
    text: &'t str,
    /// How many positions were looked at.
    looked_at: Cell<u32>,
    /// A bit for every byte: a cluster begins there.
    starts: OnceCell<Vec<u64>>,
}

impl<'t> Boundaries<'t> {
    pub(super) const fn of(text: &'t str) -> Self {
        Self {
            text,
            looked_at: Cell::new(0),
            starts: OnceCell::new(),
        }
    }

    /// Whether a cluster ends or begins between these neighbours, which stand before and behind
    /// `position`. The text's two ends are boundaries.
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
        let looked_at = self.looked_at.get();
        if looked_at < LOOKED_AT_ALONE {
            self.looked_at.set(looked_at + 1);
            let mut cursor = GraphemeCursor::new(position, self.text.len(), true);
            // It has the whole text at hand, so that it asks for no more.
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

/// A character that makes a cluster of its own beside any other of this kind: a shortcut that a
/// test checks against the tables.
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

    /// Characters that are new in the newest version have no clusters and no lower case until the
    /// tables of these follow.
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
    fn positions_looked_at_alone_and_together_are_judged_alike() {
        let text = "🇰🇷🇺🇸é👩\u{200d}💻हिन्दी\u{600}1한\u{302}".repeat(3);
        for (position, behind) in text.char_indices() {
            let before = text[..position].chars().next_back();
            let alone = Boundaries::of(&text);
            let together = Boundaries::of(&text);
            together.looked_at.set(LOOKED_AT_ALONE);
            let judged =
                |boundaries: &Boundaries<'_>| boundaries.between(before, Some(behind), position);
            assert_eq!(judged(&alone), judged(&together), "{position}");
        }
    }

    #[test]
    fn clusters_are_not_parted() {
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
