//! Snapshots for those who begin.

use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use super::actor::{FeedMessage, FeedState, RETRY};
use super::channel::Snapshot;
use super::shared::FeedPhase;
use super::volume_windows::WindowRequest;
use crate::actors::live::message::Position;
use crate::actors::live::topic::{Nature, Topic};
use crate::events::Timestamp;
use crate::store::StoreError;
use crate::telemetry::{log_throttled, whole};

/// Snapshots are made for so long at a time, about.
const SERVES_FOR: Duration = Duration::from_millis(10);
/// While changes come faster than is worth telling, snapshots are made at most so often.
const BREAKS_EVERY: Duration = Duration::from_secs(1);

impl FeedState {
    pub(super) async fn on_serve(
        &mut self,
        myself: &ActorRef<FeedMessage>,
    ) -> Result<(), ActorProcessingErr> {
        let feed = Arc::clone(&self.own.feed);
        let FeedPhase::Hot(at) = feed.life() else {
            return Ok(());
        };
        if self.is_broken {
            let wait = self.last_mended.map_or(Duration::ZERO, |last| {
                BREAKS_EVERY.saturating_sub(last.elapsed())
            });
            if !wait.is_zero() {
                self.serve_after(wait, myself);
                return Ok(());
            }
            self.is_broken = false;
            self.last_mended = Some(Instant::now());
        }
        let now = self.own.clock.now();
        if let Some(keyword) = feed.keyword() {
            // Snapshots are made where the clock is.
            self.volumes
                .move_with_clock(&feed, &*self.own.encoder, keyword, now);
        }
        let mut again = false;
        let mut wanted = feed.take_wanted();
        // Short ones first: they keep the others waiting least.
        wanted.sort_by_cached_key(|topic| topic.snapshot_bytes(now));
        let mut wanted = wanted.into_iter();
        let began = Instant::now();
        let mut has_served = false;
        while let Some(topic) = wanted.next() {
            // One is made whatever the budget says, so that all of them are in the end.
            if has_served && !self.has_room(&topic, now) {
                feed.want_again(&topic);
                again = true;
                continue;
            }
            has_served = true;
            self.own.metrics.live_snapshots.inc();
            match self.snapshot(at, &topic, now).await {
                Ok(Some(snapshot)) => feed.put_snapshot(&topic, snapshot),
                Ok(None) => {
                    // The views are of another epoch, or the keyword just went; somebody will say.
                    feed.want_again(&topic);
                    again = true;
                }
                Err(error) => {
                    if !matches!(error, StoreError::Absent) {
                        log_throttled("snapshot-unmade", move |count| {
                            tracing::warn!(error = %whole(&error), count, "snapshots cannot be \
                                made; they are tried again");
                        });
                    }
                    feed.want_again(&topic);
                    again = true;
                }
            }
            if began.elapsed() > SERVES_FOR && wanted.len() > 0 {
                // Updates come in between.
                wanted.by_ref().for_each(|topic| feed.want_again(&topic));
                myself.cast(FeedMessage::Serve)?;
            }
        }
        if again {
            self.serve_after(RETRY, myself);
        }
        feed.deliver().await;
        self.own.make_room();
        self.schedule_roll(myself);
        if feed.keyword().is_none() {
            self.answer_soon(myself)?;
        }
        Ok(())
    }

    /// There is room in the budget for a snapshot, or can be made.
    fn has_room(&self, topic: &Topic, now: Timestamp) -> bool {
        let budget = &self.own.budget;
        let weight = topic.weight(now);
        budget.has_room(weight, 0) || {
            self.own.make_room();
            budget.has_room(weight, 0)
        }
    }

    /// Comes back to those who wait, once however many they are.
    fn serve_after(&mut self, wait: Duration, myself: &ActorRef<FeedMessage>) {
        let now = Instant::now();
        if self.serve_due.is_none_or(|due| due <= now) {
            self.serve_due = Some(now + wait);
            myself.send_after(wait, || FeedMessage::Serve);
        }
    }

    async fn snapshot(
        &mut self,
        at: Position,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<Option<Snapshot>, StoreError> {
        let mut current = None;
        let made = match (topic, self.own.feed.keyword().cloned()) {
            (Topic::Timeline { limit }, Some(keyword)) => {
                self.own.timeline(at, keyword, *limit).await?
            }
            (Topic::Volume(window), Some(keyword)) => {
                current = Some(window.current_during(now));
                let wanted = WindowRequest {
                    at,
                    as_of: self.own.feed.standing().as_of,
                    keyword,
                    window: *window,
                    now,
                };
                self.volumes.snapshot(&self.own, wanted).await?
            }
            (topic, _) if topic.nature() == Nature::Answer => {
                let whole = self.whole_snapshot(at, topic, now).await?;
                whole.map(|(position, whole_current, lines)| {
                    current = whole_current;
                    (position, lines)
                })
            }
            _ => None,
        };
        Ok(made.map(|(position, lines)| Snapshot {
            seq: position.seq,
            current,
            lines: lines.into(),
        }))
    }
}
