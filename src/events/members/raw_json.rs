//! Splits a JSON object into its members and an array into its elements, each with the bytes of its
//! value.
//!
//! The parser does not recurse, and only looks for the end of a value. So a value can be nested as
//! deeply as its bytes allow, and can have escapes and bytes that are not characters.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::DecodeError;

/// Checks the structure of a JSON payload. Escapes need not be characters and texts need not be
/// UTF-8, as long as they are not read.
///
/// # Errors
/// [`DecodeError`] with the first flaw and its position.
pub(in crate::events) fn check(payload: &[u8]) -> Result<(), DecodeError> {
    match serde_json::from_slice::<IgnoredAny>(payload) {
        Ok(IgnoredAny) => Ok(()),
        Err(error) => {
            check_utf8(payload, 0)?;
            Err(DecodeError::NotJson {
                flaw: error.to_string(),
            })
        }
    }
}

/// Checks that bytes are UTF-8. They begin at `position` of the payload.
///
/// # Errors
/// [`DecodeError`] with the position of the first byte that does not belong to a character.
pub(in crate::events) fn check_utf8(bytes: &[u8], position: usize) -> Result<(), DecodeError> {
    std::str::from_utf8(bytes)
        .map(drop)
        .map_err(|error| DecodeError::NotUtf8 {
            position: position.saturating_add(error.valid_up_to()),
        })
}

/// A value in a payload. The structure of the payload has been checked.
#[derive(Debug, Clone, Copy)]
pub(in crate::events) struct RawValue<'a> {
    /// The bytes of the value, without white space around it.
    pub(in crate::events) bytes: &'a [u8],
    /// The position in the payload at which the value begins.
    pub(in crate::events) position: usize,
}

impl<'a> RawValue<'a> {
    /// The whole payload as a value.
    pub(in crate::events) fn of(payload: &'a [u8]) -> Self {
        let bytes = payload.trim_ascii_start();
        Self {
            bytes: bytes.trim_ascii_end(),
            position: payload.len().saturating_sub(bytes.len()),
        }
    }

    /// Whether the value is an object.
    pub(in crate::events) fn is_object(self) -> bool {
        self.bytes.starts_with(b"{")
    }

    /// The members of an object in order, repeated ones included. Other values have no members.
    pub(in crate::events) fn members(self) -> Members<'a> {
        let inside = self.bytes.strip_prefix(b"{").unwrap_or_default();
        Members {
            rest: inside,
            position: self.position.saturating_add(1),
        }
    }

    /// The elements of an array in order. Other values have no elements.
    pub(in crate::events) fn elements(self) -> Elements<'a> {
        let inside = self.bytes.strip_prefix(b"[").unwrap_or_default();
        Elements(Members {
            rest: inside,
            position: self.position.saturating_add(1),
        })
    }
}

/// Iterates over the elements of an array.
#[derive(Debug)]
pub(in crate::events) struct Elements<'a>(Members<'a>);

/// Iterates over the members of an object.
#[derive(Debug)]
pub(in crate::events) struct Members<'a> {
    rest: &'a [u8],
    /// The position of `rest` in the payload.
    position: usize,
}

impl<'a> Members<'a> {
    /// Skips `count` bytes and returns them.
    fn pass(&mut self, count: usize) -> &'a [u8] {
        let (passed, rest) = self
            .rest
            .split_at_checked(count)
            .unwrap_or((self.rest, b""));
        self.rest = rest;
        self.position = self.position.saturating_add(passed.len());
        passed
    }

    /// Skips white space, commas and colons.
    fn pass_between(&mut self) {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
        let count = self.rest.iter().take_while(|byte| is_between(byte)).count();
        self.pass(count);
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = RawValue<'a>;

    fn next(&mut self) -> Option<RawValue<'a>> {
        self.0.pass_between();
        let position = self.0.position;
        let bytes = self.0.pass(value_length(self.0.rest));
        (!bytes.is_empty()).then_some(RawValue { bytes, position })
    }
}

impl<'a> Iterator for Members<'a> {
    /// The name, which is empty when its bytes are not characters, and the value.
    type Item = (Cow<'a, str>, RawValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.pass_between();
        if self.rest.first() != Some(&b'"') {
            return None;
        }
        let name = self.pass(string_length(self.rest));
        self.pass_between();
        let position = self.position;
        let bytes = self.pass(value_length(self.rest));
        Some((text(name).unwrap_or_default(), RawValue { bytes, position }))
    }
}

