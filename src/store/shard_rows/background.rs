//! The background of a shard: keeps the contributions of puts as runs, and merges runs into the
//! map.
//!
//! In: the contribution of every put, and keywords that are untracked. Out: rows, which the commit
//! of the put's rows writes too.
//!
//! A commit stores the contributions since the last one as one run. When the stored runs are many
//! or large, or name tweets that went, it merges all of them instead. One merge runs at a time: it
//! holds the lock `background`, reads runs and map, and then changes both in one step.

use bytes::Bytes;
use parking_lot::MutexGuard;

use super::ShardRows;
use crate::events::{Keyword, Sequence};
use crate::projections::keys::background::{RUN_FORMAT, Run, Settling, run_key};
use crate::projections::{KeywordSummary, RowKey, Rows, RowsError, Seek};
use crate::store::background_rows::BackgroundRows;
use crate::store::memtable::{Memtables, NewRun};
use crate::store::{StoreError, layout};

/// Stored runs are merged when they are more than this. Unit tests reach it.
const MAX_RUNS: usize = if cfg!(test) { 3 } else { 64 };
/// Stored runs are merged when they have more bytes than this. A query reads all of them.
const MAX_RUN_BYTES: usize = if cfg!(test) { 600 } else { 1024 * 1024 };

/// Maximum number of attempts of a query while the background keeps changing. The last attempt
/// holds the lock, so puts wait for it.
const TRIES: usize = 3;

/// What is known of the stored runs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StoredRuns {
    /// The number of the next run.
    next: u64,
    count: usize,
    bytes: usize,
    has_losses: bool,
}

impl StoredRuns {
    fn add(&mut self, run: &Run, has_losses: bool) {
        self.count += 1;
        self.bytes += run.records.len();
        self.has_losses |= has_losses;
    }

    /// Whether the runs have to be merged, with these new ones.
    fn are_due(&self, new: &[NewRun]) -> bool {
        let bytes: usize = new.iter().map(|new| new.run.records.len()).sum();
        self.has_losses
            || new.iter().any(|new| new.has_losses)
            || self.count + usize::from(!new.is_empty()) > MAX_RUNS
            || self.bytes + bytes > MAX_RUN_BYTES
    }

    /// All runs were merged.
    const fn merged(&mut self) {
        *self = Self {
            next: self.next,
            count: 0,
            bytes: 0,
            has_losses: false,
        };
    }
}

/// Rows after a merge, which are not put yet.
struct Merged {
    rows: Vec<(Vec<u8>, Option<Bytes>)>,
    /// How many of the new runs are in it, the oldest ones.
    new_runs: usize,
}

impl Merged {
    fn put(self, memtables: &mut Memtables) {
        memtables.runs.drain(..self.new_runs);
        memtables.pending.extend(self.rows);
        memtables.background_version += 1;
    }
}

/// The background as the next commit stores it. Holds the lock.
pub(super) struct BackgroundToFreeze<'a> {
    stored: MutexGuard<'a, Option<StoredRuns>>,
    merged: Option<Merged>,
}

impl BackgroundToFreeze<'_> {
    /// Puts the rows. Contributions that came during the merge become a run.
    pub(super) fn put(&mut self, memtables: &mut Memtables) {
        let stored = self.stored.get_or_insert_default();
        if let Some(merged) = self.merged.take() {
            merged.put(memtables);
            stored.merged();
        }
        let new = std::mem::take(&mut memtables.runs);
        let Some(changed_at) = new.iter().map(|new| new.run.changed_at).max() else {
            return;
        };
        for new in &new {
            stored.bytes += new.run.records.len();
            stored.has_losses |= new.has_losses;
        }
        let records: Vec<_> = new.into_iter().map(|new| new.run.records).collect();
        let key = layout::background(&run_key(stored.next));
        let row = Run::encode(changed_at, &records);
        memtables.pending.insert(key, Some(row));
        memtables.background_version += 1;
        stored.next += 1;
        stored.count += 1;
    }
}

