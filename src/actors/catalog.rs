//! Which keywords are followed, or about to be, and the matcher over them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::events::Keyword;
use crate::text::Matcher;

/// The followed keywords; cheap to clone. The matcher is built when it is asked for and the set
/// has changed, so that following many keywords at once builds it once.
///
/// It goes with the views that are shown: while old ones answer for new ones that are not done yet,
/// it stands still, and what is folded waits.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalog {
    tracked: Arc<RwLock<Tracked>>,
    matcher: Arc<Mutex<(u64, Option<Arc<Matcher>>)>>,
}

#[derive(Debug, Default)]
struct Tracked {
    keywords: BTreeSet<Keyword>,
    version: u64,
    /// What the new views follow, while old ones are shown.
    folded: Option<BTreeSet<Keyword>>,
    /// How many hold a place for this keyword.
    promised: BTreeMap<Keyword, usize>,
    /// How many of them are not followed yet.
    arriving: usize,
}

/// A place among the keywords that may be followed, for one whose `keyword.tracked` is on its way
/// through the journal: of two who ask for the last one at once, only one gets it. To be dropped when
/// that is folded, or was not journaled.
#[derive(Debug)]
pub(super) struct Place {
    catalog: Catalog,
    keyword: Keyword,
}

impl Tracked {
    /// Changes what is folded; `change` answers whether it changed anything.
    fn change(&mut self, change: impl FnOnce(&mut BTreeSet<Keyword>) -> bool) {
        match &mut self.folded {
            Some(folded) => {
                change(folded);
            }
            None if change(&mut self.keywords) => self.version += 1,
            None => {}
        }
    }

    fn count_arriving(&mut self) {
        let arriving = self.promised.keys();
        let arriving = arriving.filter(|keyword| !self.keywords.contains(*keyword));
        self.arriving = arriving.count();
    }

    fn hold(&mut self, keyword: &Keyword, most: usize) -> bool {
        let is_new = !self.keywords.contains(keyword) && !self.promised.contains_key(keyword);
        if is_new && self.keywords.len().saturating_add(self.arriving) >= most {
            return false;
        }
        self.arriving = self.arriving.saturating_add(usize::from(is_new));
        let held = self.promised.entry(keyword.clone()).or_default();
        *held = held.saturating_add(1);
        true
    }

    fn give_back(&mut self, keyword: &Keyword) {
        match self.promised.get_mut(keyword) {
            Some(held) if *held > 1 => *held = held.saturating_sub(1),
            Some(_) => {
                self.promised.remove(keyword);
                if !self.keywords.contains(keyword) {
                    self.arriving = self.arriving.saturating_sub(1);
                }
            }
            None => {}
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.catalog.writing().give_back(&self.keyword);
    }
}

impl Catalog {
    fn reading(&self) -> RwLockReadGuard<'_, Tracked> {
        self.tracked.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, Tracked> {
        self.tracked.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew with these keywords.
    pub(super) fn replace(&self, keywords: impl IntoIterator<Item = Keyword>) {
        let mut tracked = self.writing();
        tracked.folded = None;
        tracked.keywords = keywords.into_iter().collect();
        tracked.version += 1;
        tracked.count_arriving();
    }

    /// Shows these keywords, whatever is folded, until [`Self::thaw`].
    pub(super) fn freeze(&self, keywords: impl IntoIterator<Item = Keyword>) {
        let mut tracked = self.writing();
        let keywords = keywords.into_iter().collect();
        let folded = std::mem::replace(&mut tracked.keywords, keywords);
        tracked.folded.get_or_insert(folded);
        tracked.version += 1;
        tracked.count_arriving();
    }

    /// Shows what is folded from now on.
    pub(super) fn thaw(&self) {
        let mut tracked = self.writing();
        if let Some(folded) = tracked.folded.take() {
            tracked.keywords = folded;
            tracked.version += 1;
            tracked.count_arriving();
        }
    }

    /// It shows what old views follow.
    pub(super) fn is_frozen(&self) -> bool {
        self.reading().folded.is_some()
    }

    pub(super) fn set(&self, keyword: &Keyword, is_tracked: bool) {
        let mut tracked = self.writing();
        let before = tracked.keywords.len();
        tracked.change(|keywords| {
            if is_tracked {
                keywords.insert(keyword.clone())
            } else {
                keywords.remove(keyword)
            }
        });
        if tracked.keywords.len() != before && tracked.promised.contains_key(keyword) {
            tracked.arriving = if is_tracked {
                tracked.arriving.saturating_sub(1)
            } else {
                tracked.arriving.saturating_add(1)
            };
        }
    }

    /// How many keywords are tracked, and shown as tracked.
    pub(super) fn count(&self) -> usize {
        self.reading().keywords.len()
    }

    pub(super) fn contains(&self, keyword: &Keyword) -> bool {
        self.reading().keywords.contains(keyword)
    }

    /// Holds a place for a keyword that is to be followed; `None` when `most` are taken, by those
    /// that are followed or by others that are to be.
    pub(super) fn hold_place(&self, keyword: &Keyword, most: usize) -> Option<Place> {
        let held = self.writing().hold(keyword, most);
        held.then(|| Place {
            catalog: self.clone(),
            keyword: keyword.clone(),
        })
    }

    pub(super) fn matcher(&self) -> Arc<Matcher> {
        let mut built = self.matcher.lock().unwrap_or_else(PoisonError::into_inner);
        let (keywords, version) = {
            let tracked = self.reading();
            match &*built {
                (version, Some(matcher)) if *version == tracked.version => {
                    return Arc::clone(matcher);
                }
                _ => (tracked.keywords.clone(), tracked.version),
            }
        };
        // Nobody who folds waits while it is built.
        let matcher = Arc::new(Matcher::new(keywords));
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
    fn the_last_place_is_held_by_one() {
        let catalog = Catalog::default();
        catalog.set(&keyword("a"), true);
        let last = catalog.hold_place(&keyword("b"), 2).unwrap();
        assert!(catalog.hold_place(&keyword("c"), 2).is_none());
        let same = catalog.hold_place(&keyword("b"), 2).unwrap();
        let followed = catalog.hold_place(&keyword("a"), 2).unwrap();
        drop((last, followed));
        assert!(catalog.hold_place(&keyword("c"), 2).is_none(), "b may come");
        drop(same);
        assert!(catalog.hold_place(&keyword("c"), 2).is_some());
    }

    #[test]
    fn who_has_come_and_goes_again_is_counted_once() {
        let catalog = Catalog::default();
        let held = catalog.hold_place(&keyword("a"), 2).unwrap();
        for is_tracked in [true, true, false, true, false] {
            catalog.set(&keyword("a"), is_tracked);
            let other = catalog.hold_place(&keyword("b"), 2).unwrap();
            assert!(catalog.hold_place(&keyword("c"), 2).is_none());
            drop(other);
        }
        drop(held);
        let two = ["b", "c"].map(|text| catalog.hold_place(&keyword(text), 2));
        assert!(two.iter().all(Option::is_some), "a went");
    }
}
