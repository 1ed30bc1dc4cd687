//! Encodes the answers of polled topics.
//!
//! In: an answer as a JSON object. Out: messages with the members of the channel and of the answer.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::channel_name::{ChannelName, kind_of};
use super::chunking::DividedMessage;
use crate::actors::live::{Message, PolledAnswer, PolledTopic};
use crate::events::{Keyword, Sequence};
use crate::telemetry::whole;

/// The members of a JSON object, in the order in which they are written, with unparsed values.
struct Members<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(&'de str, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}

impl<'a> Members<'a> {
    /// Removes a list and returns its elements. A missing list has none.
    fn take_list(&mut self, name: &str) -> serde_json::Result<Vec<&'a RawValue>> {
        let place = self.0.iter().position(|(member, _)| *member == name);
        place.map_or(Ok(Vec::new()), |place| {
            let (_, list) = self.0.remove(place);
            serde_json::from_str(list.get())
        })
    }
}

/// Encodes an answer: as an update since `prev`, or as a snapshot when there is no `prev`.
pub(super) fn encode(
    topic: &PolledTopic,
    keyword: Option<&Keyword>,
    prev: Option<Sequence>,
    answer: &PolledAnswer,
) -> Vec<Message> {
    let messages = try_encode(topic, keyword, prev, answer);
    messages.unwrap_or_else(|error| {
        tracing::error!(error = %whole(&error), topic = topic.name(),
            "an answer is not a JSON object");
        Vec::new()
    })
}

fn try_encode(
    topic: &PolledTopic,
    keyword: Option<&Keyword>,
    prev: Option<Sequence>,
    answer: &PolledAnswer,
) -> serde_json::Result<Vec<Message>> {
    let named = topic.parameters();
    let parameters: String = named
        .iter()
        .map(|(name, value)| format!(",\"{name}\":{value}"))
        .collect();
    let channel = ChannelName {
        keyword,
        topic: topic.name(),
        parameters: &parameters,
    };
    let mut prefix = channel.prefix(prev, answer.position);
    let mut members: Members<'_> = serde_json::from_slice(&answer.answer.0)?;
    let mut lists = Vec::new();
    for name in topic.long_lists() {
        lists.push((*name, members.take_list(name)?));
    }
    for (name, value) in members.0 {
        // The prefix has the parameters already.
        if named.iter().all(|(parameter, _)| *parameter != name) {
            prefix.push_str(&format!(",\"{name}\":{}", value.get()));
        }
    }
    let (kind, position) = (kind_of(prev), answer.position);
    let divided = DividedMessage {
        kind,
        position,
        prefix: &prefix,
        tail: "",
    };
    Ok(match lists.as_slice() {
        [] => vec![Message::new(format!("{prefix}}}"), kind, Some(position))],
        [(name, items)] => divided.with_list(name, items),
        [first, second, ..] => divided.with_lists((first.0, &first.1), (second.0, &second.1)),
    })
}
