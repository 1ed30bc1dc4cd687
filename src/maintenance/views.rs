//! Operations on the views of a stopped server: list, compare, rebuild, compact.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::replay::{KeywordDigest, Replay, digests};
use super::unfolded::{UnfoldedEvents, joined};
use crate::actors::engine::open_views::{begin_generation, open_unhealed};
use crate::actors::engine::previous_views;
use crate::actors::engine::{OpenedViews, OpeningError, open_views};
use crate::events::{Checkpoint, Incarnation, Keyword, Sequence, Token};
use crate::journal::Journal;
use crate::projections::{Digest, Ledger};
use crate::store::{
    CheckpointRow, Contradiction, EpochParts, Generation, Store, StoreError, StoreOptions, Views,
    ViewsFolder,
};

/// The result of comparing the views with their journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Keywords that were compared.
    pub keywords: usize,
    /// The lowest position through which they were compared.
    pub position: Sequence,
    /// The digest of the views.
    pub digest: Digest,
    /// Lagging keywords, compared at their own position.
    pub behind: Vec<Keyword>,
    /// Journaled events beyond the positions through which they were compared.
    pub unfolded: u64,
    /// Positions through the journal head at which the journal should hold a record and doesn't.
    pub missing: Vec<RangeInclusive<u64>>,
    /// The keywords that differ, in keyword order.
    pub differences: Vec<ViewDifference>,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The views were compared.
    Compared(Box<Verification>),
    /// The views cannot be read, and were left as they are; the text says why.
    Unusable(String),
}

/// A keyword whose rows differ from a fold of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewDifference {
    /// The keyword.
    pub keyword: Keyword,
    /// What its rows hold; `None` when it has none.
    pub found: Option<ViewsStanding>,
    /// What a fold of the journal gives; `None` when the journal holds no record of it.
    pub expected: Option<ViewsStanding>,
}

/// What the rows of a keyword hold, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewsStanding {
    /// The digest of what a client can read; `None` for an untracked keyword.
    pub digest: Option<Digest>,
    /// Its ledger.
    pub ledger: Ledger,
    /// Its last folded record.
    pub as_of: Sequence,
}

impl From<&KeywordDigest> for ViewsStanding {
    fn from(keyword: &KeywordDigest) -> Self {
        Self {
            digest: keyword.digest,
            ledger: keyword.summary.ledger,
            as_of: keyword.summary.as_of,
        }
    }
}

/// Open views of a stopped server, with the checkpoint of each shard.
#[derive(Debug)]
pub struct OpenViews {
    /// The read side.
    pub views: Views,
    store: Arc<Store>,
    checkpoints: Vec<Checkpoint>,
}

/// Views that were opened without healing.
#[derive(Debug)]
pub enum UnhealedViews {
    /// They can be read.
    Readable(OpenViews),
    /// They cannot be read; the text says why. None of them was changed.
    Unusable(String),
}

impl OpenViews {
    /// Opens the views just as they are: nothing is healed or folded.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub async fn open_unhealed(
        data: &Path,
        cache_bytes: u64,
        journal: &dyn Journal,
    ) -> Result<UnhealedViews, OpeningError> {
        let opened = open_unhealed(data, cache_bytes, journal).await?;
        Ok(match opened {
            Ok(opened) => UnhealedViews::Readable(Self::of(opened)),
            Err(what) => UnhealedViews::Unusable(what),
        })
    }

    /// Counts the journaled events beyond the checkpoints.
    ///
    /// # Errors
    /// [`JournalError`](crate::journal::JournalError).
    pub async fn unfolded(
        &self,
        journal: &dyn Journal,
        progress: impl FnMut(Sequence),
    ) -> Result<UnfoldedEvents, OpeningError> {
        Ok(UnfoldedEvents::count(journal, &self.checkpoints, progress).await?)
    }

    /// Opens the views and heals them as a server does, without folding anything.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub async fn open(
        data: &Path,
        cache_bytes: u64,
        journal: &dyn Journal,
    ) -> Result<Self, OpeningError> {
        Ok(Self::of(open_views(data, cache_bytes, journal).await?))
    }

    fn of(opened: OpenedViews) -> Self {
        let views = Views::default();
        views.show(Arc::clone(&opened.store));
        Self {
            views,
            store: opened.store,
            checkpoints: opened.checkpoints,
        }
    }

    /// Folds what the journal holds beyond the checkpoints. Lagging keywords stay behind.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub async fn catch_up(
        &mut self,
        journal: &dyn Journal,
        progress: impl FnMut(Sequence),
    ) -> Result<(), OpeningError> {
        let head = *journal.head().borrow();
        let behind = self.behind()?;
        let limit = |keyword: &Keyword| {
            behind
                .get(keyword)
                .copied()
                .unwrap_or(Sequence::new(u64::MAX))
        };
        let replay = Replay {
            journal,
            store: &self.store,
            after: &self.checkpoints,
            until: head,
        };
        replay.run(limit, progress).await?;
        for (shard, checkpoint) in self.store.shards().iter().zip(&mut self.checkpoints) {
            if let Some(record) = shard.record()? {
                *checkpoint = record.checkpoint;
            }
        }
        // Views of an older version are not needed any more.
        let data = self.store.dir().parent().and_then(Path::parent);
        if let Some(data) = data {
            previous_views::retire(data)?;
            previous_views::remove_retired(data)?;
        }
        Ok(())
    }

    /// The lagging keywords with their positions.
    fn behind(&self) -> Result<HashMap<Keyword, Sequence>, StoreError> {
        let mut behind = HashMap::new();
        for shard in self.store.shards() {
            for keyword in shard.behind()? {
                let summary = self.views.summary(&keyword)?;
                behind.insert(
                    keyword,
                    summary.map_or(Sequence::ZERO, |summary| summary.as_of),
                );
            }
        }
        Ok(behind)
    }

    /// Closes and seals the views.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn close(self) -> Result<(), StoreError> {
        self.views.hide();
        match Arc::try_unwrap(self.store) {
            Ok(store) => store.close(),
            Err(shared) => shared.flush(),
        }
    }
}

