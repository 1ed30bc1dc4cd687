//! The phase of a feed, and its progress.

use crate::actors::live::message::Position;
use crate::events::Sequence;

/// The phase of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) enum FeedPhase {
    /// The position of the feed's views is not known yet.
    Cold,
    /// The channels contain everything through this position.
    Hot(Position),
    /// The keyword is not tracked, or no longer tracked.
    Ended,
}

/// The progress of a feed, for a new subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) struct FeedStatus {
    pub(in crate::actors::live) phase: FeedPhase,
    /// The last position that a fold has published.
    pub(in crate::actors::live) as_of: Sequence,
}
