//! How a shard folds its parts of batches and commits them.

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
use crate::events::{Envelope, Keyword, KeywordEnvelope, KeywordRules};
use crate::store::KeptOpen;
use crate::telemetry::whole;

/// Maximum number of lagging keywords that read on at a time, one batch each.
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
            // The batch is folded already: the reader began at the lower position of another shard.
            let _ = folded.send(());
            return Ok(());
        }
        let began = std::time::Instant::now();
        let count = part.envelopes.len();
        let is_new = |envelope: &&Envelope| envelope.sequence > self.position.sequence;
        let oldest = part.envelopes.iter().find(is_new);
        let oldest = oldest.map(|envelope| envelope.received_at);
        self.commits.received(part.envelopes.iter().filter(is_new));
        let partitioned = PartitionedBatch::of(part.envelopes, self.position.sequence);
        let unaddressed = u64::try_from(partitioned.unaddressed.len()).unwrap_or(u64::MAX);
        self.rows
            .count_unaddressed(unaddressed, part.end.sequence)?;
        self.fold_all(myself, partitioned.records).await?;
        // A commit may reopen the database, which waits for this guard.
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

    /// Sends every keyword its records, and waits until they are folded. If memory allows fewer
    /// actors than keywords have records, the keywords take turns. A keyword whose fold takes long
    /// lags instead.
    async fn fold_all(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        records: HashMap<Keyword, Vec<KeywordEnvelope>>,
    ) -> Result<(), ActorProcessingErr> {
        let mut barrier = BatchBarrier::default();
        let mut began = self.residents.now();
        let mut to_lag = Vec::new();
        for (keyword, records) in records {
            if self.lagging.contains(&keyword) {
                continue;
            }
            if self.takes_long(&keyword, &records)? {
                to_lag.push(keyword);
                continue;
            }
            if !self.residents.contains(&keyword) && !self.has_folded(&keyword)? {
                // The keyword counts as tracked from now on, however long its fold takes.
                let rules = Some(KeywordRules::default());
                self.own.core.tracked_keywords.set(&keyword, rules);
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
        self.finish_barrier(barrier).await?;
        for keyword in to_lag {
            self.lag(myself, &keyword).await?;
        }
        Ok(())
    }

    /// A permit for one more keyword actor; if none is free, an idle actor is ended. If no actor is
    /// idle, the actors that fold this batch finish first: those used at `began` or later.
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
                // The rows cannot be read, so no keyword of this shard can continue.
                return Err(error.into());
            }
            let position = self.position.sequence;
            self.lagging.fall_behind(&failure.keyword, position)?;
            self.residents.falls_behind(&failure.keyword);
        }
        Ok(())
    }

    /// Commits if a commit is due. Lets the reader and lagging keywords read on, unless too much is
    /// uncommitted.
    pub(super) async fn commit_if_due(&mut self) -> Result<(), ActorProcessingErr> {
        self.commits.begin_if_due(self.position).await?;
        if !self.commits.holds_back() {
            for folded in self.withheld.drain(..) {
                let _ = folded.send(());
            }
            // Only a few keywords read at a time, because each may put the rows of a whole batch
            // before the shard counts them. The next call continues with the other keywords.
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

    /// Folds the waiting parts in order, as far as their rejected records can be written to the
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
                // The commit that failed and waits for its retry has reported the reason.
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
