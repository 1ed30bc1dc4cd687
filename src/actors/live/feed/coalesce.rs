//! Joining what folds handed over into one step of a keyword's channels.

use std::collections::BTreeMap;

use super::pending_changes::PendingChange;
use crate::actors::live::message::Position;
use crate::events::{Sequence, Timestamp};
use crate::projections::{ChangeKind, TimelineChange};

/// What the channels are to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Coalesced {
    /// Nothing that is not in them already.
    Nothing,
    /// Go on to a position by these changes.
    Update {
        position: Position,
        timeline: TimelineChange,
        /// How the counts of minutes moved, batch by batch, each with its position.
        minutes: Vec<(Sequence, BTreeMap<Timestamp, i64>)>,
    },
    /// Begin anew at a position: what led there isn't known, or is too much.
    Broken(Position),
}

/// Joins batches that follow on `at`. Those of another epoch, and those that are in the channels
/// already because the rows were read later, don't count.
pub(super) fn coalesce(at: Position, pending: Vec<PendingChange>) -> Coalesced {
    let mut position = at;
    let mut timeline = TimelineChange::default();
    let mut minutes = Vec::new();
    let mut is_broken = false;
    for PendingChange { epoch, change } in pending {
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
    use crate::events::{Incarnation, RecordHash};
    use crate::projections::{Delta, Ledger, ViewChange};
    use crate::store::{Epoch, Generation};

    fn epoch(incarnation: u64) -> Epoch {
        let folder = tempfile::tempdir().unwrap();
        let first = Generation::load(folder.path()).unwrap();
        Epoch::of(Incarnation(incarnation), first)
    }

    fn at(seq: u64) -> Position {
        Position::new(epoch(1), Sequence::new(seq), RecordHash(seq))
    }

    fn pending(before: u64, as_of: u64, kind: ChangeKind) -> PendingChange {
        PendingChange {
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

    fn delta(before: u64, as_of: u64) -> PendingChange {
        pending(before, as_of, ChangeKind::Delta(Delta::default()))
    }

    fn position_of(merged: &Coalesced) -> (&'static str, u64) {
        match merged {
            Coalesced::Nothing => ("nothing", 0),
            Coalesced::Update { position, .. } => ("update", position.seq.get()),
            Coalesced::Broken(position) => ("broken", position.seq.get()),
        }
    }

    #[test]
    fn consecutive_batches_coalesce_into_one_step() {
        let foreign = PendingChange {
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
            let merged = coalesce(at(4), given);
            assert_eq!(position_of(&merged), expected, "{label}");
            if let Coalesced::Update { position, .. } | Coalesced::Broken(position) = merged {
                assert_eq!(position.mark, Some(RecordHash(position.seq.get())));
            }
        }
    }
}
