//! The shared state of one feed: deltas from folds, and channels for subscribers.
//!
//! The keyword actor, the feed actor and the session actors share it. Its locks are held only for a
//! few pointer operations.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::channel::{Channel, ChannelCursor, MessageBatch, PullRequest, Pulled, Resume, Snapshot};
use super::pending_deltas::{PendingDelta, PendingDeltas};
use super::phase::{FeedPhase, FeedStatus};
use super::replay_buffer::Update;
use super::signal::{FeedSignal, SignalSender};
use crate::actors::live::budget::{LiveBudget, LiveCharge};
use crate::actors::live::feed_key::FeedKey;
use crate::actors::live::message::Position;
use crate::actors::live::subscriber::{SubscriberNumber, SubscriberSlot, Subscribers};
use crate::actors::live::topic::Topic;
use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::ViewChange;
use crate::store::Epoch;

/// Approximate memory of a feed beside its channels, in bytes: here and in its actor.
const FEED_BYTES: usize = 12 * 1024;

/// The feed of one keyword, or of all keywords.
#[derive(Debug)]
pub(in crate::actors::live) struct Feed {
    key: FeedKey,
    ring_bytes: usize,
    budget: LiveBudget,
    _charge: LiveCharge,
    state: Mutex<State>,
    subscribers: Subscribers,
}

#[derive(Debug)]
struct State {
    phase: FeedPhase,
    pending: PendingDeltas,
    channels: HashMap<Topic, Channel>,
    /// Reaches the feed actor, once it has started.
    signals: Option<SignalSender>,
    /// True after [`FeedSignal::Flush`] was sent, until the feed actor takes the deltas.
    flush_is_signalled: bool,
    /// True after [`FeedSignal::Tidy`] was sent for a dropped channel, until it is handled.
    tidy_is_signalled: bool,
}

impl State {
    fn signal(&self, signal: FeedSignal) {
        if let Some(sender) = &self.signals {
            sender.send(signal);
        }
    }

    /// The last position that a fold has published.
    fn as_of(&self) -> Sequence {
        let flushed = match self.phase {
            FeedPhase::Hot(position) => position.seq,
            FeedPhase::Cold | FeedPhase::Ended => Sequence::ZERO,
        };
        self.pending
            .as_of()
            .map_or(flushed, |as_of| as_of.max(flushed))
    }
}

impl Feed {
    pub(in crate::actors::live) fn new(
        key: FeedKey,
        ring_bytes: usize,
        budget: &LiveBudget,
    ) -> Self {
        Self {
            key,
            ring_bytes,
            budget: budget.clone(),
            _charge: budget.charge(FEED_BYTES),
            state: Mutex::new(State {
                phase: FeedPhase::Cold,
                pending: PendingDeltas::new(budget),
                channels: HashMap::new(),
                signals: None,
                flush_is_signalled: false,
                tidy_is_signalled: false,
            }),
            subscribers: Subscribers::default(),
        }
    }

    pub(in crate::actors::live) const fn key(&self) -> &FeedKey {
        &self.key
    }

    /// The keyword of the feed; `None` for the feed of all keywords.
    pub(in crate::actors::live) const fn keyword(&self) -> Option<&Keyword> {
        self.key.keyword.as_ref()
    }

