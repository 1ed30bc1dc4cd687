//! The memory limit for the channels of all live clients.
//!
//! The charges are: encoded messages while a replay buffer, a snapshot or a slow session holds
//! them, the counts of volumes, pending deltas, and each feed and channel itself. When three
//! quarters of the limit are used, the replay buffers unused for longest are trimmed. If that is
//! not enough, large snapshots wait, and new channels are refused.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::telemetry::Metrics;

/// Minimum time between two searches for trimmable replay buffers.
const MIN_TRIM_INTERVAL: Duration = Duration::from_millis(50);

/// The size class of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// At most about a hundred KiB, or shared by all subscribers.
    Light,
    /// Larger than a light snapshot.
    Heavy,
}

/// The budget; cheap to clone.
#[derive(Clone)]
pub(super) struct LiveBudget(Arc<State>);

struct State {
    /// The limit in bytes.
    limit: usize,
    /// The gauge `live_memory_bytes` is the charged amount.
    metrics: Metrics,
    /// Counts uses of replay buffers, to find the one unused for longest.
    uses: AtomicU64,
    last_trim: Mutex<Option<Instant>>,
}

impl fmt::Debug for LiveBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("limit", &self.0.limit)
            .field("used", &self.used())
            .finish()
    }
}

impl LiveBudget {
    /// A budget of `limit` bytes; its charges show in these metrics.
    pub(super) fn new(limit: usize, metrics: Metrics) -> Self {
        Self(Arc::new(State {
            limit,
            metrics,
            uses: AtomicU64::new(0),
            last_trim: Mutex::default(),
        }))
    }

    /// The limit in bytes.
    pub(super) fn limit(&self) -> usize {
        self.0.limit
    }

    /// The charged bytes.
    pub(super) fn used(&self) -> usize {
        usize::try_from(self.0.metrics.live_memory_bytes.get()).unwrap_or_default()
    }

    /// Charges bytes until the returned charge is dropped.
    pub(super) fn charge(&self, bytes: usize) -> LiveCharge {
        self.add(bytes);
        LiveCharge {
            budget: self.clone(),
            bytes,
        }
    }

    fn add(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0.metrics.live_memory_bytes.inc_by(bytes);
    }

    fn subtract(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0.metrics.live_memory_bytes.dec_by(bytes);
    }

    /// True when the charges exceed the limit.
    pub(super) fn is_over(&self) -> bool {
        self.used() > self.0.limit
    }

    /// True when there is no room for another heavy item.
    pub(super) fn is_short(&self) -> bool {
        !self.has_room(Weight::Heavy, 0)
    }

    /// True when there is room for `bytes` of this weight. Heavy items may use three quarters of
    /// the limit and light ones all of it, so that heavy items cannot exclude light ones.
    pub(super) fn has_room(&self, weight: Weight, bytes: usize) -> bool {
        let limit = match weight {
            Weight::Light => self.0.limit,
            Weight::Heavy => self.0.limit / 4 * 3,
        };
        self.used().saturating_add(bytes) < limit
    }

    /// Numbers a use of a replay buffer; later uses have higher numbers.
    pub(super) fn next_use(&self) -> u64 {
        self.0.uses.fetch_add(1, Ordering::Relaxed)
    }

    /// The number that the next use will get.
    pub(super) fn latest_use(&self) -> u64 {
        self.0.uses.load(Ordering::Relaxed)
    }

    /// Number of bytes to trim from replay buffers; `None` when there is room for heavy items, or
    /// shortly after another trim.
    pub(super) fn bytes_to_trim(&self) -> Option<usize> {
        let excess = self.used().checked_sub(self.0.limit / 8 * 5)?;
        if !self.is_short() {
            return None;
        }
        let mut last = self.0.last_trim.lock();
        if last.is_some_and(|last| last.elapsed() < MIN_TRIM_INTERVAL) {
            return None;
        }
        *last = Some(Instant::now());
        Some(excess)
    }

    /// Counts a trimmed replay buffer.
    pub(super) fn count_trim(&self) {
        self.0.metrics.live_cuts.inc();
    }

    /// Counts a refused channel.
    pub(super) fn count_refused(&self) {
        self.0.metrics.live_refused.inc();
    }
}

/// Bytes charged to a budget; dropping this releases them.
#[derive(Debug)]
pub(super) struct LiveCharge {
    budget: LiveBudget,
    bytes: usize,
}

impl LiveCharge {
    /// The charged bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Changes the charge to this many bytes.
    pub(super) fn set(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.budget.add(bytes - self.bytes);
        } else {
            self.budget.subtract(self.bytes - bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for LiveCharge {
    fn drop(&mut self) {
        self.budget.subtract(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_is_returned_on_drop() {
        let budget = LiveBudget::new(1_000, Metrics::new());
        let mut first = budget.charge(600);
        let second = budget.charge(300);
        assert!(budget.has_room(Weight::Light, 99));
        assert!(!budget.has_room(Weight::Light, 100));
        assert!(budget.is_short() && !budget.is_over());
        first.set(800);
        assert_eq!(budget.used(), 1_100);
        assert!(budget.is_over());
        assert!(!budget.has_room(Weight::Light, 0));
        first.set(100);
        drop(second);
        assert!(!budget.is_short());
        assert_eq!(budget.used(), 100);
        drop(first);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn trimming_is_asked_for_once_when_room_is_short() {
        let budget = LiveBudget::new(1_000, Metrics::new());
        let mut charge = budget.charge(700);
        assert_eq!(budget.bytes_to_trim(), None);
        charge.set(800);
        assert_eq!(budget.bytes_to_trim(), Some(175));
        assert_eq!(budget.bytes_to_trim(), None);
    }
}
