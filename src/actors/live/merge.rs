//! Joining what folds handed over into one step of a keyword's chains.

use std::collections::BTreeMap;

use super::deltas::Handed;
use super::line::Position;
use crate::events::{Sequence, Timestamp};
use crate::projections::{ChangeKind, TimelineChange};

/// What the chains are to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merged {
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

/// Joins batches that follow on `at`. Those of another epoch, and those that are in the chains
/// already because the rows were read later, don't count.
pub(super) fn merge(at: Position, handed: Vec<Handed>) -> Merged {
    let mut position = at;
    let mut timeline = TimelineChange::default();
    let mut minutes = Vec::new();
    let mut is_broken = false;
    for Handed { epoch, change } in handed {
        if epoch != at.epoch || change.as_of <= position.seq {
            continue;
        }
        is_broken |= change.before != position.seq;
        position = Position::new(epoch, change.as_of, change.mark);
        match change.kind {
            ChangeKind::Told(told) => {
                for tweet in told.tweets {
                    timeline.push(tweet);
                }
                minutes.push((position.seq, told.minutes));
            }
            ChangeKind::TooMuch | ChangeKind::Dropped => is_broken = true,
        }
    }
    match (position.seq == at.seq, is_broken) {
        (true, _) => Merged::Nothing,
        (false, true) => Merged::Broken(position),
        (false, false) => Merged::Update {
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
    use crate::projections::{Ledger, Told, ViewChange};
    use crate::store::{Epoch, Generation};

    fn epoch(incarnation: u64) -> Epoch {
        let folder = tempfile::tempdir().unwrap();
        let first = Generation::load(folder.path()).unwrap();
        Epoch::of(Incarnation(incarnation), first)
    }

    fn at(seq: u64) -> Position {
        Position::new(epoch(1), Sequence::new(seq), RecordHash(seq))
    }

    fn handed(before: u64, as_of: u64, kind: ChangeKind) -> Handed {
        Handed {
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

    fn told(before: u64, as_of: u64) -> Handed {
        handed(before, as_of, ChangeKind::Told(Told::default()))
    }

    fn position_of(merged: &Merged) -> (&'static str, u64) {
        match merged {
            Merged::Nothing => ("nothing", 0),
            Merged::Update { position, .. } => ("update", position.seq.get()),
            Merged::Broken(position) => ("broken", position.seq.get()),
        }
    }

    #[test]
    fn batches_that_follow_each_other_are_one_step() {
        let foreign = Handed {
            epoch: epoch(2),
            ..told(4, 90)
        };
        for (given, expected) in [
            (vec![], ("nothing", 0)),
            (vec![told(1, 4)], ("nothing", 0)),
            (vec![told(4, 6), told(6, 9)], ("update", 9)),
            (vec![told(1, 4), told(4, 6)], ("update", 6)),
            (vec![foreign, told(4, 6)], ("update", 6)),
            (vec![told(5, 6)], ("broken", 6)),
            (vec![told(2, 6)], ("broken", 6)),
            (vec![told(4, 6), told(7, 9)], ("broken", 9)),
            (
                vec![handed(4, 6, ChangeKind::TooMuch), told(6, 7)],
                ("broken", 7),
            ),
        ] {
            let label = format!("{given:?}");
            let merged = merge(at(4), given);
            assert_eq!(position_of(&merged), expected, "{label}");
            if let Merged::Update { position, .. } | Merged::Broken(position) = merged {
                assert_eq!(position.mark, Some(RecordHash(position.seq.get())));
            }
        }
    }
}
