//! The keywords that the lines of a body have tracked, with matchers over them.
//!
//! In: the changed keywords, in the order of the lines. Out: those that a text matches by their
//! present rules. Matchers are built when a line has a text to match, so lines that only change
//! keywords build none.

use std::collections::{BTreeMap, BTreeSet};

use crate::events::{Keyword, KeywordRules};
use crate::text::Matcher;

/// Maximum number of patterns in all matchers that a body builds; the last matcher may exceed it. A
/// body of the maximum length that tracks a new keyword before each text needs half of this number.
/// The builds take 2 to 6 seconds of one processor.
const MAX_BUILT_PATTERNS: usize = 2_000_000;

/// The present rules of the keywords that a body has changed; `None` for an untracked keyword.
type Present = BTreeMap<Keyword, Option<KeywordRules>>;

/// Keywords with matchers over them. Each part is larger than all later ones, so that few large
/// matchers are built when lines add one keyword between two texts.
#[derive(Debug, Default)]
pub(super) struct AddedKeywords {
    parts: Vec<Part>,
    /// The keywords that have changed since the last matcher was built.
    pending: BTreeSet<Keyword>,
    /// Number of patterns that all matchers were built from.
    built: usize,
}

/// The lines have changed keywords between texts so often that no further matcher is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManyChanges;

/// Some of the keywords, with the rules that they had when they were added.
#[derive(Debug)]
struct Part {
    rules: BTreeMap<Keyword, KeywordRules>,
    /// Number of keywords and texts of rules.
    patterns: usize,
    matcher: Matcher,
}

impl AddedKeywords {
    /// Adds a keyword whose rules have changed.
    pub(super) fn add(&mut self, keyword: Keyword) {
        self.pending.insert(keyword);
    }

    /// Builds a matcher over the keywords that were added since the last call, with their present
    /// rules. The new matcher also takes over the keywords of the last parts that are no larger,
    /// except those whose rules have changed.
    ///
    /// # Errors
    /// [`TooManyChanges`] when the body has used up its patterns. The keywords stay pending.
    pub(super) fn build(&mut self, present: &Present) -> Result<(), TooManyChanges> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.built >= MAX_BUILT_PATTERNS {
            return Err(TooManyChanges);
        }
        let pending = std::mem::take(&mut self.pending).into_iter();
        let mut joined: BTreeMap<Keyword, KeywordRules> = pending
            .filter_map(|keyword| {
                let rules = present.get(&keyword)?.clone()?;
                Some((keyword, rules))
            })
            .collect();
        if joined.is_empty() {
            return Ok(());
        }
        let mut patterns: usize = joined.values().map(patterns_of).sum();
        while let Some(last) = self.parts.pop_if(|last| last.patterns <= patterns) {
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
        self.parts.push(Part {
            matcher: Matcher::with_rules(ruled),
            rules: joined,
            patterns,
        });
        self.built = self.built.saturating_add(patterns);
        Ok(())
    }

    /// The keywords of the built matchers that a text matches by their present rules. A keyword can
    /// repeat.
    pub(super) fn matching<'a>(
        &'a self,
        text: &'a str,
        present: &'a Present,
    ) -> impl Iterator<Item = Keyword> + 'a {
        self.parts.iter().flat_map(move |part| {
            let found = part.matcher.keywords_in(text).into_iter();
            let current = found.filter(|keyword| {
                let rules = part.rules.get(*keyword);
                rules.is_some_and(|rules| is_present(present, keyword, rules))
            });
            current.cloned()
        })
    }
}

/// Number of patterns of a keyword: itself, and the texts of its rules.
fn patterns_of(rules: &KeywordRules) -> usize {
    rules.count().saturating_add(1)
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
            self.present.insert(keyword.clone(), Some(rules));
            self.added.add(keyword);
        }

        fn untrack(&mut self, keyword: &str) {
            self.present.insert(Keyword::new(keyword).unwrap(), None);
        }

        fn matching(&mut self, text: &str) -> Vec<String> {
            self.added.build(&self.present).unwrap();
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
            assert_eq!(body.matching(&format!("t{number}")), ["k"]);
        }
        assert_eq!(body.added.parts.len(), 1);
        assert_eq!(body.matching("t999 t998"), ["k"]);
        assert!(body.matching("t998").is_empty());
    }

    #[test]
    fn changes_without_a_text_between_them_build_one_matcher() {
        let mut body = Body::default();
        for number in 0..1_000 {
            body.track(&format!("k{}", number % 10), &[&format!("t{number}")]);
        }
        assert_eq!((body.added.built, body.added.parts.len()), (0, 0));
        body.untrack("k9");
        assert_eq!(body.matching("t998 t999 t98"), ["k8"]);
        assert_eq!((body.added.built, body.added.parts.len()), (18, 1));
        assert_eq!(body.matching("k7"), ["k7"]);
        body.untrack("k7");
        assert!(body.matching("k7").is_empty());
        assert_eq!(body.added.built, 18, "nothing was added");
    }

    #[test]
    fn keywords_one_at_a_time_are_built_a_few_times_each() {
        let mut body = Body::default();
        for number in 0..1_024 {
            body.track(&format!("k{number}"), &[]);
            assert_eq!(body.matching(&format!("k{number}")).len(), 1);
        }
        assert_eq!(body.added.parts.len(), 1);
        assert!(body.added.built <= 1_024 * 6, "{}", body.added.built);
    }

    #[test]
    fn no_matcher_is_built_after_the_patterns_of_the_body_are_used_up() {
        let mut body = Body::default();
        body.track("a", &[]);
        assert_eq!(body.matching("a b"), ["a"]);
        body.added.built = MAX_BUILT_PATTERNS;
        assert_eq!(body.matching("a b"), ["a"], "nothing has changed");
        body.track("b", &[]);
        for _ in 0..2 {
            assert_eq!(body.added.build(&body.present), Err(TooManyChanges));
        }
        assert_eq!(body.added.built, MAX_BUILT_PATTERNS);
    }
}
