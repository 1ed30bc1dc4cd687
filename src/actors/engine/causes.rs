//! The causes for which parts of the engine wait at present, such as a full disk or a silent
//! broker.
//!
//! A part of the engine that cannot continue enters a cause here and removes it when it continues.
//! The causes are shown in `readyz` and in the metric `waiting`, and logged once per cause and
//! interval.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::events::ShardId;
use crate::telemetry::{Metrics, log_throttled};

/// The operation that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Waiting {
    /// Appending records to the journal.
    Journal,
    /// Reading the journal.
    Reading,
    /// Opening the views.
    Opening,
    /// Committing a shard's rows.
    Commit(ShardId),
    /// Writing a shard's unfoldable records to the rejected log.
    Rejected(ShardId),
}

impl Waiting {
    /// The label of this kind of operation in the metric `waiting`.
    const fn label(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Reading => "reading",
            Self::Opening => "opening",
            Self::Commit(_) => "commit",
            Self::Rejected(_) => "rejected",
        }
    }

    /// The key by which log lines about this cause are throttled.
    const fn log_cause(self) -> &'static str {
        match self {
            Self::Journal => "journal-waits",
            Self::Reading => "reading-waits",
            Self::Opening => "opening-waits",
            Self::Commit(_) => "commit-waits",
            Self::Rejected(_) => "rejected-waits",
        }
    }

    const fn shard(self) -> Option<ShardId> {
        match self {
            Self::Commit(shard) | Self::Rejected(shard) => Some(shard),
            Self::Journal | Self::Reading | Self::Opening => None,
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Journal => "the journal accepts no records",
            Self::Reading => "the journal cannot be read",
            Self::Opening => "the views are not open",
            Self::Commit(_) => "rows are not committed",
            Self::Rejected(_) => "records that cannot be folded are not kept in the rejected log",
        }
    }
}

/// All causes; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Causes {
    waiting: Arc<Mutex<BTreeMap<Waiting, Arc<str>>>>,
    metrics: Metrics,
}

impl Causes {
    pub(crate) fn new(metrics: Metrics) -> Self {
        let causes = Self {
            waiting: Arc::default(),
            metrics,
        };
        for label in ["journal", "reading", "opening", "commit", "rejected"] {
            causes.metrics.set_waiting(label, 0);
        }
        causes
    }

    /// Enters a cause; `reason` is an error with all its sources.
    pub(super) fn waits(&self, waiting: Waiting, reason: &str) {
        self.waiting.lock().insert(waiting, Arc::from(reason));
        self.count(waiting);
        let (what, reason) = (waiting.sentence(), reason.to_owned());
        log_throttled(waiting.log_cause(), move |count| {
            tracing::error!(reason, count, "{what}; retrying");
        });
    }

    /// Removes a cause, if there is one.
    pub(super) fn goes_on(&self, waiting: Waiting) {
        let mut all = self.waiting.lock();
        let waited = all.remove(&waiting).is_some();
        let others = all.keys().any(|other| other.label() == waiting.label());
        drop(all);
        if waited {
            self.count(waiting);
            if !others {
                tracing::info!(after = waiting.sentence(), "the cause has ended");
            }
        }
    }

    /// Removes the causes of shards, because the shards are being restarted.
    pub(super) fn forget_shards(&self) {
        self.waiting
            .lock()
            .retain(|waiting, _| waiting.shard().is_none());
        self.metrics.set_waiting("commit", 0);
        self.metrics.set_waiting("rejected", 0);
    }

    /// Every cause as a sentence. Shards with the same reason share one sentence.
    pub(crate) fn all(&self) -> Vec<String> {
        let mut shards: BTreeMap<(&str, Arc<str>), Vec<ShardId>> = BTreeMap::new();
        let mut sentences = Vec::new();
        for (waiting, reason) in self.waiting.lock().iter() {
            let what = waiting.sentence();
            match waiting.shard() {
                None => sentences.push(format!("{what}: {reason}")),
                Some(shard) => shards
                    .entry((what, Arc::clone(reason)))
                    .or_default()
                    .push(shard),
            }
        }
        sentences.extend(shards.into_iter().map(|((what, reason), shards)| {
            let shards: Vec<_> = shards.iter().map(ToString::to_string).collect();
            format!("{what} (shards {}): {reason}", shards.join(", "))
        }));
        sentences
    }

    fn count(&self, waiting: Waiting) {
        let label = waiting.label();
        let count = self
            .waiting
            .lock()
            .keys()
            .filter(|other| other.label() == label)
            .count();
        self.metrics.set_waiting(label, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::ShardCount;

    #[test]
    fn shards_with_the_same_reason_share_a_sentence() {
        let causes = Causes::new(Metrics::new());
        let shards: Vec<_> = ShardCount::DEFAULT.all().collect();
        causes.waits(Waiting::Journal, "no space");
        causes.waits(Waiting::Rejected(shards[3]), "full");
        causes.waits(Waiting::Rejected(shards[1]), "full");
        causes.waits(Waiting::Rejected(shards[2]), "gone");
        assert_eq!(
            causes.all(),
            [
                "the journal accepts no records: no space",
                "records that cannot be folded are not kept in the rejected log (shards 1, 3): \
                full",
                "records that cannot be folded are not kept in the rejected log (shards 2): gone",
            ]
        );
        assert!(
            causes
                .metrics
                .encode()
                .contains("tidings_waiting{what=\"rejected\"} 3")
        );
        causes.goes_on(Waiting::Journal);
        causes.forget_shards();
        assert!(causes.all().is_empty());
        assert!(
            causes
                .metrics
                .encode()
                .contains("tidings_waiting{what=\"journal\"} 0")
        );
    }
}
