//! The output of commands: text or JSON on standard output, errors and notes on standard error.
//!
//! All text passes through this file, which escapes every control and format character, so that
//! text from a publisher cannot move the cursor, ring the bell or reverse a line. JSON keeps every
//! value exactly.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::ValueEnum;
use serde::Serialize;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use super::table::table;

/// The format of a command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs: one document, or one per line when the output has no end.
    Json,
}

/// Why a command cannot write to standard output.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutputError {
    /// The reader of standard output, such as `head`, has closed it.
    #[error("the reader of standard output has left")]
    ReaderLeft,
    /// Any other error.
    #[error("standard output cannot be written: {0}")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderLeft
        } else {
            Self::Failed(error)
        }
    }
}

/// Prints in the requested format.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Prints a value as one line of JSON, or as the text that `text` returns for it.
    pub(super) fn show<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Text => self.text(&text(value)),
            Format::Json => print(&serde_json::to_string(value)?),
        }
    }

    /// Prints lines of text and a line end, in one write.
    pub(super) fn text(self, text: &str) -> anyhow::Result<()> {
        print(&escaped(text, Lines::Many))
    }

    /// Prints JSON in both formats. In text format, the characters that text escapes are written as
    /// JSON escapes, so that the value stays the same.
    pub(super) fn json(self, json: &str) -> anyhow::Result<()> {
        match self.format {
            Format::Text => print(&escaped_json(json)),
            Format::Json => print(json),
        }
    }

    /// Prints an error on standard error. Further lines are indented, so that quoted text cannot
    /// pass for another error.
    pub(super) fn error(self, text: &str) {
        match self.format {
            Format::Text => self.note(&format!("error: {}", text.replace('\n', "\n  "))),
            Format::Json => {
                let line = serde_json::json!({ "error": text }).to_string();
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }

    /// Prints a note on standard error. Write errors are ignored: there is no other stream to report
    /// them.
    pub(super) fn note(self, text: &str) {
        let _ = writeln!(io::stderr(), "{}", escaped(text, Lines::Many));
    }
}

/// Maximum number of list items that a command names; further items are counted.
pub(super) const MAX_NAMED: usize = 100;

/// A list that keeps its first [`MAX_NAMED`] items and counts the others.
#[derive(Debug)]
pub(super) struct CappedList<T> {
    named: Vec<T>,
    more: u64,
}

impl<T> Default for CappedList<T> {
    fn default() -> Self {
        Self {
            named: Vec::new(),
            more: 0,
        }
    }
}

impl<T> CappedList<T> {
    /// Adds an item.
    pub(super) fn push(&mut self, one: T) {
        if self.named.len() < MAX_NAMED {
            self.named.push(one);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// The kept items.
    pub(super) fn named(&self) -> &[T] {
        &self.named
    }

    /// The number of items that were not kept.
    pub(super) const fn more(&self) -> u64 {
        self.more
    }

    /// The number of all items.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.named.len())
            .unwrap_or(u64::MAX)
            .saturating_add(self.more)
    }
}

impl<T> FromIterator<T> for CappedList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(all: I) -> Self {
        let mut named = Self::default();
        all.into_iter().for_each(|one| named.push(one));
        named
    }
}

impl<T: Serialize> Serialize for CappedList<T> {
    /// Serializes the kept items as an array. A separate field has the number of the others.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.named.serialize(serializer)
    }
}

/// True when a [`CappedList`] leaves no items out. The field that counts them is then omitted.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Prints a list while it is read, so that the list may be larger than memory: as a JSON array with
/// one value per line, or as a sequence of tables.
#[derive(Debug)]
pub(super) struct Listing<const N: usize> {
    output: Output,
    headings: [&'static str; N],
    is_begun: bool,
}

impl<const N: usize> Listing<N> {
    pub(super) fn new(output: Output, headings: [&'static str; N]) -> Self {
        Self {
            output,
            headings,
            is_begun: false,
        }
    }

    /// Prints more values.
    pub(super) fn add<T: Serialize>(
        &mut self,
        values: &[T],
        row: impl Fn(&T) -> [String; N],
    ) -> anyhow::Result<()> {
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        if self.output.is_json() {
            let mut text = String::new();
            for (index, value) in values.iter().enumerate() {
                text.push_str(if is_first && index == 0 { "[" } else { ",\n" });
                text.push_str(&serde_json::to_string(value)?);
            }
            self.is_begun = !is_first || !values.is_empty();
            return write_out(&text);
        }
        let rows: Vec<_> = values.iter().map(row).collect();
        let text = table(self.headings, &rows);
        match text.split_once('\n') {
            _ if is_first => print(&text),
            Some((_, rows)) => print(rows),
            None => Ok(()),
        }
    }

    /// Ends the list.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        match (self.output.is_json(), self.is_begun) {
            (true, true) => print("]"),
            (true, false) => print("[]"),
            (false, true) => Ok(()),
            (false, false) => print(&table(self.headings, &[])),
        }
    }
}

fn write_out(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(OutputError::from)?;
    Ok(())
}

fn print(text: &str) -> anyhow::Result<()> {
    write_out(&format!("{}\n", text.trim_end_matches('\n')))
}

/// Escapes a text for use within a line, including line ends and tabs.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, Lines::One)
}

/// Whether line ends and tabs of a text are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

fn escaped(text: &str, lines: Lines) -> Cow<'_, str> {
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
fn escaped_json(json: &str) -> Cow<'_, str> {
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

/// Writes log lines to standard error. A pretty line is one line, with control characters escaped.
/// Log lines are JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogOutput {
    /// The lines are JSON.
    pub(super) is_json: bool,
}

fn log_line(event: &[u8]) -> String {
    let text = String::from_utf8_lossy(event);
    format!("{}\n", plain(text.trim_end_matches('\n')))
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for LogOutput {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl io::Write for LogOutput {
    /// Receives a whole event: the formatter writes each event with one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        if self.is_json {
            io::stderr().write_all(event)?;
        } else {
            io::stderr().write_all(log_line(event).as_bytes())?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
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

    #[test]
    fn a_log_line_is_one_line() {
        let event = "WARN cut \u{1b}[31m\nERROR spoofed\n";
        assert_eq!(
            log_line(event.as_bytes()),
            "WARN cut \\u{1b}[31m\\nERROR spoofed\n"
        );
        assert_eq!(log_line(b"a\xffb\n"), "a\u{fffd}b\n");
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
