//! The background of a shard: keeps the contributions of puts as runs, and merges the runs into the
//! map.
//!
//! In: the contribution of each put, and the untracked keywords. Out: rows, which are written in
//! the same commit as the rows of the put.
//!
//! A commit stores the contributions since the last commit as one run. If the stored runs are many
//! or large, the commit merges all of them instead. If keywords lost tweets, the commit removes
//! these tweets from the runs or from the map. One merge runs at a time: it holds
//! `background_lock`, reads runs and map, and then changes both in one step. Removing a keyword
//! with many tweets takes long. Meanwhile commits go on, and store further runs behind those that
//! the removal merges.

use bytes::Bytes;
use parking_lot::{MutexGuard, RwLockWriteGuard};

use super::ShardRows;
use super::stored_runs::{Merge, stored_runs};
use crate::events::{Keyword, Sequence};
use crate::projections::keys::background::{Run, Settling, WithoutLosses, run_key, times_of};
use crate::projections::{KeywordSummary, RowChange, RowKey, Rows, RowsError, TouchedTimes};
use crate::store::background_rows::BackgroundRows;
use crate::store::database::blocking;
use crate::store::memtable::{Memtables, NewRun, StoredRuns};
use crate::store::{StoreError, layout};

/// Maximum number of attempts of a query to read the background while it keeps changing. Then the
/// query reads a snapshot: puts go on, and the next commit waits for the query. This number is also
/// the maximum number of merges of one commit while keywords keep losing tweets.
const TRIES: usize = 3;

/// The result of a merge, before it is put.
struct Merged {
    map: Vec<RowChange>,
    /// The changed rows of stored runs.
    runs: Vec<RowChange>,
    /// The totals of the stored runs after the merge.
    stored: StoredRuns,
    /// Number of new runs that were merged: the oldest ones.
    new_runs: usize,
    /// New runs that are put back as runs, after the lost tweets were removed from them.
    left: Vec<NewRun>,
    /// The times of the tweets whose counts in the map may have changed.
    touched: TouchedTimes,
}

impl Merged {
    fn put(self, memtables: &mut Memtables, shard: &ShardRows) {
        shard.results.put(&shard.background_owner(), self.touched);
        memtables.runs_version += 1;
        memtables.map_version += u64::from(!self.map.is_empty());
        for (key, row) in self.map.into_iter().chain(self.runs) {
            memtables.pending.insert(layout::background(&key), row);
        }
        memtables.stored_runs = self.stored;
        let late = memtables.runs.split_off(self.new_runs);
        memtables.runs = self.left;
        memtables.runs.extend(late);
    }
}

/// The change that removes a keyword from the background. It holds the lock of the background.
pub(super) struct BackgroundRemoval<'a> {
    _lock: MutexGuard<'a, ()>,
    merged: Merged,
    /// The totals of the stored runs that were merged.
    known: StoredRuns,
}

impl BackgroundRemoval<'_> {
    /// Puts the rows of the background. The caller removes the rows of the keyword in the same
    /// step.
    pub(super) fn put(self, memtables: &mut Memtables, shard: &ShardRows) {
        // Commits may have stored further runs since the merge.
        let later = memtables.stored_runs.after(&self.known);
        self.merged.put(memtables, shard);
        memtables.stored_runs = later;
        memtables.background_changes += 1;
    }
}

impl ShardRows {
    /// Reads the totals of the stored runs, which are needed to add runs.
    pub(super) fn load_stored_runs(&self) -> Result<(), StoreError> {
        let runs = stored_runs(&BackgroundRows::new(self, None), u64::MAX)?;
        self.writing().stored_runs = StoredRuns::of(&runs)?;
        Ok(())
    }

