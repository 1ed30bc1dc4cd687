//! One feed: what a keyword's fold hands over, and what its subscribers take.
//!
//! Shared by the keyword actor, the feed actor and the session actors; nobody holds its locks for
//! longer than a few pointer moves.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::actor::FeedHandle;
use super::channel::{Channel, ChannelCursor, PullRequest, Pulled, Resume, Snapshot};
use super::pending_changes::{PendingChange, PendingChanges};
use super::replay_buffer::Update;
use crate::actors::live::budget::{LiveBudget, LiveCharge};
use crate::actors::live::message::{Message, Position};
use crate::actors::live::request::Since;
use crate::actors::live::subscriber::{self, Subscriber};
use crate::actors::live::topic::Topic;
use crate::events::{Keyword, Sequence};
use crate::projections::ViewChange;
use crate::store::Epoch;

/// What a feed takes beside its channels, in bytes, about: here and in its actor.
const FEED_BYTES: usize = 12 * 1024;

/// What a feed is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) enum FeedPhase {
    /// It is not known yet where its views stand.
    Cold,
    /// Everything through this position is in the channels.
    Hot(Position),
    /// The keyword is not tracked, or not any more.
    Ended,
}

/// How far a feed is, for a new subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::actors::live) struct FeedStatus {
    pub(in crate::actors::live) life: FeedPhase,
    /// The last position that the fold has handed over.
    pub(in crate::actors::live) as_of: Sequence,
}

/// The feed of one keyword, or of all of them.
#[derive(Debug)]
pub(in crate::actors::live) struct Feed {
    keyword: Option<Keyword>,
    ring_bytes: usize,
    budget: LiveBudget,
    _charge: LiveCharge,
    state: Mutex<State>,
    subscribers: Mutex<HashMap<u64, Arc<Subscriber>>>,
}

#[derive(Debug)]
struct State {
    life: FeedPhase,
    pending: PendingChanges,
    /// The feed actor knows that something was handed over.
    notified: bool,
    channels: HashMap<Topic, Channel>,
    actor: Option<FeedHandle>,
    /// The feed actor knows that a channel was forgotten.
    is_untidy: bool,
    subscribers_made: u64,
}

impl Feed {
    pub(in crate::actors::live) fn new(
        keyword: Option<Keyword>,
        ring_bytes: usize,
        budget: &LiveBudget,
    ) -> Self {
        Self {
            keyword,
            ring_bytes,
            budget: budget.clone(),
            _charge: budget.charge(FEED_BYTES),
            state: Mutex::new(State {
                life: FeedPhase::Cold,
                pending: PendingChanges::new(budget),
                notified: false,
                channels: HashMap::new(),
                actor: None,
                is_untidy: false,
                subscribers_made: 0,
            }),
            subscribers: Mutex::default(),
        }
    }

