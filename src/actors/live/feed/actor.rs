//! The feed actor.
//!
//! Owns how one feed's channels go on: joins what the fold handed over into updates, at once when
//! nothing was sent for a flush, else when the flush is over; makes snapshots for those who begin;
//! moves windows on with the clock. Fed by the keyword actor through the [`Feed`], and by sessions
//! that want a snapshot. Dies when the keyword has had no subscribers for some time, or when it is
//! untracked; restarted by the [supervisor](crate::actors::live::supervisor), and its subscribers
//! begin anew then.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::coalesce::{Coalesced, coalesce};
use super::polled_topics::PolledTopics;
use super::replay_buffer::Update;
use super::shared::{Feed, FeedPhase};
use super::throttle::{FlushDecision, FlushThrottle};
use super::view_reads::Readers;
use super::volume_windows::VolumeWindows;
use crate::actors::engine::clock::Clock;
use crate::actors::engine::progress::FoldProgress;
use crate::actors::live::budget::LiveBudget;
use crate::actors::live::encoder::{Encoder, KeywordPosition};
use crate::actors::live::message::Position;
use crate::actors::live::registry::FeedRegistry;
use crate::actors::live::topic::Topic;
use crate::events::{ShardId, Timestamp};
use crate::store::{StoreError, Views};
use crate::telemetry::{Metrics, log_throttled, whole};

/// Views that cannot be asked now are asked again after this.
pub(super) const RETRY: Duration = Duration::from_millis(100);

/// A roll that is due waits at least so long: subscribers that are ahead may not be able to take it
/// yet.
const SHORTEST_ROLL: Duration = Duration::from_millis(5);

/// What others hold of a feed actor.
#[derive(Debug, Clone)]
pub(in crate::actors::live) struct FeedHandle(ActorRef<FeedMessage>);

impl FeedHandle {
    pub(in crate::actors::live) async fn spawn(
        arguments: FeedArguments,
        supervisor: ActorCell,
    ) -> Result<Self, SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, FeedActor, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// The fold has handed something over.
    pub(super) fn notify(&self) {
        let _ = self.0.cast(FeedMessage::Flush);
    }

    /// Channels were forgotten, or the feed may end before its time.
    pub(super) fn tidy(&self) {
        let _ = self.0.cast(FeedMessage::Linger);
    }

    /// Somebody wants a snapshot.
    pub(super) fn serve(&self) {
        let _ = self.0.cast(FeedMessage::Serve);
    }

    /// The wall clock was set.
    pub(in crate::actors::live) fn clock_was_set(&self) {
        let _ = self.0.cast(FeedMessage::Roll);
    }

    /// The views are others now.
    pub(in crate::actors::live) fn reset(&self) {
        let _ = self.0.cast(FeedMessage::Reset);
    }

    pub(in crate::actors::live) fn id(&self) -> ractor::ActorId {
        self.0.get_id()
    }

    pub(in crate::actors::live) fn stop(&self) {
        self.0.stop(None);
    }
}

/// What a feed actor is asked to do.
pub(super) enum FeedMessage {
    /// Find out where the views stand.
    Hydrate,
    /// Make updates of what was handed over, as soon as a flush allows.
    Flush,
    /// Make the snapshots that are wanted.
    Serve,
    /// Move windows on.
    Roll,
    /// Make whole answers anew.
    Answer,
    /// The views are others now.
    Reset,
    /// See whether there are still subscribers.
    Linger,
}

/// What a feed actor needs.
#[derive(Debug, Clone)]
pub(in crate::actors::live) struct FeedArguments {
    pub(in crate::actors::live) feed: Arc<Feed>,
    /// Where the keyword lives; `None` for the feed of all keywords.
    pub(in crate::actors::live) shard: Option<ShardId>,
    pub(in crate::actors::live) feeds: FeedRegistry,
    pub(in crate::actors::live) views: Views,
    pub(in crate::actors::live) progress: FoldProgress,
    pub(in crate::actors::live) encoder: Arc<dyn Encoder>,
    pub(in crate::actors::live) clock: Clock,
    pub(in crate::actors::live) budget: LiveBudget,
    /// How many feeds may read the views at a time.
    pub(in crate::actors::live) readers: Arc<Readers>,
    pub(in crate::actors::live) metrics: Metrics,
    /// Updates of a channel are at least so far apart.
    pub(in crate::actors::live) flush: Duration,
    /// A feed without subscribers is kept for so long, so that who comes back can go on.
    pub(in crate::actors::live) linger: Duration,
}

