//! Ids of tweets.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The id of a tweet: 1..=128 printable ASCII characters without space. It is unique across sources
/// and compared by its bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TweetId(Arc<str>);

/// A text is not the id of a tweet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id: 1 to 128 printable ASCII characters (0x21 to 0x7E)")]
pub struct TweetIdError(pub String);

impl TweetId {
    /// Checks a text.
    ///
    /// # Errors
    /// [`TweetIdError`] when the text is empty, too long, or has bytes outside 0x21..=0x7E.
    pub fn new(text: &str) -> Result<Self, TweetIdError> {
        let printable = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if printable && (1..=128).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(TweetIdError(text.chars().take(140).collect()))
        }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 128 bits of the BLAKE3 hash of the id. The id index of the views and record hashes
    /// use it instead of the id. It costs one compression (about 0.1 µs).
    pub fn id_hash(&self) -> [u8; 16] {
        let mut first = [0; 16];
        for (to, from) in first
            .iter_mut()
            .zip(blake3::hash(self.as_bytes()).as_bytes())
        {
            *to = *from;
        }
        first
    }

    /// The id's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Display for TweetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
