//! What the tokens of records mean.

use std::collections::HashMap;

use bytes::Bytes;

use crate::events::{Keyword, Token};

/// What tokens mean, remembered, since there are few tokens and many records.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    places: HashMap<Bytes, usize>,
    meanings: Vec<Result<Keyword, String>>,
}

/// How many tokens are remembered; beyond it all are forgotten, and learned again.
const MAX_TOKENS: usize = 200_000;

impl Tokens {
    /// The keyword that a token names, or why it names none.
    pub(crate) fn meaning(&mut self, token: &[u8]) -> &Result<Keyword, String> {
        let place = match self.places.get(token) {
            Some(place) => *place,
            None => self.learn(token),
        };
        self.meanings.get(place).unwrap_or(&UNKNOWN)
    }

    fn learn(&mut self, token: &[u8]) -> usize {
        if self.meanings.len() >= MAX_TOKENS {
            self.places.clear();
            self.meanings.clear();
        }
        let place = self.meanings.len();
        let meaning = Token::decode_strict(token).map_err(|error| error.to_string());
        self.meanings.push(meaning);
        // Copied, because a shared slice would keep its whole chunk of the file in memory.
        self.places.insert(Bytes::copy_from_slice(token), place);
        place
    }
}

/// Never given: every place is one of a meaning.
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
