//! Makes the requested snapshots of a feed.

use std::time::Duration;

use tokio::time::Instant;

use super::channel::Snapshot;
use super::context::FeedContext;
use super::polled_topics::PolledTopics;
use super::volume_windows::{VolumeWindows, WindowRequest};
use crate::actors::live::message::Position;
use crate::actors::live::topic::Topic;
use crate::events::Timestamp;
use crate::store::StoreError;
use crate::telemetry::{log_throttled, whole};

/// Time limit of a step of making snapshots: the feed actor then processes updates first.
const MAX_STEP: Duration = Duration::from_millis(10);
/// Pause before snapshots that could not be made are tried again.
const RETRY: Duration = Duration::from_millis(100);
/// Pause before snapshots that the shown views cannot answer are tried again. This is a safeguard,
/// because the feed is reset when other views are shown.
const VIEWS_RETRY: Duration = Duration::from_secs(10);
/// Minimum time between two rounds of snapshots while channels break off repeatedly.
const MIN_MEND_INTERVAL: Duration = Duration::from_secs(1);

/// Decides when snapshots are made, and makes them.
#[derive(Debug, Default)]
pub(super) struct SnapshotMaker {
    /// True after the channels broke off, until a snapshot is made.
    is_broken: bool,
    /// The time of the first snapshots after the channels last broke off.
    last_mended: Option<Instant>,
    /// Deadline of the scheduled snapshot retry, if one is pending.
    retry_due: Option<Instant>,
}

/// What is left to do after a step of making snapshots.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct SnapshotOutcome {
    /// The time of the step is over; more snapshots are requested.
    pub(super) has_more: bool,
    /// Some snapshots could not be made, and are due for a retry.
    pub(super) has_failed: bool,
    /// Some snapshots cannot be made of the shown views. The feed is reset when other views are
    /// shown, and makes them then.
    pub(super) awaits_views: bool,
}

impl SnapshotOutcome {
    /// Records why a snapshot could not be made.
    fn note(&mut self, error: &StoreError) {
        if error.is_not_kept() {
            self.awaits_views = true;
        } else {
            self.has_failed = true;
        }
    }

    /// The pause before the snapshots that could not be made are tried again.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match (self.has_failed, self.awaits_views) {
            (true, _) => Some(RETRY),
            (false, true) => Some(VIEWS_RETRY),
            (false, false) => None,
        }
    }
}

impl SnapshotMaker {
    /// Records that all channels broke off.
    pub(super) const fn channels_broke_off(&mut self) {
        self.is_broken = true;
    }

    /// The wait before snapshots are made, if channels broke off twice in a short time.
    pub(super) fn pause(&mut self, now: Instant) -> Option<Duration> {
        if !self.is_broken {
            return None;
        }
        let free = self.last_mended.map(|last| last + MIN_MEND_INTERVAL);
        if let Some(free) = free.filter(|free| now < *free) {
            return Some(free - now);
        }
        self.is_broken = false;
        self.last_mended = Some(now);
        None
    }

    /// True when the caller has to schedule a retry after `wait`, because none is pending until
    /// then.
    pub(super) fn schedule_retry(&mut self, wait: Duration) -> bool {
        let now = Instant::now();
        let is_pending = self
            .retry_due
            .is_some_and(|due| now < due && due <= now + wait);
        if !is_pending {
            self.retry_due = Some(now + wait);
        }
        !is_pending
    }

    /// Makes the requested snapshots of a feed at this position and time, the shortest first.
    pub(super) async fn make_wanted(
        &mut self,
        context: &FeedContext,
        volumes: &mut VolumeWindows,
        polled: &mut PolledTopics,
        (at, now): (Position, Timestamp),
    ) -> SnapshotOutcome {
        let feed = &context.feed;
        let mut outcome = SnapshotOutcome::default();
        let mut wanted = feed.take_wanted();
        wanted.sort_by_cached_key(|topic| topic.snapshot_bytes(now));
        let mut wanted = wanted.into_iter();
        let began = Instant::now();
        let mut has_made = false;
        while let Some(topic) = wanted.next() {
            // The first snapshot of a step is made even over the budget, so that every request is
            // served.
            if has_made && !has_room(context, &topic, now) {
                feed.want_again(&topic);
                outcome.has_failed = true;
                continue;
            }
            has_made = true;
            context.metrics.live_snapshots.inc();
            if let Topic::Polled(joined) = &topic
                && joined.is_joined()
            {
                polled.start_join(context, joined);
                continue;
            }
            match make(context, volumes, polled, &topic, (at, now)).await {
                Ok(Some(snapshot)) => feed.put_snapshot(&topic, snapshot),
                // The views are of another epoch, or the keyword was just untracked: a reset or the
                // end of the feed follows.
                Ok(None) => {
                    feed.want_again(&topic);
                    outcome.has_failed = true;
                }
                Err(error) => {
                    outcome.note(&error);
                    log_unmade(error);
                    feed.want_again(&topic);
                }
            }
            if began.elapsed() > MAX_STEP && wanted.len() > 0 {
                wanted.by_ref().for_each(|topic| feed.want_again(&topic));
                outcome.has_more = true;
            }
        }
        outcome
    }
}

