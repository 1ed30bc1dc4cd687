//! Escapes control and format characters of texts and of JSON.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Escapes a text for use within a line, including line ends and tabs.
pub(in crate::cli) fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, Lines::One)
}

/// Whether line ends and tabs of a text are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    One,
    Many,
}

pub(super) fn escaped(text: &str, lines: Lines) -> Cow<'_, str> {
    let is_kept = |c: char| is_plain(c) || (lines == Lines::Many && matches!(c, '\n' | '\t'));
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    for c in text.chars() {
        match c {
            kept if is_kept(kept) => out.push(kept),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.extend(other.escape_unicode()),
        }
    }
    Cow::Owned(out)
}

/// Replaces control and format characters of a JSON text by JSON escapes. Outside of strings, JSON
/// has no such characters except line ends and tabs.
pub(super) fn escaped_json(json: &str) -> Cow<'_, str> {
    let is_kept = |c: char| is_plain(c) || matches!(c, '\n' | '\t');
    if json.chars().all(is_kept) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len().saturating_mul(2));
    for c in json.chars() {
        if is_kept(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

/// True for a character that is printed unescaped. Control characters, format characters (also the
/// bidirectional ones) and separators of lines and paragraphs are escaped. Joiners and tags are
/// kept: a keyword in normal form may contain them, and they only affect adjacent characters.
fn is_plain(c: char) -> bool {
    match c.general_category() {
        GeneralCategory::Control
        | GeneralCategory::LineSeparator
        | GeneralCategory::ParagraphSeparator => false,
        GeneralCategory::Format => {
            matches!(c, '\u{200c}' | '\u{200d}' | '\u{e0020}'..='\u{e007f}')
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_commands_are_escaped_and_text_is_not() {
        for (text, shown) in [
            ("\u{1b}[31m\u{7}", "\\u{1b}[31m\\u{7}"),
            ("a\u{9b}2Jb", "a\\u{9b}2Jb"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{202e}txt.exe\u{2066}", "\\u{202e}txt.exe\\u{2066}"),
            ("a\u{2028}b\u{feff}\u{ad}", "a\\u{2028}b\\u{feff}\\u{ad}"),
            (
                "배우 👩\u{200d}💻 می\u{200c}خواهم",
                "배우 👩\u{200d}💻 می\u{200c}خواهم",
            ),
        ] {
            assert_eq!(plain(text), shown);
        }
        assert_eq!(escaped("a\n\tb\u{7}", Lines::Many), "a\n\tb\\u{7}");
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_control_characters(text in any::<String>()) {
            prop_assert!(plain(&text).chars().all(is_plain));
            let lines = escaped(&text, Lines::Many);
            prop_assert!(lines.chars().all(|c| is_plain(c) || c == '\n' || c == '\t'));
        }

        #[test]
        fn escaped_json_has_the_same_value(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = escaped_json(&json);
            prop_assert!(shown.chars().all(is_plain));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
