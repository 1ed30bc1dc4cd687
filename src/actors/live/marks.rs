//! Compares the mark that a client names with the journal, when no replay buffer has that mark.
//!
//! Clients that return at the same time name few positions, and each position is read once. The
//! number of pending checks is bounded: a further check fails, which costs the client a snapshot.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::subscriber::SubscriberSlot;
use crate::events::{RecordHash, Sequence};
use crate::journal::JournalHandle;

/// Maximum number of concurrent reads of the journal.
const MAX_READS: usize = 2;
/// Maximum number of pending checks.
const MAX_PENDING: usize = 1024;
/// Maximum number of cached hashes.
const MAX_REMEMBERED: usize = 1024;
/// Time limit for the journal's answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// The result of a check, once it is known.
pub(super) type MarkAnswer = Arc<OnceLock<bool>>;

/// The checks; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct MarkChecks(Arc<State>);

#[derive(Debug)]
struct State {
    journal: JournalHandle,
    reads: Semaphore,
    pending: AtomicUsize,
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    hashes: HashMap<Sequence, RecordHash>,
    /// Cached positions, the oldest first.
    order: VecDeque<Sequence>,
    /// Number of times that the cache was cleared.
    generation: u64,
}

impl MarkChecks {
    pub(super) fn new(journal: JournalHandle) -> Self {
        Self(Arc::new(State {
            journal,
            reads: Semaphore::new(MAX_READS),
            pending: AtomicUsize::new(0),
            remembered: Mutex::default(),
        }))
    }

    /// Checks whether the journal's record at `sequence` has this mark. The subscriber is notified
    /// of the result. A missing or unreachable record counts as a different mark.
    pub(super) fn ask(
        &self,
        sequence: Sequence,
        mark: RecordHash,
        subscriber: &Arc<SubscriberSlot>,
    ) -> MarkAnswer {
        let answer = MarkAnswer::default();
        if self.0.pending.fetch_add(1, Ordering::AcqRel) >= MAX_PENDING {
            self.0.pending.fetch_sub(1, Ordering::AcqRel);
            let _ = answer.set(false);
            return answer;
        }
        let (this, asked, subscriber) = (self.clone(), Arc::clone(&answer), Arc::clone(subscriber));
        tokio::spawn(async move {
            let hash = tokio::time::timeout(ANSWERS_WITHIN, this.hash_at(sequence)).await;
            let _ = asked.set(hash == Ok(Some(mark)));
            this.0.pending.fetch_sub(1, Ordering::AcqRel);
            subscriber.notify();
        });
        answer
    }

    /// Clears the cache: the journal may be another one now.
    pub(super) fn forget(&self) {
        let mut remembered = self.0.remembered.lock();
        *remembered = Remembered {
            generation: remembered.generation + 1,
            ..Remembered::default()
        };
    }

    async fn hash_at(&self, sequence: Sequence) -> Option<RecordHash> {
        let _permit = self.0.reads.acquire().await.ok()?;
        let generation = {
            let remembered = self.0.remembered.lock();
            if let Some(hash) = remembered.hashes.get(&sequence) {
                return Some(*hash);
            }
            remembered.generation
        };
        let hash = match self.0.journal.hash_at(sequence).await {
            Ok(hash) => hash?,
            Err(error) => {
                tracing::debug!(%error, %sequence, "the journal could not say what a position \
                    holds");
                return None;
            }
        };
        let mut remembered = self.0.remembered.lock();
        if remembered.generation == generation && remembered.hashes.insert(sequence, hash).is_none()
        {
            remembered.order.push_back(sequence);
            if remembered.order.len() > MAX_REMEMBERED
                && let Some(oldest) = remembered.order.pop_front()
            {
                remembered.hashes.remove(&oldest);
            }
        }
        Some(hash)
    }
}
