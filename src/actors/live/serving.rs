//! Snapshots for those who begin.

use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use super::chain::Snapshot;
use super::feed::Life;
use super::feed_actor::{FeedArguments, FeedMessage, FeedState, RETRY};
use super::line::Position;
use super::topic::{Nature, Topic};
use crate::store::StoreError;
use crate::telemetry::{log_throttled, whole};

/// While changes come faster than is worth telling, snapshots are made at most so often.
const BREAKS_EVERY: Duration = Duration::from_secs(1);

impl FeedState {
    pub(super) async fn on_serve(
        &mut self,
        myself: &ActorRef<FeedMessage>,
    ) -> Result<(), ActorProcessingErr> {
        let feed = Arc::clone(&self.own.feed);
        let Life::Hot(at) = feed.life() else {
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
        let mut again = false;
        for (topic, next) in feed.take_wanted() {
            self.own.metrics.live_snapshots.inc();
            match self.snapshot(at, &topic, next).await {
                Ok(Some(snapshot)) => feed.put_snapshot(&topic, snapshot),
                Ok(None) => {
                    // The views are of another epoch, or the keyword just went; somebody will say.
                    feed.want_again(&topic);
                    again = true;
                }
                Err(error) => {
                    if !matches!(error, StoreError::Absent) {
                        log_throttled("snapshot-unmade", move |count| {
                            tracing::warn!(error = %whole(&error), count, "snapshots cannot be made; they are tried again");
                        });
                    }
                    feed.want_again(&topic);
                    again = true;
                }
            }
        }
        if again {
            self.serve_after(RETRY, myself);
        }
        feed.deliver().await;
        self.schedule_roll(myself);
        if feed.keyword().is_none() {
            self.answer_soon(myself)?;
        }
        Ok(())
    }

    /// Comes back to those who wait, once however many they are.
    fn serve_after(&mut self, wait: Duration, myself: &ActorRef<FeedMessage>) {
        let now = Instant::now();
        if self.serve_due.is_none_or(|due| due <= now) {
            self.serve_due = Some(now + wait);
            myself.send_after(wait, || FeedMessage::Serve);
        }
    }

    /// A snapshot that the update `next` follows.
    async fn snapshot(
        &mut self,
        at: Position,
        topic: &Topic,
        next: u64,
    ) -> Result<Option<Snapshot>, StoreError> {
        let made = match (topic, self.own.feed.keyword().cloned()) {
            (Topic::Timeline { limit }, Some(keyword)) => {
                self.own.timeline(at, keyword, *limit).await?
            }
            (Topic::Volume(window), Some(keyword)) => {
                let as_of = self.own.feed.standing().as_of;
                let FeedArguments { views, shapes, .. } = &self.own;
                self.volumes
                    .snapshot(views, &**shapes, (at, as_of), keyword, *window)
                    .await?
            }
            (topic, _) if topic.nature() == Nature::Answer => {
                self.whole_snapshot(at, topic).await?
            }
            _ => None,
        };
        Ok(made.map(|(seq, lines)| Snapshot {
            seq,
            next,
            lines: lines.into(),
        }))
    }
}
