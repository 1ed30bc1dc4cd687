//! What one session subscribes to of one keyword, or of all of them.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use crate::actors::engine::progress::KeywordStatus;
use crate::actors::live::context::LiveContext;
use crate::actors::live::feed::channel::{ChannelCursor, PullRequest, Pulled, Resume};
use crate::actors::live::feed::shared::{Feed, FeedPhase};
use crate::actors::live::marks::MarkAnswer;
use crate::actors::live::message::{Message, Position};
use crate::actors::live::request::{ErrorCode, RequestId, Since};
use crate::actors::live::subscriber::Subscriber;
use crate::actors::live::topic::Topic;
use crate::events::{Keyword, RecordHash, Sequence};

/// One subscription of a session.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Names it within its session.
    pub(in crate::actors::live) slot: u64,
    pub(in crate::actors::live) keyword: Option<Keyword>,
    id: RequestId,
    /// There may be something to take.
    pub(in crate::actors::live) is_due: bool,
    /// Some of its channels are to ask for a snapshot when the session waits for fewer.
    pub(super) is_queued: bool,
    /// When it is looked at again though nothing came, if that is on its way.
    next_look: Option<Instant>,
    /// What the client has asked for and was not answered, in order.
    openings: VecDeque<Opening>,
    channels: Vec<SubscribedChannel>,
    feed: Arc<Feed>,
    subscriber: Arc<Subscriber>,
    number: u64,
}

/// A request to subscribe that hasn't been answered.
#[derive(Debug)]
struct Opening {
    id: RequestId,
    topics: Vec<Topic>,
    since: Option<Result<Since, ()>>,
    /// Whether the mark of `since` is this journal's, once it was asked.
    verdict: Option<MarkAnswer>,
    /// When it came.
    asked_at: Instant,
}

/// Whether a request to subscribe goes on where its client was.
enum Recovery {
    /// At this cursor of the timeline.
    At(ChannelCursor),
    /// With a snapshot.
    Snapshot,
    /// The views have to catch up with what the client has seen.
    Later,
    /// The journal was asked, and will answer.
    Asked,
}

#[derive(Debug)]
struct SubscribedChannel {
    topic: Topic,
    cursor: ChannelCursor,
    /// What its updates of a timeline are to name.
    parameters: Option<Box<str>>,
}

/// What came of taking what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakeOutcome {
    /// All there is.
    All,
    /// As much as was asked for; there is more.
    Part,
    /// The views have to catch up with what the client has seen; ask again in a moment.
    Later,
    /// The subscription is over; its last line is taken.
    Over,
}

impl Subscription {
    pub(in crate::actors::live) fn new(
        slot: u64,
        keyword: Option<Keyword>,
        (feed, number): (Arc<Feed>, u64),
        subscriber: Arc<Subscriber>,
    ) -> Self {
        Self {
            slot,
            keyword,
            id: RequestId::default(),
            is_due: true,
            is_queued: false,
            next_look: None,
            openings: VecDeque::new(),
            channels: Vec::new(),
            feed,
            subscriber,
            number,
        }
    }

    /// Subscribes to these topics; those that were subscribed to already begin anew.
    pub(in crate::actors::live) fn open(
        &mut self,
        context: &LiveContext,
        id: RequestId,
        topics: Vec<Topic>,
        since: Option<Result<Since, ()>>,
    ) {
        self.is_due = true;
        for topic in &topics {
            let held = self
                .channels
                .iter_mut()
                .find(|channel| channel.topic == *topic);
            if let Some(held) = held {
                self.feed.end_wait(topic, held.cursor);
                held.cursor = ChannelCursor::BEGIN;
                continue;
            }
            self.feed.join(topic);
            let parameters = match topic {
                Topic::Timeline { limit } => context.encoder.timeline_parameters(*limit),
                Topic::Volume(_) | Topic::Ledger | Topic::Overview(_) => None,
            };
            self.channels.push(SubscribedChannel {
                topic: topic.clone(),
                cursor: ChannelCursor::BEGIN,
                parameters: parameters.map(String::into_boxed_str),
            });
        }
        self.openings.push_back(Opening {
            id,
            topics,
            since,
            verdict: None,
            asked_at: Instant::now(),
        });
    }

    /// Unsubscribes from these topics; `None` is all of them. True when none is left and nothing is
    /// to be answered.
    pub(in crate::actors::live) fn close(&mut self, topics: Option<&[Topic]>) -> bool {
        let feed = &self.feed;
        self.channels.retain(|channel| {
            let goes = topics.is_none_or(|topics| topics.contains(&channel.topic));
            if goes {
                feed.leave(&channel.topic, channel.cursor);
            }
            !goes
        });
        self.is_over()
    }

    fn is_over(&self) -> bool {
        self.channels.is_empty() && self.openings.is_empty()
    }

    /// It hasn't been answered, or a snapshot of it is still to come.
    pub(super) fn is_opening(&self) -> bool {
        let begins =
            |channel: &SubscribedChannel| matches!(channel.cursor, ChannelCursor::Start { .. });
        !self.openings.is_empty() || self.channels.iter().any(begins)
    }

    /// It is to be looked at again then; false when it is anyway before.
    pub(super) fn looks_again(&mut self, now: Instant, then: Instant) -> bool {
        let is_on_its_way = self.next_look.is_some_and(|next| now < next);
        if !is_on_its_way {
            self.next_look = Some(then);
        }
        !is_on_its_way
    }

    /// How many requests have not been answered.
    pub(super) fn unanswered(&self) -> usize {
        self.openings.len()
    }

    /// How many of its channels wait for a snapshot.
    pub(in crate::actors::live) fn waiting(&self) -> usize {
        let channels = self.channels.iter();
        channels
            .filter(|channel| channel.cursor.is_waiting())
            .count()
    }

