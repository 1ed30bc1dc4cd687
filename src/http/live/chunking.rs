//! Builds JSON messages, and splits those with long lists into parts of at most
//! [`MAX_MESSAGE_BYTES`]. A part with a single list element may be longer.

use serde::Serialize;

use crate::actors::live::{Message, MessageKind, Position};
use crate::telemetry::whole;

/// Maximum length of a message with more than one list element, in bytes.
pub(super) const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// Appends a value as JSON.
pub(super) fn push(text: &mut String, value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(json) => text.push_str(&json),
        Err(error) => {
            tracing::error!(error = %whole(&error), "a value could not be written as JSON");
            text.push_str("null");
        }
    }
}

/// Appends values as a JSON array.
pub(super) fn push_all<T: Serialize>(text: &mut String, values: impl IntoIterator<Item = T>) {
    text.push('[');
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        push(text, &value);
    }
    text.push(']');
}

/// What all parts of a message repeat, if its lists are too long for one part.
///
/// All parts but the last have `"more":true`, and no position to resume from, because the client
/// has the whole state only after the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct DividedMessage<'a> {
    pub(super) kind: MessageKind,
    pub(super) position: Position,
    /// An object without its closing brace.
    pub(super) prefix: &'a str,
    /// Members after the lists. Empty, or begins with a comma.
    pub(super) tail: &'a str,
}

impl DividedMessage<'_> {
    /// Builds the parts with the array `name`.
    pub(super) fn with_list<T: Serialize>(
        &self,
        name: &str,
        items: impl IntoIterator<Item = T>,
    ) -> Vec<Message> {
        let (prefix, tail) = (self.prefix, self.tail);
        let mut parts = Vec::new();
        let begin = |text: &mut String| {
            text.push_str(prefix);
            text.push_str(",\"");
            text.push_str(name);
            text.push_str("\":[");
        };
        let around = prefix.len() + name.len() + tail.len() + 32;
        let mut text = String::new();
        begin(&mut text);
        let mut is_empty = true;
        let mut item = String::new();
        for value in items {
            item.clear();
            push(&mut item, &value);
            let length = text.len() + item.len() + tail.len() + 32;
            if !is_empty && length > MAX_MESSAGE_BYTES.max(around) {
                text.push(']');
                text.push_str(tail);
                text.push_str(",\"more\":true}");
                parts.push(Message::new(std::mem::take(&mut text), self.kind, None));
                begin(&mut text);
                is_empty = true;
            }
            if !is_empty {
                text.push(',');
            }
            text.push_str(&item);
            is_empty = false;
        }
        text.push(']');
        text.push_str(tail);
        text.push('}');
        parts.push(Message::new(text, self.kind, Some(self.position)));
        parts
    }

    /// Builds the parts with several lists. Every part has all lists, and the client concatenates
    /// the parts of each.
    pub(super) fn with_lists<T: Serialize>(&self, lists: &[(&str, Vec<T>)]) -> Vec<Message> {
        let empty = |lists: &[(&str, Vec<T>)]| -> String {
            let lists = lists.iter();
            lists.map(|(name, _)| format!(",\"{name}\":[]")).collect()
        };
        let mut parts = Vec::new();
        let mut text = self.prefix.to_owned();
        let mut has_items = false;
        let mut item = String::new();
        for (index, (name, items)) in lists.iter().enumerate() {
            let (before, rest) = lists.split_at(index);
            let after = empty(rest.get(1..).unwrap_or_default()) + self.tail;
            text.push_str(&format!(",\"{name}\":["));
            let mut is_first = true;
            for value in items {
                item.clear();
                push(&mut item, value);
                let length = text.len() + item.len() + after.len() + 32;
                if has_items && length > MAX_MESSAGE_BYTES {
                    text.push_str(&format!("]{after},\"more\":true}}"));
                    parts.push(Message::new(std::mem::take(&mut text), self.kind, None));
                    text = format!("{}{},\"{name}\":[", self.prefix, empty(before));
                    is_first = true;
                }
                if !is_first {
                    text.push(',');
                }
                text.push_str(&item);
                (is_first, has_items) = (false, true);
            }
            text.push(']');
        }
        text.push_str(self.tail);
        text.push('}');
        parts.push(Message::new(text, self.kind, Some(self.position)));
        parts
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::events::Sequence;

    #[test]
    fn joined_parts_of_each_list_are_the_list() {
        let list = |name: &str, count: usize, length: usize| -> Vec<String> {
            let items = (0..count).map(|number| format!("{name}{number}{}", "x".repeat(length)));
            items.collect()
        };
        for lengths in [[3, 20, 9_000], [4_000, 3, 0], [0, 6_000, 6_000], [0, 0, 0]] {
            let names = ["latest", "spikes", "keywords"];
            let lists = names.iter().zip(lengths);
            let lists: Vec<_> = lists
                .map(|(name, count)| (*name, list(name, count, 100)))
                .collect();
            let message = DividedMessage {
                kind: MessageKind::Snapshot,
                position: Position::of_all("00000000000000ff".parse().unwrap(), Sequence::new(7)),
                prefix: "{\"until\":5",
                tail: ",\"tail\":6",
            };
            let parts = message.with_lists(&lists);
            let mut joined = vec![Vec::new(); names.len()];
            for (number, part) in (1..).zip(&parts) {
                assert!(part.text().len() <= MAX_MESSAGE_BYTES);
                let part: Value = serde_json::from_slice(part.text()).unwrap();
                assert_eq!((&part["until"], &part["tail"]), (&5.into(), &6.into()));
                assert_eq!(part.get("more").is_none(), number == parts.len());
                for (name, joined) in names.iter().zip(&mut joined) {
                    let items = part[name].as_array().unwrap();
                    joined.extend(items.iter().map(|item| item.as_str().unwrap().to_owned()));
                }
            }
            let expected: Vec<_> = lists.into_iter().map(|(_, items)| items).collect();
            assert_eq!(joined, expected);
            let bytes: usize = parts.iter().map(|part| part.text().len()).sum();
            let items: usize = expected.iter().flatten().map(String::len).sum();
            assert!(bytes < items + items / 10 + 1_000, "lists are repeated");
        }
    }
}
