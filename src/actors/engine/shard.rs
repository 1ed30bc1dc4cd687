//! The shard actor.
//!
//! Owns `keyword → actor` for its share of the keywords, and is the only writer of its rows. Fed
//! by the reader with every batch's events of its keywords, and with every batch's end, events or
//! not. Dies when its rows cannot be trusted or read; the root then opens the views anew. Restarts
//! keywords that panic, with a pause, and quarantines those that keep failing.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::oneshot;

use super::batch_barrier::BatchBarrier;
use super::causes::Waiting;
use super::commit_policy::CommitPolicy;
use super::core::Core;
use super::fold_batch::PartitionedBatch;
use super::keyword::{KeywordArguments, KeywordHandle};
use super::lagging_keywords::LaggingKeywords;
use super::rejected_records::{self, RejectedRecords};
use super::residents::{ResidentLimit, ResidentPermit, Residents};
use super::restart_policy::RestartDecision;
use crate::events::{Checkpoint, Envelope, Keyword, KeywordEnvelope, Sequence, ShardId};
use crate::projections::{KeywordSummary, RowKey, Rows};
use crate::store::{KeptOpen, ShardRows, Store, StoreError};
use crate::telemetry::{CountedActor, whole};

/// How long keywords may take to end.
const CHILDREN_STOP_WITHIN: Duration = Duration::from_secs(5);
/// How often a shard looks whether something is due.
const TICK: Duration = Duration::from_millis(250);

/// When a shard commits and what it keeps in memory.
#[derive(Debug, Clone)]
pub struct ShardOptions {
    /// Commit after so many events, if not earlier.
    pub commit_events: u64,
    /// Commit after so long, if not earlier.
    pub commit_interval: Duration,
    /// A keyword that folds nothing for so long leaves memory.
    pub idle: Duration,
}

/// The reader's, the root's and the keywords' hold on a shard.
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

    /// Hands it its part of a batch. What is returned resolves when it is folded, and fails when
    /// the shard is gone.
    pub(crate) fn fold(&self, part: ShardBatch) -> oneshot::Receiver<()> {
        let (folded, answer) = oneshot::channel();
        let _ = self.0.cast(ShardMessage::Fold { part, folded });
        answer
    }

    /// A keyword has read through this position for itself, and folded so many events since it said
    /// so last.
    pub(super) fn read_on(&self, keyword: Keyword, position: Sequence, folded: usize) {
        let _ = self.0.cast(ShardMessage::ReadOn {
            keyword,
            position,
            folded,
        });
    }

    /// Ends a keyword's quarantine; false when it was in none, `None` when the shard is gone.
    pub(super) async fn release(&self, keyword: Keyword) -> Option<bool> {
        let (released, answer) = oneshot::channel();
        let _ = self.0.cast(ShardMessage::Release { keyword, released });
        answer.await.ok()
    }

    /// Commits what is folded and ends the shard; the text says why it could not.
    pub(crate) async fn finish(&self) -> Result<(), String> {
        let (finished, answer) = oneshot::channel();
        let _ = self.0.cast(ShardMessage::Finish { finished });
        let gone = |_| Err("it is being started again".to_owned());
        answer.await.unwrap_or_else(gone)
    }

    pub(super) fn cell(&self) -> ActorCell {
        self.0.get_cell()
    }
}

/// A shard's part of a batch.
#[derive(Debug)]
pub(super) struct ShardBatch {
    /// Envelopes of this shard's keywords, and those with invalid tokens that fall to it.
    pub(crate) envelopes: Vec<Envelope>,
    /// Where the whole batch ends.
    pub(crate) end: Checkpoint,
}

/// What a shard is asked to do.
pub(super) enum ShardMessage {
    /// Fold a part of a batch, then move on to its end.
    Fold {
        part: ShardBatch,
        folded: oneshot::Sender<()>,
    },
    /// Commit and passivate what is due.
    Tick,
    /// A keyword that is behind has read through a position.
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

/// What a shard needs.
pub(super) struct ShardArguments {
    pub(super) core: Core,
    pub(super) shard: ShardId,
    pub(super) checkpoint: Checkpoint,
    pub(super) store: Arc<Store>,
    /// How many keyword actors may be in memory, over all shards.
    pub(super) limit: ResidentLimit,
}

pub(super) struct ShardState {
    own: ShardArguments,
    rows: Arc<ShardRows>,
    /// Keywords with an actor.
    residents: Residents<KeywordHandle>,
    lagging: LaggingKeywords,
    /// Lagging keywords that wait for room to catch up.
    to_start: VecDeque<Keyword>,
    /// Through which every keyword that is not behind has put its rows.
    position: Checkpoint,
    commits: CommitPolicy,
    /// Parts of batches that wait until records before them are in the rejected log.
    waiting: VecDeque<(ShardBatch, oneshot::Sender<()>)>,
    /// Answers that wait until a commit succeeds, so that no more is handed on.
    withheld: Vec<oneshot::Sender<()>>,
    /// Keywords that are behind and read on when a commit succeeds.
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
            ),
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
    async fn on_fold(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        part: ShardBatch,
        folded: oneshot::Sender<()>,
        open: KeptOpen,
    ) -> Result<(), ActorProcessingErr> {
        if part.end.sequence <= self.position.sequence {
            // Another shard was behind this one when reading began.
            let _ = folded.send(());
            return Ok(());
        }
        let began = std::time::Instant::now();
        let count = part.envelopes.len();
        let partitioned = PartitionedBatch::of(part.envelopes, self.position.sequence);
        let unaddressed = u64::try_from(partitioned.unaddressed.len()).unwrap_or(u64::MAX);
        self.rows
            .count_unaddressed(unaddressed, part.end.sequence)?;
        self.fold_all(myself, partitioned.records).await?;
        // What follows may wait for a commit.
        drop(open);
        self.position = part.end;
        self.own
            .core
            .progress
            .reach(self.own.shard, part.end.sequence);
        self.commits.folded(count);
        if count > 0 {
            self.own.core.metrics.batch_folded(began.elapsed(), count);
        }
        if self.commits.holds_back() {
            self.withheld.push(folded);
        } else {
            let _ = folded.send(());
        }
        self.commit_if_due().await
    }

