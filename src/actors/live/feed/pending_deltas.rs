//! The deltas that folds have published and the feed actor has not taken yet. They are joined into
//! one step of the channels.

use std::collections::BTreeMap;

use crate::actors::live::budget::{LiveBudget, LiveCharge};
use crate::actors::live::message::Position;
use crate::events::{Sequence, Timestamp};
use crate::projections::{ChangeKind, TimelineChange, ViewChange};
use crate::store::Epoch;

/// Maximum number of pending changes of tweets. For more changes a snapshot is cheaper.
const MAX_WAITING_CHANGES: usize = 4096;
/// Maximum size of pending deltas, in bytes. An update of more would not fit into a message.
const MAX_WAITING_BYTES: usize = 512 * 1024;
/// Maximum size of pending deltas while the budget is exceeded, in bytes.
const MAX_WAITING_BYTES_OVER_BUDGET: usize = 32 * 1024;

/// The changes of one fold, and their epoch.
#[derive(Debug)]
pub(super) struct PendingDelta {
    pub(super) epoch: Epoch,
    pub(super) change: ViewChange,
}

/// The pending deltas, in order. Beyond the limits they are replaced by one delta that has their
/// span and no changes.
#[derive(Debug)]
pub(super) struct PendingDeltas {
    pending: Vec<PendingDelta>,
    /// Approximate number of tweet changes in the pending deltas.
    waiting: usize,
    budget: LiveBudget,
    charge: LiveCharge,
}

impl PendingDeltas {
    pub(super) fn new(budget: &LiveBudget) -> Self {
        Self {
            pending: Vec::new(),
            waiting: 0,
            budget: budget.clone(),
            charge: budget.charge(0),
        }
    }

    pub(super) fn push(&mut self, pending: PendingDelta) {
        self.waiting += match &pending.change.kind {
            ChangeKind::Delta(delta) => delta.tweets.len() + 1,
            ChangeKind::TooMuch | ChangeKind::Dropped => 1,
        };
        let bytes = self.charge.bytes() + pending.change.bytes();
        self.charge.set(bytes);
        self.pending.push(pending);
        let is_too_much = self.waiting > MAX_WAITING_CHANGES
            || bytes > MAX_WAITING_BYTES
            || (bytes > MAX_WAITING_BYTES_OVER_BUDGET && self.budget.is_over());
        if is_too_much {
            self.collapse();
        }
    }

    /// Takes all pending deltas.
    pub(super) fn take(&mut self) -> Vec<PendingDelta> {
        self.waiting = 0;
        self.charge.set(0);
        std::mem::take(&mut self.pending)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The last position that a fold has published, if its delta is pending.
    pub(super) fn as_of(&self) -> Option<Sequence> {
        self.pending.last().map(|pending| pending.change.as_of)
    }

    /// Replaces all deltas by one that has their span and no changes.
    fn collapse(&mut self) {
        let (Some(first), Some(last)) = (self.pending.first(), self.pending.last()) else {
            return;
        };
        let whole = PendingDelta {
            epoch: last.epoch,
            change: ViewChange {
                before: first.change.before,
                as_of: last.change.as_of,
                mark: last.change.mark,
                ledger: last.change.ledger,
                kind: ChangeKind::TooMuch,
            },
        };
        self.charge.set(whole.change.bytes());
        self.pending = vec![whole];
        self.waiting = 1;
    }
}

/// The next step of a keyword's channels.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Coalesced {
    /// No step: the channels contain all deltas already.
    Nothing,
    /// A step to a position, with these changes.
    Update {
        position: Position,
        timeline: TimelineChange,
        /// The changes of minute counts: for each delta its position and the changes.
        minutes: Vec<(Sequence, BTreeMap<Timestamp, i64>)>,
    },
    /// A new start at a position: the changes up to there are unknown, or too many.
    Broken(Position),
}

