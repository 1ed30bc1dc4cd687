//! The id index of one keyword: which tweets were seen, when they were posted, and which are
//! deleted. With it a duplicate counts once, however late it comes. Ids are kept for as long as the
//! keyword is tracked.
//!
//! In: ids with their states ([`Ids::set`]). Out: the state of an id ([`Ids::find`]) and row
//! changes.
//!
//! The structure is a log-structured merge tree in rows. The newest ids, fewer than [`RECENT`], are
//! in memory and in one row. When their number reaches [`RECENT`], they become a sorted run on
//! level 0. When a level is full, its runs are merged into one run of the next level. If an id has
//! several entries, the newest one is valid. A deletion is kept. An id changes at most once (it is
//! deleted), so nearly every id has one entry.
//!
//! Only insertions merge runs. The end of a batch does not, so any split of the same events into
//! batches gives the same rows. Rows that the running batch made are kept in memory and read from
//! there until [`Ids::take_row_changes`].
//!
//! Costs, with levels of 128 · 8^n ids:
//!
//! - An entry has 22 bytes. It is written once for each level that it passes: five times on the way
//!   to a million ids (110 bytes, and 9 bytes of filters).
//! - A look-up of an unknown id is a hash, a search among the newest ids, and one cache line for
//!   each run. There are 15 runs on average at a million ids.
//! - Memory is 1.5 to 2 bytes for an id in runs, and 22 bytes for a recent id.
//! - A merge into level 4 reads and writes 11.5 MB. It is the largest merge below 67 million ids.

mod entry;
mod filter;
mod listing;
mod run;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{RowChange, RowFormat, RowKey, RowKind, Rows, RowsError};
use crate::events::Sequence;
use entry::{ENTRIES_VERSION, IdEntry, decode, encode};
pub use entry::{IdHash, IdState};
pub use listing::{visit, visit_recent};
use run::{FILTER_FORMAT, RUN_FORMAT, Run, RunLocation};

/// The format of the row of the newest ids, which are not in a run yet.
const RECENT_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'i'),
    name: "recent ids",
    versions: &[ENTRIES_VERSION],
    pack: None,
};

/// The kind of the row of the newest ids.
pub const RECENT_IDS: RowKind = RECENT_FORMAT.kind;

/// The formats of all rows of ids.
pub const FORMATS: &[RowFormat] = &[RECENT_FORMAT, RUN_FORMAT, FILTER_FORMAT];

/// Whether the row holds ids.
pub fn is_of_ids(row: &RowKey) -> bool {
    row.kind() == RECENT_FORMAT.kind || row.kind() == RUN_FORMAT.kind
}

/// Number of newest ids at which they become a run.
pub const RECENT: usize = 128;

/// The number of runs that fill a level. Runs have half a million ids or more from level 4 on.
/// These levels hold more runs, because a look-up in a filter is cheap and a merge of gigabytes is
/// not.
const fn fanout(level: usize) -> usize {
    if level < 4 { 8 } else { 128 }
}

/// An upper bound on the number of ids of a keyword, from the number of runs on each level.
pub fn at_most(runs: &[u8]) -> u64 {
    let recent = u64::try_from(RECENT).unwrap_or(u64::MAX);
    let mut of_run = recent;
    let mut sum = recent;
    for (level, count) in runs.iter().enumerate() {
        sum = sum.saturating_add(of_run.saturating_mul(u64::from(*count)));
        of_run = of_run.saturating_mul(u64::try_from(fanout(level)).unwrap_or(u64::MAX));
    }
    sum
}

/// The ids of one keyword.
///
/// After an error of [`Rows`] the state is invalid: drop it and hydrate again.
#[derive(Debug, Default)]
pub struct Ids {
    /// The newest ids, sorted by hash; fewer than [`RECENT`].
    recent: Vec<IdEntry>,
    /// Sequence of the last event that changed the newest ids since the last
    /// [`Ids::take_row_changes`], if any did.
    recent_changed_at: Option<Sequence>,
    /// The runs of each level, the oldest first.
    levels: Vec<Vec<Run>>,
    /// Rows that were made or removed since the last [`Ids::take_row_changes`].
    pending: BTreeMap<RowKey, Option<Bytes>>,
}

impl Ids {
    /// Reads the state from the rows. `runs` is the last value of [`Ids::runs`]. Reads the newest
    /// ids and the filters, but no page of a run.
    ///
    /// # Errors
    /// The error of `rows`, or [`RowsError::Damaged`].
    pub fn hydrate(rows: &dyn Rows, runs: &[u8]) -> Result<Self, RowsError> {
        let mut ids = Self::default();
        let key = RowKey::of_kind(RECENT_IDS);
        if let Some(row) = rows.get(&key)? {
            let entries = decode(&RECENT_FORMAT, &key, &row)?;
            if entries.len() >= RECENT {
                return Err(RowsError::damaged(&key, "too many ids"));
            }
            ids.recent = entries.iter().map(|bytes| IdEntry(*bytes)).collect();
        }
        for (level, count) in (0..).zip(runs) {
            let hydrated = (0..*count).map(|run| {
                let location = RunLocation { level, run };
                Run::hydrate(location, |key| ids.read(rows, key))
            });
            let hydrated = hydrated.collect::<Result<_, _>>()?;
            ids.levels.push(hydrated);
        }
        Ok(ids)
    }

