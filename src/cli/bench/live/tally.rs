//! What clients have seen, counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A tenth of a millisecond is what latencies are told apart by.
const LATENCY_STEP: Duration = Duration::from_micros(100);
/// Latencies are counted up to ten seconds.
const LATENCY_STEPS: usize = 100_000;

/// What clients have seen; shared by all threads.
#[derive(Debug)]
pub(super) struct Tally {
    /// Tweets received, each by each client.
    pub(super) deliveries: AtomicU64,
    /// Summed over the clients: the number of the newest tweet that each has.
    pub(super) progress: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Clients that hold a snapshot, or have gone on where they were.
    pub(super) subscribed: AtomicUsize,
    /// Subscriptions that went on where they were.
    pub(super) recovered: AtomicUsize,
    /// Updates that didn't follow on what the client held.
    pub(super) gaps: AtomicU64,
    /// Snapshots that a client got when it held one already.
    pub(super) resyncs: AtomicU64,
    /// Connections that the server closed.
    pub(super) closed: AtomicUsize,
    counting: AtomicBool,
    latencies: Mutex<Vec<u32>>,
    /// When each tweet was published, by its number.
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

    /// Takes note that tweets are being published; they have the next numbers, from the one
    /// answered.
    pub(super) fn publishing(&self, count: usize) -> u64 {
        let now = Instant::now();
        let mut published = self.published.lock();
        let first = published.len();
        published.resize(first + count, now);
        u64::try_from(first).unwrap_or(u64::MAX)
    }

    /// Counts latencies from now on.
    pub(super) fn count(&self) {
        self.latencies.lock().fill(0);
        self.counting.store(true, Ordering::Relaxed);
    }

    /// The latencies below which so many thousandths of the deliveries were.
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
