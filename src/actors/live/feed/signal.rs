//! How the shared feed reaches its actor.

use std::fmt;

/// What the feed actor is asked for through the shared feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeedSignal {
    /// A fold has published something.
    Flush,
    /// A subscriber waits for a snapshot.
    Serve,
    /// Channels were forgotten, or the feed may end before its time.
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
