//! The timer for the next roll of a feed's windows.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::events::Timestamp;

/// Minimum wait before a roll: subscribers whose snapshots are ahead of the fold may not be able to
/// take the updates of a sooner roll.
const MIN_WAIT: Duration = Duration::from_millis(5);

/// Start of a step of the feed actor, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct StepTime {
    /// Reading of the wall clock.
    pub(super) now: Timestamp,
    pub(super) at: Instant,
}

/// The timer, and the reading of the clock at which it fires.
#[derive(Debug, Default)]
pub(super) struct RollTimer(Option<(Timestamp, JoinHandle<()>)>);

impl RollTimer {
    /// Calls `roll` when the clock reads `until`; replaces an earlier schedule.
    pub(super) fn schedule(
        &mut self,
        until: Timestamp,
        time: StepTime,
        roll: impl FnOnce() + Send + 'static,
    ) {
        if self.0.as_ref().is_some_and(|(due, _)| *due == until) {
            return;
        }
        self.cancel();
        let wait = until.millis().saturating_sub(time.now.millis());
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or_default());
        let due = (time.at + wait).max(Instant::now() + MIN_WAIT);
        let timer = tokio::spawn(async move {
            tokio::time::sleep_until(due).await;
            roll();
        });
        self.0 = Some((until, timer));
    }

    pub(super) fn cancel(&mut self) {
        if let Some((_, timer)) = self.0.take() {
            timer.abort();
        }
    }
}

impl Drop for RollTimer {
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn roll_fires_when_the_clock_reads_the_end_of_a_window() {
        let rolls = Arc::new(AtomicUsize::new(0));
        let roll = || {
            let rolls = Arc::clone(&rolls);
            move || {
                rolls.fetch_add(1, Ordering::SeqCst);
            }
        };
        let noon = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        let time = StepTime {
            now: noon,
            at: Instant::now(),
        };
        let mut timer = RollTimer::default();
        timer.schedule(noon.plus(Timestamp::HOUR), time, roll());
        // A window that ends sooner replaces the timer.
        timer.schedule(noon.plus(Timestamp::MINUTE), time, roll());
        tokio::time::sleep(Duration::from_millis(59_999)).await;
        assert_eq!(rolls.load(Ordering::SeqCst), 0);
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(rolls.load(Ordering::SeqCst), 1);
        tokio::time::sleep(Duration::from_secs(7_200)).await;
        assert_eq!(rolls.load(Ordering::SeqCst), 1);
        // A window whose end has passed rolls after the minimum wait, unless it is cancelled.
        let late = StepTime {
            now: noon.plus(Timestamp::DAY),
            at: Instant::now(),
        };
        timer.schedule(noon, late, roll());
        tokio::time::sleep(MIN_WAIT * 2).await;
        assert_eq!(rolls.load(Ordering::SeqCst), 2);
        timer.schedule(noon.plus(1), late, roll());
        timer.cancel();
        tokio::time::sleep(MIN_WAIT * 2).await;
        assert_eq!(rolls.load(Ordering::SeqCst), 2);
    }
}
