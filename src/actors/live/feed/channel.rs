//! One channel, shared by all its subscribers: its replay buffer, and its snapshots.

use std::sync::Arc;

use super::channel_cursor::{ChannelCursor, PullRequest, Pulled, Resume};
use super::message_batch::MessageBatch;
use super::replay_buffer::{ReplayBuffer, ReplayLimits, Update};
pub(in crate::actors::live) use super::snapshot_cache::Snapshot;
use super::snapshot_cache::SnapshotCache;
use crate::actors::live::budget::{LiveBudget, LiveCharge};
use crate::actors::live::message::{Message, Position};
use crate::actors::live::topic::Topic;
use crate::events::Sequence;

/// Approximate memory of a channel without its messages, in bytes. Includes what its feed and the
/// sessions hold for it.
pub(in crate::actors::live) const CHANNEL_BYTES: usize = 1536;

/// One channel: the messages for subscribers that are behind, and the snapshots for new ones.
#[derive(Debug)]
pub(super) struct Channel {
    buffer: ReplayBuffer,
    /// True if a subscriber that has the sequence at which an update ends skips that update.
    skips_equal: bool,
    snapshots: SnapshotCache,
    pub(super) subscribers: usize,
    budget: LiveBudget,
    /// The number of the channel's last use, as the budget counts them.
    used: u64,
    _charge: LiveCharge,
}

impl Channel {
    pub(super) fn new(topic: &Topic, ring_bytes: usize, budget: &LiveBudget) -> Self {
        let limits = ReplayLimits {
            bytes: ring_bytes,
            updates: topic.max_updates_kept(),
        };
        Self {
            buffer: ReplayBuffer::new(limits),
            // An update of another topic may also move its window with the clock.
            skips_equal: *topic == Topic::TIMELINES,
            snapshots: SnapshotCache::default(),
            subscribers: 0,
            used: budget.next_use(),
            _charge: budget.charge(CHANNEL_BYTES),
            budget: budget.clone(),
        }
    }

    /// Returns the channel, with rounds of making snapshots that are counted on from `rounds`.
    pub(super) fn after_rounds(mut self, rounds: u64) -> Self {
        self.snapshots.begin_after(rounds);
        self
    }

    pub(super) fn push(&mut self, update: Update) {
        self.used = self.budget.next_use();
        let Update {
            prev,
            seq,
            messages,
        } = update;
        let messages = self.charged(&messages);
        self.buffer.push(Update {
            prev,
            seq,
            messages,
        });
        self.snapshots.forget_overtaken(&self.buffer);
    }

    fn charged(&self, messages: &[Message]) -> Arc<[Message]> {
        let messages = messages.iter().cloned();
        messages
            .map(|message| message.charged(&self.budget))
            .collect()
    }

    /// The number of the last use, and the number of bytes that a [trim](Self::trim) frees.
    pub(super) fn trimmable(&self) -> (u64, usize) {
        (self.used, self.buffer.bytes() + self.snapshots.bytes())
    }

    /// Frees what the views can supply again. Subscribers that are behind get snapshots; the others
    /// continue.
    pub(super) fn trim(&mut self) {
        self.buffer.trim();
        self.snapshots.clear();
    }

    /// Makes all subscribers start again with snapshots.
    pub(super) fn break_off(&mut self) {
        self.buffer.clear();
        self.snapshots.clear();
    }

    /// Records that a subscriber no longer waits for a snapshot.
    pub(super) fn end_wait(&mut self, topic: &Topic) {
        self.snapshots.end_wait(topic);
    }

    /// Takes the topics with requested snapshots, and starts a round of making them.
    pub(super) fn take_wanted(&mut self) -> Vec<Topic> {
        self.snapshots.take_wanted()
    }

    /// Repeats the request for a snapshot, if a subscriber still waits for it.
    pub(super) fn want_again(&mut self, topic: &Topic) {
        self.snapshots.want_again(topic);
    }

    /// The present round of making snapshots.
    pub(super) const fn round(&self) -> u64 {
        self.snapshots.round()
    }

    pub(super) fn put_snapshot(&mut self, topic: &Topic, snapshot: Snapshot) {
        self.put_snapshot_of(topic, snapshot, self.round());
    }