/// The background without a keyword. Holds the lock.
pub(super) struct BackgroundRemoval<'a> {
    stored: MutexGuard<'a, Option<StoredRuns>>,
    merged: Merged,
}

impl BackgroundRemoval<'_> {
    /// Puts the rows. The caller puts the removal of the rows of the keyword in the same step.
    pub(super) fn put(mut self, memtables: &mut Memtables) {
        self.merged.put(memtables);
        memtables.background_changes += 1;
        self.stored.get_or_insert_default().merged();
    }
}

impl ShardRows {
    /// Merges the background if that is due. Rows that cannot be read because a write failed are
    /// merged by a later commit.
    pub(super) fn background_to_freeze(&self) -> Result<BackgroundToFreeze<'_>, StoreError> {
        let mut stored = self.background.lock();
        let merged = match self.merge_if_due(&mut stored) {
            Err(error) if error.is_unwritten() => None,
            merged => merged?,
        };
        Ok(BackgroundToFreeze { stored, merged })
    }

    fn merge_if_due(&self, stored: &mut Option<StoredRuns>) -> Result<Option<Merged>, StoreError> {
        let known = self.known_runs(stored)?;
        let new = self.reading().runs.clone();
        known
            .are_due(&new)
            .then(|| self.merged(new, None))
            .transpose()
    }

    /// Takes the contributions of a keyword out of the background; `None` if it has none. The
    /// keyword was untracked at `changed_at`.
    pub(super) fn remove_from_background(
        &self,
        keyword: &Keyword,
        changed_at: Sequence,
    ) -> Result<Option<BackgroundRemoval<'_>>, StoreError> {
        let summary = self.of(keyword).get(&KeywordSummary::key())?;
        let summary = summary
            .map(|row| KeywordSummary::decode(&row))
            .transpose()?;
        if summary.is_none_or(|summary| summary.tweets == 0) {
            return Ok(None);
        }
        let mut stored = self.background.lock();
        self.known_runs(&mut stored)?;
        let new = self.reading().runs.clone();
        let merged = self.merged(new, Some((keyword, changed_at)))?;
        Ok(Some(BackgroundRemoval { stored, merged }))
    }

    fn merged(
        &self,
        new: Vec<NewRun>,
        removed: Option<(&Keyword, Sequence)>,
    ) -> Result<Merged, StoreError> {
        let rows = BackgroundRows::new(self, None);
        let stored = stored_runs(&rows)?;
        let new_runs = new.len();
        let new = new.into_iter().map(|new| new.run);
        let runs = stored.iter().map(|(_, run)| run.clone()).chain(new);
        let (times, records): (Vec<_>, Vec<_>) =
            runs.map(|run| (run.changed_at, run.records)).unzip();
        let mut settling = Settling::new(&rows);
        settling.merge(times.into_iter().max().unwrap_or_default(), &records)?;
        if let Some((keyword, changed_at)) = removed {
            settling.remove(changed_at, &self.of(keyword))?;
        }
        let changed = settling.into_row_changes();
        let gone = stored.into_iter().map(|(key, _)| (key, None));
        let changed = changed.into_iter().chain(gone);
        Ok(Merged {
            rows: changed
                .map(|(key, row)| (layout::background(&key), row))
                .collect(),
            new_runs,
        })
    }

    /// How often what the background adds up to has changed since the store was opened.
    pub(in crate::store) fn background_changes(&self) -> u64 {
        self.reading().background_changes
    }

    fn known_runs(&self, stored: &mut Option<StoredRuns>) -> Result<StoredRuns, StoreError> {
        if let Some(known) = stored {
            return Ok(*known);
        }
        let mut known = StoredRuns::default();
        for (key, run) in stored_runs(&BackgroundRows::new(self, None))? {
            known.add(&run, run.has_losses()?);
            let number = key.suffix().try_into().map(u64::from_be_bytes);
            known.next = number.map_or(known.next, |number| number + 1);
        }
        Ok(*stored.insert(known))
    }

    /// Calls `read` with the records of all runs, and the rows of the map, of one version of the
    /// background. It may be called more than once.
    pub(in crate::store) fn read_background<T>(
        &self,
        mut read: impl FnMut(&[Bytes], &dyn Rows) -> Result<T, RowsError>,
    ) -> Result<T, StoreError> {
        let of_new = |memtables: &Memtables| -> Vec<Bytes> {
            let runs = memtables.runs.iter();
            runs.map(|new| new.run.records.clone()).collect()
        };
        for _ in 0..TRIES {
            let (version, runs) = {
                let memtables = self.reading();
                (memtables.background_version, of_new(&memtables))
            };
            let value = with_stored(&BackgroundRows::new(self, None), runs, &mut read);
            if let Err(RowsError::Abandoned) = value {
                return Err(RowsError::Abandoned.into());
            }
            if self.reading().background_version == version {
                return Ok(value?);
            }
        }
        let memtables = self.reading();
        let rows = BackgroundRows::new(self, Some(&memtables));
        Ok(with_stored(&rows, of_new(&memtables), &mut read)?)
    }
}

