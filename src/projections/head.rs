//! The header row of a keyword: where it stands, its ledger and its totals.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{RowKey, RowsError};

use crate::events::{Sequence, Timestamp, stored};

/// What a keyword's rows say as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Head {
    /// The keyword is followed; when not, only the ledger lives on.
    pub tracked: bool,
    /// The last record of this keyword that was taken into account (0 = none).
    pub as_of: Sequence,
    /// What became of its records.
    pub ledger: Ledger,
    /// Tweets in the views.
    pub tweets: u64,
    /// Time of the oldest tweet in the views.
    pub first_at: Option<Timestamp>,
    /// Time of the newest tweet in the views.
    pub last_at: Option<Timestamp>,
    /// How many runs of ids there are on each level.
    pub id_runs: Vec<u8>,
}

/// What became of every record of a keyword:
/// `journaled = folded + duplicate + ignored + rejected`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Records taken into account.
    pub journaled: u64,
    /// Took effect, or stated what was so already.
    pub folded: u64,
    /// Tweets seen before.
    pub duplicate: u64,
    /// Had nothing to act on.
    pub ignored: u64,
    /// Could not be decoded.
    pub rejected: u64,
    /// Tweets removed; outside the sum.
    pub deleted: u64,
}

impl Ledger {
    /// Adds another keyword's.
    pub fn add(&mut self, other: &Self) {
        self.journaled += other.journaled;
        self.folded += other.folded;
        self.duplicate += other.duplicate;
        self.ignored += other.ignored;
        self.rejected += other.rejected;
        self.deleted += other.deleted;
    }
}

/// What a header says of whether its keyword is followed. Kept by the order of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Following {
    /// It is.
    Followed,
    /// It was once.
    Dropped,
    /// No record of it was folded yet.
    Unfolded,
}

const VERSION: u8 = 1;

impl Head {
    /// Whether it is followed.
    pub fn following(&self) -> Following {
        match (self.as_of, self.tracked) {
            (Sequence::ZERO, _) => Following::Unfolded,
            (_, true) => Following::Followed,
            (_, false) => Following::Dropped,
        }
    }

    /// The row.
    ///
    /// # Errors
    /// [`RowsError::Damaged`] when it does not fit a row.
    pub fn encode(&self) -> Result<Bytes, RowsError> {
        let mut row = vec![VERSION];
        stored::encode_value(self, &mut row)
            .map_err(|error| RowsError::damaged(&RowKey::Head, error))?;
        Ok(row.into())
    }

    /// Reads the row.
    ///
    /// # Errors
    /// [`RowsError::Damaged`].
    pub fn decode(row: &[u8]) -> Result<Self, RowsError> {
        match row.split_first() {
            Some((&VERSION, body)) => {
                stored::decode_value(body).map_err(|error| RowsError::damaged(&RowKey::Head, error))
            }
            _ => Err(RowsError::damaged(&RowKey::Head, "unknown version")),
        }
    }
}
