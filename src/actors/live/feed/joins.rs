//! Joined answers in the making. They read many rows, so each is made by a task of its own, while
//! the feed actor serves the other topics.
//!
//! In: topics, and the round of snapshots that needs the answer. Out: the answers. The task of a
//! finished answer signals [`FeedSignal::Serve`](super::signal::FeedSignal) to the feed actor,
//! which takes the answer.
//!
//! A task first waits for a permit, which all feeds share. Then it reads the clock and begins, so
//! neither the time nor the cost of the answer includes the wait. A task ends early when its answer
//! is dropped, when its topic has no subscriber left, or when the feed actor ends.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::context::FeedContext;
use super::shared::Feed;
use crate::actors::live::polled::{PolledAnswer, PolledTopic};
use crate::actors::live::topic::Topic;
use crate::projections::Meter;
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
    _work: Work,
}

/// The work on one answer. The work ends when this value is dropped: at once while it waits for a
/// permit, and at the next row while it reads the views.
struct Work {
    task: AbortHandle,
    meter: Meter,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.task.abort();
        self.meter.abandon();
    }
}

/// A joined answer that is finished: its task has made it, and the feed actor has not taken it.
pub(super) struct FinishedJoin {
    number: u64,
    pub(super) topic: PolledTopic,
    /// The round of snapshots that the answer is for; `None` for a refresh.
    pub(super) round: Option<u64>,
    /// True when further subscribers asked for a snapshot after the answer was begun.
    pub(super) is_wanted_again: bool,
    pub(super) answer: MadeAnswer,
    pub(super) making: Making,
}

/// The answer of a polled topic; `None` when the keyword is not tracked.
type MadeAnswer = Result<Option<PolledAnswer>, StoreError>;

/// How an answer was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Making {
    /// The value of [`FeedContext::background_changes`] before the answer was begun.
    pub(super) background: u64,
    pub(super) made: Instant,
    /// The time that making the answer took, without waits for other answers.
    pub(super) cost: Duration,
}

impl Joins {
    /// Drops all answers, and ends the work on unfinished ones.
    pub(super) fn clear(&mut self) {
        self.running.clear();
        self.finished.lock().clear();
    }

    /// Ends the work on answers whose topics have no subscribers.
    pub(super) fn forget_unsubscribed(&mut self, feed: &Feed) {
        self.running
            .retain(|running| !feed.drop_unsubscribed(&Topic::Polled(running.topic.clone())));
    }

    /// Begins to make the answer of a topic. If an answer of the topic is being made already, that
    /// answer may be too old for new subscribers: it is then marked with `is_wanted_again`.
    pub(super) fn start(&mut self, context: &FeedContext, topic: &PolledTopic, round: Option<u64>) {
        let mut running = self.running.iter_mut();
        if let Some(running) = running.find(|running| running.topic == *topic) {
            running.is_wanted_again |= round.is_some();
            return;
        }
        let number = self.next;
        self.next += 1;
        let meter = Meter::default();
        let making = make(context.clone(), topic.clone(), meter.clone());
        let (of, feed) = (topic.clone(), Arc::clone(&context.feed));
        let finished = Arc::clone(&self.finished);
        let task = tokio::spawn(async move {
            let (answer, making) = making.await;
            finished.lock().push(FinishedJoin {
                number,
                topic: of,
                round,
                is_wanted_again: false,
                answer,
                making,
            });
            feed.serve_soon();
        });
        self.running.push(Running {
            number,
            topic: topic.clone(),
            is_wanted_again: false,
            _work: Work {
                task: task.abort_handle(),
                meter,
            },
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

/// Makes an answer as soon as there is a permit for it.
async fn make(context: FeedContext, topic: PolledTopic, meter: Meter) -> (MadeAnswer, Making) {
    let permit = context.joined_permit().await;
    let (begun, now) = (Instant::now(), context.source.clock.now());
    let background = context.background_changes();
    let answer = context.joined(&topic, now, (permit, meter)).await;
    let making = Making {
        background,
        made: Instant::now(),
        cost: begun.elapsed(),
    };
    (answer, making)
}

#[cfg(test)]
mod tests;