    /// Whose feed it is; `None` for that of all keywords.
    pub(in crate::actors::live) fn keyword(&self) -> Option<&Keyword> {
        self.keyword.as_ref()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribers(&self) -> MutexGuard<'_, HashMap<u64, Arc<Subscriber>>> {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    // The fold's side.

    /// Takes what a fold altered. The rows are put already.
    pub(in crate::actors::live) fn hand_over(&self, epoch: Epoch, change: ViewChange) {
        let mut state = self.state();
        if state.life == FeedPhase::Ended {
            return;
        }
        state.pending.push(PendingChange { epoch, change });
        if !std::mem::replace(&mut state.notified, true)
            && let Some(actor) = &state.actor
        {
            actor.notify();
        }
    }

    /// Its actor is to find out once more where the views stand.
    pub(in crate::actors::live) fn begin_anew(&self) {
        if let Some(actor) = &self.state().actor {
            actor.reset();
        }
    }

    // The feed actor's side.

    /// The actor that serves this feed from now on.
    pub(super) fn serve_by(&self, actor: FeedHandle) {
        self.state().actor = Some(actor);
    }

    pub(in crate::actors::live) fn life(&self) -> FeedPhase {
        self.state().life
    }

    /// Takes what was handed over; from here on the actor is told of more.
    pub(super) fn take_pending(&self) -> Vec<PendingChange> {
        let mut state = self.state();
        state.notified = false;
        state.pending.take()
    }

    /// Everything through this position is in the channels.
    pub(super) fn stand_at(&self, position: Position) {
        let mut state = self.state();
        if state.life != FeedPhase::Ended {
            state.life = FeedPhase::Hot(position);
        }
    }

    /// Puts an update in a channel, if it has subscribers.
    pub(in crate::actors::live) fn push(&self, channel: &Topic, update: Update) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.push(update);
        }
    }

    /// The topics of which a subscriber waits for a snapshot.
    pub(super) fn take_wanted(&self) -> Vec<Topic> {
        let mut state = self.state();
        let channels = state.channels.values_mut();
        channels.flat_map(Channel::take_wanted).collect()
    }

    /// A snapshot could not be made yet.
    pub(super) fn want_again(&self, topic: &Topic) {
        if let Some(channel) = self.state().channels.get_mut(&topic.channel()) {
            channel.want_again(topic);
        }
    }

    pub(super) fn put_snapshot(&self, topic: &Topic, snapshot: Snapshot) {
        if let Some(channel) = self.state().channels.get_mut(&topic.channel()) {
            channel.put_snapshot(topic, snapshot);
        }
    }

    /// Lets all subscribers begin anew. `cold`: it isn't known any more where the views stand. What
    /// was handed over is in their rows, and is found there.
    pub(super) fn break_off(&self, cold: bool) {
        let mut state = self.state();
        for channel in state.channels.values_mut() {
            channel.break_off();
        }
        if cold && state.life != FeedPhase::Ended {
            state.life = FeedPhase::Cold;
            state.pending.take();
        }
    }

    /// Lets the subscribers of one channel begin with a snapshot.
    pub(super) fn break_off_channel(&self, channel: &Topic) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.break_off();
        }
    }

    /// Drops the channel of a topic without subscribers; false when it has some.
    pub(super) fn drop_unsubscribed(&self, channel: &Topic) -> bool {
        let mut state = self.state();
        let unsubscribed = state
            .channels
            .get(channel)
            .is_none_or(|channel| channel.subscribers == 0);
        if unsubscribed {
            state.channels.remove(channel);
        }
        unsubscribed
    }

    /// Ends the feed, unless something was handed over that has not been looked at.
    pub(super) fn end_unless_pending(&self) -> bool {
        let mut state = self.state();
        if state.pending.is_empty() {
            state.life = FeedPhase::Ended;
        }
        state.life == FeedPhase::Ended
    }

    /// Ends the feed: the keyword is not tracked.
    pub(in crate::actors::live) fn end(&self) {
        let mut state = self.state();
        state.life = FeedPhase::Ended;
        state.pending.take();
    }

    /// Tells those who wait that there is something to take.
    pub(in crate::actors::live) fn wake(&self) {
        for subscriber in self.subscribers().values() {
            subscriber.wake();
        }
    }

    /// Lets all who wait take what is there and write it to their clients, without a way through
    /// their mailboxes, which would cost more than the write. Never called by a fold.
    pub(in crate::actors::live) async fn deliver(&self) {
        let subscribers: Vec<_> = self.subscribers().values().cloned().collect();
        subscriber::deliver(subscribers).await;
    }

    pub(in crate::actors::live) fn has_subscribers(&self) -> bool {
        !self.subscribers().is_empty()
    }

    // The sessions' side.

    /// Adds a subscriber, and answers how to remove it.
    pub(in crate::actors::live) fn subscribe(&self, subscriber: Arc<Subscriber>) -> u64 {
        let mut state = self.state();
        state.subscribers_made += 1;
        let number = state.subscribers_made;
        drop(state);
        self.subscribers().insert(number, subscriber);
        number
    }

    pub(in crate::actors::live) fn unsubscribe(&self, number: u64) {
        self.subscribers().remove(&number);
    }

    /// Counts a subscriber of a topic in; its channel begins, if it has not begun.
    pub(in crate::actors::live) fn join(&self, topic: &Topic) {
        let mut state = self.state();
        let topic = topic.channel();
        let channel = state
            .channels
            .entry(topic)
            .or_insert_with_key(|topic| Channel::new(topic, self.ring_bytes, &self.budget));
        channel.subscribers += 1;
    }

    /// Counts a subscriber of a topic out, which stood at `cursor`. A channel that nobody can
    /// resume is forgotten with its last subscriber.
    pub(in crate::actors::live) fn leave(&self, topic: &Topic, cursor: ChannelCursor) {
        self.end_wait(topic, cursor);
        let mut state = self.state();
        let Some(channel) = state.channels.get_mut(&topic.channel()) else {
            return;
        };
        channel.subscribers = channel.subscribers.saturating_sub(1);
        if channel.subscribers == 0 && !matches!(topic, Topic::Timeline { .. }) {
            state.channels.remove(topic);
            if !std::mem::replace(&mut state.is_untidy, true)
                && let Some(actor) = &state.actor
            {
                actor.tidy();
            }
        }
    }

    /// A subscriber that stood at `cursor` does not wait for a snapshot any more.
    pub(in crate::actors::live) fn end_wait(&self, topic: &Topic, cursor: ChannelCursor) {
        if cursor.is_waiting()
            && let Some(channel) = self.state().channels.get_mut(&topic.channel())
        {
            channel.end_wait(topic);
        }
    }

    /// A topic's channel has subscribers already.
    pub(in crate::actors::live) fn has_channel(&self, topic: &Topic) -> bool {
        self.state().channels.contains_key(&topic.channel())
    }

    /// Its actor forgets now what belongs to forgotten channels.
    pub(super) fn begin_tidying(&self) {
        self.state().is_untidy = false;
    }

    // The budget's side.

    /// The channels that can be trimmed: the number of the last use, how many bytes that lets go,
    /// and which it is.
    pub(in crate::actors::live) fn trimmable(&self) -> Vec<(u64, usize, Topic)> {
        let state = self.state();
        let channels = state.channels.iter();
        channels
            .map(|(topic, channel)| (channel.trimmable(), topic))
            .filter(|((_, bytes), _)| *bytes > 0)
            .map(|((used, bytes), topic)| (used, bytes, topic.clone()))
            .collect()
    }

    /// Lets go of what a channel can have from the views again.
    pub(in crate::actors::live) fn trim(&self, channel: &Topic) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.trim();
        }
    }

    /// It has no subscribers; its actor may end it before its time.
    pub(in crate::actors::live) fn expire(&self) {
        if let Some(actor) = &self.state().actor {
            actor.tidy();
        }
    }

    pub(in crate::actors::live) fn standing(&self) -> FeedStatus {
        let state = self.state();
        FeedStatus {
            life: state.life,
            as_of: state.as_of(),
        }
    }

    /// Where a subscriber goes on that holds the timeline's state at a position of this epoch.
    pub(in crate::actors::live) fn resume(&self, since: Since) -> Resume {
        let state = self.state();
        let FeedPhase::Hot(now) = state.life else {
            return Resume::No;
        };
        let channel = state.channels.get(&Topic::TIMELINES);
        channel.map_or(Resume::No, |channel| channel.resume(since, now))
    }

    /// Hands out what a subscriber is missing of a topic, until `budget` bytes are reached.
    pub(in crate::actors::live) fn pull(
        &self,
        ask: &PullRequest<'_>,
        cursor: &mut ChannelCursor,
        out: &mut VecDeque<Message>,
        budget: &mut usize,
    ) -> Pulled {
        let mut state = self.state();
        // What is folded of all keywords is handed over by nobody.
        let as_of = self.keyword.is_some().then(|| state.as_of());
        let Some(channel) = state.channels.get_mut(&ask.topic.channel()) else {
            return Pulled::All;
        };
        let pulled = channel.pull(ask, as_of, cursor, out, budget);
        if let (Pulled::Waits(true), Some(actor)) = (pulled, &state.actor) {
            actor.serve();
        }
        pulled
    }
}

impl State {
    /// The last position that the fold has handed over.
    fn as_of(&self) -> Sequence {
        let flushed = match self.life {
            FeedPhase::Hot(position) => position.seq,
            FeedPhase::Cold | FeedPhase::Ended => Sequence::ZERO,
        };
        self.pending
            .as_of()
            .map_or(flushed, |as_of| as_of.max(flushed))
    }
}
