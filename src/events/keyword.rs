//! Keywords in their normal form.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// A keyword in normal form: NFKC, lower case, single inner spaces, 1..=64 code points, no
/// control or format characters. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyword(Arc<str>);

/// Why a text cannot be a keyword.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeywordError {
    /// Nothing is left after trimming.
    #[error("the keyword is empty; give 1 to 64 characters")]
    Empty,
    /// Longer than [`Keyword::MAX_CODE_POINTS`].
    #[error("the keyword has {0} characters in normal form; at most 64 are allowed")]
    TooLong(usize),
    /// Holds a control (Cc) or format (Cf) character.
    #[error(
        "the keyword holds the control or format character U+{0:04X} at character {1}; remove it"
    )]
    ControlCharacter(u32, usize),
}

/// The normal form in which keywords and texts are compared: NFKC, white space runs to one space,
/// Unicode default lower case, and NFKC again, which makes it idempotent.
pub fn normal_form(text: &str) -> String {
    if text.is_ascii() {
        return collapse_white_space(text).to_ascii_lowercase();
    }
    let composed: String = text.nfkc().collect();
    let lowered = collapse_white_space(&composed).to_lowercase();
    collapse_white_space(&lowered.nfkc().collect::<String>())
}

fn collapse_white_space(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

impl Keyword {
    /// How many code points the normal form may have.
    pub const MAX_CODE_POINTS: usize = 64;

    /// Normalises `text` and checks it.
    ///
    /// # Errors
    /// [`KeywordError`] names the rule that the text breaks.
    pub fn new(text: &str) -> Result<Self, KeywordError> {
        // NFKC grows a text at most 18-fold and never shrinks 10 KiB to 64 characters except by
        // white space, so a hostile length is refused before the costly part.
        let collapsed = collapse_white_space(text);
        if collapsed.len() > 16 * 1024 {
            return Err(KeywordError::TooLong(collapsed.chars().count()));
        }
        let normal = normal_form(&collapsed);
        let found = normal
            .chars()
            .zip(1_usize..)
            .find(|(character, _)| is_control_or_format(*character));
        // White space controls (tab, newline) have become spaces inside; what is left is hostile.
        if let Some((character, position)) = found {
            return Err(KeywordError::ControlCharacter(
                u32::from(character),
                position,
            ));
        }
        match normal.chars().count() {
            0 => Err(KeywordError::Empty),
            count if count > Self::MAX_CODE_POINTS => Err(KeywordError::TooLong(count)),
            _ => Ok(Self(normal.into())),
        }
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_control_or_format(character: char) -> bool {
    matches!(
        character.general_category(),
        GeneralCategory::Control | GeneralCategory::Format
    )
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
        ] {
            assert_eq!(Keyword::new(spelled).unwrap().as_str(), normal);
        }
    }

    #[test]
    fn hostile_texts_are_refused_with_the_rule_they_break() {
        assert_eq!(Keyword::new(" \t "), Err(KeywordError::Empty));
        assert_eq!(
            Keyword::new(&"가".repeat(65)),
            Err(KeywordError::TooLong(65))
        );
        assert_eq!(
            Keyword::new("ab\u{202e}c"),
            Err(KeywordError::ControlCharacter(0x202e, 3))
        );
        assert_eq!(
            Keyword::new("a\0b"),
            Err(KeywordError::ControlCharacter(0, 2))
        );
        assert!(Keyword::new(&"x".repeat(10_000_000)).is_err());
        for fine in ["*", ">", "a.b", "../x", "🍎", &"가".repeat(64)] {
            assert!(Keyword::new(fine).is_ok(), "{fine:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn the_normal_form_is_idempotent(text in "\\PC{0,40}") {
            let once = normal_form(&text);
            prop_assert_eq!(normal_form(&once), once);
        }
    }
}
