//! The session actor.
//!
//! Owns one client: what it follows and how far it has got. Fed by its transport with what the
//! client says, and woken by feeds that have something new. Takes what is due from its feeds when
//! the client can take it, joined into one write, and never more often than the gap allows; while the
//! client takes nothing, it takes nothing either. Dies when the client goes, is too slow, or breaks
//! the rules; nobody restarts it, the client comes again.

use std::collections::VecDeque;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::feed::Follower;
use super::line::Line;
use super::outlet::{Close, Gone, Outlet};
use super::request::{ErrorCode, Incoming, Request, Subscribe, Unsubscribe};
use super::subscription::{Subscription, Taken};
use super::supervisor::{LiveParts, Place};
use crate::events::Keyword;
use crate::telemetry::Counted;

/// So many bytes of lines are taken at a time, about.
const TAKEN_AT_A_TIME: usize = 64 * 1024;
/// So many messages in a row may be misunderstood before the session ends.
const MOST_MISUNDERSTOOD: u32 = 5;
/// A view that has to catch up is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A transport's and a feed's hold on a session.
#[derive(Debug, Clone)]
pub struct SessionHandle(ActorRef<SessionMessage>);

impl SessionHandle {
    pub(super) async fn spawn(
        arguments: SessionArguments,
        supervisor: ActorCell,
    ) -> Result<Self, SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, SessionActor, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    /// Hands over what came in, and waits until it is taken: while the client takes no answers, it
    /// is not listened to. False when the session is over.
    pub async fn incoming(&self, incoming: Incoming) -> bool {
        let (taken, answer) = oneshot::channel();
        let message = SessionMessage::Incoming { incoming, taken };
        self.0.cast(message).is_ok() && answer.await.is_ok()
    }

    /// The client has been silent for long: it is asked for a sign of life.
    pub fn probe(&self) {
        let _ = self.0.cast(SessionMessage::Probe);
    }

    /// Ends the session.
    pub fn close(&self, why: Close) {
        let _ = self.0.cast(SessionMessage::Close(why));
    }

    /// The session that an actor is, if it is one.
    pub(super) fn of(actor: &ActorCell) -> Option<Self> {
        (actor.is_message_type_of::<SessionMessage>() == Some(true))
            .then(|| Self(actor.clone().into()))
    }

    /// A feed that fills this slot has something new.
    pub(super) fn wake(&self, slot: u64) {
        let _ = self.0.cast(SessionMessage::Wake { slot });
    }
}

/// What a session is asked to do.
pub(super) enum SessionMessage {
    /// A feed has something new.
    Wake { slot: u64 },
    /// Something came in from the client.
    Incoming {
        incoming: Incoming,
        taken: oneshot::Sender<()>,
    },
    /// The client can take more, or a pause is over.
    Go { unblocked: bool },
    /// See whether the client has completed a write.
    Overdue { completed: u64 },
    /// Ask for a sign of life.
    Probe,
    /// End.
    Close(Close),
}

/// What a session needs.
pub(super) struct SessionArguments {
    pub(super) parts: LiveParts,
    pub(super) outlet: Box<dyn Outlet>,
    pub(super) place: Place,
    /// It follows one thing, and ends with it.
    pub(super) is_single: bool,
}

pub(super) struct SessionState {
    parts: LiveParts,
    outlet: Option<Box<dyn Outlet>>,
    is_single: bool,
    /// In the order of their slots.
    subscriptions: Vec<Subscription>,
    slots_made: u64,
    /// Taken, but not written.
    lines: VecDeque<Line>,
    /// The client takes nothing now.
    is_blocked: bool,
    /// What came in while the client takes nothing is not acknowledged.
    unacknowledged: Option<oneshot::Sender<()>>,
    is_watched: bool,
    /// Updates are written no earlier.
    next_write: Instant,
    go_is_due: bool,
    misunderstood: u32,
    _place: Place,
    _alive: Counted,
}

struct SessionActor;

impl Actor for SessionActor {
    type Msg = SessionMessage;
    type State = SessionState;
    type Arguments = SessionArguments;

