//! Writes phrases into texts, with values in their slots.

use std::fmt::Write as _;
use std::ops::Range;

use super::Language;
use super::chance::{Chance, mixed};
use super::josa::Josa;
use super::phrases::{BankId, Phrase, Phrases, Piece, Slot};

/// Maximum nesting of banks. Slots that are nested more deeply stay empty.
const MAX_DEPTH: u8 = 8;
/// Maximum number of further draws when the post already has the drawn phrase.
const REDRAWS: usize = 2;

/// The values of the slots of a post.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    /// The banks of the post's keyword.
    pub(super) phrases: &'a Phrases,
    /// The keyword as people write it.
    pub(super) keyword: &'a str,
    /// Another keyword.
    pub(super) other: &'a str,
    /// A handle to mention.
    pub(super) mention: &'a str,
    /// Determines the values of the slots that stay the same all through an episode.
    pub(super) facts: u64,
}

/// A text that is being written.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The text so far.
    pub(super) text: String,
    /// The ranges of names in the text. They get no spelling mistakes.
    pub(super) names: Vec<Range<usize>>,
    /// The phrases used so far: bank, and index in it.
    used: Vec<(BankId, usize)>,
}

impl Draft {
    /// Empties the draft.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.names.clear();
        self.used.clear();
    }

    /// A draft that holds a text with names.
    #[cfg(test)]
    pub(super) fn holding(text: &str, names: Vec<Range<usize>>) -> Self {
        Self {
            text: text.to_owned(),
            names,
            used: Vec::new(),
        }
    }

    /// Appends a text. If two spaces would meet, one of them is left out.
    pub(super) fn push(&mut self, text: &str) {
        let text = if self.text.is_empty() || self.text.ends_with([' ', '\n']) {
            text.trim_start_matches(' ')
        } else {
            text
        };
        self.text.push_str(text);
    }

    /// Separates the next sentence from those before.
    pub(super) fn begin_sentence(&mut self, chance: &mut Chance, language: Language) {
        self.end();
        let ends = self.text.ends_with(['.', '!', '?', '~']);
        let after_word = self
            .text
            .ends_with(|last: char| last.is_ascii_alphanumeric());
        let is_open = !ends && language == Language::English && after_word;
        let separator = match chance.below(10) {
            0 => "\n",
            1..=6 if is_open => ". ",
            7 if is_open => ", ",
            _ => " ",
        };
        self.text.push_str(separator);
    }

    /// Whether the text ends with a letter or a digit.
    pub(super) fn ends_plainly(&self) -> bool {
        self.text.ends_with(char::is_alphanumeric)
    }

    /// Ends the text: removes spaces at its end.
    pub(super) fn end(&mut self) {
        self.text.truncate(self.text.trim_end().len());
    }

    /// Appends a random phrase of a bank.
    pub(super) fn write(&mut self, scene: &Scene<'_>, chance: &mut Chance, bank: BankId) {
        self.bank(scene, chance, bank, 0);
    }

    fn bank(&mut self, scene: &Scene<'_>, chance: &mut Chance, bank: BankId, depth: u8) {
        let phrases = scene.phrases.bank(bank);
        let mut drawn = chance.index(phrases.len());
        for _ in 0..REDRAWS {
            let is_used = |used: &(BankId, usize)| {
                used.0 == bank && phrases.get(used.1) == phrases.get(drawn)
            };
            if !self.used.iter().any(is_used) {
                break;
            }
            drawn = chance.index(phrases.len());
        }
        self.used.push((bank, drawn));
        if let Some(phrase) = phrases.get(drawn) {
            self.phrase(scene, chance, phrase, depth + 1);
        }
    }

    fn phrase(&mut self, scene: &Scene<'_>, chance: &mut Chance, phrase: &Phrase, depth: u8) {
        if depth > MAX_DEPTH {
            return;
        }
        for piece in phrase {
            match piece {
                Piece::Text(text) => self.push(text),
                Piece::Slot(slot, josa) => {
                    self.slot(scene, chance, slot, depth);
                    self.josa(josa.as_ref());
                }
            }
        }
    }

    fn slot(&mut self, scene: &Scene<'_>, chance: &mut Chance, slot: &Slot, depth: u8) {
        match slot {
            Slot::Keyword => self.name(scene.keyword),
            Slot::Other => self.name(scene.other),
            Slot::Bank(bank) => self.bank(scene, chance, *bank, depth),
            Slot::Fact(bank) => {
                let start = self.text.len();
                let mut kept = Chance::of(mixed(scene.facts, &[3]));
                if let Some(phrase) = kept.pick(scene.phrases.bank(*bank)) {
                    self.phrase(scene, &mut kept, phrase, depth + 1);
                }
                self.names.push(start..self.text.len());
            }
            Slot::Choice(choices) => {
                if let Some(phrase) = chance.pick(choices) {
                    self.phrase(scene, chance, phrase, depth + 1);
                }
            }
            // Writing to a string cannot fail.
            Slot::Number(low, high) => {
                let _ = write!(self.text, "{}", chance.between(*low, *high));
            }
            Slot::Mention => {
                let start = self.text.len();
                self.text.push('@');
                self.text.push_str(scene.mention);
                self.names.push(start..self.text.len());
            }
            Slot::Address => self.address(chance),
        }
    }

    /// Appends an address of a site that cannot exist.
    pub(super) fn address(&mut self, chance: &mut Chance) {
        const SITES: [&str; 6] = [
            "pic.example/",
            "clip.example/v/",
            "haemu-ilbo.example/news/",
            "t.example/",
            "blog.example/post/",
            "shop.example/p/",
        ];
        let start = self.text.len();
        self.text.push_str("https://");
        self.text
            .push_str(chance.pick(&SITES).copied().unwrap_or_default());
        let _ = write!(self.text, "{:06x}", chance.below(1 << 24));
        self.names.push(start..self.text.len());
    }

    /// Appends a name.
    pub(super) fn name(&mut self, name: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        self.names.push(start..self.text.len());
    }

    fn josa(&mut self, josa: Option<&Josa>) {
        if let Some(josa) = josa {
            let form = josa.after(&self.text);
            self.text.push_str(form);
        }
    }
}
