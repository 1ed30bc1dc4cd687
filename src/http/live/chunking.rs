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

/// Builds a message with two lists. Every part has both lists, and the client concatenates the
/// parts of each. When the first list takes at most half of a message, only the second is split.
pub(super) fn in_parts_of_two<T: Serialize, U: Serialize>(
    kind: MessageKind,
    position: Position,
    prefix: &str,
    (first, firsts): (&str, &[T]),
    (second, seconds): (&str, &[U]),
) -> Vec<Message> {
    let mut whole = format!("{prefix},\"{first}\":");
    push_all(&mut whole, firsts);
    if whole.len() <= MAX_MESSAGE_BYTES / 2 {
        return in_parts(kind, position, &whole, second, seconds, "");
    }
    let none = format!(",\"{second}\":[]");
    let mut parts = in_parts(kind, position, prefix, first, firsts, &none);
    if let Some(last) = parts.pop() {
        // Parts with the second list follow, so this one is not the last.
        let text = String::from_utf8_lossy(last.text());
        let text = text.strip_suffix('}').unwrap_or(&text);
        parts.push(Message::new(format!("{text},\"more\":true}}"), kind, None));
    }
    let prefix = format!("{prefix},\"{first}\":[]");
    parts.extend(in_parts(kind, position, &prefix, second, seconds, ""));
    parts
}

/// Builds a message in one or more parts. Each part has `prefix`, a part of the array `name`, and
/// `tail`. All parts but the last have `"more":true`, and no position to resume from, because the
/// client has the whole state only after the last. `prefix` is an object without its closing brace.
/// `tail` is empty or begins with a comma.
pub(super) fn in_parts<T: Serialize>(
    kind: MessageKind,
    position: Position,
    prefix: &str,
    name: &str,
    items: impl IntoIterator<Item = T>,
    tail: &str,
) -> Vec<Message> {
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
            parts.push(Message::new(std::mem::take(&mut text), kind, None));
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
    parts.push(Message::new(text, kind, Some(position)));
    parts
}
