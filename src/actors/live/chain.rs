//! One chain as all its followers share it: its ring, and snapshots to begin with.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::budget::{Budget, Charge};
use super::line::{Line, Position};
use super::ring::{Ring, RingLimits, Update};
use super::topic::Topic;
use crate::actors::clock::Clock;
use crate::events::{RecordHash, Sequence, Timestamp};

/// What a chain takes beside its lines, in bytes, about: here, in its feed and in its sessions.
pub(super) const CHAIN_BYTES: usize = 1536;
/// A longer snapshot is forgotten when nobody waits for it any more.
const MAX_KEPT_SNAPSHOT_BYTES: usize = 16 * 1024;
/// A snapshot that so many updates have followed is of no use to those who still wait for it.
const MOST_BEHIND: u64 = 32;

/// Where one follower stands in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// It needs a snapshot. Once it has asked, any does that began to be made later: it holds all
    /// that was folded before.
    Start { asked: Option<u64> },
    /// It holds the chain's state at `seq`, and needs the update with this number next.
    At { next: u64, seq: Sequence },
}

impl Cursor {
    /// Of who has not asked yet.
    pub(super) const BEGIN: Self = Self::Start { asked: None };

    /// A snapshot is being made for it, or is ready to be taken.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self, Self::Start { asked: Some(_) })
    }
}

/// Whether a follower can go on where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resume {
    /// It can, from here.
    At(Cursor),
    /// It can, if the journal's record at its position has this mark.
    IfOurs(RecordHash),
    /// An update since is missing, or its state is of another journal.
    No,
}

/// What a follower got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pulled {
    /// All there is.
    All,
    /// As much as it asked for; there is more.
    Part,
    /// A snapshot has to be made first. True when nobody has asked for it before.
    Waits(bool),
    /// A snapshot has to be asked for, but its session waits for as many as it may.
    Queued,
}

/// The state of a chain from which followers begin.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) seq: Sequence,
    /// The readings of the clock for which it is what a GET would answer; `None` for all.
    pub(super) current: Option<Range<Timestamp>>,
    pub(super) lines: Arc<[Line]>,
}

impl Snapshot {
    fn bytes(&self) -> usize {
        self.lines.iter().map(Line::len).sum()
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

/// What a subscriber asks of a chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) topic: &'a Topic,
    /// What its updates of a timeline are to name.
    pub(super) parameters: Option<&'a str>,
    /// It may ask for a snapshot, if it needs one.
    pub(super) may_wait: bool,
    pub(super) clock: &'a Clock,
}

/// One chain.
#[derive(Debug)]
pub(super) struct Chain {
    ring: Ring,
    /// An update to the sequence that a follower holds already says nothing new to it.
    skips_equal: bool,
    /// By topic, since chains of one ring may begin differently.
    snapshots: HashMap<Topic, Made>,
    wanted: HashSet<Topic>,
    /// How often snapshots were begun to be made.
    rounds: u64,
    /// How many subscribers wait for a snapshot of each topic.
    waiting: HashMap<Topic, usize>,
    pub(super) followers: usize,
    budget: Budget,
    /// The number of its last use.
    used: u64,
    _charge: Charge,
}

impl Chain {
    pub(super) fn new(topic: &Topic, ring_bytes: usize, budget: &Budget) -> Self {
        let limits = RingLimits {
            bytes: ring_bytes,
            updates: topic.max_updates_kept(),
        };
        Self {
            ring: Ring::new(limits),
            // The others move with the clock, too.
            skips_equal: *topic == Topic::TIMELINES,
            snapshots: HashMap::new(),
            wanted: HashSet::new(),
            rounds: 0,
            waiting: HashMap::new(),
            followers: 0,
            used: budget.next_use(),
            _charge: budget.charge(CHAIN_BYTES),
            budget: budget.clone(),
        }
    }

    pub(super) fn push(&mut self, update: Update) {
        self.used = self.budget.next_use();
        let Update { prev, seq, lines } = update;
        let lines = self.charged(&lines);
        self.ring.push(Update { prev, seq, lines });
        let ring = &self.ring;
        self.snapshots.retain(|_, made| {
            let next = made.next;
            ring.next() - next <= MOST_BEHIND && ring.get(next).is_ok()
        });
    }

