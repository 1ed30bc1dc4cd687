//! The tracked keywords with their rules, and the reservations of requests.
//!
//! In: the rules of a keyword after each change, and reservations. Out: the keywords, and counts
//! that each change keeps up to date, so that no count needs a walk over the keywords.

use std::collections::BTreeMap;

use super::ruled_set::{RuledSet, Usage};
use crate::events::{Keyword, KeywordRules};

/// The limits on what requests to this server may track. They do not limit what comes through the
/// journal.
#[derive(Debug, Clone, Copy)]
pub(in crate::actors) struct TrackLimits {
    /// Maximum number of tracked keywords.
    pub(in crate::actors) keywords: usize,
    /// Maximum number of texts of rules, over all keywords.
    pub(in crate::actors) rule_texts: usize,
}

/// The limit that a request would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrackLimit {
    /// The number of tracked keywords.
    Keywords {
        /// The limit.
        max: usize,
    },
    /// The number of texts of rules.
    RuleTexts {
        /// The limit.
        max: usize,
    },
}

/// The reservations of one keyword.
#[derive(Debug, Default)]
struct Reserved {
    /// Number of reservations.
    count: usize,
    /// The largest number of texts that was reserved.
    texts: usize,
}

/// The shown keywords, those that the new views have folded, and the reservations.
#[derive(Debug, Default)]
pub(super) struct TrackedSets {
    shown: RuledSet,
    version: u64,
    /// The tracked keywords of the new views, while previous views are shown.
    folded: Option<RuledSet>,
    reserved: BTreeMap<Keyword, Reserved>,
    /// The reserved keywords and texts that are not shown yet.
    arriving: Usage,
}

impl TrackedSets {
    pub(super) const fn shown(&self) -> &RuledSet {
        &self.shown
    }

    /// A number that changes with the shown keywords and their rules.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// True while the keywords of previous views are shown.
    pub(super) const fn is_frozen(&self) -> bool {
        self.folded.is_some()
    }

    /// Replaces all tracked keywords.
    pub(super) fn replace(&mut self, keywords: RuledSet) {
        self.folded = None;
        self.show(keywords);
    }

    /// Shows these keywords instead of the folded ones.
    pub(super) fn freeze(&mut self, keywords: RuledSet) {
        let folded = self.show(keywords);
        self.folded.get_or_insert(folded);
    }

    /// Shows the folded keywords.
    pub(super) fn thaw(&mut self) {
        if let Some(folded) = self.folded.take() {
            self.show(folded);
        }
    }

    fn show(&mut self, keywords: RuledSet) -> RuledSet {
        let before = std::mem::replace(&mut self.shown, keywords);
        self.version += 1;
        self.arriving = Usage::default();
        for keyword in self.reserved.keys() {
            let more = arriving(&self.reserved, &self.shown, keyword);
            self.arriving.keywords = self.arriving.keywords.saturating_add(more.keywords);
            self.arriving.texts = self.arriving.texts.saturating_add(more.texts);
        }
        before
    }

    /// Sets the rules of a keyword that the folds track; `None` when they do not track it.
    pub(super) fn set(&mut self, keyword: &Keyword, rules: Option<KeywordRules>) {
        match &mut self.folded {
            Some(folded) => {
                folded.set(keyword, rules);
            }
            None => self.adjusting(keyword, |sets| {
                if sets.shown.set(keyword, rules) {
                    sets.version += 1;
                }
            }),
        }
    }

    /// Makes a reservation for a keyword with this number of texts of rules. A keyword that is
    /// tracked and needs no more texts than it has is not refused.
    ///
    /// # Errors
    /// [`TrackLimit`] that shown and reserved keywords have reached.
    pub(super) fn hold(
        &mut self,
        keyword: &Keyword,
        texts: usize,
        limits: TrackLimits,
    ) -> Result<(), TrackLimit> {
        let own = self.shown.usage(keyword);
        let own_arriving = arriving(&self.reserved, &self.shown, keyword);
        let is_new = own.keywords == 0 && own_arriving.keywords == 0;
        let keywords = self
            .shown
            .rules()
            .len()
            .saturating_add(self.arriving.keywords);
        if is_new && keywords >= limits.keywords {
            return Err(TrackLimit::Keywords {
                max: limits.keywords,
            });
        }
        let more = texts.saturating_sub(own.texts.saturating_add(own_arriving.texts));
        let all = self.shown.texts().saturating_add(self.arriving.texts);
        if more > 0 && all.saturating_add(more) > limits.rule_texts {
            return Err(TrackLimit::RuleTexts {
                max: limits.rule_texts,
            });
        }
        self.adjusting(keyword, |sets| {
            let held = sets.reserved.entry(keyword.clone()).or_default();
            held.count = held.count.saturating_add(1);
            held.texts = held.texts.max(texts);
        });
        Ok(())
    }

