//! Splits JSON arrays into their elements, without holding an array as a whole.
//!
//! Only brackets, strings and escapes are looked at; whether an element is valid JSON is decided by
//! its reader. A text can have several arrays one after another, each with a label in front
//! (`window.YTD.tweets.part0 =`), and `;` after it.

use super::buffer::Buffer;
use super::piece::{Growing, MAX_PAGE_BYTES, Piece};

/// Maximum length of what stands before an array, in bytes.
const MAX_LABEL_BYTES: usize = 256;

/// The state of the splitter.
#[derive(Debug, Default)]
pub(super) struct ArrayElements {
    is_inside: bool,
    has_ended: bool,
}

impl ArrayElements {
    /// Returns the next element; `None` at the end. Text outside of arrays, and an array without
    /// its end, are returned as rejected pieces.
    pub(super) fn next(&mut self, buffer: &mut Buffer) -> Option<Piece> {
        while !self.has_ended {
            if !self.is_inside {
                let outside = self.enter(buffer);
                if outside.is_some() {
                    return outside;
                }
                continue;
            }
            skip(buffer, |byte| byte.is_ascii_whitespace() || byte == b',');
            let line = buffer.line();
            match buffer.chunk().first() {
                None => {
                    self.has_ended = true;
                    let unclosed = Growing::new(line, MAX_LABEL_BYTES);
                    return (!buffer.has_failed())
                        .then(|| unclosed.rejected("the array has no end: the file is cut off"));
                }
                Some(b']') => {
                    buffer.consume(1);
                    self.is_inside = false;
                }
                Some(_) => {
                    let element = self.element(buffer);
                    if element.is_some() {
                        return element;
                    }
                }
            }
        }
        None
    }

    /// Goes to the inside of the next array. Returns text that stands where an array must.
    fn enter(&mut self, buffer: &mut Buffer) -> Option<Piece> {
        skip(buffer, |byte| byte.is_ascii_whitespace() || byte == b';');
        let ahead = buffer.ahead(MAX_LABEL_BYTES);
        if ahead.is_empty() {
            self.has_ended = true;
            return None;
        }
        let label = ahead.get(..MAX_LABEL_BYTES).unwrap_or(ahead);
        let is_labelled = label.starts_with(b"window.") || label.starts_with(b"[");
        if let Some(open) = memchr::memchr(b'[', label).filter(|_| is_labelled) {
            buffer.consume(open.saturating_add(1));
            self.is_inside = true;
            return None;
        }
        self.has_ended = true;
        let mut outside = Growing::new(buffer.line(), MAX_LABEL_BYTES);
        let rest = buffer.chunk();
        outside.push(rest.get(..MAX_LABEL_BYTES).unwrap_or(rest));
        let count = buffer.chunk().len();
        buffer.consume(count);
        Some(outside.rejected("text after the array; the file is read no further"))
    }

    /// Reads an element. `None` when the text ends within it in an error.
    fn element(&mut self, buffer: &mut Buffer) -> Option<Piece> {
        let mut element = Growing::new(buffer.line(), MAX_PAGE_BYTES);
        let mut scan = Scan::default();
        loop {
            let chunk = buffer.chunk();
            if chunk.is_empty() {
                self.has_ended = true;
                let reason = "the file ends within this record";
                return (!buffer.has_failed()).then(|| element.rejected(reason));
            }
            let end = scan.end_in(chunk);
            element.push(chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk));
            let count = end.unwrap_or(chunk.len());
            buffer.consume(count);
            if end.is_some() {
                return Some(element.finish());
            }
        }
    }
}

fn skip(buffer: &mut Buffer, is_skipped: impl Fn(u8) -> bool) {
    loop {
        let chunk = buffer.chunk();
        let count = chunk.iter().take_while(|byte| is_skipped(**byte)).count();
        let is_all = !chunk.is_empty() && count == chunk.len();
        buffer.consume(count);
        if !is_all {
            return;
        }
    }
}

/// Finds the end of one value, over any number of chunks.
#[derive(Debug, Default)]
struct Scan {
    depth: u64,
    is_in_string: bool,
    is_escaped: bool,
    /// Whether a container or a string at depth 0 is complete.
    is_complete: bool,
}

