//! Decides when a shard's rows are committed, and counts its uncommitted events.
//!
//! A failed commit does not stop the shard: the rows stay in memory, and the commit is retried
//! after a pause. Folding continues until the limit of uncommitted events is reached.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorProcessingErr;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::causes::Waiting;
use super::core::Core;
use crate::events::{Checkpoint, Envelope, Sequence, ShardId};
use crate::store::{CommitFigures, RECOVER_EVERY, ShardRows, Store, StoreError, TimeIndex};
use crate::telemetry::whole;

/// Maximum number of uncommitted events, in multiples of `commit.events`.
const MAX_UNCOMMITTED_COMMITS: u64 = 8;

/// A shard that is more than `commit.events` behind the journal head is catching up. It commits by
/// time only after this many intervals: rows that change often are then written less often. After a
/// crash the shard folds the uncommitted records again.
const CATCHING_UP_INTERVALS: u32 = 5;

/// First pause before a failed commit is retried.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Maximum number of tries of the shard's last commit.
const LAST_TRIES: u32 = 2;

/// The commits of one shard: one at a time, on a thread apart from the folds.
pub(super) struct CommitPolicy {
    core: Core,
    store: Arc<Store>,
    shard: ShardId,
    rows: Arc<ShardRows>,
    /// Number of events after which a commit is due.
    events: u64,
    /// Time after which a commit is due.
    interval: Duration,
    times: TimeIndex,
    /// The journal head.
    head: watch::Receiver<Sequence>,
    /// The position on disk.
    committed: Checkpoint,
    /// Events folded since the last commit began.
    uncommitted: u64,
    last: Instant,
    running: Option<Running>,
    /// Deadline and pause of the next try, if the last commit failed.
    retry: Option<(Instant, Duration)>,
    /// Why the last commit failed.
    failure: Option<String>,
}

struct Running {
    position: Checkpoint,
    events: u64,
    began: Instant,
    done: oneshot::Receiver<Result<CommitFigures, StoreError>>,
}

/// The commit thread ended without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the thread that commits rows has ended")]
struct CommitterGone;