    /// The number of runs on each level, for [`Ids::hydrate`].
    pub fn runs(&self) -> Vec<u8> {
        let count = |runs: &Vec<Run>| u8::try_from(runs.len()).unwrap_or(u8::MAX);
        self.levels.iter().map(count).collect()
    }

    /// The state of an id; `None` when it was never seen.
    ///
    /// # Errors
    /// The error of `rows`, or [`RowsError::Damaged`].
    pub fn find(&self, rows: &dyn Rows, hash: IdHash) -> Result<Option<IdState>, RowsError> {
        if let Ok(position) = self.recent_position(hash) {
            return Ok(self.recent.get(position).map(IdEntry::state));
        }
        for (level, runs) in self.levels.iter().enumerate() {
            for (number, run) in runs.iter().enumerate().rev() {
                let found = run.find(hash, location(level, number), |key| self.read(rows, key))?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// Sets the state of a new or known id. `sequence` is that of the event.
    ///
    /// # Errors
    /// The error of `rows`, or [`RowsError::Damaged`]. Rows are read only when runs are merged.
    pub fn set(
        &mut self,
        rows: &dyn Rows,
        hash: IdHash,
        state: IdState,
        sequence: Sequence,
    ) -> Result<(), RowsError> {
        let entry = IdEntry::new(hash, state);
        self.recent_changed_at = Some(sequence);
        match self.recent_position(hash) {
            Ok(position) => {
                if let Some(known) = self.recent.get_mut(position) {
                    *known = entry;
                }
            }
            Err(position) => self.recent.insert(position, entry),
        }
        if self.recent.len() < RECENT {
            return Ok(());
        }
        let entries = std::mem::take(&mut self.recent);
        self.add_run(0, &entries, sequence);
        self.merge_full_levels(rows, sequence)
    }

    /// Appends the rows that changed since the last call.
    pub fn take_row_changes(&mut self, out: &mut Vec<RowChange>) {
        out.extend(std::mem::take(&mut self.pending));
        if let Some(changed_at) = self.recent_changed_at.take() {
            let row = || encode(&RECENT_FORMAT, changed_at, &self.recent).into();
            let row = (!self.recent.is_empty()).then(row);
            out.push((RowKey::of_kind(RECENT_IDS), row));
        }
    }

    /// Approximate size in memory between two batches, in bytes.
    pub fn resident_bytes(&self) -> usize {
        let runs = self.levels.iter().flatten().map(Run::resident_bytes);
        size_of::<Self>() + self.recent.capacity() * IdEntry::LENGTH + runs.sum::<usize>()
    }

    fn recent_position(&self, hash: IdHash) -> Result<usize, usize> {
        let wanted = hash.number();
        self.recent
            .binary_search_by(|entry| entry.hash().number().cmp(&wanted))
    }

    /// Writes sorted entries as the newest run of a level.
    fn add_run(&mut self, level: usize, entries: &[IdEntry], sequence: Sequence) {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        let Some(runs) = self.levels.get_mut(level) else {
            return;
        };
        let location = location(level, runs.len());
        runs.push(Run::write(entries, location, sequence, |key, row| {
            self.pending.insert(key, Some(row));
        }));
    }

    fn merge_full_levels(&mut self, rows: &dyn Rows, sequence: Sequence) -> Result<(), RowsError> {
        let mut level = 0;
        while let Some(runs) = self
            .levels
            .get_mut(level)
            .filter(|runs| runs.len() >= fanout(level))
        {
            let runs = std::mem::take(runs);
            let mut entries = Vec::new();
            // The newest run comes first and the sort is stable, so of entries with equal ids the
            // newest one stays. The sort detects the sorted runs in its input and merges them.
            for (number, run) in runs.iter().enumerate().rev() {
                let location = location(level, number);
                run.read_all(location, &mut entries, |key| self.read(rows, key))?;
            }
            entries.sort_by_key(|entry| entry.hash().number());
            entries.dedup_by(|later, first| later.hash() == first.hash());
            for (number, run) in runs.iter().enumerate() {
                let gone = run.rows(location(level, number)).map(|key| (key, None));
                self.pending.extend(gone);
            }
            self.add_run(level + 1, &entries, sequence);
            level += 1;
        }
        Ok(())
    }

    /// Reads a row that must exist.
    fn read(&self, rows: &dyn Rows, key: &RowKey) -> Result<Bytes, RowsError> {
        let row = match self.pending.get(key) {
            Some(pending) => pending.clone(),
            None => rows.get(key)?,
        };
        row.ok_or_else(|| RowsError::damaged(key, "it is missing"))
    }
}

/// The location of a run. Levels and runs are few (see [`fanout`]), so the numbers fit their types.
fn location(level: usize, run: usize) -> RunLocation {
    RunLocation {
        level: u8::try_from(level).unwrap_or(u8::MAX),
        run: u8::try_from(run).unwrap_or(u8::MAX),
    }
}

#[cfg(test)]
mod tests;
