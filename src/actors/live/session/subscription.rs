//! One session's subscription to one keyword, or to all keywords.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::opening::{OpenedFeed, Opening, Recovery};
use crate::actors::live::context::LiveContext;
use crate::actors::live::feed::channel_cursor::{ChannelCursor, PullRequest, Pulled};
use crate::actors::live::feed::message_batch::MessageBatch;
use crate::actors::live::feed::phase::FeedPhase;
use crate::actors::live::feed::shared::Feed;
use crate::actors::live::feed_key::FeedKey;
use crate::actors::live::message::Position;
use crate::actors::live::request::{ErrorCode, RequestId};
use crate::actors::live::subscriber::{SubscriberNumber, SubscriberSlot};
use crate::actors::live::topic::Topic;
use crate::events::{Keyword, Sequence, Timestamp};

/// Identifies a subscription within its session. Later subscriptions have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::actors::live) struct SubscriptionId(pub(super) u64);

/// One subscription of a session.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) id: SubscriptionId,
    /// The id of the request that was answered last.
    request: RequestId,
    /// True when there may be messages to take.
    pub(super) is_due: bool,
    /// True when some channels of the subscription request a snapshot as soon as the session may
    /// wait for one more.
    pub(super) is_queued: bool,
    /// Deadline of the next check of the views, if one is scheduled.
    next_look: Option<Instant>,
    /// The unanswered requests, in order.
    openings: VecDeque<Opening>,
    channels: Vec<SubscribedChannel>,
    feed: Arc<Feed>,
    subscriber: Arc<SubscriberSlot>,
    number: SubscriberNumber,
}

/// A channel, and the session's position in it.
#[derive(Debug)]
struct SubscribedChannel {
    topic: Topic,
    cursor: ChannelCursor,
    /// The parameters that timeline updates of the channel name.
    parameters: Option<Box<str>>,
}

/// Outcome of taking due messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakeOutcome {
    /// All due messages were taken.
    All,
    /// The batch is full; more messages are due.
    Part,
    /// The views have to catch up with the client's position; retry in a moment.
    Later,
    /// The subscription has ended; its last message was taken.
    Over,
}

/// Arguments of taking due messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct TakeRequest<'a> {
    pub(super) context: &'a LiveContext,
    /// The time of the wall clock.
    pub(super) now: Timestamp,
}

impl Subscription {
    pub(super) fn new(
        id: SubscriptionId,
        (feed, number): (Arc<Feed>, SubscriberNumber),
        subscriber: Arc<SubscriberSlot>,
    ) -> Self {
        Self {
            id,
            request: RequestId::default(),
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

    /// The feed of the subscription.
    pub(super) fn key(&self) -> &FeedKey {
        self.feed.key()
    }

    fn keyword(&self) -> Option<&Keyword> {
        self.feed.keyword()
    }

    /// Subscribes to these topics. A topic that is subscribed to already starts again.
    pub(super) fn open(
        &mut self,
        context: &LiveContext,
        request: RequestId,
        topics: Vec<Topic>,
        since: Option<Position>,
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
                Topic::Volume(_) | Topic::Polled(_) => None,
            };
            self.channels.push(SubscribedChannel {
                topic: topic.clone(),
                cursor: ChannelCursor::BEGIN,
                parameters: parameters.map(String::into_boxed_str),
            });
        }
        self.openings
            .push_back(Opening::new(request, topics, since));
    }

