//! Keywords: their normal form and the rules for their characters.
//!
//! In: a text. Out: a [`Keyword`] in normal form, or the rule that the text breaks.

use std::sync::Arc;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::invisible::is_default_ignorable;
use super::normal_form::normal_form;

/// A keyword in [normal form](super::normal_form()): 1..=64 code points, at least one of which is
/// visible. It has no control characters (Cc). The only format characters (Cf) allowed are tag
/// characters, and joiners between two other characters. A clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyword(Arc<str>);

/// Why a text cannot be a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeywordError {
    /// Nothing is left after trimming.
    Empty,
    /// The normal form is longer than [`Keyword::MAX_CODE_POINTS`].
    TooLong(usize),
    /// The keyword has a control (Cc) or format (Cf) character: its code point, and its position in
    /// the normal form, from 1.
    ControlCharacter(u32, usize),
    /// The keyword has a joiner (U+200C, U+200D) without another character on both sides: its code
    /// point, and its position in the normal form, from 1.
    Joiner(u32, usize),
    /// The keyword has no visible character.
    Invisible,
}

impl KeywordError {
    /// The error as a sentence about `subject`, such as "the keyword".
    pub(super) fn about(&self, subject: &str) -> String {
        match self {
            Self::Empty => format!("{subject} is empty; give 1 to 64 characters"),
            Self::TooLong(count) => {
                format!("{subject} has {count} characters in normal form; at most 64 are allowed")
            }
            Self::ControlCharacter(code, position) => format!(
                "{subject} holds the control or format character U+{code:04X} at character \
                {position}; remove it"
            ),
            Self::Joiner(code, position) => format!(
                "{subject} holds the joiner U+{code:04X} at character {position}, where it joins \
                nothing; remove it"
            ),
            Self::Invisible => format!("{subject} has no character that can be seen; add one"),
        }
    }
}

impl std::fmt::Display for KeywordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.about("the keyword"))
    }
}

impl std::error::Error for KeywordError {}

impl Keyword {
    /// Maximum length of the normal form, in code points.
    pub const MAX_CODE_POINTS: usize = 64;

    /// Normalises `text` and checks it.
    ///
    /// # Errors
    /// [`KeywordError`] names the rule that the text breaks.
    pub fn new(text: &str) -> Result<Self, KeywordError> {
        // Few characters compose into one character, so only white space and selectors give a long
        // text a short normal form. Texts that are too long are refused here, before the Unicode
        // tables are used.
        if text.len() > MAX_BYTES {
            let counted = text.split_whitespace().flat_map(str::chars);
            let left = counted.clone().map(char::len_utf8).sum::<usize>();
            if left > MAX_BYTES {
                return Err(KeywordError::TooLong(counted.count()));
            }
        }
        let normal = normal_form(text);
        check_characters(&normal)?;
        match normal.chars().count() {
            0 => Err(KeywordError::Empty),
            count if count > Self::MAX_CODE_POINTS => Err(KeywordError::TooLong(count)),
            _ if !normal.chars().any(can_be_seen) => Err(KeywordError::Invisible),
            _ => Ok(Self(normal.into())),
        }
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Maximum length of a text before normalisation, in bytes. White space is not counted.
const MAX_BYTES: usize = 16 * 1024;

/// Refuses control and format characters, except those that a script or a flag needs.
fn check_characters(normal: &str) -> Result<(), KeywordError> {
    let mut before = None;
    let mut characters = normal.chars().zip(1_usize..).peekable();
    while let Some((character, position)) = characters.next() {
        let code = u32::from(character);
        if is_joiner(character) {
            let behind = characters.peek().map(|(behind, _)| *behind);
            let joins = |side: Option<char>| side.is_some_and(|side| !is_joiner(side));
            if !joins(before) || !joins(behind) {
                return Err(KeywordError::Joiner(code, position));
            }
        } else if is_control_or_format(character) && !is_tag(character) {
            // The normal form has no white space controls (tab, newline): they became spaces. All
            // other controls are refused.
            return Err(KeywordError::ControlCharacter(code, position));
        }
        before = Some(character);
    }
    Ok(())
}

fn is_control_or_format(character: char) -> bool {
    matches!(
        character.general_category(),
        GeneralCategory::Control | GeneralCategory::Format
    )
}

/// Whether a character is the zero width non-joiner, which Persian words need, or the zero width
/// joiner of emoji.
const fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Whether a character belongs to the flags of regions.
const fn is_tag(character: char) -> bool {
    matches!(character, '\u{e0020}'..='\u{e007f}')
}

fn can_be_seen(character: char) -> bool {
    !character.is_whitespace() && !is_default_ignorable(character)
}

impl std::fmt::Display for Keyword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Keyword {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_keyword_are_equal() {
        for (spelled, normal) in [
            ("  US   Airways ", "us airways"),
            ("ＡＩ", "ai"),
            ("아이폰", "아이폰"),
            ("\u{1103}\u{1161}", "다"),
            ("a\tb", "a b"),
            ("ΟΔΟΣ", "οδος"),
            (&format!("a{}b", " \n".repeat(20_000)), "a b"),
            ("❤\u{fe0f}", "❤"),
            ("ﾻﾻ", "ㅋㅋ"),
        ] {
            assert_eq!(Keyword::new(spelled).unwrap().as_str(), normal);
        }
    }

    #[test]
    fn keywords_of_many_scripts_and_emoji_stay_as_they_are() {
        for text in [
            "ㅋㅋ",
            "배우ㄳ",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "🇰🇷",
            "👩\u{200d}💻",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "❤",
            "हिन्दी",
            "ประเทศไทย",
            "*",
            ">",
            "a.b",
            "../x",
            "🍎",
            &"가".repeat(64),
        ] {
            assert_eq!(
                Keyword::new(text).map(|keyword| keyword.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn hostile_texts_are_refused_with_the_rule_they_break() {
        let zwj = u32::from('\u{200d}');
        for (text, error) in [
            (" \t ", KeywordError::Empty),
            ("", KeywordError::Empty),
            ("\u{fe0f}", KeywordError::Empty),
            (&"가".repeat(65), KeywordError::TooLong(65)),
            ("ab\u{202e}c", KeywordError::ControlCharacter(0x202e, 3)),
            ("a\0b", KeywordError::ControlCharacter(0, 2)),
            ("\u{feff}a", KeywordError::ControlCharacter(0xfeff, 1)),
            ("a\u{e0001}", KeywordError::ControlCharacter(0xe0001, 2)),
            ("\u{200d}a", KeywordError::Joiner(zwj, 1)),
            ("a\u{200d}", KeywordError::Joiner(zwj, 2)),
            ("a\u{200d}\u{fe0f}", KeywordError::Joiner(zwj, 2)),
            ("a\u{200d}\u{200c}b", KeywordError::Joiner(zwj, 2)),
            ("\u{3164}", KeywordError::Invisible),
            ("\u{34f} \u{115f}", KeywordError::Invisible),
            ("\u{e0067}\u{e007f}", KeywordError::Invisible),
        ] {
            assert_eq!(Keyword::new(text), Err(error), "{text:?}");
        }
        assert!(Keyword::new(&"x".repeat(10_000_000)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn keyword_of_the_text_of_a_keyword_is_the_same(text in "\\PC{0,20}|[\u{200c}\u{200d}\u{fe0f}aㄱ\u{3164}\u{1100}👩]{1,6}") {
            if let Ok(keyword) = Keyword::new(&text) {
                prop_assert_eq!(Keyword::new(keyword.as_str()), Ok(keyword));
            }
        }
    }
}
