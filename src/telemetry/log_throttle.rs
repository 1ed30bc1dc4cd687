//! Limits log lines that a request, a client or a broken disk could cause thousands of times: at
//! most one line per cause and interval, with the number of occurrences.
//!
//! ```ignore
//! use crate::telemetry::log_throttled;
//!
//! log_throttled("append-failed", move |count| {
//!     tracing::warn!(%error, count, "the journal could not be written");
//! });
//! ```
//!
//! The first occurrence of a cause is logged at once. Later ones are counted. At the end of the
//! interval one line is logged for all of them, with the text of the last one. Without a tokio
//! runtime, that line is logged by the next occurrence after the interval.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// The interval in which a cause logs at most one line.
const INTERVAL: Duration = Duration::from_secs(10);

static PROCESS: LazyLock<LogThrottle> = LazyLock::new(|| LogThrottle::new(INTERVAL));

/// Logs through the throttle of the process: at most one line per `cause` in ten seconds.
///
/// `write` receives the number of occurrences that the line stands for, and should log it as
/// `count`. It may run later and on another task, so it owns its values. A cause is a short
/// constant: the number of causes is bounded by the code and does not depend on clients.
pub fn log_throttled(cause: &'static str, write: impl FnOnce(u64) + Send + 'static) {
    PROCESS.log(cause, write);
}

/// A throttle with its own interval; clones share their counts.
#[derive(Debug, Clone)]
struct LogThrottle {
    interval: Duration,
    causes: Arc<Mutex<BTreeMap<&'static str, Interval>>>,
}

/// The running interval of a cause. It starts when a line is logged.
#[derive(Default)]
struct Interval {
    /// The end of the interval; the next line may be logged then. `None` before the first line.
    ends: Option<Instant>,
    /// Occurrences since the last line.
    untold: u64,
    /// Logs the line of the last occurrence.
    last: Option<Box<dyn FnOnce(u64) + Send>>,
    /// True while a task waits for the end of the interval.
    is_awaited: bool,
}

impl std::fmt::Debug for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interval")
            .field("ends", &self.ends)
            .field("untold", &self.untold)
            .finish_non_exhaustive()
    }
}

impl LogThrottle {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            causes: Arc::default(),
        }
    }

    fn causes(&self) -> MutexGuard<'_, BTreeMap<&'static str, Interval>> {
        self.causes.lock()
    }

    fn log(&self, cause: &'static str, write: impl FnOnce(u64) + Send + 'static) {
        let count = {
            let mut causes = self.causes();
            let interval = causes.entry(cause).or_default();
            interval.untold += 1;
            let now = Instant::now();
            if interval.ends.is_some_and(|ends| now < ends) {
                interval.last = Some(Box::new(write));
                if !interval.is_awaited
                    && let Some(ends) = interval.ends
                    && let Ok(runtime) = Handle::try_current()
                {
                    interval.is_awaited = true;
                    runtime.spawn(self.clone().tell_after(cause, ends));
                }
                return;
            }
            interval.ends = Some(now + self.interval);
            interval.last = None;
            std::mem::take(&mut interval.untold)
        };
        // The lock is not held here, because a log subscriber may log lines of its own.
        write(count);
    }

    /// Logs one line at the end of an interval, for all its occurrences.
    async fn tell_after(self, cause: &'static str, ends: Instant) {
        tokio::time::sleep_until(ends).await;
        let told = {
            let mut causes = self.causes();
            let Some(interval) = causes.get_mut(cause) else {
                return;
            };
            interval.is_awaited = false;
            let told = interval.last.take();
            if told.is_some() {
                interval.ends = Some(Instant::now() + self.interval);
            }
            told.map(|write| (write, std::mem::take(&mut interval.untold)))
        };
        if let Some((write, count)) = told {
            write(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logged lines: cause, detail and count.
    type Lines = Arc<Mutex<Vec<(&'static str, u32, u64)>>>;

    fn counted(throttle: &LogThrottle, lines: &Lines, cause: &'static str, detail: u32) {
        let lines = Arc::clone(lines);
        throttle.log(cause, move |count| {
            lines.lock().push((cause, detail, count));
        });
    }

    #[tokio::test(start_paused = true)]
    async fn burst_sends_one_line_at_once_and_one_with_the_rest() {
        let throttle = LogThrottle::new(INTERVAL);
        let lines = Lines::default();
        for occurrence in 0..979 {
            counted(&throttle, &lines, "full", occurrence);
            tokio::time::advance(Duration::from_millis(3)).await;
        }
        assert_eq!(*lines.lock(), [("full", 0, 1)]);
        tokio::time::sleep(INTERVAL).await;
        assert_eq!(*lines.lock(), [("full", 0, 1), ("full", 978, 978)]);
    }

    #[tokio::test(start_paused = true)]
    async fn lasting_cause_logs_once_per_interval_with_count() {
        let throttle = LogThrottle::new(INTERVAL);
        let lines = Lines::default();
        for occurrence in 0..1_000 {
            counted(&throttle, &lines, "full", occurrence);
            counted(&throttle, &lines, "slow", occurrence);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(INTERVAL * 2).await;
        let lines = lines.lock();
        for cause in ["full", "slow"] {
            let counts: Vec<u64> = lines
                .iter()
                .filter(|(of, ..)| *of == cause)
                .map(|(.., count)| *count)
                .collect();
            assert_eq!(counts.iter().sum::<u64>(), 1_000);
            assert!(counts.len() <= 12, "{counts:?}");
        }
    }

    #[test]
    fn without_a_runtime_the_next_occurrence_logs() {
        let throttle = LogThrottle::new(Duration::ZERO);
        let lines = Lines::default();
        counted(&throttle, &lines, "full", 0);
        counted(&throttle, &lines, "full", 1);
        assert_eq!(*lines.lock(), [("full", 0, 1), ("full", 1, 1)]);
        let throttle = LogThrottle::new(Duration::from_secs(3_600));
        counted(&throttle, &lines, "slow", 2);
        counted(&throttle, &lines, "slow", 3);
        assert_eq!(lines.lock().len(), 3);
        throttle.causes().get_mut("slow").unwrap().ends = Some(Instant::now());
        counted(&throttle, &lines, "slow", 4);
        assert_eq!(lines.lock()[3], ("slow", 4, 2));
    }
}