    fn charged(&self, lines: &[Line]) -> Arc<[Line]> {
        let lines = lines.iter().cloned();
        lines.map(|line| line.charged(&self.budget)).collect()
    }

    /// The number of its last use, and how many bytes a [cut](Self::cut) lets go.
    pub(super) fn cuttable(&self) -> (u64, usize) {
        let snapshots = self.snapshots.values().map(|made| made.snapshot.bytes());
        (self.used, self.ring.bytes() + snapshots.sum::<usize>())
    }

    /// Lets go of everything that can be had from the views: subscribers that are behind get
    /// snapshots, the others go on.
    pub(super) fn cut(&mut self) {
        self.ring.cut();
        self.snapshots.clear();
    }

    /// A subscriber waits no longer for a snapshot.
    pub(super) fn end_wait(&mut self, topic: &Topic) {
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

    /// From here on followers begin anew.
    pub(super) fn break_off(&mut self) {
        self.ring.clear();
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
            next: self.ring.next(),
            round: self.rounds,
        };
        self.snapshots.insert(topic.clone(), made);
    }

    /// Where a follower goes on that holds the state at `since`. The chain stands at `now`.
    pub(super) fn resume(&self, since: Position, now: Position) -> Resume {
        let seq = since.seq;
        let next = match self.ring.after(seq) {
            Some(next) => next,
            None if seq >= now.seq => self.ring.next(),
            None => return Resume::No,
        };
        let cursor = Cursor::At { next, seq };
        let Some(mark) = since.mark else {
            return Resume::At(cursor);
        };
        let known = if seq == now.seq {
            now.mark
        } else {
            self.ring
                .position_at(seq)
                .and_then(|position| position.mark)
        };
        match known {
            Some(known) if known == mark => Resume::At(cursor),
            Some(_) => Resume::No,
            None => Resume::IfOurs(mark),
        }
    }

    /// A snapshot that holds all that was folded before its follower asked for it: made since, or
    /// followed by nothing, not even by a turn of the clock.
    fn fresh(&self, ask: &Ask<'_>, asked: Option<u64>, as_of: Option<Sequence>) -> Option<&Made> {
        let made = self.snapshots.get(ask.topic)?;
        let Snapshot { seq, current, .. } = &made.snapshot;
        let is_new = asked.is_some_and(|asked| made.round > asked);
        let is_last = || {
            made.next == self.ring.next()
                && as_of.is_some_and(|as_of| *seq >= as_of)
                && current
                    .as_ref()
                    .is_none_or(|current| current.contains(&ask.clock.now()))
        };
        (is_new || is_last()).then_some(made)
    }

