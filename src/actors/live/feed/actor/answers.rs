//! Makes snapshots for new subscribers, and the answers of polled topics.

use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};

use super::{FeedState, log_unreadable};
use crate::actors::live::feed::handle::FeedMessage;
use crate::actors::live::feed::phase::FeedPhase;
use crate::actors::live::feed::roll_timer::StepTime;
use crate::actors::live::feed::snapshots::{SnapshotOutcome, take_joined};

impl FeedState {
    pub(super) async fn on_serve(
        &mut self,
        myself: &ActorRef<FeedMessage>,
        time: StepTime,
    ) -> Result<(), ActorProcessingErr> {
        let FeedPhase::Hot(at) = self.context.feed.phase() else {
            return Ok(());
        };
        if let Some(wait) = self.snapshots.pause(time.at) {
            self.serve_after(wait, myself);
            return Ok(());
        }
        if let Some(output) = self.context.output() {
            // Snapshots use the same reading of the clock as the windows.
            self.volumes.move_with_clock(output, time.now);
        }
        let (joined, wanted_again) = take_joined(&self.context, &mut self.polled, at).await;
        let (volumes, polled) = (&mut self.volumes, &mut self.polled);
        let outcome = self
            .snapshots
            .make_wanted(&self.context, volumes, polled, (at, time.now))
            .await;
        if outcome.has_more {
            // A separate step, so that updates come in between.
            myself.cast(FeedMessage::Serve)?;
        }
        for wait in [joined, outcome]
            .iter()
            .filter_map(SnapshotOutcome::retry_after)
        {
            self.serve_after(wait, myself);
        }
        self.context.feed.deliver(time.now).await;
        if !wanted_again.is_empty() {
            // Requests a snapshot again only after the joined answer was delivered: the subscribers
            // that have taken that answer no longer wait.
            let feed = &self.context.feed;
            wanted_again.iter().for_each(|topic| feed.want_again(topic));
            myself.cast(FeedMessage::Serve)?;
        }
        self.context.make_room();
        self.schedule_roll(myself, time);
        if self.context.feed.keyword().is_none() || self.polled.are_joined() {
            self.poll_soon(myself)?;
        }
        Ok(())
    }

    /// Schedules one retry of the snapshots after `wait`, unless one is due by then.
    fn serve_after(&mut self, wait: Duration, myself: &ActorRef<FeedMessage>) {
        if self.snapshots.schedule_retry(wait) {
            myself.send_after(wait, || FeedMessage::Serve);
        }
    }

    pub(super) async fn on_poll(
        &mut self,
        myself: &ActorRef<FeedMessage>,
        time: StepTime,
    ) -> Result<(), ActorProcessingErr> {
        match self.polled.refresh(&self.context, time.now).await {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) => {
                log_unreadable(error);
                // Delivers the updates of the topics that could be refreshed.
                self.context.feed.deliver(time.now).await;
                return self.poll_soon(myself);
            }
        }
        self.context.feed.deliver(time.now).await;
        self.schedule_roll(myself, time);
        if self.context.feed.keyword().is_none() || self.polled.are_joined() {
            self.poll_soon(myself)?;
        }
        Ok(())
    }

    /// Schedules the next refresh of the polled topics, if none is scheduled.
    pub(super) fn poll_soon(
        &mut self,
        myself: &ActorRef<FeedMessage>,
    ) -> Result<(), ActorProcessingErr> {
        match self.polled.schedule_refresh() {
            None => {}
            Some(Duration::ZERO) => myself.cast(FeedMessage::Poll)?,
            Some(wait) => {
                myself.send_after(wait, || FeedMessage::Poll);
            }
        }
        Ok(())
    }
}