    /// Puts a snapshot that was begun in this round.
    pub(super) fn put_snapshot_of(&mut self, topic: &Topic, snapshot: Snapshot, round: u64) {
        if !self.snapshots.is_worth_keeping(topic, &snapshot) {
            return;
        }
        self.used = self.budget.next_use();
        let snapshot = Snapshot {
            messages: self.charged(&snapshot.messages),
            ..snapshot
        };
        let next = self.buffer.next();
        self.snapshots.put(topic, snapshot, (next, round));
    }

    /// Where a subscriber with the state at `since` continues. The channel's position is `now`.
    pub(super) fn resume(&self, since: Position, now: Position) -> Resume {
        let seq = since.seq;
        let next = match self.buffer.after(seq) {
            Some(next) => next,
            None if seq >= now.seq => self.buffer.next(),
            None => return Resume::No,
        };
        let cursor = ChannelCursor::At { next, seq };
        let Some(mark) = since.mark else {
            return Resume::At(cursor);
        };
        let known = if seq == now.seq {
            now.mark
        } else {
            self.buffer
                .position_at(seq)
                .and_then(|position| position.mark)
        };
        match known {
            Some(known) if known == mark => Resume::At(cursor),
            Some(_) => Resume::No,
            None => Resume::IfOurs(mark),
        }
    }

    /// Adds the messages that a subscriber at `cursor` is missing to `batch`. `as_of` is the last
    /// position that a fold has published; `None` if it is unknown.
    pub(super) fn pull(
        &mut self,
        request: &PullRequest<'_>,
        as_of: Option<Sequence>,
        cursor: &mut ChannelCursor,
        batch: &mut MessageBatch<'_>,
    ) -> Pulled {
        while !batch.is_full() {
            let (next, seq) = match cursor {
                ChannelCursor::Start { .. } => {
                    match self.pull_snapshot(request, as_of, cursor, batch) {
                        None => continue,
                        Some(waits) => return waits,
                    }
                }
                ChannelCursor::At { next, seq } => (next, seq),
            };
            match self.buffer.get(*next) {
                Err(_) => *cursor = ChannelCursor::BEGIN,
                Ok(None) => return Pulled::All,
                Ok(Some(update)) => {
                    *next += 1;
                    // A snapshot that was read from the rows may be ahead of the replay buffer.
                    let adds_nothing = self.skips_equal && update.prev < update.seq;
                    let is_held = update.seq < *seq || (update.seq == *seq && adds_nothing);
                    if is_held {
                        continue;
                    }
                    *seq = update.seq;
                    for message in update.messages.iter() {
                        batch.take(match request.parameters {
                            None => message.clone(),
                            Some(parameters) => message.with_parameters(parameters),
                        });
                    }
                }
            }
        }
        Pulled::Part
    }

