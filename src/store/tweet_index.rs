//! The tweet index: which keywords hold a tweet.
//!
//! The first query builds an index of the tweet ids of all tracked keywords in memory, so a query
//! takes as long with 100,000 keywords as with one. The index is built from the rows of the
//! keywords, and the put logs of the shards keep it up to date. It is dropped when no queries come.
//!
//! An index has at most [`MAX_INDEXED`] ids. If there are more, the keywords with the most ids are
//! left out of it. They are looked up one by one through their filters (2 bytes an id).

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::index_segments::{IndexSegments, KeywordNumber};
use super::shown::Shown;
use super::{ShardRows, StoreError, Views};
use crate::events::{Keyword, Sequence, TweetId};
use crate::projections::KeywordSummary;
use crate::projections::ids::{self, IdHash, IdState, Ids};

/// Maximum number of ids in an index. At 20 bytes each they take 240 MB.
const MAX_INDEXED: u64 = 12_000_000;

/// Finds the tracked keywords that hold a tweet.
#[derive(Debug)]
pub struct TweetIndex {
    views: Views,
    known: Mutex<Option<Known>>,
    max_indexed: u64,
}

/// The index in memory.
#[derive(Debug)]
struct Known {
    /// The rows of each shard from which it was built.
    shards: Vec<Weak<ShardRows>>,
    /// The time of the last query.
    asked: Instant,
    index: IndexSegments,
    /// Number of entries, including those of untracked keywords.
    indexed: u64,
    /// Number of entries of untracked keywords.
    stale: u64,
    /// The keyword for each number of the index; `None` for an untracked keyword.
    numbers: Vec<Option<Keyword>>,
    small: HashMap<Keyword, Indexed>,
    /// Keywords with too many ids for the index. Each has the position at which its ids were read.
    large: HashMap<Keyword, (Sequence, Ids)>,
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
enum Found {
    Untracked,
    Tracked {
        runs: Vec<u8>,
        ids: Vec<(IdHash, bool)>,
    },
}

impl TweetIndex {
    /// Makes an index, which the first query builds.
    pub fn new(views: Views) -> Self {
        Self {
            views,
            known: Mutex::default(),
            max_indexed: MAX_INDEXED,
        }
    }

    /// Returns the tracked keywords that hold a tweet: the tweet was posted there and not deleted.
    /// `also` are keywords to which the tweet is being posted. They count unless the tweet was
    /// deleted there before. With `fresh` the answer reflects the current rows, otherwise at least
    /// the rows at the last fresh query. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of(
        &self,
        id: &TweetId,
        also: &[Keyword],
        fresh: bool,
    ) -> Result<Vec<Keyword>, StoreError> {
        let hash = IdHash::of(id);
        let views = self.views.pinned()?;
        let stores = views.stores()?;
        let mut guard = self.known.lock();
        let current = guard.take().filter(|known| known.is_of(&stores));
        let is_new = current.is_none();
        // After an error the index is dropped, so it is never incomplete.
        let mut known = match current {
            Some(known) => known,
            None => Known::read(&views, &stores, self.max_indexed)?,
        };
        if fresh && !is_new {
            known.refresh(&views, &stores)?;
            if known.is_worn(self.max_indexed) {
                // Dropping the old index ends the put logs, so that the new index can watch them.
                drop(known);
                known = Known::read(&views, &stores, self.max_indexed)?;
            }
        }
        known.asked = Instant::now();
        let answer = known.holders(&views, hash, also);
        *guard = Some(known);
        answer
    }

    /// Drops the index when the last query was longer ago than `after`.
    pub fn forget_unasked(&self, after: Duration) {
        let mut guard = self.known.lock();
        drop(guard.take_if(|known| known.asked.elapsed() >= after));
    }
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
    fn is_of(&self, stores: &Shown) -> bool {
        let shown = stores.shards().iter();
        let shown = shown.map(|shard| Arc::as_ptr(&shard.rows));
        self.shards.iter().map(Weak::as_ptr).eq(shown)
    }

