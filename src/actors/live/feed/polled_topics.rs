//! Polled topics. Their whole answer is made for all subscribers at most once a second, and for
//! each new subscriber.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::context::FeedContext;
use super::joins::{FinishedJoin, Joins};
use super::phase::FeedPhase;
use super::replay_buffer::Update;
use super::shared::Feed;
use crate::actors::live::budget::LiveCharge;
use crate::actors::live::message::{Message, Position, bytes_of};
use crate::actors::live::polled::{PolledAnswer, PolledTopic};
use crate::actors::live::topic::Topic;
use crate::events::Timestamp;
use crate::store::StoreError;

/// Pause before unreadable views are read again.
const RETRY: Duration = Duration::from_millis(100);
/// Minimum time between two refreshes.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after a refresh, as a multiple of the duration of the refresh.
const PAUSE_PER_COST: u32 = 4;
/// The pause before a joined answer is made again, as a multiple of its cost. Other keywords change
/// it all the time, and each feed of a keyword makes its own answer.
const JOINED_PAUSE_PER_COST: u32 = 20;

/// The polled topics that have subscribers.
#[derive(Default)]
pub(super) struct PolledTopics {
    held: Vec<Held>,
    /// The earliest time of the next refresh.
    next: Option<Instant>,
    is_scheduled: bool,
    joins: Joins,
}

/// One topic.
struct Held {
    topic: PolledTopic,
    /// Position of the latest update. Later subscribers may be ahead of it.
    position: Position,
    current: Option<Range<Timestamp>>,
    /// The last answer.
    last: Arc<PolledAnswer>,
    /// The answer of the latest update, or the first one.
    pushed: Arc<PolledAnswer>,
    /// True when a snapshot since that update had another answer, which its subscriber holds.
    is_pushed_outdated: bool,
    /// [`FeedContext::background_changes`] before that answer.
    background: u64,
    made: Instant,
    cost: Duration,
    /// The charge for the last answer; it is about as large as its messages.
    charge: LiveCharge,
}

/// How an answer was made.
struct Making {
    /// [`FeedContext::background_changes`] before the answer.
    background: u64,
    made: Instant,
    cost: Duration,
}

/// Position, period of validity by the clock, and messages of a snapshot.
type PolledSnapshot = (Position, Option<Range<Timestamp>>, Vec<Message>);

impl Held {
    /// True when the last answer can be reused although it may be a moment old: it is over all
    /// keywords, a refresh now would cost too much time, and the time is within its window.
    fn is_still_good(&self, now: Timestamp) -> bool {
        let current = self.last.current.as_ref();
        self.topic.is_of_all()
            && self.made.elapsed() < self.cost.saturating_mul(PAUSE_PER_COST)
            && current.is_none_or(|current| current.contains(&now))
    }

    /// True when the last answer is that of now: it is about one keyword alone, whose rows have not
    /// changed since, and the time is within its window.
    async fn is_unchanged(
        &self,
        context: &FeedContext,
        (at, now): (Position, Timestamp),
    ) -> Result<bool, StoreError> {
        let (last, topic) = (&self.last, &self.topic);
        let current = last.current.as_ref();
        let is_possible = !topic.is_of_all()
            && !topic.is_joined()
            && last.position.epoch == at.epoch
            && current.is_none_or(|current| current.contains(&now));
        Ok(is_possible && context.position().await? == Some(last.position))
    }

    /// True when the answer may have changed and is to be made again now. A joined answer waits for
    /// its pause and for a free thread; the next refresh looks at it again.
    fn is_due(&self, context: &FeedContext, now: Timestamp) -> bool {
        let has_moved = context.has_moved(self.position, self.current.as_ref(), now);
        if !self.topic.is_joined() {
            return has_moved;
        }
        (has_moved || context.background_changes() != self.background)
            && self.made.elapsed() >= self.cost.saturating_mul(JOINED_PAUSE_PER_COST)
            && context.can_join()
    }
}

