//! How a session subscribes and unsubscribes.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::time::Instant;

use super::actor::{SessionHandle, SessionMessage};
use super::state::SessionState;
use super::subscription::Subscription;
use crate::actors::live::request::{ErrorCode, RequestId, Subscribe, Unsubscribe};
use crate::actors::live::subscriber::Subscriber;
use crate::events::Keyword;

/// So many channels of a session may wait for snapshots at a time; the others ask later. Else one
/// client could have more made for it than it can take.
pub(super) const MAX_WAITING_SNAPSHOTS: usize = 16;
/// A subscription of a stream that found the budget used up is tried again after this.
const BUSY_RETRY: Duration = Duration::from_millis(500);

impl SessionState {
    /// Subscribes to what a client asks for.
    pub(super) fn subscribe(&mut self, myself: &ActorRef<SessionMessage>, wanted: Subscribe) {
        if !self
            .context
            .has_room(wanted.keyword.as_ref(), &wanted.topics)
        {
            self.postpone(myself, wanted);
            return;
        }
        let Subscribe {
            id,
            keyword,
            topics,
            since,
        } = wanted;
        let held = self.position_of(keyword.as_ref());
        let new = topics.iter().filter(|topic| {
            !held
                .and_then(|index| self.subscriptions.get(index))
                .is_some_and(|held| held.subscribes_to(topic))
        });
        let subscribed: usize = self.subscriptions.iter().map(Subscription::len).sum();
        let asked: usize = self
            .subscriptions
            .iter()
            .map(Subscription::unanswered)
            .sum();
        let max = self.context.options.subscriptions;
        if subscribed.saturating_add(new.count()) > max || asked >= max {
            self.refuse(&id, keyword.as_ref());
            return;
        }
        let index = match held {
            Some(index) => index,
            None => {
                self.slots_made += 1;
                let slot = self.slots_made;
                let session = SessionHandle::new(myself.clone());
                let subscriber = Subscriber::new(session, self.this.clone(), slot);
                let subscribed = self
                    .context
                    .subscribe(keyword.as_ref(), Arc::clone(&subscriber));
                self.subscriptions
                    .push(Subscription::new(slot, keyword, subscribed, subscriber));
                self.subscriptions.len() - 1
            }
        };
        if let Some(subscription) = self.subscriptions.get_mut(index) {
            subscription.open(&self.context, id, topics, since);
        }
        self.count_waiting();
        // An answer to the client is not made to wait for the next tick.
        self.next_write = Instant::now();
    }

    /// The budget is used up: a stream waits for room, any other client is told.
    fn postpone(&mut self, myself: &ActorRef<SessionMessage>, wanted: Subscribe) {
        self.context.budget.count_refused();
        if self.is_single {
            self.postponed = Some(wanted);
            myself.send_after(BUSY_RETRY, || SessionMessage::Go { unblocked: false });
            return;
        }
        let message = format!(
            "the server holds as much for live clients as it may ({} bytes, live.budget); try \
            again in some seconds",
            self.context.budget.limit()
        );
        let (id, keyword) = (&wanted.id, wanted.keyword.as_ref());
        let encoder = &self.context.encoder;
        let line = encoder.error(id, keyword, ErrorCode::Busy, &message);
        self.lines.push_back(line);
    }

    /// Counts how many channels wait for snapshots, after some began or ended.
    pub(super) fn count_waiting(&mut self) {
        let waiting: usize = self.subscriptions.iter().map(Subscription::waiting).sum();
        self.may_wait = MAX_WAITING_SNAPSHOTS.saturating_sub(waiting);
        self.ask_queued();
    }

    /// Lets channels ask for snapshots that could not yet. True when there are any.
    pub(super) fn ask_queued(&mut self) -> bool {
        let mut is_any = false;
        if self.may_wait > 0 {
            for queued in self.subscriptions.iter_mut().filter(|one| one.is_queued) {
                queued.is_due = true;
                is_any = true;
            }
        }
        is_any
    }

    /// The client subscribes to as much as it may.
    fn refuse(&mut self, id: &RequestId, keyword: Option<&Keyword>) {
        let max = self.context.options.subscriptions;
        let message =
            format!("{max} topics may be followed at a time in one connection; unsubscribe some");
        let line = self
            .context
            .encoder
            .error(id, keyword, ErrorCode::TooMany, &message);
        self.lines.push_back(line);
    }

    /// Unsubscribes from what a client names.
    pub(super) fn unsubscribe(&mut self, unwanted: &Unsubscribe) {
        if let Some(index) = self.position_of(unwanted.keyword.as_ref())
            && let Some(subscription) = self.subscriptions.get_mut(index)
            && subscription.close(unwanted.topics.as_deref())
        {
            self.subscriptions.remove(index);
        }
        self.count_waiting();
    }

    fn position_of(&self, keyword: Option<&Keyword>) -> Option<usize> {
        self.subscriptions
            .iter()
            .position(|held| held.keyword.as_ref() == keyword)
    }
}
