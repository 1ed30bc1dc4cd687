//! The live actor, and the handle in front of it.
//!
//! Supervises the feed actors and the session actors. Fed by sessions that begin to follow a
//! keyword, and by the store when other views are shown. Starts a feed actor anew when it failed, after
//! a pause; a session that failed is gone, and its client comes again. Dies with the process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::time::Instant;

use super::feed::Feed;
use super::feed_actor::FeedHandle;
use super::outlet::{Close, Outlet};
use super::parts::{LiveParts, LiveSources};
use super::session::{SessionArguments, SessionHandle};
use super::shapes::Shapes;
use crate::actors::clock::ClockWatch;
use crate::telemetry::whole;

/// A feed actor that failed starts again after this.
const RESTART_AFTER: Duration = Duration::from_millis(200);
/// The wall clock is looked at so often, to see whether it was set.
const CLOCK_EVERY: Duration = Duration::from_millis(500);
/// How long clients are asked to stay away when the server restarts, at the least ...
const LEAST_RETRY: Duration = Duration::from_millis(100);
/// ... how much longer for each of them, so that so many come back in a second ...
const RETRY_PER_SESSION: Duration = Duration::from_micros(500);
/// ... and at the most.
const MOST_RETRY: Duration = Duration::from_secs(10);

/// Limits and times of live sessions.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// Updates of a chain are at least so far apart.
    pub flush: Duration,
    /// So many sessions may be open at a time.
    pub sessions: usize,
    /// So many chains one session may follow.
    pub subscriptions: usize,
    /// A client that completes no write for so long while something is due is too slow.
    pub slow: Duration,
    /// A feed that nobody follows is kept for so long, so that who comes back can go on.
    pub linger: Duration,
    /// So many bytes of updates are kept of each chain.
    pub ring_bytes: usize,
    /// So many bytes may be held for the chains of all clients together.
    pub budget: usize,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            flush: Duration::from_millis(50),
            sessions: 50_000,
            subscriptions: 1_000,
            slow: Duration::from_secs(10),
            linger: Duration::from_secs(60),
            ring_bytes: 512 * 1024,
            budget: 128 * 1024 * 1024,
        }
    }
}

impl LiveOptions {
    /// How far apart one session's writes of updates are: a little less than the updates of a chain,
    /// so that one who follows one keyword never waits for both.
    pub(super) fn gap(&self) -> Duration {
        self.flush.saturating_mul(3) / 4
    }
}

/// Why a session could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There are too many.
    #[error("{0} live sessions are open, which is the limit (live.sessions)")]
    TooMany(usize),
    /// The server stops; the client should come again after about this long.
    #[error("the server is stopping")]
    Stopping(Duration),
    /// The session actor could not be started.
    #[error("the session could not be started: {0}")]
    Spawn(#[from] SpawnErr),
}

/// The handle of everything live; cheap to clone.
#[derive(Debug, Clone)]
pub struct Live {
    parts: LiveParts,
}

impl Live {
    pub(in crate::actors) async fn start(
        sources: LiveSources,
        shapes: Arc<dyn Shapes>,
        options: LiveOptions,
    ) -> Result<Self, SpawnErr> {
        let (supervisor, _) = Actor::spawn(None, LiveActor, ()).await?;
        let parts = LiveParts::new(sources, shapes, options, supervisor.clone());
        let _ = supervisor.cast(LiveMessage::Begin(parts.clone()));
        Ok(Self { parts })
    }

    /// How it is set up.
    pub fn options(&self) -> &LiveOptions {
        &self.parts.options
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.parts.sessions.load(Ordering::Acquire)
    }

    /// Begins a session that writes to this outlet. One that is `single` ends with its only
    /// subscription.
    ///
    /// # Errors
    /// [`OpenError`]; the outlet is given back.
    pub async fn open(
        &self,
        outlet: Box<dyn Outlet>,
        is_single: bool,
    ) -> Result<SessionHandle, (OpenError, Option<Box<dyn Outlet>>)> {
        if self.parts.is_stopping.load(Ordering::Acquire) {
            let retry = LEAST_RETRY + random_part_of(MOST_RETRY / 2);
            return Err((OpenError::Stopping(retry), Some(outlet)));
        }
        let Some(place) = self.parts.place() else {
            let most = self.parts.options.sessions;
            return Err((OpenError::TooMany(most), Some(outlet)));
        };
        let arguments = SessionArguments {
            parts: self.parts.clone(),
            outlet,
            place,
            is_single,
        };
        SessionHandle::spawn(arguments, self.parts.supervisor.get_cell())
            .await
            .map_err(|error| (OpenError::Spawn(error), None))
    }