impl Scan {
    /// The index behind the last byte of the value, if it ends in this chunk.
    fn end_in(&mut self, chunk: &[u8]) -> Option<usize> {
        for (index, byte) in chunk.iter().enumerate() {
            if self.is_complete {
                return Some(index);
            }
            if self.is_in_string {
                self.step_in_string(*byte);
                continue;
            }
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' if self.depth > 0 => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_complete = self.depth == 0;
                }
                b']' | b',' if self.depth == 0 => return Some(index),
                byte if byte.is_ascii_whitespace() && self.depth == 0 => return Some(index),
                _ => {}
            }
        }
        self.is_complete.then_some(chunk.len())
    }

    fn step_in_string(&mut self, byte: u8) {
        if self.is_escaped {
            self.is_escaped = false;
        } else if byte == b'\\' {
            self.is_escaped = true;
        } else if byte == b'"' {
            self.is_in_string = false;
            self.is_complete = self.depth == 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    use super::*;

    fn elements(text: &[u8], step: usize) -> Vec<Piece> {
        let mut buffer = Buffer::of_test(text, step);
        let mut elements = ArrayElements::default();
        std::iter::from_fn(|| elements.next(&mut buffer)).collect()
    }

    fn texts(pieces: &[Piece]) -> Vec<&str> {
        let texts = pieces.iter();
        texts
            .map(|piece| std::str::from_utf8(&piece.bytes).unwrap())
            .collect()
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a\"\\\\\\[\\]{},\n가]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[\"\\\\{}a]{0,4}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn elements_are_those_of_serde_json(
            values in prop::collection::vec(values(), 0..5), step in 1..40_usize, pretty: bool,
        ) {
            let text = if pretty {
                serde_json::to_string_pretty(&values).unwrap()
            } else {
                serde_json::to_string(&values).unwrap()
            };
            let expected: Vec<&RawValue> = serde_json::from_str(&text).unwrap();
            let expected: Vec<&str> = expected.into_iter().map(RawValue::get).collect();
            let found = elements(text.as_bytes(), step);
            prop_assert_eq!(texts(&found), expected);
            prop_assert!(found.iter().all(|piece| piece.fault.is_none()));
        }
    }

    #[test]
    fn arrays_can_have_labels_and_follow_one_another() {
        let text = b"window.YTD.tweets.part0 = [ {\"a\":\"]\"},\n{} ];\n[1]\n";
        for step in [1, 5, 100] {
            let found = elements(text, step);
            assert_eq!(texts(&found), ["{\"a\":\"]\"}", "{}", "1"]);
            let lines: Vec<u64> = found.iter().map(|piece| piece.line).collect();
            assert_eq!(lines, [1, 2, 3]);
        }
    }

    #[test]
    fn array_that_is_cut_off_is_rejected_once() {
        for (text, expected) in [
            (
                &b"[{\"a\":1},{\"b\":"[..],
                "the file ends within this record",
            ),
            (
                &b"[{\"a\":1},"[..],
                "the array has no end: the file is cut off",
            ),
            (&b"[{\"a\":1}] garbage"[..], "text after the array"),
        ] {
            let found = elements(text, 4);
            assert_eq!(found.len(), 2, "{text:?}");
            let reason = &found[1].fault.as_ref().unwrap().reason;
            assert!(reason.starts_with(expected), "{reason}");
        }
        assert_eq!(texts(&elements(b"[{}] garbage", 4)), ["{}", "garbage"]);
        assert_eq!(texts(&elements(b"[{}] garbage", 100)), ["{}", "garbage"]);
    }

    #[test]
    fn element_over_the_limit_is_rejected_and_the_next_one_read() {
        let text = format!("[\"{}\",{{}}]", "x".repeat(MAX_PAGE_BYTES));
        let found = elements(text.as_bytes(), 60_000);
        assert!(found[0].fault.is_some() && found[0].bytes.len() < 100_000);
        assert_eq!(&found[1].bytes[..], b"{}");
    }
}