    /// Hands every keyword its records, and waits until they are folded. Where fewer actors may be
    /// in memory than keywords have records, they take turns.
    async fn fold_all(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        records: HashMap<Keyword, Vec<KeywordEnvelope>>,
    ) -> Result<(), ActorProcessingErr> {
        let mut barrier = BatchBarrier::default();
        let mut began = self.residents.now();
        for (keyword, records) in records {
            if self.lagging.contains(&keyword) {
                continue;
            }
            if !self.residents.contains(&keyword) && !self.has_folded(&keyword)? {
                // It counts as tracked at once, however long its fold takes.
                self.own.core.tracked_keywords.set(&keyword, true);
            }
            let actor = if let Some(actor) = self.residents.take_up(&keyword) {
                actor
            } else {
                let permit = if let Some(permit) = self.residents.try_room() {
                    permit
                } else {
                    if !self.residents.end_longest_unused(began) {
                        self.finish_barrier(std::mem::take(&mut barrier)).await?;
                        began = self.residents.now();
                        self.residents.end_longest_unused(began);
                    }
                    self.residents.room().await?
                };
                self.spawn(myself, &keyword, permit).await?
            };
            actor.fold(records, barrier.ticket(keyword));
        }
        self.finish_barrier(barrier).await
    }

    /// Waits until all of a round have folded, and takes note of those that failed.
    async fn finish_barrier(&mut self, barrier: BatchBarrier) -> Result<(), ActorProcessingErr> {
        for failure in barrier.finish().await {
            if let Some(error) = failure.error {
                // The rows can't be read: no keyword of this shard can go on.
                return Err(error.into());
            }
            let position = self.position.sequence;
            self.lagging.fall_behind(&failure.keyword, position)?;
            self.residents.falls_behind(&failure.keyword);
        }
        Ok(())
    }

    /// Commits when it is time to, and asks for more when there is room in memory for it.
    async fn commit_if_due(&mut self) -> Result<(), ActorProcessingErr> {
        self.commits.begin_if_due(self.position).await?;
        if !self.commits.holds_back() {
            for folded in self.withheld.drain(..) {
                let _ = folded.send(());
            }
            for keyword in std::mem::take(&mut self.to_read_on) {
                if let Some(actor) = self.residents.take_up(&keyword) {
                    actor.catch_up();
                }
            }
        }
        Ok(())
    }

