//! The session actor.
//!
//! Owns one client: what it subscribes to and how far it has got. Fed by its transport with what
//! the client says, and woken by feeds that have something new. Takes what is due from its feeds
//! when the client can take it, joined into one write, and never more often than the gap allows;
//! while the client takes nothing, it takes nothing either. Dies when the client goes, is too slow,
//! or breaks the rules; nobody restarts it, the client comes again.
//!
//! Its [state](super::state) is under a lock, so that a feed actor that has something for
//! thousands of sessions takes and writes for each that is at rest, instead of sending each a
//! message: what a mailbox costs is more than what a write costs.

use std::sync::{Arc, Mutex, PoisonError};

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};
use tokio::sync::oneshot;

use super::state::SessionState;
use crate::actors::live::context::{LiveContext, SessionPermit};
use crate::actors::live::request::Incoming;
use crate::actors::live::transport::{Close, Transport};

/// A transport's and a feed's hold on a session.
#[derive(Debug, Clone)]
pub struct SessionHandle(ActorRef<SessionMessage>);

impl SessionHandle {
    pub(in crate::actors::live) async fn spawn(
        arguments: SessionArguments,
        supervisor: ActorCell,
    ) -> Result<Self, SpawnErr> {
        let (actor, _) = Actor::spawn_linked(None, SessionActor, arguments, supervisor).await?;
        Ok(Self(actor))
    }

    pub(in crate::actors::live) const fn new(actor: ActorRef<SessionMessage>) -> Self {
        Self(actor)
    }

    pub(in crate::actors::live) const fn actor(&self) -> &ActorRef<SessionMessage> {
        &self.0
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
    pub(in crate::actors::live) fn of(actor: &ActorCell) -> Option<Self> {
        (actor.is_message_type_of::<SessionMessage>() == Some(true))
            .then(|| Self(actor.clone().into()))
    }

    /// A feed that fills this slot has something new.
    pub(in crate::actors::live) fn wake(&self, slot: u64) {
        let _ = self.0.cast(SessionMessage::Wake { slot });
    }
}

/// What a session is asked to do.
pub(in crate::actors::live) enum SessionMessage {
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
pub(in crate::actors::live) struct SessionArguments {
    pub(in crate::actors::live) context: LiveContext,
    pub(in crate::actors::live) transport: Box<dyn Transport>,
    pub(in crate::actors::live) permit: SessionPermit,
    /// It follows one thing, and ends with it.
    pub(in crate::actors::live) is_single: bool,
}

struct SessionActor;

impl Actor for SessionActor {
    type Msg = SessionMessage;
    type State = Arc<Mutex<SessionState>>;
    type Arguments = SessionArguments;

    async fn pre_start(
        &self,
        _: ActorRef<SessionMessage>,
        arguments: SessionArguments,
    ) -> Result<Arc<Mutex<SessionState>>, ActorProcessingErr> {
        Ok(SessionState::new(arguments))
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMessage>,
        message: SessionMessage,
        state: &mut Arc<Mutex<SessionState>>,
    ) -> Result<(), ActorProcessingErr> {
        // Who panicked under the lock has failed by now, and its feed begins anew.
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
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
