//! The two thousand authors of the world.

use std::collections::BTreeSet;

use super::Language;
use super::chance::Chance;
use super::pen::{Draft, Scene};
use super::phrases::Phrases;
use super::subjects::{COUNT, SUBJECTS};

/// Number of authors.
pub const AUTHORS: usize = 2_000;
/// Percentage of authors that write in Korean.
const KOREAN_PERCENT: u64 = 66;
/// Maximum number of further draws when the drawn author has no interest in the keyword.
const TRIES: usize = 3;

/// An author.
#[derive(Debug)]
pub(super) struct Author {
    /// The handle, without `@`.
    pub(super) handle: String,
    /// The name that is shown.
    pub(super) name: String,
    /// Number of followers of the account.
    pub(super) followers: u64,
    /// The language that the author writes.
    pub(super) language: Language,
    /// The habits of writing.
    pub(super) habits: Habits,
    /// One bit for each keyword, set if the author is interested in it.
    interests: u64,
}

/// How an author writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// Begins sentences with a capital letter.
    pub(super) capitals: bool,
    /// Percentage of posts with a spelling mistake.
    pub(super) mistakes: u64,
    /// Percentage of posts with hashtags.
    pub(super) tags: u64,
}

/// Index of an author.
pub(super) type AuthorId = usize;

/// All authors, and how much each writes.
#[derive(Debug)]
pub(super) struct Authors {
    all: Vec<Author>,
    korean: Writers,
    english: Writers,
    voices: [Vec<AuthorId>; COUNT],
}

/// Authors of one language, the busiest first. The n-th, from 1, writes about 5 / (n + 4) of what
/// the first one writes.
#[derive(Debug, Default)]
struct Writers {
    ids: Vec<AuthorId>,
    sums: Vec<u64>,
}

impl Writers {
    fn push(&mut self, id: AuthorId) {
        let rank = u64::try_from(self.ids.len()).unwrap_or_default();
        let before = self.sums.last().copied().unwrap_or_default();
        self.ids.push(id);
        self.sums.push(before + 10_000_000 / (rank + 5));
    }

    fn draw(&self, chance: &mut Chance) -> Option<AuthorId> {
        self.ids.get(chance.position(&self.sums)).copied()
    }
}

impl Authors {
    /// The authors that follow from a seed: the voices of the keywords, and others with names from
    /// a file.
    pub(super) fn of(chance: &mut Chance, names: &str) -> Self {
        let mut all: Vec<(Author, Option<usize>)> = Vec::with_capacity(AUTHORS);
        for (subject, number) in SUBJECTS.iter().zip(0..) {
            let voices = section_lines(subject.phrases, "[voices]");
            let voices = voices.filter_map(|line| voice(line, number));
            all.extend(voices.map(|voice| (voice, Some(number))));
        }
        let mut taken: BTreeSet<String> = all.iter().map(|(one, _)| one.handle.clone()).collect();
        let phrases = Phrases::of(&[(names, None)]);
        while all.len() < AUTHORS {
            all.push((stranger(chance, &phrases, &mut taken), None));
        }
        chance.shuffle(&mut all);
        let mut authors = Self {
            all: Vec::with_capacity(AUTHORS),
            korean: Writers::default(),
            english: Writers::default(),
            voices: [const { Vec::new() }; COUNT],
        };
        for ((author, keyword), id) in all.into_iter().zip(0..) {
            match author.language {
                Language::Korean => authors.korean.push(id),
                Language::English => authors.english.push(id),
            }
            if let Some(voices) = keyword.and_then(|keyword| authors.voices.get_mut(keyword)) {
                voices.push(id);
            }
            authors.all.push(author);
        }
        authors
    }

    /// An author by index.
    pub(super) fn get(&self, id: AuthorId) -> Option<&Author> {
        self.all.get(id)
    }

    /// A random author of `language`, preferably one with an interest in `keyword`.
    pub(super) fn draw(
        &self,
        chance: &mut Chance,
        language: Language,
        keyword: usize,
    ) -> Option<AuthorId> {
        let writers = match language {
            Language::Korean => &self.korean,
            Language::English => &self.english,
        };
        let mut drawn = writers.draw(chance);
        for _ in 0..TRIES {
            let cares = drawn.and_then(|id| self.get(id));
            if cares.is_some_and(|author| author.interests >> keyword & 1 == 1) {
                break;
            }
            drawn = writers.draw(chance);
        }
        drawn
    }

    /// Draws one of the voices of a keyword: the accounts that are the first to write about what
    /// happens to it.
    pub(super) fn draw_voice(
        &self,
        chance: &mut Chance,
        language: Language,
        keyword: usize,
    ) -> Option<AuthorId> {
        let voices = self.voices.get(keyword)?.iter().copied();
        let mut fitting = voices.filter(|id| {
            let voice = self.get(*id);
            voice.is_some_and(|voice| voice.language == language)
        });
        let drawn = chance.index(fitting.clone().count());
        fitting.nth(drawn)
    }

    /// The handles of the voices of a keyword.
    pub(super) fn voices(&self, keyword: usize) -> impl Iterator<Item = &str> {
        let voices = self.voices.get(keyword).into_iter().flatten();
        voices.filter_map(|id| Some(self.get(*id)?.handle.as_str()))
    }
}

/// The lines of a section of a phrase file.
fn section_lines<'a>(file: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = file.lines().skip_while(move |line| *line != heading);
    let lines = lines.skip(1).take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.is_empty())
}

/// Reads an author from a line `handle|name|language|followers`.
fn voice(line: &str, keyword: usize) -> Option<Author> {
    let mut parts = line.split('|');
    Some(Author {
        handle: parts.next()?.to_owned(),
        name: parts.next()?.to_owned(),
        language: match parts.next()? {
            "ko" => Language::Korean,
            _ => Language::English,
        },
        followers: parts.next()?.parse().ok()?,
        habits: Habits {
            capitals: true,
            mistakes: 0,
            tags: 30,
        },
        interests: 1 << keyword,
    })
}

fn stranger(chance: &mut Chance, names: &Phrases, taken: &mut BTreeSet<String>) -> Author {
    let language = if chance.percent(KOREAN_PERCENT) {
        Language::Korean
    } else {
        Language::English
    };
    let scene = Scene {
        phrases: names,
        keyword: "",
        other: "",
        mention: "",
        facts: 0,
    };
    let mut draft = Draft::default();
    let mut write = |chance: &mut Chance, bank: &str| {
        draft.clear();
        if let Some(bank) = names.id(bank, language) {
            draft.write(&scene, chance, bank);
        }
        draft.text.clone()
    };
    let mut handle = write(chance, "first");
    if chance.percent(75) {
        handle += &write(chance, "last");
    }
    let is_numbered = chance.percent(30);
    while is_numbered && !handle.ends_with(|last: char| last.is_ascii_digit())
        || handle.len() < 4
        || taken.contains(&handle)
    {
        handle += &chance.below(100).to_string();
    }
    taken.insert(handle.clone());
    // Few authors have many followers: the share with at least n falls as 1 / n.
    let reach = 120_000_000 / (chance.below(1_000_000) + 150);
    let followers = reach * chance.between(5, 100) / 100;
    let mut interests = 0;
    for _ in 0..chance.between(2, 5) {
        interests |= 1 << chance.below(COUNT as u64);
    }
    Author {
        handle,
        name: write(chance, "name"),
        followers,
        language,
        habits: Habits {
            capitals: chance.percent(45),
            mistakes: chance.between(0, 3) * chance.between(0, 6),
            tags: chance.between(0, 5) * chance.between(0, 10),
        },
        interests,
    }
}
