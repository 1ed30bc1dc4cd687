//! The keyword actor.
//!
//! Owns the in-memory state of one keyword. In: its part of each batch, from its shard. While its
//! rows are behind the shard's position, it reads the journal itself. Out: rows, and changes to the
//! sink. An idle actor is ended by its shard: the state leaves memory, the rows stay. A panic in a
//! fold ends the actor, and its shard restarts it.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use super::batch_barrier::BarrierTicket;
use super::core::Core;
use super::fold_batch::fold_batch;
use super::progress::Behind;
use super::residents::ResidentPermit;
use super::shard::ShardHandle;
use crate::events::{Content, Keyword, KeywordEnvelope, KeywordRules, Sequence, ShardId};
use crate::journal::{JournalReader, Selection};
use crate::projections::{FoldOutcome, KeywordSummary, KeywordView, Rows, RowsError, ViewChange};
use crate::store::{Epoch, ShardRows, StoreError};
use crate::telemetry::CountedActor;

/// Records per read while a keyword catches up.
const CATCH_UP_RECORDS: usize = 4096;
/// Pause before unreadable rows are read again, after a failed write.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// One fold step. Production uses [`fold_step`]; a test may inject one that fails.
pub type FoldStep = Arc<
    dyn Fn(
            &mut KeywordView,
            &dyn Rows,
            &Keyword,
            &KeywordEnvelope,
        ) -> Result<FoldOutcome, RowsError>
        + Send
        + Sync,
>;

/// The fold step of production: runs [`KeywordView::fold`].
pub fn fold_step() -> FoldStep {
    Arc::new(|view, rows, _, envelope| view.fold(rows, envelope))
}

/// Access to a keyword actor, for its shard.
#[derive(Debug, Clone)]
pub(super) struct KeywordHandle(ActorRef<KeywordMessage>);

