//! A shard's part of a batch, by what is to be done with it.

use std::collections::HashMap;

use super::rejections;
use crate::events::{Content, Envelope, Incarnation, Keyword, KeywordEnvelope, Sequence};
use crate::journal::RejectedEntry;

/// What is folded by whom, and what is kept as rejected.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) records: HashMap<Keyword, Vec<KeywordEnvelope>>,
    pub(super) rejected: Vec<RejectedEntry>,
    /// Records whose token names no keyword.
    pub(super) unaddressed: u64,
}

impl Sorted {
    /// Sorts envelopes by keyword; what was folded already, through `folded`, is left out.
    pub(super) fn of(envelopes: Vec<Envelope>, folded: Sequence, incarnation: Incarnation) -> Self {
        let mut sorted = Self::default();
        for envelope in envelopes {
            if envelope.sequence <= folded {
                continue;
            }
            if let Some(entry) = rejections::entry(incarnation, &envelope) {
                sorted.rejected.push(entry);
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
