//! Writes the normal form of a text in one go.

use unicode_normalization::UnicodeNormalization;

use super::class::{Class, Lone};
use super::definition::without_selectors;
use crate::events::lone_form::lone_form;
use crate::events::ready_text::ready;

/// The only letter whose lower case depends on its neighbours.
const CAPITAL_SIGMA: char = 'Σ';

/// Why writing stopped before the end of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The limit was reached.
    Full,
    /// A capital sigma was found, so the lower case of the text must be computed as a whole.
    Sigma,
}

/// Appends a normal form to `out`.
pub(super) struct Writer<'o> {
    out: &'o mut String,
    /// Where the normal form begins in `out`.
    start: usize,
    /// Maximum length of `out`, in bytes.
    max: usize,
    /// Whether white space came after the last character.
    space: bool,
    /// The current stretch in NFKC.
    composed: String,
}

impl<'o> Writer<'o> {
    pub(super) fn new(max_bytes: usize, out: &'o mut String) -> Self {
        let start = out.len();
        Self {
            start,
            max: start.saturating_add(max_bytes),
            space: false,
            composed: String::new(),
            out,
        }
    }

    /// Removes everything that was written.
    pub(super) fn restart(&mut self) {
        self.out.truncate(self.start);
        self.space = false;
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), Stop> {
        let mut rest = text;
        loop {
            let ready = self.ready(rest);
            rest = rest.get(ready..).unwrap_or_default();
            let ascii = self.ascii(rest)?;
            rest = rest.get(ascii..).unwrap_or_default();
            let Some(first) = rest.chars().next() else {
                return Ok(());
            };
            let class = Class::of(first);
            let mut behind = rest.get(first.len_utf8()..).unwrap_or_default();
            if let Class::Jamo(jamo) = class {
                self.push(jamo)?;
                rest = behind;
                continue;
            }
            let joined = joined(behind);
            let lone = if joined == 0 { class.lone(first) } else { None };
            match lone {
                Some(Lone::Space) => self.space = true,
                Some(Lone::Plain(character)) => self.push(character)?,
                Some(Lone::Form(form)) => {
                    for character in form.chars() {
                        self.character(character)?;
                    }
                }
                None => {
                    let (stretch, after) = rest.split_at(first.len_utf8() + joined);
                    self.stretch(stretch)?;
                    behind = after;
                }
            }
            rest = behind;
        }
    }

    /// Writes the [`ready`] part of `text` at once, as far as the limit allows. Returns the number
    /// of bytes read.
    fn ready(&mut self, text: &str) -> usize {
        // A space may come before the ready part.
        let room = self.max.saturating_sub(self.out.len() + 1);
        let length = ready(text, room);
        let ready = text.get(..length).unwrap_or_default();
        if ready.is_empty() {
            return 0;
        }
        if std::mem::take(&mut self.space) && self.out.len() > self.start {
            self.out.push(' ');
        }
        let start = self.out.len();
        self.out.push_str(ready);
        if let Some(written) = self.out.get_mut(start..) {
            written.make_ascii_lowercase();
        }
        length
    }

    /// Writes the ASCII characters at the start of `text`, except one that is followed by a
    /// character outside ASCII. Returns the number of bytes read.
    fn ascii(&mut self, text: &str) -> Result<usize, Stop> {
        let mut bytes = text.as_bytes().iter();
        let mut written = 0;
        while let Some(byte) = bytes.next()
            && byte.is_ascii()
            && bytes.as_slice().first().is_none_or(u8::is_ascii)
        {
            match char::from(*byte) {
                '\t'..='\r' | ' ' => self.space = true,
                character => self.push(character.to_ascii_lowercase())?,
            }
            written += 1;
        }
        Ok(written)
    }

    /// Writes a stretch that needs the Unicode tables.
    fn stretch(&mut self, stretch: &str) -> Result<(), Stop> {
        let mut composed = std::mem::take(&mut self.composed);
        composed.clear();
        composed.extend(without_selectors(stretch).nfkc());
        let written = self.composed(&composed);
        self.composed = composed;
        written
    }

    fn composed(&mut self, composed: &str) -> Result<(), Stop> {
        if composed.contains(CAPITAL_SIGMA) {
            return Err(Stop::Sigma);
        }
        let changes = |c: char| {
            let mut lower = c.to_lowercase();
            lower.next() != Some(c) || lower.next().is_some()
        };
        if composed.contains(changes) {
            let lower = composed.chars().flat_map(char::to_lowercase);
            for character in lower.nfkc() {
                self.character(character)?;
            }
        } else {
            for character in composed.chars() {
                self.character(character)?;
            }
        }
        Ok(())
    }

    fn character(&mut self, character: char) -> Result<(), Stop> {
        if character.is_whitespace() {
            self.space = true;
            Ok(())
        } else {
            self.push(character)
        }
    }

    #[inline]
    pub(super) fn push(&mut self, character: char) -> Result<(), Stop> {
        if self.out.len() > self.max {
            return Err(Stop::Full);
        }
        if std::mem::take(&mut self.space) && self.out.len() > self.start {
            self.out.push(' ');
        }
        self.out.push(character);
        Ok(())
    }
}

/// Returns how many bytes at the start of `text` belong to characters that can combine with the one
/// before them.
fn joined(text: &str) -> usize {
    let behind = text
        .find(|character| Class::of(character) != Class::Other || lone_form(character).is_some());
    behind.unwrap_or(text.len())
}
