//! Turns states and changes into messages; implemented where the wire format is known.

use std::ops::Range;

use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::volume::{VolumePoint, VolumeWindow};
use crate::projections::{TimelineChange, TimelinePage};
use crate::store::StoreError;

use super::message::{Message, Position};
use super::request::{ErrorCode, RequestId};
use super::topic::Topic;

/// The keyword of a channel, and its position.
#[derive(Debug, Clone, Copy)]
pub struct KeywordPosition<'a> {
    /// The keyword.
    pub keyword: &'a Keyword,
    /// The position of its views.
    pub position: Position,
}

/// Points of a volume channel.
#[derive(Debug, Clone, Copy)]
pub struct VolumePart<'a> {
    /// The window of the channel.
    pub window: VolumeWindow,
    /// The end of the window.
    pub until: Timestamp,
    /// The points, oldest first.
    pub points: &'a [VolumePoint],
}

/// Encodes messages. No message is longer than 256 KiB.
pub trait Encoder: std::fmt::Debug + Send + Sync + 'static {
    /// The newest tweets, in several messages where they are long.
    fn timeline_snapshot(
        &self,
        at: KeywordPosition<'_>,
        limit: usize,
        page: TimelinePage,
    ) -> Vec<Message>;

    /// The changes of a timeline since `prev`; `None` when they are too long for a message. The
    /// parameters of a channel can be inserted.
    fn timeline_update(
        &self,
        at: KeywordPosition<'_>,
        prev: Sequence,
        change: &TimelineChange,
    ) -> Option<Message>;

    /// The parameters of a channel as they are inserted in an update of its timeline; `None` when
    /// they are the defaults.
    fn timeline_parameters(&self, limit: usize) -> Option<String>;

    /// All points of a window.
    fn volume_snapshot(&self, at: KeywordPosition<'_>, part: VolumePart<'_>) -> Vec<Message>;

    /// The points that changed or entered since `prev`.
    fn volume_update(
        &self,
        at: KeywordPosition<'_>,
        prev: Sequence,
        part: VolumePart<'_>,
    ) -> Vec<Message>;

    /// The whole answer of a topic, asked now; `None` when there is no such keyword. May block.
    ///
    /// # Errors
    /// What keeps the views from answering.
    fn whole(
        &self,
        topic: &Topic,
        keyword: Option<&Keyword>,
        now: Timestamp,
    ) -> Result<Option<PolledAnswer>, StoreError>;

    /// A subscription has begun.
    fn subscribed(&self, id: &RequestId, keyword: Option<&Keyword>, recovered: bool) -> Message;

    /// A request is refused, or a subscription has ended.
    fn error(
        &self,
        id: &RequestId,
        keyword: Option<&Keyword>,
        code: ErrorCode,
        message: &str,
    ) -> Message;

    /// The answer to a ping.
    fn pong(&self, id: &RequestId) -> Message;
}

/// A whole answer, ready to be encoded as a snapshot (`None`) or as an update since a sequence.
pub struct PolledAnswer {
    /// Of when it is.
    pub position: Position,
    /// The readings of the clock for which it stays the same without any event; `None` for all.
    pub current: Option<Range<Timestamp>>,
    /// Encodes it.
    #[allow(clippy::type_complexity)]
    pub encode: Box<dyn Fn(Option<Sequence>) -> Vec<Message> + Send + Sync>,
}

impl std::fmt::Debug for PolledAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Whole")
            .field("position", &self.position)
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}
