//! Extracts the keys of a text: words, hashtags and mentions.

use std::ops::Range;
use std::sync::Arc;

use super::korean::{self, Before};
use super::lexicon::{Lexicon, SYLLABLE};
use super::segments::{Kind, is_han, segments};
use super::stop_words::{self, is_stop_word};
use super::tweet_keys::TweetKeys;
use super::user_words::UserWords;
use crate::events::{NORMAL_FORM_VERSION, normal_form, normalise_into};

/// The version of the rules in this folder. It is raised with every change of the rules that gives
/// any text different keys.
const RULES_VERSION: u32 = 1;

/// Maximum length of the analysed normal form, in bytes. A text of 10,000 Hangul syllables has
/// 30,000 bytes. Only a text that grows in normal form can be longer. The part beyond the maximum
/// gives no keys.
const MAX_TEXT_BYTES: usize = 32 * 1024;

/// Maximum length of a word, in code points. A keyword has the same maximum.
const LONGEST_WORD: usize = 64;
/// Maximum length of a word of Han characters, in code points. A longer run of them is a sentence
/// and gives no word.
const LONGEST_HAN: usize = 6;

/// Settings of the analyser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnalyserSettings {
    /// Words that the analyser always finds, even if the rules would drop or split them. They may
    /// contain spaces and punctuation.
    pub user_words: Vec<String>,
}

impl AnalyserSettings {
    /// The user words in normal form, sorted, each once. Words without a normal form are left out.
    pub fn words(&self) -> Vec<String> {
        let words = self.user_words.iter();
        let words = words.map(|word| with_ascii_apostrophes(normal_form(word)));
        let mut words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
        words.sort_unstable();
        words.dedup();
        words
    }
}

/// Extracts keys from texts. A clone is cheap.
#[derive(Debug, Clone, Default)]
pub struct Analyser {
    user_words: Arc<UserWords>,
}

impl Analyser {
    /// Makes an analyser with these settings.
    pub fn new(settings: &AnalyserSettings) -> Self {
        Self {
            user_words: Arc::new(UserWords::new(&settings.words())),
        }
    }

    /// Replaces the contents of `out` with the keys of a text.
    pub fn keys(&self, text: &str, out: &mut TweetKeys) {
        out.clear_for(text.len().min(MAX_TEXT_BYTES));
        normalise_into(text, MAX_TEXT_BYTES, &mut out.text);
        self.analyse(out);
    }

    fn analyse(&self, out: &mut TweetKeys) {
        let text = with_ascii_apostrophes(std::mem::take(&mut out.text));
        let mut occurrences = Vec::new();
        self.user_words.find(&text, |word| occurrences.push(word));
        let mut entities = Vec::new();
        let mut before = Preceding::default();
        segments(&text, |kind, range| {
            match kind {
                Kind::Hashtag => out.add_hashtag(&text, &range),
                Kind::Mention => out.add_mention(&text, &range),
                Kind::Url => {}
                Kind::Hangul | Kind::Word if overlaps(&occurrences, &range) => {}
                Kind::Hangul => {
                    if let Some(word) = hangul_word(&text, range.clone(), &before) {
                        out.add_word(&text, &word);
                    }
                }
                Kind::Word => {
                    if let Some(word) = word(&text, range.clone()) {
                        out.add_word(&text, &word);
                    }
                }
            }
            if !occurrences.is_empty() && !matches!(kind, Kind::Hangul | Kind::Word) {
                entities.push(range.clone());
            }
            before = Preceding {
                kind: Some(kind),
                range,
            };
        });
        for word in occurrences {
            if !overlaps(&entities, &word) {
                out.add_word(&text, &word);
            }
        }
        out.finish(text);
    }
}

/// The segment before the current one.
#[derive(Debug, Default)]
struct Preceding {
    kind: Option<Kind>,
    range: Range<usize>,
}

impl Preceding {
    /// The text of the segment, if the segment ends at `position`.
    fn adjoining<'t>(&self, text: &'t str, position: usize) -> Option<&'t str> {
        let adjoins = self.kind.is_some() && self.range.end == position;
        text.get(self.range.clone()).filter(|_| adjoins)
    }
}

/// Whether `range` overlaps one of `others`, which are in order and do not overlap each other.
fn overlaps(others: &[Range<usize>], range: &Range<usize>) -> bool {
    let before = others.partition_point(|other| other.end <= range.start);
    let next = others.get(before);
    next.is_some_and(|next| next.start < range.end)
}

