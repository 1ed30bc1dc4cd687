//! The tracked keywords with their rules, the reservations for new keywords, and the matcher that
//! finds tracked keywords in texts. Shards and requests share one value.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::tracked_sets::{TrackLimit, TrackLimits, TrackedSets};
use crate::events::{Keyword, KeywordRules};
use crate::store::RuledKeywords;
use crate::text::Matcher;

/// The tracked keywords. Clones share them. After a change, the matcher is built when it is next
/// needed, so many keywords that are tracked at once cost one build.
///
/// The keywords are those of the shown views. While previous views answer, they stay fixed, and
/// changes by the new views are kept until the new views are shown.
#[derive(Debug, Clone, Default)]
pub(super) struct TrackedKeywords {
    tracked: Arc<RwLock<TrackedSets>>,
    matcher: Arc<Mutex<(u64, Option<Arc<Matcher>>)>>,
}

/// Reserves a keyword and the texts of its rules under the limits, while its `keyword.tracked` is
/// not folded yet. So of two requests for the last keyword below the limit, one is refused. Dropped
/// when the event is folded, or when it was not journaled.
#[derive(Debug)]
pub(crate) struct TrackReservation {
    tracked_keywords: TrackedKeywords,
    keyword: Keyword,
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
        self.tracked.write().replace(keywords.into_iter().collect());
    }

    /// Shows these keywords instead of the folded ones, until [`Self::thaw`].
    pub(crate) fn freeze(&self, keywords: RuledKeywords) {
        self.tracked.write().freeze(keywords.into_iter().collect());
    }

    /// Shows the folded keywords from now on.
    pub(super) fn thaw(&self) {
        self.tracked.write().thaw();
    }

    /// True while the keywords of previous views are shown.
    pub(in crate::actors) fn is_frozen(&self) -> bool {
        self.tracked.read().is_frozen()
    }

    /// Sets the rules of a keyword that is tracked; `None` when it is not tracked.
    pub(in crate::actors) fn set(&self, keyword: &Keyword, rules: Option<KeywordRules>) {
        self.tracked.write().set(keyword, rules);
    }

    /// Number of tracked keywords, as shown.
    pub(crate) fn count(&self) -> usize {
        self.tracked.read().shown().rules().len()
    }

    pub(crate) fn contains(&self, keyword: &Keyword) -> bool {
        self.tracked.read().shown().rules().contains_key(keyword)
    }

    /// The rules of a keyword; `None` when it is not tracked.
    pub(crate) fn rules(&self, keyword: &Keyword) -> Option<KeywordRules> {
        self.tracked.read().shown().rules().get(keyword).cloned()
    }

    /// The tracked keywords with their rules, in keyword order.
    pub(crate) fn all(&self) -> RuledKeywords {
        let tracked = self.tracked.read();
        let rules = tracked.shown().rules().iter();
        rules
            .map(|(keyword, rules)| (keyword.clone(), rules.clone()))
            .collect()
    }

    /// Number of texts of all rules.
    pub(crate) fn rule_texts(&self) -> usize {
        self.tracked.read().shown().texts()
    }

    /// The length of all texts of rules, in bytes.
    pub(crate) fn rule_bytes(&self) -> usize {
        self.tracked.read().shown().bytes()
    }

    /// Makes a reservation for a keyword that is to be tracked, or to get rules with this number of
    /// texts.
    ///
    /// # Errors
    /// The limit that tracked and reserved keywords have reached.
    pub(in crate::actors) fn reserve(
        &self,
        keyword: &Keyword,
        texts: usize,
        limits: TrackLimits,
    ) -> Result<TrackReservation, TrackLimit> {
        self.tracked.write().hold(keyword, texts, limits)?;
        Ok(TrackReservation {
            tracked_keywords: self.clone(),
            keyword: keyword.clone(),
        })
    }

    pub(crate) fn matcher(&self) -> Arc<Matcher> {
        let mut built = self.matcher.lock();
        let (keywords, version) = {
            let tracked = self.tracked.read();
            match &*built {
                (version, Some(matcher)) if *version == tracked.version() => {
                    return Arc::clone(matcher);
                }
                _ => (tracked.shown().rules().clone(), tracked.version()),
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

    /// Reserves a keyword without rules, under a limit of two keywords.
    fn reserve(of: &TrackedKeywords, text: &str) -> Option<TrackReservation> {
        let limits = TrackLimits {
            keywords: 2,
            rule_texts: 0,
        };
        of.reserve(&keyword(text), 0, limits).ok()
    }

    #[test]
    fn last_keyword_under_the_limit_is_reserved_by_one_request() {
        let tracked_keywords = TrackedKeywords::default();
        tracked_keywords.set(&keyword("a"), Some(KeywordRules::default()));
        let last = reserve(&tracked_keywords, "b").unwrap();
        assert!(reserve(&tracked_keywords, "c").is_none());
        let same = reserve(&tracked_keywords, "b").unwrap();
        let tracked = reserve(&tracked_keywords, "a").unwrap();
        drop((last, tracked));
        assert!(
            reserve(&tracked_keywords, "c").is_none(),
            "b is still reserved"
        );
        drop(same);
        assert!(reserve(&tracked_keywords, "c").is_some());
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
        let held = reserve(&tracked_keywords, "a").unwrap();
        for is_tracked in [true, true, false, true, false] {
            let rules = is_tracked.then(KeywordRules::default);
            tracked_keywords.set(&keyword("a"), rules);
            let other = reserve(&tracked_keywords, "b").unwrap();
            assert!(reserve(&tracked_keywords, "c").is_none());
            drop(other);
        }
        drop(held);
        let two = ["b", "c"].map(|text| reserve(&tracked_keywords, text));
        assert!(two.iter().all(Option::is_some), "a was untracked");
    }
}
