//! A polled topic with its last answer.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::actors::live::budget::LiveCharge;
use crate::actors::live::feed::context::FeedContext;
use crate::actors::live::feed::joins::Making;
use crate::actors::live::feed::replay_buffer::Update;
use crate::actors::live::message::{Message, Position, bytes_of};
use crate::actors::live::polled::{PolledAnswer, PolledTopic};
use crate::actors::live::topic::Topic;
use crate::events::Timestamp;
use crate::store::StoreError;

/// The pause after a refresh, as a multiple of the duration of the refresh.
pub(super) const PAUSE_PER_COST: u32 = 4;
/// The pause before a joined answer is made again, as a multiple of its cost. Other keywords change
/// such an answer all the time, and each feed of a keyword makes its own answer.
const JOINED_PAUSE_PER_COST: u32 = 20;

/// A polled topic with subscribers, and its last answer.
pub(super) struct Held {
    pub(super) topic: PolledTopic,
    /// Position of the latest update. Later subscribers may be ahead of it.
    pub(super) position: Position,
    pub(super) current: Option<Range<Timestamp>>,
    /// The last answer.
    pub(super) last: Arc<PolledAnswer>,
    /// The answer in the latest update; the first answer if there was no update.
    pub(super) pushed: Arc<PolledAnswer>,
    /// True when a later snapshot had another answer than `pushed`, so that not all subscribers
    /// hold `pushed`.
    pub(super) is_pushed_outdated: bool,
    /// The value of [`FeedContext::background_changes`] before the last answer was begun.
    pub(super) background: u64,
    pub(super) made: Instant,
    pub(super) cost: Duration,
    /// The charge for the last answer. It is the length of the messages, about that of the answer.
    pub(super) charge: LiveCharge,
}

impl Held {
    /// True when the last answer can be reused although it may be a moment old: it is over all
    /// keywords, a refresh now would cost too much time, and the time is within its window.
    pub(super) fn is_still_good(&self, now: Timestamp) -> bool {
        let current = self.last.current.as_ref();
        self.topic.is_of_all()
            && self.made.elapsed() < self.cost.saturating_mul(PAUSE_PER_COST)
            && current.is_none_or(|current| current.contains(&now))
    }

    /// True when the query would give the last answer again: the answer is about one keyword alone,
    /// the rows of the keyword have not changed since, and the time is within the answer's window.
    pub(super) async fn is_unchanged(
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
    pub(super) fn is_due(&self, context: &FeedContext, now: Timestamp) -> bool {
        let has_moved = context.has_moved(self.position, self.current.as_ref(), now);
        if !self.topic.is_joined() {
            return has_moved;
        }
        (has_moved || context.background_changes() != self.background)
            && self.made.elapsed() >= self.cost.saturating_mul(JOINED_PAUSE_PER_COST)
            && context.can_join()
    }

    /// Makes the answer again, and pushes it if it changed.
    pub(super) async fn refresh(
        &mut self,
        context: &FeedContext,
        now: Timestamp,
    ) -> Result<(), StoreError> {
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
    pub(super) async fn take(
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
    pub(super) fn give_out(&mut self, last: Arc<PolledAnswer>) {
        self.is_pushed_outdated |= last.answer != self.pushed.answer;
        self.last = last;
    }

    /// True when all subscribers hold this answer. A joined answer is compared, too, because other
    /// keywords can change it at the same position.
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
