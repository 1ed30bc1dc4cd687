//! The root actor.
//!
//! Owns the store of the views, the reader and the shards, which it supervises. When one of them
//! fails, or a query meets damaged rows, it stops all of them, opens the views again (healing or
//! rebuilding them) and restarts the reader and the shards. The pause before a restart grows while
//! restarts fail. The root ends when it is asked to finish. Nothing restarts it: when it fails, the
//! process ends ([`RootWatch`](super::root_watch::RootWatch)).

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use self::children::Children;
pub(super) use self::handle::{RootHandle, startup_error};
use self::recovery::Recovery;
use self::view_switch::ViewSwitch;
use super::core::Core;
use super::previous_views::sole;
use super::shard::ShardHandle;
use crate::events::{RecordHash, Sequence, ShardId};
use crate::journal::JournalError;
use crate::store::{Contradiction, Store, StoreError};
use crate::telemetry::whole;

mod children;
mod handle;
mod recovery;
mod starting;
mod view_switch;

/// Time limit for stopped children to end.
const STOP_WAIT: Duration = Duration::from_secs(5);

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
    /// Describes the contradiction for a journal that was found to be another one than the views
    /// were made from. `read` is the folded position that the journal contradicts, with its hash.
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
}
