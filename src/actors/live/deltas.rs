//! What a fold handed over and the feed actor has not taken yet.

use super::budget::{Budget, Charge};
use crate::events::Sequence;
use crate::projections::{ChangeKind, ViewChange};
use crate::store::Epoch;

/// So many tweets' changes may wait; more than that is worth a snapshot.
const MOST_WAITING: usize = 4096;
/// So many bytes of them may wait; an update of more would not fit a line.
const MAX_WAITING_BYTES: usize = 512 * 1024;
/// So many bytes of them may wait whatever the budget says.
const MAX_WAITING_BYTES_OVER_BUDGET: usize = 32 * 1024;

/// What a fold handed over.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) epoch: Epoch,
    pub(super) change: ViewChange,
}

/// What waits, in order. When it becomes too much, only where it led is kept.
#[derive(Debug)]
pub(super) struct Deltas {
    handed: Vec<Handed>,
    waiting: usize,
    budget: Budget,
    charge: Charge,
}

impl Deltas {
    pub(super) fn new(budget: &Budget) -> Self {
        Self {
            handed: Vec::new(),
            waiting: 0,
            budget: budget.clone(),
            charge: budget.charge(0),
        }
    }

    pub(super) fn push(&mut self, handed: Handed) {
        self.waiting += match &handed.change.kind {
            ChangeKind::Told(told) => told.tweets.len() + 1,
            ChangeKind::TooMuch | ChangeKind::Dropped => 1,
        };
        let bytes = self.charge.bytes() + handed.change.bytes();
        self.charge.set(bytes);
        self.handed.push(handed);
        let is_too_much = self.waiting > MOST_WAITING
            || bytes > MAX_WAITING_BYTES
            || (bytes > MAX_WAITING_BYTES_OVER_BUDGET && self.budget.is_over());
        if is_too_much {
            self.collapse();
        }
    }

    /// Takes all that waits.
    pub(super) fn take(&mut self) -> Vec<Handed> {
        self.waiting = 0;
        self.charge.set(0);
        std::mem::take(&mut self.handed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.handed.is_empty()
    }

    /// The last position that was handed over, if it still waits.
    pub(super) fn as_of(&self) -> Option<Sequence> {
        self.handed.last().map(|handed| handed.change.as_of)
    }

    /// What waits is too much to tell.
    fn collapse(&mut self) {
        let (Some(first), Some(last)) = (self.handed.first(), self.handed.last()) else {
            return;
        };
        let whole = Handed {
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
        self.handed = vec![whole];
        self.waiting = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Author, Metrics, RecordHash, Timestamp, TweetId, TweetPosted};
    use crate::projections::{Ledger, Told, TweetChange};
    use crate::telemetry::Metrics as ProcessMetrics;

    fn handed(seq: u64, text: &str) -> Handed {
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
            metrics: Metrics::default(),
        };
        let told = Told {
            tweets: vec![TweetChange::Added(Box::new(tweet))],
            ..Told::default()
        };
        Handed {
            epoch: "00000000000000ff".parse().unwrap(),
            change: ViewChange {
                before: Sequence::new(seq - 1),
                as_of: Sequence::new(seq),
                mark: RecordHash(seq),
                ledger: Ledger::default(),
                kind: ChangeKind::Told(told),
            },
        }
    }

    #[test]
    fn long_texts_that_wait_are_bounded_by_bytes() {
        let budget = Budget::new(16 << 20, ProcessMetrics::new());
        let mut deltas = Deltas::new(&budget);
        let text = "x".repeat(30_000);
        for seq in 1..200 {
            deltas.push(handed(seq, &text));
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
    fn little_waits_when_the_budget_is_used_up() {
        let budget = Budget::new(1 << 20, ProcessMetrics::new());
        let _others = budget.charge(1 << 20);
        let mut deltas = Deltas::new(&budget);
        for seq in 1..20 {
            deltas.push(handed(seq, &"x".repeat(10_000)));
            assert!(budget.used() <= (1 << 20) + MAX_WAITING_BYTES_OVER_BUDGET);
        }
    }
}