impl CommitPolicy {
    pub(super) fn new(
        core: Core,
        store: Arc<Store>,
        (shard, rows): (ShardId, Arc<ShardRows>),
        committed: Checkpoint,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            times: TimeIndex::resume(&rows)?,
            events: core.options.shard.commit_events,
            interval: core.options.shard.commit_interval,
            head: core.journal.head(),
            core,
            store,
            shard,
            rows,
            committed,
            uncommitted: 0,
            last: Instant::now(),
            running: None,
            retry: None,
            failure: None,
        })
    }

    /// Adds records to the time index of the shard, before they are folded.
    pub(super) fn received<'e>(&mut self, envelopes: impl IntoIterator<Item = &'e Envelope>) {
        for envelope in envelopes {
            self.times
                .add(&self.rows, envelope.sequence, envelope.received_at);
        }
    }

    /// Counts folded events.
    pub(crate) fn folded(&mut self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.uncommitted = self.uncommitted.saturating_add(count);
    }

    /// Starts a commit through `position` if one is due. Waits for the disk only when the limit of
    /// uncommitted events is reached.
    pub(super) async fn begin_if_due(
        &mut self,
        position: Checkpoint,
    ) -> Result<(), ActorProcessingErr> {
        self.settle_if_done()?;
        let catches_up = self.head.borrow().since(position.sequence) > self.events;
        let interval = if catches_up {
            self.interval.saturating_mul(CATCHING_UP_INTERVALS)
        } else {
            self.interval
        };
        let due = match self.retry {
            Some((next, _)) => Instant::now() >= next,
            None => {
                self.uncommitted >= self.events
                    || (self.is_dirty(position) && self.last.elapsed() >= interval)
            }
        };
        if due && self.running.is_none() {
            self.begin(position)?;
        }
        while self.is_full() && self.retry.is_none() {
            if self.running.is_none() {
                self.begin(position)?;
            }
            self.finish_running().await?;
        }
        Ok(())
    }

    /// True when the limit of uncommitted events is reached and commits fail: then no more events
    /// are folded.
    pub(super) fn holds_back(&self) -> bool {
        self.retry.is_some() && self.is_full()
    }

    fn is_full(&self) -> bool {
        self.in_memory_only() >= self.events.saturating_mul(MAX_UNCOMMITTED_COMMITS)
    }

    /// Commits everything through `position` before the shard ends. The error is the cause of the
    /// failure.
    pub(crate) async fn finish(&mut self, position: Checkpoint) -> Result<(), String> {
        let said = |error: &ActorProcessingErr| whole(error.as_ref()).to_string();
        self.finish_running().await.map_err(|error| said(&error))?;
        for _ in 0..LAST_TRIES {
            if !self.is_dirty(position) {
                break;
            }
            if self.retry.is_some() {
                // The store does not retry the disk before this time.
                tokio::time::sleep(RECOVER_EVERY).await;
            }
            self.begin(position)
                .map_err(|error| whole(&error).to_string())?;
            self.finish_running().await.map_err(|error| said(&error))?;
        }
        match &self.failure {
            Some(reason) if self.retry.is_some() => Err(reason.clone()),
            _ => Ok(()),
        }
    }

    /// True when there is something to commit. Rows can change at an unchanged position, for
    /// example those of a keyword that catches up.
    fn is_dirty(&self, position: Checkpoint) -> bool {
        position != self.committed || self.retry.is_some() || self.rows.has_pending()
    }

    /// Number of events whose rows are not known to be on disk.
    fn in_memory_only(&self) -> u64 {
        let running = self.running.as_ref().map_or(0, |running| running.events);
        self.uncommitted.saturating_add(running)
    }

    fn begin(&mut self, position: Checkpoint) -> Result<(), StoreError> {
        let record = self.store.record_at(position, self.times.received_at());
        let done = self.store.commit(self.shard, record)?;
        self.last = Instant::now();
        self.running = Some(Running {
            position,
            events: std::mem::take(&mut self.uncommitted),
            began: self.last,
            done,
        });
        Ok(())
    }

    /// Waits for the running commit, if there is one.
    async fn finish_running(&mut self) -> Result<(), ActorProcessingErr> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        let outcome = (&mut running.done).await.map_err(|_| CommitterGone)?;
        self.settle(&running, outcome)
    }

    /// Records the outcome of the running commit, if it has ended.
    fn settle_if_done(&mut self) -> Result<(), ActorProcessingErr> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        match running.done.try_recv() {
            Ok(outcome) => self.settle(&running, outcome),
            Err(TryRecvError::Empty) => {
                self.running = Some(running);
                Ok(())
            }
            Err(TryRecvError::Closed) => Err(CommitterGone.into()),
        }
    }

    fn settle(
        &mut self,
        running: &Running,
        outcome: Result<CommitFigures, StoreError>,
    ) -> Result<(), ActorProcessingErr> {
        match outcome {
            Ok(figures) => {
                self.committed = running.position;
                let rows = usize::try_from(figures.rows).unwrap_or(usize::MAX);
                let bytes = usize::try_from(figures.bytes).unwrap_or(usize::MAX);
                self.core
                    .metrics
                    .committed(running.began.elapsed(), rows, bytes);
                self.retry = None;
                self.failure = None;
                self.core.causes.goes_on(Waiting::Commit(self.shard));
                Ok(())
            }
            Err(error) if error.is_unwritten() => {
                let reason = whole(&error).to_string();
                self.core.causes.waits(Waiting::Commit(self.shard), &reason);
                self.failure = Some(reason);
                self.uncommitted = self.uncommitted.saturating_add(running.events);
                let pause = self.retry.map_or(FIRST_PAUSE, |(_, pause)| {
                    pause.saturating_mul(2).min(LONGEST_PAUSE)
                });
                self.retry = Some((Instant::now() + pause, pause));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::engine::options::Options;

    #[tokio::test]
    async fn commit_thread_that_ends_without_an_answer_is_a_failure() {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::of_test(data.path()));
        let shard = store.count().all().next().unwrap();
        let rows = Arc::clone(store.shard(shard).unwrap());
        let position = Checkpoint::start_of(store.parts().incarnation, Sequence::new(1));
        let options = Options::of_test(data.path());
        let core = Core::of_test(options);
        let mut commits = CommitPolicy::new(core, store, (shard, rows), position).unwrap();
        let (answer, done) = oneshot::channel();
        commits.running = Some(Running {
            position,
            events: 1,
            began: Instant::now(),
            done,
        });
        commits.begin_if_due(position).await.unwrap();
        drop(answer);
        let error = commits.begin_if_due(position).await.unwrap_err();
        assert!(error.downcast_ref::<CommitterGone>().is_some(), "{error}");
    }
}