    /// How many channels it subscribes to.
    pub(in crate::actors::live) fn len(&self) -> usize {
        self.channels.len()
    }

    pub(super) fn subscribes_to(&self, topic: &Topic) -> bool {
        self.channels.iter().any(|channel| channel.topic == *topic)
    }

    /// Takes what is due, until `budget` bytes are reached. So many channels more as `may_wait` may
    /// wait for a snapshot.
    pub(in crate::actors::live) fn take(
        &mut self,
        context: &LiveContext,
        out: &mut VecDeque<Message>,
        budget: &mut usize,
        may_wait: &mut usize,
    ) -> TakeOutcome {
        self.subscriber.want_wakeup();
        self.is_queued = false;
        let standing = self.feed.standing();
        let position = match standing.life {
            FeedPhase::Cold => return TakeOutcome::All,
            FeedPhase::Ended => {
                let mut ended: Vec<_> = self.openings.drain(..).map(|one| one.id).collect();
                if ended.is_empty() {
                    ended.push(self.id.clone());
                }
                out.extend(ended.iter().map(|id| {
                    let (keyword, code) = (self.keyword.as_ref(), ErrorCode::NotTracked);
                    let message = "the keyword is not tracked";
                    context.encoder.error(id, keyword, code, message)
                }));
                return TakeOutcome::Over;
            }
            FeedPhase::Hot(position) => position,
        };
        while !self.openings.is_empty() {
            let mut recovered = false;
            match self.recovery(context, position, standing.as_of) {
                Recovery::Later => return TakeOutcome::Later,
                Recovery::Asked => return TakeOutcome::All,
                Recovery::Snapshot => {}
                Recovery::At(cursor) => recovered = self.resume_at(cursor, may_wait),
            }
            if let Some(answered) = self.openings.pop_front() {
                self.id = answered.id;
            }
            let keyword = self.keyword.as_ref();
            out.push_back(context.encoder.subscribed(&self.id, keyword, recovered));
        }
        if self.is_over() {
            return TakeOutcome::Over;
        }
        for channel in &mut self.channels {
            let ask = PullRequest {
                topic: &channel.topic,
                parameters: channel.parameters.as_deref(),
                may_wait: *may_wait > 0,
                clock: &context.clock,
            };
            let was_waiting = channel.cursor.is_waiting();
            let pulled = self.feed.pull(&ask, &mut channel.cursor, out, budget);
            match (was_waiting, channel.cursor.is_waiting()) {
                (false, true) => *may_wait -= 1,
                (true, false) => *may_wait += 1,
                _ => {}
            }
            match pulled {
                Pulled::Part => return TakeOutcome::Part,
                Pulled::Queued => self.is_queued = true,
                Pulled::All | Pulled::Waits(_) => {}
            }
        }
        TakeOutcome::All
    }

    /// What becomes of the first request that is not answered. The feed stands at `position`, and
    /// the fold has handed over what is up to `as_of`.
    fn recovery(&mut self, context: &LiveContext, position: Position, as_of: Sequence) -> Recovery {
        let Some(opening) = self.openings.front() else {
            return Recovery::Snapshot;
        };
        let since = match opening.since {
            Some(Ok(since)) if since.epoch == position.epoch => since,
            _ => return Recovery::Snapshot,
        };
        if since.seq > as_of {
            return if self.may_still_come(context, since, opening.asked_at) {
                Recovery::Later
            } else {
                Recovery::Snapshot
            };
        }
        match self.feed.resume(since) {
            Resume::At(cursor) => Recovery::At(cursor),
            Resume::No => Recovery::Snapshot,
            Resume::IfOurs(mark) => self.ask_mark(context, since, mark),
        }
    }

    /// Lets the journal say whether a position has this mark.
    fn ask_mark(&mut self, context: &LiveContext, since: Since, mark: RecordHash) -> Recovery {
        let Some(opening) = self.openings.front_mut() else {
            return Recovery::Snapshot;
        };
        let verdict = opening
            .verdict
            .get_or_insert_with(|| context.marks.ask(since.seq, mark, &self.subscriber));
        match verdict.get() {
            None => Recovery::Asked,
            Some(false) => Recovery::Snapshot,
            Some(true) => match self.feed.resume(Since {
                mark: None,
                ..since
            }) {
                Resume::At(cursor) => Recovery::At(cursor),
                Resume::No | Resume::IfOurs(_) => Recovery::Snapshot,
            },
        }
    }

    /// Lets the timelines of the first request go on from here; false when it has none.
    fn resume_at(&mut self, cursor: ChannelCursor, may_wait: &mut usize) -> bool {
        let Some(opening) = self.openings.front() else {
            return false;
        };
        let mut recovered = false;
        for channel in &mut self.channels {
            if matches!(channel.topic, Topic::Timeline { .. })
                && opening.topics.contains(&channel.topic)
            {
                if channel.cursor.is_waiting() {
                    self.feed.end_wait(&channel.topic, channel.cursor);
                    *may_wait += 1;
                }
                channel.cursor = cursor;
                recovered = true;
            }
        }
        recovered
    }

    /// The views are on their way to what the client has seen. It may come from another server on
    /// the same stream, which knew of a position a moment before this one.
    fn may_still_come(&self, context: &LiveContext, since: Since, asked_at: Instant) -> bool {
        let Some(keyword) = &self.keyword else {
            return false;
        };
        if since.seq > context.head() {
            return asked_at.elapsed() < context.head_known_within();
        }
        let shard = context.shard_of(keyword);
        context.progress.status(keyword, shard) != KeywordStatus::Quarantined
            && !context.progress.has_folded(keyword, shard, since.seq)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.unsubscribe(self.number);
        self.close(None);
    }
}
