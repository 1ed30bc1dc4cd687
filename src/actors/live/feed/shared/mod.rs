//! The shared state of one feed: deltas from folds, and channels for subscribers.
//!
//! The keyword actor, the feed actor and the session actors share it. Its locks are held only for a
//! few pointer operations.

mod lifecycle;
mod snapshots;
mod subscribing;

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};

use super::channel::Channel;
use super::channel_cursor::{ChannelCursor, PullRequest, Pulled};
use super::message_batch::MessageBatch;
use super::pending_deltas::{PendingDelta, PendingDeltas};
use super::phase::{FeedPhase, FeedStatus};
use super::replay_buffer::Update;
use super::signal::{FeedSignal, SignalSender};
use crate::actors::live::budget::{LiveBudget, LiveCharge};
use crate::actors::live::feed_key::FeedKey;
use crate::actors::live::message::Position;
use crate::actors::live::subscriber::Subscribers;
use crate::actors::live::topic::Topic;
use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::ViewChange;
use crate::store::Epoch;

/// Approximate memory of a feed and its actor without the channels, in bytes.
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
    /// The highest round of making snapshots that a dropped channel had. New channels continue from
    /// it: a joined answer that was begun for a dropped channel is not new in its successor.
    dropped_rounds: u64,
    /// Sends signals to the feed actor; `None` until the actor has started.
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

    fn drop_channel(&mut self, topic: &Topic) {
        if let Some(channel) = self.channels.remove(topic) {
            self.dropped_rounds = self.dropped_rounds.max(channel.round());
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
                dropped_rounds: 0,
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

    /// Sets the sender of signals to the feed actor.
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

    /// Adds an update to a channel, if the channel exists.
    pub(super) fn push(&self, channel: &Topic, update: Update) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.push(update);
        }
    }

    /// Records that the channels contain everything through this position.
    pub(super) fn stand_at(&self, position: Position) {
        let mut state = self.state();
        if state.phase != FeedPhase::Ended {
            state.phase = FeedPhase::Hot(position);
        }
    }

    /// Lets all subscribers that wait take messages and write them to their clients. Folds never
    /// call this.
    pub(super) async fn deliver(&self, now: Timestamp) {
        self.subscribers.deliver(now).await;
    }

    pub(in crate::actors::live) fn status(&self) -> FeedStatus {
        let state = self.state();
        FeedStatus {
            phase: state.phase,
            as_of: state.as_of(),
        }
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
}
