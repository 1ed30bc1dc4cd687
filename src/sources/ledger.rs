//! The ledger of a source: what became of every record.

use serde::{Deserialize, Serialize};

/// Counts of settled records, over all runs of a state folder. Records that wait are not counted
/// here, so that the sum holds over kills: what waited is received again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Records that the journal has.
    pub journaled: u64,
    /// Records that match no tracked keyword.
    pub unmatched: u64,
    /// Records that were sent before.
    pub duplicate: u64,
    /// Records that cannot be decoded, or that the server refused.
    pub rejected: u64,
    /// Records about the connection, outside the sum.
    pub control: u64,
}

impl Ledger {
    /// The number of received records when `waiting` ones are not settled yet.
    pub fn received(&self, waiting: u64) -> u64 {
        [
            self.journaled,
            self.unmatched,
            self.duplicate,
            self.rejected,
        ]
        .into_iter()
        .fold(waiting, u64::saturating_add)
    }
}