/// Joins the deltas that follow `at`. Deltas of another epoch are left out. So are deltas that the
/// channels contain already, because the rows were read after the fold.
pub(super) fn coalesce(at: Position, pending: Vec<PendingDelta>) -> Coalesced {
    let mut position = at;
    let mut timeline = TimelineChange::default();
    let mut minutes = Vec::new();
    let mut is_broken = false;
    for PendingDelta { epoch, change } in pending {
        if epoch != at.epoch || change.as_of <= position.seq {
            continue;
        }
        is_broken |= change.before != position.seq;
        position = Position::new(epoch, change.as_of, change.mark);
        match change.kind {
            ChangeKind::Delta(delta) => {
                for tweet in delta.tweets {
                    timeline.push(tweet);
                }
                minutes.push((position.seq, delta.minutes));
            }
            ChangeKind::TooMuch | ChangeKind::Dropped => is_broken = true,
        }
    }
    match (position.seq == at.seq, is_broken) {
        (true, _) => Coalesced::Nothing,
        (false, true) => Coalesced::Broken(position),
        (false, false) => Coalesced::Update {
            position,
            timeline,
            minutes,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{RecordHash, TweetPosted};
    use crate::projections::{Delta, Ledger, TweetChange};
    use crate::telemetry::Metrics;

    fn posted(seq: u64, text: &str) -> PendingDelta {
        let tweet = TweetPosted::of_test("x:1", Timestamp::EARLIEST, text);
        let delta = Delta {
            tweets: vec![TweetChange::Added(Box::new(tweet))],
            ..Delta::default()
        };
        PendingDelta {
            epoch: "00000000000000ff".parse().unwrap(),
            change: ViewChange {
                before: Sequence::new(seq - 1),
                as_of: Sequence::new(seq),
                mark: RecordHash(seq),
                ledger: Ledger::default(),
                kind: ChangeKind::Delta(delta),
            },
        }
    }

    #[test]
    fn pending_deltas_are_bounded_by_bytes() {
        let budget = LiveBudget::new(16 << 20, Metrics::new());
        let mut deltas = PendingDeltas::new(&budget);
        let text = "x".repeat(30_000);
        for seq in 1..200 {
            deltas.push(posted(seq, &text));
            assert!(budget.used() <= MAX_WAITING_BYTES);
        }
        let waiting = deltas.take();
        let (first, last) = (&waiting[0].change, &waiting[waiting.len() - 1].change);
        assert_eq!(first.kind, ChangeKind::TooMuch);
        assert_eq!(first.before, Sequence::ZERO);
        assert_eq!(
            (last.as_of, last.mark),
            (Sequence::new(199), RecordHash(199))
        );
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn pending_deltas_are_few_when_over_budget() {
        let budget = LiveBudget::new(1 << 20, Metrics::new());
        let _others = budget.charge(1 << 20);
        let mut deltas = PendingDeltas::new(&budget);
        for seq in 1..20 {
            deltas.push(posted(seq, &"x".repeat(10_000)));
            assert!(budget.used() <= (1 << 20) + MAX_WAITING_BYTES_OVER_BUDGET);
        }
    }

    fn epoch(number: u64) -> Epoch {
        format!("{number:016x}").parse().unwrap()
    }

    fn at(seq: u64) -> Position {
        Position::new(epoch(1), Sequence::new(seq), RecordHash(seq))
    }

    fn pending(before: u64, as_of: u64, kind: ChangeKind) -> PendingDelta {
        PendingDelta {
            epoch: epoch(1),
            change: ViewChange {
                before: Sequence::new(before),
                as_of: Sequence::new(as_of),
                mark: RecordHash(as_of),
                ledger: Ledger::default(),
                kind,
            },
        }
    }

    fn delta(before: u64, as_of: u64) -> PendingDelta {
        pending(before, as_of, ChangeKind::Delta(Delta::default()))
    }

    fn position_of(coalesced: &Coalesced) -> (&'static str, u64) {
        match coalesced {
            Coalesced::Nothing => ("nothing", 0),
            Coalesced::Update { position, .. } => ("update", position.seq.get()),
            Coalesced::Broken(position) => ("broken", position.seq.get()),
        }
    }

    #[test]
    fn consecutive_deltas_coalesce_into_one_step() {
        let foreign = PendingDelta {
            epoch: epoch(2),
            ..delta(4, 90)
        };
        for (given, expected) in [
            (vec![], ("nothing", 0)),
            (vec![delta(1, 4)], ("nothing", 0)),
            (vec![delta(4, 6), delta(6, 9)], ("update", 9)),
            (vec![delta(1, 4), delta(4, 6)], ("update", 6)),
            (vec![foreign, delta(4, 6)], ("update", 6)),
            (vec![delta(5, 6)], ("broken", 6)),
            (vec![delta(2, 6)], ("broken", 6)),
            (vec![delta(4, 6), delta(7, 9)], ("broken", 9)),
            (
                vec![pending(4, 6, ChangeKind::TooMuch), delta(6, 7)],
                ("broken", 7),
            ),
        ] {
            let label = format!("{given:?}");
            let coalesced = coalesce(at(4), given);
            assert_eq!(position_of(&coalesced), expected, "{label}");
            if let Coalesced::Update { position, .. } | Coalesced::Broken(position) = coalesced {
                assert_eq!(position.mark, Some(RecordHash(position.seq.get())));
            }
        }
    }
}