    /// Ends one reservation of a keyword.
    pub(super) fn give_back(&mut self, keyword: &Keyword) {
        self.adjusting(keyword, |sets| match sets.reserved.get_mut(keyword) {
            Some(held) if held.count > 1 => held.count = held.count.saturating_sub(1),
            _ => {
                sets.reserved.remove(keyword);
            }
        });
    }

    /// Runs `change`, which changes the rules or the reservations of this keyword only, and updates
    /// `arriving`.
    fn adjusting(&mut self, keyword: &Keyword, change: impl FnOnce(&mut Self)) {
        let before = arriving(&self.reserved, &self.shown, keyword);
        change(self);
        let after = arriving(&self.reserved, &self.shown, keyword);
        let all = &mut self.arriving;
        all.keywords =
            (all.keywords.saturating_add(after.keywords)).saturating_sub(before.keywords);
        all.texts = (all.texts.saturating_add(after.texts)).saturating_sub(before.texts);
    }
}

/// The part of the reservations of a keyword that is not shown yet.
fn arriving(reserved: &BTreeMap<Keyword, Reserved>, shown: &RuledSet, keyword: &Keyword) -> Usage {
    let Some(held) = reserved.get(keyword) else {
        return Usage::default();
    };
    let own = shown.usage(keyword);
    Usage {
        keywords: 1_usize.saturating_sub(own.keywords),
        texts: held.texts.saturating_sub(own.texts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TrackLimits = TrackLimits {
        keywords: 100,
        rule_texts: 5,
    };
    const FULL: Result<(), TrackLimit> = Err(TrackLimit::RuleTexts { max: 5 });

    fn keyword(text: &str) -> Keyword {
        Keyword::new(text).unwrap()
    }

    fn texts(count: usize) -> Option<KeywordRules> {
        let texts = ["aa", "bb", "cc", "dd", "ee", "ff"];
        Some(KeywordRules::of_test(&texts[..count], &[]))
    }

    fn counts(set: &RuledSet) -> [usize; 3] {
        [set.rules().len(), set.texts(), set.bytes()]
    }

    #[test]
    fn counts_follow_every_change() {
        let mut sets = TrackedSets::default();
        let [a, b] = ["a", "b"].map(keyword);
        sets.set(&a, texts(3));
        sets.set(&b, texts(2));
        assert_eq!(counts(sets.shown()), [2, 5, 10]);
        sets.set(&a, texts(1));
        sets.set(&a, texts(1));
        assert_eq!(counts(sets.shown()), [2, 3, 6]);
        sets.freeze([(a.clone(), texts(4).unwrap())].into_iter().collect());
        sets.set(&b, None);
        assert_eq!(counts(sets.shown()), [1, 4, 8]);
        sets.thaw();
        assert_eq!(counts(sets.shown()), [1, 1, 2]);
        sets.set(&a, None);
        sets.set(&a, None);
        assert_eq!(counts(sets.shown()), [0, 0, 0]);
    }

    #[test]
    fn texts_are_reserved_until_they_are_folded() {
        let mut sets = TrackedSets::default();
        let [a, b] = ["a", "b"].map(keyword);
        assert_eq!(sets.hold(&a, 3, LIMITS), Ok(()));
        assert_eq!(sets.hold(&b, 3, LIMITS), FULL);
        assert_eq!(sets.hold(&b, 2, LIMITS), Ok(()));
        sets.give_back(&b);
        // The folded texts are within the reservation, so they are not counted twice.
        sets.set(&a, texts(3));
        assert_eq!(sets.hold(&b, 3, LIMITS), FULL);
        sets.set(&a, texts(1));
        assert_eq!(sets.hold(&b, 3, LIMITS), FULL, "three texts are reserved");
        sets.give_back(&a);
        assert_eq!(sets.hold(&b, 4, LIMITS), Ok(()));
        sets.give_back(&b);
        assert_eq!(sets.arriving, Usage::default());
    }

    #[test]
    fn several_reservations_of_a_keyword_count_as_the_largest() {
        let mut sets = TrackedSets::default();
        let [a, b] = ["a", "b"].map(keyword);
        for texts in [4, 1, 4, 0] {
            assert_eq!(sets.hold(&a, texts, LIMITS), Ok(()));
        }
        assert_eq!(sets.hold(&b, 1, LIMITS), Ok(()));
        assert_eq!(sets.hold(&b, 2, LIMITS), FULL);
    }

    #[test]
    fn keyword_over_the_limit_may_get_fewer_texts_and_not_more() {
        let mut sets = TrackedSets::default();
        let [a, b] = ["a", "b"].map(keyword);
        sets.set(&a, texts(6));
        for (texts, expected) in [(7, FULL), (6, Ok(())), (5, Ok(())), (0, Ok(()))] {
            assert_eq!(sets.hold(&a, texts, LIMITS), expected, "{texts}");
        }
        assert_eq!(sets.hold(&b, 1, LIMITS), FULL);
        assert_eq!(sets.hold(&b, 0, LIMITS), Ok(()));
    }
}
