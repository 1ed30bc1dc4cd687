//! The snapshots of one channel: finished ones, and requests for new ones.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::replay_buffer::ReplayBuffer;
use crate::actors::live::message::{Message, bytes_of};
use crate::actors::live::topic::Topic;
use crate::events::{Sequence, Timestamp};

/// Maximum length of a snapshot that is kept when no subscriber waits for it, in bytes.
pub(super) const MAX_KEPT_SNAPSHOT_BYTES: usize = 16 * 1024;
/// A snapshot followed by this many updates is of no use to waiting subscribers.
const MAX_UPDATES_BEHIND: u64 = 32;

/// The state of a channel from which subscribers start.
#[derive(Debug, Clone)]
pub(in crate::actors::live) struct Snapshot {
    pub(in crate::actors::live) seq: Sequence,
    /// The period in which a GET gives the same answer at `seq`; `None` when the answer does not
    /// depend on the time.
    pub(in crate::actors::live) current: Option<Range<Timestamp>>,
    pub(in crate::actors::live) messages: Arc<[Message]>,
}

impl Snapshot {
    fn bytes(&self) -> usize {
        bytes_of(&self.messages)
    }

    /// True when a GET would give the same answer at this time.
    pub(super) fn is_current_at(&self, now: Timestamp) -> bool {
        let current = self.current.as_ref();
        current.is_none_or(|current| current.contains(&now))
    }
}

/// A snapshot, the number of the update after it, and the round in which it was begun.
#[derive(Debug)]
struct CachedSnapshot {
    snapshot: Snapshot,
    next: u64,
    round: u64,
}

/// The snapshots of one channel, by topic: topics with a common replay buffer may have different
/// snapshots.
#[derive(Debug, Default)]
pub(super) struct SnapshotCache {
    cached: HashMap<Topic, CachedSnapshot>,
    wanted: HashSet<Topic>,
    /// Number of rounds of making snapshots that have started, in this channel and before it.
    rounds: u64,
    /// Number of subscribers that wait for a snapshot of each topic.
    waiting: HashMap<Topic, usize>,
}

impl SnapshotCache {
    /// Sets the number of rounds that have started before this channel was made.
    pub(super) const fn begin_after(&mut self, rounds: u64) {
        self.rounds = rounds;
    }

    /// Size of the kept snapshots, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let cached = self.cached.values();
        cached.map(|cached| cached.snapshot.bytes()).sum()
    }

    /// Drops all finished snapshots.
    pub(super) fn clear(&mut self) {
        self.cached.clear();
    }

    /// Drops the snapshots that too many updates have followed.
    pub(super) fn forget_overtaken(&mut self, buffer: &ReplayBuffer) {
        self.cached.retain(|_, cached| {
            buffer.next() - cached.next <= MAX_UPDATES_BEHIND && buffer.get(cached.next).is_ok()
        });
    }

    /// Takes the topics with requested snapshots, and starts a round of making them.
    pub(super) fn take_wanted(&mut self) -> Vec<Topic> {
        self.rounds += 1;
        self.wanted.drain().collect()
    }

    /// Requests a snapshot; true when it was not requested already.
    pub(super) fn want(&mut self, topic: &Topic) -> bool {
        self.wanted.insert(topic.clone())
    }

    /// Requests a snapshot that could not be made, if a subscriber still waits for it.
    pub(super) fn want_again(&mut self, topic: &Topic) {
        if self.waiting.contains_key(topic) {
            self.wanted.insert(topic.clone());
        }
    }

    /// Adds a waiting subscriber; returns the round of its request.
    pub(super) fn begin_wait(&mut self, topic: &Topic) -> u64 {
        *self.waiting.entry(topic.clone()).or_default() += 1;
        self.rounds
    }

    /// Removes a waiting subscriber of a topic. If it was the last, drops the request, and the
    /// snapshot if it is long.
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

    /// True when the snapshot is short, or a subscriber waits for it.
    pub(super) fn is_worth_keeping(&self, topic: &Topic, snapshot: &Snapshot) -> bool {
        snapshot.bytes() <= MAX_KEPT_SNAPSHOT_BYTES || self.waiting.contains_key(topic)
    }

    /// The present round.
    pub(super) const fn round(&self) -> u64 {
        self.rounds
    }

    /// Keeps a snapshot that was begun in this round; the next update has the number `next`.
    pub(super) fn put(&mut self, topic: &Topic, snapshot: Snapshot, (next, round): (u64, u64)) {
        let cached = CachedSnapshot {
            snapshot,
            next,
            round,
        };
        self.cached.insert(topic.clone(), cached);
    }

    /// A snapshot that includes everything folded before its request, and the number of the next
    /// update. Such a snapshot was begun in a later round, or is the last state of the channel:
    /// `is_last`, called with that number and the snapshot, decides.
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
