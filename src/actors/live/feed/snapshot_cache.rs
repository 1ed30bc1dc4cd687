//! The snapshots of one channel: those that are made, and those that subscribers wait for.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::replay_buffer::ReplayBuffer;
use crate::actors::live::message::{Message, bytes_of};
use crate::actors::live::topic::Topic;
use crate::events::{Sequence, Timestamp};

/// A longer snapshot is forgotten when no subscriber waits for it any more.
pub(super) const MAX_KEPT_SNAPSHOT_BYTES: usize = 16 * 1024;
/// A snapshot that this many updates have followed is of no use to subscribers that still wait.
const MAX_UPDATES_BEHIND: u64 = 32;

/// The state of a channel from which subscribers start.
#[derive(Debug, Clone)]
pub(in crate::actors::live) struct Snapshot {
    pub(in crate::actors::live) seq: Sequence,
    /// The readings of the clock for which it is what a GET would answer; `None` for all.
    pub(in crate::actors::live) current: Option<Range<Timestamp>>,
    pub(in crate::actors::live) messages: Arc<[Message]>,
}

impl Snapshot {
    fn bytes(&self) -> usize {
        bytes_of(&self.messages)
    }

    /// It is what a GET would answer at this reading of the clock.
    pub(super) fn is_current_at(&self, now: Timestamp) -> bool {
        let current = self.current.as_ref();
        current.is_none_or(|current| current.contains(&now))
    }
}

/// A snapshot, the number of the update that follows it, and the round in which it was made.
#[derive(Debug)]
struct CachedSnapshot {
    snapshot: Snapshot,
    next: u64,
    round: u64,
}

/// The snapshots of one channel, by topic: topics that share a replay buffer may start differently.
#[derive(Debug, Default)]
pub(super) struct SnapshotCache {
    cached: HashMap<Topic, CachedSnapshot>,
    wanted: HashSet<Topic>,
    /// How many rounds of making snapshots have begun.
    rounds: u64,
    /// How many subscribers wait for a snapshot of each topic.
    waiting: HashMap<Topic, usize>,
}

impl SnapshotCache {
    /// How many bytes of snapshots are kept.
    pub(super) fn bytes(&self) -> usize {
        let cached = self.cached.values();
        cached.map(|cached| cached.snapshot.bytes()).sum()
    }

    /// Forgets all snapshots that are made.
    pub(super) fn clear(&mut self) {
        self.cached.clear();
    }

    /// Forgets the snapshots that too many updates have followed.
    pub(super) fn forget_overtaken(&mut self, buffer: &ReplayBuffer) {
        self.cached.retain(|_, cached| {
            buffer.next() - cached.next <= MAX_UPDATES_BEHIND && buffer.get(cached.next).is_ok()
        });
    }

    /// Takes the topics of which a snapshot is wanted, and begins a round of making them.
    pub(super) fn take_wanted(&mut self) -> Vec<Topic> {
        self.rounds += 1;
        self.wanted.drain().collect()
    }

    /// Asks for a snapshot; true when it was not asked for already.
    pub(super) fn want(&mut self, topic: &Topic) -> bool {
        self.wanted.insert(topic.clone())
    }

    /// Asks for a snapshot that could not be made yet, if a subscriber still waits for it.
    pub(super) fn want_again(&mut self, topic: &Topic) {
        if self.waiting.contains_key(topic) {
            self.wanted.insert(topic.clone());
        }
    }

    /// Counts in a subscriber that waits; returns the round in which it has asked.
    pub(super) fn begin_wait(&mut self, topic: &Topic) -> u64 {
        *self.waiting.entry(topic.clone()).or_default() += 1;
        self.rounds
    }

    /// Counts out a subscriber that waited. With the last one a long snapshot is forgotten.
    pub(super) fn end_wait(&mut self, topic: &Topic) {
        if let Some(waiting) = self.waiting.get_mut(topic) {
            *waiting = waiting.saturating_sub(1);
            if *waiting > 0 {
                return;
            }
            self.waiting.remove(topic);
        }
        let is_long = |cached: &CachedSnapshot| cached.snapshot.bytes() > MAX_KEPT_SNAPSHOT_BYTES;
        if self.cached.get(topic).is_some_and(is_long) {
            self.cached.remove(topic);
        }
        self.wanted.remove(topic);
    }

    /// The snapshot is short, or a subscriber waits for it.
    pub(super) fn is_worth_keeping(&self, topic: &Topic, snapshot: &Snapshot) -> bool {
        snapshot.bytes() <= MAX_KEPT_SNAPSHOT_BYTES || self.waiting.contains_key(topic)
    }

    /// Keeps a snapshot, which the update with the number `next` follows.
    pub(super) fn put(&mut self, topic: &Topic, snapshot: Snapshot, next: u64) {
        let cached = CachedSnapshot {
            snapshot,
            next,
            round: self.rounds,
        };
        self.cached.insert(topic.clone(), cached);
    }

    /// A snapshot that holds all that was folded before its subscriber asked for it, and the number
    /// of the update that follows it. It was made in a later round, or is the last state of the
    /// channel according to `is_last`, which is given that number and the snapshot.
    pub(super) fn fresh(
        &self,
        topic: &Topic,
        asked: Option<u64>,
        is_last: impl FnOnce(u64, &Snapshot) -> bool,
    ) -> Option<(&Snapshot, u64)> {
        let CachedSnapshot {
            snapshot,
            next,
            round,
        } = self.cached.get(topic)?;
        let is_new = asked.is_some_and(|asked| *round > asked);
        (is_new || is_last(*next, snapshot)).then_some((snapshot, *next))
    }
}