/// Replaces typographic apostrophes in a normal form by the ASCII apostrophe.
fn with_ascii_apostrophes(text: String) -> String {
    if text.contains('’') {
        text.replace('’', "'")
    } else {
        text
    }
}

/// The range of the word in a run of Hangul syllables, if it has one.
fn hangul_word(text: &str, run: Range<usize>, preceding: &Preceding) -> Option<Range<usize>> {
    let adjoining = preceding.adjoining(text, run.start);
    let before = match adjoining {
        None => Before::Nothing,
        Some(number) if preceding.kind == Some(Kind::Word) && is_number(number) => Before::Number,
        Some(_) => Before::Word,
    };
    let syllables = text.get(run.clone())?;
    // A Latin letter and the noun of one syllable after it are one word: k팝.
    if let Some(letter) = adjoining
        && letter.len() == 1
        && before == Before::Word
        && korean::begins_with_syllable_noun(syllables)
    {
        return Some(run.start - 1..run.start + SYLLABLE);
    }
    let noun = korean::noun(syllables, before)?;
    let word = run.start + noun.start * SYLLABLE..run.start + noun.end * SYLLABLE;
    let is_whole = word == run && syllables.ends_with(['고', '게']);
    (!is_whole || !leads_to_verb(text.get(run.end..)?)).then_some(word)
}

/// Whether the text continues with a verb that can only follow the ending of another verb. In "사고
/// 싶다", 사고 is a form of "buy" and not the noun "accident".
fn leads_to_verb(text: &str) -> bool {
    const VERBS: [&str; 11] = [
        "싶", "있", "계", "되", "된", "될", "됐", "됩", "돼", "말", "나서",
    ];
    text.strip_prefix(' ')
        .is_some_and(|next| VERBS.iter().any(|verb| next.starts_with(verb)))
}

/// The range of the word in a segment of another script, if it has one.
fn word(text: &str, segment: Range<usize>) -> Option<Range<usize>> {
    let whole = text.get(segment.clone())?;
    if is_plain(whole) {
        let is_word = whole.len() >= 2 && !is_stop_word(whole);
        return is_word.then_some(segment);
    }
    let inner = |c: char| c != '_' && c != '\u{200c}' && c != '\u{200d}';
    let word = whole.trim_start_matches(|c| !inner(c));
    let start = segment.end - word.len();
    let word = without_owner(word.trim_end_matches(|c| !inner(c)))?;
    let is_word = if word.is_ascii() {
        (2..=LONGEST_WORD).contains(&word.len())
            && word.bytes().any(|byte| byte.is_ascii_alphabetic())
    } else {
        let longest = if word.chars().all(is_han) {
            LONGEST_HAN
        } else {
            LONGEST_WORD
        };
        (2..=longest).contains(&word.chars().count()) && word.chars().any(char::is_alphabetic)
    };
    is_word.then_some(start..start + word.len())
}

/// Whether a segment consists of lower-case ASCII letters and is not too long for a word. This is a
/// shortcut: the general rules give the same word.
fn is_plain(segment: &str) -> bool {
    segment.len() <= LONGEST_WORD && segment.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A word without the ending `'s` of the genitive; `None` if the word is a stop word with or
/// without this ending.
fn without_owner(word: &str) -> Option<&str> {
    if is_stop_word(word) {
        return None;
    }
    match word.strip_suffix("'s") {
        Some(owner) => (!is_stop_word(owner)).then_some(owner),
        None => Some(word),
    }
}

/// Whether a word consists of digits, full stops and commas.
fn is_number(word: &str) -> bool {
    word.bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
}

/// Returns a number that identifies how texts are analysed. It changes with the rules, the normal
/// form, the lexicon, the stop words and the settings.
pub fn analyser_version(settings: &AnalyserSettings) -> u64 {
    let mut hash = blake3::Hasher::new();
    hash.update(&RULES_VERSION.to_le_bytes());
    hash.update(&NORMAL_FORM_VERSION.to_le_bytes());
    for lexicon in Lexicon::bytes() {
        hash.update(blake3::hash(lexicon).as_bytes());
    }
    for list in stop_words::lists() {
        hash.update(blake3::hash(list.as_bytes()).as_bytes());
    }
    for word in settings.words() {
        hash.update(word.as_bytes());
        // No word contains a line feed.
        hash.update(b"\n");
    }
    hash.finalize()
        .as_bytes()
        .first_chunk()
        .map_or(0, |first| u64::from_le_bytes(*first))
}
