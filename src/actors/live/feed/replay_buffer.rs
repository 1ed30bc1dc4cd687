//! The latest updates of a channel, encoded once for all its subscribers.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::actors::live::message::{Message, Position};
use crate::events::Sequence;

/// Limits of a replay buffer; the newest update is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReplayLimits {
    pub(super) bytes: usize,
    pub(super) updates: usize,
}

/// The change of a channel from one sequence to another.
#[derive(Debug, Clone)]
pub(in crate::actors::live) struct Update {
    pub(in crate::actors::live) prev: Sequence,
    pub(in crate::actors::live) seq: Sequence,
    pub(in crate::actors::live) messages: Arc<[Message]>,
}

/// A bounded buffer of numbered updates. The updates lead without a gap from the `prev` of the
/// oldest update to the `seq` of the newest.
#[derive(Debug)]
pub(super) struct ReplayBuffer {
    updates: VecDeque<Update>,
    /// The number of the oldest kept update.
    first: u64,
    bytes: usize,
    limits: ReplayLimits,
}

impl ReplayBuffer {
    pub(super) fn new(limits: ReplayLimits) -> Self {
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
        // The newest update is always kept: a subscriber that keeps up never needs a snapshot.
        while self.updates.len() > self.limits.updates
            || (self.bytes > self.limits.bytes && self.updates.len() > 1)
        {
            if let Some(oldest) = self.updates.pop_front() {
                self.bytes = self.bytes.saturating_sub(length(&oldest));
                self.first += 1;
            }
        }
    }

    /// Size of the kept updates, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops all updates. Subscribers that have taken all of them continue; the others need
    /// snapshots.
    pub(super) fn trim(&mut self) {
        self.first = self.next();
        self.updates = VecDeque::new();
        self.bytes = 0;
    }

    /// Drops all updates; all subscribers need snapshots.
    pub(super) fn clear(&mut self) {
        self.first = self.next() + 1;
        self.updates.clear();
        self.bytes = 0;
    }

    /// The number of the next update.
    pub(super) fn next(&self) -> u64 {
        self.first + u64::try_from(self.updates.len()).unwrap_or(u64::MAX)
    }

    /// The update with this number, if there is one yet.
    ///
    /// # Errors
    /// [`FellOut`] when the update is no longer kept.
    pub(super) fn get(&self, number: u64) -> Result<Option<&Update>, FellOut> {
        let index = number.checked_sub(self.first).ok_or(FellOut)?;
        Ok(usize::try_from(index)
            .ok()
            .and_then(|index| self.updates.get(index)))
    }

    /// Position of the channel at `seq`; `None` when no kept update ends at `seq`.
    pub(super) fn position_at(&self, seq: Sequence) -> Option<Position> {
        let behind = self.updates.partition_point(|update| update.seq <= seq);
        let update = self.updates.get(behind.checked_sub(1)?)?;
        let position = update.messages.last()?.position()?;
        (position.seq == seq).then_some(position)
    }

    /// The number of the first update after `seq`; `None` when the buffer no longer holds that
    /// update.
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
    update.messages.iter().map(Message::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::live::message::MessageKind;

    fn update(prev: u64, seq: u64, bytes: usize) -> Update {
        let message = Message::new("x".repeat(bytes), MessageKind::Update, None);
        Update {
            prev: Sequence::new(prev),
            seq: Sequence::new(seq),
            messages: [message].into(),
        }
    }

    fn buffer(bytes: usize) -> ReplayBuffer {
        let updates = 1024;
        ReplayBuffer::new(ReplayLimits { bytes, updates })
    }

    fn seq_of(buffer: &ReplayBuffer, number: u64) -> Result<Option<u64>, FellOut> {
        let update = buffer.get(number)?;
        Ok(update.map(|update| update.seq.get()))
    }

    #[test]
    fn updates_have_numbers_and_the_oldest_fall_out_by_bytes() {
        let mut buffer = buffer(100);
        for number in 0..5 {
            buffer.push(update(number, number + 1, 40));
        }
        assert_eq!(seq_of(&buffer, 2), Err(FellOut));
        assert_eq!(seq_of(&buffer, 3), Ok(Some(4)));
        assert_eq!(seq_of(&buffer, 4), Ok(Some(5)));
        assert_eq!(seq_of(&buffer, 5), Ok(None));
        assert_eq!(buffer.next(), 5);
    }

    #[test]
    fn newest_update_stays_whatever_its_size() {
        let mut buffer = buffer(10);
        buffer.push(update(0, 1, 1000));
        assert_eq!(seq_of(&buffer, 0), Ok(Some(1)));
    }

    #[test]
    fn number_of_updates_is_bounded() {
        let mut buffer = buffer(usize::MAX);
        for number in 0..3000 {
            buffer.push(update(number, number + 1, 1));
        }
        assert_eq!(seq_of(&buffer, 3000 - 1024), Ok(Some(3000 - 1023)));
        assert_eq!(seq_of(&buffer, 3000 - 1025), Err(FellOut));
    }

    #[test]
    fn client_resumes_when_no_update_is_missing() {
        let mut buffer = buffer(100);
        assert_eq!(buffer.after(Sequence::new(0)), None);
        for (prev, seq) in [(3, 5), (5, 9), (9, 9), (9, 12)] {
            buffer.push(update(prev, seq, 1));
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
            assert_eq!(buffer.after(Sequence::new(seq)), expected, "{seq}");
        }
    }

    #[test]
    fn trim_drops_only_subscribers_that_are_behind() {
        let mut buffer = buffer(100);
        buffer.push(update(0, 1, 1));
        buffer.push(update(1, 2, 1));
        let next = buffer.next();
        buffer.trim();
        assert_eq!(buffer.bytes(), 0);
        assert_eq!(seq_of(&buffer, next - 1), Err(FellOut));
        assert_eq!(seq_of(&buffer, next), Ok(None));
        assert_eq!(buffer.after(Sequence::new(1)), None);
        buffer.push(update(2, 3, 1));
        assert_eq!(seq_of(&buffer, next), Ok(Some(3)));
    }

    #[test]
    fn break_drops_all_subscribers() {
        let mut buffer = buffer(100);
        buffer.push(update(0, 1, 1));
        let next = buffer.next();
        buffer.clear();
        assert_eq!(seq_of(&buffer, next), Err(FellOut));
        buffer.push(update(5, 6, 1));
        assert_eq!(seq_of(&buffer, buffer.next() - 1), Ok(Some(6)));
    }
}
