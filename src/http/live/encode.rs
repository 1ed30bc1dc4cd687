//! [`JsonEncoder`]: encodes snapshots, updates, errors and replies into the JSON messages that
//! clients receive.

use serde::Serialize;

use super::channel_name::{ChannelName, kind_of, push_position};
use super::chunking::{DividedMessage, MAX_MESSAGE_BYTES, push, push_all};
use super::polled;
use crate::actors::live::{
    DEFAULT_LIMIT, Encoder, ErrorCode, KeywordPosition, Message, MessageKind, PolledAnswer,
    PolledTopic, RequestId, VolumePart,
};
use crate::events::{Keyword, Sequence, TweetId, TweetMetrics};
use crate::http::resources::{DEFAULT_VOLUME, Tweet};
use crate::http::response::{Moment, as_text};
use crate::projections::volume::{VolumePoint, VolumeWindow};
use crate::projections::{TimelineChange, TimelinePage};

/// The encoder of the live protocol.
#[derive(Debug)]
pub(super) struct JsonEncoder;

#[derive(Serialize)]
struct Floor<'a> {
    at: Moment,
    id: &'a str,
}

#[derive(Serialize)]
struct Changed<'a> {
    #[serde(serialize_with = "as_text")]
    id: &'a TweetId,
    metrics: TweetMetrics,
}

#[derive(Serialize)]
struct PointShape {
    at: Moment,
    count: u64,
}

impl From<&VolumePoint> for PointShape {
    fn from(point: &VolumePoint) -> Self {
        Self {
            at: Moment(point.at),
            count: point.count,
        }
    }
}

/// Encodes points of a volume channel: as an update since `prev`, or as a snapshot when there is no
/// `prev`.
fn volume_message(
    at: KeywordPosition<'_>,
    prev: Option<Sequence>,
    part: VolumePart<'_>,
    tail: &str,
) -> Vec<Message> {
    let parameters = volume_parameters(part.window);
    let channel = ChannelName {
        keyword: Some(at.keyword),
        topic: "volume",
        parameters: &parameters,
    };
    let mut prefix = channel.prefix(prev, at.position);
    prefix.push_str(&format!(",\"until\":\"{}\"", part.until));
    let points = part.points.iter().map(PointShape::from);
    let message = DividedMessage {
        kind: kind_of(prev),
        position: at.position,
        prefix: &prefix,
        tail,
    };
    message.with_list("points", points)
}

fn volume_parameters(window: VolumeWindow) -> String {
    let mut text = String::new();
    if window.step != DEFAULT_VOLUME.step {
        text.push_str(&format!(",\"step\":\"{}\"", window.step));
    }
    if let Some(from) = window.from {
        text.push_str(&format!(",\"from\":\"{from}\""));
    }
    if window.offset_hours != 0 {
        let sign = if window.offset_hours < 0 { '-' } else { '+' };
        let hours = window.offset_hours.unsigned_abs();
        text.push_str(&format!(",\"tz\":\"{sign}{hours:02}:00\""));
    }
    text
}

impl Encoder for JsonEncoder {
    fn timeline_snapshot(
        &self,
        at: KeywordPosition<'_>,
        limit: usize,
        page: TimelinePage,
    ) -> Vec<Message> {
        let parameters = self.timeline_parameters(limit).unwrap_or_default();
        let channel = ChannelName {
            keyword: Some(at.keyword),
            topic: "timeline",
            parameters: &parameters,
        };
        let oldest = page.items.last().filter(|_| page.next.is_some());
        let floor = oldest.map(|tweet| Floor {
            at: Moment(tweet.at),
            id: tweet.id.as_str(),
        });
        let mut tail = String::from(",\"floor\":");
        push(&mut tail, &floor);
        let message = DividedMessage {
            kind: MessageKind::Snapshot,
            position: at.position,
            prefix: &channel.prefix(None, at.position),
            tail: &tail,
        };
        let tweets = page.items.iter().map(|tweet| Tweet::from(tweet.clone()));
        message.with_list("items", tweets)
    }

    fn timeline_update(
        &self,
        at: KeywordPosition<'_>,
        prev: Sequence,
        change: &TimelineChange,
    ) -> Option<Message> {
        let channel = ChannelName {
            keyword: Some(at.keyword),
            topic: "timeline",
            parameters: "",
        };
        let mut text = channel.name(true);
        let gap = text.len();
        push_position(&mut text, Some(prev), at.position);
        text.push_str(",\"added\":");
        push_all(
            &mut text,
            change.added().map(|tweet| Tweet::from(tweet.clone())),
        );
        text.push_str(",\"changed\":");
        push_all(
            &mut text,
            change.changed().map(|(id, metrics)| Changed {
                id,
                metrics: *metrics,
            }),
        );
        text.push_str(",\"removed\":");
        push_all(&mut text, change.removed().map(TweetId::as_str));
        text.push('}');
        // Each channel inserts its parameters at the gap; 64 bytes are enough for them.
        if text.len() + 64 > MAX_MESSAGE_BYTES {
            return None;
        }
        Some(Message::new(text, MessageKind::Update, Some(at.position)).with_gap(gap))
    }

