//! Signals from the shared feed to its actor.

use std::fmt;

/// A signal to the feed actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeedSignal {
    /// A fold has published a delta.
    Flush,
    /// A subscriber waits for a snapshot, or a joined answer was made.
    Serve,
    /// Channels were dropped, or the feed may end early.
    Tidy,
    /// The position of the views has to be read again.
    Reset,
}

/// Sends signals to the feed actor, without waiting.
pub(super) struct SignalSender(Box<dyn Fn(FeedSignal) + Send + Sync>);

impl SignalSender {
    pub(super) fn new(send: impl Fn(FeedSignal) + Send + Sync + 'static) -> Self {
        Self(Box::new(send))
    }

    pub(super) fn send(&self, signal: FeedSignal) {
        (self.0)(signal);
    }
}

impl fmt::Debug for SignalSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignalSender")
    }
}
