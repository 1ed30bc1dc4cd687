//! The root actor.
//!
//! Owns the running whole: the views' store, the reader and the shards, which it supervises. When
//! one of them fails, or a reader of the views meets damage, it takes all of them down, opens the
//! views anew (healing or rebuilding them) and starts again, after a pause that grows while that
//! keeps failing. Dies when it is told to finish.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::oneshot;

use super::catalog::Catalog;
use super::census::Counted;
use super::keyword::FoldStep;
use super::live::Feeds;
use super::old_views::{self, sole};
use super::opening::{OpeningError, open_views, views_dir};
use super::progress::Progress;
use super::reader::{ReaderArguments, ReaderHandle};
use super::shard::{Released, ShardArguments, ShardHandle, ShardOptions};
use crate::events::{Keyword, Sequence, ShardId};
use crate::journal::{JournalError, JournalHandle};
use crate::store::{Epoch, Generation, Store, StoreError, Views};
use crate::telemetry::Metrics;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A whole that ran for so long is taken to be sound again.
const SOUND_AFTER: Duration = Duration::from_secs(60);
/// How long the parts may take to go when they are taken down.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// How a running whole is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// How much sled may keep in memory, in bytes.
    pub cache_bytes: u64,
    /// Records that the reader hands on at a time, at most.
    pub batch_records: usize,
    /// When shards commit, and what they keep in memory.
    pub shard: ShardOptions,
}

/// The system's hold on the root.
#[derive(Debug, Clone)]
pub(super) struct RootHandle(ActorRef<RootMessage>);

impl RootHandle {
    pub(super) async fn spawn(arguments: RootArguments) -> Result<Self, SpawnErr> {
        let (actor, _) = Actor::spawn(None, RootActor, arguments).await?;
        Ok(Self(actor))
    }

    /// Ends a keyword's quarantine; `None` while nothing runs.
    pub(super) async fn release(&self, shard: ShardId, keyword: Keyword) -> Option<Released> {
        let (found, answer) = oneshot::channel();
        let _ = self.0.cast(RootMessage::FindShard { shard, found });
        answer.await.ok()?.release(keyword).await
    }

    /// Folds what is being folded, commits, and closes the views; an error says why the views
    /// were not closed cleanly.
    pub(super) async fn finish(&self) -> Result<(), String> {
        let (finished, answer) = oneshot::channel();
        let _ = self.0.cast(RootMessage::Finish { finished });
        answer
            .await
            .unwrap_or_else(|_| Err("the actors are gone".into()))
    }
}

/// What the root is asked to do.
pub(super) enum RootMessage {
    /// Start the parts, after an earlier life of theirs has failed.
    Start,
    /// A reader met damage in the views.
    Damaged,
    /// Hand out a shard's handle.
    FindShard {
        shard: ShardId,
        found: oneshot::Sender<ShardHandle>,
    },
    /// Show the new views, which have folded what the journal held when they were begun.
    Swap { target: Sequence },
    /// Fold what is being folded, and commit.
    Finish {
        finished: oneshot::Sender<Result<(), String>>,
    },
    /// Close the views and end, now that the states of the parts are gone.
    Close {
        finished: oneshot::Sender<Result<(), String>>,
    },
}

/// What the root needs.
pub(super) struct RootArguments {
    pub(super) options: Options,
    pub(super) journal: JournalHandle,
    pub(super) views: Views,
    pub(super) catalog: Catalog,
    pub(super) feeds: Feeds,
    pub(super) progress: Progress,
    pub(super) metrics: Metrics,
    pub(super) fold: FoldStep,
}

pub(super) struct RootState {
    own: RootArguments,
    parts: Option<Parts>,
    /// The views of an older version, as long as they answer.
    old: Option<Arc<Store>>,
    /// The store of parts that were taken down.
    retired: Option<Arc<Store>>,
    /// The epoch of the views that were shown last.
    epoch: Option<Epoch>,
    /// The views on disk cannot be trusted.
    discard: bool,
    /// The journal no longer holds what clients were shown: a new epoch has to begin, even where
    /// the checkpoints that reached the disk still fit.
    renew: bool,
    pause: Duration,
    started: tokio::time::Instant,
}

/// What runs.
struct Parts {
    store: Arc<Store>,
    reader: ReaderHandle,
    shards: Vec<(ShardId, ShardHandle)>,
}

struct RootActor;