/// Puts the joined answers that tasks have made. Returns the outcome, and the topics for which
/// further subscribers asked meanwhile.
pub(super) async fn take_joined(
    context: &FeedContext,
    polled: &mut PolledTopics,
    at: Position,
) -> (SnapshotOutcome, Vec<Topic>) {
    let mut outcome = SnapshotOutcome::default();
    let mut wanted_again = Vec::new();
    for join in polled.take_finished() {
        let (topic, round) = (Topic::Polled(join.topic.clone()), join.round);
        if join.is_wanted_again {
            wanted_again.push(topic.clone());
        }
        match (polled.take(context, at, join).await, round) {
            (Ok(Some((position, current, messages))), Some(round)) => {
                let snapshot = Snapshot {
                    seq: position.seq,
                    current,
                    messages: messages.into(),
                };
                context.feed.put_snapshot_of(&topic, snapshot, round);
            }
            (Ok(_), None) => {}
            (Ok(_), Some(_)) => {
                context.feed.want_again(&topic);
                outcome.has_failed = true;
            }
            (Err(error), _) => {
                outcome.note(&error);
                log_unmade(error);
                context.feed.want_again(&topic);
            }
        }
    }
    (outcome, wanted_again)
}

/// True when the budget has room for a snapshot, or room can be made.
fn has_room(context: &FeedContext, topic: &Topic, now: Timestamp) -> bool {
    let weight = topic.weight(now);
    context.budget.has_room(weight, 0) || {
        context.make_room();
        context.budget.has_room(weight, 0)
    }
}

fn log_unmade(error: StoreError) {
    if !error.awaits_views() {
        log_throttled("snapshot-unmade", move |count| {
            tracing::warn!(error = %whole(&error), count, "snapshots cannot be made; they are \
                tried again");
        });
    }
}

/// Makes the snapshot of a topic; `None` when the keyword is not tracked, or the views are of
/// another epoch than `at`.
async fn make(
    context: &FeedContext,
    volumes: &mut VolumeWindows,
    polled: &mut PolledTopics,
    topic: &Topic,
    (at, now): (Position, Timestamp),
) -> Result<Option<Snapshot>, StoreError> {
    let mut current = None;
    let keyword = context.feed.keyword().cloned();
    let made = match topic {
        Topic::Timeline { limit } => match keyword {
            Some(keyword) => context.timeline_snapshot(at, keyword, *limit).await?,
            None => None,
        },
        Topic::Volume(window) => {
            let Some(keyword) = keyword else {
                return Ok(None);
            };
            current = Some(window.current_during(now));
            let wanted = WindowRequest {
                at,
                as_of: context.feed.status().as_of,
                keyword,
                window: *window,
                now,
            };
            volumes.snapshot(context, wanted).await?
        }
        Topic::Polled(topic) => {
            let snapshot = polled.snapshot(context, topic, (at, now)).await?;
            snapshot.map(|(position, while_current, messages)| {
                current = while_current;
                (position, messages)
            })
        }
    };
    Ok(made.map(|(position, messages)| Snapshot {
        seq: position.seq,
        current,
        messages: messages.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projections::RowsError;

    #[test]
    fn snapshots_that_the_shown_views_cannot_answer_are_not_retried_soon() {
        let mut outcome = SnapshotOutcome::default();
        assert_eq!(outcome.retry_after(), None);
        outcome.note(&RowsError::NotKept.into());
        assert_eq!(outcome.retry_after(), Some(VIEWS_RETRY));
        outcome.note(&StoreError::Absent);
        assert_eq!(outcome.retry_after(), Some(RETRY));
    }

    #[tokio::test(start_paused = true)]
    async fn retry_is_scheduled_unless_one_is_pending_until_then() {
        let mut maker = SnapshotMaker::default();
        assert!(maker.schedule_retry(VIEWS_RETRY));
        assert!(!maker.schedule_retry(VIEWS_RETRY));
        assert!(maker.schedule_retry(RETRY));
        assert!(!maker.schedule_retry(RETRY));
        assert!(!maker.schedule_retry(VIEWS_RETRY));
        tokio::time::advance(RETRY).await;
        assert!(maker.schedule_retry(RETRY));
    }
}
