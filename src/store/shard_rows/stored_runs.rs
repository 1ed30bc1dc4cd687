//! The stored runs of a shard's background: their totals, and the merge that is due for them.

use bytes::Bytes;

use crate::projections::keys::background::{RUN_FORMAT, Run};
use crate::projections::{RowKey, Rows, RowsError, Seek};
use crate::store::background_rows::BackgroundRows;
use crate::store::memtable::{NewRun, StoredRuns};

/// Maximum number of stored runs. More runs are merged. The maximum is small in unit tests, which
/// reach it.
const MAX_RUNS: usize = if cfg!(test) { 3 } else { 64 };
/// Maximum length of all stored runs together, in bytes. Longer ones are merged, because a query
/// reads all runs.
const MAX_RUN_BYTES: usize = if cfg!(test) { 600 } else { 1024 * 1024 };

/// The merge that a commit makes before it writes the runs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Merge {
    /// Merges all runs into the map.
    All,
    /// Removes the lost tweets from the runs, or from the map.
    Losses,
}

impl StoredRuns {
    /// The totals of these runs.
    pub(super) fn of(runs: &[(RowKey, Run)]) -> Result<Self, RowsError> {
        let mut stored = Self::default();
        for (key, run) in runs {
            stored.add(&run.records);
            stored.has_losses |= run.has_losses()?;
            stored.next = number_of(key)?.saturating_add(1);
        }
        Ok(stored)
    }

    pub(super) fn add(&mut self, records: &Bytes) {
        self.count += 1;
        self.bytes += records.len();
    }

    /// The totals after a merge of all runs.
    pub(super) fn without_runs(self) -> Self {
        Self {
            next: self.next,
            ..Self::default()
        }
    }

    /// The totals of the runs that were stored after `known`. If any run has lost tweets, these
    /// runs may have them.
    pub(super) fn after(self, known: &Self) -> Self {
        let count = self.count.saturating_sub(known.count);
        Self {
            next: self.next,
            count,
            bytes: self.bytes.saturating_sub(known.bytes),
            has_losses: self.has_losses && count > 0,
        }
    }

    /// The merge that is due for the stored runs and these new ones, if one is.
    pub(super) fn due(&self, new: &[NewRun]) -> Option<Merge> {
        let bytes: usize = new.iter().map(|new| new.run.records.len()).sum();
        let count = self.count + usize::from(!new.is_empty());
        if count > MAX_RUNS || self.bytes + bytes > MAX_RUN_BYTES {
            Some(Merge::All)
        } else if self.has_losses || new.iter().any(|new| new.has_losses) {
            Some(Merge::Losses)
        } else {
            None
        }
    }
}

/// The stored runs with a number below `end`, in the order of their numbers.
pub(super) fn stored_runs(
    rows: &BackgroundRows<'_>,
    end: u64,
) -> Result<Vec<(RowKey, Run)>, RowsError> {
    let mut runs = Vec::new();
    let mut found = rows.seek(Seek::After(&RowKey::of_kind(RUN_FORMAT.kind)))?;
    while let Some((key, row)) = found
        && number_of(&key)? < end
    {
        let run = Run::decode(&key, &row)?;
        found = rows.seek(Seek::After(&key))?;
        runs.push((key, run));
    }
    Ok(runs)
}

pub(super) fn number_of(key: &RowKey) -> Result<u64, RowsError> {
    let number = key.suffix().try_into().map(u64::from_be_bytes);
    number.map_err(|_| RowsError::damaged(key, "the key has no number"))
}
