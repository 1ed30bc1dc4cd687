//! The name of a source: a folder, a key and a part of a path are made from it.

use std::fmt;

/// Maximum length of a name.
const MAX_LENGTH: usize = 32;

/// The name of a source: 1 to 32 of the characters `a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceName(String);

/// Why a text is not the name of a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name of a source has 1 to 32 of the characters a-z, 0-9, _ and -")]
pub struct SourceNameError;

impl SourceName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`SourceNameError`] when the text is not a name.
    pub fn parse(text: &str) -> Result<Self, SourceNameError> {
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SourceNameError)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_safe_in_paths_and_keys() {
        for name in [
            "x",
            "bluesky-2",
            "my_feed",
            "0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(SourceName::parse(name).unwrap().as_str(), name);
        }
        let long = "a".repeat(33);
        for name in ["", "X", "a.b", "a/b", "..", "é", "a b", long.as_str()] {
            assert_eq!(SourceName::parse(name), Err(SourceNameError), "{name}");
        }
    }
}
