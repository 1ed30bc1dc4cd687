//! The feed actor.
//!
//! Owns the progress of one feed's channels. In: deltas of folds and requests of sessions, through
//! the [`Feed`]. Out: updates and snapshots in the channels. It joins deltas into updates: at once
//! if the last flush is at least a flush interval ago, else at the end of the interval. It makes
//! snapshots for new subscribers, and moves windows with the clock. Each step reads the clock once.
//! The actor ends when the keyword has had no subscribers for some time, or is untracked. After a
//! failure the [supervisor](crate::actors::live::supervisor) restarts it, and its subscribers start
//! again with snapshots.
//!
//! [`Feed`]: super::shared::Feed

mod answers;
mod windows;

use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::time::Instant;

use super::context::FeedContext;
use super::handle::{FeedHandle, FeedMessage};
use super::pending_deltas::{Coalesced, coalesce};
use super::phase::FeedPhase;
use super::polled_topics::PolledTopics;
use super::replay_buffer::Update;
use super::roll_timer::{RollTimer, StepTime};
use super::signal::SignalSender;
use super::snapshots::SnapshotMaker;
use super::throttle::{FlushDecision, FlushThrottle};
use super::volume_windows::VolumeWindows;
use crate::actors::live::message::Position;
use crate::actors::live::topic::Topic;
use crate::store::StoreError;
use crate::telemetry::{log_throttled, whole};

/// Pause before unreadable views are read again.
const RETRY: Duration = Duration::from_millis(100);

/// Spawns the actor of a feed under a supervisor.
pub(in crate::actors::live) async fn spawn(
    context: FeedContext,
    supervisor: ActorCell,
) -> Result<FeedHandle, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, FeedActor, context, supervisor).await?;
    Ok(FeedHandle::new(actor))
}

struct FeedState {
    context: FeedContext,
    volumes: VolumeWindows,
    polled: PolledTopics,
    snapshots: SnapshotMaker,
    throttle: FlushThrottle,
    roll: RollTimer,
    unsubscribed_since: Option<Instant>,
}

struct FeedActor;

impl Actor for FeedActor {
    type Msg = FeedMessage;
    type State = FeedState;
    type Arguments = FeedContext;

