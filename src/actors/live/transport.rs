//! What writes to one client; implemented for WebSockets and server-sent events.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use super::message::Message;

/// The connection is closed: nothing can be written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Writes to one client, without waiting for it.
pub trait Transport: Send + 'static {
    /// Writes as many messages as the client takes now, and removes them. True when nothing is left
    /// to write.
    ///
    /// # Errors
    /// [`Gone`].
    fn write(&mut self, messages: &mut VecDeque<Message>) -> Result<bool, Gone>;

    /// Takes bytes of the transport itself, to be written between two messages.
    fn control(&mut self, bytes: &[u8]);

    /// Asks the client for a sign of life.
    fn probe(&mut self);

    /// How many writes were completed.
    fn completed(&self) -> u64;

    /// Resolves when more can be written.
    fn writable(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Sends a goodbye, if the client takes it, and ends the connection.
    fn close(self: Box<Self>, why: Close);
}

/// Why a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Close {
    /// The client closed the connection.
    Gone,
    /// The server stops; the client should connect again after about this long.
    Restart(Duration),
    /// The client took nothing for `live.slow_ms`.
    TooSlow,
    /// The client sent messages that are not understood.
    BadMessage(&'static str),
    /// The client sent a message that is too long.
    TooLarge,
    /// The client broke the rules of the transport: close code and reason.
    Protocol(u16, String),
    /// There are too many sessions, or the client sends too many messages.
    TooMany(&'static str),
    /// The client gave no sign of life.
    Silent,
    /// The only subscription of the session is over.
    Finished,
}

impl Close {
    /// Its name in metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Restart(_) => "restart",
            Self::TooSlow => "too_slow",
            Self::BadMessage(_) => "bad_message",
            Self::TooLarge => "too_large",
            Self::Protocol(..) => "protocol",
            Self::TooMany(_) => "too_many",
            Self::Silent => "silent",
            Self::Finished => "finished",
        }
    }
}
