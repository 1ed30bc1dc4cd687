//! The matcher: finds the keywords that a text matches.
//!
//! In: the tracked keywords with their rules, and texts. Out: the keywords of each text, each once.
//!
//! A text matches a keyword if the keyword or a text of its rule `any` occurs in it, and no text of
//! its rule `none` does. Keywords and texts of rules are the *patterns*. One pass over the normal
//! form of the text finds all patterns (Aho and Corasick, 1975), so the cost depends on the length
//! of the text and not on the number of patterns. A pattern that several keywords share is searched
//! for once. Rules are applied to the patterns that were found, after the pass. Occurrences can
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

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, AhoCorasickKind, Match};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use super::boundaries::Boundaries;
use crate::events::{Keyword, KeywordRules, normal_form};

/// Finds keywords in texts. Building a matcher for 100,000 patterns takes 0.1 to 0.3 s and 10 to 40
/// MB, depending on their lengths. So share one matcher, and build a new one when the keywords or
/// their rules change.
#[derive(Debug)]
pub struct Matcher {
    /// The keywords in order, each once. The pattern of a keyword has the keyword's index; the
    /// patterns of rules follow.
    keywords: Vec<Keyword>,
    /// The rules of each keyword, by the index of the keyword. A clone of rules is cheap.
    rules: Vec<KeywordRules>,
    /// The effects of the patterns that are texts of rules. A pattern can be a keyword as well.
    effects: BTreeMap<usize, Vec<RuleEffect>>,
    parts: Vec<Part>,
}

/// The effect on a keyword of an occurrence of a text of its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RuleEffect {
    /// The text matches the keyword of this index, unless another text excludes it.
    Include(usize),
    /// The text does not match the keyword of this index.
    Exclude(usize),
}

/// An automaton over a range of the patterns. One automaton is enough for up to some millions of
/// patterns.
#[derive(Debug)]
struct Part {
    /// The index of the first pattern.
    first: usize,
    automaton: AhoCorasick,
}

impl Matcher {
    /// Builds a matcher for these keywords without rules. They can be in any order and repeat.
    pub fn new(keywords: impl IntoIterator<Item = Keyword>) -> Self {
        let keywords = keywords.into_iter();
        Self::with_rules(keywords.map(|keyword| (keyword, KeywordRules::default())))
    }

    /// Builds a matcher for these keywords with their rules. They can be in any order. If a keyword
    /// repeats, its first rules count.
    pub fn with_rules(keywords: impl IntoIterator<Item = (Keyword, KeywordRules)>) -> Self {
        let mut keywords: Vec<(Keyword, KeywordRules)> = keywords.into_iter().collect();
        keywords.sort_by(|(a, _), (b, _)| a.cmp(b));
        keywords.dedup_by(|(later, _), (first, _)| later == first);
        let (keywords, rules): (Vec<Keyword>, Vec<KeywordRules>) = keywords.into_iter().unzip();
        let mut patterns: Vec<&str> = keywords.iter().map(Keyword::as_str).collect();
        let effects = rule_effects(&rules, &mut patterns);
        let mut parts = Vec::with_capacity(1);
        build(&patterns, 0, &mut parts);
        Self {
            keywords,
            rules,
            effects,
            parts,
        }
    }

    /// Returns the keywords that a text matches, each once, in order.
    pub fn keywords_in(&self, text: &str) -> Vec<&Keyword> {
        if self.keywords.is_empty() {
            return Vec::new();
        }
        let text = normal_form(text);
        let boundaries = Boundaries::of(&text);
        let mut found = BTreeSet::new();
        for part in &self.parts {
            for occurrence in part.automaton.find_overlapping_iter(&text) {
                let pattern = part.first + occurrence.pattern().as_usize();
                if !found.contains(&pattern) && counts(&text, &boundaries, &occurrence) {
                    found.insert(pattern);
                }
            }
        }
        if !self.effects.is_empty() {
            found = self.matched(found);
        }
        let keywords = found.into_iter();
        keywords
            .filter_map(|keyword| self.keywords.get(keyword))
            .collect()
    }

    /// Returns the indexes of the keywords that a text matches, from the patterns that occur in it.
    fn matched(&self, mut patterns: BTreeSet<usize>) -> BTreeSet<usize> {
        let effects: Vec<RuleEffect> = patterns
            .iter()
            .filter_map(|pattern| self.effects.get(pattern))
            .flatten()
            .copied()
            .collect();
        drop(patterns.split_off(&self.keywords.len()));
        let mut matched = patterns;
        for effect in &effects {
            if let RuleEffect::Include(keyword) = effect {
                matched.insert(*keyword);
            }
        }
        for effect in &effects {
            if let RuleEffect::Exclude(keyword) = effect {
                matched.remove(keyword);
            }
        }
        matched
    }

    /// The rules by which a keyword is matched; `None` when the matcher does not have the keyword.
    pub fn rules_of(&self, keyword: &Keyword) -> Option<&KeywordRules> {
        let index = self.keywords.binary_search(keyword).ok()?;
        self.rules.get(index)
    }

    /// The keywords in order, each with its rules.
    pub fn with_their_rules(&self) -> impl Iterator<Item = (&Keyword, &KeywordRules)> {
        self.keywords.iter().zip(&self.rules)
    }

    /// The number of keywords.
    pub fn keywords(&self) -> usize {
        self.keywords.len()
    }
}

