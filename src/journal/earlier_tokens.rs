//! Checks whether a journal of an earlier version of the normal form can be taken over unchanged.
//!
//! In: the tokens of the journal, each once. Out: an error with the tokens that changed, if there
//! are any.

use crate::events::{CarriedToken, NORMAL_FORM_VERSION};
use crate::journal::JournalError;

/// Maximum number of changed tokens that an error names. Further ones are only counted.
const MAX_NAMED_TOKENS: usize = 20;

/// The tokens of a journal that name another keyword than before, or none.
#[derive(Debug, Default)]
pub(in crate::journal) struct ChangedTokens {
    named: Vec<String>,
    count: u64,
}

impl ChangedTokens {
    /// Checks a token of a journal of version 1. Each token must be passed once.
    pub(in crate::journal) fn look_at(&mut self, token: &[u8]) {
        let now = match CarriedToken::of_version_1(token) {
            CarriedToken::Same => return,
            CarriedToken::Now(keyword) => format!("now the keyword {:?}", keyword.as_str()),
            CarriedToken::Gone(error) => format!("no keyword any more: {error}"),
        };
        self.count = self.count.saturating_add(1);
        if self.named.len() < MAX_NAMED_TOKENS {
            // A token that named a keyword is ASCII.
            self.named.push(format!("{} ({now})", token.escape_ascii()));
        }
    }

    /// Refuses the journal if any token has changed.
    ///
    /// # Errors
    /// [`JournalError::EarlierTokens`] names the tokens and says what to do.
    pub(in crate::journal) fn refuse_any(self) -> Result<(), JournalError> {
        if self.count == 0 {
            return Ok(());
        }
        let mut tokens = self.named.join(", ");
        let unnamed = self.count.saturating_sub(MAX_NAMED_TOKENS as u64);
        if unnamed > 0 {
            tokens.push_str(&format!(" and {unnamed} more"));
        }
        Err(JournalError::EarlierTokens {
            version: NORMAL_FORM_VERSION,
            tokens,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_tokens_are_named_with_their_new_meaning() {
        let mut changed = ChangedTokens::default();
        changed.look_at(b"ai");
        changed.look_at(b"\xff");
        assert!(changed.refuse_any().is_ok());
        let mut changed = ChangedTokens::default();
        for token in ["%E2%9D%A4%EF%B8%8F", "%EF%B8%8F"] {
            changed.look_at(token.as_bytes());
        }
        for number in 0..30 {
            changed.look_at(format!("{number}%EF%B8%8F").as_bytes());
        }
        let error = changed.refuse_any().unwrap_err().to_string();
        for part in [
            "%E2%9D%A4%EF%B8%8F (now the keyword \"❤\")",
            "%EF%B8%8F (no keyword any more: the keyword is empty",
            "and 12 more",
            "journal export",
            "journal import",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
}
