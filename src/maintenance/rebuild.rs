//! Rebuilds and compacts the views of a stopped server.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::backgrounds::{BackgroundDifference, background_differences};
use super::open_views::OpenViews;
use super::replay::{KeywordDigest, Replay, digests};
use super::scratch::Scratch;
use super::verify::{ViewDifference, differences};
use crate::actors::engine::OpeningError;
use crate::actors::engine::open_views::{begin_generation, check_not_outdated};
use crate::events::{Incarnation, Keyword, Sequence};
use crate::journal::Journal;
use crate::projections::FoldContext;
use crate::store::{
    CheckpointRow, Contradiction, EpochParts, Generation, Store, StoreError, Views, ViewsFolder,
};

/// Rebuilds the views from the journal in a second folder, then swaps it in. If the old views
/// differ from the fold of the journal, a new epoch begins, so that clients do not continue from
/// the old numbers. Returns whether the old views differed. Views of another version, or of other
/// settings, are refused: a server folds them again while they answer.
///
/// # Errors
/// [`OpeningError`]; the old views stay current then.
pub async fn rebuild(
    data: &Path,
    cache_bytes: u64,
    fold: &FoldContext,
    journal: &dyn Journal,
    progress: impl FnMut(Sequence),
) -> Result<bool, OpeningError> {
    check_not_outdated(data, cache_bytes, fold, journal).await?;
    let head = *journal.head().borrow();
    let scratch = Scratch::new(ViewsFolder::of(data).next())?;
    let fresh = scratch.store(cache_bytes, journal, Generation::load(data)?, fold)?;
    let start = vec![journal.start(); usize::from(journal.shards().get())];
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
    fresh_views.show(&fresh);
    let expected = digests(&fresh_views)?;
    let mut old = OpenViews::open(data, cache_bytes, fold, journal).await?;
    // After a crash the old views may be behind the journal; this is no damage.
    old.catch_up(journal, |_| {}).await?;
    let behind = old.behind()?;
    let found = digests(&old.views)?.0;
    let damage = differences(&found, &expected.0)
        .into_iter()
        .find(|difference| !behind.contains_key(&difference.keyword));
    let now = journal.incarnation();
    let contradiction = match damage {
        Some(damage) => Some(contradiction(now, &damage, [&expected.0, &found])),
        None => background_contradiction(now, &old, &fresh, &behind)?,
    };
    let parts = if let Some(found) = &contradiction {
        EpochParts::current(now, begin_generation(data, journal, found)?, fold)
    } else {
        // Opening the old views may have begun a new epoch already.
        old.store.parts()
    };
    old.close()?;
    for shard in fresh.shards() {
        if let Some(record) = shard.record()? {
            let (checkpoint, received_at) = (record.checkpoint, record.received_at);
            shard.commit(&CheckpointRow::new(parts, checkpoint, received_at))?;
        }
    }
    fresh_views.hide();
    if let Ok(store) = Arc::try_unwrap(fresh) {
        store.close()?;
    }
    ViewsFolder::of(data).swap_in_next()?;
    Ok(contradiction.is_some())
}

/// The last folded record of the damaged keyword, from the first views in `all` that know the
/// keyword.
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

/// The checkpoint of the first shard whose background differs from the fold of the journal, if
/// there is one. Shards with a lagging keyword are left out, because their background lacks the
/// tweets that the keyword has not folded.
fn background_contradiction(
    now: Incarnation,
    old: &OpenViews,
    fresh: &Store,
    behind: &BTreeMap<Keyword, Sequence>,
) -> Result<Option<Contradiction>, StoreError> {
    let lagging: Vec<_> = behind.keys().map(|one| fresh.shard_of(one)).collect();
    let mut differences = background_differences(&old.store, fresh)?.into_iter();
    let damage = differences.find(|difference| !lagging.contains(&difference.shard));
    let Some(BackgroundDifference { shard, .. }) = damage else {
        return Ok(None);
    };
    let record = fresh.shard(shard)?.record()?;
    let checkpoint = record.map(|record| record.checkpoint);
    Ok(checkpoint.map(|at| Contradiction {
        of: now,
        now,
        sequence: at.sequence,
        hash: at.hash,
    }))
}

/// Copies the rows into a new folder and swaps it in; this frees the space of overwritten rows, and
/// removes what is left of deleted tweets. Returns the bytes on disk before and after. Views of
/// another version, or of other settings, are refused.
///
/// # Errors
/// [`OpeningError`]; the old views stay current then.
pub async fn compact(
    data: &Path,
    cache_bytes: u64,
    fold: &FoldContext,
    journal: &dyn Journal,
) -> Result<(u64, u64), OpeningError> {
    let open = OpenViews::open(data, cache_bytes, fold, journal).await?;
    let before = open.store.bytes_on_disk()?;
    // A server that was killed can leave rows that name the words of deleted tweets.
    for shard in open.store.shards() {
        if shard.has_pending()
            && let Some(record) = shard.record()?
        {
            shard.commit(&record)?;
        }
    }
    let scratch = Scratch::new(ViewsFolder::of(data).next())?;
    let generation = open.store.parts().generation;
    let fresh = scratch.store(cache_bytes, journal, generation, fold)?;
    open.store.copy_to(&fresh)?;
    fresh.flush()?;
    let after = fresh.bytes_on_disk()?;
    open.close()?;
    fresh.close()?;
    ViewsFolder::of(data).swap_in_next()?;
    Ok((before, after))
}
