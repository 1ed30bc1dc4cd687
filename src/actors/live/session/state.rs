//! What a session holds, and all that it does.
//!
//! Everything here is done under the session's lock: by its actor, which takes what the client says
//! and what time brings, or by a feed actor that has something for many sessions and finds this one
//! at rest. Nothing here waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use ractor::ActorRef;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::actor::{SessionArguments, SessionMessage};
use super::subscribe::MAX_WAITING_SNAPSHOTS;
use super::subscription::{Subscription, TakeOutcome};
use crate::actors::live::context::{LiveContext, SessionPermit};
use crate::actors::live::message::Message;
use crate::actors::live::request::{Incoming, Request, Subscribe};
use crate::actors::live::transport::{Close, Gone, Transport};
use crate::telemetry::CountedActor;

/// So many bytes of lines are taken at a time, about: that much a client that takes nothing holds
/// back.
const MAX_TAKEN_BYTES: usize = 16 * 1024;
/// So many messages in a row may be misunderstood before the session ends.
const MAX_MISUNDERSTOOD_IN_A_ROW: u32 = 5;
/// A view that has to catch up is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// One client: what it subscribes to, and how far it has got.
pub(in crate::actors::live) struct SessionState {
    /// Itself, for the subscribers in its name.
    pub(in crate::actors::live) this: Weak<Mutex<Self>>,
    pub(in crate::actors::live) context: LiveContext,
    transport: Option<Box<dyn Transport>>,
    pub(in crate::actors::live) is_single: bool,
    /// In the order of their slots.
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) slots_made: u64,
    /// How many channels more may wait for snapshots.
    pub(in crate::actors::live) may_wait: usize,
    /// Some channels are to ask for snapshots when fewer wait.
    has_queued: bool,
    /// A subscription of a stream that waits for room in the budget.
    pub(super) postponed: Option<Subscribe>,
    /// Taken, but not written.
    pub(in crate::actors::live) lines: VecDeque<Message>,
    /// The client takes nothing now.
    is_blocked: bool,
    /// What came in while the client takes nothing is not acknowledged.
    unacknowledged: Option<oneshot::Sender<()>>,
    is_watched: bool,
    /// Updates are written no earlier.
    pub(super) next_write: Instant,
    go_is_due: bool,
    misunderstood: u32,
    _permit: SessionPermit,
    _alive: CountedActor,
}

impl std::fmt::Debug for SessionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionState")
            .field("subscriptions", &self.subscriptions)
            .finish_non_exhaustive()
    }
}

impl SessionState {
    pub(in crate::actors::live) fn new(arguments: SessionArguments) -> Arc<Mutex<Self>> {
        Arc::new_cyclic(|this| {
            Mutex::new(Self {
                this: this.clone(),
                _alive: arguments.context.metrics.actor_alive("session"),
                context: arguments.context,
                transport: Some(arguments.transport),
                is_single: arguments.is_single,
                subscriptions: Vec::new(),
                slots_made: 0,
                may_wait: MAX_WAITING_SNAPSHOTS,
                has_queued: false,
                postponed: None,
                lines: VecDeque::new(),
                is_blocked: false,
                unacknowledged: None,
                is_watched: false,
                next_write: Instant::now(),
                go_is_due: false,
                misunderstood: 0,
                _permit: arguments.permit,
            })
        })
    }

    pub(in crate::actors::live) fn on_wake(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        slot: u64,
    ) {
        if let Ok(index) = self
            .subscriptions
            .binary_search_by_key(&slot, |one| one.slot)
            && let Some(subscription) = self.subscriptions.get_mut(index)
        {
            subscription.is_due = true;
            if subscription.is_opening() {
                // What was asked for is not made to wait for the next tick.
                self.next_write = Instant::now();
            }
            self.go(myself);
        }
    }

    pub(super) fn on_incoming(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        incoming: Incoming,
        taken: oneshot::Sender<()>,
    ) {
        match incoming {
            Incoming::Request(request) => {
                self.misunderstood = 0;
                match request {
                    Request::Subscribe(wanted) => self.subscribe(myself, wanted),
                    Request::Unsubscribe(unwanted) => self.unsubscribe(&unwanted),
                    Request::Ping(id) => self.lines.push_back(self.context.encoder.pong(&id)),
                }
            }
            Incoming::Misunderstood(line) => {
                self.lines.push_back(line);
                self.misunderstood += 1;
                if self.misunderstood >= MAX_MISUNDERSTOOD_IN_A_ROW {
                    self.write(myself);
                    self.end(
                        myself,
                        Close::BadMessage("five messages in a row were not understood"),
                    );
                    return;
                }
            }
            Incoming::Refused(line) => self.lines.push_back(line),
            Incoming::Control(bytes) => {
                if let Some(transport) = &mut self.transport {
                    transport.control(&bytes);
                }
            }
            Incoming::End(why) => {
                self.write(myself);
                self.end(myself, why);
                return;
            }
        }
        self.write(myself);
        self.go(myself);
        if self.is_blocked {
            self.unacknowledged = Some(taken);
        } else {
            let _ = taken.send(());
        }
    }

