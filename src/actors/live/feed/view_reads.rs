//! What a feed reads of the views, off the event loop.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::actor::FeedArguments;
use crate::actors::live::encoder::{KeywordPosition, PolledAnswer};
use crate::actors::live::message::{Message, Position};
use crate::actors::live::topic::Topic;
use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::{TimelineQuery, timeline_query};
use crate::store::{ReadThreads, StoreError};

impl FeedArguments {
    /// Where a tracked keyword stands; `None` when it isn't tracked.
    pub(in crate::actors::live) async fn position_of(
        &self,
        keyword: Keyword,
    ) -> Result<Option<Position>, StoreError> {
        let views = self.views.clone();
        let task = move || {
            views.read(&keyword, |summary, _| {
                Ok(summary.tracked.then_some(summary.mark))
            })
        };
        let answer = self.read(task).await?;
        Ok(answer.and_then(|answer| {
            let mark = answer.value?;
            let position = Position::new(answer.epoch, answer.as_of, mark);
            Some(position.unmarked_if(self.progress.is_frozen()))
        }))
    }

    /// Runs what may block off the event loop, when as many feeds as may are not at it already.
    /// They take turns, so that a feed with many subscribers keeps no other waiting for long.
    pub(in crate::actors::live) async fn read<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.readers.permits.acquire().await;
        let answer = self.readers.run(task).await;
        drop(permit);
        answer
    }

    /// Sees to it that what is held for live clients stays within the budget.
    pub(in crate::actors::live) fn make_room(&self) {
        self.feeds.make_room(&self.budget);
    }

    pub(super) fn position_of_all(&self) -> Result<Option<Position>, StoreError> {
        let seq = self.progress.lowest();
        Ok(Some(Position::of_all(self.views.epoch()?, seq)))
    }

    /// The keyword may still turn up in what the journal held at the start.
    pub(super) fn is_catching_up(&self) -> bool {
        self.shard
            .is_some_and(|shard| self.progress.position(shard) < self.progress.target())
    }

    pub(super) async fn timeline(
        &self,
        at: Position,
        keyword: Keyword,
        limit: usize,
    ) -> Result<Option<(Position, Vec<Message>)>, StoreError> {
        let views = self.views.clone();
        let encoder = Arc::clone(&self.encoder);
        let are_older = self.progress.is_frozen();
        self.read(move || {
            let wanted = TimelineQuery {
                limit,
                ..TimelineQuery::default()
            };
            let answer = views.read(&keyword, |summary, rows| {
                summary
                    .tracked
                    .then(|| Ok((summary.mark, timeline_query::query(rows, &wanted)?)))
                    .transpose()
            })?;
            Ok(answer.and_then(|answer| {
                let (mark, page) = answer.value.filter(|_| answer.epoch == at.epoch)?;
                let position = Position::new(answer.epoch, answer.as_of, mark);
                let position = position.unmarked_if(are_older);
                let whose = KeywordPosition {
                    keyword: &keyword,
                    position,
                };
                Some((position, encoder.timeline_snapshot(whose, limit, page)))
            }))
        })
        .await
    }

    /// The whole answer of a topic, as of this time.
    pub(in crate::actors::live) async fn whole(
        &self,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<Option<PolledAnswer>, StoreError> {
        let encoder = Arc::clone(&self.encoder);
        let keyword = self.feed.keyword().cloned();
        let topic = topic.clone();
        let task = move || encoder.whole(&topic, keyword.as_ref(), now);
        if self.feed.keyword().is_none() {
            // It takes long, and others do not wait for it.
            return self.readers.run(task).await;
        }
        self.read(task).await
    }

    /// Encodes a whole answer; that of all keywords may be long, so it is not done on the event
    /// loop.
    pub(in crate::actors::live) async fn encode(
        &self,
        whole: &Arc<PolledAnswer>,
        prev: Option<Sequence>,
    ) -> Result<Vec<Message>, StoreError> {
        if self.feed.keyword().is_some() {
            return Ok((whole.encode)(prev));
        }
        let whole = Arc::clone(whole);
        self.readers.run(move || Ok((whole.encode)(prev))).await
    }

    /// The views of all keywords may give another answer than at `position`, or than while the
    /// clock read what is in `current`.
    pub(super) fn has_moved(
        &self,
        position: Position,
        current: Option<&Range<Timestamp>>,
        now: Timestamp,
    ) -> bool {
        self.progress.lowest() > position.seq
            || current.is_some_and(|current| !current.contains(&now))
    }
}

/// The niceness of what live clients make the server read and encode, from 0 (none) to 19.
const NICENESS: i32 = 10;

/// Where feeds read the views and encode long answers.
#[derive(Debug)]
pub(in crate::actors::live) struct Readers {
    /// For reading one keyword.
    permits: Semaphore,
    threads: ReadThreads,
}

impl Readers {
    /// So many feeds of a keyword at a time, and that of all keywords.
    pub(in crate::actors::live) fn new(count: usize) -> Self {
        Self {
            permits: Semaphore::new(count),
            threads: ReadThreads::new("live", count.saturating_add(1), NICENESS),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let running = self.threads.handle().spawn_blocking(task);
        running.await.unwrap_or(Err(StoreError::Absent))
    }
}
