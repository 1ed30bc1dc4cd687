//! The parts of a text that may hold keys: entities, runs of Hangul, and words of other scripts.
//!
//! One pass over the normal form finds them. Words follow UAX 29 with two differences: a word also
//! ends where Hangul begins, and at a colon. For ASCII this file implements the rules; texts with
//! other letters go through the tables of `unicode-segmentation`.

use std::ops::Range;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};
use unicode_segmentation::UnicodeSegmentation;

use super::entities::{hashtag_at, is_syllable, mention_at, url_at};

/// The kind of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A hashtag, without its `#`.
    Hashtag,
    /// A mention, without its `@`.
    Mention,
    Url,
    /// Hangul syllables that follow one another.
    Hangul,
    /// A word of another script, or a number.
    Word,
}

/// Calls `found` with each segment of a text in normal form, in order.
pub(super) fn segments(text: &str, mut found: impl FnMut(Kind, Range<usize>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'#' => match hashtag_at(text, at) {
                Some(end) => {
                    found(Kind::Hashtag, at + 1..end);
                    end
                }
                None => at + 1,
            },
            b'@' => match mention_at(text, at) {
                Some(end) => {
                    found(Kind::Mention, at + 1..end);
                    end
                }
                None => at + 1,
            },
            b'a'..=b'z' | b'0'..=b'9' => {
                let end = end_of_letters(bytes, at);
                // Before a space or the end, ASCII letters and digits alone are a word, not a URL.
                if matches!(bytes.get(end), None | Some(b' ')) {
                    found(Kind::Word, at..end);
                    end
                } else if let Some(end) = url_at(text, at) {
                    found(Kind::Url, at..end);
                    end
                } else {
                    words(text, at, &mut found)
                }
            }
            b'_' => words(text, at, &mut found),
            0..=0x7f => at + 1,
            _ => other(text, at, &mut found),
        };
    }
}

/// The end of the ASCII letters and digits from `start` on.
fn end_of_letters(bytes: &[u8], start: usize) -> usize {
    let letters = bytes.get(start..).unwrap_or_default();
    let length = letters
        .iter()
        .position(|byte| !matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
    start + length.unwrap_or(letters.len())
}

/// Finds the segment that begins with a character outside ASCII. Returns its end.
fn other(text: &str, start: usize, found: &mut impl FnMut(Kind, Range<usize>)) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let Some(first) = rest.chars().next() else {
        return text.len();
    };
    if is_syllable(first) {
        let end = start + length_while(rest, is_syllable);
        found(Kind::Hangul, start..end);
        return end;
    }
    if !begins_word(first) {
        return start + first.len_utf8();
    }
    if is_han(first) {
        let end = start + length_while(rest, is_han);
        found(Kind::Word, start..end);
        return end;
    }
    by_tables(text, start, found)
}

/// Whether a character can begin a word that the tables find.
fn begins_word(character: char) -> bool {
    !is_jamo(character)
        && matches!(
            character.general_category_group(),
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number
        )
}

/// Finds the words between `start` and the next white space, Hangul, Han, `#` or `@`. Returns the
/// end of that stretch.
fn by_tables(text: &str, start: usize, found: &mut impl FnMut(Kind, Range<usize>)) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let is_part = |c: char| {
        !(c.is_whitespace() || is_syllable(c) || is_jamo(c) || is_han(c) || matches!(c, '#' | '@'))
    };
    let length = length_while(rest, is_part);
    for (offset, word) in rest
        .get(..length)
        .unwrap_or_default()
        .unicode_word_indices()
    {
        let mut from = start + offset;
        for part in word.split(':') {
            if !part.is_empty() {
                found(Kind::Word, from..from + part.len());
            }
            from += part.len() + 1;
        }
    }
    start + length
}

