//! The root actor.
//!
//! Owns the store of the views, the reader and the shards, which it supervises. When one of them
//! fails, or a query meets damaged rows, it stops all of them, opens the views again (healing or
//! rebuilding them) and restarts the reader and the shards. The pause before a restart grows while
//! restarts fail. The root ends when it is asked to finish. Nothing restarts it: when it fails, the
//! process ends ([`RootWatch`]).

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::oneshot;

use self::children::Children;
use self::recovery::Recovery;
use self::view_switch::ViewSwitch;
use super::causes::Waiting;
use super::core::Core;
use super::open_views::{OpenedViews, open_views};
use super::opening_error::OpeningError;
use super::options::Options;
use super::previous_views::sole;
use super::root_watch::RootWatch;
use super::shard::ShardHandle;
use crate::events::{Keyword, RecordHash, Sequence, ShardId};
use crate::journal::JournalError;
use crate::store::{Contradiction, RuledKeywords, Store, StoreError, ViewsFolder};
use crate::telemetry::whole;

mod children;
mod recovery;
mod view_switch;

/// Time limit for stopped children to end.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// Access to the root, for the handle of the engine.
#[derive(Debug, Clone)]
pub(super) struct RootHandle(ActorRef<RootMessage>);

impl RootHandle {
    /// Spawns the root; the watch reports its end.
    pub(super) async fn spawn(core: Core) -> Result<(Self, RootWatch), SpawnErr> {
        let (actor, watch) = RootWatch::spawn(RootActor, core).await?;
        Ok((Self(actor), watch))
    }

    /// Ends a keyword's quarantine; false when it was not quarantined, `None` while no shard runs.
    pub(super) async fn release(&self, shard: ShardId, keyword: Keyword) -> Option<bool> {
        let (found, answer) = oneshot::channel();
        let _ = self.0.cast(RootMessage::FindShard { shard, found });
        answer.await.ok()?.release(keyword).await
    }

    /// Folds the batches that the shards have received, commits, and closes the views. The error
    /// says why the views were not closed cleanly.
    pub(crate) async fn finish(&self) -> Result<(), String> {
        let (finished, answer) = oneshot::channel();
        let _ = self.0.cast(RootMessage::Finish { finished });
        answer
            .await
            .unwrap_or_else(|_| Err("the actors have ended".into()))
    }
}

/// Messages of the root.
pub(super) enum RootMessage {
    /// Start the children again after a failure.
    Start,
    /// A query met damaged rows.
    Damaged,
    /// Send a shard's handle.
    FindShard {
        shard: ShardId,
        found: oneshot::Sender<ShardHandle>,
    },
    /// Show the new views: they have folded through `target`, the journal head at their start.
    Swap { target: Sequence },
    /// Fold what the shards have received, and commit.
    Finish {
        finished: oneshot::Sender<Result<(), String>>,
    },
    /// Close the views and end, now that the states of the children are dropped.
    Close {
        finished: oneshot::Sender<Result<(), String>>,
    },
}

pub(super) struct RootState {
    core: Core,
    /// The reader and the shards, while they run.
    children: Option<Children>,
    /// The store of stopped children.
    retired: Option<Arc<Store>>,
    view_switch: ViewSwitch,
    recovery: Recovery,
}

struct RootActor;

impl Actor for RootActor {
    type Msg = RootMessage;
    type State = RootState;
    type Arguments = Core;

