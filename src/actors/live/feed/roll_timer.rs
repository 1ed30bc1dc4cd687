//! The timer for the next roll of a feed's windows.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::events::Timestamp;

/// A roll waits at least this long: subscribers whose snapshots are ahead of the fold may not be
/// able to take it yet.
const MIN_WAIT: Duration = Duration::from_millis(5);

/// When a step of the feed actor began, by both clocks.
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
    /// Calls `roll` when the clock reads `until`, in place of what was scheduled before.
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