impl Actor for RootActor {
    type Msg = RootMessage;
    type State = RootState;
    type Arguments = RootArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<RootMessage>,
        own: RootArguments,
    ) -> Result<RootState, ActorProcessingErr> {
        let mut damage = own.views.damage();
        let root = myself.clone();
        tokio::spawn(async move {
            while damage.changed().await.is_ok() {
                if root.cast(RootMessage::Damaged).is_err() {
                    return;
                }
            }
        });
        let mut state = RootState {
            own,
            parts: None,
            old: None,
            retired: None,
            epoch: None,
            discard: false,
            renew: false,
            pause: FIRST_PAUSE,
            started: tokio::time::Instant::now(),
        };
        state.start(&myself).await?;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<RootMessage>,
        message: RootMessage,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RootMessage::Start => state.on_start(&myself).await,
            RootMessage::Damaged => state.on_damaged(&myself).await,
            RootMessage::FindShard { shard, found } => state.on_find_shard(shard, found),
            RootMessage::Swap { target } => state.on_swap(target).await,
            RootMessage::Finish { finished } => match state.on_finish().await {
                Ok(()) => myself.cast(RootMessage::Close { finished })?,
                Err(reason) => {
                    let _ = finished.send(Err(reason));
                    myself.stop(None);
                }
            },
            RootMessage::Close { finished } => {
                let _ = finished.send(state.on_close().await);
                myself.stop(None);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<RootMessage>,
        event: SupervisionEvent,
        state: &mut RootState,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(actor, error) = event {
            let runs = state
                .parts
                .as_ref()
                .is_some_and(|parts| parts.contains(actor.get_id()));
            if runs {
                tracing::error!(%error, "folding stopped; it is started again");
                if let Some(JournalError::Changed { what }) = error.downcast_ref() {
                    tracing::error!(
                        what,
                        "a new epoch begins, and the views are made anew from what the journal holds now"
                    );
                    state.own.metrics.journal_changed.inc();
                    state.renew = true;
                }
                let damaged = error
                    .downcast_ref::<StoreError>()
                    .is_some_and(StoreError::is_damage);
                state.start_again(&myself, damaged).await;
            }
        }
        Ok(())
    }
}

impl Parts {
    fn contains(&self, actor: ractor::ActorId) -> bool {
        self.reader.cell().get_id() == actor
            || self
                .shards
                .iter()
                .any(|(_, shard)| shard.cell().get_id() == actor)
    }
}