    async fn pre_start(
        &self,
        myself: ActorRef<RootMessage>,
        core: Core,
    ) -> Result<RootState, ActorProcessingErr> {
        let mut damage = core.views.damage();
        let root = myself.clone();
        tokio::spawn(async move {
            while damage.changed().await.is_ok() {
                if root.cast(RootMessage::Damaged).is_err() {
                    return;
                }
            }
        });
        let mut state = RootState {
            core,
            children: None,
            retired: None,
            view_switch: ViewSwitch::default(),
            recovery: Recovery::new(),
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
                .children
                .as_ref()
                .is_some_and(|children| children.contains(actor.get_id()));
            if runs {
                tracing::error!(error = %whole(error.as_ref()), "folding stopped; it is started \
                    again");
                if let Some(JournalError::Changed { what, read }) = error.downcast_ref() {
                    tracing::error!(
                        what,
                        "a new epoch begins, and the views are rebuilt from what the journal holds \
                        now"
                    );
                    state.core.metrics.journal_changed.inc();
                    let found = state.contradiction(*read);
                    state.recovery.journal_changed(found);
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

impl RootState {
    async fn on_start(&mut self, myself: &ActorRef<RootMessage>) {
        if self.children.is_some() {
            return;
        }
        drop(self.take_retired().await);
        let data = &self.core.options.data;
        self.recovery.discard_damaged(data);
        if let Err(error) = self.recovery.renew_epoch(data, &*self.core.journal) {
            let reason = format!("a new epoch could not begin: {}", whole(&error));
            self.core.causes.waits(Waiting::Opening, &reason);
            self.start_again(myself, false).await;
            return;
        }
        if let Err(error) = self.start(myself).await {
            let reason = whole(error.as_ref()).to_string();
            self.core.causes.waits(Waiting::Opening, &reason);
            self.start_again(myself, false).await;
        } else {
            self.core.causes.goes_on(Waiting::Opening);
        }
    }

    /// The contradiction to the views, after the journal was found to be another one.
    fn contradiction(&self, read: Option<(Sequence, RecordHash)>) -> Contradiction {
        let now = self.core.journal.incarnation();
        let of = self.children.as_ref();
        let (sequence, hash) = read.unwrap_or_default();
        Contradiction {
            of: of.map_or(now, |children| children.store.parts().incarnation),
            now,
            sequence,
            hash,
        }
    }

    async fn on_damaged(&mut self, myself: &ActorRef<RootMessage>) {
        if self.view_switch.is_old() {
            tracing::error!(
                "the previous views are damaged; the new views answer, although they are still catching \
                up"
            );
            self.swap(false).await;
        } else if self.children.is_some() {
            tracing::error!("a query met damaged rows; the views are opened again");
            self.start_again(myself, true).await;
        }
    }

    async fn on_swap(&mut self, target: Sequence) {
        // A message from before the last restart has another target.
        if self.core.progress.target() == target {
            self.swap(true).await;
        }
    }

    async fn swap(&mut self, caught_up: bool) {
        if let Some(children) = &self.children {
            self.view_switch
                .swap(&self.core, &children.store, caught_up)
                .await;
        }
    }

    fn on_find_shard(&self, shard: ShardId, found: oneshot::Sender<ShardHandle>) {
        let handle = self
            .children
            .as_ref()
            .and_then(|children| children.shard(shard));
        if let Some(handle) = handle {
            let _ = found.send(handle.clone());
        }
    }

    async fn on_finish(&mut self) -> Result<(), String> {
        let Some(children) = self.children.take() else {
            return Err("the views are not open".into());
        };
        let (store, finished) = children.finish().await;
        self.retired = Some(store);
        finished
    }

    async fn on_close(&mut self) -> Result<(), String> {
        self.view_switch.hide(&self.core);
        let Some(store) = self.take_retired().await else {
            return Err("the views are still being read, so they are not sealed".into());
        };
        tokio::task::spawn_blocking(move || store.close())
            .await
            .map_err(|error| whole(&error).to_string())?
            .map_err(|error| whole(&error).to_string())
    }

    /// The store of the stopped children, once it has no other holder. Waits for running queries,
    /// and until the states of the children are dropped.
    async fn take_retired(&mut self) -> Option<Store> {
        sole(self.retired.take()?, STOP_WAIT).await
    }

    async fn start(&mut self, myself: &ActorRef<RootMessage>) -> Result<(), ActorProcessingErr> {
        let incarnation = self.core.journal.incarnation();
        let (opened, tracked) = self.open().await?;
        let core = &self.core;
        let head = core.head();
        let seen = self.view_switch.seen(core, opened.store.epoch(), head);
        core.progress
            .restart(opened.checkpoints.iter().map(|at| at.sequence), head);
        if let Some(old) = &opened.old {
            core.progress.freeze(old.positions.iter().copied());
        }
        core.tracked_keywords.replace(tracked);
        if let Some(old) = &opened.old {
            old.show_tracked(&core.tracked_keywords);
        }
        core.metrics.quarantined.set(0);
        let children = Children::spawn(core, incarnation, &opened, &myself.get_cell()).await?;
        self.view_switch
            .begin(core, myself, &opened.store, opened.old, (seen, head));
        self.recovery.started();
        self.children = Some(children);
        Ok(())
    }

    /// Opens the views and reads the tracked keywords. Damage to the tracked keywords alone is also
    /// a reason to move the views aside and rebuild them.
    async fn open(&mut self) -> Result<(OpenedViews, RuledKeywords), ActorProcessingErr> {
        let Options {
            data,
            cache_bytes,
            fold,
            ..
        } = &self.core.options;
        let journal = &*self.core.journal;
        ViewsFolder::of(data).remove_unfinished()?;
        let opened = open_views(data, *cache_bytes, fold, journal).await?;
        match opened.store.tracked_compacting() {
            Err(error) if error.is_damage() => {
                tracing::error!(
                    error = %whole(&error),
                    "the views are damaged; they are rebuilt from the journal"
                );
                drop(opened);
                self.recovery.damaged();
                self.recovery.discard_damaged(data);
                let opened = open_views(data, *cache_bytes, fold, journal).await?;
                let tracked = opened.store.tracked_compacting()?;
                Ok((opened, tracked))
            }
            tracked => Ok((opened, tracked?)),
        }
    }

    /// Stops all children and starts them again after a pause.
    async fn start_again(&mut self, myself: &ActorRef<RootMessage>, damaged: bool) {
        self.view_switch.hide(&self.core);
        myself.stop_children_and_wait(None, Some(STOP_WAIT)).await;
        for child in myself.get_children() {
            // A child that did not stop in time must not run beside its successor.
            let _ = child.kill_and_wait(Some(STOP_WAIT)).await;
        }
        self.core.causes.forget_shards();
        self.core.metrics.actor_restarted("root");
        if let Some(children) = self.children.take() {
            self.retired = Some(children.store);
        }
        let pause = self.recovery.failed(damaged);
        myself.send_after(pause, || RootMessage::Start);
    }
}

/// Why the root could not be started.
pub(super) fn startup_error(error: SpawnErr) -> Result<OpeningError, String> {
    match error {
        SpawnErr::StartupFailed(error) => error
            .downcast::<OpeningError>()
            .map(|error| *error)
            .map_err(|error| whole(error.as_ref()).to_string()),
        other => Err(whole(&other).to_string()),
    }
}