/// Folds the journal into a scratch store and compares it with the views, keyword by keyword,
/// each at the position where it stands.
///
/// # Errors
/// [`OpeningError`]; damage of the journal is located in its `Journal` variant.
pub async fn verify(
    data: &Path,
    cache_bytes: u64,
    journal: &dyn Journal,
    mut progress: impl FnMut(Sequence),
) -> Result<Comparison, OpeningError> {
    let open = match OpenViews::open_unhealed(data, cache_bytes, journal).await? {
        UnhealedViews::Readable(open) => open,
        UnhealedViews::Unusable(what) => return Ok(Comparison::Unusable(what)),
    };
    let behind = open.behind()?;
    let (found, digest) = digests(&open.views)?;
    let scratch = Scratch::new(ViewsFolder::of(data).verify())?;
    let fresh = scratch.store(cache_bytes, journal, open.store.parts())?;
    let shards = journal.shards();
    // A commit may fall between the two ends of a batch: some keywords then stand beyond the
    // checkpoint, which is that of the last whole batch.
    let stands: HashMap<&Keyword, Sequence> = found
        .iter()
        .map(|one| (&one.keyword, one.summary.as_of))
        .collect();
    let limit = |keyword: &Keyword| {
        behind.get(keyword).copied().unwrap_or_else(|| {
            let shard = shards.shard_of(Token::of(keyword).as_str().as_bytes());
            let checkpoint = open.checkpoints.get(shard.index());
            let stands = stands.get(keyword).copied().unwrap_or_default();
            checkpoint.map_or(stands, |at| at.sequence.max(stands))
        })
    };
    let start = vec![Checkpoint::start_of(journal.incarnation()); open.checkpoints.len()];
    let checkpoints = open.checkpoints.iter().map(|at| at.sequence);
    let until = checkpoints.chain(stands.values().copied()).max();
    let until = until.unwrap_or_default();
    let replay = Replay {
        journal,
        store: &fresh,
        after: &start,
        until,
    };
    let mut missing = replay.run(limit, &mut progress).await?;
    let unfolded = open.unfolded(journal, progress).await?;
    let (position, events) = (unfolded.position(), unfolded.events());
    missing.extend(unfolded.missing);
    let fresh_views = Views::default();
    fresh_views.show(Arc::new(fresh));
    let (expected, _) = digests(&fresh_views)?;
    let verification = Verification {
        keywords: found.len(),
        position,
        digest,
        behind: behind.into_keys().collect(),
        unfolded: events,
        missing: joined(missing),
        differences: differences(&found, &expected),
    };
    drop(fresh_views);
    scratch.remove()?;
    open.close()?;
    Ok(Comparison::Compared(Box::new(verification)))
}

fn differences(found: &[KeywordDigest], expected: &[KeywordDigest]) -> Vec<ViewDifference> {
    let standings = |all: &[KeywordDigest]| -> HashMap<Keyword, ViewsStanding> {
        all.iter()
            .map(|one| (one.keyword.clone(), ViewsStanding::from(one)))
            .collect()
    };
    let (found, expected) = (standings(found), standings(expected));
    let mut keywords: Vec<_> = found.keys().chain(expected.keys()).collect();
    keywords.sort();
    keywords.dedup();
    keywords
        .into_iter()
        .filter(|&keyword| found.get(keyword) != expected.get(keyword))
        .map(|keyword| ViewDifference {
            keyword: keyword.clone(),
            found: found.get(keyword).copied(),
            expected: expected.get(keyword).copied(),
        })
        .collect()
}

