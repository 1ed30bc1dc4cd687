//! Building lines of JSON: once for everybody, and none too long.

use serde::Serialize;

use crate::actors::live::{Message, MessageKind, Position};
use crate::telemetry::whole;

/// The longest line, in bytes.
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

/// A message with two lists. Both stand in every line, and a client puts the parts of each
/// together; the first list is cut only where both are too long for a line.
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
    let mut lines = in_parts(kind, position, prefix, first, firsts, &none);
    if let Some(last) = lines.pop() {
        // It is not the last of the message.
        let text = String::from_utf8_lossy(last.text());
        let text = text.strip_suffix('}').unwrap_or(&text);
        lines.push(Message::new(format!("{text},\"more\":true}}"), kind, None));
    }
    let prefix = format!("{prefix},\"{first}\":[]");
    lines.extend(in_parts(kind, position, &prefix, second, seconds, ""));
    lines
}

/// A long message in parts: each with `prefix`, a part of the array `name`, and `tail`; all but the
/// last say that there is more, and have no position, since nobody holds a state with them.
/// `prefix` is an object without its end, `tail` is empty or begins with a comma.
pub(super) fn in_parts<T: Serialize>(
    kind: MessageKind,
    position: Position,
    prefix: &str,
    name: &str,
    items: impl IntoIterator<Item = T>,
    tail: &str,
) -> Vec<Message> {
    let mut lines = Vec::new();
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
            lines.push(Message::new(std::mem::take(&mut text), kind, None));
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
    lines.push(Message::new(text, kind, Some(position)));
    lines
}
