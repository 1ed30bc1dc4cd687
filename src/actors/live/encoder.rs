//! Turns states and changes into messages; implemented where the wire format is known. It
//! encodes and asks nothing.

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

    /// The answer of a polled topic: a snapshot, or an update since `prev`; in several messages
    /// where it is long.
    fn polled(
        &self,
        topic: &PolledTopic,
        keyword: Option<&Keyword>,
        prev: Option<Sequence>,
        answer: &PolledAnswer,
    ) -> Vec<Message>;

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