/// Folds the whole journal into a second folder, then puts it in the place of the views. If the old
/// views differ from it, a new epoch begins, so that no client takes the new numbers for a
/// continuation of the old ones. Returns whether a new epoch began.
///
/// # Errors
/// [`OpeningError`]; the old views stay in place then.
pub async fn rebuild(
    data: &Path,
    cache_bytes: u64,
    journal: &dyn Journal,
    progress: impl FnMut(Sequence),
) -> Result<bool, OpeningError> {
    let head = *journal.head().borrow();
    let parts = EpochParts::current(journal.incarnation(), Generation::load(data)?);
    let scratch = Scratch::new(ViewsFolder::of(data).next())?;
    let fresh = scratch.store(cache_bytes, journal, parts)?;
    let start =
        vec![Checkpoint::start_of(journal.incarnation()); usize::from(journal.shards().get())];
    let all = |_: &Keyword| Sequence::new(u64::MAX);
    let replay = Replay {
        journal,
        store: &fresh,
        after: &start,
        until: head,
    };
    replay.run(all, progress).await?;
    let fresh = Arc::new(fresh);
    let fresh_views = Views::default();
    fresh_views.show(Arc::clone(&fresh));
    let expected = digests(&fresh_views)?;
    let mut old = OpenViews::open(data, cache_bytes, journal).await?;
    // The old views may be a moment behind after a crash; that alone is no damage.
    old.catch_up(journal, |_| {}).await?;
    let behind = old.behind()?;
    let found = digests(&old.views)?.0;
    let damage = differences(&found, &expected.0)
        .into_iter()
        .find(|difference| !behind.contains_key(&difference.keyword));
    let parts = if let Some(damage) = &damage {
        let now = journal.incarnation();
        let found = contradiction(now, damage, [&expected.0, &found]);
        EpochParts::current(now, begin_generation(data, journal, &found)?)
    } else {
        // Opening the old views may have begun a new epoch already.
        old.store.parts()
    };
    old.close()?;
    for shard in fresh.shards() {
        let checkpoint = shard.record()?.map(|record| record.checkpoint);
        if let Some(checkpoint) = checkpoint {
            shard.commit(&CheckpointRow::new(parts, checkpoint))?;
        }
    }
    fresh_views.hide();
    if let Ok(store) = Arc::try_unwrap(fresh) {
        store.close()?;
    }
    ViewsFolder::of(data).swap_in_next()?;
    Ok(damage.is_some())
}

/// What showed that the views were damaged: the record of the keyword up to which the views that
/// are first in `all` and know it have folded.
fn contradiction(
    now: Incarnation,
    damage: &ViewDifference,
    all: [&[KeywordDigest]; 2],
) -> Contradiction {
    let mut known = all.into_iter().flatten();
    let keyword = known.find(|one| one.keyword == damage.keyword);
    let (sequence, hash) = keyword
        .map(|one| (one.summary.as_of, one.summary.mark))
        .unwrap_or_default();
    Contradiction {
        of: now,
        now,
        sequence,
        hash,
    }
}

/// Copies the rows into a fresh folder and swaps it in, which gives back the space of rows that
/// were overwritten. Answers the bytes on disk before and after.
///
/// # Errors
/// [`OpeningError`]; the old views stay in place then.
pub async fn compact(
    data: &Path,
    cache_bytes: u64,
    journal: &dyn Journal,
) -> Result<(u64, u64), OpeningError> {
    let open = OpenViews::open(data, cache_bytes, journal).await?;
    let before = open.store.bytes_on_disk()?;
    let scratch = Scratch::new(ViewsFolder::of(data).next())?;
    let fresh = scratch.store(cache_bytes, journal, open.store.parts())?;
    open.store.copy_to(&fresh)?;
    fresh.flush()?;
    let after = fresh.bytes_on_disk()?;
    open.close()?;
    fresh.close()?;
    ViewsFolder::of(data).swap_in_next()?;
    Ok((before, after))
}

/// A folder for a second store, beside the views.
struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    fn new(dir: PathBuf) -> Result<Self, StoreError> {
        let scratch = Self { dir };
        scratch.remove()?;
        Ok(scratch)
    }

    fn store(
        &self,
        cache_bytes: u64,
        journal: &dyn Journal,
        parts: EpochParts,
    ) -> Result<Store, StoreError> {
        Store::open(&StoreOptions {
            dir: self.dir.clone(),
            cache_bytes,
            shards: journal.shards(),
            parts,
        })
    }

    fn remove(&self) -> Result<(), StoreError> {
        Store::remove(&self.dir)
    }
}
