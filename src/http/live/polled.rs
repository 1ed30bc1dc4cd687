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
    /// Removes a list and returns its elements; `None` when the answer has no such list.
    fn take_list(&mut self, name: &str) -> serde_json::Result<Option<Vec<&'a RawValue>>> {
        let index = self.0.iter().position(|(member, _)| *member == name);
        let list = index.map(|index| self.0.remove(index));
        list.map(|(_, list)| serde_json::from_str(list.get()))
            .transpose()
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
        if let Some(list) = members.take_list(name)? {
            lists.push((*name, list));
        }
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
    Ok(divided.with_lists(&lists))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::access::KeywordSet;
    use crate::actors::live::{AcrossQuery, EncodedAnswer, PolledQuery, Position};
    use crate::events::Timestamp;
    use crate::store::{StoreError, Views};

    /// A query that is never run.
    #[derive(Debug)]
    struct Unasked;

    impl AcrossQuery for Unasked {
        fn ask(
            &self,
            _: &Views,
            _: &KeywordSet,
            _: Timestamp,
        ) -> Result<EncodedAnswer, StoreError> {
            Err(StoreError::Absent)
        }

        fn current_during(&self, _: Timestamp) -> Option<std::ops::Range<Timestamp>> {
            None
        }
    }

    #[test]
    fn list_that_an_answer_does_not_have_is_not_in_its_message() {
        let query = PolledQuery::across(KeywordSet::All, Unasked);
        let topic = PolledTopic::new("overview", Vec::new(), &["latest", "spikes"], query);
        let answer = PolledAnswer {
            position: Position::of_all("00000000000000ff".parse().unwrap(), Sequence::new(7)),
            current: None,
            answer: EncodedAnswer(r#"{"total":3,"latest":[1,2]}"#.as_bytes().into()),
        };
        let messages = encode(&topic, None, None, &answer);
        let [message] = messages.as_slice() else {
            panic!("{messages:?}");
        };
        let line: Value = serde_json::from_slice(message.text()).unwrap();
        assert_eq!(line["latest"], serde_json::json!([1, 2]));
        assert_eq!(line["total"], 3);
        assert!(line.get("spikes").is_none(), "{line}");
    }
}