    async fn pre_start(
        &self,
        _: ActorRef<SessionMessage>,
        arguments: SessionArguments,
    ) -> Result<SessionState, ActorProcessingErr> {
        Ok(SessionState {
            _alive: arguments.parts.metrics.actor_alive("session"),
            parts: arguments.parts,
            outlet: Some(arguments.outlet),
            is_single: arguments.is_single,
            subscriptions: Vec::new(),
            slots_made: 0,
            lines: VecDeque::new(),
            is_blocked: false,
            unacknowledged: None,
            is_watched: false,
            next_write: Instant::now(),
            go_is_due: false,
            misunderstood: 0,
            _place: arguments.place,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMessage>,
        message: SessionMessage,
        state: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionMessage::Wake { slot } => state.on_wake(&myself, slot),
            SessionMessage::Incoming { incoming, taken } => {
                state.on_incoming(&myself, incoming, taken);
            }
            SessionMessage::Go { unblocked } => state.on_go(&myself, unblocked),
            SessionMessage::Overdue { completed } => state.on_overdue(&myself, completed),
            SessionMessage::Probe => state.on_probe(&myself),
            SessionMessage::Close(why) => state.end(&myself, why),
        }
        Ok(())
    }
}

impl SessionState {
    fn on_wake(&mut self, myself: &ActorRef<SessionMessage>, slot: u64) {
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

    fn on_incoming(
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
                    Request::Ping(id) => self.lines.push_back(self.parts.shapes.pong(&id)),
                }
            }
            Incoming::Misunderstood(line) => {
                self.lines.push_back(line);
                self.misunderstood += 1;
                if self.misunderstood >= MOST_MISUNDERSTOOD {
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
                if let Some(outlet) = &mut self.outlet {
                    outlet.control(&bytes);
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

    fn on_go(&mut self, myself: &ActorRef<SessionMessage>, unblocked: bool) {
        if unblocked {
            self.is_blocked = false;
            self.write(myself);
        } else {
            self.go_is_due = false;
        }
        self.go(myself);
        if !self.is_blocked
            && let Some(taken) = self.unacknowledged.take()
        {
            let _ = taken.send(());
        }
    }

    fn on_overdue(&mut self, myself: &ActorRef<SessionMessage>, completed: u64) {
        self.is_watched = false;
        let Some(outlet) = self.outlet.as_ref().filter(|_| self.is_blocked) else {
            return;
        };
        if outlet.completed() == completed {
            self.end(myself, Close::TooSlow);
        } else {
            self.watch(myself);
        }
    }

    fn on_probe(&mut self, myself: &ActorRef<SessionMessage>) {
        if let Some(outlet) = &mut self.outlet {
            outlet.probe();
        }
        self.write(myself);
    }

    fn subscribe(&mut self, myself: &ActorRef<SessionMessage>, wanted: Subscribe) {
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
                .is_some_and(|held| held.follows(topic))
        });
        let followed: usize = self.subscriptions.iter().map(Subscription::len).sum();
        let most = self.parts.options.subscriptions;
        if followed.saturating_add(new.count()) > most {
            let message = format!(
                "{most} topics may be followed at a time in one connection; unsubscribe some"
            );
            self.lines.push_back(self.parts.shapes.error(
                &id,
                keyword.as_ref(),
                ErrorCode::TooMany,
                &message,
            ));
            return;
        }
        let index = match held {
            Some(index) => index,
            None => {
                self.slots_made += 1;
                let slot = self.slots_made;
                let follower = Follower::new(SessionHandle(myself.clone()), slot);
                let followed = self
                    .parts
                    .follow(keyword.as_ref(), std::sync::Arc::clone(&follower));
                self.subscriptions
                    .push(Subscription::new(slot, keyword, followed, follower));
                self.subscriptions.len() - 1
            }
        };
        if let Some(subscription) = self.subscriptions.get_mut(index) {
            subscription.open(&self.parts, id, topics, since);
        }
        // An answer to the client is not made to wait for the next tick.
        self.next_write = Instant::now();
    }

    fn unsubscribe(&mut self, unwanted: &Unsubscribe) {
        if let Some(index) = self.position_of(unwanted.keyword.as_ref())
            && let Some(subscription) = self.subscriptions.get_mut(index)
            && subscription.close(unwanted.topics.as_deref())
        {
            self.subscriptions.remove(index);
        }
    }

    fn position_of(&self, keyword: Option<&Keyword>) -> Option<usize> {
        self.subscriptions
            .iter()
            .position(|held| held.keyword.as_ref() == keyword)
    }

    /// Takes and writes what is due, as far as the client takes it.
    fn go(&mut self, myself: &ActorRef<SessionMessage>) {
        while !self.is_blocked && self.outlet.is_some() {
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
                self.next_write = now + self.parts.options.gap();
                if self.is_single && self.subscriptions.is_empty() {
                    self.end(myself, Close::Finished);
                }
                return;
            }
        }
    }

    /// Takes what is due, up to a size; true when that was all.
    fn take(&mut self, myself: &ActorRef<SessionMessage>) -> bool {
        let mut budget = TAKEN_AT_A_TIME;
        let mut over = Vec::new();
        let mut is_all = true;
        for subscription in &mut self.subscriptions {
            if !subscription.is_due {
                continue;
            }
            if budget == 0 {
                is_all = false;
                break;
            }
            match subscription.take(&self.parts, &mut self.lines, &mut budget) {
                Taken::All => subscription.is_due = false,
                Taken::Part => {
                    is_all = false;
                    break;
                }
                Taken::Later => {
                    let slot = subscription.slot;
                    subscription.is_due = false;
                    myself.send_after(LOOK_AGAIN, move || SessionMessage::Wake { slot });
                }
                Taken::Over => over.push(subscription.slot),
            }
        }
        self.subscriptions
            .retain(|subscription| !over.contains(&subscription.slot));
        is_all
    }

    /// Writes what was taken, as far as the client takes it.
    fn write(&mut self, myself: &ActorRef<SessionMessage>) {
        let Some(outlet) = self.outlet.as_mut().filter(|_| !self.is_blocked) else {
            return;
        };
        match outlet.write(&mut self.lines) {
            Ok(true) => {
                if self.lines.capacity() > 64 {
                    self.lines = VecDeque::new();
                }
            }
            Ok(false) => {
                self.is_blocked = true;
                let writable = outlet.writable();
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
        if let Some(outlet) = &self.outlet
            && !std::mem::replace(&mut self.is_watched, true)
        {
            let completed = outlet.completed();
            myself.send_after(self.parts.options.slow, move || SessionMessage::Overdue {
                completed,
            });
        }
    }

    fn end(&mut self, myself: &ActorRef<SessionMessage>, why: Close) {
        if let Some(outlet) = self.outlet.take() {
            self.parts.metrics.live_session_closed(why.label());
            outlet.close(why);
        }
        self.subscriptions.clear();
        self.unacknowledged = None;
        myself.stop(None);
    }
}
