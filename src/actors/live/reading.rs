//! What a feed reads of the views, off the event loop.

use std::sync::Arc;

use super::feed_actor::FeedArguments;
use super::line::{Line, Position};
use super::shapes::{At, Whole};
use super::topic::Topic;
use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::{TimelineQuery, timeline_query};
use crate::store::StoreError;

impl FeedArguments {
    /// Where a followed keyword stands; `None` when it isn't followed.
    pub(super) async fn position_of(
        &self,
        keyword: Keyword,
    ) -> Result<Option<Position>, StoreError> {
        let views = self.views.clone();
        let answer = blocking(move || views.read(&keyword, |head, _| Ok(head.tracked))).await?;
        Ok(answer.filter(|answer| answer.value).map(|answer| Position {
            epoch: answer.epoch,
            seq: answer.as_of,
        }))
    }

    pub(super) fn position_of_all(&self) -> Result<Option<Position>, StoreError> {
        Ok(Some(Position {
            epoch: self.views.epoch()?,
            seq: self.progress.lowest(),
        }))
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
    ) -> Result<Option<(Sequence, Vec<Line>)>, StoreError> {
        let views = self.views.clone();
        let shapes = Arc::clone(&self.shapes);
        blocking(move || {
            let wanted = TimelineQuery {
                limit,
                ..TimelineQuery::default()
            };
            let answer = views.read(&keyword, |head, rows| {
                head.tracked
                    .then(|| timeline_query::query(rows, &wanted))
                    .transpose()
            })?;
            Ok(answer.and_then(|answer| {
                let position = Position {
                    epoch: answer.epoch,
                    seq: answer.as_of,
                };
                let whose = At {
                    keyword: &keyword,
                    position,
                };
                let page = answer.value.filter(|_| answer.epoch == at.epoch)?;
                Some((answer.as_of, shapes.timeline_snapshot(whose, limit, page)))
            }))
        })
        .await
    }

    pub(super) async fn whole(&self, topic: &Topic) -> Result<Option<Whole>, StoreError> {
        let shapes = Arc::clone(&self.shapes);
        let keyword = self.feed.keyword().cloned();
        let topic = topic.clone();
        blocking(move || shapes.whole(&topic, keyword.as_ref(), Timestamp::now())).await
    }

    /// The views of all keywords may give another answer than at `position`.
    pub(super) fn has_moved(
        &self,
        position: Position,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        self.progress.lowest() > position.seq || until.is_some_and(|until| now >= until)
    }
}

/// Runs what may block off the event loop.
pub(super) async fn blocking<T: Send + 'static>(
    task: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(task)
        .await
        .unwrap_or(Err(StoreError::Absent))
}
