//! One channel as all its subscribers share it: its replay buffer, and snapshots to begin with.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::replay_buffer::{ReplayBuffer, ReplayLimits, Update};
use crate::actors::engine::clock::Clock;
use crate::actors::live::budget::{LiveBudget, LiveCharge};
use crate::actors::live::message::{Message, Position};
use crate::actors::live::topic::Topic;
use crate::events::{RecordHash, Sequence, Timestamp};

/// What a channel takes beside its lines, in bytes, about: here, in its feed and in its sessions.
pub(in crate::actors::live) const CHANNEL_BYTES: usize = 1536;
/// A longer snapshot is forgotten when nobody waits for it any more.
const MAX_KEPT_SNAPSHOT_BYTES: usize = 16 * 1024;
/// A snapshot that so many updates have followed is of no use to those who still wait for it.
const MAX_UPDATES_BEHIND: u64 = 32;

/// Where one subscriber stands in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) enum ChannelCursor {
    /// It needs a snapshot. Once it has asked, any does that began to be made later: it holds all
    /// that was folded before.
    Start { asked: Option<u64> },
    /// It holds the channel's state at `seq`, and needs the update with this number next.
    At { next: u64, seq: Sequence },
}

impl ChannelCursor {
    /// Of who has not asked yet.
    pub(in crate::actors::live) const BEGIN: Self = Self::Start { asked: None };

    /// A snapshot is being made for it, or is ready to be taken.
    pub(in crate::actors::live) const fn is_waiting(&self) -> bool {
        matches!(self, Self::Start { asked: Some(_) })
    }
}

/// Whether a subscriber can go on where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) enum Resume {
    /// It can, from here.
    At(ChannelCursor),
    /// It can, if the journal's record at its position has this mark.
    IfOurs(RecordHash),
    /// An update since is missing, or its state is of another journal.
    No,
}

/// What a subscriber got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) enum Pulled {
    /// All there is.
    All,
    /// As much as it asked for; there is more.
    Part,
    /// A snapshot has to be made first. True when nobody has asked for it before.
    Waits(bool),
    /// A snapshot has to be asked for, but its session waits for as many as it may.
    Queued,
}

/// The state of a channel from which subscribers begin.
#[derive(Debug, Clone)]
pub(in crate::actors::live) struct Snapshot {
    pub(in crate::actors::live) seq: Sequence,
    /// The readings of the clock for which it is what a GET would answer; `None` for all.
    pub(in crate::actors::live) current: Option<Range<Timestamp>>,
    pub(in crate::actors::live) lines: Arc<[Message]>,
}

impl Snapshot {
    fn bytes(&self) -> usize {
        self.lines.iter().map(Message::len).sum()
    }
}

/// A snapshot, the number of the update that follows it, and the round of making in which it was
/// made.
#[derive(Debug)]
struct Made {
    snapshot: Snapshot,
    next: u64,
    round: u64,
}

/// What a subscriber asks of a channel.
#[derive(Debug, Clone, Copy)]
pub(in crate::actors::live) struct PullRequest<'a> {
    pub(in crate::actors::live) topic: &'a Topic,
    /// What its updates of a timeline are to name.
    pub(in crate::actors::live) parameters: Option<&'a str>,
    /// It may ask for a snapshot, if it needs one.
    pub(in crate::actors::live) may_wait: bool,
    pub(in crate::actors::live) clock: &'a Clock,
}

/// One channel.
#[derive(Debug)]
pub(super) struct Channel {
    buffer: ReplayBuffer,
    /// An update to the sequence that a subscriber holds already says nothing new to it.
    skips_equal: bool,
    /// By topic, since channels of one replay buffer may begin differently.
    snapshots: HashMap<Topic, Made>,
    wanted: HashSet<Topic>,
    /// How often snapshots were begun to be made.
    rounds: u64,
    /// How many subscribers wait for a snapshot of each topic.
    waiting: HashMap<Topic, usize>,
    pub(in crate::actors::live) subscribers: usize,
    budget: LiveBudget,
    /// The number of its last use.
    used: u64,
    _charge: LiveCharge,
}

