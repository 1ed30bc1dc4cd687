//! Phrase files: banks of phrases, and slots in them that name other banks.
//!
//! A file in `assets/demo/` has sections, `[name.ko]` or `[name.en]`, or `[name]` for both
//! languages, with one phrase per line. `#` and a space begin a comment, `~` is an empty phrase. A
//! phrase has slots in braces:
//!
//! | slot | becomes |
//! |---|---|
//! | `{kw}`, `{other}` | the keyword of the post; another keyword |
//! | `{name}` | a phrase of the bank of that name, in the language of the phrase |
//! | `{=name}` | such a phrase, which stays the same all through an episode of a storyline |
//! | `{a\|b\|}` | one of the phrases between the bars, which may have slots |
//! | `{3-20}` | a number in that range |
//! | `{@}`, `{url}` | the handle of an author; an address |
//!
//! A slot such as `{kw:은}` adds a particle after the name, in the form that fits the name.

use std::collections::BTreeMap;

use super::Language;
use super::josa::Josa;

/// Index of a bank.
pub(super) type BankId = usize;

/// A phrase, in pieces.
pub(super) type Phrase = Vec<Piece>;

/// A piece of a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// A fixed text.
    Text(Box<str>),
    /// A slot, and the particle after its value.
    Slot(Slot, Option<Josa>),
}

/// The content of a slot's braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// The keyword of the post.
    Keyword,
    /// Another keyword.
    Other,
    /// A phrase of a bank.
    Bank(BankId),
    /// A phrase of a bank, which stays the same all through an episode.
    Fact(BankId),
    /// One phrase of a list.
    Choice(Vec<Phrase>),
    /// A number from the first through the second.
    Number(u64, u64),
    /// `@` and a handle.
    Mention,
    /// An address.
    Address,
}

/// The banks of one keyword: its own and those of all keywords.
#[derive(Debug, Default)]
pub(super) struct Phrases {
    banks: Vec<Vec<Phrase>>,
    ids: BTreeMap<String, BankId>,
    unresolved: Vec<String>,
}

/// A section of a file: its full name and its lines.
type Section<'a> = (String, Vec<&'a str>);

impl Phrases {
    /// Reads files, each with the language of all its sections, or `None` if the names of its
    /// sections have their languages.
    pub(super) fn of(files: &[(&str, Option<Language>)]) -> Self {
        let sections: Vec<Section<'_>> = files
            .iter()
            .flat_map(|(text, language)| sections_of(text, *language))
            .collect();
        let mut phrases = Self::default();
        for (name, _) in &sections {
            let next = phrases.ids.len();
            phrases.ids.entry(name.clone()).or_insert(next);
        }
        phrases.banks = vec![Vec::new(); phrases.ids.len()];
        for (name, lines) in sections {
            let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix.to_owned());
            let read: Vec<Phrase> = lines
                .into_iter()
                .map(|line| phrases.read(line, suffix.as_deref()))
                .collect();
            if let Some(bank) = phrases.ids.get(&name).copied()
                && let Some(bank) = phrases.banks.get_mut(bank)
            {
                bank.extend(read);
            }
        }
        phrases
    }

    /// The index of a bank in a language, or else of the bank for both languages.
    pub(super) fn id(&self, name: &str, language: Language) -> Option<BankId> {
        self.find(name, Some(language.tag()))
    }

    /// The phrases of a bank; none when there is no such bank.
    pub(super) fn bank(&self, id: BankId) -> &[Phrase] {
        self.banks.get(id).map_or(&[], Vec::as_slice)
    }

    /// Slots that name no bank.
    #[cfg(test)]
    pub(super) fn unresolved(&self) -> &[String] {
        &self.unresolved
    }

    fn find(&self, name: &str, suffix: Option<&str>) -> Option<BankId> {
        let with_suffix = suffix.and_then(|suffix| self.ids.get(&format!("{name}.{suffix}")));
        with_suffix.or_else(|| self.ids.get(name)).copied()
    }

    fn read(&mut self, text: &str, suffix: Option<&str>) -> Phrase {
        let mut phrase = Vec::new();
        let mut rest = text;
        while let Some((before, inside, after)) = braces(rest) {
            if !before.is_empty() {
                phrase.push(Piece::Text(before.into()));
            }
            phrase.push(self.slot(inside, suffix));
            rest = after;
        }
        if !rest.is_empty() {
            phrase.push(Piece::Text(rest.into()));
        }
        phrase
    }

    fn slot(&mut self, inside: &str, suffix: Option<&str>) -> Piece {
        let choices = split_choices(inside);
        if choices.len() > 1 {
            let choices = choices
                .into_iter()
                .map(|choice| self.read(choice, suffix))
                .collect();
            return Piece::Slot(Slot::Choice(choices), None);
        }
        let (name, josa) = match inside.split_once(':') {
            Some((name, form)) => (name, Some(Josa::of(form))),
            None => (inside, None),
        };
        let slot = match (name, number(name), name.strip_prefix('=')) {
            ("kw", ..) => Some(Slot::Keyword),
            ("other", ..) => Some(Slot::Other),
            ("@", ..) => Some(Slot::Mention),
            ("url", ..) => Some(Slot::Address),
            (_, Some((low, high)), _) => Some(Slot::Number(low, high)),
            (_, _, Some(fact)) => self.find(fact, suffix).map(Slot::Fact),
            _ => self.find(name, suffix).map(Slot::Bank),
        };
        let Some(slot) = slot else {
            self.unresolved.push(name.to_owned());
            return Piece::Text(name.into());
        };
        Piece::Slot(slot, josa)
    }
}

