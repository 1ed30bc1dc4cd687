//! The last updates of a chain, encoded, for all who follow it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::line::{Line, Position};
use crate::events::Sequence;

/// How much a ring keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RingLimits {
    pub(super) bytes: usize,
    pub(super) updates: usize,
}

/// What changed in a chain from one sequence to another.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub(super) prev: Sequence,
    pub(super) seq: Sequence,
    pub(super) lines: Arc<[Line]>,
}

/// A bounded ring of updates, each with its number. Together they lead from the oldest one's `prev`
/// to the newest one's `seq` without a gap.
#[derive(Debug)]
pub(super) struct Ring {
    updates: VecDeque<Update>,
    /// The number of the oldest update kept.
    first: u64,
    bytes: usize,
    limits: RingLimits,
}

impl Ring {
    pub(super) fn new(limits: RingLimits) -> Self {
        Self {
            updates: VecDeque::new(),
            first: 0,
            bytes: 0,
            limits,
        }
    }

    pub(super) fn push(&mut self, update: Update) {
        self.bytes = self.bytes.saturating_add(length(&update));
        self.updates.push_back(update);
        // The newest one always stays: who follows closely never falls out.
        while self.updates.len() > self.limits.updates
            || (self.bytes > self.limits.bytes && self.updates.len() > 1)
        {
            if let Some(oldest) = self.updates.pop_front() {
                self.bytes = self.bytes.saturating_sub(length(&oldest));
                self.first += 1;
            }
        }
    }

    /// How many bytes of updates are kept.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets all updates. Subscribers that have taken them all go on, the others have fallen out.
    pub(super) fn cut(&mut self) {
        self.first = self.next();
        self.updates = VecDeque::new();
        self.bytes = 0;
    }

    /// Forgets all updates; who followed them has fallen out.
    pub(super) fn clear(&mut self) {
        self.first = self.next() + 1;
        self.updates.clear();
        self.bytes = 0;
    }

    /// The number that the next update will have.
    pub(super) fn next(&self) -> u64 {
        self.first + u64::try_from(self.updates.len()).unwrap_or(u64::MAX)
    }

    /// The update with this number; an error when it has fallen out.
    pub(super) fn get(&self, number: u64) -> Result<Option<&Update>, FellOut> {
        let index = number.checked_sub(self.first).ok_or(FellOut)?;
        Ok(usize::try_from(index)
            .ok()
            .and_then(|index| self.updates.get(index)))
    }

    /// Where the chain stood at `seq`; `None` where no update that is kept led there.
    pub(super) fn position_at(&self, seq: Sequence) -> Option<Position> {
        let behind = self.updates.partition_point(|update| update.seq <= seq);
        let update = self.updates.get(behind.checked_sub(1)?)?;
        let position = update.lines.last()?.position()?;
        (position.seq == seq).then_some(position)
    }

    /// The number of the first update behind `seq`, if nothing between is missing.
    pub(super) fn after(&self, seq: Sequence) -> Option<u64> {
        let oldest = self.updates.front()?;
        if oldest.prev > seq {
            return None;
        }
        let behind = self.updates.partition_point(|update| update.seq <= seq);
        Some(self.first + u64::try_from(behind).unwrap_or(u64::MAX))
    }
}

/// An update is no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FellOut;

fn length(update: &Update) -> usize {
    update.lines.iter().map(Line::len).sum()
}

#[cfg(test)]
mod tests {
    use super::super::line::LineKind;
    use super::*;

    fn update(prev: u64, seq: u64, bytes: usize) -> Update {
        let line = Line::new("x".repeat(bytes), LineKind::Update, None);
        Update {
            prev: Sequence::new(prev),
            seq: Sequence::new(seq),
            lines: [line].into(),
        }
    }

    fn ring(bytes: usize) -> Ring {
        let updates = 1024;
        Ring::new(RingLimits { bytes, updates })
    }

    fn seq_of(ring: &Ring, number: u64) -> Result<Option<u64>, FellOut> {
        let update = ring.get(number)?;
        Ok(update.map(|update| update.seq.get()))
    }

    #[test]
    fn updates_have_numbers_and_the_oldest_fall_out_by_bytes() {
        let mut ring = ring(100);
        for number in 0..5 {
            ring.push(update(number, number + 1, 40));
        }
        assert_eq!(seq_of(&ring, 2), Err(FellOut));
        assert_eq!(seq_of(&ring, 3), Ok(Some(4)));
        assert_eq!(seq_of(&ring, 4), Ok(Some(5)));
        assert_eq!(seq_of(&ring, 5), Ok(None));
        assert_eq!(ring.next(), 5);
    }

    #[test]
    fn the_newest_update_stays_however_long() {
        let mut ring = ring(10);
        ring.push(update(0, 1, 1000));
        assert_eq!(seq_of(&ring, 0), Ok(Some(1)));
    }

    #[test]
    fn the_number_of_updates_is_bounded_too() {
        let mut ring = ring(usize::MAX);
        for number in 0..3000 {
            ring.push(update(number, number + 1, 1));
        }
        assert_eq!(seq_of(&ring, 3000 - 1024), Ok(Some(3000 - 1023)));
        assert_eq!(seq_of(&ring, 3000 - 1025), Err(FellOut));
    }

    #[test]
    fn a_client_goes_on_where_nothing_is_missing() {
        let mut ring = ring(100);
        assert_eq!(ring.after(Sequence::new(0)), None);
        for (prev, seq) in [(3, 5), (5, 9), (9, 9), (9, 12)] {
            ring.push(update(prev, seq, 1));
        }
        for (seq, expected) in [
            (2, None),
            (3, Some(0)),
            (4, Some(0)),
            (5, Some(1)),
            (8, Some(1)),
            (9, Some(3)),
            (12, Some(4)),
        ] {
            assert_eq!(ring.after(Sequence::new(seq)), expected, "{seq}");
        }
    }

    #[test]
    fn after_a_cut_only_those_who_were_behind_have_fallen_out() {
        let mut ring = ring(100);
        ring.push(update(0, 1, 1));
        ring.push(update(1, 2, 1));
        let next = ring.next();
        ring.cut();
        assert_eq!(ring.bytes(), 0);
        assert_eq!(seq_of(&ring, next - 1), Err(FellOut));
        assert_eq!(seq_of(&ring, next), Ok(None));
        assert_eq!(ring.after(Sequence::new(1)), None);
        ring.push(update(2, 3, 1));
        assert_eq!(seq_of(&ring, next), Ok(Some(3)));
    }

    #[test]
    fn after_a_break_everybody_has_fallen_out() {
        let mut ring = ring(100);
        ring.push(update(0, 1, 1));
        let next = ring.next();
        ring.clear();
        assert_eq!(seq_of(&ring, next), Err(FellOut));
        ring.push(update(5, 6, 1));
        assert_eq!(seq_of(&ring, ring.next() - 1), Ok(Some(6)));
    }
}