    pub(super) fn on_go(&mut self, myself: &ActorRef<SessionMessage>, unblocked: bool) {
        if unblocked {
            self.is_blocked = false;
            self.write(myself);
            self.end_if_finished(myself);
        } else {
            self.go_is_due = false;
            if let Some(wanted) = self.postponed.take() {
                self.subscribe(myself, wanted);
            }
        }
        self.go(myself);
        if !self.is_blocked
            && let Some(taken) = self.unacknowledged.take()
        {
            let _ = taken.send(());
        }
    }

    pub(super) fn on_overdue(&mut self, myself: &ActorRef<SessionMessage>, completed: u64) {
        self.is_watched = false;
        let Some(transport) = self.transport.as_ref().filter(|_| self.is_blocked) else {
            return;
        };
        if transport.completed() == completed {
            self.end(myself, Close::TooSlow);
        } else {
            self.watch(myself);
        }
    }

    pub(super) fn on_probe(&mut self, myself: &ActorRef<SessionMessage>) {
        if let Some(transport) = &mut self.transport {
            transport.probe();
        }
        self.write(myself);
    }

    /// Takes and writes what is due, as far as the client takes it.
    fn go(&mut self, myself: &ActorRef<SessionMessage>) {
        while !self.is_blocked && self.transport.is_some() {
            if !self.subscriptions.iter().any(|one| one.is_due) {
                return;
            }
            let now = Instant::now();
            if now < self.next_write {
                if !std::mem::replace(&mut self.go_is_due, true) {
                    let wait = self.next_write - now;
                    myself.send_after(wait, || SessionMessage::Go { unblocked: false });
                }
                return;
            }
            let is_all = self.take(myself);
            if self.lines.is_empty() {
                return;
            }
            self.write(myself);
            if is_all {
                self.next_write = now + self.context.options.gap();
                self.end_if_finished(myself);
                return;
            }
        }
    }

    /// Ends a session whose only subscription is over, when its last line is written.
    fn end_if_finished(&mut self, myself: &ActorRef<SessionMessage>) {
        let is_over = self.slots_made > 0 && self.subscriptions.is_empty();
        if self.is_single && is_over && self.lines.is_empty() {
            self.end(myself, Close::Finished);
        }
    }

    /// Takes what is due, up to a size; true when that was all.
    fn take(&mut self, myself: &ActorRef<SessionMessage>) -> bool {
        let mut budget = MAX_TAKEN_BYTES;
        loop {
            let is_all = self.take_some(myself, &mut budget);
            if !is_all || !self.has_queued || !self.ask_queued() {
                return is_all;
            }
        }
    }

    /// Takes what is due, up to a size; true when that was all but for channels that are queued.
    fn take_some(&mut self, myself: &ActorRef<SessionMessage>, budget: &mut usize) -> bool {
        let now = Instant::now();
        let mut over = Vec::new();
        let mut is_all = true;
        self.has_queued = false;
        for subscription in &mut self.subscriptions {
            self.has_queued |= subscription.is_queued;
            if !subscription.is_due {
                continue;
            }
            if *budget == 0 {
                is_all = false;
                break;
            }
            let (lines, may_wait) = (&mut self.lines, &mut self.may_wait);
            match subscription.take(&self.context, lines, budget, may_wait) {
                TakeOutcome::All => {
                    subscription.is_due = false;
                    self.has_queued |= subscription.is_queued;
                }
                TakeOutcome::Part => {
                    is_all = false;
                    break;
                }
                TakeOutcome::Later => {
                    let slot = subscription.slot;
                    subscription.is_due = false;
                    if subscription.looks_again(now, now + LOOK_AGAIN) {
                        myself.send_after(LOOK_AGAIN, move || SessionMessage::Wake { slot });
                    }
                }
                TakeOutcome::Over => over.push(subscription.slot),
            }
        }
        if !over.is_empty() {
            self.subscriptions
                .retain(|subscription| !over.contains(&subscription.slot));
            self.count_waiting();
        }
        is_all
    }

    /// Writes what was taken, as far as the client takes it.
    fn write(&mut self, myself: &ActorRef<SessionMessage>) {
        let Some(transport) = self.transport.as_mut().filter(|_| !self.is_blocked) else {
            return;
        };
        match transport.write(&mut self.lines) {
            Ok(true) => {
                if self.lines.capacity() > 64 {
                    self.lines = VecDeque::new();
                }
            }
            Ok(false) => {
                self.is_blocked = true;
                let writable = transport.writable();
                let myself_then = myself.clone();
                tokio::spawn(async move {
                    writable.await;
                    let _ = myself_then.cast(SessionMessage::Go { unblocked: true });
                });
                self.watch(myself);
            }
            Err(Gone) => self.end(myself, Close::Gone),
        }
    }

    /// Sees to it that a client that takes nothing is noticed.
    fn watch(&mut self, myself: &ActorRef<SessionMessage>) {
        if let Some(transport) = &self.transport
            && !std::mem::replace(&mut self.is_watched, true)
        {
            let completed = transport.completed();
            myself.send_after(self.context.options.slow, move || SessionMessage::Overdue {
                completed,
            });
        }
    }

    pub(in crate::actors::live) fn end(&mut self, myself: &ActorRef<SessionMessage>, why: Close) {
        if let Some(transport) = self.transport.take() {
            self.context.metrics.live_session_closed(why.label());
            transport.close(why);
        }
        self.subscriptions.clear();
        self.unacknowledged = None;
        myself.stop(None);
    }
}
