//! The context of a feed actor, and its reads of the views, off the event loop.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::phase::FeedPhase;
use super::poll;
use super::registry::FeedRegistry;
use super::shared::Feed;
use crate::actors::live::budget::LiveBudget;
use crate::actors::live::encoder::{Encoder, KeywordPosition};
use crate::actors::live::feed_key::FeedViews;
use crate::actors::live::message::{Message, Position};
use crate::actors::live::polled::{PolledAnswer, PolledQuery, PolledTopic};
use crate::events::{Keyword, Sequence, ShardId, Timestamp};
use crate::projections::{Meter, TimelineQuery, timeline};
use crate::store::{ReadThreads, StoreError};
use crate::telemetry::{Metrics, log_throttled};

/// Niceness of the threads that read and encode for live clients, from 0 (none) to 19.
const NICENESS: i32 = 10;

/// Maximum number of joined answers that feeds make at a time.
const MAX_JOINED: usize = 1;

/// The context of a feed actor.
#[derive(Debug, Clone)]
pub(in crate::actors::live) struct FeedContext {
    pub(in crate::actors::live) feed: Arc<Feed>,
    /// The shard of the keyword; `None` for the feed of all keywords.
    pub(in crate::actors::live) shard: Option<ShardId>,
    pub(in crate::actors::live) source: FeedViews,
    pub(in crate::actors::live) registry: FeedRegistry,
    pub(in crate::actors::live) encoder: Arc<dyn Encoder>,
    pub(in crate::actors::live) budget: LiveBudget,
    pub(in crate::actors::live) readers: Arc<Readers>,
    pub(in crate::actors::live) metrics: Metrics,
    /// Minimum time between two updates of a channel.
    pub(in crate::actors::live) flush: Duration,
    /// Time that the feed is kept without subscribers.
    pub(in crate::actors::live) linger: Duration,
}

