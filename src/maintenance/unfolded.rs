//! Counts the journaled events beyond the checkpoints of the views.

use std::ops::RangeInclusive;

use crate::events::{Checkpoint, Content, Envelope, Sequence, ShardCount, ShardId, Token};
use crate::journal::{Journal, JournalError, Selection};

/// Records per read.
const BATCH_RECORDS: usize = 16_384;

/// Journaled events that the views have not folded, counted through the journal head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfoldedEvents {
    /// The journal head when the count began.
    pub head: Sequence,
    /// Every shard, in order.
    pub shards: Vec<UnfoldedShard>,
    /// Sequences beyond the lowest checkpoint that are missing from the journal.
    pub missing: Vec<RangeInclusive<u64>>,
}

/// The unfolded events of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnfoldedShard {
    /// The shard.
    pub shard: ShardId,
    /// The checkpoint of the shard.
    pub position: Sequence,
    /// Number of its events beyond the checkpoint.
    pub events: u64,
}

impl UnfoldedEvents {
    /// Reads the journal from the lowest checkpoint through the journal head and counts the events
    /// of each shard beyond its checkpoint. `checkpoints` are in shard order.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn count(
        journal: &dyn Journal,
        checkpoints: &[Checkpoint],
        mut progress: impl FnMut(Sequence),
    ) -> Result<Self, JournalError> {
        let count = journal.shards();
        let at = checkpoints.iter().map(|checkpoint| checkpoint.sequence);
        let shards = count.all().zip(at).map(|(shard, position)| UnfoldedShard {
            shard,
            position,
            events: 0,
        });
        let mut unfolded = Self {
            head: *journal.head().borrow(),
            shards: shards.collect(),
            missing: Vec::new(),
        };
        let mut position = unfolded.position();
        if position >= unfolded.head {
            return Ok(unfolded);
        }
        let mut reader = journal.read(position, Selection::All).await?;
        while position < unfolded.head {
            let batch = reader.next(BATCH_RECORDS).await?;
            for envelope in &batch.envelopes {
                unfolded.add(envelope, count);
            }
            unfolded.missing.extend(batch.missing);
            position = batch.end;
            progress(position);
        }
        Ok(unfolded)
    }

    fn add(&mut self, envelope: &Envelope, count: ShardCount) {
        let shard = match &envelope.content {
            Content::Keyword(keyword, _) => count.shard_of(Token::of(keyword).as_str().as_bytes()),
            Content::Unaddressed { .. } => count.of_unaddressed(),
        };
        if let Some(shard) = self.shards.get_mut(shard.index())
            && envelope.sequence > shard.position
            && envelope.sequence <= self.head
        {
            shard.events = shard.events.saturating_add(1);
        }
    }

    /// The lowest checkpoint of all shards.
    pub fn position(&self) -> Sequence {
        let positions = self.shards.iter().map(|shard| shard.position);
        positions.min().unwrap_or_default()
    }

    /// The unfolded events of all shards.
    pub fn events(&self) -> u64 {
        let events = self.shards.iter().map(|shard| shard.events);
        events.fold(0, u64::saturating_add)
    }
}

/// Joins ranges that overlap or touch, in ascending order.
pub(super) fn joined(mut ranges: Vec<RangeInclusive<u64>>) -> Vec<RangeInclusive<u64>> {
    ranges.sort_by_key(|range| *range.start());
    let mut joined: Vec<RangeInclusive<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if *range.start() <= last.end().saturating_add(1) => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_overlap_or_touch_become_one() {
        let ranges = vec![20..=20, 3..=4, 5..=9, 20..=22, 30..=30];
        assert_eq!(joined(ranges), [3..=9, 20..=22, 30..=30]);
        assert!(joined(Vec::new()).is_empty());
    }
}