/// Finds the ASCII word that begins at `start`. Returns its end. A word that continues with other
/// letters is left to the tables.
fn words(text: &str, start: usize, found: &mut impl FnMut(Kind, Range<usize>)) -> usize {
    let bytes = text.as_bytes();
    let mut end = start;
    let mut last = 0;
    while let Some(byte) = bytes.get(end) {
        let inner = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' => {
                last = *byte;
                end += 1;
                continue;
            }
            b'\'' | b'.' | b',' | b';' => 1,
            // The typographic apostrophe.
            0xe2 if bytes.get(end..end + 3) == Some("’".as_bytes()) => 3,
            _ => break,
        };
        let next = bytes.get(end + inner).copied().unwrap_or_default();
        let joins = (last.is_ascii_digit() && next.is_ascii_digit())
            || (!matches!(byte, b',' | b';')
                && last.is_ascii_lowercase()
                && next.is_ascii_lowercase());
        if !joins {
            if continues_outside_ascii(text, end + inner) {
                return by_tables(text, start, found);
            }
            break;
        }
        last = *byte;
        end += inner;
    }
    if continues_outside_ascii(text, end) {
        return by_tables(text, start, found);
    }
    found(Kind::Word, start..end);
    end
}

/// Whether the character at `position` is outside ASCII and can continue the word before it.
fn continues_outside_ascii(text: &str, position: usize) -> bool {
    let next = text
        .get(position..)
        .and_then(|behind| behind.chars().next());
    next.is_some_and(|next| !next.is_ascii() && !ends_word(next))
}

/// Whether a character outside ASCII always ends a word. This is a shortcut; the tables give the
/// same result.
fn ends_word(character: char) -> bool {
    is_syllable(character)
        || is_jamo(character)
        || is_han(character)
        || matches!(
            character,
            '–' | '—' | '“' | '”' | '…' | '、' | '。' | '\u{1f300}'..='\u{1f3fa}'
        )
        || matches!(character, '\u{1f400}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}')
}

/// Whether a character is a single Hangul letter, as in ㅋㅋ. Words have no such letters.
const fn is_jamo(character: char) -> bool {
    matches!(
        character,
        '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{a960}'..='\u{a97c}'
            | '\u{d7b0}'..='\u{d7fb}'
    )
}

pub(super) fn is_han(character: char) -> bool {
    u32::from(character) >= 0x2e80 && character.script() == Script::Han
}

/// Length in bytes of the longest beginning of `text` whose characters all satisfy `is_part`.
fn length_while(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|character| !is_part(character))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Vec<(Kind, &str)> {
        let mut found = Vec::new();
        segments(text, |kind, range| found.push((kind, &text[range])));
        found
    }

    #[test]
    fn segments_are_found_in_order() {
        assert_eq!(
            of("ai는 5g폰이다 #봄 @lumi님 ㅋㅋ https://t.co/a에서 l'été 日本の 😂don’t"),
            [
                (Kind::Word, "ai"),
                (Kind::Hangul, "는"),
                (Kind::Word, "5g"),
                (Kind::Hangul, "폰이다"),
                (Kind::Hashtag, "봄"),
                (Kind::Mention, "lumi"),
                (Kind::Hangul, "님"),
                (Kind::Url, "https://t.co/a"),
                (Kind::Hangul, "에서"),
                (Kind::Word, "l'été"),
                (Kind::Word, "日本"),
                (Kind::Word, "の"),
                (Kind::Word, "don’t"),
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]
        #[test]
        fn words_are_those_of_the_tables(text in "[a-c0-2_'’.,; é…\\u{301}あカ\\u{1f600}-]{0,24}") {
            let found: Vec<&str> = of(&text).into_iter().map(|(_, segment)| segment).collect();
            prop_assume!(!of(&text).iter().any(|(kind, _)| *kind == Kind::Url));
            let has_letter = |word: &&str| word.chars().any(char::is_alphanumeric);
            let expected: Vec<&str> = text.unicode_words().filter(has_letter).collect();
            let found: Vec<&str> = found.into_iter().filter(has_letter).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
