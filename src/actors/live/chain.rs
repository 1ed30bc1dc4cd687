//! One chain as all its followers share it: its ring, and snapshots to begin with.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::line::Line;
use super::ring::{Ring, Update};
use super::topic::Topic;
use crate::events::Sequence;

/// A snapshot that so many updates have followed is made anew for who begins.
const MOST_BEHIND: u64 = 32;

/// Where one follower stands in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// It needs a snapshot.
    Start,
    /// It holds the chain's state at `seq`, and needs the update with this number next.
    At { next: u64, seq: Sequence },
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

/// One chain.
#[derive(Debug)]
pub(super) struct Chain {
    ring: Ring,
    /// By topic, since chains of one ring may begin differently.
    snapshots: HashMap<Topic, Snapshot>,
    wanted: HashSet<Topic>,
    pub(super) followers: usize,
}

impl Chain {
    pub(super) fn new(ring_bytes: usize) -> Self {
        Self {
            ring: Ring::new(ring_bytes),
            snapshots: HashMap::new(),
            wanted: HashSet::new(),
            followers: 0,
        }
    }

    pub(super) fn push(&mut self, update: Update) {
        self.ring.push(update);
        let ring = &self.ring;
        self.snapshots.retain(|_, snapshot| {
            ring.next() - snapshot.next <= MOST_BEHIND && ring.get(snapshot.next).is_ok()
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

    pub(super) fn take_wanted(&mut self) -> Vec<Topic> {
        self.wanted.drain().collect()
    }

    pub(super) fn want(&mut self, topic: &Topic) -> bool {
        self.wanted.insert(topic.clone())
    }

    pub(super) fn put_snapshot(&mut self, topic: &Topic, snapshot: Snapshot) {
        // Updates may have fallen out while it was made; then it is of no use.
        if self.ring.get(snapshot.next).is_ok() {
            self.snapshots.insert(topic.clone(), snapshot);
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

    /// Hands out what a follower is missing, until `budget` bytes are reached.
    pub(super) fn pull(
        &mut self,
        topic: &Topic,
        parameters: Option<&str>,
        cursor: &mut Cursor,
        out: &mut VecDeque<Line>,
        budget: &mut usize,
    ) -> Pulled {
        loop {
            if *budget == 0 {
                return Pulled::Part;
            }
            let Cursor::At { next, seq } = cursor else {
                let Some(snapshot) = self.snapshots.get(topic) else {
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
                continue;
            };
            match self.ring.get(*next) {
                Err(_) => *cursor = Cursor::Start,
                Ok(None) => return Pulled::All,
                Ok(Some(update)) => {
                    *next += 1;
                    // A snapshot that was read from the rows may be ahead of the ring.
                    let is_held =
                        update.seq < *seq || (update.seq == *seq && update.prev < update.seq);
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
        let pulled = chain.pull(&TIMELINE, None, cursor, &mut out, &mut budget);
        let texts = out
            .iter()
            .map(|line| String::from_utf8(line.text().to_vec()).unwrap());
        (pulled, texts.collect())
    }

    #[test]
    fn a_follower_begins_with_a_snapshot_and_goes_on_with_what_follows() {
        let mut chain = Chain::new(1000);
        let mut cursor = Cursor::Start;
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
        assert_eq!(
            pull(&mut chain, &mut cursor, 99),
            (Pulled::All, expected.clone())
        );
        assert_eq!(pull(&mut chain, &mut cursor, 99), (Pulled::All, vec![]));
        let mut second = Cursor::Start;
        assert_eq!(pull(&mut chain, &mut second, 99), (Pulled::All, expected));
    }

    #[test]
    fn who_takes_little_gets_parts_and_who_falls_out_begins_anew() {
        let mut chain = Chain::new(12);
        put(&mut chain, 1);
        let mut cursor = Cursor::Start;
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
        let mut chain = Chain::new(1000);
        put(&mut chain, 1);
        push(&mut chain, 1, 2);
        let mut cursor = Cursor::Start;
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
        let mut chain = Chain::new(1000);
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
