//! The matcher: finds the keywords that occur in a text.
//!
//! In: the set of tracked keywords, and texts. Out: the keywords of each text, each once.
//!
//! One pass over the normal form of the text finds all keywords (Aho and Corasick, 1975), so the
//! cost depends on the length of the text and not on the number of keywords. Occurrences can
//! overlap and be nested. An occurrence counts if both of its edges are boundaries of extended
//! grapheme clusters (UAX 29) and neither edge is inside a word: 🇷🇺 is not in "🇰🇷🇺🇸", and `हिन्द`
//! is not in "हिन्दी".
//!
//! An edge is inside a word if the characters on both sides of it are letters, digits or `_` of
//! scripts that put spaces between words. Up to seven marks and joiners are skipped on either side.
//! So `ai` is in "AI는" and not in "paid", and `연기` is in "연기력".
//!
//! Letters are the characters of general category L, digits those of Nd, marks those of M. Joiners
//! are U+200C and U+200D. The scripts without spaces between words, or with endings on words, are
//! Hangul, Han, Hiragana, Katakana, Thai, Lao, Khmer and Myanmar. The test uses Script_Extensions,
//! so that `ー`, which Hiragana and Katakana share, belongs to them.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Match};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use super::boundaries::Boundaries;
use crate::events::{Keyword, normal_form};

/// Finds keywords in texts. Building a matcher for 100,000 keywords takes 0.1 to 0.3 s and 10 to 40
/// MB, depending on their lengths. So share one matcher, and build a new one when the keywords
/// change.
#[derive(Debug)]
pub struct Matcher {
    /// The keywords in order, each once.
    keywords: Vec<Keyword>,
    parts: Vec<Part>,
}

/// An automaton over a range of the keywords. One automaton is enough for up to some millions.
#[derive(Debug)]
struct Part {
    /// The index of the keyword of pattern 0.
    first: usize,
    automaton: AhoCorasick,
}

impl Matcher {
    /// Builds a matcher for these keywords. They can be in any order and repeat.
    pub fn new(keywords: impl IntoIterator<Item = Keyword>) -> Self {
        let mut keywords: Vec<Keyword> = keywords.into_iter().collect();
        keywords.sort_unstable();
        keywords.dedup();
        let mut parts = Vec::with_capacity(1);
        build(&keywords, 0, &mut parts);
        Self { keywords, parts }
    }

    /// Returns the keywords that occur in a text, each once, in order.
    pub fn keywords_in(&self, text: &str) -> Vec<&Keyword> {
        if self.keywords.is_empty() {
            return Vec::new();
        }
        let text = normal_form(text);
        let boundaries = Boundaries::of(&text);
        let mut found = BTreeSet::new();
        for part in &self.parts {
            for occurrence in part.automaton.find_overlapping_iter(&text) {
                let keyword = part.first + occurrence.pattern().as_usize();
                if !found.contains(&keyword) && counts(&text, &boundaries, &occurrence) {
                    found.insert(keyword);
                }
            }
        }
        let keywords = found.into_iter();
        keywords
            .filter_map(|keyword| self.keywords.get(keyword))
            .collect()
    }

    /// The number of keywords.
    pub fn keywords(&self) -> usize {
        self.keywords.len()
    }
}

/// Builds an automaton over `keywords`, of which the first one has the index `first`. If the
/// keywords need more states than one automaton can address, builds one automaton for each half.
fn build(keywords: &[Keyword], first: usize, parts: &mut Vec<Part>) {
    let automaton = AhoCorasick::builder()
        // The densest form, for a handful of keywords as well as for 100,000.
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(keywords.iter().map(Keyword::as_str));
    if let Ok(automaton) = automaton {
        parts.push(Part { first, automaton });
    } else if keywords.len() > 1 {
        let (lower, upper) = keywords.split_at(keywords.len() / 2);
        build(lower, first, parts);
        build(upper, first + lower.len(), parts);
    }
}

/// Maximum number of marks and joiners that are skipped on either side of an edge to find the word
/// around it.
const MAX_SKIPPED_CHARS: usize = 7;

