//! Writes the beginning of each message of a channel: kind, keyword, topic, parameters, position.

use super::chunking::push;
use crate::actors::live::{MessageKind, Position};
use crate::events::{Keyword, Sequence};

/// The name of a channel: its keyword, topic and parameters.
pub(super) struct ChannelName<'a> {
    pub(super) keyword: Option<&'a Keyword>,
    pub(super) topic: &'static str,
    /// Parameters of the topic, each as `,"name":value`.
    pub(super) parameters: &'a str,
}

impl ChannelName<'_> {
    /// The beginning of a message, through the position: an object without its closing brace.
    pub(super) fn prefix(&self, prev: Option<Sequence>, position: Position) -> String {
        let mut text = self.name(prev.is_some());
        text.push_str(self.parameters);
        push_position(&mut text, prev, position);
        text
    }

    /// The beginning of a message, before the parameters.
    pub(super) fn name(&self, is_update: bool) -> String {
        let mut text = String::from(if is_update {
            "{\"type\":\"update\""
        } else {
            "{\"type\":\"snapshot\""
        });
        if let Some(keyword) = self.keyword {
            text.push_str(",\"keyword\":");
            push(&mut text, &keyword.as_str());
        }
        text.push_str(",\"topic\":\"");
        text.push_str(self.topic);
        text.push('"');
        text
    }
}

/// Appends the position that a client has reached after the message, and for an update the sequence
/// `prev` that it follows.
pub(super) fn push_position(text: &mut String, prev: Option<Sequence>, position: Position) {
    text.push_str(",\"epoch\":\"");
    text.push_str(&position.epoch.to_string());
    text.push('"');
    if let Some(prev) = prev {
        text.push_str(",\"prev\":");
        push(text, &prev);
    }
    text.push_str(",\"seq\":");
    push(text, &position.seq);
    if let Some(mark) = position.mark {
        text.push_str(&format!(",\"mark\":\"{mark}\""));
    }
}

/// The kind of a message: an update if it has a `prev`, otherwise a snapshot.
pub(super) const fn kind_of(prev: Option<Sequence>) -> MessageKind {
    match prev {
        None => MessageKind::Snapshot,
        Some(_) => MessageKind::Update,
    }
}
