//! Counts the journaled events beyond the checkpoints of the views.

use std::ops::RangeInclusive;

use crate::events::{Checkpoint, Content, Envelope, Sequence, ShardCount, ShardId, Token};
use crate::journal::{Journal, JournalError, Selection};

/// Maximum number of records per read of the journal.
const BATCH_RECORDS: usize = 16_384;

/// Journaled events that the views have not folded, counted through the journal head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfoldedEvents {
    /// The journal head when the count began.
    pub head: Sequence,
    /// The unfolded events of every shard, in the order of the shards.
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
    /// Number of events of the shard beyond the checkpoint.
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
    use crate::events::{Event, Incarnation, Keyword, Record, Timestamp};
    use crate::journal::MemoryJournal;

    #[tokio::test]
    async fn events_are_counted_beyond_the_checkpoint_of_their_own_shard() {
        let shards = ShardCount::DEFAULT;
        let journal = MemoryJournal::with_shards(Incarnation(1), shards);
        let at = Timestamp::EARLIEST;
        let tracked = |word| {
            let keyword = Keyword::new(word).unwrap();
            Record::of_event(&keyword, &Event::keyword_tracked(at), at).unwrap()
        };
        let unaddressed = Record {
            token: b"A".as_slice().into(),
            ..tracked("a")
        };
        // "a" has the odd positions, "b" the even ones up to 10, and no keyword the last one.
        let words = ["a", "b"].iter().cycle().take(11);
        let mut records: Vec<_> = words.map(|word| tracked(word)).collect();
        records.push(unaddressed);
        journal.append(records).await.unwrap();
        let [of_a, of_b] = ["a", "b"].map(|word| shards.shard_of(word.as_bytes()));
        let of_none = shards.of_unaddressed();
        assert!(of_a != of_b && of_a != of_none && of_b != of_none);
        let checkpoints = |positions: &dyn Fn(ShardId) -> u64| -> Vec<Checkpoint> {
            let at = |shard| Checkpoint {
                sequence: Sequence::new(positions(shard)),
                ..journal.start()
            };
            shards.all().map(at).collect()
        };
        let counted = |unfolded: &UnfoldedEvents| {
            [of_a, of_b, of_none].map(|shard| unfolded.shards[shard.index()].events)
        };

        let apart = checkpoints(&|shard| match shard {
            shard if shard == of_a => 7,
            shard if shard == of_b => 2,
            shard if shard == of_none => 11,
            _ => 12,
        });
        journal.forget(Sequence::new(5));
        journal.forget(Sequence::new(8));
        let unfolded = UnfoldedEvents::count(&journal, &apart, |_| {})
            .await
            .unwrap();
        assert_eq!(counted(&unfolded), [2, 3, 1]);
        assert_eq!((unfolded.position().get(), unfolded.events()), (2, 6));
        assert_eq!(unfolded.missing, [5..=5, 8..=8]);

        let at_head = checkpoints(&|_| 12);
        let unfolded = UnfoldedEvents::count(&journal, &at_head, |_| {})
            .await
            .unwrap();
        assert_eq!((unfolded.position().get(), unfolded.events()), (12, 0));
    }

    #[test]
    fn ranges_that_overlap_or_touch_become_one() {
        let ranges = vec![20..=20, 3..=4, 5..=9, 20..=22, 30..=30];
        assert_eq!(joined(ranges), [3..=9, 20..=22, 30..=30]);
        assert!(joined(Vec::new()).is_empty());
    }
}
