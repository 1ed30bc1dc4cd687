//! The keywords that the lines of a body have tracked, with matchers over them.
//!
//! In: keywords with their rules, in the order of the lines. Out: those that a text matches.

use std::collections::BTreeMap;

use crate::events::{Keyword, KeywordRules};
use crate::text::Matcher;

/// The present rules of the keywords that a body has changed; `None` for an untracked keyword.
type Present = BTreeMap<Keyword, Option<KeywordRules>>;

/// Keywords with matchers over them. The parts double in size, so that adding keywords one at a
/// time builds few large matchers.
#[derive(Debug, Default)]
pub(super) struct AddedKeywords(Vec<Part>);

/// Some of the keywords, with the rules that they had when they were added.
#[derive(Debug)]
struct Part {
    rules: BTreeMap<Keyword, KeywordRules>,
    /// Number of keywords and texts of rules.
    patterns: usize,
    matcher: Matcher,
}

impl AddedKeywords {
    /// Whether no keyword was added.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a keyword with its present rules. A part that is joined with the new keyword loses the
    /// keywords whose rules have changed since.
    pub(super) fn add(&mut self, keyword: Keyword, rules: KeywordRules, present: &Present) {
        let mut patterns = patterns_of(&rules);
        let mut joined = BTreeMap::from([(keyword, rules)]);
        while let Some(last) = self.0.pop_if(|last| last.patterns <= patterns) {
            let current = last.rules.into_iter();
            let current = current.filter(|(keyword, rules)| is_present(present, keyword, rules));
            for (keyword, rules) in current {
                let more = patterns_of(&rules);
                if joined.insert(keyword, rules).is_none() {
                    patterns = patterns.saturating_add(more);
                }
            }
        }
        let ruled = joined.iter();
        let ruled = ruled.map(|(keyword, rules)| (keyword.clone(), rules.clone()));
        self.0.push(Part {
            matcher: Matcher::with_rules(ruled),
            rules: joined,
            patterns,
        });
    }

    /// The keywords that a text matches by their present rules. A keyword can repeat.
    pub(super) fn matching<'a>(
        &'a self,
        text: &'a str,
        present: &'a Present,
    ) -> impl Iterator<Item = Keyword> + 'a {
        self.0.iter().flat_map(move |part| {
            let found = part.matcher.keywords_in(text).into_iter();
            let current = found.filter(|keyword| {
                let rules = part.rules.get(*keyword);
                rules.is_some_and(|rules| is_present(present, keyword, rules))
            });
            current.cloned()
        })
    }
}

fn patterns_of(rules: &KeywordRules) -> usize {
    1 + rules.any().len() + rules.none().len()
}

fn is_present(present: &Present, keyword: &Keyword, rules: &KeywordRules) -> bool {
    matches!(present.get(keyword), Some(Some(current)) if current == rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keywords of a body, changed line by line.
    #[derive(Default)]
    struct Body {
        present: Present,
        added: AddedKeywords,
    }

    impl Body {
        fn track(&mut self, keyword: &str, any: &[&str]) {
            let keyword = Keyword::new(keyword).unwrap();
            let rules = KeywordRules::of_test(any, &[]);
            self.present.insert(keyword.clone(), Some(rules.clone()));
            self.added.add(keyword, rules, &self.present);
        }

        fn untrack(&mut self, keyword: &str) {
            self.present.insert(Keyword::new(keyword).unwrap(), None);
        }

        fn matching(&self, text: &str) -> Vec<String> {
            let found = self.added.matching(text, &self.present);
            let mut names: Vec<String> = found.map(|keyword| keyword.to_string()).collect();
            names.sort();
            names.dedup();
            names
        }
    }

    #[test]
    fn last_rules_of_a_keyword_count() {
        let mut body = Body::default();
        for number in 0..9 {
            body.track(&format!("k{number}"), &[]);
        }
        body.track("k3", &["x"]);
        assert_eq!(body.matching("x k3"), ["k3"]);
        body.track("k3", &["y"]);
        assert!(body.matching("x").is_empty());
        assert_eq!(body.matching("y k8"), ["k3", "k8"]);
        body.track("k3", &[]);
        assert!(body.matching("x y").is_empty());
        body.untrack("k3");
        assert!(body.matching("k3").is_empty());
        body.track("k3", &["x"]);
        assert_eq!(body.matching("x"), ["k3"]);
    }

    #[test]
    fn many_changes_of_one_keyword_keep_one_part() {
        let mut body = Body::default();
        for number in 0..1_000 {
            body.track("k", &[&format!("t{number}")]);
        }
        assert_eq!(body.added.0.len(), 1);
        assert_eq!(body.matching("t999 t998"), ["k"]);
        assert!(body.matching("t998").is_empty());
    }
}
