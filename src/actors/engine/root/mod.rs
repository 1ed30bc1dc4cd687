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

use self::children::Children;
use self::recovery::Recovery;
use self::view_switch::ViewSwitch;
use super::causes::Waiting;
use super::clock::Clock;
use super::core::Core;
use super::open_views::{OpenedViews, OpeningError, open_views};
use super::previous_views::sole;
use super::root_watch::RootWatch;
use super::shard::{ShardHandle, ShardOptions};
use crate::events::{Keyword, RecordHash, Sequence, ShardId};
use crate::journal::JournalError;
use crate::store::{Contradiction, Store, StoreError, ViewsFolder};
use crate::telemetry::whole;

mod children;
mod recovery;
mod view_switch;

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
    /// Requests to track a new keyword are refused while so many are tracked.
    pub keywords_max: usize,
    /// At most so many keyword actors are in memory, over all shards; at least 2.
    pub keywords_resident: usize,
    /// When shards commit, and what they keep in memory.
    pub shard: ShardOptions,
    /// Where windows and polled topics read the time.
    pub clock: Clock,
}

#[cfg(test)]
impl Options {
    /// Small batches and frequent commits.
    pub(in crate::actors) fn of_test(data: &std::path::Path) -> Self {
        Self {
            data: data.to_owned(),
            cache_bytes: 1 << 20,
            batch_records: 64,
            keywords_max: 1_000,
            keywords_resident: 100,
            shard: ShardOptions {
                commit_events: 1,
                commit_interval: Duration::from_secs(1),
                idle: Duration::from_secs(600),
            },
            clock: Clock::system(),
        }
    }
}

/// The handle's access to the root.
#[derive(Debug, Clone)]
pub(super) struct RootHandle(ActorRef<RootMessage>);

impl RootHandle {
    /// Spawns the root; the watch tells when it has ended.
    pub(super) async fn spawn(core: Core) -> Result<(Self, RootWatch), SpawnErr> {
        let (actor, watch) = RootWatch::spawn(RootActor, core).await?;
        Ok((Self(actor), watch))
    }

    /// Ends a keyword's quarantine; false when it was in none, `None` while nothing runs.
    pub(super) async fn release(&self, shard: ShardId, keyword: Keyword) -> Option<bool> {
        let (found, answer) = oneshot::channel();
        let _ = self.0.cast(RootMessage::FindShard { shard, found });
        answer.await.ok()?.release(keyword).await
    }

    /// Folds what is being folded, commits, and closes the views; an error says why the views
    /// were not closed cleanly.
    pub(crate) async fn finish(&self) -> Result<(), String> {
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

pub(super) struct RootState {
    core: Core,
    /// What runs.
    children: Option<Children>,
    /// The store of parts that were taken down.
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
                        "a new epoch begins, and the views are made anew from what the journal \
                        holds now"
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

    /// What the journal contradicts, when it is no longer what was read.
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
                "the views of the version before are damaged; the new ones answer as they grow"
            );
            self.swap(false).await;
        } else if self.children.is_some() {
            tracing::error!("a query met damaged rows; the views are opened anew");
            self.start_again(myself, true).await;
        }
    }

    async fn on_swap(&mut self, target: Sequence) {
        // One that was meant for an earlier life comes too soon.
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
            return Err("somebody still reads the views, so they are not sealed".into());
        };
        tokio::task::spawn_blocking(move || store.close())
            .await
            .map_err(|error| whole(&error).to_string())?
            .map_err(|error| whole(&error).to_string())
    }

    /// The store of the parts that were taken down, once nobody else holds it. Answers on their
    /// way and the last states of the parts, which their ends carry, are waited for.
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

    /// Opens the views and reads which keywords are tracked. Where only that meets damage, they are
    /// moved aside and made anew like others.
    async fn open(&mut self) -> Result<(OpenedViews, Vec<Keyword>), ActorProcessingErr> {
        let Options {
            data, cache_bytes, ..
        } = &self.core.options;
        let journal = &*self.core.journal;
        ViewsFolder::of(data).remove_unfinished()?;
        let opened = open_views(data, *cache_bytes, journal).await?;
        match opened.store.take_up_roll() {
            Err(error) if error.is_damage() => {
                tracing::error!(
                    error = %whole(&error),
                    "the views are damaged; they are made anew from the journal"
                );
                drop(opened);
                self.recovery.damaged();
                self.recovery.discard_damaged(data);
                let opened = open_views(data, *cache_bytes, journal).await?;
                let tracked = opened.store.take_up_roll()?;
                Ok((opened, tracked))
            }
            tracked => Ok((opened, tracked?)),
        }
    }

    /// Takes everything down and starts it again after a pause.
    async fn start_again(&mut self, myself: &ActorRef<RootMessage>, damaged: bool) {
        self.view_switch.hide(&self.core);
        myself.stop_children_and_wait(None, Some(STOP_WAIT)).await;
        for child in myself.get_children() {
            // It is in the middle of something and must not go on beside its successor.
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

/// Why the whole could not be started.
pub(super) fn startup_error(error: SpawnErr) -> Result<OpeningError, String> {
    match error {
        SpawnErr::StartupFailed(error) => error
            .downcast::<OpeningError>()
            .map(|error| *error)
            .map_err(|error| whole(error.as_ref()).to_string()),
        other => Err(whole(&other).to_string()),
    }
}
