//! The entries of the index, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use crate::events::{Keyword, Sequence};
use crate::projections::KeywordSummary;
use crate::projections::ids::{self, IdHash, IdState, Ids};
use crate::store::index_segments::{IndexSegments, KeywordNumber};
use crate::store::shown::Shown;
use crate::store::{ShardRows, StoreError, Views};

/// The entries of all tracked keywords.
#[derive(Debug)]
pub(super) struct Known {
    /// The rows from which the index was built, by shard.
    shards: Vec<Weak<ShardRows>>,
    /// The time of the last query.
    pub(super) asked: Instant,
    pub(super) index: IndexSegments,
    /// Number of entries, including those of untracked keywords.
    pub(super) indexed: u64,
    /// Number of entries of untracked keywords.
    stale: u64,
    /// The keyword for each number of the index; `None` for an untracked keyword.
    numbers: Vec<Option<Keyword>>,
    small: HashMap<Keyword, Indexed>,
    /// Keywords with too many ids for the index. Each has the position at which its ids were read.
    pub(super) large: HashMap<Keyword, (Sequence, Ids)>,
}

/// A keyword that is in the index.
#[derive(Debug)]
struct Indexed {
    number: KeywordNumber,
    /// The number of id runs per level that the index includes.
    runs: Box<[u8]>,
    entries: u64,
}

/// The ids of a keyword in its rows.
pub(super) enum Found {
    Untracked,
    Tracked {
        runs: Vec<u8>,
        ids: Vec<(IdHash, bool)>,
    },
}

/// An index that is dropped no longer reads the put logs of its shards.
impl Drop for Known {
    fn drop(&mut self) {
        for rows in self.shards.iter().filter_map(Weak::upgrade) {
            rows.put_log().ignore();
        }
    }
}

impl Known {
    /// An index of these stores, without entries.
    pub(super) fn empty(stores: &Shown) -> Self {
        let shards = stores.shards().iter();
        Self {
            shards: shards.map(|shard| Arc::downgrade(&shard.rows)).collect(),
            asked: Instant::now(),
            index: IndexSegments::new(),
            indexed: 0,
            stale: 0,
            numbers: Vec::new(),
            small: HashMap::new(),
            large: HashMap::new(),
        }
    }

    /// Whether the index was built from the rows of these stores.
    pub(super) fn is_of(&self, stores: &Shown) -> bool {
        let shown = stores.shards().iter();
        let shown = shown.map(|shard| Arc::as_ptr(&shard.rows));
        self.shards.iter().map(Weak::as_ptr).eq(shown)
    }

    /// Whether the index has to be built again: it exceeds `max_indexed` entries by over an eighth,
    /// or over 1,000 entries and over half of all belong to untracked keywords.
    pub(super) const fn is_worn(&self, max_indexed: u64) -> bool {
        self.indexed > max_indexed.saturating_add(max_indexed / 8)
            || (self.stale > 1_000 && self.stale > self.indexed / 2)
    }

    /// The tracked keywords that hold the tweet with this hash, and those of `also` in which it was
    /// not deleted.
    pub(super) fn holders(
        &mut self,
        views: &Views,
        hash: IdHash,
        also: &[Keyword],
    ) -> Result<Vec<Keyword>, StoreError> {
        let mut holders = Vec::new();
        let mut also: Vec<&Keyword> = also.iter().collect();
        for (number, is_deleted) in self.index.of(hash) {
            let Ok(number) = usize::try_from(number) else {
                continue;
            };
            let Some(Some(keyword)) = self.numbers.get(number) else {
                continue;
            };
            if is_deleted {
                also.retain(|other| *other != keyword);
            } else {
                holders.push(keyword.clone());
            }
        }
        for (keyword, (of, ids)) in &mut self.large {
            let found = views.read(keyword, |summary: &KeywordSummary, rows| {
                if !summary.tracked {
                    return Ok(None);
                }
                // After a change of the keyword the ids are read again, because a merge may have
                // moved their runs to other rows.
                if *of != summary.as_of {
                    *ids = Ids::hydrate(rows, &summary.id_runs)?;
                    *of = summary.as_of;
                }
                ids.find(rows, hash)
            })?;
            match found.and_then(|found| found.value) {
                Some(IdState::Present(_)) => holders.push(keyword.clone()),
                Some(IdState::Deleted) => also.retain(|other| *other != keyword),
                None => {}
            }
        }
        holders.extend(also.into_iter().cloned());
        Ok(holders)
    }

    fn next_number(&mut self, keyword: &Keyword) -> KeywordNumber {
        let number = KeywordNumber::try_from(self.numbers.len()).unwrap_or(KeywordNumber::MAX);
        self.numbers.push(Some(keyword.clone()));
        number
    }

    /// The number of id runs of a keyword that the index includes, by level.
    pub(super) fn runs_of(&self, keyword: &Keyword) -> &[u8] {
        let known = self.small.get(keyword);
        known.map_or(&[], |known| &*known.runs)
    }

    /// Adds a keyword that is not in the index. Its entries must be sorted afterwards.
    pub(super) fn add(&mut self, keyword: Keyword, found: Found) {
        let Found::Tracked { runs, ids } = found else {
            return;
        };
        let number = self.next_number(&keyword);
        let entries = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        for (id, is_deleted) in ids {
            self.index.push(id, number, is_deleted);
        }
        self.indexed = self.indexed.saturating_add(entries);
        let runs = runs.into();
        self.small.insert(
            keyword,
            Indexed {
                number,
                runs,
                entries,
            },
        );
    }

    /// Adds the newest ids of a keyword without id runs.
    pub(super) fn add_recent(&mut self, keyword: &Keyword, row: &[u8]) -> Result<(), StoreError> {
        let Some(known) = self.small.get_mut(keyword) else {
            return Ok(());
        };
        if !known.runs.is_empty() {
            return Ok(());
        }
        let (index, number) = (&mut self.index, known.number);
        let mut entries = 0;
        ids::visit_recent(row, |id, state| {
            index.push(id, number, state == IdState::Deleted);
            entries += 1;
        })?;
        known.entries = known.entries.saturating_add(entries);
        self.indexed = self.indexed.saturating_add(entries);
        Ok(())
    }

    /// Adds new ids of a keyword, and the keyword if the index lacks it. `runs` are the numbers of
    /// id runs per level that the index then includes.
    pub(super) fn start_indexing(
        &mut self,
        keyword: Keyword,
        runs: Vec<u8>,
        ids: &[(IdHash, bool)],
    ) {
        let number = match self.small.get(&keyword) {
            Some(known) => known.number,
            None => self.next_number(&keyword),
        };
        let known = self.small.entry(keyword).or_insert_with(|| Indexed {
            number,
            runs: Box::default(),
            entries: 0,
        });
        known.runs = runs.into();
        for (id, is_deleted) in ids {
            if self.index.set(*id, number, *is_deleted) {
                known.entries = known.entries.saturating_add(1);
                self.indexed = self.indexed.saturating_add(1);
            }
        }
    }

    /// Removes a keyword. Its entries become stale.
    pub(super) fn forget(&mut self, keyword: &Keyword) {
        self.large.remove(keyword);
        let Some(known) = self.small.remove(keyword) else {
            return;
        };
        self.stale = self.stale.saturating_add(known.entries);
        let number = usize::try_from(known.number).unwrap_or(usize::MAX);
        if let Some(number) = self.numbers.get_mut(number) {
            *number = None;
        }
    }
}