/// Returns the characters of a string; `None` when bytes or escapes are not characters.
pub(in crate::events) fn text(string: &[u8]) -> Option<Cow<'_, str>> {
    let inside = string.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inside.contains(&b'\\') {
        serde_json::from_slice(string).ok().map(Cow::Owned)
    } else {
        std::str::from_utf8(inside).ok().map(Cow::Borrowed)
    }
}

/// Returns the length of the string at the start of `bytes`.
fn string_length(bytes: &[u8]) -> usize {
    let mut length = 1;
    loop {
        let rest = bytes.get(length..).unwrap_or_default();
        let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
            return bytes.len();
        };
        length = length.saturating_add(found).saturating_add(1);
        if rest.get(found) == Some(&b'"') {
            return length;
        }
        // An escaped byte does not end the string.
        length = length.saturating_add(1);
    }
}

/// Returns the length of the value at the start of `bytes`.
fn value_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(length) {
        match byte {
            b'"' => length += string_length(bytes.get(length..).unwrap_or_default()),
            b'[' | b'{' => {
                depth += 1;
                length += 1;
                continue;
            }
            b']' | b'}' if depth == 0 => break,
            b']' | b'}' => {
                depth -= 1;
                length += 1;
            }
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => break,
            _ => {
                length += 1;
                continue;
            }
        }
        if depth == 0 {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(json: &[u8]) -> Vec<(String, &[u8])> {
        check(json).unwrap();
        let members = RawValue::of(json).members();
        members
            .map(|(name, value)| {
                let there = &json[value.position..value.position + value.bytes.len()];
                assert_eq!(there, value.bytes);
                (name.into_owned(), value.bytes)
            })
            .collect()
    }

    #[test]
    fn every_member_is_found_with_its_whole_value() {
        let json = br#" { "a" : 1.5e3 ,"b":[{"x":"]}\""},[]], "\u0063":null,"d":{} , "e":"\ud83d,", "\udc00":true,"a":-0}  "#;
        let found = members(json);
        let expected: [(&str, &[u8]); 7] = [
            ("a", b"1.5e3"),
            ("b", br#"[{"x":"]}\""},[]]"#),
            ("c", b"null"),
            ("d", b"{}"),
            ("e", br#""\ud83d,""#),
            ("", b"true"),
            ("a", b"-0"),
        ];
        let expected: Vec<_> = expected
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        assert_eq!(found, expected);
        assert!(members(b"{ }").is_empty());
        assert!(members(b"[1]").is_empty());
        assert!(members(b"\"{\"").is_empty());
    }

    #[test]
    fn every_element_is_found_with_its_whole_value() {
        let elements = |json: &'static [u8]| {
            check(json).unwrap();
            let elements = RawValue::of(json).elements();
            elements
                .map(|value| {
                    let there = &json[value.position..value.position + value.bytes.len()];
                    assert_eq!(there, value.bytes);
                    value.bytes
                })
                .collect::<Vec<_>>()
        };
        let found = elements(br#" [ "a,]" ,1.5,[[],"]"],{"b":[1]} , null,"\ud83d",-0]"#);
        let expected: [&[u8]; 7] = [
            br#""a,]""#,
            b"1.5",
            br#"[[],"]"]"#,
            br#"{"b":[1]}"#,
            b"null",
            br#""\ud83d""#,
            b"-0",
        ];
        assert_eq!(found, expected);
        for empty in [&b"[ ]"[..], b"{\"a\":1}", b"1"] {
            assert!(elements(empty).is_empty());
        }
    }

    #[test]
    fn value_of_any_depth_is_skipped() {
        let deep = format!(
            "{{\"a\":{}{},\"b\":1}}",
            "[".repeat(30_000),
            "]".repeat(30_000)
        );
        assert_eq!(members(deep.as_bytes())[1], ("b".to_owned(), &b"1"[..]));
    }

    #[test]
    fn invalid_json_is_reported_with_its_position() {
        for (payload, reason) in [
            (
                &b"{\"a\":tru}"[..],
                "not JSON: expected ident at line 1 column 9",
            ),
            (
                b"{\"a\":1}x",
                "not JSON: trailing characters at line 1 column 8",
            ),
            (
                b"",
                "not JSON: EOF while parsing a value at line 1 column 0",
            ),
            (
                b"\xff",
                "not UTF-8: the byte at position 0 starts no character",
            ),
        ] {
            assert_eq!(check(payload).unwrap_err().to_string(), reason);
        }
    }
}
