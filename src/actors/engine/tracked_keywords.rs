//! The tracked keywords with their rules, the reservations for new ones, and the matcher over them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::events::{Keyword, KeywordRules};
use crate::store::RuledKeywords;
use crate::text::Matcher;

/// The tracked keywords; cheap to clone. The matcher is rebuilt on demand after a change, so that
/// tracking many keywords at once builds it once.
///
/// The set belongs to the shown views. While previous views answer, it is fixed, and changes by
/// the new views are kept aside.
#[derive(Debug, Clone, Default)]
pub(super) struct TrackedKeywords {
    tracked: Arc<RwLock<TrackedSets>>,
    matcher: Arc<Mutex<(u64, Option<Arc<Matcher>>)>>,
}

/// The tracked keywords, each with its rules.
type RulesByKeyword = BTreeMap<Keyword, KeywordRules>;

#[derive(Debug, Default)]
struct TrackedSets {
    keywords: RulesByKeyword,
    version: u64,
    /// The tracked keywords of the new views, while previous views are shown.
    folded: Option<RulesByKeyword>,
    /// Number of reservations of each keyword.
    reserved: BTreeMap<Keyword, usize>,
    /// Number of reserved keywords that are not tracked yet.
    arriving: usize,
}

/// A reservation for a keyword whose `keyword.tracked` is not folded yet: of two requests for the
/// last free place, one is refused. Dropped when the event is folded, or when it was not journaled.
#[derive(Debug)]
pub(crate) struct TrackReservation {
    tracked_keywords: TrackedKeywords,
    keyword: Keyword,
}

impl TrackedSets {
    /// Changes the folded set; `change` returns whether it changed anything.
    fn change(&mut self, change: impl FnOnce(&mut RulesByKeyword) -> bool) {
        match &mut self.folded {
            Some(folded) => {
                change(folded);
            }
            None if change(&mut self.keywords) => self.version += 1,
            None => {}
        }
    }

    fn count_arriving(&mut self) {
        let arriving = self.reserved.keys();
        let arriving = arriving.filter(|keyword| !self.keywords.contains_key(*keyword));
        self.arriving = arriving.count();
    }

    fn hold(&mut self, keyword: &Keyword, max: usize) -> bool {
        let is_new = !self.keywords.contains_key(keyword) && !self.reserved.contains_key(keyword);
        if is_new && self.keywords.len().saturating_add(self.arriving) >= max {
            return false;
        }
        self.arriving = self.arriving.saturating_add(usize::from(is_new));
        let held = self.reserved.entry(keyword.clone()).or_default();
        *held = held.saturating_add(1);
        true
    }

    fn give_back(&mut self, keyword: &Keyword) {
        match self.reserved.get_mut(keyword) {
            Some(held) if *held > 1 => *held = held.saturating_sub(1),
            Some(_) => {
                self.reserved.remove(keyword);
                if !self.keywords.contains_key(keyword) {
                    self.arriving = self.arriving.saturating_sub(1);
                }
            }
            None => {}
        }
    }
}

impl Drop for TrackReservation {
    fn drop(&mut self) {
        self.tracked_keywords
            .tracked
            .write()
            .give_back(&self.keyword);
    }
}

impl TrackedKeywords {
    /// Replaces all tracked keywords.
    pub(crate) fn replace(&self, keywords: RuledKeywords) {
        let mut tracked = self.tracked.write();
        tracked.folded = None;
        tracked.keywords = keywords.into_iter().collect();
        tracked.version += 1;
        tracked.count_arriving();
    }

    /// Shows these keywords instead of the folded ones, until [`Self::thaw`].
    pub(crate) fn freeze(&self, keywords: RuledKeywords) {
        let mut tracked = self.tracked.write();
        let keywords = keywords.into_iter().collect();
        let folded = std::mem::replace(&mut tracked.keywords, keywords);
        tracked.folded.get_or_insert(folded);
        tracked.version += 1;
        tracked.count_arriving();
    }

    /// Shows the folded keywords from now on.
    pub(super) fn thaw(&self) {
        let mut tracked = self.tracked.write();
        if let Some(folded) = tracked.folded.take() {
            tracked.keywords = folded;
            tracked.version += 1;
            tracked.count_arriving();
        }
    }

    /// True while the keywords of previous views are shown.
    pub(in crate::actors) fn is_frozen(&self) -> bool {
        self.tracked.read().folded.is_some()
    }

    /// Sets the rules of a keyword that is tracked; `None` when it is not tracked.
    pub(in crate::actors) fn set(&self, keyword: &Keyword, rules: Option<KeywordRules>) {
        let is_tracked = rules.is_some();
        let mut tracked = self.tracked.write();
        let before = tracked.keywords.len();
        tracked.change(|keywords| match rules {
            Some(rules) => keywords.insert(keyword.clone(), rules.clone()) != Some(rules),
            None => keywords.remove(keyword).is_some(),
        });
        if tracked.keywords.len() != before && tracked.reserved.contains_key(keyword) {
            tracked.arriving = if is_tracked {
                tracked.arriving.saturating_sub(1)
            } else {
                tracked.arriving.saturating_add(1)
            };
        }
    }

