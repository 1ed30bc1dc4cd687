//! The session actor.
//!
//! Owns one client: its subscriptions, and what it has received. In: the client's messages from its
//! transport, and wake-ups from feeds with new messages. Out: due messages, joined into one write,
//! with a minimum time between writes. While the client reads nothing, nothing is taken from the
//! feeds. The actor ends when the client leaves, is too slow, or breaks the rules. It is never
//! restarted; the client connects again.
//!
//! The [state](super::state) of the session is under a lock. So a feed actor with updates for
//! thousands of sessions takes and writes for each idle session itself: sending a message to each
//! session would cost more than the write.

use std::sync::Arc;

use parking_lot::Mutex;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr};

use super::handle::{SessionHandle, SessionMessage};
use super::state::{SessionArguments, SessionState};

/// Spawns a session actor under a supervisor.
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
