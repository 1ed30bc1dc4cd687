//! Which keywords are followed, and the matcher over them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::events::Keyword;
use crate::text::Matcher;

/// The followed keywords; cheap to clone. The matcher is built when it is asked for and the set
/// has changed, so that following many keywords at once builds it once.
#[derive(Debug, Clone, Default)]
pub(super) struct Catalog {
    tracked: Arc<RwLock<Tracked>>,
    matcher: Arc<Mutex<(u64, Option<Arc<Matcher>>)>>,
}

#[derive(Debug, Default)]
struct Tracked {
    keywords: BTreeSet<Keyword>,
    version: u64,
}

impl Catalog {
    pub(super) fn replace(&self, keywords: impl IntoIterator<Item = Keyword>) {
        let mut tracked = self.tracked.write().unwrap_or_else(PoisonError::into_inner);
        tracked.keywords = keywords.into_iter().collect();
        tracked.version += 1;
    }

    pub(super) fn set(&self, keyword: &Keyword, is_tracked: bool) {
        let mut tracked = self.tracked.write().unwrap_or_else(PoisonError::into_inner);
        let changed = if is_tracked {
            tracked.keywords.insert(keyword.clone())
        } else {
            tracked.keywords.remove(keyword)
        };
        if changed {
            tracked.version += 1;
        }
    }

    /// Makes room for a keyword that is to be followed at last; false when `most` are followed.
    pub(super) fn admit(&self, keyword: &Keyword, most: usize) -> bool {
        let mut tracked = self.tracked.write().unwrap_or_else(PoisonError::into_inner);
        if tracked.keywords.contains(keyword) {
            return true;
        }
        let admitted = tracked.keywords.len() < most;
        if admitted {
            tracked.keywords.insert(keyword.clone());
            tracked.version += 1;
        }
        admitted
    }

    pub(super) fn contains(&self, keyword: &Keyword) -> bool {
        self.tracked
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keywords
            .contains(keyword)
    }

    pub(super) fn len(&self) -> usize {
        self.tracked
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .keywords
            .len()
    }

    pub(super) fn matcher(&self) -> Arc<Matcher> {
        let mut built = self.matcher.lock().unwrap_or_else(PoisonError::into_inner);
        let (keywords, version) = {
            let tracked = self.tracked.read().unwrap_or_else(PoisonError::into_inner);
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
