//! Polled topics. Their whole answer is made for all subscribers at most once a second, and for
//! each new subscriber.

mod held;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::context::FeedContext;
use super::joins::{FinishedJoin, Joins, Making};
use super::phase::FeedPhase;
use super::shared::Feed;
use crate::actors::live::message::{Message, Position, bytes_of};
use crate::actors::live::polled::{PolledAnswer, PolledTopic};
use crate::actors::live::topic::Topic;
use crate::events::Timestamp;
use crate::store::StoreError;
use held::{Held, PAUSE_PER_COST};

/// Pause before unreadable views are read again.
const RETRY: Duration = Duration::from_millis(100);
/// Minimum time between two refreshes.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// The polled topics that have subscribers.
#[derive(Default)]
pub(super) struct PolledTopics {
    held: Vec<Held>,
    /// The earliest time of the next refresh.
    next: Option<Instant>,
    is_scheduled: bool,
    joins: Joins,
}

/// Position, period of validity by the clock, and messages of a snapshot.
type PolledSnapshot = (Position, Option<Range<Timestamp>>, Vec<Message>);

impl PolledTopics {
    /// Drops all answers. A scheduled refresh stays scheduled.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.joins.clear();
    }

    pub(super) fn forget_unsubscribed(&mut self, feed: &Feed) {
        self.held
            .retain(|held| !feed.drop_unsubscribed(&Topic::Polled(held.topic.clone())));
        self.joins.forget_unsubscribed(feed);
    }

    /// True when other keywords can change an answer. The feed gets no deltas of those keywords, so
    /// it checks the answer again after a pause.
    pub(super) fn are_joined(&self) -> bool {
        self.held.iter().any(|held| held.topic.is_joined())
    }

    /// The earliest time after `now` at which an answer changes without any event. `None` when no
    /// answer depends on the time.
    pub(super) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let current = self.held.iter().filter_map(|held| held.current.as_ref());
        let ends = current.map(|current| current.end);
        ends.filter(|end| *end > now).min()
    }

    /// True when the clock has left the window of an answer that subscribers hold.
    pub(super) fn are_over(&self, now: Timestamp) -> bool {
        let mut current = self.held.iter().filter_map(|held| held.current.as_ref());
        current.any(|current| !current.contains(&now))
    }

    /// The wait before the next [refresh](Self::refresh); `None` when there is no topic, or when a
    /// refresh is scheduled already.
    pub(super) fn schedule_refresh(&mut self) -> Option<Duration> {
        if self.held.is_empty() || std::mem::replace(&mut self.is_scheduled, true) {
            return None;
        }
        let next = self.next.unwrap_or_else(Instant::now);
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Makes the due answers again, and pushes those that changed. Joined answers are only begun;
    /// [`PolledTopics::take`] pushes them. False when no topic has subscribers.
    ///
    /// # Errors
    /// The [`StoreError`] of the first topic that failed; the other topics were refreshed. The next
    /// refresh is then due soon, unless the shown views cannot answer the topic.
    pub(super) async fn refresh(
        &mut self,
        context: &FeedContext,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.is_scheduled = false;
        let feed = &context.feed;
        self.forget_unsubscribed(feed);
        if !matches!(feed.phase(), FeedPhase::Hot(_)) || self.held.is_empty() {
            return Ok(false);
        }
        let began = Instant::now();
        let mut failure = None;
        for held in &mut self.held {
            if !held.is_due(context, now) {
                continue;
            }
            if held.topic.is_joined() {
                self.joins.start(context, &held.topic, None);
                continue;
            }
            // A failure of one topic does not stop the others.
            if let Err(error) = held.refresh(context, now).await {
                failure = failure.or(Some(error));
            }
        }
        let least = match &failure {
            Some(error) if !error.is_not_kept() => RETRY,
            _ => MIN_INTERVAL,
        };
        let pause = least.max(began.elapsed().saturating_mul(PAUSE_PER_COST));
        self.next = Some(Instant::now() + pause);
        failure.map_or(Ok(true), Err)
    }

    /// Begins to make the joined answer of a topic, for the present round of snapshots.
    pub(super) fn start_join(&mut self, context: &FeedContext, topic: &PolledTopic) {
        let round = context.feed.round_of(&Topic::Polled(topic.clone()));
        if round.is_some() {
            self.joins.start(context, topic, round);
        }
    }

    /// Takes the joined answers that were made.
    pub(super) fn take_finished(&mut self) -> Vec<FinishedJoin> {
        self.joins.take_finished()
    }

    /// Takes a joined answer. Returns its snapshot if the answer was made for a round of snapshots;
    /// otherwise pushes the answer if it changed, and returns `None`. Returns `None` for an answer
    /// of another epoch than `at`, too.
    ///
    /// # Errors
    /// The error of the query.
    pub(super) async fn take(
        &mut self,
        context: &FeedContext,
        at: Position,
        join: FinishedJoin,
    ) -> Result<Option<PolledSnapshot>, StoreError> {
        let Some(answer) = join.answer?.filter(|one| one.position.epoch == at.epoch) else {
            return Ok(None);
        };
        let making = join.making;
        if join.round.is_some() {
            let snapshot = self.give_out(context, &join.topic, answer, making).await?;
            return Ok(Some(snapshot));
        }
        let mut held = self.held.iter_mut();
        if let Some(held) = held.find(|held| held.topic == join.topic) {
            held.take(context, answer, making).await?;
        }
        Ok(None)
    }

    /// The whole answer of a topic for new subscribers. It is current, except that an expensive
    /// answer over all keywords may be a moment old. Nothing is pushed to other subscribers.
    pub(super) async fn snapshot(
        &mut self,
        context: &FeedContext,
        topic: &PolledTopic,
        (at, now): (Position, Timestamp),
    ) -> Result<Option<PolledSnapshot>, StoreError> {
        let index = self.held.iter().position(|held| held.topic == *topic);
        let held = index.and_then(|index| self.held.get(index));
        if let Some(held) = held
            && (held.is_still_good(now) || held.is_unchanged(context, (at, now)).await?)
        {
            let last = Arc::clone(&held.last);
            let messages = context.encode(topic, &last, None).await?;
            return Ok(Some((last.position, last.current.clone(), messages)));
        }
        let begun = Instant::now();
        let background = context.background_changes();
        let answer = context.polled(topic, now).await?;
        let Some(answer) = answer.filter(|answer| answer.position.epoch == at.epoch) else {
            return Ok(None);
        };
        let making = Making {
            background,
            made: Instant::now(),
            cost: begun.elapsed(),
        };
        let snapshot = self.give_out(context, topic, answer, making).await?;
        Ok(Some(snapshot))
    }

    /// Keeps an answer for later subscribers, and returns its snapshot.
    async fn give_out(
        &mut self,
        context: &FeedContext,
        topic: &PolledTopic,
        answer: PolledAnswer,
        making: Making,
    ) -> Result<PolledSnapshot, StoreError> {
        let last = Arc::new(answer);
        let messages = context.encode(topic, &last, None).await?;
        let bytes = bytes_of(&messages);
        let snapshot = (last.position, last.current.clone(), messages);
        let mut held = self.held.iter_mut();
        match held.find(|held| held.topic == *topic) {
            Some(held) => {
                held.give_out(last);
                held.made = making.made;
                held.cost = making.cost;
                held.charge.set(bytes);
            }
            None => self.held.push(Held {
                topic: topic.clone(),
                position: last.position,
                current: last.current.clone(),
                pushed: Arc::clone(&last),
                is_pushed_outdated: false,
                background: making.background,
                last,
                made: making.made,
                cost: making.cost,
                charge: context.budget.charge(bytes),
            }),
        }
        Ok(snapshot)
    }
}