impl PolledTopics {
    /// Drops all answers. A scheduled refresh stays scheduled.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.joins.clear();
    }

    pub(super) fn forget_unsubscribed(&mut self, feed: &Feed) {
        self.held
            .retain(|held| !feed.drop_unsubscribed(&Topic::Polled(held.topic.clone())));
    }

    /// True when other keywords can change an answer. The feed gets no delta of theirs, so it looks
    /// again after a pause.
    pub(super) fn are_joined(&self) -> bool {
        self.held.iter().any(|held| held.topic.is_joined())
    }

    /// The earliest time after `now` at which an answer changes without any event. `None` when no
    /// answer depends on the time.
    pub(super) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let current = self.held.iter().filter_map(|held| held.current.as_ref());
        let ends = current.map(|current| current.end);
        ends.filter(|end| *end > now).min()
    }

    /// True when the clock has left the window of an answer that subscribers hold.
    pub(super) fn are_over(&self, now: Timestamp) -> bool {
        let mut current = self.held.iter().filter_map(|held| held.current.as_ref());
        current.any(|current| !current.contains(&now))
    }

    /// The wait before the next [refresh](Self::refresh); `None` when there is no topic, or when a
    /// refresh is scheduled already.
    pub(super) fn schedule_refresh(&mut self) -> Option<Duration> {
        if self.held.is_empty() || std::mem::replace(&mut self.is_scheduled, true) {
            return None;
        }
        let next = self.next.unwrap_or_else(Instant::now);
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Makes all answers again and pushes changed ones. Joined answers are begun, and pushed by
    /// [`PolledTopics::take`]. False when no topic has subscribers.
    ///
    /// # Errors
    /// The [`StoreError`] of the first topic that failed; the other topics were refreshed. The next
    /// refresh is then due soon, unless the shown views cannot answer the topic.
    pub(super) async fn refresh(
        &mut self,
        context: &FeedContext,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.is_scheduled = false;
        let feed = &context.feed;
        self.forget_unsubscribed(feed);
        if !matches!(feed.phase(), FeedPhase::Hot(_)) || self.held.is_empty() {
            return Ok(false);
        }
        let began = Instant::now();
        let mut failure = None;
        for held in &mut self.held {
            if !held.is_due(context, now) {
                continue;
            }
            if held.topic.is_joined() {
                self.joins.start(context, &held.topic, None, now);
                continue;
            }
            // A failure of one topic does not stop the others.
            if let Err(error) = held.refresh(context, now).await {
                failure = failure.or(Some(error));
            }
        }
        let least = match &failure {
            Some(error) if !error.is_not_kept() => RETRY,
            _ => MIN_INTERVAL,
        };
        let pause = least.max(began.elapsed().saturating_mul(PAUSE_PER_COST));
        self.next = Some(Instant::now() + pause);
        failure.map_or(Ok(true), Err)
    }

    /// Begins to make the joined answer of a topic, for the present round of snapshots.
    pub(super) fn start_join(
        &mut self,
        context: &FeedContext,
        topic: &PolledTopic,
        now: Timestamp,
    ) {
        let round = context.feed.round_of(&Topic::Polled(topic.clone()));
        if round.is_some() {
            self.joins.start(context, topic, round, now);
        }
    }

    /// Takes the joined answers that were made.
    pub(super) fn take_finished(&mut self) -> Vec<FinishedJoin> {
        self.joins.take_finished()
    }

    /// Takes a joined answer: pushes it if it changed, or returns it for a snapshot. `None` when
    /// there is no answer in the epoch of `at`.
    ///
    /// # Errors
    /// The error of the query.
    pub(super) async fn take(
        &mut self,
        context: &FeedContext,
        at: Position,
        join: FinishedJoin,
    ) -> Result<Option<PolledSnapshot>, StoreError> {
        let Some(answer) = join.answer?.filter(|one| one.position.epoch == at.epoch) else {
            return Ok(None);
        };
        let making = Making {
            background: join.background,
            made: join.made,
            cost: join.cost,
        };
        if join.round.is_some() {
            let snapshot = self.give_out(context, &join.topic, answer, making).await?;
            return Ok(Some(snapshot));
        }
        let mut held = self.held.iter_mut();
        if let Some(held) = held.find(|held| held.topic == join.topic) {
            held.take(context, answer, making).await?;
        }
        Ok(None)
    }

    /// The whole answer of a topic for new subscribers. It is current, except that an expensive
    /// answer over all keywords may be a moment old. Nothing is pushed to other subscribers.
    pub(super) async fn snapshot(
        &mut self,
        context: &FeedContext,
        topic: &PolledTopic,
        (at, now): (Position, Timestamp),
    ) -> Result<Option<PolledSnapshot>, StoreError> {
        let index = self.held.iter().position(|held| held.topic == *topic);
        let held = index.and_then(|index| self.held.get(index));
        if let Some(held) = held
            && (held.is_still_good(now) || held.is_unchanged(context, (at, now)).await?)
        {
            let last = Arc::clone(&held.last);
            let messages = context.encode(topic, &last, None).await?;
            return Ok(Some((last.position, last.current.clone(), messages)));
        }
        let begun = Instant::now();
        let background = context.background_changes();
        let answer = context.polled(topic, now).await?;
        let Some(answer) = answer.filter(|answer| answer.position.epoch == at.epoch) else {
            return Ok(None);
        };
        let making = Making {
            background,
            made: Instant::now(),
            cost: begun.elapsed(),
        };
        let snapshot = self.give_out(context, topic, answer, making).await?;
        Ok(Some(snapshot))
    }

    /// Holds an answer that new subscribers get.
    async fn give_out(
        &mut self,
        context: &FeedContext,
        topic: &PolledTopic,
        answer: PolledAnswer,
        making: Making,
    ) -> Result<PolledSnapshot, StoreError> {
        let last = Arc::new(answer);
        let messages = context.encode(topic, &last, None).await?;
        let bytes = bytes_of(&messages);
        let snapshot = (last.position, last.current.clone(), messages);
        let mut held = self.held.iter_mut();
        match held.find(|held| held.topic == *topic) {
            Some(held) => {
                held.give_out(last);
                held.made = making.made;
                held.cost = making.cost;
                held.charge.set(bytes);
            }
            None => self.held.push(Held {
                topic: topic.clone(),
                position: last.position,
                current: last.current.clone(),
                pushed: Arc::clone(&last),
                is_pushed_outdated: false,
                background: making.background,
                last,
                made: making.made,
                cost: making.cost,
                charge: context.budget.charge(bytes),
            }),
        }
        Ok(snapshot)
    }
}

