//! The registry of feeds: finds the feed of a keyword with subscribers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use parking_lot::RwLock;

use super::shared::Feed;
use crate::actors::engine::ChangeSink;
use crate::actors::engine::progress::FoldProgress;
use crate::actors::live::budget::LiveBudget;
use crate::actors::live::feed_key::FeedKey;
use crate::actors::live::subscriber::{SubscriberNumber, SubscriberSlot};
use crate::actors::live::topic::Topic;
use crate::events::Keyword;
use crate::projections::{ChangeKind, ViewChange};
use crate::store::{Epoch, Views};

/// The registry; cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::actors::live) struct FeedRegistry {
    feeds: Arc<RwLock<HashMap<FeedKey, Arc<Feed>>>>,
    /// Number of feeds, so that a fold without subscribers takes no lock.
    count: Arc<AtomicUsize>,
    /// The engine's views.
    views: Views,
    progress: FoldProgress,
}

impl ChangeSink for FeedRegistry {
    /// True when the keyword has a feed. A feed is kept for a time without subscribers.
    fn wants(&self, keyword: &Keyword) -> bool {
        self.find(keyword).is_some()
    }

    /// Publishes a delta to the feed of its keyword. Changes of views that are not being served are
    /// dropped: feeds read the position of the views again when they are swapped in.
    fn publish(&self, keyword: &Keyword, epoch: Epoch, change: ViewChange) {
        let Some(feed) = self.find(keyword) else {
            return;
        };
        if self.views.epoch().ok() != Some(epoch) {
            return;
        }
        if change.kind != ChangeKind::Dropped {
            feed.publish(epoch, change);
        } else if change.as_of <= self.progress.target() {
            // Folding is still catching up: a later event may track the keyword again.
            feed.reset();
        } else {
            // Removed at once, so that new subscribers of the keyword get a new feed.
            self.remove(&feed);
            feed.end();
            feed.subscribers().wake();
            // The registry cannot trim a removed feed, so the feed's actor has to end soon.
            feed.expire();
        }
    }
}

impl FeedRegistry {
    /// A registry without feeds.
    pub(in crate::actors::live) fn new(views: Views, progress: FoldProgress) -> Self {
        Self {
            feeds: Arc::default(),
            count: Arc::default(),
            views,
            progress,
        }
    }

    fn find(&self, keyword: &Keyword) -> Option<Arc<Feed>> {
        // Either this load sees the subscriber, or the subscriber reads the rows that were put
        // before.
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let key = FeedKey::live(Some(keyword.clone()));
        self.feeds.read().get(&key).cloned()
    }

    /// Adds a subscriber to a feed, which `begin` makes if there is none. Returns the feed, the
    /// subscriber's number in it, and whether the feed is new.
    pub(in crate::actors::live) fn subscribe(
        &self,
        key: &FeedKey,
        begin: impl FnOnce() -> Feed,
        subscriber: Arc<SubscriberSlot>,
    ) -> (Arc<Feed>, SubscriberNumber, bool) {
        let mut feeds = self.feeds.write();
        let mut is_new = false;
        let feed = feeds.entry(key.clone()).or_insert_with(|| {
            is_new = true;
            Arc::new(begin())
        });
        let feed = Arc::clone(feed);
        let number = feed.subscribe(subscriber);
        self.count.store(feeds.len(), Ordering::SeqCst);
        fence(Ordering::SeqCst);
        (feed, number, is_new)
    }

    /// True when the channel of a topic exists.
    pub(in crate::actors::live) fn has_channel(&self, key: &FeedKey, topic: &Topic) -> bool {
        let feeds = self.feeds.read();
        feeds.get(key).is_some_and(|feed| feed.has_channel(topic))
    }

    /// Frees memory if three quarters of the budget are used: trims the channels unused for
    /// longest, and ends feeds without subscribers.
    pub(in crate::actors::live) fn make_room(&self, budget: &LiveBudget) {
        let Some(mut excess) = budget.bytes_to_trim() else {
            return;
        };
        let feeds: Vec<_> = self.feeds.read().values().cloned().collect();
        let mut channels = Vec::new();
        for feed in &feeds {
            let trimmable = feed.trimmable().into_iter();
            channels.extend(trimmable.map(|(used, bytes, topic)| (used, bytes, topic, feed)));
            if feed.subscribers().is_empty() {
                feed.expire();
            }
        }
        // Half of the trimmable bytes stay, so that new updates are taken before they are trimmed.
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

    /// Removes a feed, so that the next subscriber starts a new one.
    pub(super) fn remove(&self, feed: &Arc<Feed>) {
        self.remove_from(&mut self.feeds.write(), feed);
    }

    /// Removes a feed without subscribers; false when it has subscribers.
    pub(super) fn remove_unsubscribed(&self, feed: &Arc<Feed>) -> bool {
        let mut feeds = self.feeds.write();
        let is_unsubscribed = feed.subscribers().is_empty();
        if is_unsubscribed {
            self.remove_from(&mut feeds, feed);
        }
        is_unsubscribed
    }

    fn remove_from(&self, feeds: &mut HashMap<FeedKey, Arc<Feed>>, feed: &Arc<Feed>) {
        let held = feeds.get(feed.key());
        if held.is_some_and(|held| Arc::ptr_eq(held, feed)) {
            feeds.remove(feed.key());
        }
        self.count.store(feeds.len(), Ordering::SeqCst);
    }
}
