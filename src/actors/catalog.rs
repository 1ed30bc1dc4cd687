//! Which keywords are followed, and the matcher over them.

use std::collections::BTreeSet;
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
    }

    /// Shows these keywords, whatever is folded, until [`Self::thaw`].
    pub(super) fn freeze(&self, keywords: impl IntoIterator<Item = Keyword>) {
        let mut tracked = self.writing();
        let keywords = keywords.into_iter().collect();
        let folded = std::mem::replace(&mut tracked.keywords, keywords);
        tracked.folded.get_or_insert(folded);
        tracked.version += 1;
    }

    /// Shows what is folded from now on.
    pub(super) fn thaw(&self) {
        let mut tracked = self.writing();
        if let Some(folded) = tracked.folded.take() {
            tracked.keywords = folded;
            tracked.version += 1;
        }
    }

    /// It shows what old views follow.
    pub(super) fn is_frozen(&self) -> bool {
        self.reading().folded.is_some()
    }

    pub(super) fn set(&self, keyword: &Keyword, is_tracked: bool) {
        self.writing().change(|keywords| {
            if is_tracked {
                keywords.insert(keyword.clone())
            } else {
                keywords.remove(keyword)
            }
        });
    }

    /// Makes room for a keyword that is to be followed at last; false when `most` are followed.
    pub(super) fn admit(&self, keyword: &Keyword, most: usize) -> bool {
        let mut admitted = false;
        self.writing().change(|keywords| {
            let is_new = !keywords.contains(keyword);
            admitted = !is_new || keywords.len() < most;
            is_new && admitted && keywords.insert(keyword.clone())
        });
        admitted
    }

    pub(super) fn contains(&self, keyword: &Keyword) -> bool {
        self.reading().keywords.contains(keyword)
    }

    pub(super) fn len(&self) -> usize {
        self.reading().keywords.len()
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
