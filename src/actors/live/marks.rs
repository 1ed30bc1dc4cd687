//! Whether the mark that a client names is that of this journal: asked of the journal where no
//! replay buffer remembers it.
//!
//! Clients that come back all at once ask about few positions, and each is read once. How many
//! questions wait is bounded: one more counts as if the mark were another journal's, which costs
//! its client a snapshot.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::subscriber::Subscriber;
use crate::events::{RecordHash, Sequence};
use crate::journal::JournalHandle;

/// So many positions are read of the journal at a time.
const MAX_READS: usize = 2;
/// So many questions may wait.
const MAX_QUESTIONS: usize = 1024;
/// So many answers are remembered.
const MAX_REMEMBERED: usize = 1024;
/// A journal that does not answer for so long is out of reach.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// The answer to a question about a mark, once it is there.
pub(super) type MarkAnswer = Arc<OnceLock<bool>>;

/// What asks the journal; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct MarkChecks(Arc<State>);

#[derive(Debug)]
struct State {
    journal: JournalHandle,
    reads: Semaphore,
    questions: AtomicUsize,
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    hashes: HashMap<Sequence, RecordHash>,
    /// The oldest first.
    order: VecDeque<Sequence>,
    /// Counts how often all was forgotten.
    generation: u64,
}

impl MarkChecks {
    pub(super) fn new(journal: JournalHandle) -> Self {
        Self(Arc::new(State {
            journal,
            reads: Semaphore::new(MAX_READS),
            questions: AtomicUsize::new(0),
            remembered: Mutex::default(),
        }))
    }

    /// Asks whether the journal's record at `sequence` has this mark. The subscriber is told when
    /// the answer is there. A record that is missing, or out of reach, has another one.
    pub(super) fn ask(
        &self,
        sequence: Sequence,
        mark: RecordHash,
        subscriber: &Arc<Subscriber>,
    ) -> MarkAnswer {
        let verdict = MarkAnswer::default();
        if self.0.questions.fetch_add(1, Ordering::AcqRel) >= MAX_QUESTIONS {
            self.0.questions.fetch_sub(1, Ordering::AcqRel);
            let _ = verdict.set(false);
            return verdict;
        }
        let (this, asked, subscriber) =
            (self.clone(), Arc::clone(&verdict), Arc::clone(subscriber));
        tokio::spawn(async move {
            let hash = tokio::time::timeout(ANSWERS_WITHIN, this.hash_at(sequence)).await;
            let _ = asked.set(hash == Ok(Some(mark)));
            this.0.questions.fetch_sub(1, Ordering::AcqRel);
            subscriber.tell();
        });
        verdict
    }

    /// Forgets what the journal said: it may be another one now.
    pub(super) fn forget(&self) {
        let mut remembered = self.remembered();
        *remembered = Remembered {
            generation: remembered.generation + 1,
            ..Remembered::default()
        };
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        let remembered = self.0.remembered.lock();
        remembered.unwrap_or_else(PoisonError::into_inner)
    }

    async fn hash_at(&self, sequence: Sequence) -> Option<RecordHash> {
        let _permit = self.0.reads.acquire().await.ok()?;
        let generation = {
            let remembered = self.remembered();
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
        let mut remembered = self.remembered();
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