    async fn pre_start(
        &self,
        myself: ActorRef<FeedMessage>,
        context: FeedContext,
    ) -> Result<FeedState, ActorProcessingErr> {
        let to_myself = myself.clone();
        context.feed.signal_to(SignalSender::new(move |signal| {
            let _ = to_myself.cast(signal.into());
        }));
        // An earlier actor of the feed may have failed, and its progress is unknown.
        context.feed.cool_down();
        myself.cast(FeedMessage::Hydrate)?;
        myself.send_interval(context.linger, || FeedMessage::Tidy);
        Ok(FeedState {
            throttle: FlushThrottle::new(context.flush),
            volumes: VolumeWindows::new(context.budget.clone()),
            polled: PolledTopics::default(),
            snapshots: SnapshotMaker::default(),
            context,
            roll: RollTimer::default(),
            unsubscribed_since: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<FeedMessage>,
        message: FeedMessage,
        state: &mut FeedState,
    ) -> Result<(), ActorProcessingErr> {
        let time = StepTime {
            now: state.context.source.clock.now(),
            at: Instant::now(),
        };
        match message {
            FeedMessage::Hydrate => state.on_hydrate(&myself, time).await,
            FeedMessage::Flush => state.on_flush(&myself, time).await,
            FeedMessage::Serve => state.on_serve(&myself, time).await,
            FeedMessage::Roll => state.on_roll(&myself, time).await,
            FeedMessage::Poll => state.on_poll(&myself, time).await,
            FeedMessage::Reset => state.on_reset(&myself),
            FeedMessage::Tidy => {
                state.on_tidy(&myself);
                Ok(())
            }
        }
    }
}

impl FeedState {
    async fn on_hydrate(
        &mut self,
        myself: &ActorRef<FeedMessage>,
        time: StepTime,
    ) -> Result<(), ActorProcessingErr> {
        let feed = &self.context.feed;
        if feed.phase() != FeedPhase::Cold {
            return Ok(());
        }
        match self.context.position().await {
            Ok(Some(position)) => {
                feed.stand_at(position);
                feed.deliver(time.now).await;
                // Separate steps: their reading of the clock is later than this read of the views.
                myself.cast(FeedMessage::Serve)?;
                myself.cast(FeedMessage::Flush)?;
            }
            Ok(None) if self.context.is_catching_up() || !feed.end_unless_pending() => {
                myself.send_after(RETRY, || FeedMessage::Hydrate);
            }
            Ok(None) => self.end(myself),
            Err(error) => {
                log_unreadable(error);
                myself.send_after(RETRY, || FeedMessage::Hydrate);
            }
        }
        Ok(())
    }

    async fn on_flush(
        &mut self,
        myself: &ActorRef<FeedMessage>,
        time: StepTime,
    ) -> Result<(), ActorProcessingErr> {
        let FeedPhase::Hot(at) = self.context.feed.phase() else {
            return Ok(());
        };
        match self.throttle.request_flush(time.at) {
            FlushDecision::Now => {}
            FlushDecision::After(wait) => {
                myself.send_after(wait, || FeedMessage::Flush);
                return Ok(());
            }
            FlushDecision::OnItsWay => return Ok(()),
        }
        if self.flush(at, myself, time) {
            self.context.feed.deliver(time.now).await;
            self.context.make_room();
            self.poll_soon(myself)?;
        }
        Ok(())
    }

    /// Makes updates of the pending deltas; false when there are none.
    fn flush(&mut self, at: Position, myself: &ActorRef<FeedMessage>, time: StepTime) -> bool {
        let feed = &self.context.feed;
        let pending = feed.take_pending();
        if pending.is_empty() {
            return false;
        }
        self.throttle.flushed(Instant::now());
        match coalesce(at, pending) {
            Coalesced::Nothing => {}
            Coalesced::Broken(position) => {
                self.volumes.clear();
                feed.restart_at(position);
                self.snapshots.channels_broke_off();
                self.context.metrics.live_breaks.inc();
            }
            Coalesced::Update {
                position,
                timeline,
                minutes,
            } => {
                let Some(output) = self.context.output() else {
                    return false;
                };
                let message =
                    output
                        .encoder
                        .timeline_update(output.at(position), at.seq, &timeline);
                match message {
                    Some(message) => feed.push(
                        &Topic::TIMELINES,
                        Update {
                            prev: at.seq,
                            seq: position.seq,
                            messages: [message].into(),
                        },
                    ),
                    None => feed.break_off(),
                }
                self.volumes.apply(output, position, &minutes, time.now);
                feed.stand_at(position);
                self.schedule_roll(myself, time);
            }
        }
        true
    }

    fn on_reset(&mut self, myself: &ActorRef<FeedMessage>) -> Result<(), ActorProcessingErr> {
        self.volumes.clear();
        self.polled.clear();
        self.context.feed.cool_down();
        myself.cast(FeedMessage::Hydrate)?;
        Ok(())
    }

    fn on_tidy(&mut self, myself: &ActorRef<FeedMessage>) {
        let context = &self.context;
        if context.feed.phase() == FeedPhase::Ended {
            myself.stop(None);
            return;
        }
        context.feed.begin_tidying();
        self.volumes.forget_unsubscribed(&context.feed);
        self.polled.forget_unsubscribed(&context.feed);
        if !context.feed.subscribers().is_empty() {
            self.unsubscribed_since = None;
            return;
        }
        let since = *self.unsubscribed_since.get_or_insert_with(Instant::now);
        let is_over = since.elapsed() >= context.linger || context.budget.is_short();
        if is_over && context.registry.remove_unsubscribed(&context.feed) {
            context.feed.end();
            myself.stop(None);
        }
    }

    /// The keyword is untracked: ends the feed and its subscriptions.
    fn end(&self, myself: &ActorRef<FeedMessage>) {
        self.context.registry.remove(&self.context.feed);
        self.context.feed.subscribers().wake();
        myself.stop(None);
    }
}

/// Logs that the views cannot be read. An answer that has to wait for other views is not logged.
fn log_unreadable(error: StoreError) {
    if !error.awaits_views() {
        log_throttled("feed-unreadable", move |count| {
            tracing::warn!(error = %whole(&error), count, "feeds cannot read the views; they try \
                again");
        });
    }
}
