//! Consecutive buckets of one width.

use std::ops::Range;

use super::bucket::Width;
use crate::events::Timestamp;

/// Consecutive buckets of one width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Buckets {
    pub(super) width: Width,
    pub(super) numbers: Range<u32>,
}

impl Buckets {
    /// The time that the buckets cover.
    pub(super) fn span(&self) -> Range<Timestamp> {
        let Range { start, end } = self.numbers;
        self.width.start(start)..self.width.start(end)
    }

    /// The buckets before the last one, and the last one. Most tweets come in the last one, so the
    /// sums of the others can be kept for longer.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Self> {
        let Range { start, end } = self.numbers;
        let last = end.saturating_sub(1).max(start);
        let pieces = [start..last, last..end].into_iter();
        let pieces = pieces.filter(|numbers| !numbers.is_empty());
        pieces.map(|numbers| Self {
            width: self.width,
            numbers,
        })
    }
}
