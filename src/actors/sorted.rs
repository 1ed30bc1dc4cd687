//! A shard's part of a batch, by what is to be done with it.

use std::collections::HashMap;

use crate::events::{Content, Envelope, Keyword, KeywordEnvelope, Sequence};

/// What each keyword folds.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) records: HashMap<Keyword, Vec<KeywordEnvelope>>,
    /// Records whose token names no keyword.
    pub(super) unaddressed: u64,
}

impl Sorted {
    /// Sorts envelopes by keyword; what was folded already, through `folded`, is left out.
    pub(super) fn of(envelopes: Vec<Envelope>, folded: Sequence) -> Self {
        let mut sorted = Self::default();
        for envelope in envelopes {
            if envelope.sequence <= folded {
                continue;
            }
            match envelope.content {
                Content::Keyword(keyword, record) => sorted
                    .records
                    .entry(keyword)
                    .or_default()
                    .push(KeywordEnvelope {
                        sequence: envelope.sequence,
                        received_at: envelope.received_at,
                        record,
                    }),
                Content::Unaddressed { .. } => sorted.unaddressed += 1,
            }
        }
        sorted
    }
}
