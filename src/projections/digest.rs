//! Digests of what clients can read of a keyword, or of all keywords.
//!
//! In: the rows and the summary of a keyword. Out: a [`Digest`], which `verify` compares.
//!
//! The digest covers what the projections hold: the tweets with their latest metrics, and their
//! counts. It covers the rules of the keyword, if it has any. It does not cover the ledger,
//! tombstones, the epoch, sequences or the lag. Equal content gives equal digests, even when the
//! journal, the commits or the page splits differ.

use super::Projections;
use super::registry::Registered;
use super::rows::{Rows, RowsError};
use super::summary::KeywordSummary;
use crate::events::{Keyword, KeywordRules};

/// 32 bytes of blake3, shown as hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

/// The digest of a whole view, computed from the digests of its keywords in keyword order.
#[derive(Debug, Default)]
pub struct ViewDigest(blake3::Hasher);

impl Digest {
    /// The digest of one tracked keyword.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn of(rows: &dyn Rows, summary: &KeywordSummary) -> Result<Self, RowsError> {
        Self::over(Projections::ALL, rows, summary)
    }

    /// The digest of the keyword's rules and of what these projections hold.
    fn over(
        projections: &[Registered],
        rows: &dyn Rows,
        summary: &KeywordSummary,
    ) -> Result<Self, RowsError> {
        let mut hasher = blake3::Hasher::new();
        for projection in projections {
            (projection.digest)(rows, summary, &mut hasher)?;
        }
        if !summary.rules.is_empty() {
            add_rules(&summary.rules, &mut hasher);
        }
        Ok(Self(*hasher.finalize().as_bytes()))
    }
}

/// Adds the rules of a keyword to a hash: each list after its length, and each text after its
/// length.
fn add_rules(rules: &KeywordRules, hasher: &mut blake3::Hasher) {
    let length = |length: usize| u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes();
    for list in [rules.any(), rules.none()] {
        hasher.update(&length(list.len()));
        for text in list {
            hasher.update(&length(text.len()));
            hasher.update(text.as_bytes());
        }
    }
}

impl ViewDigest {
    /// Adds the digest of the next keyword. Keywords are added in keyword order.
    pub fn add(&mut self, keyword: &Keyword, digest: &Digest) {
        self.0.update(keyword.as_str().as_bytes());
        self.0.update(b"\n");
        self.0.update(&digest.0);
    }

    /// Returns the digest of all keywords that were added.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::test_history::{self, TestKeyword};
    use super::super::{KeywordSummary, MemoryRows, Rows};
    use super::{Digest, Projections};
    use crate::events::KeywordRules;

    /// The digest of the first two projections, the timeline and the volume. A projection that is
    /// added at the end of the list leaves this digest unchanged.
    fn of_first_two(rows: &MemoryRows) -> String {
        let summary = rows.get(&KeywordSummary::key()).unwrap().unwrap();
        let summary = KeywordSummary::decode(&summary).unwrap();
        let digest = Digest::over(&Projections::ALL[..2], rows, &summary);
        digest.unwrap().to_string()
    }

    #[test]
    fn history_has_this_digest_in_rows_of_now_and_of_before() {
        let mut folded = TestKeyword::new();
        folded.fold(test_history::history());
        let expected = "20b9f5c904edd9b13dc3aaddc44d2454c9ef37b86cdadf371b5b6c40df440649";
        assert_eq!(of_first_two(&folded.rows), expected);
        assert_eq!(of_first_two(&test_history::rows_of_fold_4()), expected);
    }
    #[test]
    fn rules_change_the_digest_and_empty_ones_do_not() {
        let rows = MemoryRows::default();
        let digest = |any: &[&str], none: &[&str]| {
            let summary = KeywordSummary {
                rules: KeywordRules::of_test(any, none),
                ..KeywordSummary::default()
            };
            Digest::over(&[], &rows, &summary).unwrap().to_string()
        };
        // Without rules no bytes are hashed.
        assert_eq!(digest(&[], &[]), blake3::hash(b"").to_hex().as_str());
        let lists: [(&[&str], &[&str]); 6] = [
            (&[], &[]),
            (&["a"], &[]),
            (&[], &["a"]),
            (&["ab"], &[]),
            (&["a", "b"], &[]),
            (&["a"], &["b"]),
        ];
        let digests: BTreeSet<String> = lists.map(|(any, none)| digest(any, none)).into();
        assert_eq!(digests.len(), lists.len());
    }
}
