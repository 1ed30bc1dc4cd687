//! The stores that readers see: one for each shard.
//!
//! In: a store for all shards, or another store for one of them. Out: the rows of each shard. A
//! value never changes, so an answer that is read from one value never mixes stores.

use std::sync::Arc;

use super::{Epoch, ShardRows, Store, StoreError};
use crate::events::{Keyword, Sequence, ShardCount, ShardId, Token};
use crate::projections::{KeywordSummary, Rows as _};

/// The stores that are shown. All have the same number of shards and the same epoch.
#[derive(Debug)]
pub(super) struct Shown {
    shards: Vec<ShownShard>,
    count: ShardCount,
    epoch: Epoch,
}

/// One shard: its rows, and the store that they belong to. The store stays open while it is held.
#[derive(Debug, Clone)]
pub(super) struct ShownShard {
    pub(super) store: Arc<Store>,
    pub(super) rows: Arc<ShardRows>,
}

/// Why a store cannot show a shard instead of the shown one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwapError {
    /// No views are shown.
    #[error("no views are shown")]
    Hidden,
    /// The store divides the keywords into another number of shards.
    #[error("the store has {} shards, and the shown views have {}", .found.get(), .shown.get())]
    ShardCount {
        /// Number of shards of the store.
        found: ShardCount,
        /// Number of shards of the shown views.
        shown: ShardCount,
    },
    /// The rows of the store are of another epoch.
    #[error("the store is of epoch {found}, and the shown views are of epoch {shown}")]
    Epoch {
        /// The epoch of the store.
        found: Epoch,
        /// The epoch of the shown views.
        shown: Epoch,
    },
    /// The shard of the store is behind the shown one, so positions would decrease in an epoch.
    #[error("the store has folded through {found}, and the shown views through {shown}")]
    Checkpoint {
        /// The checkpoint of the store.
        found: Sequence,
        /// The checkpoint of the shown views.
        shown: Sequence,
    },
    /// A lagging keyword of the store is behind its shown rows, although its shard is not.
    #[error(
        "the keyword {keyword} lags at {found} in the store, and the shown views have folded it \
        through {shown}"
    )]
    Lagging {
        /// The keyword.
        keyword: Keyword,
        /// The position of the keyword in the store.
        found: Sequence,
        /// The position of the keyword in the shown views.
        shown: Sequence,
    },
    /// The shown shard has uncommitted rows, which may be ahead of its checkpoint.
    #[error("the shown views have rows that are not committed")]
    Uncommitted,
    /// A checkpoint, or the position of a lagging keyword, cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Shown {
    /// All shards of one store.
    pub(super) fn all_of(store: &Arc<Store>) -> Self {
        let shards = store.shards().iter().map(|rows| ShownShard {
            store: Arc::clone(store),
            rows: Arc::clone(rows),
        });
        Self {
            shards: shards.collect(),
            count: store.count(),
            epoch: store.epoch(),
        }
    }

    /// Returns the shown stores, with one shard of `store` instead of the shown one.
    ///
    /// # Errors
    /// [`SwapError`].
    pub(super) fn with_shard(&self, shard: ShardId, store: &Arc<Store>) -> Result<Self, SwapError> {
        let (found, shown) = (store.count(), self.count);
        if found != shown {
            return Err(SwapError::ShardCount { found, shown });
        }
        let (found, shown) = (store.epoch(), self.epoch);
        if found != shown {
            return Err(SwapError::Epoch { found, shown });
        }
        let current = self.shard(shard)?;
        let rows = Arc::clone(store.shard(shard)?);
        if current.rows.has_uncommitted() {
            return Err(SwapError::Uncommitted);
        }
        let (found, shown) = (folded(&rows)?, folded(&current.rows)?);
        if found < shown {
            return Err(SwapError::Checkpoint { found, shown });
        }
        // A checkpoint does not cover the lagging keywords of its shard.
        for keyword in rows.behind()? {
            let (found, shown) = (as_of(&rows, &keyword)?, as_of(&current.rows, &keyword)?);
            if found < shown {
                return Err(SwapError::Lagging {
                    keyword,
                    found,
                    shown,
                });
            }
        }
        let mut shards = self.shards.clone();
        if let Some(current) = shards.get_mut(shard.index()) {
            let store = Arc::clone(store);
            *current = ShownShard { store, rows };
        }
        Ok(Self { shards, ..*self })
    }

    /// The epoch of all stores.
    pub(super) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// All shards, in order.
    pub(super) fn shards(&self) -> &[ShownShard] {
        &self.shards
    }

    /// The shard of a keyword.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] when there is none; this does not happen.
    pub(super) fn shard_of(&self, keyword: &Keyword) -> Result<&ShownShard, StoreError> {
        self.shard(self.count.shard_of(Token::of(keyword).as_str().as_bytes()))
    }

    /// Whether this shard of this store is shown.
    pub(super) fn shows(&self, shard: &ShownShard) -> bool {
        let mut shards = self.shards.iter();
        shards.any(|shown| Arc::ptr_eq(&shown.rows, &shard.rows))
    }

    fn shard(&self, shard: ShardId) -> Result<&ShownShard, StoreError> {
        self.shards
            .get(shard.index())
            .ok_or_else(|| StoreError::Inconsistent(format!("there is no shard {shard}")))
    }
}