impl RootState {
    async fn on_start(&mut self, myself: &ActorRef<RootMessage>) {
        if self.parts.is_some() {
            return;
        }
        drop(self.take_retired().await);
        self.discard_damaged();
        if let Err(error) = self.renew_epoch() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a new epoch could not begin"
            );
            self.start_again(myself, false).await;
            return;
        }
        if let Err(error) = self.start(myself).await {
            tracing::error!(%error, "folding could not be started");
            self.start_again(myself, false).await;
        }
    }

    async fn on_damaged(&mut self, myself: &ActorRef<RootMessage>) {
        if self.old.is_some() {
            tracing::error!(
                "the views of the version before are damaged; the new ones answer as they grow"
            );
            self.swap(false).await;
        } else if self.parts.is_some() {
            tracing::error!("a query met damaged rows; the views are opened anew");
            self.start_again(myself, true).await;
        }
    }

    async fn on_swap(&mut self, target: Sequence) {
        // One that was meant for an earlier life comes too soon.
        if self.own.progress.target() == target {
            self.swap(true).await;
        }
    }

    /// Lets the new views answer, and removes the old ones.
    async fn swap(&mut self, caught_up: bool) {
        let (Some(old), Some(parts)) = (self.old.take(), &self.parts) else {
            return;
        };
        let data = self.own.options.data.clone();
        // Before anybody sees the new views, since nobody may see the old ones after that.
        let retired = tokio::task::spawn_blocking({
            let data = data.clone();
            move || old_views::retire(&data)
        });
        if let Ok(Err(error)) = retired.await {
            tracing::error!(%error, "the views of the version before could not be moved aside");
        }
        // Views come before positions that rise, and behind those that fall.
        if !caught_up {
            self.own.progress.thaw();
        }
        self.own.views.show(Arc::clone(&parts.store));
        self.own.catalog.thaw();
        self.own.progress.thaw();
        tracing::info!("the new views answer from now on");
        tokio::spawn(old_views::remove_when_unused(old, data));
    }

    fn on_find_shard(&self, shard: ShardId, found: oneshot::Sender<ShardHandle>) {
        let handle = self
            .parts
            .as_ref()
            .and_then(|parts| parts.shards.get(shard.index()));
        if let Some((_, handle)) = handle {
            let _ = found.send(handle.clone());
        }
    }

    async fn on_finish(&mut self) -> Result<(), String> {
        let Some(parts) = self.parts.take() else {
            return Err("the views are not open".into());
        };
        // The reader holds nothing; its batches on the way are in the shards' mailboxes.
        let _ = parts.reader.cell().kill_and_wait(Some(STOP_WAIT)).await;
        self.retired = Some(parts.store);
        for (shard, handle) in &parts.shards {
            if handle.finish().await.is_none() {
                return Err(format!("shard {shard} could not commit"));
            }
        }
        for (_, handle) in &parts.shards {
            let _ = handle.cell().wait(Some(STOP_WAIT)).await;
        }
        Ok(())
    }

    async fn on_close(&mut self) -> Result<(), String> {
        self.own.views.hide();
        self.old = None;
        let Some(store) = self.take_retired().await else {
            return Err("somebody still reads the views, so they are not sealed".into());
        };
        tokio::task::spawn_blocking(move || store.close())
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    /// The store of the parts that were taken down, once nobody else holds it. Answers on their
    /// way and the last states of the parts, which their ends carry, are waited for.
    async fn take_retired(&mut self) -> Option<Store> {
        sole(self.retired.take()?, STOP_WAIT).await
    }

    async fn start(&mut self, myself: &ActorRef<RootMessage>) -> Result<(), ActorProcessingErr> {
        let own = &self.own;
        let incarnation = own.journal.incarnation();
        let opened = open_views(&own.options.data, own.options.cache_bytes, &*own.journal).await?;
        let head = *own.journal.head().borrow();
        // What a client saw is not taken back: after a failure, answers of the same epoch begin
        // where they ended.
        let epoch = opened.store.epoch();
        let seen = if self.epoch == Some(epoch) {
            own.progress.highest().min(head)
        } else {
            Sequence::ZERO
        };
        own.progress
            .restart(opened.checkpoints.iter().map(|at| at.sequence), head);
        if let Some(old) = &opened.old {
            own.progress.freeze(old.positions.iter().copied());
        }
        let most = own.options.shard.keywords_max;
        let counted = Counted::of(&opened.store, most)?;
        own.catalog.replace(counted.followed);
        if let Some(old) = &opened.old {
            old.show_followed(&own.catalog);
        }
        own.metrics.quarantined.set(0);
        let mut shards = Vec::new();
        for (shard, checkpoint) in own.journal.shards().all().zip(&opened.checkpoints) {
            let arguments = ShardArguments {
                shard,
                checkpoint: *checkpoint,
                store: Arc::clone(&opened.store),
                journal: Arc::clone(&own.journal),
                catalog: own.catalog.clone(),
                feeds: own.feeds.clone(),
                progress: own.progress.clone(),
                metrics: own.metrics.clone(),
                options: own.options.shard.clone(),
                fold: Arc::clone(&own.fold),
            };
            let handle = ShardHandle::spawn(arguments, myself.get_cell()).await?;
            shards.push((shard, handle));
        }
        let lowest = opened.checkpoints.iter().map(|at| at.sequence).min();
        let reader = ReaderHandle::spawn(
            ReaderArguments {
                journal: Arc::clone(&own.journal),
                incarnation,
                after: lowest.unwrap_or_default(),
                shards: shards.clone(),
                census: counted.census,
                most: own.options.batch_records,
                metrics: own.metrics.clone(),
            },
            myself.get_cell(),
        )
        .await?;
        let shown = own.views.clone();
        let progress = own.progress.clone();
        let store = Arc::downgrade(&opened.store);
        self.old = opened.old.map(|old| old.store);
        if let Some(old) = &self.old {
            tracing::info!(
                "the views of the version before answer until the new ones have caught up"
            );
            shown.show(Arc::clone(old));
            let root = myself.clone();
            tokio::spawn(async move {
                progress.all_fold(head).await;
                let _ = root.cast(RootMessage::Swap { target: head });
            });
        } else if seen == Sequence::ZERO {
            shown.show(Arc::clone(&opened.store));
        } else {
            tokio::spawn(async move {
                progress.all_reach(seen).await;
                // Unless it was taken down meanwhile.
                if let Some(store) = store.upgrade() {
                    shown.show(store);
                }
            });
        }
        self.epoch = Some(epoch);
        self.started = tokio::time::Instant::now();
        self.parts = Some(Parts {
            store: opened.store,
            reader,
            shards,
        });
        Ok(())
    }

    /// Takes everything down and starts it again after a pause.
    async fn start_again(&mut self, myself: &ActorRef<RootMessage>, damaged: bool) {
        self.own.views.hide();
        self.old = None;
        myself.stop_children_and_wait(None, Some(STOP_WAIT)).await;
        for child in myself.get_children() {
            // It is in the middle of something and must not go on beside its successor.
            let _ = child.kill_and_wait(Some(STOP_WAIT)).await;
        }
        self.own.metrics.actor_restarted("root");
        if let Some(parts) = self.parts.take() {
            self.retired = Some(parts.store);
        }
        self.discard |= damaged;
        if self.started.elapsed() > SOUND_AFTER {
            self.pause = FIRST_PAUSE;
        }
        let pause = self.pause;
        self.pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        myself.send_after(pause, || RootMessage::Start);
    }

    /// Begins a new epoch where one has to begin.
    fn renew_epoch(&mut self) -> Result<(), StoreError> {
        if self.renew {
            Generation::renew(&self.own.options.data)?;
            self.renew = false;
        }
        Ok(())
    }

    /// Moves damaged views aside.
    fn discard_damaged(&mut self) {
        if !std::mem::take(&mut self.discard) {
            return;
        }
        match Store::discard(&views_dir(&self.own.options.data)) {
            Ok(Some(aside)) => {
                tracing::warn!(kept_in = %aside.display(), "the damaged views were moved aside");
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the damaged views could not be moved aside"),
        }
    }
}

/// Why the whole could not be started.
pub(super) fn startup_error(error: SpawnErr) -> Result<OpeningError, String> {
    match error {
        SpawnErr::StartupFailed(error) => error
            .downcast::<OpeningError>()
            .map(|error| *error)
            .map_err(|error| error.to_string()),
        other => Err(other.to_string()),
    }
}
