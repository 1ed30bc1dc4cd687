//! Detects that the wall clock was set.

use std::time::Duration;

use tokio::time::Instant;

use crate::events::Timestamp;

/// A wall clock counts as set when it deviates from the elapsed time by more than this.
const TOLERANCE: Duration = Duration::from_millis(100);

/// Compares a wall clock with the elapsed time.
#[derive(Debug)]
pub(in crate::actors) struct ClockWatch {
    wall: Timestamp,
    at: Instant,
}

impl ClockWatch {
    pub(crate) const fn new(wall: Timestamp, at: Instant) -> Self {
        Self { wall, at }
    }

    /// True when the wall clock was set, forwards or backwards, since the last call that returned
    /// true. A drifting clock counts as set each time the drift exceeds the tolerance.
    pub(in crate::actors) fn was_set(&mut self, wall: Timestamp, at: Instant) -> bool {
        let elapsed = at.saturating_duration_since(self.at).as_millis();
        let elapsed = i64::try_from(elapsed).unwrap_or(i64::MAX);
        let off = wall
            .millis()
            .saturating_sub(self.wall.millis())
            .saturating_sub(elapsed);
        if u128::from(off.unsigned_abs()) <= TOLERANCE.as_millis() {
            return false;
        }
        *self = Self::new(wall, at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_clock_is_noticed_once_in_either_direction() {
        let start = Instant::now();
        let noon = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        let mut watch = ClockWatch::new(noon, start);
        let mut was_set = |seconds: u64, wall: i64| {
            let at = start + Duration::from_secs(seconds);
            watch.was_set(noon.plus(wall), at)
        };
        assert!(!was_set(1, 1_000));
        assert!(!was_set(2, 2_099));
        assert!(was_set(3, Timestamp::DAY));
        assert!(!was_set(4, Timestamp::DAY + 1_000));
        assert!(was_set(5, 5_000));
        assert!(!was_set(65, 65_000));
        // The drift accumulates.
        assert!(!was_set(70, 69_950));
        assert!(was_set(80, 79_890));
    }
}
