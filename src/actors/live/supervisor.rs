//! The live actor, and its handle.
//!
//! Supervises the feed actors and the session actors. In: new feeds from sessions, and a signal
//! from the store when other views are shown. Restarts a failed feed actor after a pause. A failed
//! session is over, and its client connects again. The live actor ends with the process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::context::LiveContext;
use super::encoder::Encoder;
use super::feed::actor as feed_actor;
use super::feed::handle::FeedHandle;
use super::feed::registry::FeedRegistry;
use super::feed::shared::Feed;
use super::feed_key::ViewSource;
use super::options::LiveOptions;
use super::session::SessionHandle;
use super::session::actor as session_actor;
use super::session::state::SessionArguments;
use super::transport::{Close, Transport};
use crate::actors::engine::Tidings;
use crate::actors::engine::clock::ClockWatch;
use crate::actors::engine::root_watch::RootWatch;
use crate::events::Timestamp;
use crate::telemetry::whole;

/// Pause before a failed feed actor is restarted.
const RESTART_AFTER: Duration = Duration::from_millis(200);
/// Interval at which the wall clock is checked for being set.
const CHECK_CLOCK_EVERY: Duration = Duration::from_millis(500);
/// Minimum time before a client connects again after a restart of the server.
const MIN_RETRY: Duration = Duration::from_millis(100);
/// The retry times spread over this time per session, so that 2,000 clients connect per second.
const RETRY_PER_SESSION: Duration = Duration::from_micros(500);
/// Maximum time over which the retry times spread.
const MAX_RETRY: Duration = Duration::from_secs(10);
/// Interval at which [`Live::stop`] checks for open sessions.
const CHECK_SESSIONS_EVERY: Duration = Duration::from_millis(5);

/// Why a session could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The maximum number of sessions is open.
    #[error("{0} live sessions are open, which is the limit (live.sessions)")]
    TooMany(usize),
    /// The server is stopping; the client should connect again after about this time.
    #[error("the server is stopping")]
    Stopping(Duration),
    /// The session actor could not be started.
    #[error("the session could not be started: {0}")]
    Spawn(#[from] SpawnErr),
}

/// Why live could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveStartError {
    /// The engine has another change sink already.
    #[error("the engine hands its changes to another sink already")]
    Attached,
    /// The live actor could not be started.
    #[error("the live actor could not be started: {0}")]
    Spawn(#[from] SpawnErr),
}

/// The handle of live; cheap to clone.
#[derive(Debug, Clone)]
pub struct Live {
    context: LiveContext,
    supervisor: ActorRef<LiveMessage>,
    watch: RootWatch,
}

impl Live {
    /// Starts live: clients can subscribe to the engine's changes, encoded by this encoder.
    ///
    /// # Errors
    /// [`LiveStartError`].
    pub async fn start(
        tidings: &Tidings,
        encoder: Arc<dyn Encoder>,
        options: LiveOptions,
    ) -> Result<Self, LiveStartError> {
        let core = tidings.core();
        let registry = FeedRegistry::new(core.views.clone(), core.progress.clone());
        if !tidings.attach(Arc::new(registry.clone())) {
            return Err(LiveStartError::Attached);
        }
        let (new_feeds, feeds) = mpsc::unbounded_channel();
        let context = LiveContext::new(core, registry, encoder, options, new_feeds);
        let arguments = LiveArguments {
            context: context.clone(),
            new_feeds: feeds,
        };
        let (supervisor, watch) = RootWatch::spawn(LiveActor, arguments).await?;
        Ok(Self {
            context,
            supervisor,
            watch,
        })
    }

    /// Waits until the live actor has ended; returns the reason. Nothing restarts it, so the
    /// process has to exit.
    pub async fn ended(&self) -> String {
        self.watch.ended().await
    }

    /// The limits and times in force.
    pub fn options(&self) -> &LiveOptions {
        &self.context.options
    }

    /// Number of open sessions.
    pub fn sessions(&self) -> usize {
        self.context.open_sessions()
    }

    /// The time of the clock that moves windows.
    pub fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// Opens a session that writes to this transport. A session with `is_single` ends with its only
    /// subscription.
    ///
    /// # Errors
    /// [`OpenError`]; the transport is given back, except with [`OpenError::Spawn`].
    pub async fn open(
        &self,
        transport: Box<dyn Transport>,
        is_single: bool,
    ) -> Result<SessionHandle, (OpenError, Option<Box<dyn Transport>>)> {
        if self.context.is_stopping.load(Ordering::Acquire) {
            let retry = MIN_RETRY + random_part_of(MAX_RETRY / 2);
            return Err((OpenError::Stopping(retry), Some(transport)));
        }
        let Some(permit) = self.context.permit() else {
            let max = self.context.options.sessions;
            return Err((OpenError::TooMany(max), Some(transport)));
        };
        let arguments = SessionArguments {
            context: self.context.clone(),
            transport,
            permit,
            is_single,
        };
        session_actor::spawn(arguments, self.supervisor.get_cell())
            .await
            .map_err(|error| (OpenError::Spawn(error), None))
    }