pub(super) struct FeedState {
    pub(super) own: FeedArguments,
    pub(super) volumes: VolumeWindows,
    pub(super) answers: PolledTopics,
    throttle: FlushThrottle,
    /// The channels were broken off, and no snapshot was made since.
    pub(super) is_broken: bool,
    /// When snapshots were made after the channels had been broken off.
    pub(super) last_mended: Option<Instant>,
    /// When those who wait for snapshots are come back to, if that was put off.
    pub(super) serve_due: Option<Instant>,
    /// The reading of the clock at which windows roll next, and the timer for it.
    roll_due: Option<(Timestamp, JoinHandle<()>)>,
    unsubscribed_since: Option<Instant>,
}

struct FeedActor;

impl Actor for FeedActor {
    type Msg = FeedMessage;
    type State = FeedState;
    type Arguments = FeedArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<FeedMessage>,
        own: FeedArguments,
    ) -> Result<FeedState, ActorProcessingErr> {
        own.feed.serve_by(FeedHandle(myself.clone()));
        // Of an actor before this one nobody knows how far it came.
        own.feed.break_off(true);
        myself.cast(FeedMessage::Hydrate)?;
        myself.send_interval(own.linger, || FeedMessage::Linger);
        Ok(FeedState {
            throttle: FlushThrottle::new(own.flush),
            volumes: VolumeWindows::new(own.budget.clone()),
            own,
            answers: PolledTopics::default(),
            is_broken: false,
            last_mended: None,
            serve_due: None,
            roll_due: None,
            unsubscribed_since: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<FeedMessage>,
        message: FeedMessage,
        state: &mut FeedState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            FeedMessage::Hydrate => state.on_hydrate(&myself).await?,
            FeedMessage::Flush => state.on_flush(&myself).await?,
            FeedMessage::Serve => state.on_serve(&myself).await?,
            FeedMessage::Roll => state.on_roll(&myself).await?,
            FeedMessage::Answer => state.on_answer(&myself).await?,
            FeedMessage::Reset => state.on_reset(&myself)?,
            FeedMessage::Linger => state.on_linger(&myself),
        }
        Ok(())
    }
}

impl Drop for FeedState {
    fn drop(&mut self) {
        if let Some((_, timer)) = &self.roll_due {
            timer.abort();
        }
    }
}

impl FeedState {
    async fn on_hydrate(
        &mut self,
        myself: &ActorRef<FeedMessage>,
    ) -> Result<(), ActorProcessingErr> {
        if self.own.feed.life() != FeedPhase::Cold {
            return Ok(());
        }
        let position = match self.own.feed.keyword() {
            None => self.own.position_of_all(),
            Some(keyword) => self.own.position_of(keyword.clone()).await,
        };
        match position {
            Ok(Some(position)) => {
                self.own.feed.stand_at(position);
                self.own.feed.deliver().await;
                myself.cast(FeedMessage::Flush)?;
                self.on_serve(myself).await
            }
            Ok(None) if self.own.is_catching_up() || !self.own.feed.end_unless_pending() => {
                myself.send_after(RETRY, || FeedMessage::Hydrate);
                Ok(())
            }
            Ok(None) => {
                self.end(myself);
                Ok(())
            }
            Err(error) => {
                if !matches!(error, StoreError::Absent) {
                    log_throttled("feed-unreadable", move |count| {
                        tracing::warn!(error = %whole(&error), count, "feeds cannot read the \
                            views; they try again");
                    });
                }
                myself.send_after(RETRY, || FeedMessage::Hydrate);
                Ok(())
            }
        }
    }

    async fn on_flush(&mut self, myself: &ActorRef<FeedMessage>) -> Result<(), ActorProcessingErr> {
        let FeedPhase::Hot(at) = self.own.feed.life() else {
            return Ok(());
        };
        match self.throttle.request_flush(Instant::now()) {
            FlushDecision::Now => {}
            FlushDecision::After(wait) => {
                myself.send_after(wait, || FeedMessage::Flush);
                return Ok(());
            }
            FlushDecision::OnItsWay => return Ok(()),
        }
        if self.flush(at, myself) {
            self.own.feed.deliver().await;
            self.own.make_room();
            self.answer_soon(myself)?;
        }
        Ok(())
    }

