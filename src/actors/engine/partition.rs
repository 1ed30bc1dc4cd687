//! A shard's part of a batch, by what is to be done with it.

use std::collections::HashMap;

use crate::events::{Content, Envelope, Keyword, KeywordEnvelope, Sequence};

/// What each keyword folds.
#[derive(Debug, Default)]
pub(super) struct PartitionedBatch {
    pub(crate) records: HashMap<Keyword, Vec<KeywordEnvelope>>,
    /// Records whose token names no keyword.
    pub(crate) unaddressed: u64,
}

impl PartitionedBatch {
    /// Sorts envelopes by keyword; what was folded already, through `folded`, is left out.
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
                Content::Unaddressed { .. } => partitioned.unaddressed += 1,
            }
        }
        partitioned
    }
}
