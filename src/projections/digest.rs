//! Digests of what clients can read of a keyword, or of all keywords.
//!
//! In: the rows and the summary of a keyword. Out: a [`Digest`], which `verify` compares.
//!
//! The digest covers what the projections hold: the tweets with their latest metrics, and the
//! counts per minute. It does not cover the ledger, tombstones, the epoch, sequences or the lag.
//! Equal content gives equal digests, even when the journal, the commits or the page splits differ.

use super::Projections;
use super::registry::Registered;
use super::rows::{Rows, RowsError};
use super::summary::KeywordSummary;
use crate::events::Keyword;

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

    /// The digest of what these projections hold.
    fn over(
        projections: &[Registered],
        rows: &dyn Rows,
        summary: &KeywordSummary,
    ) -> Result<Self, RowsError> {
        let mut hasher = blake3::Hasher::new();
        for projection in projections {
            (projection.digest)(rows, summary, &mut hasher)?;
        }
        Ok(Self(*hasher.finalize().as_bytes()))
    }
}

impl ViewDigest {
    /// Adds the next keyword.
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
    use super::super::test_history::{self, TestKeyword};
    use super::super::{KeywordSummary, MemoryRows, Rows};
    use super::{Digest, Projections};

    /// The timeline and the volume are the first two projections. One that is added at the end of
    /// the list leaves their part of the digest as it is.
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
}