/// Returns the effects of the rules' texts by pattern. `rules` has the rules of each keyword.
/// `patterns` has the keywords in order, and gets every text of a rule that is no keyword.
fn rule_effects<'a>(
    rules: &'a [KeywordRules],
    patterns: &mut Vec<&'a str>,
) -> BTreeMap<usize, Vec<RuleEffect>> {
    let mut by_text: BTreeMap<&str, Vec<RuleEffect>> = BTreeMap::new();
    for (keyword, rules) in rules.iter().enumerate() {
        for text in rules.any() {
            let effects = by_text.entry(text).or_default();
            effects.push(RuleEffect::Include(keyword));
        }
        for text in rules.none() {
            let effects = by_text.entry(text).or_default();
            effects.push(RuleEffect::Exclude(keyword));
        }
    }
    let keywords = patterns.len();
    let mut effects_by_pattern = BTreeMap::new();
    for (text, effects) in by_text {
        let among_keywords = patterns.get(..keywords).unwrap_or_default();
        let pattern = among_keywords.binary_search(&text).unwrap_or_else(|_| {
            patterns.push(text);
            patterns.len().saturating_sub(1)
        });
        effects_by_pattern.insert(pattern, effects);
    }
    effects_by_pattern
}

/// Builds an automaton over `patterns`, of which the first one has the index `first`. If the
/// patterns need more states than one automaton can address, builds one automaton for each half.
fn build(patterns: &[&str], first: usize, parts: &mut Vec<Part>) {
    let automaton = AhoCorasick::builder()
        // The smallest representation of the automaton, for a handful of patterns as well as for
        // 100,000.
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(patterns);
    if let Ok(automaton) = automaton {
        parts.push(Part { first, automaton });
    } else if patterns.len() > 1 {
        let (lower, upper) = patterns.split_at(patterns.len() / 2);
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
    use crate::events::RuleTexts;
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

    fn ruled(keyword: &str, any: &[&str], none: &[&str]) -> (Keyword, KeywordRules) {
        (
            Keyword::new(keyword).unwrap(),
            KeywordRules::of_test(any, none),
        )
    }

    #[test]
    fn text_of_any_matches_and_text_of_none_excludes() {
        let matcher = Matcher::with_rules([ruled(
            "아이폰",
            &["iPhone", "애플 폰"],
            &["케이스", "iphone case"],
        )]);
        for (text, is_match) in [
            ("아이폰 샀다", true),
            ("new IPHONE today", true),
            ("my iphones", false),
            ("애플  폰 샀다", true),
            ("갤럭시 샀다", false),
            ("케이스", false),
            ("아이폰 케이스", false),
            ("케이스 말고 아이폰", false),
            ("iphone과 아이폰과 케이스", false),
            ("an iphone case", false),
            ("an iphone cases", true),
            ("", false),
        ] {
            assert_eq!(!found(&matcher, text).is_empty(), is_match, "{text}");
        }
    }

    #[test]
    fn rules_of_one_keyword_do_not_affect_another() {
        let matcher = Matcher::with_rules([
            ruled("apple", &["iphone", "mac"], &["pie"]),
            ruled("iphone", &["apple"], &[]),
            ruled("pie", &[], &["apple"]),
            ruled("mac", &[], &[]),
            ruled("tart", &["pie"], &["tart"]),
        ]);
        assert_eq!(matcher.keywords(), 5);
        for (text, expected) in [
            ("apple", &["apple", "iphone"][..]),
            ("iphone", &["apple", "iphone"]),
            ("mac", &["apple", "mac"]),
            ("pie", &["pie", "tart"]),
            ("apple pie", &["iphone", "tart"]),
            ("mac pie", &["mac", "pie", "tart"]),
            ("tart", &[]),
            ("pie tart", &["pie"]),
        ] {
            assert_eq!(found(&matcher, text), expected, "{text}");
        }
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

    /// The keywords that match by the definition of the rules, each text searched for by itself.
    fn naive_by_rules(keywords: &[(Keyword, KeywordRules)], text: &str) -> Vec<String> {
        let is_in = |wanted: &str| !naive(&BTreeSet::from([wanted.to_owned()]), text).is_empty();
        let matches = |(keyword, rules): &&(Keyword, KeywordRules)| {
            let is_included = is_in(keyword.as_str()) || rules.any().iter().any(|text| is_in(text));
            is_included && !rules.none().iter().any(|text| is_in(text))
        };
        let matching = keywords.iter().filter(matches);
        let names: BTreeSet<String> = matching.map(|(keyword, _)| keyword.to_string()).collect();
        names.into_iter().collect()
    }

    fn rules() -> impl Strategy<Value = KeywordRules> {
        let list = || prop::collection::vec(texts("{1,3}"), 0..4);
        let of = |list: Vec<String>| {
            let valid = list.iter().filter(|text| Keyword::new(text).is_ok());
            RuleTexts::new(valid.map(String::as_str)).unwrap()
        };
        (list(), list()).prop_map(move |(any, none)| KeywordRules::new(of(any), of(none)))
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
        fn matcher_with_rules_agrees_with_a_naive_search(
            keywords in prop::collection::btree_map(texts("{1,3}"), rules(), 0..6),
            text in texts("{0,24}"),
        ) {
            let mut distinct = BTreeMap::new();
            for (text, rules) in keywords {
                if let Ok(keyword) = Keyword::new(&text) {
                    distinct.insert(keyword, rules);
                }
            }
            let keywords: Vec<_> = distinct.into_iter().collect();
            let matcher = Matcher::with_rules(keywords.iter().cloned());
            prop_assert_eq!(found(&matcher, &text), naive_by_rules(&keywords, &text));
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
