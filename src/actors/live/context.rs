//! What live actors share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ractor::ActorRef;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::budget::LiveBudget;
use super::encoder::Encoder;
use super::feed::actor::FeedArguments;
use super::feed::channel::CHANNEL_BYTES;
use super::feed::shared::Feed;
use super::feed::view_reads::Readers;
use super::marks::MarkChecks;
use super::registry::FeedRegistry;
use super::subscriber::Subscriber;
use super::supervisor::{LiveMessage, LiveOptions};
use super::topic::Topic;
use crate::actors::engine::HEAD_KNOWN_WITHIN;
use crate::actors::engine::clock::Clock;
use crate::actors::engine::core::Core;
use crate::actors::engine::progress::FoldProgress;
use crate::events::{Keyword, Sequence, ShardCount, ShardId, Token};
use crate::journal::Connection;
use crate::store::Views;
use crate::telemetry::Metrics;

/// At least so many feeds may read the views at a time; else as many as there are processors.
const MIN_READERS: usize = 2;

/// What live actors share; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct LiveContext(Arc<SharedContext>);

#[derive(Debug)]
pub(super) struct SharedContext {
    feeds: FeedRegistry,
    pub(super) views: Views,
    pub(super) progress: FoldProgress,
    head: watch::Receiver<Sequence>,
    /// How late the journal's head is known: zero unless others write to the journal, too.
    head_known_within: Duration,
    shards: ShardCount,
    pub(super) encoder: Arc<dyn Encoder>,
    pub(super) options: LiveOptions,
    pub(super) clock: Clock,
    pub(super) budget: LiveBudget,
    pub(super) marks: MarkChecks,
    readers: Arc<Readers>,
    pub(super) metrics: Metrics,
    pub(super) sessions: Arc<AtomicUsize>,
    pub(super) is_stopping: AtomicBool,
    pub(super) supervisor: ActorRef<LiveMessage>,
}

impl LiveContext {
    pub(super) fn new(
        core: &Core,
        feeds: FeedRegistry,
        encoder: Arc<dyn Encoder>,
        options: LiveOptions,
        supervisor: ActorRef<LiveMessage>,
    ) -> Self {
        let workers = Handle::current().metrics().num_workers();
        Self(Arc::new(SharedContext {
            feeds,
            views: core.views.clone(),
            progress: core.progress.clone(),
            head_known_within: if core.journal.connection() == Connection::Local {
                Duration::ZERO
            } else {
                HEAD_KNOWN_WITHIN
            },
            head: core.journal.head(),
            shards: core.journal.shards(),
            marks: MarkChecks::new(Arc::clone(&core.journal)),
            encoder,
            options,
            clock: core.options.clock.clone(),
            budget: LiveBudget::new(options.budget, core.metrics.clone()),
            readers: Arc::new(Readers::new(workers.max(MIN_READERS))),
            metrics: core.metrics.clone(),
            sessions: Arc::default(),
            is_stopping: AtomicBool::new(false),
            supervisor,
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
    /// The journal's last sequence.
    pub(super) fn head(&self) -> Sequence {
        *self.head.borrow()
    }

    /// How late the journal's last sequence is known.
    pub(super) const fn head_known_within(&self) -> Duration {
        self.head_known_within
    }

    pub(super) fn shard_of(&self, keyword: &Keyword) -> ShardId {
        self.shards.shard_of(Token::of(keyword).as_str().as_bytes())
    }

    /// A place for one more session; `None` when there are as many as may be.
    pub(super) fn permit(&self) -> Option<SessionPermit> {
        let permit = SessionPermit(Arc::clone(&self.sessions));
        let open = self.sessions.fetch_add(1, Ordering::AcqRel);
        (open < self.options.sessions).then_some(permit)
    }

    /// What the actor of a feed needs.
    pub(super) fn feed_arguments(&self, feed: &Arc<Feed>) -> FeedArguments {
        FeedArguments {
            shard: feed.keyword().map(|keyword| self.shard_of(keyword)),
            feed: Arc::clone(feed),
            feeds: self.feeds.clone(),
            views: self.views.clone(),
            progress: self.progress.clone(),
            encoder: Arc::clone(&self.encoder),
            clock: self.clock.clone(),
            budget: self.budget.clone(),
            readers: Arc::clone(&self.readers),
            metrics: self.metrics.clone(),
            flush: self.options.flush,
            linger: self.options.linger,
        }
    }

    /// There is room in the budget for those of a keyword's topics without subscribers yet, or can
    /// be made.
    pub(super) fn has_room(&self, keyword: Option<&Keyword>, topics: &[Topic]) -> bool {
        let now = self.clock.now();
        let new = topics.iter();
        let new: Vec<_> = new
            .filter(|topic| !self.feeds.has_channel(keyword, topic))
            .map(|topic| topic.weight(now))
            .collect();
        let bytes = new.len() * CHANNEL_BYTES;
        let fits = || {
            new.iter()
                .all(|weight| self.budget.has_room(*weight, bytes))
        };
        fits() || {
            self.feeds.make_room(&self.budget);
            fits()
        }
    }

    /// Adds a subscriber to the feed of a keyword, which begins if there is none.
    pub(super) fn subscribe(
        &self,
        keyword: Option<&Keyword>,
        subscriber: Arc<Subscriber>,
    ) -> (Arc<Feed>, u64) {
        let ring_bytes = self.options.ring_bytes;
        let (feed, number, is_new) =
            self.feeds
                .subscribe(keyword, ring_bytes, &self.budget, subscriber);
        if is_new {
            let feed = Arc::clone(&feed);
            let _ = self.supervisor.cast(LiveMessage::StartFeed(feed));
        }
        (feed, number)
    }
}

/// A place among the sessions; given back when it is dropped.
#[derive(Debug)]
pub(super) struct SessionPermit(Arc<AtomicUsize>);

impl Drop for SessionPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
