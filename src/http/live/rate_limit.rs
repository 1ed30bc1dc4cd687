//! [`RateLimit`]: the limit on the messages of one client.

use tokio::time::Instant;

/// A token bucket. It refills at a steady rate, and each message takes one token.
#[derive(Debug)]
pub(super) struct RateLimit {
    burst: f64,
    per_second: f64,
    left: f64,
    at: Instant,
}

impl RateLimit {
    pub(super) fn new(burst: u32, per_second: u32) -> Self {
        Self {
            burst: f64::from(burst),
            per_second: f64::from(per_second),
            left: f64::from(burst),
            at: Instant::now(),
        }
    }

    /// Counts one message. Returns false when it exceeds the limit.
    pub(super) fn take(&mut self) -> bool {
        let now = Instant::now();
        let filled = now.duration_since(self.at).as_secs_f64() * self.per_second;
        self.at = now;
        self.left = (self.left + filled).min(self.burst);
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn burst_is_allowed_and_then_the_rate() {
        let mut rate = RateLimit::new(3, 2);
        for _ in 0..3 {
            assert!(rate.take());
        }
        assert!(!rate.take());
        tokio::time::advance(Duration::from_millis(500)).await;
        assert!(rate.take());
        assert!(!rate.take());
        tokio::time::advance(Duration::from_secs(60)).await;
        for _ in 0..3 {
            assert!(rate.take());
        }
        assert!(!rate.take());
    }
}
