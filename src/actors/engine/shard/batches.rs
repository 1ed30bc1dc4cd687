//! How a shard folds its parts of batches, and commits.

use std::collections::HashMap;
use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::{ShardBatch, ShardMessage, ShardState};
use crate::actors::engine::batch_barrier::BatchBarrier;
use crate::actors::engine::causes::Waiting;
use crate::actors::engine::fold_batch::PartitionedBatch;
use crate::actors::engine::rejected_records;
use crate::actors::engine::residents::ResidentPermit;
use crate::events::{Envelope, Keyword, KeywordEnvelope};
use crate::store::KeptOpen;
use crate::telemetry::whole;

/// Lagging keywords that are let read on at a time, each a batch.
const MAX_READ_ON_KEYWORDS: usize = 8;

impl ShardState {
    async fn on_fold(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        part: ShardBatch,
        folded: oneshot::Sender<()>,
        open: KeptOpen,
    ) -> Result<(), ActorProcessingErr> {
        if part.end.sequence <= self.position.sequence {
            // The reader began at the position of a shard that was behind this one.
            let _ = folded.send(());
            return Ok(());
        }
        let began = std::time::Instant::now();
        let count = part.envelopes.len();
        let is_new = |envelope: &&Envelope| envelope.sequence > self.position.sequence;
        let oldest = part.envelopes.iter().find(is_new);
        let oldest = oldest.map(|envelope| envelope.received_at);
        let partitioned = PartitionedBatch::of(part.envelopes, self.position.sequence);
        let unaddressed = u64::try_from(partitioned.unaddressed.len()).unwrap_or(u64::MAX);
        self.rows
            .count_unaddressed(unaddressed, part.end.sequence)?;
        self.fold_all(myself, partitioned.records).await?;
        // A commit may have to open the database again, which waits for this guard.
        drop(open);
        self.position = part.end;
        self.own
            .core
            .progress
            .reach(self.own.shard, part.end.sequence);
        self.commits.folded(count);
        if let Some(oldest) = oldest {
            let core = &self.own.core;
            let lag = core.options.clock.now().millis() - oldest.millis();
            let lag = Duration::from_millis(u64::try_from(lag).unwrap_or(0));
            core.metrics.batch_folded(began.elapsed(), count, lag);
        }
        if self.commits.holds_back() {
            self.withheld.push(folded);
        } else {
            let _ = folded.send(());
        }
        self.commit_if_due().await
    }

    /// Sends every keyword its records, and waits until they are folded. Keywords take turns where
    /// fewer actors may be in memory than keywords have records.
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
                // It counts as tracked from now on, however long its fold takes.
                self.own.core.tracked_keywords.set(&keyword, true);
            }
            let actor = match self.residents.take_up(&keyword) {
                Some(actor) => actor,
                None => {
                    let permit = self.permit(&mut barrier, &mut began).await?;
                    self.spawn(myself, &keyword, permit).await?
                }
            };
            actor.fold(records, barrier.ticket(keyword));
        }
        self.finish_barrier(barrier).await
    }

    /// Room for one more keyword actor, for which an idle one ends if need be. Where none is idle,
    /// those that fold this batch finish first; `began` is the use after which an actor counts as
    /// one of them.
    async fn permit(
        &mut self,
        barrier: &mut BatchBarrier,
        began: &mut u64,
    ) -> Result<ResidentPermit, ActorProcessingErr> {
        if let Some(permit) = self.residents.try_room() {
            return Ok(permit);
        }
        if !self.residents.end_longest_unused(*began) {
            self.finish_barrier(std::mem::take(barrier)).await?;
            *began = self.residents.now();
            self.residents.end_longest_unused(*began);
        }
        self.residents.room().await
    }

    /// Waits until all keywords have folded their parts, and marks those that failed as lagging.
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

    /// Commits if a commit is due. Lets the reader and lagging keywords read on unless too much is
    /// uncommitted.
    pub(super) async fn commit_if_due(&mut self) -> Result<(), ActorProcessingErr> {
        self.commits.begin_if_due(self.position).await?;
        if !self.commits.holds_back() {
            for folded in self.withheld.drain(..) {
                let _ = folded.send(());
            }
            // A few at a time, since each may put a batch of rows before it is counted. The rest
            // follow when these have read on, or with the next tick.
            for _ in 0..MAX_READ_ON_KEYWORDS {
                let Some(keyword) = self.to_read_on.pop_first() else {
                    break;
                };
                if let Some(actor) = self.residents.take_up(&keyword) {
                    actor.catch_up();
                }
            }
        }
        Ok(())
    }

    /// Folds the waiting parts, in order, as far as their rejected records can be kept in the
    /// rejected log.
    pub(super) async fn fold_waiting(
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
}
