//! What a fold handed over and the feed actor has not taken yet.

use crate::actors::live::budget::{LiveBudget, LiveCharge};
use crate::events::Sequence;
use crate::projections::{ChangeKind, ViewChange};
use crate::store::Epoch;

/// So many tweets' changes may wait; more than that is worth a snapshot.
const MAX_WAITING_CHANGES: usize = 4096;
/// So many bytes of them may wait; an update of more would not fit a line.
const MAX_WAITING_BYTES: usize = 512 * 1024;
/// So many bytes of them may wait whatever the budget says.
const MAX_WAITING_BYTES_OVER_BUDGET: usize = 32 * 1024;

/// What a fold handed over.
#[derive(Debug)]
pub(super) struct PendingChange {
    pub(in crate::actors::live) epoch: Epoch,
    pub(in crate::actors::live) change: ViewChange,
}

/// What waits, in order. When it becomes too much, only where it led is kept.
#[derive(Debug)]
pub(super) struct PendingChanges {
    pending: Vec<PendingChange>,
    waiting: usize,
    budget: LiveBudget,
    charge: LiveCharge,
}

impl PendingChanges {
    pub(in crate::actors::live) fn new(budget: &LiveBudget) -> Self {
        Self {
            pending: Vec::new(),
            waiting: 0,
            budget: budget.clone(),
            charge: budget.charge(0),
        }
    }

    pub(in crate::actors::live) fn push(&mut self, pending: PendingChange) {
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

    /// Takes all that waits.
    pub(in crate::actors::live) fn take(&mut self) -> Vec<PendingChange> {
        self.waiting = 0;
        self.charge.set(0);
        std::mem::take(&mut self.pending)
    }

    pub(in crate::actors::live) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The last position that was handed over, if it still waits.
    pub(in crate::actors::live) fn as_of(&self) -> Option<Sequence> {
        self.pending.last().map(|pending| pending.change.as_of)
    }

    /// What waits is too much to tell.
    fn collapse(&mut self) {
        let (Some(first), Some(last)) = (self.pending.first(), self.pending.last()) else {
            return;
        };
        let whole = PendingChange {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Author, RecordHash, Timestamp, TweetId, TweetMetrics, TweetPosted};
    use crate::projections::{Delta, Ledger, TweetChange};
    use crate::telemetry::Metrics as ProcessMetrics;

    fn pending(seq: u64, text: &str) -> PendingChange {
        let tweet = TweetPosted {
            id: TweetId::new("x:1").unwrap(),
            at: Timestamp::EARLIEST,
            source: None,
            author: Author {
                handle: "a".into(),
                name: None,
                followers: None,
            },
            text: text.into(),
            lang: None,
            url: None,
            reply_to: None,
            repost_of: None,
            metrics: TweetMetrics::default(),
        };
        let delta = Delta {
            tweets: vec![TweetChange::Added(Box::new(tweet))],
            ..Delta::default()
        };
        PendingChange {
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
    fn pending_changes_are_bounded_by_bytes() {
        let budget = LiveBudget::new(16 << 20, ProcessMetrics::new());
        let mut deltas = PendingChanges::new(&budget);
        let text = "x".repeat(30_000);
        for seq in 1..200 {
            deltas.push(pending(seq, &text));
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
    fn pending_changes_are_few_when_over_budget() {
        let budget = LiveBudget::new(1 << 20, ProcessMetrics::new());
        let _others = budget.charge(1 << 20);
        let mut deltas = PendingChanges::new(&budget);
        for seq in 1..20 {
            deltas.push(pending(seq, &"x".repeat(10_000)));
            assert!(budget.used() <= (1 << 20) + MAX_WAITING_BYTES_OVER_BUDGET);
        }
    }
}
