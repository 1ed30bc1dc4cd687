//! Compares the views of a stopped server with a fold of the journal.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use super::backgrounds::{BackgroundDifference, background_differences};
use super::open_views::{OpenViews, UnhealedViews};
use super::replay::{KeywordDigest, Replay, digests};
use super::scratch::Scratch;
use super::unfolded::joined;
use crate::actors::engine::OpeningError;
use crate::events::{Keyword, Sequence};
use crate::journal::Journal;
use crate::projections::{Digest, FoldContext, Ledger};
use crate::store::{Views, ViewsFolder};

/// The result of comparing views with their journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Number of compared keywords.
    pub keywords: usize,
    /// The lowest position through which a keyword was compared.
    pub position: Sequence,
    /// The digest of the views on disk.
    pub digest: Digest,
    /// Lagging keywords in keyword order, which were compared at their own position.
    pub behind: Vec<Keyword>,
    /// Number of journaled events beyond the checkpoint of their own shard.
    pub unfolded: u64,
    /// Sequences through the journal head that are missing from the journal.
    pub missing: Vec<RangeInclusive<u64>>,
    /// The keywords that differ, in keyword order.
    pub differences: Vec<ViewDifference>,
    /// The buckets of the background that differ, in the order of the shards.
    pub background: Vec<BackgroundDifference>,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The views were compared.
    Compared(Box<Verification>),
    /// The views cannot be read; the text says why. They were not changed.
    Unusable(String),
}

/// A keyword whose rows differ from the fold of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewDifference {
    /// The keyword.
    pub keyword: Keyword,
    /// The rows on disk; `None` when there are none.
    pub found: Option<ViewsStanding>,
    /// The rows of the fold; `None` when the journal holds no record of the keyword.
    pub expected: Option<ViewsStanding>,
}

/// The state of a keyword, for comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewsStanding {
    /// The digest of everything that a client can read; `None` when the keyword is not tracked.
    pub digest: Option<Digest>,
    /// The keyword's ledger.
    pub ledger: Ledger,
    /// The sequence of the last folded record.
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

/// Folds the journal into a scratch store and compares it with the views. Each keyword is compared
/// at its own position.
///
/// # Errors
/// [`OpeningError`]; damage of the journal is located in its `Journal` variant.
pub async fn verify(
    data: &Path,
    cache_bytes: u64,
    fold: &FoldContext,
    journal: &dyn Journal,
    mut progress: impl FnMut(Sequence),
) -> Result<Comparison, OpeningError> {
    let open = match OpenViews::open_unhealed(data, cache_bytes, fold, journal).await? {
        UnhealedViews::Readable(open) => open,
        UnhealedViews::Unusable(what) => return Ok(Comparison::Unusable(what)),
    };
    let behind = open.behind()?;
    let (found, digest) = digests_of(open.views.clone()).await?;
    let scratch = Scratch::new(ViewsFolder::of(data).verify())?;
    let generation = open.store.parts().generation;
    let fresh = scratch.store(cache_bytes, journal, generation, fold)?;
    let limits = FoldLimits::of(&open, &behind, &found);
    let start = vec![journal.start(); open.checkpoints.len()];
    let replay = Replay {
        journal,
        store: &fresh,
        after: &start,
        until: limits.highest(),
    };
    let mut missing = replay
        .run(|keyword| limits.of_keyword(keyword), &mut progress)
        .await?;
    let unfolded = open.unfolded(journal, progress).await?;
    let (position, events) = (unfolded.position(), unfolded.events());
    missing.extend(unfolded.missing);
    let fresh = Arc::new(fresh);
    let fresh_views = Views::default();
    fresh_views.show(&fresh);
    let (expected, _) = digests_of(fresh_views.clone()).await?;
    let stores = (Arc::clone(&open.store), fresh);
    let compare = move || background_differences(&stores.0, &stores.1);
    let background = tokio::task::spawn_blocking(compare).await??;
    let verification = Verification {
        keywords: found.len(),
        position,
        digest,
        unfolded: events,
        missing: joined(missing),
        differences: differences(&found, &expected),
        background,
        behind: behind.into_keys().collect(),
    };
    drop(fresh_views);
    scratch.remove()?;
    open.close()?;
    Ok(Comparison::Compared(Box::new(verification)))
}