    /// Unsubscribes from these topics; `None` means all. True when the subscription has ended.
    pub(super) fn close(&mut self, topics: Option<&[Topic]>) -> bool {
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

    /// True when a request is unanswered, or a snapshot is still to come.
    pub(super) fn is_opening(&self) -> bool {
        let begins =
            |channel: &SubscribedChannel| matches!(channel.cursor, ChannelCursor::Start { .. });
        !self.openings.is_empty() || self.channels.iter().any(begins)
    }

    /// True when the caller has to schedule a check at `then`, because none is scheduled.
    pub(super) fn schedule_look(&mut self, now: Instant, then: Instant) -> bool {
        let is_scheduled = self.next_look.is_some_and(|next| now < next);
        if !is_scheduled {
            self.next_look = Some(then);
        }
        !is_scheduled
    }

    /// Number of unanswered requests.
    pub(super) fn unanswered(&self) -> usize {
        self.openings.len()
    }

    /// Number of channels of the subscription that wait for a snapshot.
    pub(super) fn waiting(&self) -> usize {
        let channels = self.channels.iter();
        channels
            .filter(|channel| channel.cursor.is_waiting())
            .count()
    }

    /// Number of channels.
    pub(super) fn len(&self) -> usize {
        self.channels.len()
    }

    pub(super) fn subscribes_to(&self, topic: &Topic) -> bool {
        self.channels.iter().any(|channel| channel.topic == *topic)
    }

    /// Takes due messages: answers to requests, then messages of the channels, until the batch is
    /// full. `may_wait` is the number of further channels of the session that may wait for a
    /// snapshot.
    pub(super) fn take(
        &mut self,
        request: TakeRequest<'_>,
        batch: &mut MessageBatch<'_>,
        may_wait: &mut usize,
    ) -> TakeOutcome {
        self.subscriber.want_wakeup();
        self.is_queued = false;
        let status = self.feed.status();
        let position = match status.phase {
            FeedPhase::Cold => return TakeOutcome::All,
            FeedPhase::Ended => {
                self.say_not_tracked(request.context, batch);
                return TakeOutcome::Over;
            }
            FeedPhase::Hot(position) => position,
        };
        let answered = self.answer(request.context, (position, status.as_of), batch, may_wait);
        if let Err(outcome) = answered {
            return outcome;
        }
        if self.is_over() {
            return TakeOutcome::Over;
        }
        self.pull(request.now, batch, may_wait)
    }

    /// Tells the client that the keyword is not tracked: once for each unanswered request, or once
    /// if there is none.
    fn say_not_tracked(&mut self, context: &LiveContext, batch: &mut MessageBatch<'_>) {
        let mut ended: Vec<_> = self.openings.drain(..).map(|one| one.request).collect();
        if ended.is_empty() {
            ended.push(self.request.clone());
        }
        for id in &ended {
            let text = "the keyword is not tracked";
            let (encoder, keyword) = (&context.encoder, self.keyword());
            batch.answer(encoder.error(id, keyword, ErrorCode::NotTracked, text));
        }
    }

    /// Answers the requests in order. The feed is at `position`; the fold has published through
    /// `as_of`.
    ///
    /// # Errors
    /// The outcome of taking, when a request cannot be answered yet.
    fn answer(
        &mut self,
        context: &LiveContext,
        (position, as_of): (Position, Sequence),
        batch: &mut MessageBatch<'_>,
        may_wait: &mut usize,
    ) -> Result<(), TakeOutcome> {
        while let Some(opening) = self.openings.front_mut() {
            let feed = OpenedFeed {
                feed: &self.feed,
                subscriber: &self.subscriber,
                position,
                as_of,
            };
            let recovered = match opening.recovery(context, feed) {
                Recovery::Later => return Err(TakeOutcome::Later),
                // The session is woken when the journal has answered.
                Recovery::Asked => return Err(TakeOutcome::All),
                Recovery::Snapshot => false,
                Recovery::At(cursor) => self.resume_at(cursor, may_wait),
            };
            if let Some(answered) = self.openings.pop_front() {
                self.request = answered.request;
            }
            let (encoder, keyword) = (&context.encoder, self.keyword());
            batch.answer(encoder.subscribed(&self.request, keyword, recovered));
        }
        Ok(())
    }

    /// Takes messages of the channels until the batch is full.
    fn pull(
        &mut self,
        now: Timestamp,
        batch: &mut MessageBatch<'_>,
        may_wait: &mut usize,
    ) -> TakeOutcome {
        for channel in &mut self.channels {
            let request = PullRequest {
                topic: &channel.topic,
                parameters: channel.parameters.as_deref(),
                may_wait: *may_wait > 0,
                now,
            };
            let was_waiting = channel.cursor.is_waiting();
            let pulled = self.feed.pull(&request, &mut channel.cursor, batch);
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

    /// Sets the cursor of the timelines in the first unanswered request. False when the request has
    /// no timeline.
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
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.subscribers().remove(self.number);
        self.close(None);
    }
}
