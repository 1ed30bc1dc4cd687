//! The live actor, and the handle in front of it.
//!
//! Supervises the feed actors and the session actors. Fed by sessions that begin to follow a
//! keyword, and by the store when other views are shown. Starts a feed actor anew when it failed, after
//! a pause; a session that failed is gone, and its client comes again. Dies with the process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::watch;

use super::feed::{Feed, Follower};
use super::feed_actor::{FeedArguments, FeedHandle};
use super::feeds::Feeds;
use super::outlet::{Close, Outlet};
use super::session::{SessionArguments, SessionHandle};
use super::shapes::Shapes;
use crate::actors::progress::Progress;
use crate::events::{Keyword, Sequence, ShardCount, ShardId, Token};
use crate::store::Views;
use crate::telemetry::{Metrics, whole};

/// A feed actor that failed starts again after this.
const RESTART_AFTER: Duration = Duration::from_millis(200);
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

/// What live actors share; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct LiveParts(Arc<Parts>);

#[derive(Debug)]
pub(super) struct Parts {
    feeds: Feeds,
    views: Views,
    pub(super) progress: Progress,
    head: watch::Receiver<Sequence>,
    shards: ShardCount,
    pub(super) shapes: Arc<dyn Shapes>,
    pub(super) options: LiveOptions,
    pub(super) metrics: Metrics,
    sessions: Arc<AtomicUsize>,
    is_stopping: AtomicBool,
    supervisor: ActorRef<LiveMessage>,
}

impl std::ops::Deref for LiveParts {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Parts {
    /// The journal's last sequence.
    pub(super) fn head(&self) -> Sequence {
        *self.head.borrow()
    }

    pub(super) fn shard_of(&self, keyword: &Keyword) -> ShardId {
        self.shards.shard_of(Token::of(keyword).as_str().as_bytes())
    }

    /// Adds a follower to the feed of a keyword, which begins if there is none.
    pub(super) fn follow(
        &self,
        keyword: Option<&Keyword>,
        follower: Arc<Follower>,
    ) -> (Arc<Feed>, u64) {
        let ring_bytes = self.options.ring_bytes;
        let (feed, number, is_new) = self.feeds.follow(keyword, ring_bytes, follower);
        if is_new {
            let feed = Arc::clone(&feed);
            let _ = self.supervisor.cast(LiveMessage::StartFeed(feed));
        }
        (feed, number)
    }
}

/// A place among the sessions; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The handle of everything live; cheap to clone.
#[derive(Debug, Clone)]
pub struct Live {
    parts: LiveParts,
}

/// What the running system lends to what is live.
#[derive(Debug)]
pub(in crate::actors) struct LiveSources {
    pub(in crate::actors) feeds: Feeds,
    pub(in crate::actors) views: Views,
    pub(in crate::actors) progress: Progress,
    pub(in crate::actors) head: watch::Receiver<Sequence>,
    pub(in crate::actors) shards: ShardCount,
    pub(in crate::actors) metrics: Metrics,
}

impl Live {
    pub(in crate::actors) async fn start(
        sources: LiveSources,
        shapes: Arc<dyn Shapes>,
        options: LiveOptions,
    ) -> Result<Self, SpawnErr> {
        let (supervisor, _) = Actor::spawn(None, LiveActor, ()).await?;
        let parts = LiveParts(Arc::new(Parts {
            feeds: sources.feeds,
            views: sources.views,
            progress: sources.progress,
            head: sources.head,
            shards: sources.shards,
            shapes,
            options,
            metrics: sources.metrics,
            sessions: Arc::default(),
            is_stopping: AtomicBool::new(false),
            supervisor: supervisor.clone(),
        }));
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
        let sessions = &self.parts.sessions;
        let place = Place(Arc::clone(sessions));
        if sessions.fetch_add(1, Ordering::AcqRel) >= self.parts.options.sessions {
            let most = self.parts.options.sessions;
            return Err((OpenError::TooMany(most), Some(outlet)));
        }
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
    /// End all sessions.
    Stop { open: usize },
}

pub(super) struct LiveState {
    parts: Option<LiveParts>,
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
        let arguments = FeedArguments {
            shard: feed.keyword().map(|keyword| parts.shard_of(keyword)),
            feed: Arc::clone(&feed),
            feeds: parts.feeds.clone(),
            views: parts.views.clone(),
            progress: parts.progress.clone(),
            shapes: Arc::clone(&parts.shapes),
            metrics: parts.metrics.clone(),
            flush: parts.options.flush,
            linger: parts.options.linger,
        };
        let handle = FeedHandle::spawn(arguments, myself.get_cell()).await?;
        self.feeds.insert(handle.id(), (handle, feed));
        Ok(())
    }

    fn on_views_changed(&self) {
        for (handle, _) in self.feeds.values() {
            handle.reset();
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