    /// Merges runs if that is due, and makes one run of the contributions that are left. The caller
    /// freezes the rows in the same step. Leaves the merge to a later commit if rows cannot be read
    /// because a write failed, or while a keyword is removed from the background.
    pub(super) fn with_background_to_freeze(
        &self,
    ) -> Result<RwLockWriteGuard<'_, Memtables>, StoreError> {
        let Some(_lock) = self.background_lock.try_lock() else {
            let mut memtables = self.writing();
            store_new_runs(&mut memtables);
            return Ok(memtables);
        };
        let mut tries = 1..TRIES;
        loop {
            let merged = match self.merge_if_due() {
                Err(error) if error.is_unwritten() => None,
                merged => merged?,
            };
            let mut memtables = self.writing();
            if let Some(merged) = merged {
                merged.put(&mut memtables, self);
            }
            // Keywords may have lost tweets during the merge.
            let has_losses = memtables.runs.iter().any(|new| new.has_losses);
            if !has_losses || tries.next().is_none() {
                store_new_runs(&mut memtables);
                return Ok(memtables);
            }
        }
    }

    /// Makes the merge that is due, if one is. The caller holds `background_lock`.
    fn merge_if_due(&self) -> Result<Option<Merged>, StoreError> {
        let (known, new) = self.known_runs();
        Ok(match known.due(&new) {
            Some(Merge::All) => Some(self.merged(known, &new, None)?),
            Some(Merge::Losses) => Some(self.without_losses(known, new)?),
            None => None,
        })
    }

    /// The totals of the stored runs, and the new runs.
    fn known_runs(&self) -> (StoredRuns, Vec<NewRun>) {
        let memtables = self.reading();
        (memtables.stored_runs, memtables.runs.clone())
    }

    /// Computes the removal of a keyword from the background; `None` if the keyword has no tweets.
    /// The keyword was untracked at `changed_at`.
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
        let lock = self.background_lock.lock();
        let known = {
            let mut memtables = self.writing();
            store_new_runs(&mut memtables);
            memtables.stored_runs
        };
        let merged = blocking(|| self.merged(known, &[], Some((keyword, changed_at))))?;
        Ok(Some(BackgroundRemoval {
            _lock: lock,
            merged,
            known,
        }))
    }

    /// Merges the stored runs up to those of `known` and these new ones into the map. `removed` is
    /// a keyword to remove from the map, and the sequence at which it was untracked.
    fn merged(
        &self,
        known: StoredRuns,
        new: &[NewRun],
        removed: Option<(&Keyword, Sequence)>,
    ) -> Result<Merged, StoreError> {
        let rows = BackgroundRows::new(self, None);
        let stored = stored_runs(&rows, known.next)?;
        let (changed_at, records) = all_records(&stored, new);
        let mut settling = Settling::new(&rows);
        settling.merge(changed_at, &records)?;
        if let Some((keyword, changed_at)) = removed {
            settling.remove(changed_at, &self.of(keyword))?;
        }
        Ok(Merged {
            map: settling.into_row_changes(),
            runs: stored.into_iter().map(|(key, _)| (key, None)).collect(),
            stored: known.without_runs(),
            new_runs: new.len(),
            left: Vec::new(),
            touched: match removed {
                Some(_) => TouchedTimes::all(),
                None => times_of(&records)?,
            },
        })
    }

    /// Removes the lost tweets from the stored runs and these new ones, or from the map.
    fn without_losses(&self, known: StoredRuns, new: Vec<NewRun>) -> Result<Merged, StoreError> {
        let rows = BackgroundRows::new(self, None);
        let stored = stored_runs(&rows, u64::MAX)?;
        let (changed_at, records) = all_records(&stored, &new);
        let WithoutLosses { runs, losses } = WithoutLosses::of(&records)?;
        let losses = [losses];
        let touched = times_of(&losses)?;
        let mut settling = Settling::new(&rows);
        settling.merge(changed_at, &losses)?;
        let mut merged = Merged {
            map: settling.into_row_changes(),
            runs: Vec::new(),
            stored: known.without_runs(),
            new_runs: new.len(),
            left: Vec::new(),
            touched,
        };
        let mut runs = runs.into_iter();
        for ((key, run), changed) in stored.into_iter().zip(runs.by_ref()) {
            let records = changed.clone().unwrap_or(run.records);
            if !records.is_empty() {
                merged.stored.add(&records);
            }
            if changed.is_some() {
                let row = (!records.is_empty()).then(|| Run::encode(changed_at, &[records]));
                merged.runs.push((key, row));
            }
        }
        for (mut new, changed) in new.into_iter().zip(runs) {
            new.has_losses = false;
            new.run.records = changed.unwrap_or(new.run.records);
            if !new.run.records.is_empty() {
                merged.left.push(new);
            }
        }
        Ok(merged)
    }

    /// Number of times that the sums of the background have changed since the store was opened.
    pub(in crate::store) fn background_changes(&self) -> u64 {
        self.reading().background_changes
    }

    /// Calls `read` with the records of all runs and the rows of the map, in one version of the
    /// background. Calls `read` again if a merge changed the map meanwhile.
    ///
    /// Runs that a commit stores meanwhile are left out: their contributions are among the new runs
    /// of the version, or came after it. So a commit that only adds a run causes no second read.
    ///
    /// # Errors
    /// [`StoreError`], or the error of `read`.
    pub fn read_background<T>(
        &self,
        mut read: impl FnMut(&[Bytes], &dyn Rows) -> Result<T, RowsError>,
    ) -> Result<T, StoreError> {
        for _ in 0..TRIES {
            let rows = BackgroundRows::new(self, None);
            let (version, end, mut runs) = {
                let memtables = self.reading();
                let version = (memtables.runs_version, memtables.map_version);
                (
                    version,
                    memtables.stored_runs.next,
                    records_of_new(&memtables),
                )
            };
            let stored = stored_runs(&rows, end);
            if self.reading().runs_version != version.0 {
                continue;
            }
            runs.extend(stored?.into_iter().map(|(_, run)| run.records));
            let value = read(&runs, &rows);
            if let Err(RowsError::Abandoned) = value {
                return Err(RowsError::Abandoned.into());
            }
            if self.reading().map_version == version.1 {
                return Ok(value?);
            }
        }
        let snapshot = self.background_snapshot();
        let rows = snapshot.rows();
        let mut runs = records_of_new(snapshot.memtables());
        let stored = stored_runs(&rows, u64::MAX)?;
        runs.extend(stored.into_iter().map(|(_, run)| run.records));
        Ok(read(&runs, &rows)?)
    }
}

