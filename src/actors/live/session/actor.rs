//! The session actor.
//!
//! Owns one client: what it subscribes to and how far it has received it. Fed by its transport with
//! the client's messages, and woken by feeds that have something new. Takes what is due from its
//! feeds when the client can take it, joins it into one write, and keeps a least time between
//! writes; while the client takes nothing, nothing is taken from the feeds. Dies when the client
//! leaves, is too slow, or breaks the rules; never restarted, the client connects again.
//!
//! Its [state](super::state) is under a lock, so that a feed actor with news for thousands of
//! sessions takes and writes for each session at rest, instead of sending each a message: a message
//! costs more than a write.

use std::sync::Arc;

use parking_lot::Mutex;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use super::handle::{SessionHandle, SessionMessage};
use super::state::{SessionArguments, SessionState};

/// Starts a session under a supervisor.
pub(in crate::actors::live) async fn spawn(
    arguments: SessionArguments,
    supervisor: ActorCell,
) -> Result<SessionHandle, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, SessionActor, arguments, supervisor).await?;
    Ok(SessionHandle::new(actor))
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
        let mut state = state.lock();
        state.read_clock();
        match message {
            SessionMessage::Wake(id) => state.on_wake(&myself, id),
            SessionMessage::Incoming { incoming, taken } => {
                state.on_incoming(&myself, incoming, taken);
            }
            SessionMessage::Unblocked => state.on_unblocked(&myself),
            SessionMessage::Resume => state.on_resume(&myself),
            SessionMessage::CheckProgress { completed } => {
                state.on_check_progress(&myself, completed);
            }
            SessionMessage::Probe => state.on_probe(&myself),
            SessionMessage::Close(why) => state.end(&myself, why),
        }
        Ok(())
    }
}