/// Whether an occurrence counts: [`is_edge`] accepts both of its ends.
fn counts(text: &str, boundaries: &Boundaries<'_>, occurrence: &Match) -> bool {
    is_edge(text, boundaries, occurrence.start()) && is_edge(text, boundaries, occurrence.end())
}

/// Whether the characters before and after a position belong to two clusters, and not to the same
/// word of a script with spaces.
fn is_edge(text: &str, boundaries: &Boundaries<'_>, position: usize) -> bool {
    let Some((before, behind)) = text.split_at_checked(position) else {
        return false;
    };
    let (before, behind) = (before.chars().rev(), behind.chars());
    if is_spaced_word(before.clone()) && is_spaced_word(behind.clone()) {
        return false;
    }
    let neighbours = (before.clone().next(), behind.clone().next());
    boundaries.between(neighbours.0, neighbours.1, position)
}

/// Whether the first character on one side of an edge, after skipped marks and joiners, belongs to
/// a word of a script with spaces.
fn is_spaced_word(side: impl Iterator<Item = char>) -> bool {
    let mut skipped = 0;
    for character in side {
        if skipped < MAX_SKIPPED_CHARS && is_mark_or_joiner(character) {
            skipped += 1;
        } else {
            return in_spaced_word(character);
        }
    }
    false
}

fn is_mark_or_joiner(character: char) -> bool {
    // No mark is below U+0300, or among Hangul syllables and Han.
    !matches!(character, '\0'..'\u{300}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
        && (matches!(character, '\u{200c}' | '\u{200d}')
            || character.general_category_group() == GeneralCategoryGroup::Mark)
}

/// Whether a character is a letter, a digit or `_` of a script that puts spaces between words.
fn in_spaced_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    // The most frequent characters: letters of Latin, Cyrillic and Arabic, Hangul syllables, Han.
    match character {
        '\u{d7}' | '\u{f7}' => return false,
        '\u{c0}'..='\u{24f}' | '\u{410}'..='\u{44f}' | '\u{621}'..='\u{63a}' => return true,
        '\u{ac00}'..='\u{d7a3}' | '\u{4e00}'..='\u{9fff}' => return false,
        _ => {}
    }
    let letter = character.general_category_group() == GeneralCategoryGroup::Letter;
    let digit = character.general_category() == GeneralCategory::DecimalNumber;
    (letter || digit) && !is_unspaced(character)
}