    /// Ends all sessions. Each client is told to connect again after a random time, so that the
    /// connections are spread. Waits until all sessions have ended, at most `within`.
    pub async fn stop(&self, within: Duration) {
        self.context.is_stopping.store(true, Ordering::Release);
        let open = self.sessions();
        let _ = self.supervisor.cast(LiveMessage::Stop { open });
        let over = async {
            while self.sessions() > 0 {
                tokio::time::sleep(CHECK_SESSIONS_EVERY).await;
            }
        };
        if tokio::time::timeout(within, over).await.is_err() {
            tracing::warn!(open = self.sessions(), "live sessions did not end in time");
        }
        self.supervisor.stop(None);
    }
}

/// Messages of the live actor.
pub(super) enum LiveMessage {
    /// Start the actor of a new feed, or of a feed whose actor failed.
    StartFeed(Arc<Feed>),
    /// Other views are shown now.
    ViewsChanged,
    /// Check whether the wall clock was set.
    CheckClock,
    /// End all sessions.
    Stop { open: usize },
}

/// Arguments of the live actor.
struct LiveArguments {
    context: LiveContext,
    new_feeds: mpsc::UnboundedReceiver<Arc<Feed>>,
}

struct LiveState {
    context: LiveContext,
    clock: ClockWatch,
    feeds: HashMap<ActorId, (FeedHandle, Arc<Feed>)>,
    sessions: HashMap<ActorId, SessionHandle>,
}

struct LiveActor;

impl Actor for LiveActor {
    type Msg = LiveMessage;
    type State = LiveState;
    type Arguments = LiveArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<LiveMessage>,
        LiveArguments {
            context,
            mut new_feeds,
        }: LiveArguments,
    ) -> Result<LiveState, ActorProcessingErr> {
        let mut shown = context.views(ViewSource::Live).views.shown();
        myself.send_interval(CHECK_CLOCK_EVERY, || LiveMessage::CheckClock);
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    Some(feed) = new_feeds.recv() => LiveMessage::StartFeed(feed),
                    Ok(()) = shown.changed() => LiveMessage::ViewsChanged,
                    else => return,
                };
                if myself.cast(message).is_err() {
                    return;
                }
            }
        });
        Ok(LiveState {
            clock: ClockWatch::new(context.now(), Instant::now()),
            context,
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
            LiveMessage::StartFeed(feed) => state.on_start_feed(&myself, feed).await?,
            LiveMessage::ViewsChanged => state.on_views_changed(),
            LiveMessage::CheckClock => state.on_check_clock(),
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
                    if state.context.is_stopping.load(Ordering::Acquire) {
                        // The session was opened just before the stop and was not closed by it.
                        let retry = MIN_RETRY + random_part_of(MAX_RETRY / 2);
                        session.close(Close::Restart(retry));
                    }
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
    async fn on_start_feed(
        &mut self,
        myself: &ActorRef<LiveMessage>,
        feed: Arc<Feed>,
    ) -> Result<(), ActorProcessingErr> {
        let context = self.context.feed_context(&feed);
        let handle = feed_actor::spawn(context, myself.get_cell()).await?;
        self.feeds.insert(handle.id(), (handle, feed));
        Ok(())
    }

    fn on_views_changed(&self) {
        self.context.marks.forget();
        for (handle, _) in self.feeds.values() {
            handle.reset();
        }
    }

    /// Moves windows at once when the clock was set, without waiting for the end of their buckets.
    fn on_check_clock(&mut self) {
        if self.clock.was_set(self.context.now(), Instant::now()) {
            for (handle, _) in self.feeds.values() {
                handle.clock_was_set();
            }
        }
    }

    fn on_stop(&self, open: usize) {
        let spread = RETRY_PER_SESSION
            .saturating_mul(u32::try_from(open).unwrap_or(u32::MAX))
            .min(MAX_RETRY);
        for session in self.sessions.values() {
            session.close(Close::Restart(MIN_RETRY + random_part_of(spread)));
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
            tracing::error!(error = %whole(error.as_ref()), "a session failed; its client has to \
                connect again");
        }
        if let Some((_, feed)) = self.feeds.remove(&actor) {
            let keyword = feed.keyword().map(ToString::to_string);
            tracing::error!(error = %whole(error.as_ref()), keyword, "a feed failed; it starts \
                again with snapshots");
            self.context.metrics.actor_restarted("feed");
            myself.send_after(RESTART_AFTER, move || LiveMessage::StartFeed(feed));
        }
    }
}

/// A random part of a span; 647 thousandths of the span if the system supplies no random numbers.
fn random_part_of(span: Duration) -> Duration {
    let drawn = getrandom::u32().unwrap_or(u32::MAX / 2);
    let thousandth = span / 1000;
    thousandth.saturating_mul(drawn % 1000)
}
