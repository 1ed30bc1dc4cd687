//! Handles the input of the client.

use std::time::Duration;

use ractor::ActorRef;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{SessionState, SessionSubscriber};
use crate::actors::live::request::{ErrorCode, Incoming, Request, Subscribe};
use crate::actors::live::session::handle::{SessionHandle, SessionMessage};
use crate::actors::live::session::subscriptions::TooMany;
use crate::actors::live::subscriber::SubscriberSlot;
use crate::actors::live::transport::Close;

/// Maximum number of consecutive invalid messages; then the session ends.
const MAX_MISUNDERSTOOD_IN_A_ROW: u32 = 5;
/// Pause before a session with one subscription retries a request for which the budget had no room.
const BUSY_RETRY: Duration = Duration::from_millis(500);

impl SessionState {
    pub(in crate::actors::live::session) fn on_incoming(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        incoming: Incoming,
        taken: oneshot::Sender<()>,
    ) {
        match incoming {
            Incoming::Request(request) => {
                self.misunderstood = 0;
                self.on_request(myself, request);
            }
            Incoming::Misunderstood(answer) => {
                self.messages.push_back(answer);
                self.misunderstood += 1;
                if self.misunderstood >= MAX_MISUNDERSTOOD_IN_A_ROW {
                    let why = "five messages in a row were not understood";
                    self.write(myself);
                    self.end(myself, Close::BadMessage(why));
                    return;
                }
            }
            Incoming::Refused(answer) => self.messages.push_back(answer),
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
        self.take_and_write(myself);
        if self.is_blocked {
            self.unacknowledged = Some(taken);
        } else {
            let _ = taken.send(());
        }
    }

    fn on_request(&mut self, myself: &ActorRef<SessionMessage>, request: Request) {
        match request {
            Request::Subscribe(wanted) => self.subscribe(myself, wanted),
            Request::Unsubscribe(unwanted) => self.subscriptions.close(&unwanted),
            Request::Ping(id) => self.messages.push_back(self.context.encoder.pong(&id)),
        }
    }

    /// Handles a subscribe request.
    pub(super) fn subscribe(&mut self, myself: &ActorRef<SessionMessage>, wanted: Subscribe) {
        if !self.context.has_room(&wanted, self.now) {
            self.postpone(myself, wanted);
            return;
        }
        let (id, keyword) = (wanted.id.clone(), wanted.keyword.clone());
        let this = &self.this;
        let opened = self.subscriptions.open(&self.context, wanted, |id| {
            SubscriberSlot::new(SessionSubscriber {
                session: SessionHandle::new(myself.clone()),
                state: this.clone(),
                id,
            })
        });
        if opened == Err(TooMany) {
            let max = self.context.options.subscriptions;
            let text = format!(
                "{max} topics may be subscribed to at a time in one connection; unsubscribe some"
            );
            let encoder = &self.context.encoder;
            let refusal = encoder.error(&id, keyword.as_ref(), ErrorCode::TooMany, &text);
            self.messages.push_back(refusal);
            return;
        }
        // An answer to the client does not wait for the next write of updates.
        self.next_write = Instant::now();
    }

    /// Handles a subscribe request without room in the budget. In a session with `is_single` the
    /// request waits for room; in any other it is answered with `busy`.
    fn postpone(&mut self, myself: &ActorRef<SessionMessage>, wanted: Subscribe) {
        self.context.budget.count_refused();
        if self.is_single {
            self.postponed = Some(wanted);
            if !std::mem::replace(&mut self.is_paused, true) {
                myself.send_after(BUSY_RETRY, || SessionMessage::Resume);
            }
            return;
        }
        let text = format!(
            "the server holds as much for live clients as it may ({} bytes, live.budget); try \
            again in some seconds",
            self.context.budget.limit()
        );
        let (id, keyword) = (&wanted.id, wanted.keyword.as_ref());
        let encoder = &self.context.encoder;
        let refusal = encoder.error(id, keyword, ErrorCode::Busy, &text);
        self.messages.push_back(refusal);
    }
}
