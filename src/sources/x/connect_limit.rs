//! The limit of connects: X accepts so many in 15 minutes, and answers 429 to further ones.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::events::{Clock, Timestamp};
use crate::sources::ConnectError;

/// The period of the limit, in milliseconds.
const PERIOD_MS: i64 = 15 * Timestamp::MINUTE;

/// Counts the connects to one endpoint, whatever became of them.
#[derive(Debug)]
pub(super) struct ConnectLimit {
    max: usize,
    clock: Clock,
    /// The times of the connects of the last 15 minutes, oldest first.
    times: Mutex<VecDeque<Timestamp>>,
}

impl ConnectLimit {
    pub(super) fn new(max: u32, clock: Clock) -> Self {
        Self {
            max: usize::try_from(max).unwrap_or(usize::MAX),
            clock,
            times: Mutex::default(),
        }
    }

    /// Counts a connect that is about to be made.
    ///
    /// # Errors
    /// [`ConnectError::Status`] with 429, as X would answer, and the time from which on a connect
    /// is possible. It is not counted then.
    pub(super) fn count(&self) -> Result<(), ConnectError> {
        let now = self.clock.now();
        let mut times = self.times.lock();
        while times
            .front()
            .is_some_and(|time| time.plus(PERIOD_MS) <= now)
        {
            times.pop_front();
        }
        match times.front() {
            Some(oldest) if times.len() >= self.max => Err(ConnectError::Status {
                status: 429,
                detail: format!(
                    "{} connects in 15 minutes; more are not made, because sources.x.connects \
                    is {}",
                    times.len(),
                    self.max
                ),
                retry_at: Some(oldest.plus(PERIOD_MS)),
            }),
            _ => {
                times.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn connect_over_the_limit_waits_for_the_oldest_to_be_15_minutes_old() {
        let minute = Arc::new(AtomicI64::new(0));
        let read = minute.clone();
        let clock =
            Clock::of(move || Timestamp::from_millis(60_000 * read.load(Ordering::Relaxed)));
        let limit = ConnectLimit::new(2, clock);
        let counted = |at: i64| {
            minute.store(at, Ordering::Relaxed);
            match limit.count() {
                Ok(()) => None,
                Err(ConnectError::Status {
                    status: 429,
                    retry_at,
                    ..
                }) => retry_at.map(|time| time.millis() / 60_000),
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(counted(0), None);
        assert_eq!(counted(10), None);
        assert_eq!(counted(14), Some(15));
        assert_eq!(counted(15), None);
        assert_eq!(counted(16), Some(25));
    }
}
