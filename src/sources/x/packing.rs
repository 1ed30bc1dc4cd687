//! The packing of keywords into rules and queries of X.
//!
//! First fit in the order of tracking, and stable: a keyword stays in its rule, so that a keyword
//! that comes or goes rewrites only the rule it is in. The packing is kept between runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::clause::{Clause, OR_CHARS, ValueForm};

/// The keywords of each rule, in the order of the value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Packing {
    rules: Vec<Vec<String>>,
}

/// A rule that is being filled.
#[derive(Debug)]
struct Filling {
    keywords: Vec<String>,
    /// The length of its clauses and what separates them, in code points.
    chars: usize,
}

impl Filling {
    const fn empty() -> Self {
        Self {
            keywords: Vec::new(),
            chars: 0,
        }
    }

    /// Adds a clause if it fits into `room` code points. Returns whether it did.
    fn add(&mut self, clause: &Clause, room: usize) -> bool {
        let separator = if self.keywords.is_empty() {
            0
        } else {
            OR_CHARS
        };
        let chars = self.chars + separator + clause.chars;
        let fits = chars <= room;
        if fits {
            self.chars = chars;
            self.keywords.push(clause.keyword.clone());
        }
        fits
    }
}

impl Packing {
    /// Brings the packing in step with the clauses, which are in the order of tracking. At most
    /// `max_rules` rules are filled. Returns the keywords without a place, oldest tracked first.
    pub(super) fn place(
        &mut self,
        clauses: &[Clause],
        form: &ValueForm,
        max_rules: usize,
    ) -> Vec<String> {
        let room = form.room();
        let by_keyword: BTreeMap<&str, (usize, &Clause)> = clauses
            .iter()
            .enumerate()
            .map(|(age, clause)| (clause.keyword.as_str(), (age, clause)))
            .collect();
        let mut placed = BTreeSet::new();
        let mut rules = self.kept(&by_keyword, room, &mut placed);
        while rules.len() > max_rules {
            remove_newest(&mut rules, &by_keyword, &mut placed);
        }
        let mut pending = Vec::new();
        for clause in clauses {
            if placed.contains(clause.keyword.as_str()) {
                continue;
            }
            if rules.iter_mut().any(|rule| rule.add(clause, room)) {
                continue;
            }
            let mut rule = Filling::empty();
            if rules.len() < max_rules && rule.add(clause, room) {
                rules.push(rule);
            } else {
                pending.push(clause.keyword.clone());
            }
        }
        self.rules = rules.into_iter().map(|rule| rule.keywords).collect();
        pending
    }

    /// The rules as they were, without keywords that are gone or no longer fit. `placed` receives
    /// the keywords that stay.
    fn kept(
        &self,
        by_keyword: &BTreeMap<&str, (usize, &Clause)>,
        room: usize,
        placed: &mut BTreeSet<String>,
    ) -> Vec<Filling> {
        let mut rules = Vec::with_capacity(self.rules.len());
        for keywords in &self.rules {
            let mut rule = Filling::empty();
            for keyword in keywords {
                let Some((_, clause)) = by_keyword.get(keyword.as_str()) else {
                    continue;
                };
                if !placed.contains(keyword) && rule.add(clause, room) {
                    placed.insert(keyword.clone());
                }
            }
            if !rule.keywords.is_empty() {
                rules.push(rule);
            }
        }
        rules
    }

    /// The keywords of each rule.
    pub(super) fn rules(&self) -> &[Vec<String>] {
        &self.rules
    }

    /// Divides a rule in two, if it has more than one keyword. The second half becomes the last
    /// rule.
    pub(super) fn divide(&mut self, rule: usize) {
        let Some(keywords) = self.rules.get_mut(rule) else {
            return;
        };
        let behind = keywords.split_off(keywords.len().div_ceil(2));
        if !behind.is_empty() {
            self.rules.push(behind);
        }
    }

    /// The value of each rule, in the order of [`Self::rules`].
    pub(super) fn values(&self, clauses: &[Clause], form: &ValueForm) -> Vec<String> {
        let by_keyword: BTreeMap<&str, &Clause> = clauses
            .iter()
            .map(|clause| (clause.keyword.as_str(), clause))
            .collect();
        let value = |keywords: &Vec<String>| {
            let clauses: Vec<&Clause> = keywords
                .iter()
                .filter_map(|keyword| by_keyword.get(keyword.as_str()).copied())
                .collect();
            form.value(&clauses)
        };
        self.rules.iter().map(value).collect()
    }
}

