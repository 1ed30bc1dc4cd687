//! Whole answers: made anew for all subscribers, at most once a second, and for those who begin.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use ractor::{ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use super::actor::{FeedMessage, FeedState};
use super::replay_buffer::Update;
use super::shared::{Feed, FeedPhase};
use crate::actors::live::budget::LiveCharge;
use crate::actors::live::encoder::PolledAnswer;
use crate::actors::live::message::{Message, Position, bytes_of};
use crate::actors::live::topic::Topic;
use crate::events::Timestamp;
use crate::store::StoreError;

/// Whole answers are made at most so often.
const EVERY: Duration = Duration::from_secs(1);
/// What takes long is made less often: after making it, at least so many times as long passes.
const PAUSE_PER_COST: u32 = 4;

/// The polled answers that have subscribers.
#[derive(Default)]
pub(super) struct PolledTopics {
    held: Vec<Held>,
    /// The earliest moment at which they are made again for all.
    next: Option<Instant>,
    is_due: bool,
}

/// One answer.
struct Held {
    topic: Topic,
    /// Where its subscribers stand. Who has begun since may be ahead.
    position: Position,
    current: Option<Range<Timestamp>>,
    /// The last one that was made.
    last: Arc<PolledAnswer>,
    made: Instant,
    cost: Duration,
    /// For the last one, which takes about what its lines do.
    charge: LiveCharge,
}

/// Where a snapshot stands, the readings of the clock for which it is current, and its lines.
type WholeSnapshot = (Position, Option<Range<Timestamp>>, Vec<Message>);

impl Held {
    /// It can be handed out again: it is of all keywords, making it again now would take too much
    /// of the time, and the clock has not left its window. An answer of one keyword takes little to
    /// make, and is as it was when it was asked for.
    fn is_still_good(&self, now: Timestamp) -> bool {
        let current = self.last.current.as_ref();
        self.topic.is_of_all()
            && self.made.elapsed() < self.cost.saturating_mul(PAUSE_PER_COST)
            && current.is_none_or(|current| current.contains(&now))
    }
}

impl PolledTopics {
    pub(super) fn forget_unsubscribed(&mut self, feed: &Feed) {
        self.held
            .retain(|held| !feed.drop_unsubscribed(&held.topic));
    }
}

impl FeedState {
    /// Whole answers are made at once when none was for a second, else when it is over.
    pub(super) fn answer_soon(
        &mut self,
        myself: &ActorRef<FeedMessage>,
    ) -> Result<(), ActorProcessingErr> {
        let answers = &mut self.answers;
        if answers.held.is_empty() || std::mem::replace(&mut answers.is_due, true) {
            return Ok(());
        }
        let now = Instant::now();
        match answers.next.filter(|next| *next > now) {
            None => myself.cast(FeedMessage::Answer)?,
            Some(next) => {
                myself.send_after(next - now, || FeedMessage::Answer);
            }
        }
        Ok(())
    }

    pub(super) async fn on_answer(
        &mut self,
        myself: &ActorRef<FeedMessage>,
    ) -> Result<(), ActorProcessingErr> {
        let Self { own, answers, .. } = self;
        answers.is_due = false;
        let feed = &own.feed;
        answers.forget_unsubscribed(feed);
        if !matches!(feed.life(), FeedPhase::Hot(_)) || answers.held.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let now = own.clock.now();
        for held in &mut answers.held {
            if feed.keyword().is_none() && !own.has_moved(held.position, held.current.as_ref(), now)
            {
                continue;
            }
            let begun = Instant::now();
            let Some(whole) = own.whole(&held.topic, now).await? else {
                continue;
            };
            let Position {
                epoch, seq: prev, ..
            } = held.position;
            let Position { seq, .. } = whole.position;
            if whole.position.epoch != epoch || (seq <= prev && whole.current == held.current) {
                continue;
            }
            let whole = Arc::new(whole);
            let lines: Arc<[Message]> = own.encode(&whole, Some(prev)).await?.into();
            held.charge.set(bytes_of(&lines));
            feed.push(&held.topic, Update { prev, seq, lines });
            held.position = whole.position;
            held.current = whole.current.clone();
            held.last = whole;
            held.made = Instant::now();
            held.cost = begun.elapsed();
        }
        feed.deliver().await;
        let pause = EVERY.max(began.elapsed().saturating_mul(PAUSE_PER_COST));
        answers.next = Some(Instant::now() + pause);
        if self.own.feed.keyword().is_none() {
            self.answer_soon(myself)?;
        }
        Ok(())
    }

    /// The whole answer of a topic for those who begin with it: as it is now, unless it is of all
    /// keywords, takes long to make, and was made a moment ago. Existing subscribers are not told.
    pub(super) async fn whole_snapshot(
        &mut self,
        at: Position,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<Option<WholeSnapshot>, StoreError> {
        let place = self
            .answers
            .held
            .iter()
            .position(|held| held.topic == *topic);
        let held = place.and_then(|place| self.answers.held.get(place));
        if let Some(held) = held.filter(|held| held.is_still_good(now)) {
            let last = Arc::clone(&held.last);
            let lines = self.own.encode(&last, None).await?;
            return Ok(Some((last.position, last.current.clone(), lines)));
        }
        let begun = Instant::now();
        let whole = self.own.whole(topic, now).await?;
        let Some(last) = whole.filter(|whole| whole.position.epoch == at.epoch) else {
            return Ok(None);
        };
        let (made, cost) = (Instant::now(), begun.elapsed());
        let last = Arc::new(last);
        let lines = self.own.encode(&last, None).await?;
        let bytes = bytes_of(&lines);
        let snapshot = (last.position, last.current.clone(), lines);
        let held = place.and_then(|place| self.answers.held.get_mut(place));
        match held {
            Some(held) => {
                held.last = last;
                held.made = made;
                held.cost = cost;
                held.charge.set(bytes);
            }
            None => self.answers.held.push(Held {
                topic: topic.clone(),
                position: last.position,
                current: last.current.clone(),
                last,
                made,
                cost,
                charge: self.own.budget.charge(bytes),
            }),
        }
        Ok(Some(snapshot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::live::budget::LiveBudget;
    use crate::events::Sequence;
    use crate::projections::overview::Window;
    use crate::store::Epoch;
    use crate::telemetry::Metrics;

    #[test]
    fn only_answers_of_all_keywords_are_reused() {
        let budget = LiveBudget::new(1_000, Metrics::new());
        let epoch: Epoch = "00000000000000ff".parse().unwrap();
        let held = |topic, current| {
            let position = Position::of_all(epoch, Sequence::new(1));
            let encode = Box::new(|_| Vec::new());
            Held {
                topic,
                position,
                current: None,
                last: Arc::new(PolledAnswer {
                    position,
                    current,
                    encode,
                }),
                made: Instant::now(),
                cost: Duration::from_secs(3_600),
                charge: budget.charge(1),
            }
        };
        let now = Timestamp::from_millis(5_000);
        let earlier = Timestamp::from_millis(4_000)..now;
        let overview = Topic::Overview(Window::Day);
        assert!(held(overview.clone(), None).is_still_good(now));
        assert!(!held(overview, Some(earlier)).is_still_good(now));
        assert!(!held(Topic::Ledger, None).is_still_good(now));
    }
}
