//! The writer to one client; implemented for WebSockets and server-sent events.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use super::message::Message;

/// The connection is closed: nothing more can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Writes to one client, without waiting for it.
pub trait Transport: Send + 'static {
    /// Writes as many messages as the client accepts now, and removes them from the list. True when
    /// all bytes were written.
    ///
    /// # Errors
    /// [`Gone`].
    fn write(&mut self, messages: &mut VecDeque<Message>) -> Result<bool, Gone>;

    /// Takes bytes of the transport itself, to be written between two messages.
    fn control(&mut self, bytes: &[u8]);

    /// Pings the client.
    fn probe(&mut self);

    /// Number of completed writes.
    fn completed(&self) -> u64;

    /// Resolves when the transport can be written again.
    fn writable(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Sends a close message, if the client accepts it, and ends the connection.
    fn close(self: Box<Self>, why: Close);
}

/// Why a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Close {
    /// The client closed the connection.
    Gone,
    /// The server is stopping; the client should connect again after about this time.
    Restart(Duration),
    /// The client read nothing for `live.slow_ms`.
    TooSlow,
    /// The client sent invalid messages.
    BadMessage(&'static str),
    /// The client sent a message that is too long.
    TooLarge,
    /// The client broke the rules of the transport: close code and reason.
    Protocol(u16, String),
    /// Too many sessions are open, or the client sends too many messages.
    TooMany(&'static str),
    /// The client did not answer a ping.
    Silent,
    /// The only subscription of the session is over.
    Finished,
}

impl Close {
    /// The reason's name in metrics.
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
