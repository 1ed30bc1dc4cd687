//! Decides when a failed keyword is restarted, and when it is quarantined.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A keyword with this many failures within [`WINDOW`] is quarantined.
pub(super) const MAX_FAILURES: usize = 5;
/// The period in which failures count.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The recent failures of one keyword.
#[derive(Debug, Default)]
pub(super) struct RestartPolicy {
    at: VecDeque<Instant>,
}

/// The reaction to a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestartDecision {
    /// Restart after this pause.
    Restart(Duration),
    /// Quarantine until the keyword is released.
    Quarantine,
}

impl RestartPolicy {
    /// Counts a failure.
    pub(crate) fn add(&mut self, now: Instant) -> RestartDecision {
        while self.at.front().is_some_and(|at| now - *at > WINDOW) {
            self.at.pop_front();
        }
        self.at.push_back(now);
        if self.at.len() >= MAX_FAILURES {
            return RestartDecision::Quarantine;
        }
        let doublings = u32::try_from(self.at.len()).unwrap_or(1).saturating_sub(1);
        RestartDecision::Restart(FIRST_PAUSE.saturating_mul(1 << doublings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifth_failure_within_a_minute_quarantines() {
        let start = Instant::now();
        let mut failures = RestartPolicy::default();
        for (seconds, verdict) in [
            (0, RestartDecision::Restart(Duration::from_millis(100))),
            (1, RestartDecision::Restart(Duration::from_millis(200))),
            (2, RestartDecision::Restart(Duration::from_millis(400))),
            (3, RestartDecision::Restart(Duration::from_millis(800))),
            (62, RestartDecision::Restart(Duration::from_millis(400))),
            (62, RestartDecision::Restart(Duration::from_millis(800))),
            (62, RestartDecision::Quarantine),
        ] {
            assert_eq!(failures.add(start + Duration::from_secs(seconds)), verdict);
        }
    }
}
