//! Tokens: the form of keywords in NATS subjects and URL paths.
//!
//! A publisher computes the token of a keyword in these steps:
//! 1. Remove U+FE00..=U+FE0F and U+E0100..=U+E01EF.
//! 2. Split the text at every Hangul jamo in U+3131..=U+318E (but U+3164) and half-width jamo in
//!    U+FFA1..=U+FFDC. Put each piece between them into NFKC. Leave the jamo of the first range as
//!    they are, and replace those of the second with their counterparts in the first:
//!    U+FFA1..=U+FFBE by U+3131 and following, U+FFC2..=U+FFC7 by U+314F and following,
//!    U+FFCA..=U+FFCF by U+3155 and following, U+FFD2..=U+FFD7 by U+315B and following,
//!    U+FFDA..=U+FFDC by U+3161 and following. Other code points of that range are no jamo, and
//!    belong to the pieces.
//! 3. Trim white space (the property `White_Space`, which U+001C..=U+001F and U+FEFF don't have),
//!    and replace every run of it inside by one space.
//! 4. Put the result into Unicode default lower case (full mappings, final sigma, no language), and
//!    do steps 2 and 3 again.
//! 5. Refuse what [`Keyword`] refuses.
//! 6. Percent-encode the UTF-8: every byte but `a-z`, `0-9`, `_` and `-`, as `%` and two upper-case
//!    hex digits.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use super::{Keyword, KeywordError};

/// The percent-encoding of a keyword: every byte is encoded except `a-z 0-9 _ -`, with upper-case
/// hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(String);

/// Why a token does not name a keyword.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The decoded bytes are not UTF-8.
    #[error("the token is not the percent-encoding of UTF-8 text")]
    NotUtf8,
    /// The decoded text cannot be a keyword.
    #[error(transparent)]
    Keyword(#[from] KeywordError),
    /// The token names a keyword in another spelling, which would be in another shard.
    #[error("the token is not in normal form; publish to {right:?} instead")]
    NotNormal {
        /// The token of the keyword.
        right: String,
    },
}

/// The characters that are encoded: all except ASCII letters, digits, `_` and `-`. A normal form
/// has no upper-case letters, so it does not matter that the set leaves them out.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-');

impl Token {
    /// The token of a keyword.
    pub fn of(keyword: &Keyword) -> Self {
        Self(Self::of_text(keyword.as_str()))
    }

    /// Encodes a text, which need not be a keyword.
    pub(super) fn of_text(text: &str) -> String {
        utf8_percent_encode(text, ENCODED).to_string()
    }

    /// Decodes the token of a subject, which must be in normal form.
    ///
    /// # Errors
    /// [`TokenError`]. If the token names a keyword, the error has its correct token.
    pub fn decode_strict(token: &[u8]) -> Result<Keyword, TokenError> {
        let keyword = Self::decode_lenient(token)?;
        let right = Self::of(&keyword);
        if right.0.as_bytes() == token {
            Ok(keyword)
        } else {
            Err(TokenError::NotNormal { right: right.0 })
        }
    }

    /// Decodes any percent-encoding of a keyword, as in a URL path, and normalises it.
    ///
    /// # Errors
    /// [`TokenError::NotUtf8`] or the [`KeywordError`] of the text.
    pub fn decode_lenient(token: &[u8]) -> Result<Keyword, TokenError> {
        let text = percent_decode(token)
            .decode_utf8()
            .map_err(|_| TokenError::NotUtf8)?;
        Ok(Keyword::new(&text)?)
    }

    /// The encoded text, plain ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_match_the_documented_examples() {
        for (keyword, token) in [
            ("아이폰", "%EC%95%84%EC%9D%B4%ED%8F%B0"),
            ("us airways", "us%20airways"),
            ("a.b", "a%2Eb"),
            ("a_b-1", "a_b-1"),
            ("*", "%2A"),
            (">", "%3E"),
        ] {
            let keyword = Keyword::new(keyword).unwrap();
            assert_eq!(Token::of(&keyword).as_str(), token);
            assert_eq!(Token::decode_strict(token.as_bytes()), Ok(keyword));
        }
    }

    #[test]
    fn refusal_of_another_spelling_names_the_right_token() {
        for token in ["%ec%95%84%EC%9D%B4%ED%8F%B0", "아이폰"] {
            let error = Token::decode_strict(token.as_bytes()).unwrap_err();
            assert_eq!(
                error,
                TokenError::NotNormal {
                    right: "%EC%95%84%EC%9D%B4%ED%8F%B0".into()
                }
            );
        }
        assert!(matches!(
            Token::decode_strict(b"AI"),
            Err(TokenError::NotNormal { right }) if right == "ai"
        ));
        assert_eq!(Token::decode_strict(b"%FF"), Err(TokenError::NotUtf8));
        assert!(Token::decode_strict(b"").is_err());
    }

    proptest! {
        #[test]
        fn token_decodes_to_its_keyword(text in "\\PC{1,30}") {
            if let Ok(keyword) = Keyword::new(&text) {
                let token = Token::of(&keyword);
                prop_assert_eq!(Token::decode_strict(token.as_str().as_bytes()), Ok(keyword));
            }
        }
    }
}
