//! Which keywords have subscribers, and the feed of each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use super::budget::LiveBudget;
use super::feed::shared::Feed;
use super::subscriber::Subscriber;
use super::topic::Topic;
use crate::actors::engine::ChangeSink;
use crate::actors::engine::progress::FoldProgress;
use crate::events::Keyword;
use crate::projections::{ChangeKind, ViewChange};
use crate::store::{Epoch, Views};

/// All feeds; cheap to clone. `None` names the feed of all keywords.
#[derive(Debug, Clone)]
pub(in crate::actors) struct FeedRegistry {
    feeds: Arc<RwLock<HashMap<Option<Keyword>, Arc<Feed>>>>,
    /// How many there are, so that a fold without subscribers asks no lock.
    count: Arc<AtomicUsize>,
    /// What the feeds are about.
    views: Views,
    progress: FoldProgress,
}

impl ChangeSink for FeedRegistry {
    /// The keyword has subscribers, or had some a moment ago.
    fn wants(&self, keyword: &Keyword) -> bool {
        self.find(keyword).is_some()
    }

    /// Passes a change on to the feed of its keyword. Changes of views that are not being served
    /// are dropped; feeds read their position again when the views are swapped in.
    fn publish(&self, keyword: &Keyword, epoch: Epoch, change: ViewChange) {
        let Some(feed) = self.find(keyword) else {
            return;
        };
        if self.views.epoch().ok() != Some(epoch) {
            return;
        }
        if change.kind != ChangeKind::Dropped {
            feed.hand_over(epoch, change);
        } else if change.as_of <= self.progress.target() {
            // The journal held the event at the start; it may track the keyword again after it.
            feed.begin_anew();
        } else {
            // At once: subscribers that come now see the keyword's next life.
            self.remove(&feed);
            feed.end();
            feed.wake();
        }
    }
}

impl FeedRegistry {
    /// No feeds yet.
    pub(crate) fn new(views: Views, progress: FoldProgress) -> Self {
        Self {
            feeds: Arc::default(),
            count: Arc::default(),
            views,
            progress,
        }
    }

    fn find(&self, keyword: &Keyword) -> Option<Arc<Feed>> {
        // Either this sees the subscriber, or the subscriber reads the rows that were put before
        // this.
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
        feeds.get(&Some(keyword.clone())).cloned()
    }

    fn writing(&self) -> RwLockWriteGuard<'_, HashMap<Option<Keyword>, Arc<Feed>>> {
        self.feeds.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a subscriber to a feed, which begins if there is none. Answers the feed, the
    /// subscriber's number in it, and whether it has just begun.
    pub(super) fn subscribe(
        &self,
        keyword: Option<&Keyword>,
        ring_bytes: usize,
        budget: &LiveBudget,
        subscriber: Arc<Subscriber>,
    ) -> (Arc<Feed>, u64, bool) {
        let mut feeds = self.writing();
        let mut is_new = false;
        let feed = feeds.entry(keyword.cloned()).or_insert_with(|| {
            is_new = true;
            Arc::new(Feed::new(keyword.cloned(), ring_bytes, budget))
        });
        let feed = Arc::clone(feed);
        let number = feed.subscribe(subscriber);
        self.count.store(feeds.len(), Ordering::SeqCst);
        fence(Ordering::SeqCst);
        (feed, number, is_new)
    }

    /// A topic's channel is there already.
    pub(super) fn has_channel(&self, keyword: Option<&Keyword>, topic: &Topic) -> bool {
        let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
        let feed = feeds.get(&keyword.cloned());
        feed.is_some_and(|feed| feed.has_channel(topic))
    }

    /// Trims the replay buffers that were unused longest until there is room in the budget, and
    /// lets feeds without subscribers end, if the budget asks for it.
    pub(super) fn make_room(&self, budget: &LiveBudget) {
        let Some(mut excess) = budget.bytes_to_trim() else {
            return;
        };
        let feeds: Vec<_> = {
            let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
            feeds.values().cloned().collect()
        };
        let mut channels = Vec::new();
        for feed in &feeds {
            let trimmable = feed.trimmable().into_iter();
            channels.extend(trimmable.map(|(used, bytes, topic)| (used, bytes, topic, feed)));
            if !feed.has_subscribers() {
                feed.expire();
            }
        }
        // Half of what can be trimmed stays, so that what was made just now is taken before it
        // goes.
        let all: usize = channels.iter().map(|(_, bytes, ..)| *bytes).sum();
        excess = excess.min(all.div_ceil(2));
        channels.sort_unstable_by_key(|(used, ..)| *used);
        for (_, bytes, topic, feed) in channels {
            feed.trim(&topic);
            budget.count_trim();
            excess = excess.saturating_sub(bytes);
            if excess == 0 {
                return;
            }
        }
    }

    /// Takes a feed out, so that the next subscriber begins another.
    pub(super) fn remove(&self, feed: &Arc<Feed>) {
        let mut feeds = self.writing();
        let keyword = feed.keyword().cloned();
        if feeds
            .get(&keyword)
            .is_some_and(|held| Arc::ptr_eq(held, feed))
        {
            feeds.remove(&keyword);
        }
        self.count.store(feeds.len(), Ordering::SeqCst);
    }

    /// Takes a feed out unless it has subscribers.
    pub(super) fn remove_unsubscribed(&self, feed: &Arc<Feed>) -> bool {
        let mut feeds = self.writing();
        if feed.has_subscribers() {
            return false;
        }
        let keyword = feed.keyword().cloned();
        if feeds
            .get(&keyword)
            .is_some_and(|held| Arc::ptr_eq(held, feed))
        {
            feeds.remove(&keyword);
        }
        self.count.store(feeds.len(), Ordering::SeqCst);
        true
    }
}