/// Calls `read` with these runs and the stored ones.
fn with_stored<T>(
    rows: &BackgroundRows<'_>,
    mut runs: Vec<Bytes>,
    read: &mut impl FnMut(&[Bytes], &dyn Rows) -> Result<T, RowsError>,
) -> Result<T, RowsError> {
    let stored = stored_runs(rows)?;
    runs.extend(stored.into_iter().map(|(_, run)| run.records));
    read(&runs, rows)
}

/// The stored runs, in the order of their numbers.
fn stored_runs(rows: &BackgroundRows<'_>) -> Result<Vec<(RowKey, Run)>, RowsError> {
    let mut runs = Vec::new();
    let mut found = rows.seek(Seek::After(&RowKey::of_kind(RUN_FORMAT.kind)))?;
    while let Some((key, row)) = found {
        let run = Run::decode(&key, &row)?;
        found = rows.seek(Seek::After(&key))?;
        runs.push((key, run));
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::events::{Checkpoint, Event, KeywordEnvelope, KeywordRecord, ShardId, Timestamp};
    use crate::projections::KeywordView;
    use crate::projections::keys::WindowWords;
    use crate::projections::keys::background::OtherCounts;
    use crate::projections::overview::Window;
    use crate::projections::test_history::{NOON, deleted, tweet};
    use crate::store::{Store, Views};

    /// Three keywords of one shard.
    fn keywords(store: &Store) -> (ShardId, Vec<Keyword>) {
        let names = (0..).map(|number| Keyword::new(&format!("k{number}")).unwrap());
        let shard = store.count().all().next().unwrap();
        let here = names.filter(|keyword| store.shard_of(keyword) == shard);
        (shard, here.take(3).collect())
    }

    /// A journal, and a store into which it is folded until the next crash.
    struct Crashing<'d> {
        data: &'d Path,
        store: Arc<Store>,
        shard: ShardId,
        views: Vec<(Keyword, KeywordView)>,
        journal: Vec<(usize, Event)>,
        /// How much of the journal each keyword has folded.
        folded: [usize; 3],
    }

    impl<'d> Crashing<'d> {
        fn open(data: &'d Path, journal: Vec<(usize, Event)>) -> Self {
            let store = Arc::new(Store::of_test(data));
            let (shard, keywords) = keywords(&store);
            let hydrated = |keyword: Keyword| {
                let rows = store.rows_of(&keyword).unwrap();
                let view = KeywordView::hydrate(&rows.of(&keyword)).unwrap();
                (keyword, view)
            };
            let views: Vec<_> = keywords.into_iter().map(hydrated).collect();
            let folded = [0, 1, 2].map(|keyword| {
                let (_, view) = &views[keyword];
                usize::try_from(view.summary().as_of.get()).unwrap()
            });
            Self {
                data,
                store,
                shard,
                views,
                journal,
                folded,
            }
        }

        /// Folds the journal up to `end` for one keyword, and puts the rows.
        fn put(&mut self, keyword: usize, end: usize) {
            let (name, view) = &mut self.views[keyword];
            let shard = self.store.shard(self.shard).unwrap();
            let rows = shard.of(name);
            for number in self.folded[keyword]..end {
                let (of, event) = &self.journal[number];
                if *of == keyword {
                    let envelope = KeywordEnvelope {
                        sequence: Sequence::new(u64::try_from(number).unwrap() + 1),
                        received_at: NOON,
                        record: KeywordRecord::Event(event.clone()),
                    };
                    view.fold(&rows, &envelope).unwrap();
                }
            }
            self.folded[keyword] = self.folded[keyword].max(end);
            if let Some(changes) = view.take_row_changes(&rows).unwrap() {
                shard.put(name, changes).unwrap();
            }
        }

        fn commit(&self) {
            let start = Checkpoint::start_of(self.store.parts().incarnation, Sequence::new(1));
            let record = self.store.record_at(start, Timestamp::EARLIEST);
            let shard = self.store.shard(self.shard).unwrap();
            shard.commit(&record).unwrap();
            self.store.flush().unwrap();
        }

        fn crash(self) -> Self {
            let Self { data, journal, .. } = self;
            drop((self.store, self.views));
            Self::open(data, journal)
        }

        /// Compares the background with the sum of the rows of all keywords.
        fn check(&self) {
            let views = Views::default();
            views.show(&self.store);
            let shard = self.store.shard(self.shard).unwrap();
            for (own, _) in &self.views {
                for window in [Window::Hour, Window::Week] {
                    let at = NOON.plus(90 * Timestamp::MINUTE);
                    let rows = shard.of(own);
                    let words = WindowWords::read(&rows, (window, at), 1, |_| false).unwrap();
                    let mut expected = OtherCounts::new(&words);
                    for (other, _) in self.views.iter().filter(|(other, _)| other != own) {
                        expected.add_keyword(&shard.of(other)).unwrap();
                    }
                    let mut found = views
                        .over_backgrounds(OtherCounts::new(&words), |found, runs, rows| {
                            found.add_shard(rows, runs)
                        })
                        .unwrap();
                    found.take_out_own();
                    assert_eq!(found.totals(), expected.totals());
                    for place in 0..words.words().len() {
                        assert_eq!(found.of_word(place), expected.of_word(place));
                    }
                }
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(usize),
        Commit,
        Crash,
    }

    fn events() -> impl Strategy<Value = Vec<(usize, Event)>> {
        let event = prop_oneof![
            30 => (0_u64..30).prop_map(|number| Event::TweetPosted(Box::new(tweet(number)))),
            6 => (0_u64..30).prop_map(deleted),
            1 => Just(Event::keyword_untracked(NOON)),
            2 => Just(Event::keyword_tracked(NOON)),
        ];
        prop::collection::vec((0_usize..3, event), 0..150)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn background_is_the_sum_after_any_commits_and_crashes(
            journal in events(),
            steps in prop::collection::vec(
                prop_oneof![
                    8 => (0_usize..3).prop_map(Step::Put),
                    3 => Just(Step::Commit),
                    1 => Just(Step::Crash),
                ],
                1..25,
            ),
        ) {
            let data = tempfile::tempdir().unwrap();
            let length = journal.len();
            let mut crashing = Crashing::open(data.path(), journal);
            let count = steps.len();
            for (step, number) in steps.into_iter().zip(1..) {
                match step {
                    Step::Put(keyword) => crashing.put(keyword, length * number / count),
                    Step::Commit => crashing.commit(),
                    Step::Crash => crashing = crashing.crash(),
                }
                crashing.check();
            }
            for keyword in 0..3 {
                crashing.put(keyword, length);
            }
            crashing.check();
            crashing.commit();
            crashing.check();
        }
    }
}