impl FeedContext {
    /// The output of the keyword's updates; `None` for the feed of all keywords.
    pub(super) fn output(&self) -> Option<KeywordOutput<'_>> {
        Some(KeywordOutput {
            feed: &self.feed,
            encoder: &*self.encoder,
            keyword: self.feed.keyword()?,
        })
    }

    /// Position of the feed's views; `None` when the keyword is not tracked.
    pub(super) async fn position(&self) -> Result<Option<Position>, StoreError> {
        let views = self.source.views.clone();
        let Some(keyword) = self.feed.keyword().cloned() else {
            let seq = self.source.progress.lowest();
            return Ok(Some(Position::of_all(views.epoch()?, seq)));
        };
        let task = move || {
            views.read(&keyword, |summary, _| {
                Ok(summary.tracked.then_some(summary.mark))
            })
        };
        let answer = self.read(task).await?;
        Ok(answer.and_then(|answer| {
            let mark = answer.value?;
            let position = Position::new(answer.epoch, answer.as_of, mark);
            Some(position.unmarked_if(self.source.progress.is_frozen()))
        }))
    }

    /// True while the keyword's shard has not reached the journal head of the time when folding
    /// began: the records in between may still track the keyword.
    pub(super) fn is_catching_up(&self) -> bool {
        let progress = &self.source.progress;
        self.shard
            .is_some_and(|shard| progress.position(shard) < progress.target())
    }

    /// Reads the newest tweets of the keyword and encodes them; `None` when it is not tracked, or
    /// the views are of another epoch than `at`.
    pub(super) async fn timeline_snapshot(
        &self,
        at: Position,
        keyword: Keyword,
        limit: usize,
    ) -> Result<Option<(Position, Vec<Message>)>, StoreError> {
        let views = self.source.views.clone();
        let encoder = Arc::clone(&self.encoder);
        let are_older = self.source.progress.is_frozen();
        self.read(move || {
            let wanted = TimelineQuery {
                limit,
                ..TimelineQuery::default()
            };
            let answer = views.read(&keyword, |summary, rows| {
                summary
                    .tracked
                    .then(|| Ok((summary.mark, timeline::query(rows, &wanted)?)))
                    .transpose()
            })?;
            Ok(answer.and_then(|answer| {
                let (mark, page) = answer.value.filter(|_| answer.epoch == at.epoch)?;
                let position = Position::new(answer.epoch, answer.as_of, mark);
                let position = position.unmarked_if(are_older);
                let at = KeywordPosition {
                    keyword: &keyword,
                    position,
                };
                Some((position, encoder.timeline_snapshot(at, limit, page)))
            }))
        })
        .await
    }

    /// The answer of a polled topic that is not joined, at this time; `None` when the keyword is
    /// not tracked.
    pub(super) async fn polled(
        &self,
        topic: &PolledTopic,
        now: Timestamp,
    ) -> Result<Option<PolledAnswer>, StoreError> {
        let source = self.source.clone();
        match (topic.query().clone(), self.feed.keyword().cloned()) {
            (PolledQuery::OfKeyword(query), Some(keyword)) => {
                let task = move || poll::keyword(&source, &keyword, &*query, now);
                self.read(task).await
            }
            // The query takes long, but the feeds of single keywords do not wait for it.
            (PolledQuery::Across(countable, query), None) => {
                let task = move || poll::across(&source, &countable, &*query, now);
                self.readers.run(task).await
            }
            // A topic in the wrong scope is refused before its subscription reaches the feed.
            (PolledQuery::OfKeyword(_), None)
            | (PolledQuery::Across(..), Some(_))
            | (PolledQuery::Joined(..), _) => Ok(None),
        }
    }

    /// Waits for a permit to make a joined answer.
    pub(super) async fn joined_permit(&self) -> Option<OwnedSemaphorePermit> {
        let permits = Arc::clone(&self.readers.joined_permits);
        // The semaphore is never closed.
        permits.acquire_owned().await.ok()
    }

    /// The answer of a joined topic at this time; `None` when the keyword is not tracked. The
    /// permit is given back when the work has ended, which `meter` can end early.
    pub(super) async fn joined(
        &self,
        topic: &PolledTopic,
        now: Timestamp,
        (permit, meter): (Option<OwnedSemaphorePermit>, Meter),
    ) -> Result<Option<PolledAnswer>, StoreError> {
        let (PolledQuery::Joined(countable, query), Some(keyword)) =
            (topic.query().clone(), self.feed.keyword().cloned())
        else {
            return Ok(None);
        };
        let source = self.source.metered(meter);
        let task = move || {
            let _permit = permit;
            poll::joined(&source, (&keyword, &countable), &*query, now)
        };
        self.readers.run(task).await
    }

    /// True when a joined answer can be made without waiting for those of other feeds.
    pub(super) fn can_join(&self) -> bool {
        self.readers.joined_permits.available_permits() > 0
    }

    /// Encodes an answer. The answer over all keywords may be long, so it is encoded off the event
    /// loop.
    pub(super) async fn encode(
        &self,
        topic: &PolledTopic,
        answer: &Arc<PolledAnswer>,
        prev: Option<Sequence>,
    ) -> Result<Vec<Message>, StoreError> {
        if let Some(keyword) = self.feed.keyword() {
            return Ok(self.encoder.polled(topic, Some(keyword), prev, answer));
        }
        let (encoder, topic) = (Arc::clone(&self.encoder), topic.clone());
        let answer = Arc::clone(answer);
        let task = move || Ok(encoder.polled(&topic, None, prev, &answer));
        self.readers.run(task).await
    }

    /// True when the views may give another answer than at `position`, or the time is outside
    /// `current`.
    pub(super) fn has_moved(
        &self,
        position: Position,
        current: Option<&Range<Timestamp>>,
        now: Timestamp,
    ) -> bool {
        let reached = match (self.feed.keyword(), self.feed.phase()) {
            (Some(_), FeedPhase::Hot(at)) => at.seq,
            _ => self.source.progress.lowest(),
        };
        reached > position.seq || current.is_some_and(|current| !current.contains(&now))
    }

    /// Counts the puts of all keywords that may change a joined answer. An answer that is made
    /// after the call includes the counted puts.
    pub(super) fn background_changes(&self) -> u64 {
        // Without views no answer can be made either.
        self.source.views.background_changes().unwrap_or_default()
    }

    /// Reads the rows of one keyword off the event loop. Feeds take turns, so that a feed with many
    /// subscribers does not delay the others for long.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.readers.permits.acquire().await;
        let answer = self.readers.run(task).await;
        drop(permit);
        answer
    }

    /// Frees memory of live clients if most of the budget is used.
    pub(super) fn make_room(&self) {
        self.registry.make_room(&self.budget);
    }
}

/// The feed that receives a keyword's updates, and the encoder of these updates.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeywordOutput<'a> {
    pub(super) feed: &'a Feed,
    pub(super) encoder: &'a dyn Encoder,
    pub(super) keyword: &'a Keyword,
}

impl<'a> KeywordOutput<'a> {
    pub(super) const fn at(&self, position: Position) -> KeywordPosition<'a> {
        KeywordPosition {
            keyword: self.keyword,
            position,
        }
    }
}

/// The threads on which feeds read the views and encode long answers.
#[derive(Debug)]
pub(in crate::actors::live) struct Readers {
    /// Permits for reading one keyword.
    permits: Semaphore,
    /// Permits for joined answers, which take longer. Other reads do not wait for them.
    joined_permits: Arc<Semaphore>,
    threads: ReadThreads,
}

impl Readers {
    /// Threads for `count` concurrent reads of one keyword, for joined answers, and for the feed of
    /// all keywords.
    pub(in crate::actors::live) fn new(count: usize) -> Self {
        Self {
            permits: Semaphore::new(count),
            joined_permits: Arc::new(Semaphore::new(MAX_JOINED)),
            threads: ReadThreads::new(
                "live",
                count.saturating_add(MAX_JOINED).saturating_add(1),
                NICENESS,
            ),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let running = self.threads.handle().spawn_blocking(task);
        running.await.unwrap_or_else(|error| {
            log_throttled("feed-cut", move |count| {
                tracing::error!(%error, count, "answers for live clients could not be made");
            });
            Err(StoreError::Absent)
        })
    }
}
