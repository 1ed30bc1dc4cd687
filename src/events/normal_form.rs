//! The normal form, in which keywords and texts are compared.
//!
//! One *pass* over a text does this:
//! 1. Variation selectors (U+FE00..=U+FE0F, U+E0100..=U+E01EF) are removed.
//! 2. Hangul compatibility jamo (U+3131..=U+318E without U+3164) stay unchanged, and half-width
//!    jamo (U+FFA1..=U+FFDC) become compatibility jamo. NFKC would make conjoining jamo of both,
//!    which join their neighbours: "배우ㄳ" would lose "배우". NFKC is applied separately to every
//!    stretch between two jamo.
//! 3. White space (`White_Space`) is trimmed, and every run of it inside becomes one space.
//!
//! The normal form is a pass, then Unicode default lower case (with the final sigma), then a second
//! pass, because lower case can undo NFKC. It is idempotent.
//!
//! [`normalise_into`] computes this in one go over the text. A character that no neighbour can
//! change ([`Class::Plain`]) is written at once. The normal form of other lone characters is cached
//! ([`lone_form`]). Only stretches with combining characters go through the Unicode tables. A text
//! with a capital sigma takes the slow path ([`by_definition`]), because the lower case of a sigma
//! depends on distant characters.

use unicode_normalization::UnicodeNormalization;

use super::lone_form::lone_form;
use super::ready_text::ready;

/// The version of the normal form. A journal names the version of its tokens. A journal without a
/// version has version 1, in which compatibility jamo became conjoining jamo and variation
/// selectors stayed.
pub const NORMAL_FORM_VERSION: u16 = 2;

/// The Hangul filler, which is not a jamo: NFKC turns it into U+1160, which is invisible.
const HANGUL_FILLER: char = '\u{3164}';
/// The only letter whose lower case depends on its neighbours.
const CAPITAL_SIGMA: char = 'Σ';

/// Returns the normal form of a text.
pub fn normal_form(text: &str) -> String {
    if text.is_ascii() {
        let mut out = with_single_spaces(text);
        out.make_ascii_lowercase();
        return out;
    }
    let mut out = String::with_capacity(text.len());
    normalise_into(text, usize::MAX, &mut out);
    out
}

/// Appends the normal form of `text` to `out`. Stops as soon as it has appended more than
/// `max_bytes` bytes, and then returns false. In that case the appended bytes are the beginning of
/// the normal form. They exceed `max_bytes` by at most one stretch of combining characters. For a
/// text with a capital sigma the whole normal form is computed, which is at most 12 times as long
/// as the text.
pub fn normalise_into(text: &str, max_bytes: usize, out: &mut String) -> bool {
    let mut writer = Writer::new(max_bytes, out);
    match writer.text(text) {
        Ok(()) => true,
        Err(Stop::Full) => false,
        Err(Stop::Sigma) => {
            writer.restart();
            let normal = by_definition(text);
            normal.chars().try_for_each(|c| writer.push(c)).is_ok()
        }
    }
}

/// Why writing stopped before the end of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The limit was reached.
    Full,
    /// A capital sigma was found, so the lower case of the text must be computed as a whole.
    Sigma,
}

/// How a character is normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// ASCII white space.
    Space,
    /// The character is its own NFKC, begins a new stretch for NFKC, and its lower case is its
    /// ASCII lower case.
    Plain,
    /// A compatibility jamo, or the compatibility jamo of a half-width one.
    Jamo(char),
    /// A character that needs the Unicode tables.
    Other,
}