impl Channel {
    pub(in crate::actors::live) fn new(
        topic: &Topic,
        ring_bytes: usize,
        budget: &LiveBudget,
    ) -> Self {
        let limits = ReplayLimits {
            bytes: ring_bytes,
            updates: topic.max_updates_kept(),
        };
        Self {
            buffer: ReplayBuffer::new(limits),
            // The others move with the clock, too.
            skips_equal: *topic == Topic::TIMELINES,
            snapshots: HashMap::new(),
            wanted: HashSet::new(),
            rounds: 0,
            waiting: HashMap::new(),
            subscribers: 0,
            used: budget.next_use(),
            _charge: budget.charge(CHANNEL_BYTES),
            budget: budget.clone(),
        }
    }

    pub(in crate::actors::live) fn push(&mut self, update: Update) {
        self.used = self.budget.next_use();
        let Update { prev, seq, lines } = update;
        let lines = self.charged(&lines);
        self.buffer.push(Update { prev, seq, lines });
        let buffer = &self.buffer;
        self.snapshots.retain(|_, made| {
            let next = made.next;
            buffer.next() - next <= MAX_UPDATES_BEHIND && buffer.get(next).is_ok()
        });
    }

    fn charged(&self, lines: &[Message]) -> Arc<[Message]> {
        let lines = lines.iter().cloned();
        lines.map(|line| line.charged(&self.budget)).collect()
    }

    /// The number of its last use, and how many bytes a [trim](Self::trim) lets go.
    pub(in crate::actors::live) fn trimmable(&self) -> (u64, usize) {
        let snapshots = self.snapshots.values().map(|made| made.snapshot.bytes());
        (self.used, self.buffer.bytes() + snapshots.sum::<usize>())
    }

    /// Lets go of everything that can be had from the views: subscribers that are behind get
    /// snapshots, the others go on.
    pub(in crate::actors::live) fn trim(&mut self) {
        self.buffer.trim();
        self.snapshots.clear();
    }

    /// A subscriber waits no longer for a snapshot.
    pub(in crate::actors::live) fn end_wait(&mut self, topic: &Topic) {
        if let Some(waiting) = self.waiting.get_mut(topic) {
            *waiting = waiting.saturating_sub(1);
            if *waiting > 0 {
                return;
            }
            self.waiting.remove(topic);
        }
        let is_long = |made: &Made| made.snapshot.bytes() > MAX_KEPT_SNAPSHOT_BYTES;
        if self.snapshots.get(topic).is_some_and(is_long) {
            self.snapshots.remove(topic);
        }
        self.wanted.remove(topic);
    }

    /// From here on subscribers begin anew.
    pub(super) fn break_off(&mut self) {
        self.buffer.clear();
        self.snapshots.clear();
    }

    /// The topics of which somebody wants a snapshot; a round of making them begins.
    pub(super) fn take_wanted(&mut self) -> Vec<Topic> {
        self.rounds += 1;
        self.wanted.drain().collect()
    }

    /// A snapshot is still wanted, if somebody still waits for it.
    pub(super) fn want_again(&mut self, topic: &Topic) {
        if self.waiting.contains_key(topic) {
            self.wanted.insert(topic.clone());
        }
    }

    pub(super) fn put_snapshot(&mut self, topic: &Topic, snapshot: Snapshot) {
        if snapshot.bytes() > MAX_KEPT_SNAPSHOT_BYTES && !self.waiting.contains_key(topic) {
            return;
        }
        self.used = self.budget.next_use();
        let snapshot = Snapshot {
            lines: self.charged(&snapshot.lines),
            ..snapshot
        };
        let made = Made {
            snapshot,
            next: self.buffer.next(),
            round: self.rounds,
        };
        self.snapshots.insert(topic.clone(), made);
    }

