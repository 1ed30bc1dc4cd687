//! Merges runs into the map of one shard, and removes a keyword from it.

use bytes::Bytes;

use super::contributed::for_each_step;
use super::contribution::has_losses;
use super::sums::Sums;
use super::{BACKGROUND_FORMAT, RUN_FORMAT};
use crate::events::Sequence;
use crate::projections::rows::{RowChange, RowKey, Rows, RowsError};
use crate::projections::tree::Tree;

/// A merge in progress. It keeps the changed leaves of the map in memory.
pub struct Settling<'r> {
    rows: &'r dyn Rows,
    map: Tree,
}

impl<'r> Settling<'r> {
    /// Begins a merge into the map in these rows of a shard.
    pub const fn new(rows: &'r dyn Rows) -> Self {
        Self {
            rows,
            map: Tree::new(&BACKGROUND_FORMAT),
        }
    }

    /// Merges the records of runs. `changed_at` is the sequence of their last event.
    ///
    /// # Errors
    /// [`RowsError`], also when a count would fall below 0.
    pub fn merge(&mut self, changed_at: Sequence, records: &[Bytes]) -> Result<(), RowsError> {
        self.apply(changed_at, &Sums::of(records)?)
    }

    /// Removes the whole contribution of a keyword that was untracked at `changed_at`. `rows` are
    /// the rows of the keyword. All of its contributions must be merged before.
    ///
    /// # Errors
    /// [`RowsError`], also when a count would fall below 0.
    pub fn remove(&mut self, changed_at: Sequence, rows: &dyn Rows) -> Result<(), RowsError> {
        for_each_step(rows, |sums| self.apply(changed_at, sums))
    }

    fn apply(&mut self, changed_at: Sequence, sums: &Sums) -> Result<(), RowsError> {
        self.map
            .apply(self.rows, changed_at, &sums.edits(), |_, _| ())
    }

    /// The changed rows of the map.
    pub fn into_row_changes(mut self) -> Vec<RowChange> {
        let mut changes = Vec::new();
        self.map.take_row_changes(&mut changes);
        changes
    }
}

impl std::fmt::Debug for Settling<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settling")
            .field("map", &self.map)
            .finish_non_exhaustive()
    }
}

/// A stored run.
#[derive(Debug, Clone)]
pub struct Run {
    /// The sequence of the last event of the run.
    pub changed_at: Sequence,
    /// The records of the tweets.
    pub records: Bytes,
}

impl Run {
    /// Reads the row of a run.
    ///
    /// # Errors
    /// [`RowsError::Damaged`].
    pub fn decode(key: &RowKey, row: &Bytes) -> Result<Self, RowsError> {
        let (_, changed_at, body) = RUN_FORMAT.open(key, row)?;
        Ok(Self {
            changed_at,
            records: row.slice_ref(body),
        })
    }

    /// The row of a run with these records. `changed_at` is the sequence of their last event.
    pub fn encode(changed_at: Sequence, records: &[Bytes]) -> Bytes {
        let mut row = RUN_FORMAT.begin(changed_at);
        for part in records {
            row.extend_from_slice(part);
        }
        row.into()
    }

    /// Whether the run has records of lost tweets.
    ///
    /// # Errors
    /// [`RowsError::Damaged`].
    pub fn has_losses(&self) -> Result<bool, RowsError> {
        has_losses(&self.records)
    }
}
