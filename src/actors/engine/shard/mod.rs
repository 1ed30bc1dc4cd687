//! The shard actor.
//!
//! Owns `keyword → actor` for its share of the keywords, and is the only writer of their rows. In:
//! from the reader, for every batch, the events of its keywords and the end of the batch (the end
//! also without events). Out: commits of rows and checkpoint. Fails when its rows cannot be read or
//! trusted; the root then opens the views again. Restarts keywords that panic, after a pause, and
//! quarantines those that keep failing.
//!
//! `batches` folds and commits, `keywords` starts, restarts and releases keyword actors.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::oneshot;

use super::commit_policy::CommitPolicy;
use super::core::Core;
use super::keyword::KeywordHandle;
use super::lagging_keywords::LaggingKeywords;
use super::rejected_records::RejectedRecords;
use super::residents::{ResidentLimit, Residents};
use crate::events::{Checkpoint, Envelope, Keyword, Sequence, ShardId};
use crate::store::{ShardRows, Store};
use crate::telemetry::CountedActor;

mod batches;
mod keywords;

/// Time limit for the keyword actors to end.
const CHILDREN_STOP_WITHIN: Duration = Duration::from_secs(5);
/// Interval at which a shard checks for due work.
const TICK: Duration = Duration::from_millis(250);

/// Access to a shard, for the reader, the root and the shard's keywords.
#[derive(Debug, Clone)]
pub(super) struct ShardHandle(ActorRef<ShardMessage>);

impl ShardHandle {
    pub(in crate::actors) async fn spawn(
        arguments: ShardArguments,
        supervisor: ActorCell,
    ) -> Result<Self, SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, ShardActor, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Sends the shard its part of a batch. The receiver resolves when the part is folded, and
    /// fails when the shard has ended.
    pub(crate) fn fold(&self, part: ShardBatch) -> oneshot::Receiver<()> {
        let (folded, answer) = oneshot::channel();
        let _ = self.0.cast(ShardMessage::Fold { part, folded });
        answer
    }

    /// Reports to the shard the position through which a catching-up keyword has read, and the
    /// number of events folded since its last report.
    pub(super) fn read_on(&self, keyword: Keyword, position: Sequence, folded: usize) {
        let _ = self.0.cast(ShardMessage::ReadOn {
            keyword,
            position,
            folded,
        });
    }

    /// Ends a keyword's quarantine; false when it was not quarantined, `None` when the shard has
    /// ended.
    pub(super) async fn release(&self, keyword: Keyword) -> Option<bool> {
        let (released, answer) = oneshot::channel();
        let _ = self.0.cast(ShardMessage::Release { keyword, released });
        answer.await.ok()
    }

    /// Commits the folded events and ends the shard. The error says why the commit failed.
    pub(crate) async fn finish(&self) -> Result<(), String> {
        let (finished, answer) = oneshot::channel();
        let _ = self.0.cast(ShardMessage::Finish { finished });
        let gone = |_| Err("the shard is being restarted".to_owned());
        answer.await.unwrap_or_else(gone)
    }

    pub(super) fn cell(&self) -> ActorCell {
        self.0.get_cell()
    }
}

/// A shard's part of a batch.
#[derive(Debug)]
pub(super) struct ShardBatch {
    /// Envelopes of this shard's keywords, and of its share of the invalid tokens.
    pub(crate) envelopes: Vec<Envelope>,
    /// The last position of the reader's batch, with its mark.
    pub(crate) end: Checkpoint,
}

/// Messages of a shard.
pub(super) enum ShardMessage {
    /// Fold a part of a batch, then move on to its end.
    Fold {
        part: ShardBatch,
        folded: oneshot::Sender<()>,
    },
    /// End idle keywords, start waiting ones, commit if a commit is due.
    Tick,
    /// A lagging keyword has read through a position.
    ReadOn {
        keyword: Keyword,
        position: Sequence,
        folded: usize,
    },
    /// Start a keyword again after its pause.
    Restart { keyword: Keyword },
    /// End a quarantine.
    Release {
        keyword: Keyword,
        released: oneshot::Sender<bool>,
    },
    /// Commit and end.
    Finish {
        finished: oneshot::Sender<Result<(), String>>,
    },
}