    /// Builds the index from the rows of all keywords.
    fn read(views: &Views, stores: &Shown, max_indexed: u64) -> Result<Self, StoreError> {
        let shards = stores.shards().iter();
        let mut known = Self {
            shards: shards.map(|shard| Arc::downgrade(&shard.rows)).collect(),
            asked: Instant::now(),
            index: IndexSegments::new(),
            indexed: 0,
            stale: 0,
            numbers: Vec::new(),
            small: HashMap::new(),
            large: HashMap::new(),
        };
        let mut sizes = Vec::new();
        for shard in stores.shards() {
            // The put log is watched before the rows are read, so keywords that are put meanwhile
            // are read again.
            shard.rows.put_log().watch();
            let summaries = views.summaries_of(shard)?.into_iter();
            let tracked = summaries.filter(|(_, summary)| summary.tracked);
            sizes.extend(tracked.map(|(keyword, summary)| {
                let size = ids::at_most(&summary.id_runs);
                (size, keyword, summary.id_runs.is_empty())
            }));
        }
        // Keywords with the fewest ids come first, so that as many keywords as possible are in the
        // index.
        sizes.sort_unstable();
        let mut room = max_indexed;
        for (size, keyword, has_no_runs) in sizes {
            match room.checked_sub(size) {
                Some(rest) if has_no_runs => {
                    room = rest;
                    // All ids of this keyword are in one row. They are read below, together with
                    // those of its neighbours.
                    let (runs, ids) = (Vec::new(), Vec::new());
                    known.add(keyword, Found::Tracked { runs, ids });
                }
                Some(rest) => {
                    room = rest;
                    let found = find(views, &keyword, &[])?;
                    known.add(keyword, found);
                }
                None => {
                    room = 0;
                    // The first query reads its filters.
                    known.large.insert(keyword, Default::default());
                }
            }
        }
        for shard in stores.shards() {
            let rows = &shard.rows;
            let read = rows.for_each_recent_ids(|keyword, row| known.add_recent(&keyword, row));
            views.noticing_damage(shard, read)?;
        }
        known.index.sort();
        // Rows that were put between the two reads may have been merged.
        known.refresh(views, stores)?;
        Ok(known)
    }