impl Held {
    /// Makes the answer again, and pushes it if it changed.
    async fn refresh(&mut self, context: &FeedContext, now: Timestamp) -> Result<(), StoreError> {
        let begun = Instant::now();
        let background = context.background_changes();
        let Some(answer) = context.polled(&self.topic, now).await? else {
            return Ok(());
        };
        let making = Making {
            background,
            made: Instant::now(),
            cost: begun.elapsed(),
        };
        self.take(context, answer, making).await
    }

    /// Takes a new answer, and pushes it if it changed.
    async fn take(
        &mut self,
        context: &FeedContext,
        answer: PolledAnswer,
        making: Making,
    ) -> Result<(), StoreError> {
        self.background = making.background;
        (self.made, self.cost) = (making.made, making.cost);
        let (prev, seq) = (self.position.seq, answer.position.seq);
        if answer.position.epoch != self.position.epoch || self.is_held(&answer) {
            return Ok(());
        }
        let answer = Arc::new(answer);
        let messages = context.encode(&self.topic, &answer, Some(prev)).await?;
        let messages: Arc<[Message]> = messages.into();
        self.charge.set(bytes_of(&messages));
        let update = Update {
            prev,
            seq,
            messages,
        };
        let topic = Topic::Polled(self.topic.clone());
        context.feed.push(&topic, update);
        self.position = answer.position;
        self.current = answer.current.clone();
        self.pushed = Arc::clone(&answer);
        self.is_pushed_outdated = false;
        self.last = answer;
        Ok(())
    }

    /// Notes an answer that a new subscriber gets.
    fn give_out(&mut self, last: Arc<PolledAnswer>) {
        self.is_pushed_outdated |= last.answer != self.pushed.answer;
        self.last = last;
    }

