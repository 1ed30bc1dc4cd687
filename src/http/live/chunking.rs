//! Builds JSON messages, and splits those with long lists into parts of at most
//! [`MAX_MESSAGE_BYTES`].

use serde::Serialize;

use crate::actors::live::{Message, MessageKind, Position};
use crate::telemetry::whole;

/// The longest message, in bytes.
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

/// A message whose lists may be too long for one line: what each of its parts repeats.
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

    /// Builds the parts with two lists. Every part has both lists, and the client concatenates the
    /// parts of each. When the first list takes at most half of a message, only the second is
    /// split.
    pub(super) fn with_lists<T: Serialize, U: Serialize>(
        &self,
        (first, firsts): (&str, &[T]),
        (second, seconds): (&str, &[U]),
    ) -> Vec<Message> {
        let mut whole = format!("{},\"{first}\":", self.prefix);
        push_all(&mut whole, firsts);
        if whole.len() <= MAX_MESSAGE_BYTES / 2 {
            let with_first = DividedMessage {
                prefix: &whole,
                ..*self
            };
            return with_first.with_list(second, seconds);
        }
        let tail = format!(",\"{second}\":[]{}", self.tail);
        let of_first = DividedMessage {
            tail: &tail,
            ..*self
        };
        let mut parts = of_first.with_list(first, firsts);
        if let Some(last) = parts.pop() {
            // Parts with the second list follow, so this one is not the last.
            let text = String::from_utf8_lossy(last.text());
            let text = text.strip_suffix('}').unwrap_or(&text);
            let text = format!("{text},\"more\":true}}");
            parts.push(Message::new(text, self.kind, None));
        }
        let prefix = format!("{},\"{first}\":[]", self.prefix);
        let of_second = DividedMessage {
            prefix: &prefix,
            ..*self
        };
        parts.extend(of_second.with_list(second, seconds));
        parts
    }
}