impl Class {
    /// Except for jamo, classes are only a shortcut: a plain character classed as other costs time
    /// and changes nothing. A test checks the ranges against the tables.
    #[inline]
    const fn of(character: char) -> Self {
        match character {
            '\t'..='\r' | ' ' => Self::Space,
            '\0'..='\u{7f}'
            // Cyrillic small letters.
            | '\u{430}'..='\u{45f}'
            // Arabic letters and digits.
            | '\u{621}'..='\u{64a}' | '\u{660}'..='\u{669}' | '\u{6cc}'
            // Devanagari letters (not those with nukta, which decompose), Thai letters except SARA
            // AM.
            | '\u{904}'..='\u{939}' | '\u{e01}'..='\u{e31}'
            // Dashes, quotes and bullets; CJK brackets and commas; Hiragana and Katakana.
            | '\u{2012}'..='\u{2016}' | '\u{2018}'..='\u{2023}' | '\u{3001}'..='\u{3003}'
            | '\u{3008}'..='\u{3011}' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fe}'
            // Han, Hangul syllables.
            | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
            // Emoji and other symbols, flags.
            | '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}' | '\u{1f1e6}'..='\u{1f1ff}' => {
                Self::Plain
            }
            '\u{3131}'..='\u{318e}' | '\u{ffa1}'..='\u{ffdc}' => match compatibility_jamo(character)
            {
                Some(jamo) => Self::Jamo(jamo),
                None => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

/// The normal form of a character that combines with no neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lone {
    Space,
    Plain(char),
    Form(&'static str),
}

impl Class {
    /// Returns the normal form of a lone character of this class; `None` when the Unicode tables
    /// are needed.
    fn lone(self, character: char) -> Option<Lone> {
        match self {
            Self::Space => Some(Lone::Space),
            Self::Plain => Some(Lone::Plain(character.to_ascii_lowercase())),
            Self::Jamo(jamo) => Some(Lone::Plain(jamo)),
            Self::Other => lone_form(character).map(Lone::Form),
        }
    }
}

/// Returns the compatibility jamo for a character that is one, or is the half-width form of one.
const fn compatibility_jamo(character: char) -> Option<char> {
    // `offset` is what to subtract from a half-width jamo to get its compatibility jamo.
    let offset = match character {
        HANGUL_FILLER => return None,
        '\u{3131}'..='\u{318e}' => return Some(character),
        '\u{ffa1}'..='\u{ffbe}' => 0xffa1 - 0x3131,
        '\u{ffc2}'..='\u{ffc7}' => 0xffc2 - 0x314f,
        '\u{ffca}'..='\u{ffcf}' => 0xffca - 0x3155,
        '\u{ffd2}'..='\u{ffd7}' => 0xffd2 - 0x315b,
        '\u{ffda}'..='\u{ffdc}' => 0xffda - 0x3161,
        _ => return None,
    };
    char::from_u32(character as u32 - offset)
}

/// Returns the compatibility jamo from which NFKC makes this conjoining jamo.
pub(super) fn compatibility_jamo_of(conjoining: char) -> Option<char> {
    ('\u{3131}'..='\u{318e}')
        .filter(|jamo| *jamo != HANGUL_FILLER)
        .find(|jamo| jamo.nfkc().eq([conjoining]))
}

pub(super) const fn is_variation_selector(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Appends a normal form to `out`.
struct Writer<'o> {
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
    fn new(max_bytes: usize, out: &'o mut String) -> Self {
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
    fn restart(&mut self) {
        self.out.truncate(self.start);
        self.space = false;
    }

    fn text(&mut self, text: &str) -> Result<(), Stop> {
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
        // A space may come before it.
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
    fn push(&mut self, character: char) -> Result<(), Stop> {
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

fn without_selectors(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| !is_variation_selector(*c))
}

/// The normal form by its definition. It is slower than [`Writer`].
fn by_definition(text: &str) -> String {
    pass(&pass(text).to_lowercase())
}

fn pass(text: &str) -> String {
    let text: String = without_selectors(text).collect();
    let mut composed = String::with_capacity(text.len());
    for stretch in text.split_inclusive(|c| compatibility_jamo(c).is_some()) {
        let jamo = stretch.chars().next_back().and_then(compatibility_jamo);
        let others = match jamo {
            Some(_) => stretch.len() - stretch.chars().next_back().map_or(0, char::len_utf8),
            None => stretch.len(),
        };
        composed.extend(stretch.get(..others).unwrap_or_default().nfkc());
        composed.extend(jamo);
    }
    with_single_spaces(&composed)
}

/// Trims a text, and makes one space of every run of white space in it.
fn with_single_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::char::canonical_combining_class;
    use unicode_normalization::{IsNormalized, is_nfkc_quick};

    /// Every character that can be assigned. The planes above these are private use only.
    fn every_character() -> impl Iterator<Item = char> {
        ('\0'..='\u{323ff}').chain('\u{e0000}'..='\u{e0fff}')
    }

    #[test]
    fn spellings_of_one_text_are_equal() {
        for (spelled, normal) in [
            ("  US \t Airways ", "us airways"),
            ("ＡＩ", "ai"),
            ("\u{1103}\u{1161}", "다"),
            ("ΟΔΟΣ ΟΣΑ", "οδος οσα"),
            ("배우ㄳ", "배우ㄳ"),
            ("ㅋㅋㅠㅠ", "ㅋㅋㅠㅠ"),
            ("ﾡｱￜ", "ㄱアㅣ"),
            ("\u{ffa0}가", "\u{1160}가"),
            ("❤\u{fe0f}", "❤"),
            ("a\u{fe00}\u{301}", "á"),
            ("漢\u{e0100}字", "漢字"),
            ("ㄱ\u{302}A\u{302}", "ㄱ\u{302}â"),
            ("İ", "i\u{307}"),
            ("\u{a0}a\u{3000}\u{2028}b\u{85}", "a b"),
            ("کی\u{200c}خواهم", "کی\u{200c}خواهم"),
            ("👩\u{200d}💻", "👩\u{200d}💻"),
            ("K ﷺ", "k صلى الله عليه وسلم"),
        ] {
            assert_eq!(normal_form(spelled), normal, "{spelled:?}");
        }
    }

    #[test]
    fn half_width_jamo_become_the_ones_of_their_decomposition() {
        let full = |c: char| c.nfkc().collect::<String>();
        for half in '\u{ffa1}'..='\u{ffdc}' {
            let assigned = full(half) != half.to_string();
            match compatibility_jamo(half) {
                Some(jamo) => assert_eq!(full(jamo), full(half), "{half:?}"),
                None => assert!(!assigned, "{half:?}"),
            }
        }
    }

    #[test]
    fn tables_leave_plain_characters_unchanged() {
        for c in every_character().filter(|c| Class::of(*c) == Class::Plain) {
            assert_eq!(
                is_nfkc_quick(std::iter::once(c)),
                IsNormalized::Yes,
                "{c:?}"
            );
            assert_eq!(canonical_combining_class(c), 0, "{c:?}");
            assert_eq!(
                c.to_lowercase().to_string(),
                c.to_ascii_lowercase().to_string()
            );
            assert!(!c.is_whitespace() && !is_variation_selector(c), "{c:?}");
        }
    }

    #[test]
    fn every_character_has_the_normal_form_of_the_definition() {
        // The character between neighbours that may combine with it. An x ends each stretch.
        let among_others = |c: char| {
            format!("a{c}bx가{c}\u{301}xㄱ {c}\u{11a8}ㄱx\u{9c7}{c}\u{9be}éx\u{1100}{c}\u{1161}")
        };
        for c in every_character() {
            for text in [c.to_string(), among_others(c)] {
                let normal = normal_form(&text);
                assert_eq!(normal, by_definition(&text), "{text:?}");
                if normal != text {
                    assert_eq!(normal_form(&normal), normal, "{text:?}");
                }
            }
        }
    }

    /// Characters that change, combine or separate their neighbours, and some without any effect.
    fn texts() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            prop::sample::select(
                "aB \t.Σσςİß\u{301}\u{323}\u{345}\u{fe0f}\u{200d}\u{200c}가각ㄱㅏㄳ\u{1100}\u{1161}\u{11a8}ﾡￂ\u{3164}か\u{3099}ｶﾞﷺ漢\u{a0}\u{a8}\u{85}Ⅷ㎏\u{1f1f0}❤ด\u{e33}\u{f73}ﬃé\u{9c7}\u{9be}\u{dd9}\u{dcf}\u{b47}\u{b57}"
                    .chars()
                    .collect::<Vec<_>>()
            ),
            any::<char>(),
        ];
        prop::collection::vec(character, 0..24).prop_map(String::from_iter)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8_192))]
        #[test]
        fn normal_form_matches_the_definition_and_is_idempotent(text in texts()) {
            let normal = normal_form(&text);
            prop_assert_eq!(&normal, &by_definition(&text));
            prop_assert_eq!(&normal_form(&normal), &normal);
        }

        #[test]
        fn ascii_before_other_characters_is_normalised_by_the_definition(
            ascii in "[a-zA-Z. \t]{0,50}",
            rest in texts(),
        ) {
            let text = ascii + &rest;
            let mut out = String::new();
            normalise_into(&text, usize::MAX, &mut out);
            prop_assert_eq!(out, by_definition(&text));
        }

        #[test]
        fn limit_gives_the_beginning_of_the_normal_form(text in texts(), max in 0..60_usize) {
            let text = "A plain beginning ".to_owned() + &text;
            let normal = normal_form(&text);
            let mut out = String::from("before ");
            let whole = normalise_into(&text, max, &mut out);
            let written = out.strip_prefix("before ").unwrap();
            prop_assert!(normal.starts_with(written));
            prop_assert_eq!(whole, written == normal);
            prop_assert!(whole || written.len() > max);
            prop_assert!(written.len() <= max + 5);
        }
    }
}
