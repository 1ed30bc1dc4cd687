//! Joined answers in the making. They read many rows, so each is made by a task of its own, while
//! the feed actor serves the other topics.
//!
//! In: topics, and the round of snapshots that needs the answer. Out: the answers. The task of a
//! finished one signals [`FeedSignal::Serve`](super::signal::FeedSignal) to the feed actor, which
//! takes it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::context::FeedContext;
use crate::actors::live::polled::{PolledAnswer, PolledTopic};
use crate::events::Timestamp;
use crate::store::StoreError;

/// The joined answers of one feed. At most one answer of a topic is made at a time.
#[derive(Default)]
pub(super) struct Joins {
    running: Vec<Running>,
    finished: Arc<Mutex<Vec<FinishedJoin>>>,
    /// The number of the next answer.
    next: u64,
}

struct Running {
    number: u64,
    topic: PolledTopic,
    is_wanted_again: bool,
}

/// A joined answer that was made.
pub(super) struct FinishedJoin {
    number: u64,
    pub(super) topic: PolledTopic,
    /// The round of snapshots that the answer is for; `None` for a refresh.
    pub(super) round: Option<u64>,
    /// True when further subscribers asked for a snapshot after the answer was begun.
    pub(super) is_wanted_again: bool,
    pub(super) answer: Result<Option<PolledAnswer>, StoreError>,
    /// [`FeedContext::background_changes`] before the answer.
    pub(super) background: u64,
    pub(super) made: Instant,
    pub(super) cost: Duration,
}

impl Joins {
    /// Drops all answers, also those that are being made.
    pub(super) fn clear(&mut self) {
        self.running.clear();
        self.finished.lock().clear();
    }

    /// Begins to make the answer of a topic. If one is being made, its end says that snapshots are
    /// wanted again: it may be too old for the new subscribers.
    pub(super) fn start(
        &mut self,
        context: &FeedContext,
        topic: &PolledTopic,
        round: Option<u64>,
        now: Timestamp,
    ) {
        let mut running = self.running.iter_mut();
        if let Some(running) = running.find(|running| running.topic == *topic) {
            running.is_wanted_again |= round.is_some();
            return;
        }
        let number = self.next;
        self.next += 1;
        self.running.push(Running {
            number,
            topic: topic.clone(),
            is_wanted_again: false,
        });
        let (context, topic) = (context.clone(), topic.clone());
        let finished = Arc::clone(&self.finished);
        tokio::spawn(async move {
            let begun = Instant::now();
            let background = context.background_changes();
            let answer = context.polled(&topic, now).await;
            finished.lock().push(FinishedJoin {
                number,
                topic,
                round,
                is_wanted_again: false,
                answer,
                background,
                made: Instant::now(),
                cost: begun.elapsed(),
            });
            context.feed.serve_soon();
        });
    }

    /// Takes the finished answers, except those that were dropped meanwhile.
    pub(super) fn take_finished(&mut self) -> Vec<FinishedJoin> {
        let finished = std::mem::take(&mut *self.finished.lock());
        let known = finished.into_iter().filter_map(|mut finished| {
            let is_of = |running: &Running| running.number == finished.number;
            let index = self.running.iter().position(is_of)?;
            finished.is_wanted_again = self.running.swap_remove(index).is_wanted_again;
            Some(finished)
        });
        known.collect()
    }
}
