//! Resident memory of this process during a measurement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::telemetry::Metrics;

/// Number of events after which the peak so far is kept, to compare the final peak with.
pub(super) const EARLY_EVENTS: u64 = 500_000;

/// Samples this process's resident memory.
pub(super) struct Memory {
    done: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<ResidentMemory>,
}

/// Resident memory, in MiB.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ResidentMemory {
    pub(super) start: u64,
    /// The peak through the first [`EARLY_EVENTS`] events; `None` if there were fewer.
    pub(super) early: Option<u64>,
    pub(super) peak: u64,
}

impl Memory {
    pub(super) fn watch(metrics: Metrics) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            let start = resident_mib();
            let (mut early, mut peak) = (None, start);
            while !ended.load(Ordering::Relaxed) {
                let now = resident_mib();
                peak = peak.max(now);
                if early.is_none() && metrics.journaled.get() >= EARLY_EVENTS {
                    early = Some(peak);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            ResidentMemory {
                start,
                early,
                peak: peak.max(resident_mib()),
            }
        });
        Self { done, thread }
    }

    pub(super) fn stop(self) -> ResidentMemory {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// Reads resident memory from `/proc`, in MiB; 0 on systems without `/proc`.
fn resident_mib() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kib| kib / 1024)
}