impl KeywordHandle {
    pub(in crate::actors) async fn spawn(
        arguments: KeywordArguments,
        permit: ResidentPermit,
        supervisor: ActorCell,
    ) -> Result<Self, SpawnErr> {
        let arguments = (arguments, permit);
        let (actor, _) = Actor::spawn_linked(None, KeywordActor, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Sends the actor its part of a batch. The ticket reports the outcome, also when the actor has
    /// ended.
    pub(crate) fn fold(&self, records: Vec<KeywordEnvelope>, ticket: BarrierTicket) {
        let _ = self.0.cast(KeywordMessage::Fold { records, ticket });
    }

    /// Lets the actor read one batch to catch up. It reports to the shard with
    /// [`ShardHandle::read_on`].
    pub(crate) fn catch_up(&self) {
        let _ = self.0.cast(KeywordMessage::CatchUp);
    }

    /// Ends the actor. It has to be idle: messages in its mailbox are lost.
    pub(in crate::actors) fn stop(&self) {
        self.0.stop(None);
    }

    pub(crate) fn id(&self) -> ractor::ActorId {
        self.0.get_id()
    }
}

/// Messages of a keyword actor.
pub(super) enum KeywordMessage {
    /// Fold these records, put the rows, and report the outcome to the ticket.
    Fold {
        records: Vec<KeywordEnvelope>,
        ticket: BarrierTicket,
    },
    /// Read the next batch of the journal, and report to the shard.
    CatchUp,
}

/// Arguments of a keyword actor.
pub(super) struct KeywordArguments {
    pub(super) core: Core,
    pub(super) keyword: Keyword,
    pub(super) shard: ShardId,
    pub(super) shard_handle: ShardHandle,
    pub(super) rows: Arc<ShardRows>,
    /// The epoch of the rows.
    pub(super) epoch: Epoch,
}

pub(super) struct KeywordState {
    own: KeywordArguments,
    /// The view; hydrated when the first records arrive.
    view: Option<KeywordView>,
    /// Reads the journal while the keyword catches up.
    reader: Option<Box<dyn JournalReader>>,
    /// The position through which `reader` has read.
    read_to: Sequence,
    /// Counts this actor in the metric, and holds its permit. Dropped when the actor stops, not
    /// with the state: the shard may keep the state while it waits for a permit.
    held: Option<(CountedActor, ResidentPermit)>,
}

struct KeywordActor;

impl Actor for KeywordActor {
    type Msg = KeywordMessage;
    type State = KeywordState;
    type Arguments = (KeywordArguments, ResidentPermit);

    async fn pre_start(
        &self,
        _: ActorRef<KeywordMessage>,
        (own, permit): (KeywordArguments, ResidentPermit),
    ) -> Result<KeywordState, ActorProcessingErr> {
        Ok(KeywordState {
            held: Some((own.core.metrics.actor_alive("keyword"), permit)),
            own,
            view: None,
            reader: None,
            read_to: Sequence::ZERO,
        })
    }

    async fn post_stop(
        &self,
        _: ActorRef<KeywordMessage>,
        state: &mut KeywordState,
    ) -> Result<(), ActorProcessingErr> {
        state.view = None;
        state.reader = None;
        state.held = None;
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<KeywordMessage>,
        message: KeywordMessage,
        state: &mut KeywordState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            KeywordMessage::Fold { records, ticket } => {
                on_fold(state, &records, ticket);
                Ok(())
            }
            KeywordMessage::CatchUp => on_catch_up(state, &myself).await,
        }
    }
}

fn on_fold(state: &mut KeywordState, records: &[KeywordEnvelope], ticket: BarrierTicket) {
    state.reader = None;
    match state.fold(records) {
        Ok(()) => ticket.folded(),
        Err(error) => {
            // A part of the batch may be folded in memory: hydrate again from the rows.
            state.view = None;
            ticket.failed(error);
        }
    }
}

/// Catches up by one batch. Tries again after a pause if rows cannot be read because a write
/// failed.
async fn on_catch_up(
    state: &mut KeywordState,
    myself: &ActorRef<KeywordMessage>,
) -> Result<(), ActorProcessingErr> {
    match catch_up(state).await {
        Err(error) if error.downcast_ref().is_some_and(StoreError::is_unwritten) => {
            // A part of the batch may be folded in memory: hydrate again from the rows.
            (state.view, state.reader) = (None, None);
            myself.send_after(AGAIN_AFTER, || KeywordMessage::CatchUp);
            Ok(())
        }
        caught_up => caught_up,
    }
}

async fn catch_up(state: &mut KeywordState) -> Result<(), ActorProcessingErr> {
    if state.reader.is_none() {
        let open = state.own.rows.keep_open()?;
        let as_of = state.view()?.summary().as_of;
        drop(open);
        let journal = &state.own.core.journal;
        let after = if as_of == Sequence::ZERO {
            // No record of the keyword is folded, and its records may be anywhere in the journal.
            journal.start().sequence
        } else {
            as_of
        };
        let selection = Selection::Keyword(state.own.keyword.clone());
        state.reader = Some(journal.read(after, selection).await?);
        state.read_to = after;
    }
    let Some(reader) = state.reader.as_mut() else {
        return Ok(());
    };
    let mut folded = 0;
    // The read does not wait: the journal holds all that the shard has folded.
    if state.read_to < state.own.core.progress.folded(state.own.shard) {
        let batch = reader.next(CATCH_UP_RECORDS).await?;
        let records: Vec<_> = batch
            .envelopes
            .into_iter()
            .filter_map(|envelope| match envelope.content {
                Content::Keyword(_, record) => Some(KeywordEnvelope {
                    sequence: envelope.sequence,
                    received_at: envelope.received_at,
                    record,
                }),
                Content::Unaddressed { .. } => None,
            })
            .collect();
        let open = state.own.rows.keep_open()?;
        state.fold(&records)?;
        drop(open);
        folded = records.len();
        state.read_to = batch.end;
    }
    let own = &state.own;
    let behind = Behind {
        quarantined: false,
        position: state.read_to,
    };
    own.core.progress.set_behind(&own.keyword, Some(behind));
    own.shard_handle
        .read_on(own.keyword.clone(), state.read_to, folded);
    Ok(())
}

/// The part of a summary that decides whether the keyword is tracked, and with which rules.
struct Tracked {
    as_of: Sequence,
    /// `None` while the keyword is not tracked.
    rules: Option<KeywordRules>,
}

impl Tracked {
    fn of(summary: &KeywordSummary) -> Self {
        Self {
            as_of: summary.as_of,
            rules: summary.tracked.then(|| summary.rules.clone()),
        }
    }
}

impl KeywordState {
    fn view(&mut self) -> Result<&mut KeywordView, StoreError> {
        match &mut self.view {
            Some(view) => Ok(view),
            empty => {
                let view = KeywordView::hydrate(&self.own.rows.of(&self.own.keyword))?;
                Ok(empty.insert(view))
            }
        }
    }

    fn fold(&mut self, records: &[KeywordEnvelope]) -> Result<(), StoreError> {
        self.view()?;
        let Self {
            own,
            view: Some(view),
            ..
        } = self
        else {
            return Ok(());
        };
        let was = Tracked::of(view.summary());
        let before = view.summary().ledger;
        if own.core.changes.wanting(&own.keyword).is_some() {
            view.start_recording();
        }
        let has_put = fold_batch(&own.core.fold, view, &own.rows, &own.keyword, records)?;
        let change = view.take_view_change();
        if !has_put {
            return Ok(());
        }
        // The delta is published after the rows are put, so that a GET after an update includes the
        // update.
        if let Some(sink) = own.core.changes.wanting(&own.keyword) {
            let unrecorded = || ViewChange::unrecorded(was.as_of, view.summary());
            sink.publish(&own.keyword, own.epoch, change.unwrap_or_else(unrecorded));
        }
        let is = Tracked::of(view.summary());
        if was.as_of == Sequence::ZERO || was.rules != is.rules {
            own.core.tracked_keywords.set(&own.keyword, is.rules);
        }
        let after = view.summary().ledger;
        let metrics = &own.core.metrics;
        metrics.journaled.inc_by(after.journaled - before.journaled);
        metrics.folded.inc_by(after.folded - before.folded);
        metrics.duplicate.inc_by(after.duplicate - before.duplicate);
        metrics.ignored.inc_by(after.ignored - before.ignored);
        metrics.rejected.inc_by(after.rejected - before.rejected);
        Ok(())
    }
}
