//! Restarts, trims and ends a feed and its channels.

use super::Feed;
use crate::actors::live::feed::channel::Channel;
use crate::actors::live::feed::phase::FeedPhase;
use crate::actors::live::feed::signal::FeedSignal;
use crate::actors::live::message::Position;
use crate::actors::live::topic::Topic;

impl Feed {
    /// Makes all subscribers start again with snapshots, at this position.
    pub(in crate::actors::live::feed) fn restart_at(&self, position: Position) {
        let mut state = self.state();
        state.channels.values_mut().for_each(Channel::break_off);
        if state.phase != FeedPhase::Ended {
            state.phase = FeedPhase::Hot(position);
        }
    }

    /// Makes all subscribers start again with snapshots, once the position of the views is known.
    /// Pending deltas are dropped: the rows that are read then include them.
    pub(in crate::actors::live::feed) fn cool_down(&self) {
        let mut state = self.state();
        state.channels.values_mut().for_each(Channel::break_off);
        if state.phase != FeedPhase::Ended {
            state.phase = FeedPhase::Cold;
            state.pending.take();
        }
    }

    /// Makes the subscribers of all channels start again with snapshots.
    pub(in crate::actors::live::feed) fn break_off(&self) {
        let mut state = self.state();
        state.channels.values_mut().for_each(Channel::break_off);
    }

    /// Makes the subscribers of one channel start again with a snapshot.
    pub(in crate::actors::live::feed) fn break_off_channel(&self, channel: &Topic) {
        if let Some(channel) = self.state().channels.get_mut(channel) {
            channel.break_off();
        }
    }

    /// Drops the channel of a topic without subscribers; false when it has subscribers.
    pub(in crate::actors::live::feed) fn drop_unsubscribed(&self, channel: &Topic) -> bool {
        let mut state = self.state();
        let unsubscribed = state
            .channels
            .get(channel)
            .is_none_or(|channel| channel.subscribers == 0);
        if unsubscribed {
            state.drop_channel(channel);
        }
        unsubscribed
    }

    /// Ends the feed, unless a delta is pending. True when the feed has ended.
    pub(in crate::actors::live::feed) fn end_unless_pending(&self) -> bool {
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
    pub(in crate::actors::live::feed) fn begin_tidying(&self) {
        self.state().tidy_is_signalled = false;
    }

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
}
