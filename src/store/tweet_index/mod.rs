//! The tweet index: which keywords hold a tweet.
//!
//! The first query builds an index of the tweet ids of all tracked keywords in memory, so a query
//! takes as long with 100,000 keywords as with one. The index is built from the rows of the
//! keywords, and the put logs of the shards keep it up to date. The index is dropped when no
//! queries come.
//!
//! An index is built with at most [`MAX_INDEXED`] ids, and built again when it has an eighth more.
//! If there are more ids, the keywords with the most ids are left out of the index. These keywords
//! are looked up one by one through their filters (2 bytes an id).

mod known;
mod reading;

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{StoreError, Views};
use crate::events::{Keyword, TweetId};
use crate::projections::ids::IdHash;
use known::Known;

/// Maximum number of ids with which an index is built. At 20 bytes each they take 240 MB.
const MAX_INDEXED: u64 = 12_000_000;

/// Finds the tracked keywords that hold a tweet.
#[derive(Debug)]
pub struct TweetIndex {
    views: Views,
    known: Mutex<Option<Known>>,
    max_indexed: u64,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::events::Sequence;
    use crate::projections::ids::{IdState, Ids, RECENT};
    use crate::projections::{KeywordSummary, RowChanges};
    use crate::store::Store;

    /// Keywords whose rows are put as a fold puts them.
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