    /// Where a subscriber goes on that holds the state at `since`. The channel stands at `now`.
    pub(in crate::actors::live) fn resume(&self, since: Position, now: Position) -> Resume {
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

    /// A snapshot that holds all that was folded before its subscriber asked for it: made since, or
    /// followed by nothing, not even by a turn of the clock.
    fn fresh(
        &self,
        ask: &PullRequest<'_>,
        asked: Option<u64>,
        as_of: Option<Sequence>,
    ) -> Option<&Made> {
        let made = self.snapshots.get(ask.topic)?;
        let Snapshot { seq, current, .. } = &made.snapshot;
        let is_new = asked.is_some_and(|asked| made.round > asked);
        let is_last = || {
            made.next == self.buffer.next()
                && as_of.is_some_and(|as_of| *seq >= as_of)
                && current
                    .as_ref()
                    .is_none_or(|current| current.contains(&ask.clock.now()))
        };
        (is_new || is_last()).then_some(made)
    }

    /// Hands out what a subscriber is missing, until `budget` bytes are reached. `as_of` is the
    /// last position that the fold has handed over; `None` where that isn't known.
    pub(in crate::actors::live) fn pull(
        &mut self,
        ask: &PullRequest<'_>,
        as_of: Option<Sequence>,
        cursor: &mut ChannelCursor,
        out: &mut VecDeque<Message>,
        budget: &mut usize,
    ) -> Pulled {
        loop {
            if *budget == 0 {
                return Pulled::Part;
            }
            if let ChannelCursor::Start { asked } = cursor {
                let asked = *asked;
                let Some(Made { snapshot, next, .. }) = self.fresh(ask, asked, as_of) else {
                    if asked.is_none() {
                        if !ask.may_wait {
                            return Pulled::Queued;
                        }
                        *self.waiting.entry(ask.topic.clone()).or_default() += 1;
                        *cursor = ChannelCursor::Start {
                            asked: Some(self.rounds),
                        };
                    }
                    return Pulled::Waits(self.wanted.insert(ask.topic.clone()));
                };
                for line in snapshot.lines.iter() {
                    *budget = budget.saturating_sub(line.len());
                    out.push_back(line.clone());
                }
                *cursor = ChannelCursor::At {
                    next: *next,
                    seq: snapshot.seq,
                };
                self.used = self.budget.latest_use();
                if asked.is_some() {
                    self.end_wait(ask.topic);
                }
            }
            let ChannelCursor::At { next, seq } = cursor else {
                continue;
            };
            if *budget == 0 {
                return Pulled::Part;
            }
            match self.buffer.get(*next) {
                Err(_) => *cursor = ChannelCursor::BEGIN,
                Ok(None) => return Pulled::All,
                Ok(Some(update)) => {
                    *next += 1;
                    // A snapshot that was read from the rows may be ahead of the replay buffer.
                    let says_nothing = self.skips_equal && update.prev < update.seq;
                    let is_held = update.seq < *seq || (update.seq == *seq && says_nothing);
                    if is_held {
                        continue;
                    }
                    *seq = update.seq;
                    for line in update.lines.iter() {
                        *budget = budget.saturating_sub(line.len());
                        out.push_back(match ask.parameters {
                            None => line.clone(),
                            Some(parameters) => line.with_parameters(parameters),
                        });
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::live::message::MessageKind;
    use crate::actors::live::topic::DEFAULT_LIMIT;
    use crate::telemetry::Metrics;

    const TIMELINE: Topic = Topic::Timeline {
        limit: DEFAULT_LIMIT,
    };

    fn ask(clock: &Clock) -> PullRequest<'_> {
        PullRequest {
            topic: &TIMELINE,
            parameters: None,
            may_wait: true,
            clock,
        }
    }

    fn budget() -> LiveBudget {
        LiveBudget::new(1 << 20, Metrics::new())
    }

    fn channel(ring_bytes: usize) -> Channel {
        Channel::new(&Topic::TIMELINES, ring_bytes, &budget())
    }

    fn lines(text: &str) -> Arc<[Message]> {
        [Message::new(text.into(), MessageKind::Update, None)].into()
    }

    fn push(channel: &mut Channel, prev: u64, seq: u64) {
        channel.push(Update {
            prev: Sequence::new(prev),
            seq: Sequence::new(seq),
            lines: lines(&format!("{prev}-{seq}")),
        });
    }

    fn put(channel: &mut Channel, seq: u64) {
        let snapshot = Snapshot {
            seq: Sequence::new(seq),
            current: None,
            lines: lines(&format!("={seq}")),
        };
        channel.put_snapshot(&TIMELINE, snapshot);
    }

    fn pull(
        channel: &mut Channel,
        cursor: &mut ChannelCursor,
        mut budget: usize,
    ) -> (Pulled, Vec<String>) {
        let mut out = VecDeque::new();
        let as_of = Some(Sequence::ZERO);
        let clock = &Clock::system();
        let pulled = channel.pull(&ask(clock), as_of, cursor, &mut out, &mut budget);
        let texts = out
            .iter()
            .map(|line| String::from_utf8(line.text().to_vec()).unwrap());
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
        // What the snapshot holds already is left out, a roll without an event is not.
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
        // It comes while the snapshot is made, which may have been read before.
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
        // Nothing has followed it: it is as good for who comes now.
        let mut third = ChannelCursor::BEGIN;
        assert_eq!(pull(&mut channel, &mut third, 99), fresh);
        let (mut fourth, mut out) = (ChannelCursor::BEGIN, VecDeque::new());
        for as_of in [None, Some(Sequence::new(9))] {
            let clock = &Clock::system();
            let pulled = channel.pull(&ask(clock), as_of, &mut fourth, &mut out, &mut 99);
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
                lines: lines(&"x".repeat(MAX_KEPT_SNAPSHOT_BYTES + 1)),
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
        // The other one goes without having taken it.
        channel.end_wait(&TIMELINE);
        assert_eq!(budget.used(), idle);
        // Nobody waits for what is made too late.
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
        let clock = &Clock::system();
        let request = PullRequest {
            may_wait: false,
            ..ask(clock)
        };
        let (mut cursor, mut out) = (ChannelCursor::BEGIN, VecDeque::new());
        let pulled = channel.pull(&request, None, &mut cursor, &mut out, &mut 99);
        assert_eq!((pulled, cursor), (Pulled::Queued, ChannelCursor::BEGIN));
        assert!(channel.take_wanted().is_empty());
        put(&mut channel, 1);
        // What is there already may be taken.
        let as_of = Some(Sequence::new(1));
        let pulled = channel.pull(&request, as_of, &mut cursor, &mut out, &mut 99);
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
                lines: lines("=1"),
            };
            channel.put_snapshot(&TIMELINE, snapshot);
            let clock = &Clock::of(move || reading);
            let as_of = Some(Sequence::new(1));
            let (mut cursor, mut out) = (ChannelCursor::BEGIN, VecDeque::new());
            let pulled = channel.pull(&ask(clock), as_of, &mut cursor, &mut out, &mut 99);
            assert_eq!(pulled == Pulled::All, is_good, "{reading}");
        }
    }

    fn position(seq: u64, mark: u64) -> Position {
        let epoch = "00000000000000ff".parse().unwrap();
        Position::new(epoch, Sequence::new(seq), RecordHash(mark))
    }

    #[test]
    fn a_client_resumes_only_where_nothing_is_missing() {
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
    fn unknown_mark_is_asked_of_the_journal() {
        let mut channel = channel(1000);
        for (prev, seq) in [(2, 4), (4, 6), (6, 9)] {
            let line = Message::new(
                "{}".into(),
                MessageKind::Update,
                Some(position(seq, 100 + seq)),
            );
            channel.push(Update {
                prev: Sequence::new(prev),
                seq: Sequence::new(seq),
                lines: [line].into(),
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
        // In a snapshot that was read between two updates, and before the oldest one.
        for seq in [2, 5, 8] {
            let asked = channel.resume(position(seq, 7), now);
            assert_eq!(asked, Resume::IfOurs(RecordHash(7)), "{seq}");
            assert!(is_at(channel.resume(position(seq, 0), now)), "{seq}");
        }
        assert_eq!(channel.resume(position(1, 7), now), Resume::No);
        // Where all is that is known, the replay buffer may be cut.
        channel.trim();
        assert!(is_at(channel.resume(now, now)));
        assert_eq!(channel.resume(position(9, 1), now), Resume::No);
        assert_eq!(channel.resume(position(6, 106), now), Resume::No);
    }
}
