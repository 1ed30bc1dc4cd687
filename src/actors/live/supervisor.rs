//! The live actor, and the handle in front of it.
//!
//! Supervises the feed actors and the session actors. Fed by sessions that begin to subscribe to a
//! keyword, and by the store when other views are shown. Starts a feed actor anew when it failed,
//! after a pause; a session that failed is gone, and its client comes again. Dies with the process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::time::Instant;

use super::context::LiveContext;
use super::encoder::Encoder;
use super::feed::actor::FeedHandle;
use super::feed::shared::Feed;
use super::registry::FeedRegistry;
use super::session::actor::{SessionArguments, SessionHandle};
use super::transport::{Close, Transport};
use crate::actors::engine::Tidings;
use crate::actors::engine::clock::ClockWatch;
use crate::actors::engine::root_watch::RootWatch;
use crate::telemetry::whole;

/// A feed actor that failed starts again after this.
const RESTART_AFTER: Duration = Duration::from_millis(200);
/// The wall clock is looked at so often, to see whether it was set.
const CLOCK_EVERY: Duration = Duration::from_millis(500);
/// How long clients are asked to stay away when the server restarts, at the least ...
const MIN_RETRY: Duration = Duration::from_millis(100);
/// ... how much longer for each of them, so that so many come back in a second ...
const RETRY_PER_SESSION: Duration = Duration::from_micros(500);
/// ... and at the most.
const MAX_RETRY: Duration = Duration::from_secs(10);

/// Limits and times of live sessions.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// Updates of a channel are at least so far apart.
    pub flush: Duration,
    /// So many sessions may be open at a time.
    pub sessions: usize,
    /// So many channels one session may subscribe to.
    pub subscriptions: usize,
    /// A client that completes no write for so long while something is due is too slow.
    pub slow: Duration,
    /// A feed without subscribers is kept for so long, so that who comes back can go on.
    pub linger: Duration,
    /// So many bytes of updates are kept of each channel.
    pub ring_bytes: usize,
    /// So many bytes may be held for the channels of all clients together.
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
    /// How far apart one session's writes of updates are: a little less than the updates of a
    /// channel, so that a subscriber of one keyword never waits for both.
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

/// Why nothing can be live.
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

/// The handle of everything live; cheap to clone.
#[derive(Debug, Clone)]
pub struct Live {
    context: LiveContext,
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
        let feeds = FeedRegistry::new(core.views.clone(), core.progress.clone());
        if !tidings.attach(Arc::new(feeds.clone())) {
            return Err(LiveStartError::Attached);
        }
        let (supervisor, watch) = RootWatch::spawn(LiveActor, ()).await?;
        let context = LiveContext::new(core, feeds, encoder, options, supervisor.clone());
        let _ = supervisor.cast(LiveMessage::Begin(context.clone()));
        Ok(Self { context, watch })
    }

    /// Waits until no client is served any more and nothing will start it again; answers why.
    /// After that, the process has to end.
    pub async fn ended(&self) -> String {
        self.watch.ended().await
    }

    /// How it is set up.
    pub fn options(&self) -> &LiveOptions {
        &self.context.options
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.context.sessions.load(Ordering::Acquire)
    }

    /// Begins a session that writes to this transport. One that is `single` ends with its only
    /// subscription.
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
        SessionHandle::spawn(arguments, self.context.supervisor.get_cell())
            .await
            .map_err(|error| (OpenError::Spawn(error), None))
    }

    /// Ends all sessions, telling their clients to come again, each after a time of its own so that
    /// they don't all come at once. Waits until they are gone, at most `within`.
    pub async fn stop(&self, within: Duration) {
        self.context.is_stopping.store(true, Ordering::Release);
        let open = self.sessions();
        let _ = self.context.supervisor.cast(LiveMessage::Stop { open });
        let gone = async {
            while self.sessions() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(within, gone).await.is_err() {
            tracing::warn!(open = self.sessions(), "live sessions did not end in time");
        }
        self.context.supervisor.stop(None);
    }
}

/// What the live actor is asked to do.
pub(super) enum LiveMessage {
    /// Go on with these parts.
    Begin(LiveContext),
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
    context: Option<LiveContext>,
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
            context: None,
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
            LiveMessage::Begin(context) => state.on_begin(&myself, context),
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
    fn on_begin(&mut self, myself: &ActorRef<LiveMessage>, context: LiveContext) {
        let mut shown = context.views.shown();
        self.clock = Some(ClockWatch::new(context.clock.now(), Instant::now()));
        myself.send_interval(CLOCK_EVERY, || LiveMessage::LookAtClock);
        self.context = Some(context);
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
        let Some(context) = &self.context else {
            return Ok(());
        };
        let arguments = context.feed_arguments(&feed);
        let handle = FeedHandle::spawn(arguments, myself.get_cell()).await?;
        self.feeds.insert(handle.id(), (handle, feed));
        Ok(())
    }

    fn on_views_changed(&self) {
        if let Some(context) = &self.context {
            context.marks.forget();
        }
        for (handle, _) in self.feeds.values() {
            handle.reset();
        }
    }

    /// Windows follow a clock that was set at once, not when their buckets would have ended.
    fn on_look_at_clock(&mut self) {
        let (Some(context), Some(clock)) = (&self.context, &mut self.clock) else {
            return;
        };
        if clock.was_set(context.clock.now(), Instant::now()) {
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
                come again");
        }
        if let (Some((_, feed)), Some(context)) = (self.feeds.remove(&actor), &self.context) {
            let keyword = feed.keyword().map(ToString::to_string);
            tracing::error!(error = %whole(error.as_ref()), keyword, "a feed failed; it starts \
                again with snapshots");
            context.metrics.actor_restarted("feed");
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
