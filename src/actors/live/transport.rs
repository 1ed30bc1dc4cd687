//! The way to one client; implemented by its transport.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use super::message::Message;

/// The client is gone; nothing can be written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Writes to one client, and never waits for it.
pub trait Transport: Send + 'static {
    /// Writes as many of the lines as the client takes now, and takes them out. True when nothing
    /// is left to write.
    ///
    /// # Errors
    /// [`Gone`].
    fn write(&mut self, lines: &mut VecDeque<Message>) -> Result<bool, Gone>;

    /// Takes bytes of the transport's own, to be written between two messages.
    fn control(&mut self, bytes: &[u8]);

    /// Asks the client for a sign of life.
    fn probe(&mut self);

    /// How many writes it has completed.
    fn completed(&self) -> u64;

    /// Resolves when more can be written.
    fn writable(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Says goodbye, as far as the client listens, and ends the connection.
    fn close(self: Box<Self>, why: Close);
}

/// Why a session ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Close {
    /// The client said goodbye, or is gone.
    Gone,
    /// The server stops; the client should come again after about this long.
    Restart(Duration),
    /// The client took nothing for too long.
    TooSlow,
    /// The client sent what cannot be understood.
    BadMessage(&'static str),
    /// The client sent a message that is too long.
    TooLarge,
    /// The client broke the rules of the transport, of which this is the code.
    Protocol(u16, String),
    /// There are too many sessions, or the client sent too much.
    TooMany(&'static str),
    /// The client gave no sign of life.
    Silent,
    /// What the only subscription of the session was about is gone.
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
