//! The reader actor.
//!
//! Owns the position at which the engine reads the journal. In: batches of the journal. Out: to
//! every shard its events and the end of the batch; shards without events get the end too, so that
//! their positions advance. Waits for the shards with at most two batches in flight, because
//! mailboxes are unbounded. Fails when the journal cannot be read or a shard has ended; the root
//! then restarts all of them.

use std::collections::{HashMap, VecDeque};

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::sync::oneshot;

use super::core::Core;
use super::shard::{ShardBatch, ShardHandle};
use crate::events::{Envelope, Incarnation, Keyword, Sequence, ShardCount, ShardId, Token};
use crate::journal::{Batch, JournalError, JournalReader, Selection};
use crate::telemetry::CountedActor;

/// Maximum number of batches in flight.
const MAX_BATCHES_IN_FLIGHT: usize = 2;
/// Maximum number of keywords in the cache of shards; the cache is cleared beyond it.
const MAX_KNOWN_KEYWORDS: usize = 200_000;

/// Access to the reader, for the root.
#[derive(Debug, Clone)]
pub(super) struct ReaderHandle(ActorRef<ReaderMessage>);

impl ReaderHandle {
    pub(in crate::actors) async fn spawn(
        arguments: ReaderArguments,
        supervisor: ActorCell,
    ) -> Result<Self, SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, ReaderActor, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    pub(super) fn cell(&self) -> ActorCell {
        self.0.get_cell()
    }
}

/// Messages of the reader.
pub(super) enum ReaderMessage {
    /// Read the next batch and send it to the shards.
    Read,
}

/// Arguments of the reader.
pub(super) struct ReaderArguments {
    pub(super) core: Core,
    /// The journal for which the views were opened.
    pub(crate) incarnation: Incarnation,
    /// The position to read from: the lowest position of the shards.
    pub(crate) after: Sequence,
    /// All shards, in shard order.
    pub(crate) shards: Vec<(ShardId, ShardHandle)>,
}

pub(super) struct ReaderState {
    own: ReaderArguments,
    count: ShardCount,
    reader: Box<dyn JournalReader>,
    /// Cache of the shards of keywords that have occurred.
    known: HashMap<Keyword, ShardId>,
    in_flight: VecDeque<Vec<oneshot::Receiver<()>>>,
    _alive: CountedActor,
}

struct ReaderActor;

impl Actor for ReaderActor {
    type Msg = ReaderMessage;
    type State = ReaderState;
    type Arguments = ReaderArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<ReaderMessage>,
        own: ReaderArguments,
    ) -> Result<ReaderState, ActorProcessingErr> {
        let reader = own.core.journal.read(own.after, Selection::All).await?;
        // The journal may have been created again since the views were opened.
        if own.core.journal.incarnation() != own.incarnation {
            let what = "it was created again while the views were being opened".into();
            return Err(JournalError::Changed { what, read: None }.into());
        }
        myself.cast(ReaderMessage::Read)?;
        Ok(ReaderState {
            count: own.core.journal.shards(),
            reader,
            known: HashMap::new(),
            in_flight: VecDeque::new(),
            _alive: own.core.metrics.actor_alive("reader"),
            own,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<ReaderMessage>,
        message: ReaderMessage,
        state: &mut ReaderState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ReaderMessage::Read => state.on_read().await?,
        }
        myself.cast(ReaderMessage::Read)?;
        Ok(())
    }
}

impl ReaderState {
    async fn on_read(&mut self) -> Result<(), ActorProcessingErr> {
        let batch = self
            .reader
            .next(self.own.core.options.batch_records)
            .await?;
        for missing in &batch.missing {
            tracing::error!(
                from = missing.start(),
                to = missing.end(),
                "the journal has no records at these positions; folding continues after them"
            );
            let count = missing
                .end()
                .saturating_sub(*missing.start())
                .saturating_add(1);
            self.own.core.metrics.journal_missing.inc_by(count);
        }
        while self.in_flight.len() >= MAX_BATCHES_IN_FLIGHT {
            self.finish_oldest().await?;
        }
        self.send_on(batch);
        Ok(())
    }

    fn send_on(&mut self, batch: Batch) {
        let end = batch.checkpoint(self.own.incarnation);
        let mut shares: Vec<Vec<Envelope>> = Vec::new();
        shares.resize_with(self.own.shards.len(), Vec::new);
        for envelope in batch.envelopes {
            let shard = self.shard_of(&envelope);
            if let Some(share) = shares.get_mut(shard.index()) {
                share.push(envelope);
            }
        }
        let send_on = |((_, shard), envelopes): (&(ShardId, ShardHandle), _)| {
            shard.fold(ShardBatch { envelopes, end })
        };
        let answers = self.own.shards.iter().zip(shares).map(send_on).collect();
        self.in_flight.push_back(answers);
    }

    /// The shard of an envelope. Cached per keyword, because keywords are few and records many.
    fn shard_of(&mut self, envelope: &Envelope) -> ShardId {
        let Some(keyword) = envelope.keyword() else {
            return self.count.of_unaddressed();
        };
        if let Some(shard) = self.known.get(keyword) {
            return *shard;
        }
        let shard = self.count.shard_of(Token::of(keyword).as_str().as_bytes());
        if self.known.len() >= MAX_KNOWN_KEYWORDS {
            self.known.clear();
        }
        self.known.insert(keyword.clone(), shard);
        shard
    }

    async fn finish_oldest(&mut self) -> Result<(), ActorProcessingErr> {
        for answer in self.in_flight.pop_front().into_iter().flatten() {
            answer.await.map_err(|_| "a shard has ended")?;
        }
        Ok(())
    }
}
