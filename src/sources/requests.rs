//! Counts of the requests to a source, by endpoint and status, and the clock that times their
//! answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::events::{Clock, Timestamp};

/// Maximum number of different pairs of endpoint and status that are counted apart.
const MAX_PAIRS: usize = 256;

/// Counts requests; a clone counts into the same numbers.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    counts: Arc<Mutex<Counts>>,
    /// Times the answers.
    clock: Option<Clock>,
}

#[derive(Debug, Default)]
struct Counts {
    total: u64,
    pairs: BTreeMap<(&'static str, u16), u64>,
}

impl Requests {
    /// Counts into the same numbers, and times answers by this clock. Without a clock, an answer
    /// has only the time that it states itself.
    #[must_use]
    pub fn timed_by(&self, clock: &Clock) -> Self {
        Self {
            counts: Arc::clone(&self.counts),
            clock: Some(clock.clone()),
        }
    }

    /// The current time, if there is a clock.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.clock.as_ref().map(Clock::now)
    }

    /// Counts a request. `endpoint` is a name without ids, such as `search/recent`; the status is 0
    /// when there was no answer.
    pub fn count(&self, endpoint: &'static str, status: u16) {
        let mut counts = self.counts.lock();
        counts.total = counts.total.saturating_add(1);
        let is_known = counts.pairs.contains_key(&(endpoint, status));
        if is_known || counts.pairs.len() < MAX_PAIRS {
            let pair = counts.pairs.entry((endpoint, status)).or_default();
            *pair = pair.saturating_add(1);
        }
    }

    /// The number of all requests.
    pub fn total(&self) -> u64 {
        self.counts.lock().total
    }

    /// The number of requests by endpoint and status.
    pub fn pairs(&self) -> Vec<(&'static str, u16, u64)> {
        let counts = self.counts.lock();
        let pairs = counts.pairs.iter();
        pairs
            .map(|((endpoint, status), count)| (*endpoint, *status, *count))
            .collect()
    }
}