/// Makes one stored run of all new runs.
fn store_new_runs(memtables: &mut Memtables) {
    let new = std::mem::take(&mut memtables.runs);
    let Some(changed_at) = new.iter().map(|new| new.run.changed_at).max() else {
        return;
    };
    let has_losses = new.iter().any(|new| new.has_losses);
    let records: Vec<_> = new.into_iter().map(|new| new.run.records).collect();
    let stored = &mut memtables.stored_runs;
    let key = layout::background(&run_key(stored.next));
    stored.next += 1;
    stored.count += 1;
    stored.bytes += records.iter().map(Bytes::len).sum::<usize>();
    stored.has_losses |= has_losses;
    let row = Run::encode(changed_at, &records);
    memtables.pending.insert(key, Some(row));
}

/// The records of each new run.
fn records_of_new(memtables: &Memtables) -> Vec<Bytes> {
    let runs = memtables.runs.iter();
    runs.map(|new| new.run.records.clone()).collect()
}

/// The sequence of the last event of these runs, and the records of each run.
fn all_records(stored: &[(RowKey, Run)], new: &[NewRun]) -> (Sequence, Vec<Bytes>) {
    let stored = stored.iter().map(|(_, run)| run);
    let runs = stored.chain(new.iter().map(|new| &new.run));
    let (times, records): (Vec<_>, Vec<_>) = runs
        .map(|run| (run.changed_at, run.records.clone()))
        .unzip();
    (times.into_iter().max().unwrap_or_default(), records)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::events::{
        Checkpoint, Event, KeywordEnvelope, KeywordRecord, ShardId, Timestamp, TweetPosted,
    };
    use crate::projections::keys::WindowWords;
    use crate::projections::keys::background::{BACKGROUND_FORMAT, OtherCounts, RUN_FORMAT};
    use crate::projections::overview::Window;
    use crate::projections::test_history::{NOON, deleted, tweet};
    use crate::projections::tree::TreeReader;
    use crate::projections::{FoldContext, KeywordView};
    use crate::store::{Store, Views};

    /// Three keywords of one shard.
    fn keywords(store: &Store) -> (ShardId, Vec<Keyword>) {
        let names = (0..).map(|number| Keyword::new(&format!("k{number}")).unwrap());
        let shard = store.count().all().next().unwrap();
        let here = names.filter(|keyword| store.shard_of(keyword) == shard);
        (shard, here.take(3).collect())
    }

    /// A journal, and a store that has folded a part of it.
    struct Crashing<'d> {
        data: &'d Path,
        store: Arc<Store>,
        shard: ShardId,
        views: Vec<(Keyword, KeywordView)>,
        journal: Vec<(usize, Event)>,
        /// Number of journal entries that each keyword has folded.
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

        /// Compares the background with the sums over the rows of the keywords.
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
                    for index in 0..words.words().len() {
                        assert_eq!(found.of_word(index), expected.of_word(index));
                    }
                }
            }
        }
    }

    /// The word of a tweet. Words differ in their first byte, so that rows hold whole words,
    /// without shared prefixes.
    fn word_of(number: u64) -> String {
        let first = b'a' + u8::try_from(number).unwrap();
        format!("{}lantern", char::from(first))
    }

    /// A tweet of the first keyword with a word of its own.
    fn worded(number: u64) -> (usize, Event) {
        let tweet = TweetPosted {
            text: word_of(number),
            ..tweet(number)
        };
        (0, Event::TweetPosted(Box::new(tweet)))
    }

    impl Crashing<'_> {
        fn rows(&self) -> Arc<ShardRows> {
            Arc::clone(self.store.shard(self.shard).unwrap())
        }

        /// Whether a row of the background on disk contains the word of this tweet.
        fn is_named(&self, number: u64) -> bool {
            let word = word_of(number);
            let tree = self.rows().database.tree(self.rows().index).unwrap();
            [BACKGROUND_FORMAT, RUN_FORMAT].iter().any(|format| {
                let mut rows = tree.get().unwrap().scan_prefix([format.kind.number()]);
                rows.any(|row| {
                    let (key, row) = row.unwrap();
                    let mut parts = [key, row].into_iter();
                    parts.any(|part| part.windows(word.len()).any(|at| at == word.as_bytes()))
                })
            })
        }

        fn stored(&self) -> StoredRuns {
            self.rows().reading().stored_runs
        }
    }

    #[test]
    fn commit_removes_deleted_tweets_from_runs_and_map() {
        let data = tempfile::tempdir().unwrap();
        let mut journal: Vec<_> = (1..10).map(worded).collect();
        journal.extend([2, 9, 9, 8].map(|number| (0, deleted(number))));
        let mut crashing = Crashing::open(data.path(), journal);
        // Six commits, with at most three runs: the first tweets are in the map afterwards, and the
        // last ones in runs.
        for end in [2, 4, 5, 6, 8, 9] {
            crashing.put(0, end);
            crashing.commit();
        }
        assert_eq!(crashing.stored().count, 2);
        assert!([2, 5, 8, 9].iter().all(|number| crashing.is_named(*number)));
        for (end, gone, runs) in [(10, 2, 2), (12, 9, 1), (13, 8, 1)] {
            crashing.put(0, end);
            crashing.commit();
            assert!(!crashing.is_named(gone), "{gone}");
            assert!(!crashing.rows().has_pending());
            assert_eq!(crashing.stored().count, runs);
            crashing.check();
        }
        assert!([5, 7].iter().all(|number| crashing.is_named(*number)));
    }

    #[test]
    fn commit_after_a_failed_write_keeps_the_runs_and_is_followed_by_a_merge() {
        let data = tempfile::tempdir().unwrap();
        let mut journal: Vec<_> = (1..7).map(worded).collect();
        journal.push((0, deleted(1)));
        let mut crashing = Crashing::open(data.path(), journal);
        crashing.put(0, 3);
        crashing.commit();
        assert_eq!((crashing.stored().count, crashing.stored().next), (1, 1));
        // A write fails before the first rows are frozen after a start.
        let mut crashing = crashing.crash();
        crashing.put(0, 7);
        let rows = crashing.rows();
        rows.database.fail();
        rows.freeze().unwrap();
        rows.database.recover().unwrap();
        assert_eq!((crashing.stored().count, crashing.stored().next), (2, 2));
        crashing.check();
        assert!(rows.has_pending(), "a run names a deleted tweet");
        drop(rows);
        crashing.commit();
        assert!(!crashing.is_named(1) && crashing.is_named(2));
        assert!(!crashing.rows().has_pending());
        crashing.check();
        crashing.crash().check();
    }

    #[test]
    fn commits_go_on_while_a_keyword_is_taken_out() {
        let data = tempfile::tempdir().unwrap();
        let mut journal: Vec<_> = (1..6).map(worded).collect();
        let of_other = |number| {
            let (_, event) = worded(number);
            (1, event)
        };
        journal.extend((6..14).map(of_other));
        journal.push((1, deleted(6)));
        let mut crashing = Crashing::open(data.path(), journal);
        crashing.put(0, 3);
        crashing.commit();
        crashing.put(0, 5);
        crashing.put(1, 7);
        let rows = crashing.rows();
        let gone = crashing.views[0].0.clone();
        let removal = rows.remove_from_background(&gone, Sequence::new(15));
        let removal = removal.unwrap().unwrap();
        // More commits than the maximum number of runs. The last one stores a deletion.
        for end in 8..15 {
            crashing.put(1, end);
            crashing.commit();
        }
        crashing.check();
        for prefix in layout::all_of(&gone) {
            for key in rows.keys_of(&prefix).unwrap() {
                rows.writing().pending.insert(key, None);
            }
        }
        removal.put(&mut rows.writing(), &rows);
        crashing.views.remove(0);
        crashing.check();
        assert!(rows.has_pending());
        drop(rows);
        crashing.commit();
        crashing.check();
        assert!((1..7).all(|number| !crashing.is_named(number)));
        assert!((7..14).all(|number| crashing.is_named(number)));
    }

    #[test]
    fn read_starts_again_after_a_merge_but_not_after_a_commit() {
        let data = tempfile::tempdir().unwrap();
        let mut journal: Vec<_> = (1..8).map(worded).collect();
        journal.extend([7, 1].map(|number| (0, deleted(number))));
        let mut crashing = Crashing::open(data.path(), journal);
        for end in 1..5 {
            crashing.put(0, end);
            crashing.commit();
        }
        assert_eq!(crashing.stored().count, 0, "all are in the map");
        crashing.put(0, 5);
        crashing.commit();
        // The end of the journal that is folded and committed during the read, and the expected
        // number of calls of `read`. The cases are a new run, a deletion in a run, and a deletion
        // in the map.
        for (end, calls) in [(7, 1), (8, 1), (9, 2)] {
            let rows = crashing.rows();
            let mut done = 0;
            let seen = rows.read_background(|runs, map| {
                done += 1;
                if done == 1 {
                    crashing.put(0, end);
                    crashing.commit();
                }
                let mut words = 0;
                TreeReader::new(map, &BACKGROUND_FORMAT).visit(b"", |_, _| {
                    words += 1;
                    true
                })?;
                Ok((runs.iter().map(Bytes::len).sum::<usize>(), words))
            });
            assert_eq!(done, calls, "{end}");
            let before = seen.unwrap();
            assert!(before.0 > 0 && before.1 > 0);
        }
        crashing.check();
    }

    #[test]
    fn read_during_many_merges_has_one_version_and_no_put_waits_for_it() {
        let data = tempfile::tempdir().unwrap();
        let mut journal: Vec<_> = (1..8).map(worded).collect();
        journal.extend((1..5).map(|number| (0, deleted(number))));
        let mut crashing = Crashing::open(data.path(), journal);
        for end in 1..5 {
            crashing.put(0, end);
            crashing.commit();
        }
        assert_eq!(crashing.stored().count, 0, "all are in the map");
        let (rows, mut done, mut end) = (crashing.rows(), 0, 7);
        let seen = rows.read_background(|runs, map| {
            let words = || {
                let mut words = Vec::new();
                TreeReader::new(map, &BACKGROUND_FORMAT).visit(b"", |name, count| {
                    words.push((name.to_vec(), count));
                    true
                })?;
                Ok::<_, RowsError>(words)
            };
            let before = words()?;
            done += 1;
            end += 1;
            // Removes a tweet from the map.
            crashing.put(0, end);
            if done <= TRIES {
                crashing.commit();
                return Ok(None);
            }
            assert!(rows.sled_writes.try_write().is_none(), "a commit waits");
            rows.freeze().unwrap();
            assert_eq!(words()?, before);
            Ok(Some((runs.len(), before.len())))
        });
        assert_eq!(done, TRIES + 1);
        let (_, entries) = seen.unwrap().unwrap();
        assert!(entries > 0);
        crashing.check();
        crashing.commit();
        crashing.check();
    }

    #[test]
    fn copied_shard_goes_on_after_its_runs() {
        let data = tempfile::tempdir().unwrap();
        let mut crashing = Crashing::open(data.path(), (1..5).map(worded).collect());
        crashing.put(0, 2);
        crashing.commit();
        let elsewhere = tempfile::tempdir().unwrap();
        let copy = Store::of_test(elsewhere.path());
        crashing.store.copy_to(&copy).unwrap();
        let copied = copy.shard(crashing.shard).unwrap().reading().stored_runs;
        assert_eq!((copied.count, copied.next), (1, 1));
        assert_eq!(copied, crashing.stored());
    }

    #[test]
    fn rows_of_an_earlier_fold_have_its_runs_or_are_refused() {
        let data = tempfile::tempdir().unwrap();
        let mut crashing = Crashing::open(data.path(), (1..5).map(worded).collect());
        crashing.put(0, 2);
        crashing.commit();
        let runs = |fold| {
            let context = FoldContext::default().of_fold(fold);
            let rows = crashing.rows().in_context(context, &Arc::default());
            rows.read_background(|runs, _| Ok(runs.len()))
        };
        assert_eq!(runs(12).unwrap(), 1);
        assert!(runs(11).unwrap_err().awaits_views());
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
