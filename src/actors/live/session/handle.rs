//! The handle of a session actor for its transport and the supervisor, and its messages.

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

    /// Passes input from the client, and waits until it is handled: while the client reads no
    /// answers, its messages are not read. False when the session has ended.
    pub async fn incoming(&self, incoming: Incoming) -> bool {
        let (taken, answer) = oneshot::channel();
        let message = SessionMessage::Incoming { incoming, taken };
        self.0.cast(message).is_ok() && answer.await.is_ok()
    }

    /// Pings the client, because it has been silent for long.
    pub fn probe(&self) {
        let _ = self.0.cast(SessionMessage::Probe);
    }

    /// Ends the session.
    pub fn close(&self, why: Close) {
        let _ = self.0.cast(SessionMessage::Close(why));
    }

    /// Notifies the session that the feed of a subscription has new messages.
    pub(super) fn wake(&self, id: SubscriptionId) {
        let _ = self.0.cast(SessionMessage::Wake(id));
    }
}

/// Messages of a session actor.
pub(in crate::actors::live) enum SessionMessage {
    /// The feed of a subscription has new messages.
    Wake(SubscriptionId),
    /// Input from the client.
    Incoming {
        incoming: Incoming,
        taken: oneshot::Sender<()>,
    },
    /// The transport can be written again.
    Unblocked,
    /// The pause before the next write, or before a retry, is over.
    Resume,
    /// Check whether the client has completed a write beyond this number.
    CheckProgress { completed: u64 },
    /// Ping the client.
    Probe,
    /// End the session.
    Close(Close),
}
