//! Caches for the keywords of a body: each spelling is normalised once, each keyword is encoded
//! once.

use std::collections::HashMap;

use bytes::Bytes;

use crate::events::{Keyword, KeywordError, Token};

/// Maximum number of cached spellings.
const MAX_SPELLED: usize = 16_384;

/// The keywords of a body by spelling, and their tokens.
#[derive(Debug, Default)]
pub(super) struct KeywordNames {
    spelled: HashMap<String, Keyword>,
    tokens: HashMap<Keyword, Bytes>,
}

impl KeywordNames {
    /// The keyword of a spelling.
    pub(super) fn keyword(&mut self, written: String) -> Result<Keyword, KeywordError> {
        if let Some(known) = self.spelled.get(&written) {
            return Ok(known.clone());
        }
        let keyword = Keyword::new(&written)?;
        if self.spelled.len() >= MAX_SPELLED {
            self.spelled.clear();
        }
        self.spelled.insert(written, keyword.clone());
        Ok(keyword)
    }

    /// The token of a keyword.
    pub(super) fn token(&mut self, keyword: &Keyword) -> Bytes {
        if let Some(known) = self.tokens.get(keyword) {
            return known.clone();
        }
        let token = Bytes::from(Token::of(keyword).to_string());
        self.tokens.insert(keyword.clone(), token.clone());
        token
    }
}
