//! Spelling mistakes and other habits of hurried writing.

use std::ops::Range;

use super::Language;
use super::authors::Habits;
use super::chance::Chance;
use super::pen::Draft;

/// Korean words, and how people often misspell them.
const KOREAN: [(&str, &str); 20] = [
    ("됐", "됬"),
    ("어떻게", "어떡게"),
    ("왜", "외"),
    ("웬", "왠"),
    ("역할", "역활"),
    ("설렌", "설레인"),
    ("많이", "마니"),
    ("괜찮", "괜찬"),
    ("했는데", "햇는데"),
    ("했다", "햇다"),
    ("있", "잇"),
    ("없", "업"),
    ("좋아", "조아"),
    ("같은", "가튼"),
    ("싫", "시러"),
    ("봤", "밨"),
    ("예쁘", "이쁘"),
    ("너무", "넘"),
    ("진짜", "진쨔"),
    ("그냥", "걍"),
];

/// Applies the habits of its author to a text.
pub(super) fn apply(draft: &mut Draft, language: Language, habits: Habits, chance: &mut Chance) {
    if language == Language::English && habits.capitals {
        capitalize(draft);
    }
    if chance.percent(habits.mistakes) {
        match language {
            Language::Korean if chance.percent(50) => misspell(draft, chance),
            Language::Korean => drop_space(draft, chance),
            Language::English => swap_letters(draft, chance),
        }
    }
}

/// Begins every sentence with a capital letter, and makes the word "i" a capital.
fn capitalize(draft: &mut Draft) {
    let mut begins = true;
    let mut capitals: Vec<usize> = Vec::new();
    let bytes = draft.text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let alone = *byte == b'i'
            && !bytes
                .get(at.wrapping_sub(1))
                .is_some_and(u8::is_ascii_alphanumeric)
            && bytes.get(at.wrapping_sub(1)) != Some(&b'\'')
            && bytes
                .get(at + 1)
                .is_none_or(|next| matches!(next, b' ' | b'\''));
        if byte.is_ascii_lowercase() && (begins || alone) && !in_name(&draft.names, at) {
            capitals.push(at);
        }
        begins = match byte {
            b'.' | b'!' | b'?' => true,
            b' ' | b'\n' | b'"' => begins,
            _ => false,
        };
    }
    for at in capitals {
        if let Some(letter) = draft.text.get(at..=at).map(str::to_ascii_uppercase) {
            draft.text.replace_range(at..=at, &letter);
        }
    }
}

/// Spells one word as many people do.
fn misspell(draft: &mut Draft, chance: &mut Chance) {
    let first = chance.index(KOREAN.len());
    for (right, wrong) in KOREAN.iter().cycle().skip(first).take(KOREAN.len()) {
        let found = draft.text.find(right);
        if let Some(at) = found.filter(|at| !in_name(&draft.names, *at)) {
            replace(draft, at..at + right.len(), wrong);
            return;
        }
    }
}

/// Leaves out one space between two Korean words.
fn drop_space(draft: &mut Draft, chance: &mut Chance) {
    let is_korean =
        |character: Option<char>| character.is_some_and(|one| ('가'..='힣').contains(&one));
    let spaces: Vec<usize> = draft
        .text
        .match_indices(' ')
        .map(|(at, _)| at)
        .filter(|at| {
            let before = draft
                .text
                .get(..*at)
                .and_then(|text| text.chars().next_back());
            let after = draft
                .text
                .get(at + 1..)
                .and_then(|text| text.chars().next());
            is_korean(before) && is_korean(after) && !in_name(&draft.names, *at)
        })
        .collect();
    if let Some(at) = chance.pick(&spaces).copied() {
        replace(draft, at..at + 1, "");
    }
}

/// Swaps two letters within a word.
fn swap_letters(draft: &mut Draft, chance: &mut Chance) {
    let bytes = draft.text.as_bytes();
    let offsets: Vec<usize> = (1..bytes.len().saturating_sub(3))
        .filter(|at| {
            let around = bytes.get(at - 1..at + 3);
            around.is_some_and(|around| around.iter().all(u8::is_ascii_lowercase))
                && !in_name(&draft.names, *at)
        })
        .collect();
    if let Some(at) = chance.pick(&offsets).copied()
        && let Some(pair) = draft.text.get(at..at + 2)
    {
        let swapped: String = pair.chars().rev().collect();
        draft.text.replace_range(at..at + 2, &swapped);
    }
}

fn in_name(names: &[Range<usize>], at: usize) -> bool {
    names.iter().any(|name| name.contains(&at))
}

/// Replaces a part of the text, and moves the ranges of names accordingly.
fn replace(draft: &mut Draft, part: Range<usize>, by: &str) {
    for name in &mut draft.names {
        if name.start >= part.end {
            let length = name.end - name.start;
            name.start = name.start - (part.end - part.start) + by.len();
            name.end = name.start + length;
        }
    }
    draft.text.replace_range(part, by);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str, name: &str) -> Draft {
        let names = text.match_indices(name);
        Draft::holding(text, names.map(|(at, name)| at..at + name.len()).collect())
    }

    #[test]
    fn sentences_begin_with_capitals_and_names_stay() {
        let mut draft = draft(
            "ok i saw pellivar. it's what i'm into! pellivar wins",
            "pellivar",
        );
        capitalize(&mut draft);
        assert_eq!(
            draft.text,
            "Ok I saw pellivar. It's what I'm into! pellivar wins"
        );
    }

    #[test]
    fn mistakes_leave_names_alone() {
        let mut chance = Chance::of(3);
        for _ in 0..200 {
            let mut korean = draft(
                "여섯번째 우산 진짜 너무 많이 봤는데 왜 그래",
                "여섯번째 우산",
            );
            misspell(&mut korean, &mut chance);
            drop_space(&mut korean, &mut chance);
            assert!(korean.text.starts_with("여섯번째 우산"), "{}", korean.text);
            let mut english = draft("everything about honksworth again", "honksworth");
            swap_letters(&mut english, &mut chance);
            assert!(english.text.contains("honksworth"), "{}", english.text);
        }
    }
}
