//! One batch of the journal: its records by keyword, and the fold of one keyword's share. Shards
//! use it, and so does a replay without actors.

use std::collections::HashMap;

use super::keyword::FoldStep;
use crate::events::{Content, Envelope, Keyword, KeywordEnvelope, Sequence};
use crate::projections::KeywordView;
use crate::store::{ShardRows, StoreError};

/// The records of a batch, partitioned by keyword.
#[derive(Debug, Default)]
pub(crate) struct PartitionedBatch {
    /// The records of each keyword.
    pub(crate) records: HashMap<Keyword, Vec<KeywordEnvelope>>,
    /// The sequences of records whose token names no keyword.
    pub(crate) unaddressed: Vec<Sequence>,
}

impl PartitionedBatch {
    /// Partitions envelopes by keyword. Those through `folded` are left out.
    pub(crate) fn of(envelopes: Vec<Envelope>, folded: Sequence) -> Self {
        let mut partitioned = Self::default();
        for envelope in envelopes {
            if envelope.sequence <= folded {
                continue;
            }
            match envelope.content {
                Content::Keyword(keyword, record) => partitioned
                    .records
                    .entry(keyword)
                    .or_default()
                    .push(KeywordEnvelope {
                        sequence: envelope.sequence,
                        received_at: envelope.received_at,
                        record,
                    }),
                Content::Unaddressed { .. } => partitioned.unaddressed.push(envelope.sequence),
            }
        }
        partitioned
    }
}

/// Folds records of a keyword and puts the rows that they change. False when none changed.
///
/// # Errors
/// [`StoreError`]: some records may then be folded in memory only, and the view has to be hydrated
/// again.
pub(crate) fn fold_batch<'a>(
    fold: &FoldStep,
    view: &mut KeywordView,
    shard: &ShardRows,
    keyword: &Keyword,
    records: impl IntoIterator<Item = &'a KeywordEnvelope>,
) -> Result<bool, StoreError> {
    let rows = shard.of(keyword);
    for record in records {
        fold(view, &rows, keyword, record)?;
    }
    match view.take_row_changes(&rows)? {
        Some(changes) => shard.put(keyword, changes).map(|()| true),
        None => Ok(false),
    }
}
