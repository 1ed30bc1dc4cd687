//! The subscriptions of one session, and the limit on snapshots that they wait for.

use std::sync::Arc;

use super::subscription::{Subscription, SubscriptionId, TakeOutcome, TakeRequest};
use crate::actors::live::context::LiveContext;
use crate::actors::live::feed::message_batch::MessageBatch;
use crate::actors::live::feed_key::FeedKey;
use crate::actors::live::request::{Subscribe, Unsubscribe};
use crate::actors::live::subscriber::SubscriberSlot;

/// Maximum number of a session's channels that wait for a snapshot; the others ask later. Without
/// the limit, more snapshots could be made for one client than the client can read.
const MAX_WAITING_SNAPSHOTS: usize = 16;

/// The subscriptions of one session.
#[derive(Debug)]
pub(super) struct Subscriptions {
    /// Subscriptions in the order of their ids.
    list: Vec<Subscription>,
    made: u64,
    /// Number of further channels that may wait for snapshots.
    may_wait: usize,
    /// True when some channels will request a snapshot as soon as fewer wait.
    has_queued: bool,
}

/// The client has the maximum number of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

/// Outcome of taking due messages.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The batch is full, and more messages are due.
    pub(super) has_more: bool,
    /// Subscriptions whose views have to catch up.
    pub(super) later: Vec<SubscriptionId>,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            made: 0,
            may_wait: MAX_WAITING_SNAPSHOTS,
            has_queued: false,
        }
    }
}

impl Subscriptions {
    /// True when there were subscriptions, and none is left.
    pub(super) fn are_over(&self) -> bool {
        self.made > 0 && self.list.is_empty()
    }

    pub(super) fn are_due(&self) -> bool {
        self.list.iter().any(|one| one.is_due)
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    pub(super) fn find(&mut self, id: SubscriptionId) -> Option<&mut Subscription> {
        let index = self.list.binary_search_by_key(&id, |one| one.id).ok()?;
        self.list.get_mut(index)
    }

    /// Handles a subscribe request. `subscriber` makes the subscriber of a new subscription.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(super) fn open(
        &mut self,
        context: &LiveContext,
        wanted: Subscribe,
        subscriber: impl FnOnce(SubscriptionId) -> Arc<SubscriberSlot>,
    ) -> Result<(), TooMany> {
        let key = FeedKey::live(wanted.keyword);
        let held = self.list.iter().position(|held| *held.key() == key);
        let new = wanted.topics.iter().filter(|topic| {
            !held
                .and_then(|index| self.list.get(index))
                .is_some_and(|held| held.subscribes_to(topic))
        });
        let subscribed: usize = self.list.iter().map(Subscription::len).sum();
        let unanswered: usize = self.list.iter().map(Subscription::unanswered).sum();
        let max = context.options.subscriptions;
        if subscribed.saturating_add(new.count()) > max || unanswered >= max {
            return Err(TooMany);
        }
        let index = held.unwrap_or_else(|| {
            self.made += 1;
            let id = SubscriptionId(self.made);
            let subscriber = subscriber(id);
            let feed = context.subscribe(&key, Arc::clone(&subscriber));
            self.list.push(Subscription::new(id, feed, subscriber));
            self.list.len() - 1
        });
        if let Some(subscription) = self.list.get_mut(index) {
            subscription.open(context, wanted.id, wanted.topics, wanted.since);
        }
        self.count_waiting();
        Ok(())
    }

    /// Handles an unsubscribe request.
    pub(super) fn close(&mut self, unwanted: &Unsubscribe) {
        let key = FeedKey::live(unwanted.keyword.clone());
        if let Some(index) = self.list.iter().position(|held| *held.key() == key)
            && let Some(subscription) = self.list.get_mut(index)
            && subscription.close(unwanted.topics.as_deref())
        {
            self.list.remove(index);
        }
        self.count_waiting();
    }

    /// Takes due messages until the batch is full.
    pub(super) fn take(&mut self, request: TakeRequest<'_>, batch: &mut MessageBatch<'_>) -> Taken {
        let mut taken = Taken::default();
        loop {
            self.take_once(request, batch, &mut taken);
            if taken.has_more || !self.has_queued || !self.ask_queued() {
                return taken;
            }
        }
    }

    /// Takes due messages from each subscription, until the batch is full.
    fn take_once(
        &mut self,
        request: TakeRequest<'_>,
        batch: &mut MessageBatch<'_>,
        taken: &mut Taken,
    ) {
        let mut over = Vec::new();
        self.has_queued = false;
        for subscription in &mut self.list {
            self.has_queued |= subscription.is_queued;
            if !subscription.is_due {
                continue;
            }
            if batch.is_full() {
                taken.has_more = true;
                break;
            }
            match subscription.take(request, batch, &mut self.may_wait) {
                TakeOutcome::All => {
                    subscription.is_due = false;
                    self.has_queued |= subscription.is_queued;
                }
                TakeOutcome::Part => {
                    taken.has_more = true;
                    break;
                }
                TakeOutcome::Later => {
                    subscription.is_due = false;
                    taken.later.push(subscription.id);
                }
                TakeOutcome::Over => over.push(subscription.id),
            }
        }
        if !over.is_empty() {
            self.list.retain(|one| !over.contains(&one.id));
            self.count_waiting();
        }
    }

    /// Updates `may_wait` after channels started or stopped waiting for snapshots, and lets queued
    /// channels ask.
    fn count_waiting(&mut self) {
        let waiting: usize = self.list.iter().map(Subscription::waiting).sum();
        self.may_wait = MAX_WAITING_SNAPSHOTS.saturating_sub(waiting);
        self.ask_queued();
    }

    /// Lets queued channels request snapshots, as far as the limit allows. True when there are any.
    fn ask_queued(&mut self) -> bool {
        let mut is_any = false;
        if self.may_wait > 0 {
            for queued in self.list.iter_mut().filter(|one| one.is_queued) {
                queued.is_due = true;
                is_any = true;
            }
        }
        is_any
    }
}