    pub(in crate::actors::live) const fn subscribers(&self) -> &Subscribers {
        &self.subscribers
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    // Methods for the fold.

    /// Takes the delta of a fold, whose rows are in the store already.
    pub(in crate::actors::live) fn publish(&self, epoch: Epoch, change: ViewChange) {
        let mut state = self.state();
        if state.phase == FeedPhase::Ended {
            return;
        }
        state.pending.push(PendingDelta { epoch, change });
        if !std::mem::replace(&mut state.flush_is_signalled, true) {
            state.signal(FeedSignal::Flush);
        }
    }

    /// Makes the feed actor read the position of the views again.
    pub(in crate::actors::live) fn reset(&self) {
        self.state().signal(FeedSignal::Reset);
    }

    // Methods for the feed actor.

    /// Sets the receiver of signals.
    pub(super) fn signal_to(&self, sender: SignalSender) {
        self.state().signals = Some(sender);
    }

    pub(super) fn phase(&self) -> FeedPhase {
        self.state().phase
    }

    /// Takes the pending deltas; the next delta is signalled again.
    pub(super) fn take_pending(&self) -> Vec<PendingDelta> {
        let mut state = self.state();
        state.flush_is_signalled = false;
        state.pending.take()
    }

    /// Records that the channels contain everything through this position.
    pub(super) fn stand_at(&self, position: Position) {
        let mut state = self.state();
        if state.phase != FeedPhase::Ended {
            state.phase = FeedPhase::Hot(position);
        }
    }

    /// Adds an update to a channel, if the channel has subscribers.
    pub(super) fn push(&self, channel: &Topic, update: Update) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.push(update);
        }
    }

    /// Takes the topics for which a subscriber waits for a snapshot.
    pub(super) fn take_wanted(&self) -> Vec<Topic> {
        let mut state = self.state();
        let channels = state.channels.values_mut();
        channels.flat_map(Channel::take_wanted).collect()
    }

    /// Records that a snapshot could not be made yet.
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

    /// The present round of making snapshots of a topic; `None` without a channel.
    pub(super) fn round_of(&self, topic: &Topic) -> Option<u64> {
        let state = self.state();
        Some(state.channels.get(&topic.channel())?.round())
    }

    /// Puts a snapshot that was begun in an earlier round.
    pub(super) fn put_snapshot_of(&self, topic: &Topic, snapshot: Snapshot, round: u64) {
        if let Some(channel) = self.state().channels.get_mut(&topic.channel()) {
            channel.put_snapshot_of(topic, snapshot, round);
        }
    }

    /// Makes the feed actor make snapshots, and take the joined answers that were made.
    pub(super) fn serve_soon(&self) {
        self.state().signal(FeedSignal::Serve);
    }

    /// Makes all subscribers start again with snapshots, at this position.
    pub(super) fn restart_at(&self, position: Position) {
        let mut state = self.state();
        state.channels.values_mut().for_each(Channel::break_off);
        if state.phase != FeedPhase::Ended {
            state.phase = FeedPhase::Hot(position);
        }
    }

    /// Makes all subscribers start again with snapshots, once the position of the views is known.
    /// Pending deltas are dropped: the rows that are read then include them.
    pub(super) fn cool_down(&self) {
        let mut state = self.state();
        state.channels.values_mut().for_each(Channel::break_off);
        if state.phase != FeedPhase::Ended {
            state.phase = FeedPhase::Cold;
            state.pending.take();
        }
    }

    /// Makes the subscribers of all channels start again with snapshots.
    pub(super) fn break_off(&self) {
        let mut state = self.state();
        state.channels.values_mut().for_each(Channel::break_off);
    }

    /// Makes the subscribers of one channel start again with a snapshot.
    pub(super) fn break_off_channel(&self, channel: &Topic) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.break_off();
        }
    }

    /// Drops the channel of a topic without subscribers; false when it has subscribers.
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

    /// Ends the feed, unless a delta is pending. True when the feed has ended.
    pub(super) fn end_unless_pending(&self) -> bool {
        let mut state = self.state();
        if state.pending.is_empty() {
            state.phase = FeedPhase::Ended;
        }
        state.phase == FeedPhase::Ended
    }

    /// Ends the feed: the keyword is not tracked.
    pub(in crate::actors::live) fn end(&self) {
        let mut state = self.state();
        state.phase = FeedPhase::Ended;
        state.pending.take();
    }

    /// Records that the feed actor is about to drop the state of dropped channels.
    pub(super) fn begin_tidying(&self) {
        self.state().tidy_is_signalled = false;
    }

    // Methods for the budget.

    /// The channels that can be trimmed: number of the last use, bytes that trimming frees, topic.
    pub(in crate::actors::live) fn trimmable(&self) -> Vec<(u64, usize, Topic)> {
        let state = self.state();
        let channels = state.channels.iter();
        channels
            .map(|(topic, channel)| (channel.trimmable(), topic))
            .filter(|((_, bytes), _)| *bytes > 0)
            .map(|((used, bytes), topic)| (used, bytes, topic.clone()))
            .collect()
    }

    /// Frees the memory of a channel that the views can supply again.
    pub(in crate::actors::live) fn trim(&self, channel: &Topic) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.trim();
        }
    }

    /// Makes the feed actor end the feed early, if it has no subscribers.
    pub(in crate::actors::live) fn expire(&self) {
        self.state().signal(FeedSignal::Tidy);
    }

    // Methods for the sessions.

    /// Adds a subscriber of a topic; creates the channel if it does not exist.
    pub(in crate::actors::live) fn join(&self, topic: &Topic) {
        let mut state = self.state();
        let topic = topic.channel();
        let channel = state
            .channels
            .entry(topic)
            .or_insert_with_key(|topic| Channel::new(topic, self.ring_bytes, &self.budget));
        channel.subscribers += 1;
    }

    /// Removes a subscriber of a topic, whose cursor was `cursor`. A channel that cannot be resumed
    /// is dropped with its last subscriber.
    pub(in crate::actors::live) fn leave(&self, topic: &Topic, cursor: ChannelCursor) {
        self.end_wait(topic, cursor);
        let mut state = self.state();
        let Some(channel) = state.channels.get_mut(&topic.channel()) else {
            return;
        };
        channel.subscribers = channel.subscribers.saturating_sub(1);
        if channel.subscribers == 0 && !matches!(topic, Topic::Timeline { .. }) {
            state.channels.remove(topic);
            if !std::mem::replace(&mut state.tidy_is_signalled, true) {
                state.signal(FeedSignal::Tidy);
            }
        }
    }

    /// Records that a subscriber at `cursor` no longer waits for a snapshot.
    pub(in crate::actors::live) fn end_wait(&self, topic: &Topic, cursor: ChannelCursor) {
        if cursor.is_waiting()
            && let Some(channel) = self.state().channels.get_mut(&topic.channel())
        {
            channel.end_wait(topic);
        }
    }

    /// True when the channel of a topic exists.
    pub(in crate::actors::live) fn has_channel(&self, topic: &Topic) -> bool {
        self.state().channels.contains_key(&topic.channel())
    }

    pub(in crate::actors::live) fn status(&self) -> FeedStatus {
        let state = self.state();
        FeedStatus {
            phase: state.phase,
            as_of: state.as_of(),
        }
    }

    /// The cursor of a subscriber with the timeline's state at a position of this epoch.
    pub(in crate::actors::live) fn resume(&self, since: Position) -> Resume {
        let state = self.state();
        let FeedPhase::Hot(now) = state.phase else {
            return Resume::No;
        };
        let channel = state.channels.get(&Topic::TIMELINES);
        channel.map_or(Resume::No, |channel| channel.resume(since, now))
    }

    /// Adds the messages of a topic that a subscriber at `cursor` is missing to `batch`.
    pub(in crate::actors::live) fn pull(
        &self,
        request: &PullRequest<'_>,
        cursor: &mut ChannelCursor,
        batch: &mut MessageBatch<'_>,
    ) -> Pulled {
        let mut state = self.state();
        // Folds publish nothing to the feed of all keywords.
        let as_of = self.keyword().is_some().then(|| state.as_of());
        let Some(channel) = state.channels.get_mut(&request.topic.channel()) else {
            return Pulled::All;
        };
        let pulled = channel.pull(request, as_of, cursor, batch);
        if pulled == Pulled::Waits(true) {
            state.signal(FeedSignal::Serve);
        }
        pulled
    }

    pub(in crate::actors::live) fn subscribe(
        &self,
        subscriber: Arc<SubscriberSlot>,
    ) -> SubscriberNumber {
        self.subscribers.add(subscriber)
    }

    /// Delivers to all waiting subscribers. Never called by a fold.
    pub(super) async fn deliver(&self, now: Timestamp) {
        self.subscribers.deliver(now).await;
    }
}
