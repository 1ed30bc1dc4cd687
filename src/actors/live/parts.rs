//! What live actors share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ractor::ActorRef;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::budget::Budget;
use super::chain::CHAIN_BYTES;
use super::feed::Feed;
use super::feed_actor::FeedArguments;
use super::feeds::Feeds;
use super::follower::Follower;
use super::marks::Marks;
use super::reading::Readers;
use super::shapes::Shapes;
use super::supervisor::{LiveMessage, LiveOptions};
use super::topic::Topic;
use crate::actors::clock::Clock;
use crate::actors::progress::Progress;
use crate::actors::tidings::HEAD_KNOWN_WITHIN;
use crate::events::{Keyword, Sequence, ShardCount, ShardId, Token};
use crate::journal::{Connection, JournalHandle};
use crate::store::Views;
use crate::telemetry::Metrics;

/// At least so many feeds may read the views at a time; else as many as there are processors.
const LEAST_READERS: usize = 2;

/// What the running system lends to what is live.
#[derive(Debug)]
pub(in crate::actors) struct LiveSources {
    pub(in crate::actors) feeds: Feeds,
    pub(in crate::actors) views: Views,
    pub(in crate::actors) progress: Progress,
    pub(in crate::actors) journal: JournalHandle,
    pub(in crate::actors) clock: Clock,
    pub(in crate::actors) metrics: Metrics,
}

/// What live actors share; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct LiveParts(Arc<Parts>);

#[derive(Debug)]
pub(super) struct Parts {
    feeds: Feeds,
    pub(super) views: Views,
    pub(super) progress: Progress,
    head: watch::Receiver<Sequence>,
    /// How late the journal's head is known: zero unless others write to the journal, too.
    head_known_within: Duration,
    shards: ShardCount,
    pub(super) shapes: Arc<dyn Shapes>,
    pub(super) options: LiveOptions,
    pub(super) clock: Clock,
    pub(super) budget: Budget,
    pub(super) marks: Marks,
    readers: Arc<Readers>,
    pub(super) metrics: Metrics,
    pub(super) sessions: Arc<AtomicUsize>,
    pub(super) is_stopping: AtomicBool,
    pub(super) supervisor: ActorRef<LiveMessage>,
}

impl LiveParts {
    pub(super) fn new(
        sources: LiveSources,
        shapes: Arc<dyn Shapes>,
        options: LiveOptions,
        supervisor: ActorRef<LiveMessage>,
    ) -> Self {
        let workers = Handle::current().metrics().num_workers();
        Self(Arc::new(Parts {
            feeds: sources.feeds,
            views: sources.views,
            progress: sources.progress,
            head_known_within: if sources.journal.connection() == Connection::Local {
                Duration::ZERO
            } else {
                HEAD_KNOWN_WITHIN
            },
            head: sources.journal.head(),
            shards: sources.journal.shards(),
            marks: Marks::new(sources.journal),
            shapes,
            options,
            clock: sources.clock,
            budget: Budget::new(options.budget, sources.metrics.clone()),
            readers: Arc::new(Readers::new(workers.max(LEAST_READERS))),
            metrics: sources.metrics,
            sessions: Arc::default(),
            is_stopping: AtomicBool::new(false),
            supervisor,
        }))
    }
}

impl std::ops::Deref for LiveParts {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Parts {
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
    pub(super) fn place(&self) -> Option<Place> {
        let place = Place(Arc::clone(&self.sessions));
        let open = self.sessions.fetch_add(1, Ordering::AcqRel);
        (open < self.options.sessions).then_some(place)
    }

    /// What the actor of a feed needs.
    pub(super) fn feed_arguments(&self, feed: &Arc<Feed>) -> FeedArguments {
        FeedArguments {
            shard: feed.keyword().map(|keyword| self.shard_of(keyword)),
            feed: Arc::clone(feed),
            feeds: self.feeds.clone(),
            views: self.views.clone(),
            progress: self.progress.clone(),
            shapes: Arc::clone(&self.shapes),
            clock: self.clock.clone(),
            budget: self.budget.clone(),
            readers: Arc::clone(&self.readers),
            metrics: self.metrics.clone(),
            flush: self.options.flush,
            linger: self.options.linger,
        }
    }

    /// There is room in the budget for those of a keyword's topics that nobody follows yet, or can be
    /// made.
    pub(super) fn has_room(&self, keyword: Option<&Keyword>, topics: &[Topic]) -> bool {
        let now = self.clock.now();
        let new = topics.iter();
        let new: Vec<_> = new
            .filter(|topic| !self.feeds.has_chain(keyword, topic))
            .map(|topic| topic.weight(now))
            .collect();
        let bytes = new.len() * CHAIN_BYTES;
        let fits = || {
            new.iter()
                .all(|weight| self.budget.has_room(*weight, bytes))
        };
        fits() || {
            self.feeds.make_room(&self.budget);
            fits()
        }
    }

    /// Adds a follower to the feed of a keyword, which begins if there is none.
    pub(super) fn follow(
        &self,
        keyword: Option<&Keyword>,
        follower: Arc<Follower>,
    ) -> (Arc<Feed>, u64) {
        let ring_bytes = self.options.ring_bytes;
        let (feed, number, is_new) = self
            .feeds
            .follow(keyword, ring_bytes, &self.budget, follower);
        if is_new {
            let feed = Arc::clone(&feed);
            let _ = self.supervisor.cast(LiveMessage::StartFeed(feed));
        }
        (feed, number)
    }
}

/// A place among the sessions; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