/// Computes digests off the event loop.
async fn digests_of(views: Views) -> Result<(Vec<KeywordDigest>, Digest), OpeningError> {
    Ok(tokio::task::spawn_blocking(move || digests(&views)).await??)
}

/// The position through which the comparison folds each keyword. Some keywords are beyond their
/// shard's checkpoint: a commit can happen during a batch, and its checkpoint is then the end of
/// the previous batch.
struct FoldLimits<'a> {
    open: &'a OpenViews,
    behind: &'a BTreeMap<Keyword, Sequence>,
    stands: HashMap<&'a Keyword, Sequence>,
}

impl<'a> FoldLimits<'a> {
    fn of(
        open: &'a OpenViews,
        behind: &'a BTreeMap<Keyword, Sequence>,
        found: &'a [KeywordDigest],
    ) -> Self {
        let stands = found.iter().map(|one| (&one.keyword, one.summary.as_of));
        Self {
            open,
            behind,
            stands: stands.collect(),
        }
    }

    fn of_keyword(&self, keyword: &Keyword) -> Sequence {
        if let Some(position) = self.behind.get(keyword) {
            return *position;
        }
        let shard = self.open.store.shard_of(keyword);
        let stands = self.stands.get(keyword).copied().unwrap_or_default();
        let checkpoint = self.open.checkpoints.get(shard.index());
        checkpoint.map_or(stands, |at| at.sequence.max(stands))
    }

    fn highest(&self) -> Sequence {
        let checkpoints = self.open.checkpoints.iter().map(|at| at.sequence);
        let all = checkpoints.chain(self.stands.values().copied());
        all.max().unwrap_or_default()
    }
}

/// The keywords whose rows on disk differ from the expected ones, in keyword order.
pub(super) fn differences(
    found: &[KeywordDigest],
    expected: &[KeywordDigest],
) -> Vec<ViewDifference> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, Incarnation, Record, Timestamp};
    use crate::journal::MemoryJournal;

    const CACHE_BYTES: u64 = 1 << 20;

    async fn fold(open: &OpenViews, journal: &MemoryJournal, until: u64) {
        let replay = Replay {
            journal,
            store: &open.store,
            after: &open.checkpoints,
            until: Sequence::new(until),
        };
        let whole = |_: &Keyword| Sequence::new(u64::MAX);
        replay.run(whole, |_| {}).await.unwrap();
    }

    #[tokio::test]
    async fn events_beyond_different_checkpoints_are_counted_and_not_compared() {
        let data = tempfile::tempdir().unwrap();
        let journal = MemoryJournal::new(Incarnation(1));
        let at = Timestamp::EARLIEST;
        let [a, b] = ["a", "b"].map(|word| Keyword::new(word).unwrap());
        let tracked = |keyword| Record::of_event(keyword, &Event::keyword_tracked(at), at).unwrap();
        let records = [&a, &b].into_iter().cycle().take(20).map(tracked);
        journal.append(records.collect()).await.unwrap();

        // All shards are committed through 8, then that of "a" alone through 14.
        let context = FoldContext::default();
        let open = OpenViews::open(data.path(), CACHE_BYTES, &context, &journal);
        let mut open = open.await.unwrap();
        fold(&open, &journal, 8).await;
        let ahead = open.store.shard_of(&a).index();
        assert_ne!(ahead, open.store.shard_of(&b).index());
        for (index, shard) in open.store.shards().iter().enumerate() {
            open.checkpoints[index] = shard.record().unwrap().unwrap().checkpoint;
            if index != ahead {
                open.checkpoints[index].sequence = Sequence::new(u64::MAX);
            }
        }
        fold(&open, &journal, 14).await;
        open.close().unwrap();

        let compared = verify(data.path(), CACHE_BYTES, &context, &journal, |_| {}).await;
        let Comparison::Compared(found) = compared.unwrap() else {
            panic!("the views cannot be compared");
        };
        assert_eq!(found.differences, []);
        assert_eq!((found.keywords, found.position.get()), (2, 8));
        // "a" has 15, 17 and 19 beyond 14; "b" has the even ones from 10 to 20 beyond 8.
        assert_eq!(found.unfolded, 3 + 6);
    }
}
