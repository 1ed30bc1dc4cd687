//! The live actor, and the handle in front of it.
//!
//! Supervises the feed actors and the session actors. Fed by sessions whose keyword has no feed
//! yet, and by the store when other views are shown. Restarts a failed feed actor after a pause; a
//! failed session is over, and its client connects again. Dies with the process.

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

/// A feed actor that failed is restarted after this.
const RESTART_AFTER: Duration = Duration::from_millis(200);
/// The wall clock is checked this often, to notice that it was set.
const CHECK_CLOCK_EVERY: Duration = Duration::from_millis(500);
/// Least time after which a client connects again when the server restarts.
const MIN_RETRY: Duration = Duration::from_millis(100);
/// The retry times of all clients spread over this for each, so that 2,000 connect in a second.
const RETRY_PER_SESSION: Duration = Duration::from_micros(500);
/// The retry times spread over this at most.
const MAX_RETRY: Duration = Duration::from_secs(10);
/// How often [`Live::stop`] looks whether sessions are open.
const CHECK_SESSIONS_EVERY: Duration = Duration::from_millis(5);

/// Why a session could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// As many sessions are open as may be: the limit.
    #[error("{0} live sessions are open, which is the limit (live.sessions)")]
    TooMany(usize),
    /// The server stops; the client should connect again after about this long.
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
    /// The engine hands its changes to another sink already.
    #[error("the engine hands its changes to another sink already")]
    Attached,
    /// The live actor could not be started.
    #[error("the live actor could not be started: {0}")]
    Spawn(#[from] SpawnErr),
}

/// The handle of all that is live; cheap to clone.
#[derive(Debug, Clone)]
pub struct Live {
    context: LiveContext,
    supervisor: ActorRef<LiveMessage>,
    watch: RootWatch,
}

impl Live {
    /// Lets clients subscribe to what the engine folds, encoded by this encoder.
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

    /// Waits until the live actor has ended, which nothing restarts; returns why. The process has
    /// to end then.
    pub async fn ended(&self) -> String {
        self.watch.ended().await
    }

    /// The limits and times in force.
    pub fn options(&self) -> &LiveOptions {
        &self.context.options
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.context.open_sessions()
    }

    /// The reading of the clock by which windows move.
    pub fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// Begins a session that writes to this transport. A session that `is_single` ends with its
    /// only subscription.
    ///
    /// # Errors
    /// [`OpenError`]; the transport is given back.
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

    /// Ends all sessions. Each client is told to connect again after a time of its own, so that
    /// they don't all connect at once. Waits until all sessions are over, at most `within`.
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

/// Steps of the live actor.
pub(super) enum LiveMessage {
    /// Serve a feed that has just begun, or whose actor failed.
    StartFeed(Arc<Feed>),
    /// Other views are shown now.
    ViewsChanged,
    /// Check whether the wall clock was set.
    CheckClock,
    /// End all sessions.
    Stop { open: usize },
}

/// What the live actor needs.
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
                        // It was opened just before the stop, which has not seen it.
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

    /// Moves windows at once when the clock was set, not when their buckets would have ended.
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

/// A random part of a span; half of it where the system has no random numbers.
fn random_part_of(span: Duration) -> Duration {
    let drawn = getrandom::u32().unwrap_or(u32::MAX / 2);
    let thousandth = span / 1000;
    thousandth.saturating_mul(drawn % 1000)
}
