//! The handle of a feed actor, and its messages.

use ractor::{ActorId, ActorRef};

use super::signal::FeedSignal;

/// The supervisor's handle of a feed actor.
#[derive(Debug, Clone)]
pub(in crate::actors::live) struct FeedHandle(ActorRef<FeedMessage>);

impl FeedHandle {
    pub(super) const fn new(actor: ActorRef<FeedMessage>) -> Self {
        Self(actor)
    }

    /// The wall clock was set.
    pub(in crate::actors::live) fn clock_was_set(&self) {
        let _ = self.0.cast(FeedMessage::Roll);
    }

    /// Other views are shown now.
    pub(in crate::actors::live) fn reset(&self) {
        let _ = self.0.cast(FeedMessage::Reset);
    }

    pub(in crate::actors::live) fn id(&self) -> ActorId {
        self.0.get_id()
    }

    pub(in crate::actors::live) fn stop(&self) {
        self.0.stop(None);
    }
}

/// Messages of a feed actor.
pub(in crate::actors::live) enum FeedMessage {
    /// Read the position of the views.
    Hydrate,
    /// Make updates of the pending deltas, as soon as the throttle allows.
    Flush,
    /// Make the requested snapshots, and take the joined answers that were made.
    Serve,
    /// Move the windows with the clock.
    Roll,
    /// Refresh the answers of polled topics.
    Poll,
    /// Read the position of the views again.
    Reset,
    /// Drop channels without subscribers, and end the feed if it has none.
    Tidy,
}

impl From<FeedSignal> for FeedMessage {
    fn from(signal: FeedSignal) -> Self {
        match signal {
            FeedSignal::Flush => Self::Flush,
            FeedSignal::Serve => Self::Serve,
            FeedSignal::Tidy => Self::Tidy,
            FeedSignal::Reset => Self::Reset,
        }
    }
}