fn is_unspaced(character: char) -> bool {
    let scripts = character.script_extension();
    // Characters that all scripts share (Common, Inherited) would count as letters of each script.
    let of_all = scripts.is_common() || scripts.is_inherited();
    !of_all
        && [
            Script::Hangul,
            Script::Han,
            Script::Hiragana,
            Script::Katakana,
            Script::Thai,
            Script::Lao,
            Script::Khmer,
            Script::Myanmar,
        ]
        .into_iter()
        .any(|script| scripts.contains_script(script))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    fn keyword(text: &str) -> Keyword {
        Keyword::new(text).unwrap()
    }

    fn found<'k>(matcher: &'k Matcher, text: &str) -> Vec<&'k str> {
        let keywords = matcher.keywords_in(text);
        keywords.into_iter().map(Keyword::as_str).collect()
    }

    fn holds(text: &str, wanted: &str) -> bool {
        let matcher = Matcher::new([keyword(wanted)]);
        !matcher.keywords_in(text).is_empty()
    }

    #[test]
    fn keyword_in_a_script_with_spaces_matches_whole_words_only() {
        for text in [
            "AI는", "한국AI", "ＡＩ!", "ai", "(AI)", "an ai.", "paid ai", "AIアイ", "人AI人",
        ] {
            assert!(holds(text, "ai"), "{text}");
        }
        for text in ["paid", "ai_", "ai2", "2ai", "aiд", "éai", "ai٣", ""] {
            assert!(!holds(text, "ai"), "{text}");
        }
    }

    #[test]
    fn keyword_in_a_script_without_spaces_matches_inside_a_word() {
        assert!(holds("연기력이 좋다", "연기"));
        assert!(holds("명연기", "연기"));
        assert!(holds("スーパーマン", "スーパー"));
        assert!(holds("ラーメン", "ー"));
        assert!(holds("aーb", "ー"));
        assert!(holds("北京大学", "京大"));
        assert!(!holds("연 기", "연기"));
    }

    #[test]
    fn keyword_in_a_script_without_spaces_matches_in_running_text() {
        assert!(holds("ยินดีต้อนรับสู่ประเทศไทยครับ", "ประเทศไทย"));
        assert!(holds("ดื่มน้ำเย็น", "น้ำ"));
        assert!(holds("ຍິນດີຕ້ອນຮັບສູ່ປະເທດລາວ", "ປະເທດລາວ"));
        assert!(holds("ព្រះរាជាណាចក្រកម្ពុជា", "កម្ពុជា"));
        assert!(holds("မြန်မာနိုင်ငံ", "မြန်မာ"));
        assert!(holds("배우ㄳ", "배우"));
        assert!(holds("ㅋㅋㅠㅠ", "ㅋㅋ"));
        assert!(holds("진짜ㅋㅋㅋ", "ㅋㅋ"));
        assert!(holds("ﾻﾻ", "ㅋㅋ"));
    }

    #[test]
    fn keyword_does_not_match_inside_a_cluster() {
        for (text, keyword) in [
            ("हिन्दी", "हिन्द"),
            ("🇰🇷🇺🇸", "🇷🇺"),
            ("👩\u{200d}💻", "👩"),
            ("👩\u{200d}💻", "💻"),
            ("👍🏽", "👍"),
            ("น้ำ", "น"),
            ("x\u{302}", "x"),
            ("한\u{11a8}", "한"),
        ] {
            assert!(!holds(text, keyword), "{keyword} in {text}");
        }
        for (text, keyword) in [
            ("a हिन्द b", "हिन्द"),
            ("🇰🇷🇺🇸", "🇺🇸"),
            ("나는👩\u{200d}💻", "👩\u{200d}💻"),
            ("❤\u{fe0f}\u{fe0f}", "❤"),
            ("I ❤ u", "❤\u{fe0f}"),
            (
                "🏴\u{e0067}\u{e0062}\u{e007f}",
                "🏴\u{e0067}\u{e0062}\u{e007f}",
            ),
        ] {
            assert!(holds(text, keyword), "{keyword} in {text}");
        }
        assert!(!holds("🏴\u{e0067}\u{e0062}\u{e007f}", "🏴"));
    }

    #[test]
    fn marks_and_joiners_do_not_end_a_word() {
        let marks = |count: usize| "\u{302}".repeat(count);
        assert!(!holds("हिन्दीभाषा", "हिन्दी"));
        assert!(!holds("हिन्दीभाषा", "भाषा"));
        assert!(!holds("می\u{200c}خواهم", "خواهم"));
        assert!(!holds(&format!("x{}ai", marks(7)), "ai"));
        assert!(holds(&format!("x{}ai", marks(8)), "ai"));
        assert!(holds(&format!("가{}ai", marks(2)), "ai"));
        assert!(holds(&format!(".{}ai", marks(2)), "ai"));
    }

    #[test]
    fn shortcuts_agree_with_the_tables() {
        for character in '\0'..='\u{d7ff}' {
            let spaced = match character {
                '\0'..='\u{7f}' => character.is_ascii_alphanumeric() || character == '_',
                _ => {
                    let group = character.general_category_group();
                    let digit = character.general_category() == GeneralCategory::DecimalNumber;
                    (group == GeneralCategoryGroup::Letter || digit) && !is_unspaced(character)
                }
            };
            assert_eq!(in_spaced_word(character), spaced, "{character:?}");
            let joiner = matches!(character, '\u{200c}' | '\u{200d}');
            let mark = character.general_category_group() == GeneralCategoryGroup::Mark;
            assert_eq!(
                is_mark_or_joiner(character),
                mark || joiner,
                "{character:?}"
            );
        }
    }

    #[test]
    fn edge_that_is_not_a_letter_needs_no_gap() {
        assert!(holds("c++b", "c++"));
        assert!(!holds("ac++b", "c++"));
        assert!(holds("foo@bar", "@"));
        assert!(holds("a🍎b", "🍎"));
        assert!(holds("US   Airways", "us airways"));
        assert!(!holds("bus airways", "us airways"));
    }

    #[test]
    fn overlapping_keywords_are_all_found_once_and_in_order() {
        let matcher = Matcher::new(["연기력", "기력", "연기", "력", "연기"].map(keyword));
        assert_eq!(matcher.keywords(), 4);
        assert_eq!(
            found(&matcher, "연기력 연기력"),
            ["기력", "력", "연기", "연기력"]
        );
    }

    #[test]
    fn occurrence_inside_a_word_does_not_hide_a_later_one() {
        assert!(holds("paid ai", "ai"));
        assert!(holds("aaa aa", "aa"));
        assert!(!holds("aaa", "aa"));
    }

    #[test]
    fn matcher_without_keywords_finds_nothing() {
        assert!(Matcher::new([]).keywords_in("ai").is_empty());
    }

    /// Finds the keywords without an automaton, by checking the rule at every position. The
    /// characters that belong to words with spaces are listed here, not taken from the matcher.
    fn naive(keywords: &BTreeSet<String>, text: &str) -> Vec<String> {
        let text = normal_form(text);
        let spaced = |mut side: Box<dyn Iterator<Item = char> + '_>| {
            for _ in 0..7 {
                match side.next() {
                    Some('\u{302}' | '\u{200c}' | '\u{200d}' | 'ी' | '่' | '\u{20e3}') => {}
                    other => return other.is_some_and(|c| "aâb1_éдहद".contains(c)),
                }
            }
            side.next().is_some_and(|c| "aâb1_éдहद".contains(c))
        };
        let is_edge = |at: usize| {
            let (before, behind) = text.split_at(at);
            let mut starts = text.grapheme_indices(true).map(|(start, _)| start);
            let is_boundary = at == text.len() || starts.any(|start| start == at);
            is_boundary
                && !(spaced(Box::new(before.chars().rev())) && spaced(Box::new(behind.chars())))
        };
        let is_in = |wanted: &&String| {
            (0..text.len()).any(|start| {
                let is_there = text
                    .get(start..)
                    .is_some_and(|rest| rest.starts_with(&**wanted));
                is_there && is_edge(start) && is_edge(start + wanted.len())
            })
        };
        keywords.iter().filter(is_in).cloned().collect()
    }

    fn texts(lengths: &str) -> impl Strategy<Value = String> {
        let alphabet = "[abAB1_éДд가나ㄱㅋ漢あー.🍎 हदीก่🇰🇷👩\u{302}\u{200c}\u{200d}\u{20e3}]";
        prop::string::string_regex(&format!("{alphabet}{lengths}")).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn matcher_agrees_with_a_naive_search(
            keywords in prop::collection::vec(texts("{1,4}"), 0..12),
            text in texts("{0,40}"),
        ) {
            let keywords = keywords.iter().filter_map(|text| Keyword::new(text).ok());
            let keywords: Vec<Keyword> = keywords.collect();
            let wanted = keywords.iter().map(Keyword::to_string).collect();
            let matcher = Matcher::new(keywords);
            prop_assert_eq!(found(&matcher, &text), naive(&wanted, &text));
        }

        #[test]
        fn any_text_can_be_searched(keywords in prop::collection::vec("\\PC{1,8}", 0..8), text in "\\PC{0,200}") {
            let keywords = keywords.iter().filter_map(|text| Keyword::new(text).ok());
            let matcher = Matcher::new(keywords);
            let normal = normal_form(&text);
            for keyword in matcher.keywords_in(&text) {
                prop_assert!(normal.contains(keyword.as_str()));
            }
        }
    }
}
