//! A cache of decoded tokens.

use std::collections::HashMap;

use bytes::Bytes;

use crate::events::{Keyword, Token};

/// The keywords of tokens. They are cached, because there are few tokens and many records.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    indexes: HashMap<Bytes, usize>,
    meanings: Vec<Result<Keyword, String>>,
}

/// Maximum number of cached tokens. When it is reached, the cache is emptied.
const MAX_TOKENS: usize = 200_000;

impl Tokens {
    /// Returns the keyword of a token, or why it names none.
    pub(crate) fn meaning(&mut self, token: &[u8]) -> &Result<Keyword, String> {
        let index = match self.indexes.get(token) {
            Some(index) => *index,
            None => self.learn(token),
        };
        self.meanings.get(index).unwrap_or(&UNKNOWN)
    }

    fn learn(&mut self, token: &[u8]) -> usize {
        if self.meanings.len() >= MAX_TOKENS {
            self.indexes.clear();
            self.meanings.clear();
        }
        let index = self.meanings.len();
        let meaning = Token::decode_strict(token).map_err(|error| error.to_string());
        self.meanings.push(meaning);
        // Copied, because a shared slice would keep its whole chunk of the file in memory.
        self.indexes.insert(Bytes::copy_from_slice(token), index);
        index
    }
}

/// Never returned: every index in the map has a meaning.
static UNKNOWN: Result<Keyword, String> = Err(String::new());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_distinguished_and_cached() {
        let mut tokens = Tokens::default();
        assert_eq!(tokens.meaning(b"ai").as_ref().unwrap().as_str(), "ai");
        assert!(tokens.meaning(b"AI").as_ref().unwrap_err().contains("ai"));
        assert_eq!(tokens.meaning(b"ai").as_ref().unwrap().as_str(), "ai");
    }
}
