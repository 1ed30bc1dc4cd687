//! The context that all live actors share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::budget::LiveBudget;
use super::encoder::Encoder;
use super::feed::channel::CHANNEL_BYTES;
use super::feed::context::{FeedContext, Readers};
use super::feed::registry::FeedRegistry;
use super::feed::shared::Feed;
use super::feed_key::{FeedKey, FeedViews, ViewSource};
use super::marks::MarkChecks;
use super::options::LiveOptions;
use super::request::Subscribe;
use super::subscriber::{SubscriberNumber, SubscriberSlot};
use crate::actors::engine::HEAD_KNOWN_WITHIN;
use crate::actors::engine::core::Core;
use crate::events::{Keyword, Sequence, ShardId, Timestamp};
use crate::journal::Connection;
use crate::telemetry::Metrics;

/// Minimum number of feeds that may read the views at the same time; default: the number of
/// processors.
const MIN_READERS: usize = 2;

/// The context of live actors; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct LiveContext(Arc<SharedContext>);

#[derive(Debug)]
pub(super) struct SharedContext {
    core: Core,
    registry: FeedRegistry,
    /// Receives new feeds, so that the supervisor starts their actors.
    new_feeds: mpsc::UnboundedSender<Arc<Feed>>,
    live_views: FeedViews,
    pub(super) encoder: Arc<dyn Encoder>,
    pub(super) options: LiveOptions,
    pub(super) budget: LiveBudget,
    pub(super) marks: MarkChecks,
    readers: Arc<Readers>,
    pub(super) metrics: Metrics,
    open_sessions: Arc<AtomicUsize>,
    pub(super) is_stopping: AtomicBool,
}

impl LiveContext {
    pub(super) fn new(
        core: &Core,
        registry: FeedRegistry,
        encoder: Arc<dyn Encoder>,
        options: LiveOptions,
        new_feeds: mpsc::UnboundedSender<Arc<Feed>>,
    ) -> Self {
        let workers = Handle::current().metrics().num_workers();
        Self(Arc::new(SharedContext {
            core: core.clone(),
            registry,
            new_feeds,
            live_views: FeedViews {
                views: core.views.clone(),
                progress: core.progress.clone(),
                clock: core.options.clock.clone(),
            },
            marks: MarkChecks::new(Arc::clone(&core.journal)),
            encoder,
            options,
            budget: LiveBudget::new(options.budget, core.metrics.clone()),
            readers: Arc::new(Readers::new(workers.max(MIN_READERS))),
            metrics: core.metrics.clone(),
            open_sessions: Arc::default(),
            is_stopping: AtomicBool::new(false),
        }))
    }
}

impl std::ops::Deref for LiveContext {
    type Target = SharedContext;

    fn deref(&self) -> &SharedContext {
        &self.0
    }
}

impl SharedContext {
    /// The current time of the wall clock.
    pub(super) fn now(&self) -> Timestamp {
        self.live_views.clock.now()
    }

    /// The views of a source.
    pub(super) const fn views(&self, source: ViewSource) -> &FeedViews {
        match source {
            ViewSource::Live => &self.live_views,
        }
    }

    /// The journal head.
    pub(super) fn head(&self) -> Sequence {
        self.core.head()
    }

    /// Maximum delay of the known journal head: zero if no other process writes to the journal.
    pub(super) fn head_known_within(&self) -> Duration {
        match self.core.journal.connection() {
            Connection::Local => Duration::ZERO,
            _ => HEAD_KNOWN_WITHIN,
        }
    }

    pub(super) fn shard_of(&self, keyword: &Keyword) -> ShardId {
        self.core.shard_of(keyword)
    }

    /// Number of open sessions.
    pub(super) fn open_sessions(&self) -> usize {
        self.open_sessions.load(Ordering::Acquire)
    }

    /// A permit for one more session; `None` when the limit is reached.
    pub(super) fn permit(&self) -> Option<SessionPermit> {
        let permit = SessionPermit(Arc::clone(&self.open_sessions));
        let open = self.open_sessions.fetch_add(1, Ordering::AcqRel);
        (open < self.options.sessions).then_some(permit)
    }

    /// The context of a feed's actor.
    pub(super) fn feed_context(&self, feed: &Arc<Feed>) -> FeedContext {
        FeedContext {
            shard: feed.keyword().map(|keyword| self.shard_of(keyword)),
            source: self.views(feed.key().source).clone(),
            feed: Arc::clone(feed),
            registry: self.registry.clone(),
            encoder: Arc::clone(&self.encoder),
            budget: self.budget.clone(),
            readers: Arc::clone(&self.readers),
            metrics: self.metrics.clone(),
            flush: self.options.flush,
            linger: self.options.linger,
        }
    }

    /// True when the budget has room, or room can be made, for those of the wanted channels that do
    /// not exist yet.
    pub(super) fn has_room(&self, wanted: &Subscribe, now: Timestamp) -> bool {
        let key = FeedKey::live(wanted.keyword.clone());
        let new: Vec<_> = wanted
            .topics
            .iter()
            .filter(|topic| !self.registry.has_channel(&key, topic))
            .map(|topic| topic.weight(now))
            .collect();
        let bytes = new.len() * CHANNEL_BYTES;
        let fits = || {
            new.iter()
                .all(|weight| self.budget.has_room(*weight, bytes))
        };
        fits() || {
            self.registry.make_room(&self.budget);
            fits()
        }
    }

    /// Adds a subscriber to a feed; creates the feed if it does not exist.
    pub(super) fn subscribe(
        &self,
        key: &FeedKey,
        subscriber: Arc<SubscriberSlot>,
    ) -> (Arc<Feed>, SubscriberNumber) {
        let begin = || Feed::new(key.clone(), self.options.ring_bytes, &self.budget);
        let (feed, number, is_new) = self.registry.subscribe(key, begin, subscriber);
        if is_new {
            let _ = self.new_feeds.send(Arc::clone(&feed));
        }
        (feed, number)
    }
}

/// Counts one open session under the limit; released on drop.
#[derive(Debug)]
pub(super) struct SessionPermit(Arc<AtomicUsize>);

impl Drop for SessionPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