/// Removes the rule whose oldest keyword was tracked last.
fn remove_newest(
    rules: &mut Vec<Filling>,
    by_keyword: &BTreeMap<&str, (usize, &Clause)>,
    placed: &mut BTreeSet<String>,
) {
    let age = |keyword: &String| by_keyword.get(keyword.as_str()).map(|(age, _)| *age);
    let oldest = |rule: &Filling| rule.keywords.iter().filter_map(age).min();
    let newest = (0..rules.len()).max_by_key(|index| rules.get(*index).and_then(oldest));
    if let Some(newest) = newest {
        for keyword in rules.remove(newest).keywords {
            placed.remove(&keyword);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::WatchedKeywords;
    use crate::sources::x::scripted::settings_of_test;

    fn form(max_chars: usize) -> ValueForm {
        ValueForm::new(&settings_of_test(), max_chars)
    }

    fn clauses(keywords: &[&str], form: &ValueForm) -> Vec<Clause> {
        let watched = WatchedKeywords::of_test(keywords);
        let clauses = watched.keywords().iter();
        clauses.map(|each| form.clause(each).unwrap()).collect()
    }

    fn rules(packing: &Packing) -> Vec<Vec<&str>> {
        let rules = packing.rules().iter();
        rules
            .map(|rule| rule.iter().map(String::as_str).collect())
            .collect()
    }

    #[test]
    fn keywords_go_into_the_first_rule_with_room() {
        // `("aaa" OR #aaa)` has 15 characters, `("aaa" OR #aaa OR "bbb" OR #bbb)` 32.
        let form = form(32);
        let mut packing = Packing::default();
        let keywords = ["aaa", "bbb", "ccc", "a b c d e f g h i", "ddd", "eee"];
        let pending = packing.place(&clauses(&keywords, &form), &form, 3);
        assert_eq!(
            rules(&packing),
            [
                vec!["aaa", "bbb"],
                vec!["ccc", "ddd"],
                vec!["a b c d e f g h i"]
            ]
        );
        assert_eq!(pending, ["eee"]);
        assert_eq!(
            packing.values(&clauses(&keywords, &form), &form),
            [
                "(\"aaa\" OR #aaa OR \"bbb\" OR #bbb)",
                "(\"ccc\" OR #ccc OR \"ddd\" OR #ddd)",
                "(\"a b c d e f g h i\")",
            ]
        );
    }

    #[test]
    fn oldest_pending_keyword_takes_the_room_of_one_that_goes() {
        let form = form(32);
        let mut packing = Packing::default();
        let all = ["aaa", "bbb", "ccc", "ddd", "eee", "fff"];
        let pending = packing.place(&clauses(&all, &form), &form, 2);
        assert_eq!(pending, ["eee", "fff"]);
        let rest = ["aaa", "bbb", "ddd", "eee", "fff"];
        let pending = packing.place(&clauses(&rest, &form), &form, 2);
        assert_eq!(rules(&packing), [["aaa", "bbb"], ["ddd", "eee"]]);
        assert_eq!(pending, ["fff"]);
    }

    #[test]
    fn newest_keywords_wait_when_fewer_rules_are_allowed() {
        let form = form(15);
        let mut packing = Packing::default();
        packing.place(&clauses(&["aaa", "bbb", "ccc"], &form), &form, 9);
        packing.place(&clauses(&["bbb", "ccc", "ddd"], &form), &form, 9);
        let pending = packing.place(&clauses(&["bbb", "ccc", "ddd"], &form), &form, 1);
        assert_eq!(rules(&packing), [["bbb"]]);
        assert_eq!(pending, ["ccc", "ddd"]);
    }

    #[test]
    fn packing_survives_a_restart_and_a_damaged_one_repairs_itself() {
        let form = form(32);
        let made = clauses(&["aaa", "bbb", "ccc"], &form);
        let mut packing = Packing::default();
        packing.place(&made, &form, 9);
        let json = serde_json::to_value(&packing).unwrap();
        assert_eq!(json, serde_json::json!([["aaa", "bbb"], ["ccc"]]));
        let damaged = serde_json::json!([["ccc", "ccc", "zzz"], [], ["aaa", "ccc"]]);
        let mut packing: Packing = serde_json::from_value(damaged).unwrap();
        packing.place(&made, &form, 9);
        assert_eq!(rules(&packing), [vec!["ccc", "bbb"], vec!["aaa"]]);
    }

    #[test]
    fn divided_rule_keeps_every_keyword() {
        let json = serde_json::json!([["a", "b", "c"], ["d"]]);
        let mut packing: Packing = serde_json::from_value(json).unwrap();
        packing.divide(0);
        packing.divide(1);
        packing.divide(9);
        assert_eq!(rules(&packing), [vec!["a", "b"], vec!["d"], vec!["c"]]);
    }

    /// A change of the tracked keywords: one that is tracked, or the position of one that goes.
    #[derive(Debug, Clone)]
    enum Change {
        Track(String),
        Untrack(prop::sample::Index),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            2 => "[a-z]{1,12}( [a-z]{1,6})?|[가-힣]{1,5}".prop_map(Change::Track),
            1 => any::<prop::sample::Index>().prop_map(Change::Untrack),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_change_keeps_the_limits_and_touches_at_most_one_old_rule(
            changes in prop::collection::vec(change(), 1..40),
            max_chars in 60_usize..400,
            max_rules in 1_usize..6,
        ) {
            let form = form(max_chars);
            let mut tracked: Vec<String> = Vec::new();
            let mut packing = Packing::default();
            for change in changes {
                match change {
                    Change::Track(keyword) if !tracked.contains(&keyword) => tracked.push(keyword),
                    Change::Untrack(index) if !tracked.is_empty() => {
                        tracked.remove(index.index(tracked.len()));
                    }
                    _ => continue,
                }
                let names: Vec<&str> = tracked.iter().map(String::as_str).collect();
                let clauses = clauses(&names, &form);
                let before = packing.rules().to_vec();
                let json = serde_json::to_value(&packing).unwrap();
                packing = serde_json::from_value(json).unwrap();
                let pending = packing.place(&clauses, &form, max_rules);

                let in_rules = packing.rules().iter().flatten();
                let mut found: Vec<&String> = in_rules.chain(&pending).collect();
                found.sort();
                let mut expected: Vec<&String> = tracked.iter().collect();
                expected.sort();
                prop_assert_eq!(found, expected);
                prop_assert!(packing.rules().len() <= max_rules);
                for value in packing.values(&clauses, &form) {
                    prop_assert!(value.chars().count() <= max_chars, "{}", value);
                }
                let touched = before.iter().filter(|rule| !packing.rules().contains(rule));
                prop_assert!(touched.count() <= 1);
                let waiting = tracked.iter().filter(|keyword| pending.contains(keyword));
                prop_assert!(waiting.eq(&pending));
            }
        }
    }
}