    /// Hands out what a follower is missing, until `budget` bytes are reached. `as_of` is the last
    /// position that the fold has handed over; `None` where that isn't known.
    pub(super) fn pull(
        &mut self,
        ask: &Ask<'_>,
        as_of: Option<Sequence>,
        cursor: &mut Cursor,
        out: &mut VecDeque<Line>,
        budget: &mut usize,
    ) -> Pulled {
        loop {
            if *budget == 0 {
                return Pulled::Part;
            }
            if let Cursor::Start { asked } = cursor {
                let asked = *asked;
                let Some(Made { snapshot, next, .. }) = self.fresh(ask, asked, as_of) else {
                    if asked.is_none() {
                        if !ask.may_wait {
                            return Pulled::Queued;
                        }
                        *self.waiting.entry(ask.topic.clone()).or_default() += 1;
                        *cursor = Cursor::Start {
                            asked: Some(self.rounds),
                        };
                    }
                    return Pulled::Waits(self.wanted.insert(ask.topic.clone()));
                };
                for line in snapshot.lines.iter() {
                    *budget = budget.saturating_sub(line.len());
                    out.push_back(line.clone());
                }
                *cursor = Cursor::At {
                    next: *next,
                    seq: snapshot.seq,
                };
                self.used = self.budget.latest_use();
                if asked.is_some() {
                    self.end_wait(ask.topic);
                }
            }
            let Cursor::At { next, seq } = cursor else {
                continue;
            };
            if *budget == 0 {
                return Pulled::Part;
            }
            match self.ring.get(*next) {
                Err(_) => *cursor = Cursor::BEGIN,
                Ok(None) => return Pulled::All,
                Ok(Some(update)) => {
                    *next += 1;
                    // A snapshot that was read from the rows may be ahead of the ring.
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
    use super::super::line::LineKind;
    use super::super::topic::DEFAULT_LIMIT;
    use super::*;
    use crate::telemetry::Metrics;

    const TIMELINE: Topic = Topic::Timeline {
        limit: DEFAULT_LIMIT,
    };

    fn ask(clock: &Clock) -> Ask<'_> {
        Ask {
            topic: &TIMELINE,
            parameters: None,
            may_wait: true,
            clock,
        }
    }

    fn budget() -> Budget {
        Budget::new(1 << 20, Metrics::new())
    }

    fn chain(ring_bytes: usize) -> Chain {
        Chain::new(&Topic::TIMELINES, ring_bytes, &budget())
    }

    fn lines(text: &str) -> Arc<[Line]> {
        [Line::new(text.into(), LineKind::Update, None)].into()
    }

    fn push(chain: &mut Chain, prev: u64, seq: u64) {
        chain.push(Update {
            prev: Sequence::new(prev),
            seq: Sequence::new(seq),
            lines: lines(&format!("{prev}-{seq}")),
        });
    }

    fn put(chain: &mut Chain, seq: u64) {
        let snapshot = Snapshot {
            seq: Sequence::new(seq),
            current: None,
            lines: lines(&format!("={seq}")),
        };
        chain.put_snapshot(&TIMELINE, snapshot);
    }

    fn pull(chain: &mut Chain, cursor: &mut Cursor, mut budget: usize) -> (Pulled, Vec<String>) {
        let mut out = VecDeque::new();
        let as_of = Some(Sequence::ZERO);
        let clock = &Clock::system();
        let pulled = chain.pull(&ask(clock), as_of, cursor, &mut out, &mut budget);
        let texts = out
            .iter()
            .map(|line| String::from_utf8(line.text().to_vec()).unwrap());
        (pulled, texts.collect())
    }

    #[test]
    fn a_follower_begins_with_a_snapshot_and_goes_on_with_what_follows() {
        let mut chain = chain(1000);
        let mut cursor = Cursor::BEGIN;
        assert_eq!(
            pull(&mut chain, &mut cursor, 99),
            (Pulled::Waits(true), vec![])
        );
        assert_eq!(
            pull(&mut chain, &mut cursor, 99),
            (Pulled::Waits(false), vec![])
        );
        assert_eq!(chain.take_wanted(), [TIMELINE]);
        put(&mut chain, 5);
        push(&mut chain, 4, 5);
        push(&mut chain, 5, 8);
        push(&mut chain, 8, 8);
        // What the snapshot holds already is left out, a roll without an event is not.
        let expected = ["=5", "5-8", "8-8"].map(str::to_owned).to_vec();
        assert_eq!(pull(&mut chain, &mut cursor, 99), (Pulled::All, expected));
        assert_eq!(pull(&mut chain, &mut cursor, 99), (Pulled::All, vec![]));
    }

    #[test]
    fn who_begins_gets_nothing_that_is_older_than_its_wish() {
        let mut chain = chain(1000);
        let mut first = Cursor::BEGIN;
        assert_eq!(pull(&mut chain, &mut first, 99).0, Pulled::Waits(true));
        assert_eq!(chain.take_wanted(), [TIMELINE]);
        // It comes while the snapshot is made, which may have been read before.
        let mut second = Cursor::BEGIN;
        assert_eq!(pull(&mut chain, &mut second, 99).0, Pulled::Waits(true));
        put(&mut chain, 5);
        push(&mut chain, 5, 8);
        let followed = (Pulled::All, vec!["=5".to_owned(), "5-8".to_owned()]);
        assert_eq!(pull(&mut chain, &mut first, 99), followed);
        assert_eq!(pull(&mut chain, &mut second, 99).0, Pulled::Waits(false));
        assert_eq!(chain.take_wanted(), [TIMELINE]);
        put(&mut chain, 8);
        let fresh = (Pulled::All, vec!["=8".to_owned()]);
        assert_eq!(pull(&mut chain, &mut second, 99), fresh);
        // Nothing has followed it: it is as good for who comes now.
        let mut third = Cursor::BEGIN;
        assert_eq!(pull(&mut chain, &mut third, 99), fresh);
        let (mut fourth, mut out) = (Cursor::BEGIN, VecDeque::new());
        for as_of in [None, Some(Sequence::new(9))] {
            let clock = &Clock::system();
            let pulled = chain.pull(&ask(clock), as_of, &mut fourth, &mut out, &mut 99);
            assert!(matches!(pulled, Pulled::Waits(_)), "{as_of:?}");
        }
    }

    #[test]
    fn who_takes_little_gets_parts_and_who_falls_out_begins_anew() {
        let mut chain = chain(12);
        put(&mut chain, 1);
        let mut cursor = Cursor::BEGIN;
        assert_eq!(
            pull(&mut chain, &mut cursor, 1),
            (Pulled::Part, vec!["=1".into()])
        );
        for seq in 1..9 {
            push(&mut chain, seq, seq + 1);
        }
        assert_eq!(
            pull(&mut chain, &mut cursor, 99),
            (Pulled::Waits(true), vec![])
        );
        put(&mut chain, 9);
        assert_eq!(
            pull(&mut chain, &mut cursor, 99),
            (Pulled::All, vec!["=9".into()])
        );
    }

    #[test]
    fn a_long_snapshot_is_held_only_while_it_is_waited_for() {
        let budget = budget();
        let mut chain = Chain::new(&Topic::TIMELINES, 1000, &budget);
        let idle = budget.used();
        let long = |chain: &mut Chain, round: u64| {
            assert_eq!(chain.take_wanted(), [TIMELINE], "{round}");
            let snapshot = Snapshot {
                seq: Sequence::new(1),
                current: None,
                lines: lines(&"x".repeat(MAX_KEPT_SNAPSHOT_BYTES + 1)),
            };
            chain.put_snapshot(&TIMELINE, snapshot);
        };
        let (mut first, mut second) = (Cursor::BEGIN, Cursor::BEGIN);
        pull(&mut chain, &mut first, 99);
        pull(&mut chain, &mut second, 99);
        assert!(first.is_waiting() && second.is_waiting());
        long(&mut chain, 1);
        assert!(budget.used() > idle + MAX_KEPT_SNAPSHOT_BYTES);
        assert_eq!(pull(&mut chain, &mut first, 99).1.len(), 1);
        assert!(budget.used() > idle);
        // The other one goes without having taken it.
        chain.end_wait(&TIMELINE);
        assert_eq!(budget.used(), idle);
        // Nobody waits for what is made too late.
        let mut late = Cursor::BEGIN;
        pull(&mut chain, &mut late, 99);
        chain.take_wanted();
        chain.end_wait(&TIMELINE);
        put(&mut chain, 1);
        let kept = budget.used();
        assert!(kept > idle, "a short one is kept");
        chain.cut();
        assert_eq!(budget.used(), idle);
    }

    #[test]
    fn a_session_that_waits_for_enough_asks_later() {
        let mut chain = chain(1000);
        let clock = &Clock::system();
        let wish = Ask {
            may_wait: false,
            ..ask(clock)
        };
        let (mut cursor, mut out) = (Cursor::BEGIN, VecDeque::new());
        let pulled = chain.pull(&wish, None, &mut cursor, &mut out, &mut 99);
        assert_eq!((pulled, cursor), (Pulled::Queued, Cursor::BEGIN));
        assert!(chain.take_wanted().is_empty());
        put(&mut chain, 1);
        // What is there already may be taken.
        let as_of = Some(Sequence::new(1));
        let pulled = chain.pull(&wish, as_of, &mut cursor, &mut out, &mut 99);
        assert_eq!((pulled, out.len()), (Pulled::All, 1));
    }

    #[test]
    fn after_a_cut_those_who_were_behind_get_snapshots_and_the_others_go_on() {
        let mut chain = chain(1000);
        put(&mut chain, 1);
        let (mut current, mut behind) = (Cursor::BEGIN, Cursor::BEGIN);
        pull(&mut chain, &mut behind, 99);
        pull(&mut chain, &mut current, 99);
        push(&mut chain, 1, 2);
        pull(&mut chain, &mut current, 99);
        chain.cut();
        assert_eq!(pull(&mut chain, &mut current, 99), (Pulled::All, vec![]));
        assert_eq!(pull(&mut chain, &mut behind, 99).0, Pulled::Waits(true));
        push(&mut chain, 2, 3);
        let update = (Pulled::All, vec!["2-3".to_owned()]);
        assert_eq!(pull(&mut chain, &mut current, 99), update);
    }

    #[test]
    fn a_broken_chain_begins_anew_for_everybody() {
        let mut chain = chain(1000);
        put(&mut chain, 1);
        push(&mut chain, 1, 2);
        let mut cursor = Cursor::BEGIN;
        pull(&mut chain, &mut cursor, 99);
        chain.break_off();
        assert!(matches!(
            pull(&mut chain, &mut cursor, 99).0,
            Pulled::Waits(_)
        ));
    }

    #[test]
    fn a_snapshot_is_not_handed_out_when_the_clock_has_left_its_window() {
        let noon = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        let window = noon..noon.plus(Timestamp::HOUR);
        for (reading, is_good) in [
            (noon, true),
            (window.end.plus(-1), true),
            (window.end, false),
            (noon.plus(-1), false),
        ] {
            let mut chain = chain(1000);
            let snapshot = Snapshot {
                seq: Sequence::new(1),
                current: Some(window.clone()),
                lines: lines("=1"),
            };
            chain.put_snapshot(&TIMELINE, snapshot);
            let clock = &Clock::of(move || reading);
            let as_of = Some(Sequence::new(1));
            let (mut cursor, mut out) = (Cursor::BEGIN, VecDeque::new());
            let pulled = chain.pull(&ask(clock), as_of, &mut cursor, &mut out, &mut 99);
            assert_eq!(pulled == Pulled::All, is_good, "{reading}");
        }
    }

    fn position(seq: u64, mark: u64) -> Position {
        let epoch = "00000000000000ff".parse().unwrap();
        Position::new(epoch, Sequence::new(seq), RecordHash(mark))
    }

    #[test]
    fn a_client_resumes_only_where_nothing_is_missing() {
        let mut chain = chain(1000);
        let at = |seq: u64| position(seq, 0);
        assert_eq!(chain.resume(at(3), at(4)), Resume::No);
        assert!(matches!(chain.resume(at(4), at(4)), Resume::At(_)));
        push(&mut chain, 4, 6);
        assert_eq!(chain.resume(at(3), at(6)), Resume::No);
        let Resume::At(mut cursor) = chain.resume(at(4), at(6)) else {
            panic!("the client cannot resume");
        };
        assert_eq!(
            pull(&mut chain, &mut cursor, 99),
            (Pulled::All, vec!["4-6".into()])
        );
        let Resume::At(mut current) = chain.resume(at(6), at(6)) else {
            panic!("the client cannot resume");
        };
        assert_eq!(pull(&mut chain, &mut current, 99), (Pulled::All, vec![]));
    }

    #[test]
    fn a_mark_is_compared_where_it_is_known_and_asked_for_where_not() {
        let mut chain = chain(1000);
        for (prev, seq) in [(2, 4), (4, 6), (6, 9)] {
            let line = Line::new(
                "{}".into(),
                LineKind::Update,
                Some(position(seq, 100 + seq)),
            );
            chain.push(Update {
                prev: Sequence::new(prev),
                seq: Sequence::new(seq),
                lines: [line].into(),
            });
        }
        let now = position(9, 109);
        let is_at = |resume: Resume| matches!(resume, Resume::At(_));
        for seq in [4, 6, 9] {
            assert!(is_at(chain.resume(position(seq, 100 + seq), now)), "{seq}");
            assert_eq!(chain.resume(position(seq, 1), now), Resume::No, "{seq}");
            assert!(is_at(chain.resume(position(seq, 0), now)), "{seq}");
        }
        // In a snapshot that was read between two updates, and before the oldest one.
        for seq in [2, 5, 8] {
            let asked = chain.resume(position(seq, 7), now);
            assert_eq!(asked, Resume::IfOurs(RecordHash(7)), "{seq}");
            assert!(is_at(chain.resume(position(seq, 0), now)), "{seq}");
        }
        assert_eq!(chain.resume(position(1, 7), now), Resume::No);
        // Where all is that is known, the ring may be cut.
        chain.cut();
        assert!(is_at(chain.resume(now, now)));
        assert_eq!(chain.resume(position(9, 1), now), Resume::No);
        assert_eq!(chain.resume(position(6, 106), now), Resume::No);
    }
}
