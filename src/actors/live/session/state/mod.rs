//! The state of a session, and its steps: takes messages from the feeds, and writes them as far as
//! the client reads them.
//!
//! Every step runs under the session's lock: on its actor, for the client's messages and timers, or
//! on the task of a feed actor that finds the session idle. No step waits.

mod progress;
mod requests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use ractor::ActorRef;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::handle::{SessionHandle, SessionMessage};
use super::subscription::{SubscriptionId, TakeRequest};
use super::subscriptions::Subscriptions;
use crate::actors::live::context::{LiveContext, SessionPermit};
use crate::actors::live::feed::message_batch::MessageBatch;
use crate::actors::live::message::Message;
use crate::actors::live::request::Subscribe;
use crate::actors::live::subscriber::Subscriber;
use crate::actors::live::transport::{Close, Gone, Transport};
use crate::events::Timestamp;
use crate::telemetry::CountedActor;

/// Approximate bytes of messages taken at a time, which is also the amount held for a client that
/// reads nothing.
const MAX_TAKEN_BYTES: usize = 16 * 1024;
/// Pause before a view that has to catch up is checked again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Capacity, in messages, above which an empty message list is freed.
const MAX_IDLE_MESSAGES: usize = 64;

/// Arguments of a session.
pub(in crate::actors::live) struct SessionArguments {
    pub(in crate::actors::live) context: LiveContext,
    pub(in crate::actors::live) transport: Box<dyn Transport>,
    pub(in crate::actors::live) permit: SessionPermit,
    /// True when the session has one subscription, and ends with it.
    pub(in crate::actors::live) is_single: bool,
}

/// One client: its subscriptions, and what it has received.
pub(in crate::actors::live) struct SessionState {
    /// A reference to this state, for its subscribers.
    this: Weak<Mutex<Self>>,
    context: LiveContext,
    /// The transport; `None` when the session has ended.
    transport: Option<Box<dyn Transport>>,
    is_single: bool,
    /// The time of the wall clock, or that of a feed's last delivery if it is later.
    now: Timestamp,
    subscriptions: Subscriptions,
    /// The request of a session with `is_single` that waits for room in the budget.
    postponed: Option<Subscribe>,
    /// Messages that were taken from the feeds and are not written yet.
    messages: VecDeque<Message>,
    /// True while the transport cannot be written.
    is_blocked: bool,
    /// Acknowledges the input that arrived while the transport could not be written.
    unacknowledged: Option<oneshot::Sender<()>>,
    /// True while a check of the client's progress is scheduled.
    is_watched: bool,
    /// The earliest time of the next write of updates.
    next_write: Instant,
    /// True while [`SessionMessage::Resume`] is scheduled.
    is_paused: bool,
    /// Number of consecutive invalid messages.
    misunderstood: u32,
    _permit: SessionPermit,
    _alive: CountedActor,
}

impl fmt::Debug for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionState")
            .field("subscriptions", &self.subscriptions)
            .finish_non_exhaustive()
    }
}

/// One subscription of a session, as a subscriber of its feed.
#[derive(Debug)]
struct SessionSubscriber {
    session: SessionHandle,
    state: Weak<Mutex<SessionState>>,
    id: SubscriptionId,
}

impl Subscriber for SessionSubscriber {
    fn deliver(&self, now: Timestamp) -> bool {
        let state = self.state.upgrade();
        let Some(mut state) = state.as_deref().and_then(Mutex::try_lock) else {
            return false;
        };
        state.now = state.now.max(now);
        state.on_wake(self.session.actor(), self.id);
        true
    }

    fn notify(&self) {
        self.session.wake(self.id);
    }
}

impl SessionState {
    pub(super) fn new(arguments: SessionArguments) -> Arc<Mutex<Self>> {
        Arc::new_cyclic(|this| {
            Mutex::new(Self {
                this: this.clone(),
                _alive: arguments.context.metrics.actor_alive("session"),
                now: arguments.context.now(),
                context: arguments.context,
                transport: Some(arguments.transport),
                is_single: arguments.is_single,
                subscriptions: Subscriptions::default(),
                postponed: None,
                messages: VecDeque::new(),
                is_blocked: false,
                unacknowledged: None,
                is_watched: false,
                next_write: Instant::now(),
                is_paused: false,
                misunderstood: 0,
                _permit: arguments.permit,
            })
        })
    }