/// Arguments of a shard.
pub(super) struct ShardArguments {
    pub(super) core: Core,
    pub(super) shard: ShardId,
    pub(super) checkpoint: Checkpoint,
    pub(super) store: Arc<Store>,
    /// The limit of keyword actors in memory, over all shards.
    pub(super) limit: ResidentLimit,
}

pub(super) struct ShardState {
    own: ShardArguments,
    rows: Arc<ShardRows>,
    /// Keywords with an actor.
    residents: Residents<KeywordHandle>,
    lagging: LaggingKeywords,
    /// Lagging keywords that wait for a permit to catch up.
    to_start: VecDeque<Keyword>,
    /// The position through which every keyword that does not lag has put its rows.
    position: Checkpoint,
    commits: CommitPolicy,
    /// Parts of batches that wait until their rejected records are in the rejected log.
    waiting: VecDeque<(ShardBatch, oneshot::Sender<()>)>,
    /// Answers to the reader that are withheld until a commit succeeds, so that the reader sends no
    /// further batches.
    withheld: Vec<oneshot::Sender<()>>,
    /// Lagging keywords that read on as soon as the limit of uncommitted events allows it.
    to_read_on: BTreeSet<Keyword>,
    rejections: RejectedRecords,
    _alive: CountedActor,
}

struct ShardActor;

impl Actor for ShardActor {
    type Msg = ShardMessage;
    type State = ShardState;
    type Arguments = ShardArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<ShardMessage>,
        own: ShardArguments,
    ) -> Result<ShardState, ActorProcessingErr> {
        let rows = Arc::clone(own.store.shard(own.shard)?);
        let (lagging, behind) = LaggingKeywords::of(own.core.clone(), Arc::clone(&rows))?;
        myself.send_interval(TICK, || ShardMessage::Tick);
        let mut state = ShardState {
            rows: Arc::clone(&rows),
            residents: Residents::new(own.limit.clone()),
            lagging,
            to_start: VecDeque::new(),
            position: own.checkpoint,
            commits: CommitPolicy::new(
                own.core.clone(),
                Arc::clone(&own.store),
                (own.shard, rows),
                own.checkpoint,
            )?,
            waiting: VecDeque::new(),
            withheld: Vec::new(),
            to_read_on: BTreeSet::new(),
            rejections: RejectedRecords::default(),
            _alive: own.core.metrics.actor_alive("shard"),
            own,
        };
        for keyword in behind {
            state.start_catching_up(&myself, &keyword).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<ShardMessage>,
        message: ShardMessage,
        state: &mut ShardState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ShardMessage::Fold { part, folded } => {
                state.waiting.push_back((part, folded));
                state.fold_waiting(&myself).await
            }
            ShardMessage::Tick => state.on_tick(&myself).await,
            ShardMessage::ReadOn {
                keyword,
                position,
                folded,
            } => {
                state.commits.folded(folded);
                state.on_read_on(&myself, keyword, position).await
            }
            ShardMessage::Restart { keyword } => state.on_restart(&myself, &keyword).await,
            ShardMessage::Release { keyword, released } => {
                state.on_release(&myself, &keyword, released).await
            }
            ShardMessage::Finish { finished } => state.on_finish(&myself, finished).await,
        }
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<ShardMessage>,
        event: SupervisionEvent,
        state: &mut ShardState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(actor, error) => {
                state.on_keyword_failed(&myself, actor.get_id(), error)
            }
            SupervisionEvent::ActorTerminated(actor, ..) => {
                state.residents.forget(actor.get_id());
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl ShardState {
    async fn on_tick(&mut self, myself: &ActorRef<ShardMessage>) -> Result<(), ActorProcessingErr> {
        self.residents.end_idle(self.own.core.options.shard.idle);
        self.start_lagging(myself).await?;
        self.commit_if_due().await?;
        self.fold_waiting(myself).await
    }

    async fn on_finish(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        finished: oneshot::Sender<Result<(), String>>,
    ) -> Result<(), ActorProcessingErr> {
        // The keyword actors hold the rows, which are closed after the shard has ended.
        myself
            .stop_children_and_wait(None, Some(CHILDREN_STOP_WITHIN))
            .await;
        let committed = self.commits.finish(self.position).await;
        let _ = finished.send(committed);
        myself.stop(None);
        Ok(())
    }
}