    /// Takes a snapshot if a fresh one exists; else the subscriber waits for one, or is queued.
    fn pull_snapshot(
        &mut self,
        request: &PullRequest<'_>,
        as_of: Option<Sequence>,
        cursor: &mut ChannelCursor,
        batch: &mut MessageBatch<'_>,
    ) -> Option<Pulled> {
        let topic = request.topic;
        let ChannelCursor::Start { asked } = *cursor else {
            return None;
        };
        let is_last = |next: u64, snapshot: &Snapshot| {
            next == self.buffer.next()
                && as_of.is_some_and(|as_of| snapshot.seq >= as_of)
                && snapshot.is_current_at(request.now)
        };
        let Some((snapshot, next)) = self.snapshots.fresh(topic, asked, is_last) else {
            if asked.is_none() {
                if !request.may_wait {
                    return Some(Pulled::Queued);
                }
                let asked = Some(self.snapshots.begin_wait(topic));
                *cursor = ChannelCursor::Start { asked };
            }
            return Some(Pulled::Waits(self.snapshots.want(topic)));
        };
        for message in snapshot.messages.iter() {
            batch.take(message.clone());
        }
        let seq = snapshot.seq;
        *cursor = ChannelCursor::At { next, seq };
        self.used = self.budget.latest_use();
        if asked.is_some() {
            self.snapshots.end_wait(topic);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::actors::live::feed::snapshot_cache::MAX_KEPT_SNAPSHOT_BYTES;
    use crate::actors::live::message::MessageKind;
    use crate::actors::live::topic::DEFAULT_LIMIT;
    use crate::events::{RecordHash, Timestamp};
    use crate::telemetry::Metrics;

    const TIMELINE: Topic = Topic::Timeline {
        limit: DEFAULT_LIMIT,
    };

    const NOW: Timestamp = Timestamp::EARLIEST;

    const REQUEST: PullRequest<'_> = PullRequest {
        topic: &TIMELINE,
        parameters: None,
        may_wait: true,
        now: NOW,
    };

    fn budget() -> LiveBudget {
        LiveBudget::new(1 << 20, Metrics::new())
    }

    fn channel(ring_bytes: usize) -> Channel {
        Channel::new(&Topic::TIMELINES, ring_bytes, &budget())
    }

    fn messages(text: &str) -> Arc<[Message]> {
        [Message::new(text.into(), MessageKind::Update, None)].into()
    }

    fn push(channel: &mut Channel, prev: u64, seq: u64) {
        channel.push(Update {
            prev: Sequence::new(prev),
            seq: Sequence::new(seq),
            messages: messages(&format!("{prev}-{seq}")),
        });
    }

    fn put(channel: &mut Channel, seq: u64) {
        let snapshot = Snapshot {
            seq: Sequence::new(seq),
            current: None,
            messages: messages(&format!("={seq}")),
        };
        channel.put_snapshot(&TIMELINE, snapshot);
    }

    fn pull(
        channel: &mut Channel,
        cursor: &mut ChannelCursor,
        room: usize,
    ) -> (Pulled, Vec<String>) {
        let mut out = VecDeque::new();
        let as_of = Some(Sequence::ZERO);
        let mut batch = MessageBatch::new(&mut out, room);
        let pulled = channel.pull(&REQUEST, as_of, cursor, &mut batch);
        let texts = out
            .iter()
            .map(|message| String::from_utf8(message.text().to_vec()).unwrap());
        (pulled, texts.collect())
    }

    #[test]
    fn subscriber_starts_with_snapshot_and_continues_with_updates() {
        let mut channel = channel(1000);
        let mut cursor = ChannelCursor::BEGIN;
        assert_eq!(
            pull(&mut channel, &mut cursor, 99),
            (Pulled::Waits(true), vec![])
        );
        assert_eq!(
            pull(&mut channel, &mut cursor, 99),
            (Pulled::Waits(false), vec![])
        );
        assert_eq!(channel.take_wanted(), [TIMELINE]);
        put(&mut channel, 5);
        push(&mut channel, 4, 5);
        push(&mut channel, 5, 8);
        push(&mut channel, 8, 8);
        // Updates that the snapshot includes are left out; a roll without an event is not.
        let expected = ["=5", "5-8", "8-8"].map(str::to_owned).to_vec();
        assert_eq!(pull(&mut channel, &mut cursor, 99), (Pulled::All, expected));
        assert_eq!(pull(&mut channel, &mut cursor, 99), (Pulled::All, vec![]));
    }

    #[test]
    fn snapshot_is_never_older_than_its_request() {
        let mut channel = channel(1000);
        let mut first = ChannelCursor::BEGIN;
        assert_eq!(pull(&mut channel, &mut first, 99).0, Pulled::Waits(true));
        assert_eq!(channel.take_wanted(), [TIMELINE]);
        // The second subscriber asks while a snapshot is being made: its rows may be read already.
        let mut second = ChannelCursor::BEGIN;
        assert_eq!(pull(&mut channel, &mut second, 99).0, Pulled::Waits(true));
        put(&mut channel, 5);
        push(&mut channel, 5, 8);
        let followed = (Pulled::All, vec!["=5".to_owned(), "5-8".to_owned()]);
        assert_eq!(pull(&mut channel, &mut first, 99), followed);
        assert_eq!(pull(&mut channel, &mut second, 99).0, Pulled::Waits(false));
        assert_eq!(channel.take_wanted(), [TIMELINE]);
        put(&mut channel, 8);
        let fresh = (Pulled::All, vec!["=8".to_owned()]);
        assert_eq!(pull(&mut channel, &mut second, 99), fresh);
        // No update has followed the snapshot, so a third subscriber may take it too.
        let mut third = ChannelCursor::BEGIN;
        assert_eq!(pull(&mut channel, &mut third, 99), fresh);
        let (mut fourth, mut out) = (ChannelCursor::BEGIN, VecDeque::new());
        for as_of in [None, Some(Sequence::new(9))] {
            let mut batch = MessageBatch::new(&mut out, 99);
            let pulled = channel.pull(&REQUEST, as_of, &mut fourth, &mut batch);
            assert!(matches!(pulled, Pulled::Waits(_)), "{as_of:?}");
        }
    }

    #[test]
    fn slow_subscriber_gets_parts_and_restarts_after_falling_out() {
        let mut channel = channel(12);
        put(&mut channel, 1);
        let mut cursor = ChannelCursor::BEGIN;
        assert_eq!(
            pull(&mut channel, &mut cursor, 1),
            (Pulled::Part, vec!["=1".into()])
        );
        for seq in 1..9 {
            push(&mut channel, seq, seq + 1);
        }
        assert_eq!(
            pull(&mut channel, &mut cursor, 99),
            (Pulled::Waits(true), vec![])
        );
        put(&mut channel, 9);
        assert_eq!(
            pull(&mut channel, &mut cursor, 99),
            (Pulled::All, vec!["=9".into()])
        );
    }

    #[test]
    fn long_snapshot_is_kept_only_while_requested() {
        let budget = budget();
        let mut channel = Channel::new(&Topic::TIMELINES, 1000, &budget);
        let idle = budget.used();
        let long = |channel: &mut Channel, round: u64| {
            assert_eq!(channel.take_wanted(), [TIMELINE], "{round}");
            let snapshot = Snapshot {
                seq: Sequence::new(1),
                current: None,
                messages: messages(&"x".repeat(MAX_KEPT_SNAPSHOT_BYTES + 1)),
            };
            channel.put_snapshot(&TIMELINE, snapshot);
        };
        let (mut first, mut second) = (ChannelCursor::BEGIN, ChannelCursor::BEGIN);
        pull(&mut channel, &mut first, 99);
        pull(&mut channel, &mut second, 99);
        assert!(first.is_waiting() && second.is_waiting());
        long(&mut channel, 1);
        assert!(budget.used() > idle + MAX_KEPT_SNAPSHOT_BYTES);
        assert_eq!(pull(&mut channel, &mut first, 99).1.len(), 1);
        assert!(budget.used() > idle);
        // The second subscriber leaves without having taken the snapshot.
        channel.end_wait(&TIMELINE);
        assert_eq!(budget.used(), idle);
        // No subscriber waits for this snapshot when it is ready.
        let mut late = ChannelCursor::BEGIN;
        pull(&mut channel, &mut late, 99);
        channel.take_wanted();
        channel.end_wait(&TIMELINE);
        put(&mut channel, 1);
        let kept = budget.used();
        assert!(kept > idle, "a short one is kept");
        channel.trim();
        assert_eq!(budget.used(), idle);
    }

    #[test]
    fn session_with_max_waiting_snapshots_asks_later() {
        let mut channel = channel(1000);
        let request = PullRequest {
            may_wait: false,
            ..REQUEST
        };
        let (mut cursor, mut out) = (ChannelCursor::BEGIN, VecDeque::new());
        let mut batch = MessageBatch::new(&mut out, 99);
        let pulled = channel.pull(&request, None, &mut cursor, &mut batch);
        assert_eq!((pulled, cursor), (Pulled::Queued, ChannelCursor::BEGIN));
        assert!(channel.take_wanted().is_empty());
        put(&mut channel, 1);
        // A snapshot that exists already may be taken.
        let as_of = Some(Sequence::new(1));
        let pulled = channel.pull(&request, as_of, &mut cursor, &mut batch);
        assert_eq!((pulled, out.len()), (Pulled::All, 1));
    }

    #[test]
    fn trim_sends_snapshots_only_to_subscribers_that_are_behind() {
        let mut channel = channel(1000);
        put(&mut channel, 1);
        let (mut current, mut behind) = (ChannelCursor::BEGIN, ChannelCursor::BEGIN);
        pull(&mut channel, &mut behind, 99);
        pull(&mut channel, &mut current, 99);
        push(&mut channel, 1, 2);
        pull(&mut channel, &mut current, 99);
        channel.trim();
        assert_eq!(pull(&mut channel, &mut current, 99), (Pulled::All, vec![]));
        assert_eq!(pull(&mut channel, &mut behind, 99).0, Pulled::Waits(true));
        push(&mut channel, 2, 3);
        let update = (Pulled::All, vec!["2-3".to_owned()]);
        assert_eq!(pull(&mut channel, &mut current, 99), update);
    }

    #[test]
    fn broken_channel_restarts_for_all_subscribers() {
        let mut channel = channel(1000);
        put(&mut channel, 1);
        push(&mut channel, 1, 2);
        let mut cursor = ChannelCursor::BEGIN;
        pull(&mut channel, &mut cursor, 99);
        channel.break_off();
        assert!(matches!(
            pull(&mut channel, &mut cursor, 99).0,
            Pulled::Waits(_)
        ));
    }

    #[test]
    fn snapshot_is_not_reused_after_its_window_moved() {
        let noon = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        let window = noon..noon.plus(Timestamp::HOUR);
        for (reading, is_good) in [
            (noon, true),
            (window.end.plus(-1), true),
            (window.end, false),
            (noon.plus(-1), false),
        ] {
            let mut channel = channel(1000);
            let snapshot = Snapshot {
                seq: Sequence::new(1),
                current: Some(window.clone()),
                messages: messages("=1"),
            };
            channel.put_snapshot(&TIMELINE, snapshot);
            let request = PullRequest {
                now: reading,
                ..REQUEST
            };
            let as_of = Some(Sequence::new(1));
            let (mut cursor, mut out) = (ChannelCursor::BEGIN, VecDeque::new());
            let mut batch = MessageBatch::new(&mut out, 99);
            let pulled = channel.pull(&request, as_of, &mut cursor, &mut batch);
            assert_eq!(pulled == Pulled::All, is_good, "{reading}");
        }
    }

    fn position(seq: u64, mark: u64) -> Position {
        let epoch = "00000000000000ff".parse().unwrap();
        Position::new(epoch, Sequence::new(seq), RecordHash(mark))
    }

    #[test]
    fn client_resumes_only_where_no_update_is_missing() {
        let mut channel = channel(1000);
        let at = |seq: u64| position(seq, 0);
        assert_eq!(channel.resume(at(3), at(4)), Resume::No);
        assert!(matches!(channel.resume(at(4), at(4)), Resume::At(_)));
        push(&mut channel, 4, 6);
        assert_eq!(channel.resume(at(3), at(6)), Resume::No);
        let Resume::At(mut cursor) = channel.resume(at(4), at(6)) else {
            panic!("the client cannot resume");
        };
        assert_eq!(
            pull(&mut channel, &mut cursor, 99),
            (Pulled::All, vec!["4-6".into()])
        );
        let Resume::At(mut current) = channel.resume(at(6), at(6)) else {
            panic!("the client cannot resume");
        };
        assert_eq!(pull(&mut channel, &mut current, 99), (Pulled::All, vec![]));
    }

    #[test]
    fn unknown_mark_is_checked_with_the_journal() {
        let mut channel = channel(1000);
        for (prev, seq) in [(2, 4), (4, 6), (6, 9)] {
            let message = Message::new(
                "{}".into(),
                MessageKind::Update,
                Some(position(seq, 100 + seq)),
            );
            channel.push(Update {
                prev: Sequence::new(prev),
                seq: Sequence::new(seq),
                messages: [message].into(),
            });
        }
        let now = position(9, 109);
        let is_at = |resume: Resume| matches!(resume, Resume::At(_));
        for seq in [4, 6, 9] {
            assert!(
                is_at(channel.resume(position(seq, 100 + seq), now)),
                "{seq}"
            );
            assert_eq!(channel.resume(position(seq, 1), now), Resume::No, "{seq}");
            assert!(is_at(channel.resume(position(seq, 0), now)), "{seq}");
        }
        // No update ends at these sequences, so the replay buffer does not know their marks.
        for seq in [2, 5, 8] {
            let asked = channel.resume(position(seq, 7), now);
            assert_eq!(asked, Resume::IfOurs(RecordHash(7)), "{seq}");
            assert!(is_at(channel.resume(position(seq, 0), now)), "{seq}");
        }
        assert_eq!(channel.resume(position(1, 7), now), Resume::No);
        // The mark of the channel's own position is known without the replay buffer.
        channel.trim();
        assert!(is_at(channel.resume(now, now)));
        assert_eq!(channel.resume(position(9, 1), now), Resume::No);
        assert_eq!(channel.resume(position(6, 106), now), Resume::No);
    }
}
