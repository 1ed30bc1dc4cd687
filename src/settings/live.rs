//! The settings of live clients.

use std::time::Duration;

use super::{Layers, MIB, SettingsError, count, millis, size};

/// Limits and times of live clients.
#[derive(Debug, Clone, Copy)]
pub struct LiveSettings {
    /// Minimum time between two updates of a channel.
    pub flush: Duration,
    /// Maximum number of live clients.
    pub sessions: usize,
    /// Maximum number of subscriptions per client.
    pub subscriptions: usize,
    /// Time after which a client that reads nothing while an update is due is disconnected.
    pub slow: Duration,
    /// Time after which a client that sends nothing is pinged.
    pub silence: Duration,
    /// Maximum number of messages that a client may send at once.
    pub burst: u32,
    /// Maximum number of messages per second that a client may send over a longer time.
    pub rate: u32,
    /// Time that a client has to resume after the last client of a keyword has left.
    pub linger: Duration,
    /// Maximum size of the updates kept per channel for resuming clients, in bytes.
    pub ring_bytes: usize,
    /// Maximum memory for the channels of all clients together, in bytes.
    pub budget: usize,
}

impl LiveSettings {
    pub(super) fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        let millis = |key| millis(layers, key, 100..=3_600_000);
        Ok(Self {
            flush: super::millis(layers, "live.flush_ms", 1..=60_000)?,
            sessions: size(layers.whole("live.sessions", 1..=10_000_000)?),
            subscriptions: size(layers.whole("live.subscriptions", 1..=1_000_000)?),
            slow: millis("live.slow_ms")?,
            silence: millis("live.silence_ms")?,
            burst: count(layers.whole("live.burst", 1..=1_000_000)?),
            rate: count(layers.whole("live.rate", 1..=1_000_000)?),
            linger: millis("live.linger_ms")?,
            ring_bytes: size(layers.whole("live.ring_bytes", 1024..=1024 * MIB)?),
            budget: size(layers.whole("live.budget", MIB..=1024 * 1024 * MIB)?),
        })
    }
}