    /// True when all subscribers hold this answer. Other keywords change a joined answer at the
    /// same position.
    fn is_held(&self, answer: &PolledAnswer) -> bool {
        let is_known = !self.is_pushed_outdated && self.pushed.answer == answer.answer;
        answer.position.seq <= self.position.seq
            && answer.current == self.current
            && (is_known || !self.topic.is_joined())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::KeywordSet;
    use crate::actors::live::budget::LiveBudget;
    use crate::actors::live::polled::{
        AcrossQuery, EncodedAnswer, JoinedQuery, KeywordQuery, PolledQuery,
    };
    use crate::events::{Keyword, Sequence};
    use crate::projections::{KeywordSummary, Rows, RowsError};
    use crate::queries::MarkedAnswer;
    use crate::store::{Epoch, Views};
    use crate::telemetry::Metrics;

    /// A query that is never run.
    #[derive(Debug)]
    struct Unasked;

    impl KeywordQuery for Unasked {
        fn ask(
            &self,
            _: &Keyword,
            _: &KeywordSummary,
            _: &dyn Rows,
            _: Timestamp,
        ) -> Result<EncodedAnswer, RowsError> {
            Err(RowsError::Abandoned)
        }

        fn current_during(&self, _: Timestamp) -> Option<Range<Timestamp>> {
            None
        }
    }

    impl AcrossQuery for Unasked {
        fn ask(
            &self,
            _: &Views,
            _: &KeywordSet,
            _: Timestamp,
        ) -> Result<EncodedAnswer, StoreError> {
            Err(StoreError::Absent)
        }

        fn current_during(&self, _: Timestamp) -> Option<Range<Timestamp>> {
            None
        }
    }

    impl JoinedQuery for Unasked {
        fn ask(
            &self,
            _: &Views,
            _: &KeywordSet,
            _: &Keyword,
            _: Timestamp,
        ) -> Result<Option<MarkedAnswer<EncodedAnswer>>, StoreError> {
            Err(StoreError::Absent)
        }

        fn current_during(&self, _: Timestamp) -> Option<Range<Timestamp>> {
            None
        }
    }

    fn across(countable: KeywordSet) -> PolledTopic {
        let query = PolledQuery::across(countable, Unasked);
        PolledTopic::new("across", Vec::new(), &[], query)
    }

    #[test]
    fn only_answers_of_all_keywords_are_reused() {
        let budget = LiveBudget::new(1_000, Metrics::new());
        let epoch: Epoch = "00000000000000ff".parse().unwrap();
        let held = |topic, current| {
            let position = Position::of_all(epoch, Sequence::new(1));
            let last = Arc::new(PolledAnswer {
                position,
                current,
                answer: EncodedAnswer(Box::default()),
            });
            Held {
                topic,
                position,
                current: None,
                pushed: Arc::clone(&last),
                last,
                is_pushed_outdated: false,
                background: 0,
                made: Instant::now(),
                cost: Duration::from_secs(3_600),
                charge: budget.charge(1),
            }
        };
        let now = Timestamp::from_millis(5_000);
        let earlier = Timestamp::from_millis(4_000)..now;
        let of_all = across(KeywordSet::All);
        let query = PolledQuery::of_keyword(Unasked);
        let of_one = PolledTopic::new("of_one", Vec::new(), &[], query);
        assert!(held(of_all.clone(), None).is_still_good(now));
        assert!(!held(of_all, Some(earlier)).is_still_good(now));
        assert!(!held(of_one, None).is_still_good(now));
    }

    #[test]
    fn answer_is_pushed_again_after_a_snapshot_had_another_one() {
        let budget = LiveBudget::new(1_000, Metrics::new());
        let epoch: Epoch = "00000000000000ff".parse().unwrap();
        let answer = |bytes: &[u8]| {
            Arc::new(PolledAnswer {
                position: Position::of_all(epoch, Sequence::new(1)),
                current: None,
                answer: EncodedAnswer(bytes.into()),
            })
        };
        let (first, second) = (answer(b"first"), answer(b"second"));
        let query = PolledQuery::joined(KeywordSet::All, Unasked);
        let mut held = Held {
            topic: PolledTopic::new("joined", Vec::new(), &[], query),
            position: first.position,
            current: None,
            pushed: Arc::clone(&first),
            last: Arc::clone(&first),
            is_pushed_outdated: false,
            background: 0,
            made: Instant::now(),
            cost: Duration::ZERO,
            charge: budget.charge(1),
        };
        held.give_out(Arc::clone(&first));
        assert!(held.is_held(&first));
        assert!(!held.is_held(&second));
        held.give_out(second);
        held.give_out(Arc::clone(&first));
        assert!(!held.is_held(&first));
    }

    #[test]
    fn topics_over_other_keywords_are_other_channels() {
        let only: KeywordSet = [Keyword::new("ai").unwrap()].into_iter().collect();
        assert_eq!(across(only.clone()), across(only.clone()));
        assert_ne!(across(only), across(KeywordSet::All));
    }
}
