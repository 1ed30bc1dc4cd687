//! What a transport and the supervisor hold of a session actor, and what they send to it.

use ractor::{ActorCell, ActorRef};
use tokio::sync::oneshot;

use super::subscription::SubscriptionId;
use crate::actors::live::request::Incoming;
use crate::actors::live::transport::Close;

/// The handle of one session; cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionHandle(ActorRef<SessionMessage>);

impl SessionHandle {
    pub(super) const fn new(actor: ActorRef<SessionMessage>) -> Self {
        Self(actor)
    }

    pub(super) const fn actor(&self) -> &ActorRef<SessionMessage> {
        &self.0
    }

    /// The handle of an actor, if it is a session actor.
    pub(in crate::actors::live) fn of(actor: &ActorCell) -> Option<Self> {
        (actor.is_message_type_of::<SessionMessage>() == Some(true))
            .then(|| Self(actor.clone().into()))
    }

    /// Hands over what came in, and waits until it is taken: while the client takes no answers, its
    /// messages are not read. False when the session is over.
    pub async fn incoming(&self, incoming: Incoming) -> bool {
        let (taken, answer) = oneshot::channel();
        let message = SessionMessage::Incoming { incoming, taken };
        self.0.cast(message).is_ok() && answer.await.is_ok()
    }

    /// Asks the client for a sign of life, because it has been silent for long.
    pub fn probe(&self) {
        let _ = self.0.cast(SessionMessage::Probe);
    }

    /// Ends the session.
    pub fn close(&self, why: Close) {
        let _ = self.0.cast(SessionMessage::Close(why));
    }

    /// The feed of a subscription has something new.
    pub(super) fn wake(&self, id: SubscriptionId) {
        let _ = self.0.cast(SessionMessage::Wake(id));
    }
}

/// Steps of a session actor.
pub(in crate::actors::live) enum SessionMessage {
    /// The feed of a subscription has something new.
    Wake(SubscriptionId),
    /// Something came in from the client.
    Incoming {
        incoming: Incoming,
        taken: oneshot::Sender<()>,
    },
    /// The client can take more.
    Unblocked,
    /// A pause is over.
    Resume,
    /// Check whether the client has completed a write since there were this many.
    CheckProgress { completed: u64 },
    /// Ask the client for a sign of life.
    Probe,
    /// End.
    Close(Close),
}
