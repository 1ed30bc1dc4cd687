//! Folds a journal without actors, to rebuild, compare or measure the views of a stopped server.
//! The fold and the rows are those of the engine.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;

use crate::actors::engine::fold_batch::{PartitionedBatch, fold_batch};
use crate::actors::engine::{FoldStep, OpeningError, fold_step, rejected_records};
use crate::events::{Checkpoint, Content, Envelope, Keyword, KeywordEnvelope, Sequence, ShardId};
use crate::journal::{Batch, Journal, Selection};
use crate::projections::{Digest, KeywordSummary, KeywordView, ViewDigest};
use crate::store::{Store, StoreError, TimeIndex, Views};
use crate::telemetry::whole;

/// Maximum number of records per batch; each batch is one commit.
const BATCH_RECORDS: usize = 16_384;
/// Maximum number of keywords kept in memory between batches.
const MAX_RESIDENT_KEYWORDS: usize = 10_000;

/// The input and output of a replay.
#[derive(Debug, Clone, Copy)]
pub struct Replay<'a> {
    /// The journal that is read.
    pub journal: &'a dyn Journal,
    /// The store that the rows are written to.
    pub store: &'a Store,
    /// The checkpoint of each shard of the store.
    pub after: &'a [Checkpoint],
    /// The last position to fold.
    pub until: Sequence,
}

impl Replay<'_> {
    /// Folds the records and commits the rows. `limit` returns the last position that a keyword
    /// folds, for a comparison with views at that position. Returns the missing sequences of the
    /// journal.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub async fn run(
        &self,
        limit: impl Fn(&Keyword) -> Sequence,
        mut progress: impl FnMut(Sequence),
    ) -> Result<Vec<RangeInclusive<u64>>, OpeningError> {
        let mut missing = Vec::new();
        let mut resident = ResidentViews::new();
        let lowest = self.after.iter().map(|at| at.sequence).min();
        let mut position = lowest.unwrap_or(self.journal.start().sequence);
        let mut times = ShardTimes::resume(self.store)?;
        let mut reader = self.journal.read(position, Selection::All).await?;
        while position < self.until {
            let max = usize::try_from(self.until.since(position)).unwrap_or(usize::MAX);
            let mut batch = reader.next(max.min(BATCH_RECORDS)).await?;
            self.keep_rejected(&batch).await?;
            missing.append(&mut batch.missing);
            position = batch.end;
            let checkpoint = batch.checkpoint(self.journal.incarnation());
            times.add(self.store, &batch.envelopes)?;
            self.fold(batch, &limit, &mut resident)?;
            self.commit(checkpoint, &times)?;
            progress(position);
        }
        self.store.flush()?;
        Ok(missing)
    }

    /// Writes unfoldable records to the rejected log, before a checkpoint passes them.
    async fn keep_rejected(&self, batch: &Batch) -> Result<(), OpeningError> {
        let incarnation = self.journal.incarnation();
        let entry = |envelope| rejected_records::entry(incarnation, envelope);
        let entries = batch.envelopes.iter().filter_map(entry).collect();
        rejected_records::keep(self.journal, entries, |error| {
            tracing::error!(error = %whole(error), "rejected records could not be kept; trying \
                again");
        })
        .await?;
        Ok(())
    }

    fn fold(
        &self,
        batch: Batch,
        limit: &impl Fn(&Keyword) -> Sequence,
        resident: &mut ResidentViews,
    ) -> Result<(), StoreError> {
        let partitioned = PartitionedBatch::of(batch.envelopes, Sequence::ZERO);
        let unaddressed = self.store.shard(self.store.count().of_unaddressed())?;
        for sequence in partitioned.unaddressed {
            unaddressed.count_unaddressed(1, sequence)?;
        }
        for (keyword, mut records) in partitioned.records {
            let last = limit(&keyword);
            records.retain(|record| record.sequence <= last);
            resident.fold(self.store, &keyword, &records)?;
        }
        Ok(())
    }

    /// Commits the shards whose checkpoint in `after` is below this checkpoint.
    fn commit(&self, checkpoint: Checkpoint, times: &ShardTimes) -> Result<(), StoreError> {
        let shards = self.store.shards().iter().zip(&times.of_shards);
        for ((shard, times), from) in shards.zip(self.after) {
            if checkpoint.sequence > from.sequence {
                shard.commit(&self.store.record_at(checkpoint, times.received_at()))?;
            }
        }
        Ok(())
    }
}

