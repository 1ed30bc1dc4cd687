//! [`Encoder`]: turns states and changes into messages. The code that knows the wire format
//! implements it. An encoder runs no queries.

use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::volume::{VolumePoint, VolumeWindow};
use crate::projections::{TimelineChange, TimelinePage};

use super::message::{Message, Position};
use super::polled::{PolledAnswer, PolledTopic};
use super::request::{ErrorCode, RequestId};

/// The keyword of a channel, and its position.
#[derive(Debug, Clone, Copy)]
pub struct KeywordPosition<'a> {
    /// The keyword.
    pub keyword: &'a Keyword,
    /// The position of the keyword's views.
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

/// Encodes messages of at most 256 KiB each.
pub trait Encoder: std::fmt::Debug + Send + Sync + 'static {
    /// The newest tweets, in several messages if they are long.
    fn timeline_snapshot(
        &self,
        at: KeywordPosition<'_>,
        limit: usize,
        page: TimelinePage,
    ) -> Vec<Message>;

    /// The changes of a timeline since `prev`; `None` when they are too long for a message. The
    /// message has a gap for the parameters of a channel.
    fn timeline_update(
        &self,
        at: KeywordPosition<'_>,
        prev: Sequence,
        change: &TimelineChange,
    ) -> Option<Message>;

    /// The parameters of a channel as text for the gap of a timeline update; `None` when they are
    /// the defaults.
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

    /// The answer of a polled topic: a snapshot, or an update since `prev`; in several messages if
    /// it is long.
    fn polled(
        &self,
        topic: &PolledTopic,
        keyword: Option<&Keyword>,
        prev: Option<Sequence>,
        answer: &PolledAnswer,
    ) -> Vec<Message>;

    /// The message that a subscription has begun.
    fn subscribed(&self, id: &RequestId, keyword: Option<&Keyword>, recovered: bool) -> Message;

    /// The message that a request is refused, or that a subscription has ended.
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
