//! Counters of what the clients received.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Resolution of latencies.
const LATENCY_STEP: Duration = Duration::from_micros(100);
/// Number of counted steps: latencies up to ten seconds.
const LATENCY_STEPS: usize = 100_000;

/// Counters shared by the clients and the measure that runs them.
#[derive(Debug)]
pub(super) struct Tally {
    /// Tweets received, summed over the clients.
    pub(super) deliveries: AtomicU64,
    /// Sum over the clients of each client's newest tweet number.
    pub(super) progress: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Clients that hold a snapshot or have resumed.
    pub(super) subscribed: AtomicUsize,
    /// Subscriptions that resumed without a snapshot.
    pub(super) recovered: AtomicUsize,
    /// Updates whose `prev` was beyond the client's sequence.
    pub(super) gaps: AtomicU64,
    /// Snapshots that a client received although it had one already.
    pub(super) resyncs: AtomicU64,
    /// Connections that the server closed.
    pub(super) closed: AtomicUsize,
    counting: AtomicBool,
    latencies: Mutex<Vec<u32>>,
    /// The publishing time of each tweet, by its number.
    published: Mutex<Vec<Instant>>,
}

impl Tally {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            deliveries: AtomicU64::new(0),
            progress: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            subscribed: AtomicUsize::new(0),
            recovered: AtomicUsize::new(0),
            gaps: AtomicU64::new(0),
            resyncs: AtomicU64::new(0),
            closed: AtomicUsize::new(0),
            counting: AtomicBool::new(false),
            latencies: Mutex::new(vec![0; LATENCY_STEPS]),
            published: Mutex::new(Vec::new()),
        })
    }

    /// Registers tweets before they are published; returns the number of the first one.
    pub(super) fn publishing(&self, count: usize) -> u64 {
        let now = Instant::now();
        let mut published = self.published.lock();
        let first = published.len();
        published.resize(first + count, now);
        u64::try_from(first).unwrap_or(u64::MAX)
    }

    /// Starts counting latencies.
    pub(super) fn count(&self) {
        self.latencies.lock().fill(0);
        self.counting.store(true, Ordering::Relaxed);
    }

    /// The latency below which `thousandths` of the deliveries lie.
    pub(super) fn latency(&self, thousandths: u64) -> Duration {
        let counts = self.latencies.lock();
        let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let wanted = all * thousandths / 1000;
        let mut below = 0;
        for (step, count) in (1_u32..).zip(counts.iter()) {
            below += u64::from(*count);
            if below >= wanted && below > 0 {
                return LATENCY_STEP * step;
            }
        }
        Duration::ZERO
    }

    pub(super) fn received(&self, numbers: &[u64]) {
        let count = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
        self.deliveries.fetch_add(count, Ordering::Relaxed);
        if !self.counting.load(Ordering::Relaxed) {
            return;
        }
        let now = Instant::now();
        let published = self.published.lock();
        let mut counts = self.latencies.lock();
        for number in numbers {
            let number = usize::try_from(*number).unwrap_or(usize::MAX);
            let Some(at) = published.get(number) else {
                continue;
            };
            let steps = now.duration_since(*at).as_micros() / LATENCY_STEP.as_micros();
            let step = usize::try_from(steps).unwrap_or(usize::MAX);
            if let Some(count) = counts.get_mut(step.min(LATENCY_STEPS - 1)) {
                *count = count.saturating_add(1);
            }
        }
    }
}
