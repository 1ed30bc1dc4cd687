//! Limits and times of live sessions.

use std::time::Duration;

/// Limits and times of live sessions.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// Least time between two updates of a channel.
    pub flush: Duration,
    /// Largest number of open sessions.
    pub sessions: usize,
    /// Largest number of channels that one session subscribes to.
    pub subscriptions: usize,
    /// A client that completes no write for this long while something is due is too slow.
    pub slow: Duration,
    /// How long a feed without subscribers is kept, so that a client that returns can resume.
    pub linger: Duration,
    /// Bytes of updates that each channel keeps.
    pub ring_bytes: usize,
    /// Bytes that may be held for the channels of all clients together.
    pub budget: usize,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            flush: Duration::from_millis(50),
            sessions: 50_000,
            subscriptions: 1_000,
            slow: Duration::from_secs(10),
            linger: Duration::from_secs(60),
            ring_bytes: 512 * 1024,
            budget: 128 * 1024 * 1024,
        }
    }
}

impl LiveOptions {
    /// Least time between two writes of updates in one session. It is a little shorter than the
    /// time between two updates of a channel, so that a subscriber of one keyword never waits for
    /// both.
    pub(super) fn write_interval(&self) -> Duration {
        self.flush.saturating_mul(3) / 4
    }
}