    /// Ends all sessions, telling their clients to come again, each after a time of its own so that
    /// they don't all come at once. Waits until they are gone, at most `within`.
    pub async fn stop(&self, within: Duration) {
        self.parts.is_stopping.store(true, Ordering::Release);
        let open = self.sessions();
        let _ = self.parts.supervisor.cast(LiveMessage::Stop { open });
        let gone = async {
            while self.sessions() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(within, gone).await.is_err() {
            tracing::warn!(open = self.sessions(), "live sessions did not end in time");
        }
        self.parts.supervisor.stop(None);
    }
}

/// What the live actor is asked to do.
pub(super) enum LiveMessage {
    /// Go on with these parts.
    Begin(LiveParts),
    /// Serve a feed that has just begun, or whose actor failed.
    StartFeed(Arc<Feed>),
    /// Other views are shown now.
    ViewsChanged,
    /// See whether the wall clock was set.
    LookAtClock,
    /// End all sessions.
    Stop { open: usize },
}

pub(super) struct LiveState {
    parts: Option<LiveParts>,
    clock: Option<ClockWatch>,
    feeds: HashMap<ActorId, (FeedHandle, Arc<Feed>)>,
    sessions: HashMap<ActorId, SessionHandle>,
}

struct LiveActor;

impl Actor for LiveActor {
    type Msg = LiveMessage;
    type State = LiveState;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<LiveMessage>,
        (): (),
    ) -> Result<LiveState, ActorProcessingErr> {
        Ok(LiveState {
            parts: None,
            clock: None,
            feeds: HashMap::new(),
            sessions: HashMap::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<LiveMessage>,
        message: LiveMessage,
        state: &mut LiveState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            LiveMessage::Begin(parts) => state.on_begin(&myself, parts),
            LiveMessage::StartFeed(feed) => state.on_start_feed(&myself, feed).await?,
            LiveMessage::ViewsChanged => state.on_views_changed(),
            LiveMessage::LookAtClock => state.on_look_at_clock(),
            LiveMessage::Stop { open } => state.on_stop(open),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<LiveMessage>,
        event: SupervisionEvent,
        state: &mut LiveState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorStarted(actor) => {
                if let Some(session) = SessionHandle::of(&actor) {
                    state.sessions.insert(actor.get_id(), session);
                }
            }
            SupervisionEvent::ActorTerminated(actor, ..) => {
                state.sessions.remove(&actor.get_id());
                state.feeds.remove(&actor.get_id());
            }
            SupervisionEvent::ActorFailed(actor, error) => {
                state.on_failed(&myself, actor.get_id(), &error);
            }
            _ => {}
        }
        Ok(())
    }
}

impl LiveState {
    fn on_begin(&mut self, myself: &ActorRef<LiveMessage>, parts: LiveParts) {
        let mut shown = parts.views.shown();
        self.clock = Some(ClockWatch::new(parts.clock.now(), Instant::now()));
        myself.send_interval(CLOCK_EVERY, || LiveMessage::LookAtClock);
        self.parts = Some(parts);
        let myself = myself.clone();
        tokio::spawn(async move {
            while shown.changed().await.is_ok() {
                if myself.cast(LiveMessage::ViewsChanged).is_err() {
                    return;
                }
            }
        });
    }

    async fn on_start_feed(
        &mut self,
        myself: &ActorRef<LiveMessage>,
        feed: Arc<Feed>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(parts) = &self.parts else {
            return Ok(());
        };
        let arguments = parts.feed_arguments(&feed);
        let handle = FeedHandle::spawn(arguments, myself.get_cell()).await?;
        self.feeds.insert(handle.id(), (handle, feed));
        Ok(())
    }

    fn on_views_changed(&self) {
        if let Some(parts) = &self.parts {
            parts.marks.forget();
        }
        for (handle, _) in self.feeds.values() {
            handle.reset();
        }
    }

    /// Windows follow a clock that was set at once, not when their buckets would have ended.
    fn on_look_at_clock(&mut self) {
        let (Some(parts), Some(clock)) = (&self.parts, &mut self.clock) else {
            return;
        };
        if clock.was_set(parts.clock.now(), Instant::now()) {
            for (handle, _) in self.feeds.values() {
                handle.clock_was_set();
            }
        }
    }

    fn on_stop(&self, open: usize) {
        let spread = RETRY_PER_SESSION
            .saturating_mul(u32::try_from(open).unwrap_or(u32::MAX))
            .min(MOST_RETRY);
        for session in self.sessions.values() {
            session.close(Close::Restart(LEAST_RETRY + random_part_of(spread)));
        }
        for (handle, _) in self.feeds.values() {
            handle.stop();
        }
    }

    fn on_failed(
        &mut self,
        myself: &ActorRef<LiveMessage>,
        actor: ActorId,
        error: &ActorProcessingErr,
    ) {
        if self.sessions.remove(&actor).is_some() {
            tracing::error!(error = %whole(error.as_ref()), "a session failed; its client has to come again");
        }
        if let (Some((_, feed)), Some(parts)) = (self.feeds.remove(&actor), &self.parts) {
            let keyword = feed.keyword().map(ToString::to_string);
            tracing::error!(error = %whole(error.as_ref()), keyword, "a feed failed; it starts again with snapshots");
            parts.metrics.actor_restarted("feed");
            myself.send_after(RESTART_AFTER, move || LiveMessage::StartFeed(feed));
        }
    }
}

/// Some part of a span, by chance; half of it where there is no chance to be had.
fn random_part_of(span: Duration) -> Duration {
    let drawn = getrandom::u32().unwrap_or(u32::MAX / 2);
    let thousandth = span / 1000;
    thousandth.saturating_mul(drawn % 1000)
}
