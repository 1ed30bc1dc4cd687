//! Watches whether the client reads, and ends the session of a client that does not.

use ractor::ActorRef;

use super::SessionState;
use crate::actors::live::session::handle::SessionMessage;
use crate::actors::live::transport::Close;

impl SessionState {
    /// Schedules a check of the client's progress, if none is scheduled.
    pub(super) fn watch(&mut self, myself: &ActorRef<SessionMessage>) {
        if let Some(transport) = &self.transport
            && !std::mem::replace(&mut self.is_watched, true)
        {
            let completed = transport.completed();
            let slow = self.context.options.slow;
            myself.send_after(slow, move || SessionMessage::CheckProgress { completed });
        }
    }

    pub(in crate::actors::live::session) fn on_check_progress(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        completed: u64,
    ) {
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

    pub(in crate::actors::live::session) fn on_probe(&mut self, myself: &ActorRef<SessionMessage>) {
        if let Some(transport) = &mut self.transport {
            transport.probe();
        }
        self.write(myself);
    }
}