    /// Adds the newest ids of a keyword without id runs.
    fn add_recent(&mut self, keyword: &Keyword, row: &[u8]) -> Result<(), StoreError> {
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

    /// Reads the keywords that were put since the last call.
    fn refresh(&mut self, views: &Views, stores: &Shown) -> Result<(), StoreError> {
        for shard in stores.shards() {
            for (keyword, was_cleared) in shard.rows.put_log().take() {
                if was_cleared {
                    self.forget(&keyword);
                }
                if self.large.contains_key(&keyword) {
                    continue;
                }
                let seen = self.small.get(&keyword).map(|known| &*known.runs);
                match find(views, &keyword, seen.unwrap_or_default())? {
                    Found::Untracked => self.forget(&keyword),
                    Found::Tracked { runs, ids } => self.start_indexing(keyword, runs, &ids),
                }
            }
        }
        Ok(())
    }

    /// Whether the index exceeds its limit, or half of its entries belong to untracked keywords.
    const fn is_worn(&self, max_indexed: u64) -> bool {
        self.indexed > max_indexed.saturating_add(max_indexed / 8)
            || (self.stale > 1_000 && self.stale > self.indexed / 2)
    }

    fn holders(
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
                // A merge moves the runs to other rows, so they are read again.
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

    /// Adds a keyword that is not in the index. Its entries must be sorted afterwards.
    fn add(&mut self, keyword: Keyword, found: Found) {
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

    /// Adds the new ids of a keyword.
    fn start_indexing(&mut self, keyword: Keyword, runs: Vec<u8>, ids: &[(IdHash, bool)]) {
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
    fn forget(&mut self, keyword: &Keyword) {
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

/// Reads the ids of a keyword outside the `seen` runs, from one version of its rows.
fn find(views: &Views, keyword: &Keyword, seen: &[u8]) -> Result<Found, StoreError> {
    let found = views.read(keyword, |summary: &KeywordSummary, rows| {
        if !summary.tracked {
            return Ok(Found::Untracked);
        }
        let mut ids = Vec::new();
        ids::visit(rows, &summary.id_runs, seen, |id, state| {
            ids.push((id, state == IdState::Deleted));
        })?;
        let runs = summary.id_runs.clone();
        Ok(Found::Tracked { runs, ids })
    })?;
    Ok(found.map_or(Found::Untracked, |found| found.value))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::projections::RowChanges;
    use crate::projections::ids::RECENT;
    use crate::store::Store;

    /// Keywords whose rows are put like a fold puts them.
    struct Scene {
        _data: tempfile::TempDir,
        store: Arc<Store>,
        views: Views,
        kept: BTreeMap<Keyword, Kept>,
        seq: u64,
    }

    #[derive(Default)]
    struct Kept {
        ids: Ids,
        summary: KeywordSummary,
        model: BTreeMap<u32, bool>,
    }

    fn id(number: u32) -> TweetId {
        TweetId::new(&format!("x:{number}")).unwrap()
    }

    fn keyword(number: u32) -> Keyword {
        Keyword::new(&format!("kw{number}")).unwrap()
    }

    impl Scene {
        fn new() -> Self {
            let data = tempfile::tempdir().unwrap();
            let store = Arc::new(Store::of_test(data.path()));
            let views = Views::default();
            views.show(&store);
            Self {
                _data: data,
                store,
                views,
                kept: BTreeMap::new(),
                seq: 0,
            }
        }

        /// Puts ids in a keyword, as posted or deleted.
        fn put(&mut self, number: u32, ids: impl Iterator<Item = u32>, state: IdState) {
            let keyword = keyword(number);
            let shard = self.store.rows_of(&keyword).unwrap();
            let kept = self.kept.entry(keyword.clone()).or_default();
            let rows = shard.of(&keyword);
            for number in ids {
                let is_deleted = state == IdState::Deleted;
                if is_deleted || !kept.model.contains_key(&number) {
                    let (hash, at) = (IdHash::of(&id(number)), Sequence::new(self.seq + 1));
                    kept.ids.set(&rows, hash, state, at).unwrap();
                    *kept.model.entry(number).or_default() |= is_deleted;
                }
            }
            let mut rows = Vec::new();
            kept.ids.take_row_changes(&mut rows);
            self.seq += 1;
            kept.summary.tracked = true;
            kept.summary.as_of = Sequence::new(self.seq);
            kept.summary.id_runs = kept.ids.runs();
            rows.push((KeywordSummary::key(), Some(kept.summary.encode().unwrap())));
            let changes = RowChanges {
                rows,
                ..RowChanges::default()
            };
            shard.put(&keyword, changes).unwrap();
        }

        /// Untracks a keyword, which drops its ids.
        fn clear(&mut self, number: u32, is_tracked: bool) {
            let keyword = keyword(number);
            self.seq += 1;
            let summary = KeywordSummary {
                tracked: is_tracked,
                as_of: Sequence::new(self.seq),
                ..KeywordSummary::default()
            };
            let changes = RowChanges {
                cleared: true,
                rows: vec![(KeywordSummary::key(), Some(summary.encode().unwrap()))],
                ..RowChanges::default()
            };
            let shard = self.store.rows_of(&keyword).unwrap();
            shard.put(&keyword, changes).unwrap();
            self.kept.remove(&keyword);
        }

        fn holders(&self, number: u32) -> Vec<Keyword> {
            let holds = |kept: &Kept| kept.model.get(&number) == Some(&false);
            let held = self.kept.iter().filter(|(_, kept)| holds(kept));
            held.map(|(keyword, _)| keyword.clone()).collect()
        }
    }

    fn of(holders: &TweetIndex, number: u32, also: &[Keyword]) -> Vec<Keyword> {
        let mut found = holders.of(&id(number), also, true).unwrap();
        found.sort();
        found
    }

    #[derive(Debug, Clone)]
    enum Step {
        Post(u32, u32, u32),
        Delete(u32, u32, u32),
        Clear(u32, bool),
        Forget,
        Ask,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let count = prop_oneof![4 => 1_u32..20, 1 => 100_u32..1_200];
        let step = prop_oneof![
            6 => (0_u32..4, 0_u32..400, count)
                .prop_map(|(k, first, count)| Step::Post(k, first, count)),
            2 => (0_u32..4, 0_u32..400, 1_u32..30)
                .prop_map(|(k, first, count)| Step::Delete(k, first, count)),
            1 => (0_u32..4, any::<bool>()).prop_map(|(k, is_tracked)| Step::Clear(k, is_tracked)),
            1 => Just(Step::Forget),
            4 => Just(Step::Ask),
        ];
        prop::collection::vec(step, 1..20)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn tweet_index_finds_exactly_the_holders(steps in steps()) {
            // All keywords in the index, some, and none.
            for max_indexed in [MAX_INDEXED, 600, 0] {
                // Each limit has a scene of its own, because a put log has one reader.
                let mut scene = Scene::new();
                let holders = TweetIndex {
                    max_indexed,
                    ..TweetIndex::new(scene.views.clone())
                };
                for step in steps.iter().chain([&Step::Ask]) {
                    match *step {
                        Step::Post(k, first, count) => {
                            let at = crate::events::Timestamp::EARLIEST;
                            scene.put(k, first..first + count, IdState::Present(at));
                        }
                        Step::Delete(k, first, count) => {
                            scene.put(k, first..first + count, IdState::Deleted);
                        }
                        Step::Clear(k, is_tracked) => scene.clear(k, is_tracked),
                        Step::Forget => holders.forget_unasked(Duration::ZERO),
                        Step::Ask => for number in (0..1_600).step_by(37) {
                            let expected = scene.holders(number);
                            prop_assert_eq!(of(&holders, number, &[]), expected);
                        },
                    }
                }
            }
        }
    }

    #[test]
    fn pending_posts_count_unless_deleted() {
        let mut scene = Scene::new();
        let at = crate::events::Timestamp::EARLIEST;
        scene.put(0, 0..300, IdState::Present(at));
        scene.put(1, 0..1, IdState::Deleted);
        let also = [keyword(1), keyword(2)];
        for max_indexed in [MAX_INDEXED, 0] {
            let holders = TweetIndex {
                max_indexed,
                ..TweetIndex::new(scene.views.clone())
            };
            assert_eq!(of(&holders, 0, &also), [keyword(0), keyword(2)]);
            assert_eq!(of(&holders, 1, &also), [keyword(0), keyword(1), keyword(2)]);
        }
    }

    /// A put log has one reader. Dropping the index ends the log.
    #[test]
    fn puts_are_not_noted_without_a_reader() {
        let mut scene = Scene::new();
        let at = crate::events::Timestamp::EARLIEST;
        let holders = TweetIndex::new(scene.views.clone());
        assert_eq!(of(&holders, 1, &[]), []);
        scene.put(0, 0..5, IdState::Present(at));
        let store = Arc::clone(&scene.store);
        let noted = || -> usize {
            let shards = store.shards().iter();
            shards.map(|shard| shard.put_log().take().len()).sum()
        };
        assert_eq!(noted(), 1);
        holders.forget_unasked(Duration::ZERO);
        scene.put(0, 5..10, IdState::Present(at));
        assert_eq!(noted(), 0);
        assert_eq!(of(&holders, 7, &[]), [keyword(0)]);
    }

    #[test]
    fn put_log_of_a_shard_that_is_no_longer_shown_ends() {
        let (mut before, mut after) = (Scene::new(), Scene::new());
        let holders = TweetIndex::new(before.views.clone());
        assert_eq!(of(&holders, 1, &[]), []);
        let (old, new) = (Arc::clone(&before.store), Arc::clone(&after.store));
        before.views.show(&new);
        assert_eq!(of(&holders, 1, &[]), []);
        let at = crate::events::Timestamp::EARLIEST;
        before.put(0, 0..5, IdState::Present(at));
        after.put(0, 0..5, IdState::Present(at));
        let noted = |store: &Store| -> usize {
            let shards = store.shards().iter();
            shards.map(|shard| shard.put_log().take().len()).sum()
        };
        assert_eq!((noted(&old), noted(&new)), (0, 1));
    }

    #[test]
    fn oversized_index_is_read_again() {
        let mut scene = Scene::new();
        let at = crate::events::Timestamp::EARLIEST;
        let limit = u64::try_from(RECENT).unwrap() * 4;
        let holders = TweetIndex {
            max_indexed: limit,
            ..TweetIndex::new(scene.views.clone())
        };
        for round in 0..40_u32 {
            scene.put(
                round % 3,
                round * 100..(round + 1) * 100,
                IdState::Present(at),
            );
            assert_eq!(of(&holders, round * 100, &[]), [keyword(round % 3)]);
            let known = holders.known.lock();
            let indexed = known.as_ref().unwrap().indexed;
            assert!(indexed <= limit + limit / 8, "{indexed}");
        }
    }
}