    fn timeline_parameters(&self, limit: usize) -> Option<String> {
        (limit != DEFAULT_LIMIT).then(|| format!(",\"limit\":{limit}"))
    }

    fn volume_snapshot(&self, at: KeywordPosition<'_>, part: VolumePart<'_>) -> Vec<Message> {
        let total: u64 = part.points.iter().map(|point| point.count).sum();
        volume_message(at, None, part, &format!(",\"total\":{total}"))
    }

    fn volume_update(
        &self,
        at: KeywordPosition<'_>,
        prev: Sequence,
        part: VolumePart<'_>,
    ) -> Vec<Message> {
        volume_message(at, Some(prev), part, "")
    }

    fn polled(
        &self,
        topic: &PolledTopic,
        keyword: Option<&Keyword>,
        prev: Option<Sequence>,
        answer: &PolledAnswer,
    ) -> Vec<Message> {
        polled::encode(topic, keyword, prev, answer)
    }

    fn subscribed(&self, id: &RequestId, keyword: Option<&Keyword>, recovered: bool) -> Message {
        let mut text = named("subscribed", id);
        push_keyword(&mut text, keyword);
        text.push_str(&format!(",\"recovered\":{recovered}}}"));
        Message::new(text, MessageKind::Subscribed, None)
    }

    fn error(
        &self,
        id: &RequestId,
        keyword: Option<&Keyword>,
        code: ErrorCode,
        message: &str,
    ) -> Message {
        let mut text = named("error", id);
        push_keyword(&mut text, keyword);
        let code = match code {
            ErrorCode::NotTracked => "not_tracked",
            ErrorCode::NotPermitted => "not_permitted",
            ErrorCode::BadRequest => "bad_request",
            ErrorCode::TooMany => "too_many",
            ErrorCode::Busy => "busy",
        };
        text.push_str(&format!(",\"code\":\"{code}\",\"message\":"));
        push(&mut text, &message);
        text.push('}');
        Message::new(text, MessageKind::Error, None)
    }

    fn pong(&self, id: &RequestId) -> Message {
        let mut text = named("pong", id);
        text.push('}');
        Message::new(text, MessageKind::Pong, None)
    }
}

fn named(kind: &str, id: &RequestId) -> String {
    let mut text = format!("{{\"type\":\"{kind}\"");
    if let Some(id) = &id.0 {
        text.push_str(",\"id\":");
        text.push_str(id);
    }
    text
}

fn push_keyword(text: &mut String, keyword: Option<&Keyword>) {
    if let Some(keyword) = keyword {
        text.push_str(",\"keyword\":");
        push(text, &keyword.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::live::Position;
    use crate::events::Timestamp;

    #[test]
    fn only_parameters_that_are_not_the_default_are_named() {
        assert_eq!(volume_parameters(DEFAULT_VOLUME), "");
        let window = VolumeWindow {
            step: crate::projections::volume::Step::Day,
            offset_hours: -5,
            from: Timestamp::parse("2026-11-01T00:00:00Z").ok(),
        };
        assert_eq!(
            volume_parameters(window),
            ",\"step\":\"day\",\"from\":\"2026-11-01T00:00:00.000Z\",\"tz\":\"-05:00\""
        );
    }

    #[test]
    fn long_answers_are_split_into_parts_within_the_limit() {
        let epoch = "0123456789abcdef".parse().unwrap();
        let position = Position::of_all(epoch, Sequence::new(1));
        let items: Vec<String> = (0..10).map(|_| "x".repeat(MAX_MESSAGE_BYTES / 3)).collect();
        let message = DividedMessage {
            kind: MessageKind::Snapshot,
            position,
            prefix: "{\"a\":1",
            tail: ",\"floor\":null",
        };
        let lines = message.with_list("items", &items);
        assert!(lines.len() > 1);
        let mut count = 0;
        for (index, line) in lines.iter().enumerate() {
            assert!(line.len() <= MAX_MESSAGE_BYTES);
            let value: serde_json::Value = serde_json::from_slice(line.text()).unwrap();
            count += value["items"].as_array().unwrap().len();
            assert_eq!(value["floor"], serde_json::Value::Null);
            let is_last = index + 1 == lines.len();
            assert_eq!(value.get("more").is_none(), is_last);
        }
        assert_eq!(count, items.len());
    }

    #[test]
    fn empty_answer_is_one_message() {
        let epoch = "0000000000000000".parse().unwrap();
        let position = Position::of_all(epoch, Sequence::ZERO);
        let none: [u8; 0] = [];
        let message = DividedMessage {
            kind: MessageKind::Update,
            position,
            prefix: "{\"a\":1",
            tail: "",
        };
        let lines = message.with_list("points", none);
        assert_eq!(lines.len(), 1);
        assert_eq!(&lines[0].text()[..], b"{\"a\":1,\"points\":[]}");
    }
}
