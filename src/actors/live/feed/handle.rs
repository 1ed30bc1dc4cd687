//! What the supervisor holds of a feed actor, and what is sent to it.

use ractor::{ActorId, ActorRef};

use super::signal::FeedSignal;

/// What the supervisor holds of a feed actor.
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

/// Steps of a feed actor.
pub(in crate::actors::live) enum FeedMessage {
    /// Read the position of the views.
    Hydrate,
    /// Make updates of the deltas that wait, as soon as the throttle allows.
    Flush,
    /// Make the snapshots that are wanted.
    Serve,
    /// Move windows with the clock.
    Roll,
    /// Make the answers of polled topics again.
    Poll,
    /// The position of the views is unknown again.
    Reset,
    /// Forget what has no subscribers any more, and end if that is the whole feed.
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
