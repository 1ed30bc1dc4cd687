//! Converts tokens of version 1 of the normal form into keywords of the current version.
//!
//! Version 1 was plain NFKC. It replaced compatibility jamo by conjoining jamo (`ㅋㅋ` became U+110F
//! U+110F), kept variation selectors, and refused every format character. A journal of version 1
//! can have tokens that name no keyword today, or a keyword that is spelled in another way today.

use percent_encoding::percent_decode;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::normal_form::compatibility_jamo_of;
use super::{Keyword, KeywordError, Token};

/// The current meaning of a token of version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarriedToken {
    /// The token is unchanged: it names the same keyword. A token that named no keyword under
    /// version 1 is unchanged too, and may name one now.
    Same,
    /// The normal form of the token's keyword has changed, and so has its token: the keyword in the
    /// current normal form.
    Now(Keyword),
    /// The keyword of the token is not a keyword any more.
    Gone(KeywordError),
}

impl CarriedToken {
    /// Converts a token from a journal of version 1.
    ///
    /// Conjoining jamo outside syllables become the compatibility jamo from which version 1 made
    /// them. Conjoining jamo that had joined a syllable ("배우ㄳ" became "배욳") stay, because the
    /// publisher may have written that syllable.
    pub fn of_version_1(token: &[u8]) -> Self {
        let Some(text) = named_by(token) else {
            return Self::Same;
        };
        match Keyword::new(&with_compatibility_jamo(&text)) {
            Ok(keyword) if Token::of(&keyword).as_str().as_bytes() == token => Self::Same,
            Ok(keyword) => Self::Now(keyword),
            Err(error) => Self::Gone(error),
        }
    }
}

/// Returns the keyword that a token named under version 1.
fn named_by(token: &[u8]) -> Option<String> {
    let text = percent_decode(token).decode_utf8().ok()?;
    let is_keyword = (1..=Keyword::MAX_CODE_POINTS).contains(&text.chars().count())
        && text.chars().all(|c| !is_control_or_format(c))
        && normal_form(&text) == text;
    (is_keyword && Token::of_text(&text).as_bytes() == token).then(|| text.into_owned())
}

/// Version 1 of the normal form.
fn normal_form(text: &str) -> String {
    let composed: String = text.nfkc().collect();
    let lowered = collapse_white_space(&composed).to_lowercase();
    collapse_white_space(&lowered.nfkc().collect::<String>())
}

fn collapse_white_space(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

fn is_control_or_format(character: char) -> bool {
    matches!(
        character.general_category(),
        GeneralCategory::Control | GeneralCategory::Format
    )
}

/// Returns the text with compatibility jamo instead of the conjoining jamo that are in no
/// syllable.
fn with_compatibility_jamo(text: &str) -> String {
    let mut characters = text.chars().peekable();
    let mut before = None;
    let mut out = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        let behind = characters.peek().copied();
        let alone = match character {
            '\u{1100}'..='\u{115f}' => !behind.is_some_and(is_vowel),
            '\u{1160}'..='\u{11a7}' => !before.is_some_and(is_lead),
            '\u{11a8}'..='\u{11ff}' => !before.is_some_and(|c| is_vowel(c) || is_open_syllable(c)),
            _ => false,
        };
        let jamo = if alone {
            compatibility_jamo_of(character)
        } else {
            None
        };
        out.push(jamo.unwrap_or(character));
        before = Some(character);
    }
    out
}

const fn is_lead(character: char) -> bool {
    matches!(character, '\u{1100}'..='\u{115f}' | '\u{a960}'..='\u{a97c}')
}

const fn is_vowel(character: char) -> bool {
    matches!(character, '\u{1160}'..='\u{11a7}' | '\u{d7b0}'..='\u{d7c6}')
}

/// Whether a character is a syllable without a final consonant.
const fn is_open_syllable(character: char) -> bool {
    let code = character as u32;
    0xac00 <= code && code <= 0xd7a3 && (code - 0xac00).is_multiple_of(28)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the token that version 1 gave a keyword.
    fn token_before(text: &str) -> String {
        Token::of_text(&normal_form(text))
    }

    #[test]
    fn changed_tokens_are_reported_with_their_new_keyword() {
        for (written, now) in [
            ("ㅋㅋ", "ㅋㅋ"),
            ("ﾻﾻ", "ㅋㅋ"),
            ("ㅠㅠ", "ㅠㅠ"),
            ("ㄳ", "ㄳ"),
            ("a ㅏ", "a ㅏ"),
            ("❤\u{fe0f}", "❤"),
            ("漢\u{e0100}字", "漢字"),
        ] {
            let carried = CarriedToken::of_version_1(token_before(written).as_bytes());
            assert_eq!(
                carried,
                CarriedToken::Now(Keyword::new(now).unwrap()),
                "{written}"
            );
        }
        for (written, error) in [
            ("\u{3164}", KeywordError::Invisible),
            ("\u{fe0f}", KeywordError::Empty),
        ] {
            let carried = CarriedToken::of_version_1(token_before(written).as_bytes());
            assert_eq!(carried, CarriedToken::Gone(error), "{written:?}");
        }
    }

    #[test]
    fn tokens_of_unchanged_keywords_and_of_no_keyword_stay_the_same() {
        for written in [
            "아이폰",
            "us airways",
            "a.b",
            "❤",
            "배우ㄳ",
            "हिन्दी",
            "\u{1112}\u{119e}\u{11ab}글",
        ] {
            let token = token_before(written);
            assert_eq!(
                CarriedToken::of_version_1(token.as_bytes()),
                CarriedToken::Same,
                "{written}"
            );
        }
        let joined = Token::of_text("👩\u{200d}💻");
        for token in [&b"AI"[..], b"\xff", b"", b"%FF", b"a%20", joined.as_bytes()] {
            assert_eq!(
                CarriedToken::of_version_1(token),
                CarriedToken::Same,
                "{token:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn unchanged_tokens_decode_and_changed_ones_keep_their_keyword(text in "\\PC{1,20}|[ㄱㅏㄳ\u{1100}\u{1161}\u{11a8}가각a\u{fe0f}❤]{1,8}") {
            let token = token_before(&text);
            let named = named_by(token.as_bytes());
            match CarriedToken::of_version_1(token.as_bytes()) {
                CarriedToken::Same => {
                    let is_today = Token::decode_strict(token.as_bytes()).is_ok();
                    prop_assert!(named.is_none() || is_today);
                }
                CarriedToken::Now(keyword) => {
                    prop_assert_ne!(Token::of(&keyword).to_string(), token);
                }
                CarriedToken::Gone(_) => {}
            }
        }
    }
}
