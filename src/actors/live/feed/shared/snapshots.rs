//! The snapshots that subscribers of a feed have requested.

use super::Feed;
use crate::actors::live::feed::channel::{Channel, Snapshot};
use crate::actors::live::feed::signal::FeedSignal;
use crate::actors::live::topic::Topic;

impl Feed {
    /// Takes the topics for which a subscriber waits for a snapshot.
    pub(in crate::actors::live::feed) fn take_wanted(&self) -> Vec<Topic> {
        let mut state = self.state();
        let channels = state.channels.values_mut();
        channels.flat_map(Channel::take_wanted).collect()
    }

    /// Repeats the request for a snapshot, if a subscriber still waits for it.
    pub(in crate::actors::live::feed) fn want_again(&self, topic: &Topic) {
        if let Some(channel) = self.state().channels.get_mut(&topic.channel()) {
            channel.want_again(topic);
        }
    }

    pub(in crate::actors::live::feed) fn put_snapshot(&self, topic: &Topic, snapshot: Snapshot) {
        if let Some(channel) = self.state().channels.get_mut(&topic.channel()) {
            channel.put_snapshot(topic, snapshot);
        }
    }

    /// The present round of making snapshots of a topic; `None` without a channel.
    pub(in crate::actors::live::feed) fn round_of(&self, topic: &Topic) -> Option<u64> {
        let state = self.state();
        Some(state.channels.get(&topic.channel())?.round())
    }

    /// Puts a snapshot that was begun in this round, which may be an earlier one than the present.
    pub(in crate::actors::live::feed) fn put_snapshot_of(
        &self,
        topic: &Topic,
        snapshot: Snapshot,
        round: u64,
    ) {
        if let Some(channel) = self.state().channels.get_mut(&topic.channel()) {
            channel.put_snapshot_of(topic, snapshot, round);
        }
    }

    /// Makes the feed actor make snapshots, and take the joined answers that were made.
    pub(in crate::actors::live::feed) fn serve_soon(&self) {
        self.state().signal(FeedSignal::Serve);
    }
}
