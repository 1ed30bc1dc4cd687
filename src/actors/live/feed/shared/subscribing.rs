//! Adds subscribers to a feed, resumes them, and removes them.

use std::sync::Arc;

use super::Feed;
use crate::actors::live::feed::channel::Channel;
use crate::actors::live::feed::channel_cursor::{ChannelCursor, Resume};
use crate::actors::live::feed::phase::FeedPhase;
use crate::actors::live::feed::signal::FeedSignal;
use crate::actors::live::message::Position;
use crate::actors::live::subscriber::{SubscriberNumber, SubscriberSlot};
use crate::actors::live::topic::Topic;

impl Feed {
    /// Adds a subscriber of a topic; creates the channel if it does not exist.
    pub(in crate::actors::live) fn join(&self, topic: &Topic) {
        let mut state = self.state();
        let (topic, rounds) = (topic.channel(), state.dropped_rounds);
        let channel = state.channels.entry(topic).or_insert_with_key(|topic| {
            Channel::new(topic, self.ring_bytes, &self.budget).after_rounds(rounds)
        });
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
            state.drop_channel(topic);
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

    /// Whether a subscriber can resume that holds the state of the timeline at the position
    /// `since`.
    pub(in crate::actors::live) fn resume(&self, since: Position) -> Resume {
        let state = self.state();
        let FeedPhase::Hot(now) = state.phase else {
            return Resume::No;
        };
        let channel = state.channels.get(&Topic::TIMELINES);
        channel.map_or(Resume::No, |channel| channel.resume(since, now))
    }

    pub(in crate::actors::live) fn subscribe(
        &self,
        subscriber: Arc<SubscriberSlot>,
    ) -> SubscriberNumber {
        self.subscribers.add(subscriber)
    }
}
