//! Which keywords are in a text.
//!
//! All keywords are sought at once (Aho and Corasick, 1975), in the normal form of the text, so the
//! cost follows the length of the text and not the number of keywords. Occurrences may overlap and
//! lie within each other. One counts unless, at one of its edges, the character inside and its
//! neighbour outside are both letters, digits or `_` of scripts that put spaces between words: `ai`
//! is in "AI는", not in "paid", and `연기` is in "연기력".
//!
//! Letters are the characters of general category L, digits those of Nd. Scripts without spaces, or
//! whose words take endings, are Hangul, Han, Hiragana and Katakana, by Script_Extensions, so that
//! `ー`, which is common to the last two, is one of them.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Match};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use crate::events::{Keyword, normal_form};

/// Finds keywords in texts. Building one for 100,000 keywords takes 0.1 to 0.3 s and 10 to 40 MB, by
/// their length, so share it, and build a new one when the keywords change.
#[derive(Debug)]
pub struct Matcher {
    /// In order, each once.
    keywords: Vec<Keyword>,
    parts: Vec<Part>,
}

/// An automaton over neighbours among the keywords. One holds them all, until they are millions.
#[derive(Debug)]
struct Part {
    /// The keyword that is its pattern 0.
    first: usize,
    automaton: AhoCorasick,
}

impl Matcher {
    /// A matcher for these keywords, in any order, repeated or not.
    pub fn new(keywords: impl IntoIterator<Item = Keyword>) -> Self {
        let mut keywords: Vec<Keyword> = keywords.into_iter().collect();
        keywords.sort_unstable();
        keywords.dedup();
        let mut parts = Vec::with_capacity(1);
        build(&keywords, 0, &mut parts);
        Self { keywords, parts }
    }

    /// The keywords that are in a text, each once, in their order.
    pub fn keywords_in(&self, text: &str) -> Vec<&Keyword> {
        if self.keywords.is_empty() {
            return Vec::new();
        }
        let text = normal_form(text);
        let mut found = BTreeSet::new();
        for part in &self.parts {
            for occurrence in part.automaton.find_overlapping_iter(&text) {
                let keyword = part.first + occurrence.pattern().as_usize();
                if !found.contains(&keyword) && counts(&text, &occurrence) {
                    found.insert(keyword);
                }
            }
        }
        let keywords = found.into_iter();
        keywords
            .filter_map(|keyword| self.keywords.get(keyword))
            .collect()
    }

    /// How many keywords it looks for.
    pub fn keywords(&self) -> usize {
        self.keywords.len()
    }
}

/// Builds an automaton over keywords, of which the first is number `first`; two over half of them
/// each when one cannot address so many states.
fn build(keywords: &[Keyword], first: usize, parts: &mut Vec<Part>) {
    let automaton = AhoCorasick::builder()
        // The densest form, for a handful of keywords as for 100,000.
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

/// Neither edge of the occurrence is inside a word.
fn counts(text: &str, occurrence: &Match) -> bool {
    !within_word(text, occurrence.start()) && !within_word(text, occurrence.end())
}

/// The characters on both sides of this position are of one spaced word.
fn within_word(text: &str, position: usize) -> bool {
    text.split_at_checked(position).is_some_and(|(before, behind)| {
        let sides = (before.chars().next_back(), behind.chars().next());
        matches!(sides, (Some(before), Some(behind)) if in_spaced_word(before) && in_spaced_word(behind))
    })
}

/// A letter, a digit or `_`, of a script that puts spaces between words.
fn in_spaced_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    let letter = character.general_category_group() == GeneralCategoryGroup::Letter;
    let digit = character.general_category() == GeneralCategory::DecimalNumber;
    (letter || digit) && !is_unspaced(character)
}

fn is_unspaced(character: char) -> bool {
    let scripts = character.script_extension();
    // Characters of all scripts (Common, Inherited) would be said to be of each.
    let of_all = scripts.is_common() || scripts.is_inherited();
    !of_all
        && [
            Script::Hangul,
            Script::Han,
            Script::Hiragana,
            Script::Katakana,
        ]
        .into_iter()
        .any(|script| scripts.contains_script(script))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn a_keyword_in_spaced_script_is_a_word_of_its_own() {
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
    fn a_keyword_in_unspaced_script_may_be_in_a_word() {
        assert!(holds("연기력이 좋다", "연기"));
        assert!(holds("명연기", "연기"));
        assert!(holds("スーパーマン", "スーパー"));
        assert!(holds("ラーメン", "ー"));
        assert!(holds("aーb", "ー"));
        assert!(holds("北京大学", "京大"));
        assert!(!holds("연 기", "연기"));
    }

    #[test]
    fn an_edge_that_is_no_letter_needs_no_gap() {
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
    fn an_occurrence_inside_a_word_does_not_hide_a_later_one() {
        assert!(holds("paid ai", "ai"));
        assert!(holds("aaa aa", "aa"));
        assert!(!holds("aaa", "aa"));
    }

    #[test]
    fn no_keywords_are_in_no_text() {
        assert!(Matcher::new([]).keywords_in("ai").is_empty());
    }

    /// Every occurrence of every keyword, by the letter of the rule; the alphabet of the property
    /// below says by itself what is of a spaced word.
    fn naive(keywords: &BTreeSet<String>, text: &str) -> Vec<String> {
        let text: Vec<char> = normal_form(text).chars().collect();
        let spaced = |character: Option<&char>| character.is_some_and(|c| "ab1_éд".contains(*c));
        let within = |at: usize| {
            spaced(at.checked_sub(1).and_then(|at| text.get(at))) && spaced(text.get(at))
        };
        let is_in = |wanted: &&String| {
            let wanted: Vec<char> = wanted.chars().collect();
            (0..text.len()).any(|start| {
                let end = start + wanted.len();
                text[start..].starts_with(&wanted) && !within(start) && !within(end)
            })
        };
        keywords.iter().filter(is_in).cloned().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_naive_search_agrees(
            keywords in prop::collection::btree_set("[ab1_éд가나漢あー.🍎]{1,3}", 0..12),
            text in "[abAB1_éДд가나漢あー.🍎 ]{0,40}",
        ) {
            let matcher = Matcher::new(keywords.iter().map(|text| keyword(text)));
            prop_assert_eq!(found(&matcher, &text), naive(&keywords, &text));
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