    /// Folds the parts that wait, in order, as far as what cannot be folded can be kept.
    async fn fold_waiting(
        &mut self,
        myself: &ActorRef<ShardMessage>,
    ) -> Result<(), ActorProcessingErr> {
        while let Some((part, _)) = self.waiting.front() {
            let (incarnation, position) =
                (self.own.core.journal.incarnation(), self.position.sequence);
            let entries: Vec<_> = part
                .envelopes
                .iter()
                .filter(|envelope| envelope.sequence > position)
                .filter_map(|envelope| rejected_records::entry(incarnation, envelope))
                .collect();
            let waiting = Waiting::Rejected(self.own.shard);
            match self.rejections.keep(&*self.own.core.journal, entries).await {
                Ok(true) => self.own.core.causes.goes_on(waiting),
                Ok(false) => return Ok(()),
                Err(error) => {
                    let reason = whole(&error).to_string();
                    self.own.core.causes.waits(waiting, &reason);
                    return Ok(());
                }
            }
            let open = match self.rows.keep_open() {
                Ok(open) => open,
                // The commit that waits names the reason.
                Err(error) if error.is_unwritten() => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if let Some((part, folded)) = self.waiting.pop_front() {
                self.on_fold(myself, part, folded, open).await?;
            }
        }
        Ok(())
    }

    async fn on_tick(&mut self, myself: &ActorRef<ShardMessage>) -> Result<(), ActorProcessingErr> {
        self.residents.end_idle(self.own.core.options.shard.idle);
        self.start_lagging(myself).await?;
        self.commit_if_due().await?;
        self.fold_waiting(myself).await
    }

    /// Lets a keyword that is behind read its next batch, as soon as there is room in memory for
    /// it.
    async fn on_read_on(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: Keyword,
        position: Sequence,
    ) -> Result<(), ActorProcessingErr> {
        if position >= self.position.sequence {
            self.lagging.is_live(&keyword);
            self.residents.has_caught_up(&keyword);
            tracing::info!(%keyword, %position, "keyword has caught up");
            self.start_lagging(myself).await?;
        } else {
            self.to_read_on.insert(keyword);
        }
        self.commit_if_due().await
    }

    async fn on_restart(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: &Keyword,
    ) -> Result<(), ActorProcessingErr> {
        if self.lagging.contains(keyword) && !self.lagging.is_quarantined(keyword) {
            self.own.core.metrics.actor_restarted("keyword");
            self.start_catching_up(myself, keyword).await?;
        }
        Ok(())
    }

    async fn on_release(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: &Keyword,
        released: oneshot::Sender<bool>,
    ) -> Result<(), ActorProcessingErr> {
        let is_quarantined = self.lagging.is_quarantined(keyword);
        if is_quarantined {
            self.lagging.release(keyword);
            self.start_catching_up(myself, keyword).await?;
        }
        let _ = released.send(is_quarantined);
        Ok(())
    }

    async fn on_finish(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        finished: oneshot::Sender<Result<(), String>>,
    ) -> Result<(), ActorProcessingErr> {
        // They hold the rows, which are to be closed when this ends.
        myself
            .stop_children_and_wait(None, Some(CHILDREN_STOP_WITHIN))
            .await;
        let committed = self.commits.finish(self.position).await;
        let _ = finished.send(committed);
        myself.stop(None);
        Ok(())
    }

    fn on_keyword_failed(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        actor: ActorId,
        error: ActorProcessingErr,
    ) -> Result<(), ActorProcessingErr> {
        let Some(keyword) = self.residents.forget(actor) else {
            return Ok(());
        };
        if error.downcast_ref::<StoreError>().is_some() {
            return Err(error);
        }
        let position = self.position.sequence;
        self.lagging.fall_behind(&keyword, position)?;
        match self.lagging.failed(&keyword) {
            RestartDecision::Restart(pause) => {
                tracing::error!(%keyword, error = %whole(error.as_ref()), ?pause, "keyword failed; \
                    it is restarted after a pause");
                myself.send_after(pause, move || ShardMessage::Restart { keyword });
            }
            RestartDecision::Quarantine => {
                self.lagging
                    .quarantine(&keyword, position, &whole(error.as_ref()).to_string())?;
            }
        }
        Ok(())
    }

    /// The rows take some record of the keyword into account.
    fn has_folded(&self, keyword: &Keyword) -> Result<bool, StoreError> {
        let row = self.rows.of(keyword).get(&RowKey::Summary)?;
        let summary = row.map(|row| KeywordSummary::decode(&row)).transpose()?;
        Ok(summary.is_some_and(|summary| summary.as_of > Sequence::ZERO))
    }

    /// Starts the actor of a keyword that has none.
    async fn spawn(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: &Keyword,
        permit: ResidentPermit,
    ) -> Result<KeywordHandle, ActorProcessingErr> {
        let own = &self.own;
        let arguments = KeywordArguments {
            core: own.core.clone(),
            keyword: keyword.clone(),
            shard: own.shard,
            shard_handle: ShardHandle(myself.clone()),
            rows: Arc::clone(&self.rows),
            epoch: own.store.epoch(),
        };
        let actor = KeywordHandle::spawn(arguments, permit, myself.get_cell()).await?;
        self.residents.insert(keyword, actor.clone());
        Ok(actor)
    }

    /// Lets a lagging keyword read for itself, as soon as there is room for its actor.
    async fn start_catching_up(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        keyword: &Keyword,
    ) -> Result<(), ActorProcessingErr> {
        self.lagging.catches_up(keyword);
        self.to_start.push_back(keyword.clone());
        self.start_lagging(myself).await
    }

    /// Starts lagging keywords as far as there is room.
    async fn start_lagging(
        &mut self,
        myself: &ActorRef<ShardMessage>,
    ) -> Result<(), ActorProcessingErr> {
        while let Some(keyword) = self.to_start.front() {
            if self.residents.contains(keyword) || !self.lagging.contains(keyword) {
                self.to_start.pop_front();
                continue;
            }
            let Some((permit, place)) = self.residents.room_to_catch_up().await? else {
                return Ok(());
            };
            if let Some(keyword) = self.to_start.pop_front() {
                let actor = self.spawn(myself, &keyword, permit).await?;
                self.residents.catches_up(&keyword, place);
                actor.catch_up();
            }
        }
        Ok(())
    }
}
