//! Reads the sum of the map and the runs of a background, entry by entry, so that two backgrounds
//! can be compared.
//!
//! In: the records of all runs, and the rows of the map. Out: entries in the order of their names,
//! which do not depend on batches or on the times of merges.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::ops::Range;

use bytes::Bytes;

use super::BACKGROUND_FORMAT;
use super::sums::Sums;
use crate::events::Timestamp;
use crate::projections::keys::bucket::Group;
use crate::projections::rows::{RowKey, Rows, RowsError};
use crate::projections::tree::TreeReader;

/// Maximum number of entries of the map that are in memory at a time.
const STEP_ENTRIES: usize = if cfg!(test) { 7 } else { 4096 };

/// An entry of the sum of map and runs. No count is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackgroundEntry {
    name: Vec<u8>,
    count: i64,
}

impl BackgroundEntry {
    /// The name. Entries come in the order of their names.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The number of tweets. It can be below 0 if rows are damaged.
    pub const fn count(&self) -> i64 {
        self.count
    }

    /// The start and the end of the bucket, and the word. The word is empty in the entry that
    /// counts all tweets.
    ///
    /// # Errors
    /// [`RowsError::Damaged`] if the name is not valid.
    pub fn bucket_and_word(&self) -> Result<(Range<Timestamp>, &[u8]), RowsError> {
        let group = Group::of_entry(&self.name);
        let word = group.and_then(|group| self.name.strip_prefix(&group.prefix()));
        let found = group.zip(word);
        let found = found.map(|(group, word)| (group.times(), word));
        found.ok_or_else(|| {
            let map = RowKey::of_kind(BACKGROUND_FORMAT.kind);
            RowsError::damaged(&map, "an entry has a name without a bucket")
        })
    }
}

/// Reads the sum of map and runs of one background.
pub struct BackgroundContent<'r> {
    map: TreeReader<'r>,
    /// The name at which the next step through the map starts; `None` at the end of the map.
    next: Option<Vec<u8>>,
    /// Entries of the map that were read but not returned yet.
    read: VecDeque<BackgroundEntry>,
    /// The sums of the runs that were not returned yet.
    runs: Peekable<std::vec::IntoIter<BackgroundEntry>>,
}

impl<'r> BackgroundContent<'r> {
    /// Starts at the first entry of the rows of a map and the records of runs.
    ///
    /// # Errors
    /// [`RowsError::Damaged`] if a run is damaged.
    pub fn new(rows: &'r dyn Rows, runs: &[Bytes]) -> Result<Self, RowsError> {
        let sums = Sums::of(runs)?;
        let changes = sums.edits().into_iter().map(|edit| BackgroundEntry {
            name: edit.key.to_vec(),
            count: edit.change,
        });
        Ok(Self {
            map: TreeReader::new(rows, &BACKGROUND_FORMAT),
            next: Some(Vec::new()),
            read: VecDeque::new(),
            runs: changes.collect::<Vec<_>>().into_iter().peekable(),
        })
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn next_entry(&mut self) -> Result<Option<BackgroundEntry>, RowsError> {
        loop {
            if self.read.is_empty() {
                self.read_step()?;
            }
            let Some(of_map) = self.read.pop_front() else {
                return Ok(self.runs.next());
            };
            if let Some(of_runs) = self.runs.next_if(|entry| entry.name < of_map.name) {
                self.read.push_front(of_map);
                return Ok(Some(of_runs));
            }
            let same = self.runs.next_if(|entry| entry.name == of_map.name);
            let change = same.map_or(0, |entry| entry.count);
            let count = of_map.count.saturating_add(change);
            if count != 0 {
                return Ok(Some(BackgroundEntry { count, ..of_map }));
            }
        }
    }

    /// Reads the next entries of the map into `read`.
    fn read_step(&mut self) -> Result<(), RowsError> {
        let Some(start) = self.next.take() else {
            return Ok(());
        };
        let (read, next) = (&mut self.read, &mut self.next);
        self.map.visit(&start, |name, count| {
            if read.len() == STEP_ENTRIES {
                *next = Some(name.to_vec());
                return false;
            }
            read.push_back(BackgroundEntry {
                name: name.to_vec(),
                count: count.cast_signed(),
            });
            true
        })
    }
}

impl std::fmt::Debug for BackgroundContent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackgroundContent").finish_non_exhaustive()
    }
}