/// The time indexes of all shards.
struct ShardTimes {
    of_shards: Vec<TimeIndex>,
    /// Cache: the shards of keywords that occurred.
    known: HashMap<Keyword, ShardId>,
}

impl ShardTimes {
    fn resume(store: &Store) -> Result<Self, StoreError> {
        let of_shards = store.shards().iter().map(|rows| TimeIndex::resume(rows));
        Ok(Self {
            of_shards: of_shards.collect::<Result<_, _>>()?,
            known: HashMap::new(),
        })
    }

    /// Adds the records of a batch.
    fn add(&mut self, store: &Store, envelopes: &[Envelope]) -> Result<(), StoreError> {
        for envelope in envelopes {
            let shard = match &envelope.content {
                Content::Keyword(keyword, _) => self.shard_of(store, keyword),
                Content::Unaddressed { .. } => store.count().of_unaddressed(),
            };
            if let Some(times) = self.of_shards.get_mut(shard.index()) {
                let rows = store.shard(shard)?;
                times.add(rows, envelope.sequence, envelope.received_at);
            }
        }
        Ok(())
    }

    fn shard_of(&mut self, store: &Store, keyword: &Keyword) -> ShardId {
        if let Some(shard) = self.known.get(keyword) {
            return *shard;
        }
        if self.known.len() >= MAX_RESIDENT_KEYWORDS {
            self.known.clear();
        }
        let shard = store.shard_of(keyword);
        self.known.insert(keyword.clone(), shard);
        shard
    }
}

/// The views of keywords that are kept in memory between batches.
struct ResidentViews {
    fold: FoldStep,
    views: HashMap<Keyword, KeywordView>,
}

impl ResidentViews {
    fn new() -> Self {
        Self {
            fold: fold_step(),
            views: HashMap::new(),
        }
    }

    fn fold(
        &mut self,
        store: &Store,
        keyword: &Keyword,
        records: &[KeywordEnvelope],
    ) -> Result<(), StoreError> {
        let shard = store.rows_of(keyword)?;
        if self.views.len() >= MAX_RESIDENT_KEYWORDS && !self.views.contains_key(keyword) {
            // Each batch puts its rows, so a view can be hydrated again at any time.
            self.views.clear();
        }
        let view = match self.views.entry(keyword.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(KeywordView::hydrate(&shard.of(keyword))?),
        };
        fold_batch(&self.fold, view, shard, keyword, records)?;
        Ok(())
    }
}

/// The digest of one keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordDigest {
    /// The keyword.
    pub keyword: Keyword,
    /// The summary of the keyword.
    pub summary: KeywordSummary,
    /// The digest of everything that a client can read; `None` when the keyword is not tracked.
    pub digest: Option<Digest>,
}

/// The digests of all keywords in keyword order, and the digest of all tracked ones.
///
/// # Errors
/// [`StoreError`].
pub fn digests(views: &Views) -> Result<(Vec<KeywordDigest>, Digest), StoreError> {
    let mut all = Vec::new();
    let mut sum = ViewDigest::default();
    for (keyword, summary) in views.summaries()? {
        if summary.as_of == Sequence::ZERO {
            // The keyword exists without folded records, so there is nothing to compare.
            continue;
        }
        let digest = if summary.tracked {
            views
                .read(&keyword, |summary, rows| Digest::of(rows, summary))?
                .map(|answer| answer.value)
        } else {
            None
        };
        if let Some(digest) = &digest {
            sum.add(&keyword, digest);
        }
        all.push(KeywordDigest {
            keyword,
            summary,
            digest,
        });
    }
    Ok((all, sum.finish()))
}
