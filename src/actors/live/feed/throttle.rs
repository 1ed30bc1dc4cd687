//! Limits how often a feed flushes.

use std::time::Duration;

use tokio::time::Instant;

/// The answer to a request to flush.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FlushDecision {
    /// Flush now.
    Now,
    /// Repeat the request after this time.
    After(Duration),
    /// A later request is scheduled already.
    OnItsWay,
}

/// Enforces a minimum time between the flushes of one feed.
#[derive(Debug)]
pub(super) struct FlushThrottle {
    /// Minimum time between two flushes.
    flush: Duration,
    last: Option<Instant>,
    /// Deadline of the delayed request, if one is scheduled.
    next: Option<Instant>,
}

impl FlushThrottle {
    pub(super) const fn new(flush: Duration) -> Self {
        Self {
            flush,
            last: None,
            next: None,
        }
    }

    /// Records a flush.
    pub(super) const fn flushed(&mut self, now: Instant) {
        self.last = Some(now);
    }

    /// Decides whether to flush now. A delayed request can be early, because a feed also flushes
    /// when a window rolls; it is then delayed again.
    pub(super) fn request_flush(&mut self, now: Instant) -> FlushDecision {
        let free = self.last.map(|last| last + self.flush);
        let Some(free) = free.filter(|free| now < *free) else {
            self.next = None;
            return FlushDecision::Now;
        };
        if self.next.is_some_and(|next| now < next) {
            return FlushDecision::OnItsWay;
        }
        self.next = Some(free);
        FlushDecision::After(free - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLUSH: Duration = Duration::from_millis(50);

    #[test]
    fn early_flush_request_is_delayed_once() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut throttle = FlushThrottle::new(FLUSH);
        assert_eq!(throttle.request_flush(at(0)), FlushDecision::Now);
        throttle.flushed(at(0));
        assert_eq!(
            throttle.request_flush(at(20)),
            FlushDecision::After(Duration::from_millis(30))
        );
        assert_eq!(throttle.request_flush(at(30)), FlushDecision::OnItsWay);
        assert_eq!(throttle.request_flush(at(50)), FlushDecision::Now);
        throttle.flushed(at(50));
        assert_eq!(throttle.request_flush(at(100)), FlushDecision::Now);
    }

    #[test]
    fn delayed_flush_request_survives_a_flush_in_between() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut throttle = FlushThrottle::new(FLUSH);
        throttle.flushed(at(0));
        assert_eq!(
            throttle.request_flush(at(10)),
            FlushDecision::After(Duration::from_millis(40))
        );
        // A flush in between, because a window moved.
        throttle.flushed(at(30));
        assert_eq!(throttle.request_flush(at(40)), FlushDecision::OnItsWay);
        assert_eq!(
            throttle.request_flush(at(50)),
            FlushDecision::After(Duration::from_millis(30))
        );
        assert_eq!(throttle.request_flush(at(80)), FlushDecision::Now);
    }
}
