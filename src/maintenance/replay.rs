//! Folding a journal without actors: for rebuilding, comparing and measuring views whose server is
//! stopped. It runs the same fold over the same rows.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use crate::actors::engine::OpeningError;
use crate::actors::engine::rejected_records;
use crate::events::{Checkpoint, Content, Keyword, KeywordEnvelope, Sequence};
use crate::journal::{Journal, Selection};
use crate::projections::{Digest, KeywordSummary, KeywordView, ViewDigest};
use crate::store::{Store, StoreError, Views};
use crate::telemetry::whole;

/// Records per batch; each batch is one commit.
const BATCH: usize = 16_384;
/// Keywords kept in memory between batches, at most.
const MAX_RESIDENT_KEYWORDS: usize = 10_000;

/// Folds the records behind `after` through `until` into a store. `limit` names the last
/// position that a keyword is to fold, for comparing with views in which it stands there. Answers
/// the positions at which the journal should hold a record and doesn't.
///
/// # Errors
/// [`OpeningError`].
pub async fn replay(
    journal: &dyn Journal,
    store: &Store,
    after: &[Checkpoint],
    until: Sequence,
    limit: impl Fn(&Keyword) -> Sequence,
    mut progress: impl FnMut(Sequence),
) -> Result<Vec<RangeInclusive<u64>>, OpeningError> {
    let mut missing = Vec::new();
    let unaddressed = store.shard(store.count().of_unaddressed())?;
    let start = after.iter().map(|at| at.sequence).min();
    let mut position = start.unwrap_or_default();
    let mut reader = journal.read(position, Selection::All).await?;
    let mut resident: HashMap<Keyword, KeywordView> = HashMap::new();
    while position < until {
        let max = usize::try_from(until.since(position)).unwrap_or(usize::MAX);
        let batch = reader.next(max.min(BATCH)).await?;
        let checkpoint = batch.checkpoint(journal.incarnation());
        let mut records: BTreeMap<Keyword, Vec<KeywordEnvelope>> = BTreeMap::new();
        let incarnation = journal.incarnation();
        let kept = |envelope| rejected_records::entry(incarnation, envelope);
        let rejected = batch.envelopes.iter().filter_map(kept).collect();
        rejected_records::keep(journal, rejected, |error| {
            tracing::error!(error = %whole(error), "rejected records could not be kept; trying \
                again");
        })
        .await?;
        for envelope in batch.envelopes {
            match envelope.content {
                Content::Keyword(keyword, record) => {
                    let records = records.entry(keyword).or_default();
                    records.push(KeywordEnvelope {
                        sequence: envelope.sequence,
                        received_at: envelope.received_at,
                        record,
                    });
                }
                Content::Unaddressed { .. } => {
                    unaddressed.count_unaddressed(1, envelope.sequence)?;
                }
            }
        }
        for (keyword, records) in records {
            let shard = store.rows_of(&keyword)?;
            let rows = shard.of(&keyword);
            let last = limit(&keyword);
            let view = match resident.entry(keyword.clone()) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(KeywordView::hydrate(&rows).map_err(StoreError::from)?)
                }
            };
            for record in records.iter().filter(|record| record.sequence <= last) {
                view.fold(&rows, record).map_err(StoreError::from)?;
            }
            if let Some(changes) = view.take_row_changes(&rows).map_err(StoreError::from)? {
                shard.put(&keyword, changes)?;
            }
        }
        for (shard, from) in store.shards().iter().zip(after) {
            if checkpoint.sequence > from.sequence {
                shard.freeze();
                shard.commit(&store.record_at(checkpoint))?;
            }
        }
        if resident.len() > MAX_RESIDENT_KEYWORDS {
            resident.clear();
        }
        missing.extend(batch.missing);
        position = batch.end;
        progress(position);
    }
    store.flush()?;
    Ok(missing)
}

/// The digest of one keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordDigest {
    /// Which one.
    pub keyword: Keyword,
    /// Where it stands.
    pub summary: KeywordSummary,
    /// What a client can read; `None` when it is not tracked.
    pub digest: Option<Digest>,
}

/// The digests of all keywords in keyword order, and of the tracked ones in sum.
///
/// # Errors
/// [`StoreError`].
pub fn digests(views: &Views) -> Result<(Vec<KeywordDigest>, Digest), StoreError> {
    let mut all = Vec::new();
    let mut sum = ViewDigest::default();
    for (keyword, summary) in views.summaries()? {
        if summary.as_of == Sequence::ZERO {
            // It exists but nothing of it is folded, so there is nothing to compare.
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
