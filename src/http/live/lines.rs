//! Building lines of JSON: once for everybody, and none too long.

use serde::Serialize;

use crate::actors::live::{Line, LineKind, Position};

/// The longest line, in bytes.
pub(super) const MOST_BYTES: usize = 256 * 1024;

/// Appends a value as JSON.
pub(super) fn push(text: &mut String, value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(json) => text.push_str(&json),
        Err(error) => {
            tracing::error!(%error, "a value could not be written as JSON");
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

/// A long message in parts: each with `head`, a part of the array `name`, and `tail`; all but the last
/// say that there is more. `head` is an object without its end, `tail` is empty or begins with a comma.
pub(super) fn in_parts<T: Serialize>(
    kind: LineKind,
    position: Position,
    head: &str,
    name: &str,
    items: impl IntoIterator<Item = T>,
    tail: &str,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let begin = |text: &mut String| {
        text.push_str(head);
        text.push_str(",\"");
        text.push_str(name);
        text.push_str("\":[");
    };
    let around = head.len() + name.len() + tail.len() + 32;
    let mut text = String::new();
    begin(&mut text);
    let mut is_empty = true;
    let mut item = String::new();
    for value in items {
        item.clear();
        push(&mut item, &value);
        let length = text.len() + item.len() + tail.len() + 32;
        if !is_empty && length > MOST_BYTES.max(around) {
            text.push(']');
            text.push_str(tail);
            text.push_str(",\"more\":true}");
            lines.push(Line::new(std::mem::take(&mut text), kind, Some(position)));
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
    lines.push(Line::new(text, kind, Some(position)));
    lines
}
