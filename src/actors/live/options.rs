//! Limits and times of live sessions.

use std::time::Duration;

/// Limits and times of live sessions.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// Minimum time between two updates of a channel.
    pub flush: Duration,
    /// Maximum number of open sessions.
    pub sessions: usize,
    /// Maximum number of channels per session.
    pub subscriptions: usize,
    /// Time without a completed write, while an update is due, after which a client is closed as
    /// too slow.
    pub slow: Duration,
    /// Time that a feed without subscribers is kept, so that a returning client can resume.
    pub linger: Duration,
    /// Maximum size of the updates that each channel keeps, in bytes.
    pub ring_bytes: usize,
    /// Maximum memory for the channels of all clients together, in bytes.
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
    /// Minimum time between two writes of updates in one session. It is a little shorter than the
    /// time between two updates of a channel, so that a subscriber of one keyword never waits for
    /// both.
    pub(super) fn write_interval(&self) -> Duration {
        self.flush.saturating_mul(3) / 4
    }
}
