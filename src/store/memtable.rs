//! The memtables of a shard: rows that are not in sled yet.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::projections::keys::background::{Contribution, Run};

/// Changed rows by key; `None` is a row to remove.
pub(super) type RowMap = BTreeMap<Vec<u8>, Option<Bytes>>;

/// The memtables over one sled tree, the newest first. Their rows are written back by commits.
#[derive(Debug, Default)]
pub(super) struct Memtables {
    /// Rows that were put since the last commit began.
    pub(super) pending: RowMap,
    /// Rows that the running commit writes to sled.
    pub(super) committing: Option<Arc<RowMap>>,
    /// Runs of the background that were put since the last commit began. A commit makes rows of
    /// them.
    pub(super) runs: Vec<NewRun>,
    /// The runs of the background that are rows.
    pub(super) stored_runs: StoredRuns,
    /// Grows when stored runs change or are removed, and not when a run is added behind them.
    pub(super) runs_version: u64,
    /// Grows when the map of the background changes.
    pub(super) map_version: u64,
    /// Grows when the sums of the background change.
    pub(super) background_changes: u64,
}

/// The runs of the background that are rows of a shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StoredRuns {
    /// The number of the next run.
    pub(super) next: u64,
    pub(super) count: usize,
    /// Size of the runs' records, in bytes.
    pub(super) bytes: usize,
    /// Whether the runs have records of lost tweets.
    pub(super) has_losses: bool,
}

/// The contribution of one put to the background.
#[derive(Debug, Clone)]
pub(super) struct NewRun {
    pub(super) run: Run,
    pub(super) has_losses: bool,
}

impl Memtables {
    /// Adds the contribution of a put to the background.
    pub(super) fn add_run(&mut self, contribution: Contribution) {
        if !contribution.is_empty() {
            self.background_changes += 1;
            self.runs.push(NewRun {
                has_losses: contribution.has_losses(),
                run: contribution.into(),
            });
        }
    }

    /// Returns the row in the memtables; `None` when no memtable has it. The row can then be in
    /// sled.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        self.pending
            .get(key)
            .or_else(|| self.committing.as_ref().and_then(|rows| rows.get(key)))
    }

    /// The nearest key in a range: the first one, or the last one when `backwards`.
    pub(super) fn nearest(
        &self,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        backwards: bool,
    ) -> Option<(&[u8], &Option<Bytes>)> {
        let pending = nearest_in(&self.pending, range, backwards);
        let committing = self
            .committing
            .as_ref()
            .and_then(|rows| nearest_in(rows, range, backwards));
        match (pending, committing) {
            (Some(newer), Some(older)) => {
                let older_is_nearer = if backwards {
                    older.0 > newer.0
                } else {
                    older.0 < newer.0
                };
                Some(if older_is_nearer { older } else { newer })
            }
            (newer, older) => newer.or(older),
        }
    }
}

fn nearest_in<'a>(
    rows: &'a RowMap,
    range: (Bound<&[u8]>, Bound<&[u8]>),
    backwards: bool,
) -> Option<(&'a [u8], &'a Option<Bytes>)> {
    let mut found = rows.range::<[u8], _>(range);
    let nearest = if backwards {
        found.next_back()
    } else {
        found.next()
    };
    nearest.map(|(key, row)| (key.as_slice(), row))
}