    /// Makes updates of what was handed over; false when that is nothing.
    fn flush(&mut self, at: Position, myself: &ActorRef<FeedMessage>) -> bool {
        let pending = self.own.feed.take_pending();
        if pending.is_empty() {
            return false;
        }
        self.throttle.flushed(Instant::now());
        match coalesce(at, pending) {
            Coalesced::Nothing => {}
            Coalesced::Broken(position) => {
                self.volumes.clear();
                self.own.feed.break_off(false);
                self.own.feed.stand_at(position);
                self.is_broken = true;
                self.own.metrics.live_breaks.inc();
            }
            Coalesced::Update {
                position,
                timeline,
                minutes,
            } => {
                let Some(keyword) = self.own.feed.keyword() else {
                    return false;
                };
                let whose = KeywordPosition { keyword, position };
                let encoder = &self.own.encoder;
                let line = encoder.timeline_update(whose, at.seq, &timeline);
                match line {
                    Some(line) => self.own.feed.push(
                        &Topic::TIMELINES,
                        Update {
                            prev: at.seq,
                            seq: position.seq,
                            lines: [line].into(),
                        },
                    ),
                    None => self.own.feed.break_off(false),
                }
                self.volumes.apply(
                    &self.own.feed,
                    &**encoder,
                    whose,
                    &minutes,
                    self.own.clock.now(),
                );
                self.own.feed.stand_at(position);
                self.schedule_roll(myself);
            }
        }
        true
    }

    async fn on_roll(&mut self, myself: &ActorRef<FeedMessage>) -> Result<(), ActorProcessingErr> {
        if let Some((_, timer)) = self.roll_due.take() {
            timer.abort();
        }
        let FeedPhase::Hot(at) = self.own.feed.life() else {
            return Ok(());
        };
        // A roll stands where the fold does: snapshots read from the rows are not ahead of it.
        let has_flushed = self.flush(at, myself);
        let feed = &self.own.feed;
        let rolled = feed.keyword().is_some_and(|keyword| {
            let encoder = &*self.own.encoder;
            self.volumes
                .move_with_clock(feed, encoder, keyword, self.own.clock.now())
        });
        if has_flushed || rolled {
            feed.deliver().await;
        }
        if has_flushed {
            self.answer_soon(myself)?;
        }
        self.schedule_roll(myself);
        Ok(())
    }

    pub(super) fn schedule_roll(&mut self, myself: &ActorRef<FeedMessage>) {
        let Some(until) = self.volumes.next_roll() else {
            return;
        };
        if let Some((due, timer)) = &self.roll_due {
            if *due == until {
                return;
            }
            timer.abort();
        }
        let wait = until.millis().saturating_sub(self.own.clock.now().millis());
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or_default());
        let myself = myself.clone();
        let timer = tokio::spawn(async move {
            tokio::time::sleep(wait.max(SHORTEST_ROLL)).await;
            let _ = myself.cast(FeedMessage::Roll);
        });
        self.roll_due = Some((until, timer));
    }

    fn on_reset(&mut self, myself: &ActorRef<FeedMessage>) -> Result<(), ActorProcessingErr> {
        self.volumes.clear();
        self.answers = PolledTopics::default();
        self.own.feed.break_off(true);
        myself.cast(FeedMessage::Hydrate)?;
        Ok(())
    }

    fn on_linger(&mut self, myself: &ActorRef<FeedMessage>) {
        if self.own.feed.life() == FeedPhase::Ended {
            myself.stop(None);
            return;
        }
        self.own.feed.begin_tidying();
        self.volumes.forget_unsubscribed(&self.own.feed);
        self.answers.forget_unsubscribed(&self.own.feed);
        if self.own.feed.has_subscribers() {
            self.unsubscribed_since = None;
            return;
        }
        let since = *self.unsubscribed_since.get_or_insert_with(Instant::now);
        let is_over = since.elapsed() >= self.own.linger || self.own.budget.is_short();
        if is_over && self.own.feeds.remove_unsubscribed(&self.own.feed) {
            self.own.feed.end();
            myself.stop(None);
        }
    }

    /// The keyword is untracked: ends the feed and its subscriptions.
    fn end(&self, myself: &ActorRef<FeedMessage>) {
        self.own.feeds.remove(&self.own.feed);
        self.own.feed.wake();
        myself.stop(None);
    }
}
