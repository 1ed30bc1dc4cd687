//! Moves the windows of volumes and polled topics with the clock.

use ractor::{ActorProcessingErr, ActorRef};

use super::FeedState;
use crate::actors::live::feed::handle::FeedMessage;
use crate::actors::live::feed::phase::FeedPhase;
use crate::actors::live::feed::roll_timer::StepTime;

impl FeedState {
    pub(super) async fn on_roll(
        &mut self,
        myself: &ActorRef<FeedMessage>,
        time: StepTime,
    ) -> Result<(), ActorProcessingErr> {
        self.roll.cancel();
        let FeedPhase::Hot(at) = self.context.feed.phase() else {
            return Ok(());
        };
        // The flush comes first: a roll then starts from the latest fold, and snapshots that were
        // read from the rows are not ahead of it.
        let has_flushed = self.flush(at, myself, time);
        let has_rolled = match self.context.output() {
            Some(output) => self.volumes.move_with_clock(output, time.now),
            None => false,
        };
        if has_flushed || has_rolled {
            self.context.feed.deliver(time.now).await;
        }
        if has_flushed || self.polled.are_over(time.now) {
            self.poll_soon(myself)?;
        }
        self.schedule_roll(myself, time);
        Ok(())
    }

    /// Schedules the next roll for the time at which the first window ends, of a volume or of a
    /// polled topic.
    pub(super) fn schedule_roll(&mut self, myself: &ActorRef<FeedMessage>, time: StepTime) {
        let ends = [self.volumes.next_roll(), self.polled.next_end(time.now)];
        if let Some(until) = ends.into_iter().flatten().min() {
            let myself = myself.clone();
            self.roll.schedule(until, time, move || {
                let _ = myself.cast(FeedMessage::Roll);
            });
        }
    }
}
