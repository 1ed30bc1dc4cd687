//! The ids that were sent last, so that a post that arrives twice is sent once.

use std::collections::{HashMap, VecDeque};

use crate::events::TweetId;

/// Maximum number of remembered ids.
const MAX_IDS: usize = 200_000;

/// What was sent about a tweet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum SentKind {
    /// That it was posted.
    Posted,
    /// That it was deleted.
    Deleted,
}

type Key = ([u8; 16], SentKind);

/// The newest ids, each with a fingerprint of the keywords that it matched when it was sent. A post
/// that matches another keyword now is sent once more.
#[derive(Debug, Default)]
pub(super) struct RecentIds {
    matched: HashMap<Key, u64>,
    order: VecDeque<Key>,
}

impl RecentIds {
    /// True when this was sent, whatever the tweet matched.
    pub(super) fn has(&self, id: &TweetId, kind: SentKind) -> bool {
        self.matched.contains_key(&(id.id_hash(), kind))
    }

    /// True when this was sent, and the tweet matched these keywords.
    pub(super) fn contains(&self, id: &TweetId, kind: SentKind, matched: u64) -> bool {
        self.matched.get(&(id.id_hash(), kind)) == Some(&matched)
    }

    /// Remembers what was sent; the oldest id is forgotten when there are too many.
    pub(super) fn insert(&mut self, id: &TweetId, kind: SentKind, matched: u64) {
        let key = (id.id_hash(), kind);
        if self.matched.insert(key, matched).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MAX_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.matched.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> TweetId {
        TweetId::new(&format!("x:{number}")).unwrap()
    }

    #[test]
    fn id_is_known_under_the_same_keywords_only() {
        let mut recent = RecentIds::default();
        recent.insert(&id(1), SentKind::Posted, 1);
        assert!(recent.contains(&id(1), SentKind::Posted, 1));
        assert!(!recent.contains(&id(1), SentKind::Posted, 2));
        assert!(!recent.contains(&id(1), SentKind::Deleted, 1));
        recent.insert(&id(1), SentKind::Posted, 2);
        assert!(recent.contains(&id(1), SentKind::Posted, 2));
    }

    #[test]
    fn oldest_ids_are_forgotten() {
        let mut recent = RecentIds::default();
        for number in 0..=MAX_IDS {
            recent.insert(&id(number), SentKind::Posted, 1);
        }
        assert!(!recent.contains(&id(0), SentKind::Posted, 1));
        assert!(recent.contains(&id(1), SentKind::Posted, 1));
        assert_eq!(recent.matched.len(), MAX_IDS);
        assert_eq!(recent.order.len(), MAX_IDS);
    }
}