/// The sequence of the checkpoint; zero before the first commit.
fn folded(rows: &ShardRows) -> Result<Sequence, StoreError> {
    let record = rows.record()?;
    Ok(record.map_or(Sequence::ZERO, |record| record.checkpoint.sequence))
}

/// The position of a keyword; zero when there is no such keyword.
fn as_of(rows: &ShardRows, keyword: &Keyword) -> Result<Sequence, StoreError> {
    let row = rows.of(keyword).get(&KeywordSummary::key())?;
    let summary = row.map(|row| KeywordSummary::decode(&row)).transpose()?;
    Ok(summary.map_or(Sequence::ZERO, |summary| summary.as_of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Checkpoint, Incarnation, RecordHash, Timestamp};
    use crate::projections::{FoldContext, RowChanges};
    use crate::store::{Generation, StoreOptions, Views};

    const SHARDS: u16 = 4;

    /// A folder with a store, in which every keyword has this number of tweets.
    struct Scene {
        _data: tempfile::TempDir,
        store: Arc<Store>,
    }

    impl Scene {
        fn new(shards: u16, incarnation: u64, folded: u64, tweets: u64) -> Self {
            let data = tempfile::tempdir().unwrap();
            let incarnation = Incarnation(incarnation);
            let generation = Generation::load(data.path()).unwrap();
            let store = Store::open(&StoreOptions {
                dir: data.path().join("views"),
                cache_bytes: 1 << 20,
                shards: ShardCount::new(shards).unwrap(),
                incarnation,
                generation,
                context: FoldContext::default(),
            });
            let scene = Self {
                _data: data,
                store: Arc::new(store.unwrap()),
            };
            scene.put(&word("a"), tweets);
            scene.put(&word("b"), tweets);
            scene.commit(folded);
            scene
        }

        fn commit(&self, folded: u64) {
            for rows in self.store.shards() {
                let checkpoint = Checkpoint {
                    incarnation: self.store.parts().incarnation,
                    sequence: Sequence::new(folded),
                    hash: RecordHash(0),
                };
                let record = self.store.record_at(checkpoint, Timestamp::EARLIEST);
                rows.commit(&record).unwrap();
            }
        }

        fn put(&self, keyword: &Keyword, tweets: u64) {
            self.put_at(1, keyword, tweets);
        }

        fn put_at(&self, as_of: u64, keyword: &Keyword, tweets: u64) {
            let summary = KeywordSummary {
                tracked: true,
                as_of: Sequence::new(as_of),
                tweets,
                ..KeywordSummary::default()
            };
            let changes = RowChanges {
                rows: vec![(KeywordSummary::key(), Some(summary.encode().unwrap()))],
                ..RowChanges::default()
            };
            let rows = self.store.rows_of(keyword).unwrap();
            rows.put(keyword, changes).unwrap();
        }

        fn shard_of(&self, keyword: &str) -> ShardId {
            self.store.shard_of(&word(keyword))
        }
    }

    fn word(text: &str) -> Keyword {
        Keyword::new(text).unwrap()
    }

    fn tweets_of(views: &Views, keyword: &str) -> u64 {
        let read = views.read(&word(keyword), |summary, _| Ok(summary.tweets));
        let tweets = read.unwrap().unwrap().value;
        let summary = views.summary(&word(keyword)).unwrap().unwrap();
        assert_eq!(summary.tweets, tweets);
        tweets
    }

    #[test]
    fn swapped_shard_serves_the_new_rows_and_other_shards_the_old_ones() {
        let (old, new) = (Scene::new(SHARDS, 1, 8, 10), Scene::new(SHARDS, 1, 8, 20));
        assert_ne!(old.shard_of("a"), old.shard_of("b"));
        let views = Views::default();
        views.show(&old.store);
        let epoch = views.epoch().unwrap();
        let mut shown = views.shown();
        shown.mark_unchanged();
        views.swap_shard(old.shard_of("a"), &new.store).unwrap();
        assert!(shown.has_changed().unwrap());
        assert_eq!((tweets_of(&views, "a"), tweets_of(&views, "b")), (20, 10));
        assert_eq!(views.epoch().unwrap(), epoch);
        let all = views.summaries().unwrap().into_iter();
        let all: Vec<_> = all.map(|(_, summary)| summary.tweets).collect();
        assert_eq!(all, [20, 10]);

        views.show(&new.store);
        assert_eq!((tweets_of(&views, "a"), tweets_of(&views, "b")), (20, 20));
    }

    #[test]
    fn swap_is_refused_with_what_differs_and_changes_nothing() {
        let old = Scene::new(SHARDS, 1, 8, 10);
        let shard = old.shard_of("a");
        let views = Views::default();
        let refusal = |store: &Arc<Store>| views.swap_shard(shard, store).unwrap_err();
        assert!(matches!(refusal(&old.store), SwapError::Hidden));
        assert!(views.epoch().is_err());

        views.show(&old.store);
        let fewer_shards = Scene::new(SHARDS - 1, 1, 8, 20);
        assert!(matches!(
            refusal(&fewer_shards.store),
            SwapError::ShardCount { found, shown } if (found.get(), shown.get()) == (3, 4)
        ));
        let of_another_journal = Scene::new(SHARDS, 2, 8, 20);
        assert!(matches!(
            refusal(&of_another_journal.store),
            SwapError::Epoch { found, shown }
                if found == of_another_journal.store.epoch() && shown == old.store.epoch()
        ));
        let behind = Scene::new(SHARDS, 1, 7, 20);
        assert!(matches!(
            refusal(&behind.store),
            SwapError::Checkpoint { found, shown } if (found.get(), shown.get()) == (7, 8)
        ));
        old.put(&word("a"), 11);
        let fitting = Scene::new(SHARDS, 1, 8, 20);
        assert!(matches!(refusal(&fitting.store), SwapError::Uncommitted));
        assert_eq!((tweets_of(&views, "a"), tweets_of(&views, "b")), (11, 10));
    }

    #[test]
    fn shard_with_a_keyword_that_lags_behind_its_shown_rows_is_refused() {
        let (old, new) = (Scene::new(SHARDS, 1, 8, 10), Scene::new(SHARDS, 1, 8, 20));
        let (shard, lagging) = (old.shard_of("a"), word("a"));
        old.put_at(5, &lagging, 10);
        old.commit(8);
        let behind = |as_of| {
            new.put_at(as_of, &lagging, 20);
            new.store
                .rows_of(&lagging)
                .unwrap()
                .mark_behind(&lagging, true);
            new.commit(8);
        };
        let views = Views::default();
        views.show(&old.store);
        behind(4);
        assert!(matches!(
            views.swap_shard(shard, &new.store),
            Err(SwapError::Lagging { keyword, found, shown })
                if keyword == lagging && (found.get(), shown.get()) == (4, 5)
        ));
        assert_eq!(tweets_of(&views, "a"), 10);
        behind(5);
        views.swap_shard(shard, &new.store).unwrap();
        assert_eq!(tweets_of(&views, "a"), 20);
    }

    #[test]
    fn answer_does_not_mix_stores_when_a_shard_is_swapped_meanwhile() {
        let (old, new) = (Scene::new(SHARDS, 1, 8, 10), Scene::new(SHARDS, 1, 8, 20));
        let views = Views::default();
        views.show(&old.store);
        let shard = old.shard_of("a");

        let read = views.read(&word("a"), |summary, rows| {
            views.swap_shard(shard, &new.store).unwrap();
            let row = rows.get(&KeywordSummary::key())?.unwrap();
            Ok((summary.tweets, KeywordSummary::decode(&row)?.tweets))
        });
        assert_eq!(read.unwrap().unwrap().value, (10, 10));
        assert_eq!(tweets_of(&views, "a"), 20);

        let pinned = views.pinned().unwrap();
        views.swap_shard(old.shard_of("b"), &new.store).unwrap();
        assert_eq!((tweets_of(&pinned, "a"), tweets_of(&pinned, "b")), (20, 10));
        assert_eq!((tweets_of(&views, "a"), tweets_of(&views, "b")), (20, 20));
        views.hide();
        assert!(matches!(pinned.epoch(), Err(StoreError::Absent)));
    }

    #[test]
    fn damage_is_noticed_only_in_the_shown_store_of_its_shard() {
        let (old, new) = (Scene::new(SHARDS, 1, 8, 10), Scene::new(SHARDS, 1, 8, 20));
        let views = Views::default();
        views.show(&old.store);
        views.swap_shard(old.shard_of("a"), &new.store).unwrap();
        let damage = views.damage();
        let meet = |scene: &Scene, keyword: &str| {
            let stores = Shown::all_of(&scene.store);
            let shard = stores.shard_of(&word(keyword)).unwrap();
            let damaged = Err(StoreError::Inconsistent("a test".into()));
            views.noticing_damage::<()>(shard, damaged).unwrap_err();
            *damage.borrow()
        };
        assert_eq!(meet(&old, "a"), 0);
        assert_eq!(meet(&new, "b"), 0);
        assert_eq!(meet(&new, "a"), 1);
        assert_eq!(meet(&old, "b"), 2);
    }
}
