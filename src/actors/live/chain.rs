//! One chain as all its followers share it: its ring, and snapshots to begin with.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::line::Line;
use super::ring::{Ring, Update};
use super::topic::Topic;
use crate::events::Sequence;

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
}

/// The state of a chain from which followers begin.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) seq: Sequence,
    /// The update that follows it.
    pub(super) next: u64,
    pub(super) lines: Arc<[Line]>,
}

/// A snapshot, and the round of making in which it was made.
#[derive(Debug)]
struct Made {
    snapshot: Snapshot,
    round: u64,
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
    pub(super) followers: usize,
}

impl Chain {
    pub(super) fn new(topic: &Topic, ring_bytes: usize) -> Self {
        Self {
            ring: Ring::new(ring_bytes),
            // The others move with the clock, too.
            skips_equal: *topic == Topic::TIMELINES,
            snapshots: HashMap::new(),
            wanted: HashSet::new(),
            rounds: 0,
            followers: 0,
        }
    }

    pub(super) fn push(&mut self, update: Update) {
        self.ring.push(update);
        let ring = &self.ring;
        self.snapshots.retain(|_, made| {
            let next = made.snapshot.next;
            ring.next() - next <= MOST_BEHIND && ring.get(next).is_ok()
        });
    }

    /// The number that the next update will have.
    pub(super) fn next(&self) -> u64 {
        self.ring.next()
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

    pub(super) fn want(&mut self, topic: &Topic) -> bool {
        self.wanted.insert(topic.clone())
    }

    pub(super) fn put_snapshot(&mut self, topic: &Topic, snapshot: Snapshot) {
        // Updates may have fallen out while it was made; then it is of no use.
        if self.ring.get(snapshot.next).is_ok() {
            let round = self.rounds;
            let made = Made { snapshot, round };
            self.snapshots.insert(topic.clone(), made);
        } else {
            self.wanted.insert(topic.clone());
        }
    }

    /// Where a follower goes on that holds the state at `seq`, if no update since is missing. The
    /// chain stands at `now`.
    pub(super) fn resume(&self, seq: Sequence, now: Sequence) -> Option<Cursor> {
        let next = match self.ring.after(seq) {
            Some(next) => next,
            None if seq >= now => self.ring.next(),
            None => return None,
        };
        Some(Cursor::At { next, seq })
    }

    /// A snapshot that holds all that was folded before its follower asked for it: made since, or
    /// followed by nothing. `as_of` is the last position that the fold has handed over; `None`
    /// where that isn't known.
    fn fresh(
        &self,
        topic: &Topic,
        asked: Option<u64>,
        as_of: Option<Sequence>,
    ) -> Option<&Snapshot> {
        let Made { snapshot, round } = self.snapshots.get(topic)?;
        let is_new = asked.is_some_and(|asked| *round > asked);
        let is_last =
            snapshot.next == self.ring.next() && as_of.is_some_and(|as_of| snapshot.seq >= as_of);
        (is_new || is_last).then_some(snapshot)
    }

    /// Hands out what a follower is missing, until `budget` bytes are reached.
    pub(super) fn pull(
        &mut self,
        topic: &Topic,
        as_of: Option<Sequence>,
        parameters: Option<&str>,
        cursor: &mut Cursor,
        out: &mut VecDeque<Line>,
        budget: &mut usize,
    ) -> Pulled {
        loop {
            if *budget == 0 {
                return Pulled::Part;
            }
            if let Cursor::Start { asked } = cursor {
                let Some(snapshot) = self.fresh(topic, *asked, as_of) else {
                    asked.get_or_insert(self.rounds);
                    return Pulled::Waits(self.wanted.insert(topic.clone()));
                };
                for line in snapshot.lines.iter() {
                    *budget = budget.saturating_sub(line.len());
                    out.push_back(line.clone());
                }
                *cursor = Cursor::At {
                    next: snapshot.next,
                    seq: snapshot.seq,
                };
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
                        out.push_back(match parameters {
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

    const TIMELINE: Topic = Topic::Timeline {
        limit: DEFAULT_LIMIT,
    };

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
            next: chain.next(),
            lines: lines(&format!("={seq}")),
        };
        chain.put_snapshot(&TIMELINE, snapshot);
    }

    fn pull(chain: &mut Chain, cursor: &mut Cursor, mut budget: usize) -> (Pulled, Vec<String>) {
        let mut out = VecDeque::new();
        let as_of = Some(Sequence::ZERO);
        let pulled = chain.pull(&TIMELINE, as_of, None, cursor, &mut out, &mut budget);
        let texts = out
            .iter()
            .map(|line| String::from_utf8(line.text().to_vec()).unwrap());
        (pulled, texts.collect())
    }

    #[test]
    fn a_follower_begins_with_a_snapshot_and_goes_on_with_what_follows() {
        let mut chain = Chain::new(&Topic::TIMELINES, 1000);
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
        let mut chain = Chain::new(&Topic::TIMELINES, 1000);
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
            let pulled = chain.pull(&TIMELINE, as_of, None, &mut fourth, &mut out, &mut 99);
            assert!(matches!(pulled, Pulled::Waits(_)), "{as_of:?}");
        }
    }

    #[test]
    fn who_takes_little_gets_parts_and_who_falls_out_begins_anew() {
        let mut chain = Chain::new(&Topic::TIMELINES, 12);
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
    fn a_broken_chain_begins_anew_for_everybody() {
        let mut chain = Chain::new(&Topic::TIMELINES, 1000);
        put(&mut chain, 1);
        push(&mut chain, 1, 2);
        let mut cursor = Cursor::BEGIN;
        pull(&mut chain, &mut cursor, 99);
        let held = chain.next();
        chain.break_off();
        chain.put_snapshot(
            &TIMELINE,
            Snapshot {
                seq: Sequence::new(2),
                next: held,
                lines: lines("stale"),
            },
        );
        assert!(matches!(
            pull(&mut chain, &mut cursor, 99).0,
            Pulled::Waits(_)
        ));
    }

    #[test]
    fn a_client_resumes_only_where_nothing_is_missing() {
        let mut chain = Chain::new(&Topic::TIMELINES, 1000);
        let at = |seq: u64| Sequence::new(seq);
        assert_eq!(chain.resume(at(3), at(4)), None);
        assert!(chain.resume(at(4), at(4)).is_some());
        push(&mut chain, 4, 6);
        assert_eq!(chain.resume(at(3), at(6)), None);
        let mut cursor = chain.resume(at(4), at(6)).unwrap();
        assert_eq!(
            pull(&mut chain, &mut cursor, 99),
            (Pulled::All, vec!["4-6".into()])
        );
        let mut current = chain.resume(at(6), at(6)).unwrap();
        assert_eq!(pull(&mut chain, &mut current, 99), (Pulled::All, vec![]));
    }
}