    /// Reads the clock, at the start of a step of the actor.
    pub(super) fn read_clock(&mut self) {
        self.now = self.context.now();
    }

    pub(super) fn on_wake(&mut self, myself: &ActorRef<SessionMessage>, id: SubscriptionId) {
        if let Some(subscription) = self.subscriptions.find(id) {
            subscription.is_due = true;
            if subscription.is_opening() {
                // Answers and requested snapshots do not wait for the next write of updates.
                self.next_write = Instant::now();
            }
            self.take_and_write(myself);
        }
    }

    pub(super) fn on_unblocked(&mut self, myself: &ActorRef<SessionMessage>) {
        self.is_blocked = false;
        self.write(myself);
        self.end_if_finished(myself);
        self.go_on(myself);
    }

    pub(super) fn on_resume(&mut self, myself: &ActorRef<SessionMessage>) {
        self.is_paused = false;
        if let Some(wanted) = self.postponed.take() {
            self.subscribe(myself, wanted);
        }
        self.go_on(myself);
    }

    fn go_on(&mut self, myself: &ActorRef<SessionMessage>) {
        self.take_and_write(myself);
        if !self.is_blocked
            && let Some(taken) = self.unacknowledged.take()
        {
            let _ = taken.send(());
        }
    }

    /// Takes due messages and writes them, as far as the client reads them.
    fn take_and_write(&mut self, myself: &ActorRef<SessionMessage>) {
        while !self.is_blocked && self.transport.is_some() && self.subscriptions.are_due() {
            let now = Instant::now();
            if now < self.next_write {
                if !std::mem::replace(&mut self.is_paused, true) {
                    let wait = self.next_write - now;
                    myself.send_after(wait, || SessionMessage::Resume);
                }
                return;
            }
            let has_more = self.take(myself, now);
            if self.messages.is_empty() {
                return;
            }
            self.write(myself);
            if !has_more {
                self.next_write = now + self.context.options.write_interval();
                self.end_if_finished(myself);
                return;
            }
        }
    }

    /// Takes due messages, up to a size; true when there are more.
    fn take(&mut self, myself: &ActorRef<SessionMessage>, now: Instant) -> bool {
        let mut batch = MessageBatch::new(&mut self.messages, MAX_TAKEN_BYTES);
        let request = TakeRequest {
            context: &self.context,
            now: self.now,
        };
        let taken = self.subscriptions.take(request, &mut batch);
        for id in taken.later {
            if let Some(subscription) = self.subscriptions.find(id)
                && subscription.schedule_look(now, now + LOOK_AGAIN)
            {
                myself.send_after(LOOK_AGAIN, move || SessionMessage::Wake(id));
            }
        }
        taken.has_more
    }

    /// Writes the taken messages, as far as the client reads them.
    fn write(&mut self, myself: &ActorRef<SessionMessage>) {
        let Some(transport) = self.transport.as_mut().filter(|_| !self.is_blocked) else {
            return;
        };
        match transport.write(&mut self.messages) {
            Ok(true) => {
                if self.messages.capacity() > MAX_IDLE_MESSAGES {
                    self.messages = VecDeque::new();
                }
            }
            Ok(false) => {
                self.is_blocked = true;
                let writable = transport.writable();
                let myself_then = myself.clone();
                tokio::spawn(async move {
                    writable.await;
                    let _ = myself_then.cast(SessionMessage::Unblocked);
                });
                self.watch(myself);
            }
            Err(Gone) => self.end(myself, Close::Gone),
        }
    }

    /// Ends a session whose only subscription is over, after its last message is written.
    fn end_if_finished(&mut self, myself: &ActorRef<SessionMessage>) {
        if self.is_single && self.subscriptions.are_over() && self.messages.is_empty() {
            self.end(myself, Close::Finished);
        }
    }

    pub(super) fn end(&mut self, myself: &ActorRef<SessionMessage>, why: Close) {
        if let Some(transport) = self.transport.take() {
            self.context.metrics.live_session_closed(why.label());
            transport.close(why);
        }
        self.subscriptions.clear();
        self.unacknowledged = None;
        myself.stop(None);
    }
}