    /// Number of tracked keywords, as shown.
    pub(crate) fn count(&self) -> usize {
        self.tracked.read().keywords.len()
    }

    pub(crate) fn contains(&self, keyword: &Keyword) -> bool {
        self.tracked.read().keywords.contains_key(keyword)
    }

    /// The rules of a keyword; `None` when it is not tracked.
    pub(crate) fn rules(&self, keyword: &Keyword) -> Option<KeywordRules> {
        self.tracked.read().keywords.get(keyword).cloned()
    }

    /// The length of all texts of rules, in bytes.
    pub(crate) fn rule_bytes(&self) -> usize {
        let tracked = self.tracked.read();
        tracked.keywords.values().map(KeywordRules::bytes).sum()
    }

    /// Reserves a place for a keyword that is to be tracked; `None` when `max` places are taken by
    /// tracked and reserved keywords.
    pub(crate) fn reserve(&self, keyword: &Keyword, max: usize) -> Option<TrackReservation> {
        let held = self.tracked.write().hold(keyword, max);
        held.then(|| TrackReservation {
            tracked_keywords: self.clone(),
            keyword: keyword.clone(),
        })
    }

    pub(crate) fn matcher(&self) -> Arc<Matcher> {
        let mut built = self.matcher.lock();
        let (keywords, version) = {
            let tracked = self.tracked.read();
            match &*built {
                (version, Some(matcher)) if *version == tracked.version => {
                    return Arc::clone(matcher);
                }
                _ => (tracked.keywords.clone(), tracked.version),
            }
        };
        // The set is not locked here, so folds do not wait while the matcher is built.
        let matcher = Arc::new(Matcher::with_rules(keywords));
        *built = (version, Some(Arc::clone(&matcher)));
        matcher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyword(text: &str) -> Keyword {
        Keyword::new(text).unwrap()
    }

    #[test]
    fn last_free_place_is_reserved_by_one() {
        let tracked_keywords = TrackedKeywords::default();
        tracked_keywords.set(&keyword("a"), Some(KeywordRules::default()));
        let last = tracked_keywords.reserve(&keyword("b"), 2).unwrap();
        assert!(tracked_keywords.reserve(&keyword("c"), 2).is_none());
        let same = tracked_keywords.reserve(&keyword("b"), 2).unwrap();
        let tracked = tracked_keywords.reserve(&keyword("a"), 2).unwrap();
        drop((last, tracked));
        assert!(
            tracked_keywords.reserve(&keyword("c"), 2).is_none(),
            "b still has its place"
        );
        drop(same);
        assert!(tracked_keywords.reserve(&keyword("c"), 2).is_some());
    }

    #[test]
    fn matcher_is_built_again_when_rules_change_and_not_otherwise() {
        let tracked_keywords = TrackedKeywords::default();
        let finds = |text: &str| !tracked_keywords.matcher().keywords_in(text).is_empty();
        let iphone = || Some(KeywordRules::of_test(&["iphone"], &["case"]));
        tracked_keywords.set(&keyword("아이폰"), Some(KeywordRules::default()));
        assert!(!finds("iphone"));
        tracked_keywords.set(&keyword("아이폰"), iphone());
        assert!(finds("iphone") && !finds("iphone case"));
        assert_eq!(tracked_keywords.rules(&keyword("아이폰")), iphone());
        assert_eq!(tracked_keywords.rule_bytes(), 10);
        let built = tracked_keywords.matcher();
        tracked_keywords.set(&keyword("아이폰"), iphone());
        assert!(Arc::ptr_eq(&built, &tracked_keywords.matcher()));

        tracked_keywords.freeze(vec![(keyword("아이폰"), KeywordRules::default())]);
        assert!(!finds("iphone"), "as in the previous views");
        tracked_keywords.thaw();
        assert!(finds("iphone"));
        tracked_keywords.set(&keyword("아이폰"), None);
        assert_eq!(tracked_keywords.rules(&keyword("아이폰")), None);
        assert!(!finds("iphone"));
    }

    #[test]
    fn reservation_is_released_once() {
        let tracked_keywords = TrackedKeywords::default();
        let held = tracked_keywords.reserve(&keyword("a"), 2).unwrap();
        for is_tracked in [true, true, false, true, false] {
            let rules = is_tracked.then(KeywordRules::default);
            tracked_keywords.set(&keyword("a"), rules);
            let other = tracked_keywords.reserve(&keyword("b"), 2).unwrap();
            assert!(tracked_keywords.reserve(&keyword("c"), 2).is_none());
            drop(other);
        }
        drop(held);
        let two = ["b", "c"].map(|text| tracked_keywords.reserve(&keyword(text), 2));
        assert!(two.iter().all(Option::is_some), "a was untracked");
    }
}
