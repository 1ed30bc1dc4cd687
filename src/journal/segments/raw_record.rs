//! A record as it is in the file.

use bytes::Bytes;

use crate::events::Sequence;

/// A record in a chunk of the file.
#[derive(Debug, Clone, Copy)]
pub(in crate::journal) struct RawRecord<'a> {
    /// The sequence of the record.
    pub(in crate::journal) sequence: Sequence,
    /// The body of the record.
    pub(in crate::journal) body: &'a [u8],
    pub(super) chunk: &'a Bytes,
}

impl RawRecord<'_> {
    /// Returns a part of the body without copying it.
    pub(in crate::journal) fn share(&self, part: &[u8]) -> Bytes {
        self.chunk.slice_ref(part)
    }
}
