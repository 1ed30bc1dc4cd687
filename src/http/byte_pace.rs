//! [`BytePace`]: limits how fast the event loop takes large bodies from all clients together.
//!
//! Bytes from the local network can arrive so fast that taking them leaves the event loop no time
//! for other work. A few clients with large bodies would then delay all others.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

const MIB: u64 = 1024 * 1024;

/// A limit in bytes per second that all bodies share. Clones share it too.
#[derive(Debug, Clone)]
pub struct BytePace {
    bytes_per_second: u64,
    /// Maximum time of a pause that is made up for: after a pause, the bytes that could have passed
    /// in this time may pass at once.
    saved: Duration,
    /// The time at which all bytes so far would have passed at the allowed pace.
    until: Arc<Mutex<Instant>>,
}

impl BytePace {
    /// Waits shorter than this are skipped and added to the next one, because timers are no finer
    /// than a millisecond. `saved` is at least as long, so a wait that ends late does not lower the
    /// pace.
    const SHORTEST_WAIT: Duration = Duration::from_millis(4);

    /// The pace of bodies that are read: 64 MiB per second and core, which is more than a core can
    /// ingest. After a pause, a quarter of a second of it passes at once: a whole body for each
    /// core.
    pub fn of_bodies() -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        let cores = u64::try_from(cores).unwrap_or(1);
        Self::new(cores.saturating_mul(64 * MIB), Duration::from_millis(250))
    }

    /// The pace of refused bodies, whose bytes are discarded: 32 MiB per second.
    pub fn of_discarded_bodies() -> Self {
        Self::new(32 * MIB, Self::SHORTEST_WAIT)
    }

    fn new(bytes_per_second: u64, saved: Duration) -> Self {
        Self {
            bytes_per_second,
            saved,
            until: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Counts bytes that were taken, and waits as long as they are ahead of the pace. One body
    /// waits at a time, in the order of the calls.
    pub async fn took(&self, bytes: u64) {
        let mut until = self.until.lock().await;
        let now = Instant::now();
        let nanos = bytes.saturating_mul(1_000_000_000) / self.bytes_per_second.max(1);
        let from = now.checked_sub(self.saved).unwrap_or(now);
        *until = from.max(*until) + Duration::from_nanos(nanos);
        if until.saturating_duration_since(now) >= Self::SHORTEST_WAIT {
            sleep_until(*until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn millis_of(pace: &BytePace, pieces: u64, bytes: u64) -> u128 {
        let began = Instant::now();
        let take = || async {
            for _ in 0..pieces {
                pace.took(bytes).await;
            }
        };
        tokio::join!(take(), take());
        began.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_of_all_clients_together_keep_the_pace() {
        let pace = BytePace::of_discarded_bodies();
        let took = millis_of(&pace, 2048, 4 * 1024).await;
        assert!((490..=510).contains(&took), "{took} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn saved_time_lets_a_body_pass_at_once() {
        let pace = BytePace::new(64 * MIB, Duration::from_millis(250));
        // 16 MiB are 250 ms of the pace.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(millis_of(&pace, 64, MIB / 8).await, 0);
        let took = millis_of(&pace, 64, MIB / 8).await;
        assert!((245..=260).contains(&took), "{took} ms");
        // Time is saved up to a limit.
        tokio::time::sleep(Duration::from_secs(9)).await;
        let took = millis_of(&pace, 128, MIB / 8).await;
        assert!((245..=260).contains(&took), "{took} ms");
    }
}