/// The sections of a file. Lines before the first section are left out.
fn sections_of(text: &str, language: Option<Language>) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines() {
        let heading = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'));
        match (heading, sections.last_mut()) {
            (Some(name), _) => {
                let name = match language {
                    Some(language) => format!("{name}.{}", language.tag()),
                    None => name.to_owned(),
                };
                sections.push((name, Vec::new()));
            }
            (None, Some((_, lines))) if !line.is_empty() && !line.starts_with("# ") => {
                lines.push(if line == "~" { "" } else { line });
            }
            (None, _) => {}
        }
    }
    sections
}

/// Splits a text into the parts before the first braces, in them, and after them.
fn braces(text: &str) -> Option<(&str, &str, &str)> {
    let open = text.find('{')?;
    let mut depth = 0_usize;
    for (position, character) in text.char_indices().skip_while(|(at, _)| *at < open) {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => {
                return Some((
                    text.get(..open)?,
                    text.get(open + 1..position)?,
                    text.get(position + 1..)?,
                ));
            }
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Splits at the bars that are not in inner braces.
fn split_choices(inside: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    inside
        .split(|character: char| {
            match character {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            character == '|' && depth == 0
        })
        .collect()
}

/// The range that a slot such as `3-20` names.
fn number(name: &str) -> Option<(u64, u64)> {
    let (low, high) = name.split_once('-')?;
    Some((low.parse().ok()?, high.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_have_slots_choices_and_numbers() {
        let phrases =
            Phrases::of(&[("[a.ko]\n{kw:은} {b}{x|{3-9}|}\n# no phrase\n[b]\n~\n", None)]);
        let bank = phrases.id("a", Language::Korean).unwrap();
        let text = |text: &str| Piece::Text(text.into());
        let number = vec![Piece::Slot(Slot::Number(3, 9), None)];
        let choice = Slot::Choice(vec![vec![text("x")], number, vec![]]);
        let right = vec![
            Piece::Slot(Slot::Keyword, Some(Josa::of("은"))),
            text(" "),
            Piece::Slot(Slot::Bank(1), None),
            Piece::Slot(choice, None),
        ];
        assert_eq!(phrases.bank(bank), [right]);
        assert_eq!(phrases.bank(1), [vec![]]);
        assert!(phrases.unresolved().is_empty());
    }

    #[test]
    fn slots_without_a_bank_are_named() {
        let phrases = Phrases::of(&[("[a]\n{no} {=none}\n", Some(Language::English))]);
        assert_eq!(phrases.unresolved(), ["no", "=none"]);
        assert_eq!(phrases.id("a", Language::Korean), None);
    }
}
