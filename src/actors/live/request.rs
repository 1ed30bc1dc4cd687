//! What clients ask for.

use super::message::{Message, Position};
use super::topic::Topic;
use super::transport::Close;
use crate::events::Keyword;

/// What a client called its request, as it wrote it; `None` when it didn't.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestId(pub Option<Box<str>>);

/// Up to where a client has seen a keyword.
pub type Since = Position;

/// Subscribe to a keyword, or to all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// What the client calls it.
    pub id: RequestId,
    /// `None`: topics of all keywords.
    pub keyword: Option<Keyword>,
    /// What to subscribe to.
    pub topics: Vec<Topic>,
    /// What the client has seen; it may be of another epoch, or no epoch at all (`Err`).
    pub since: Option<Result<Since, ()>>,
}

/// Unsubscribe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// What the client calls it.
    pub id: RequestId,
    /// `None`: topics of all keywords.
    pub keyword: Option<Keyword>,
    /// `None`: all topics.
    pub topics: Option<Vec<Topic>>,
}

/// One understood message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Subscribe.
    Subscribe(Subscribe),
    /// Unsubscribe.
    Unsubscribe(Unsubscribe),
    /// Answer.
    Ping(RequestId),
}

/// What came in from a client.
#[derive(Debug)]
pub enum Incoming {
    /// A message that is understood.
    Request(Request),
    /// A message that isn't, with what to say to it.
    Misunderstood(Message),
    /// A request that is refused, with what to say to it.
    Refused(Message),
    /// Bytes of the transport's own, to be sent between two messages.
    Control(Vec<u8>),
    /// The client goes, or has to.
    End(Close),
}

/// Why something cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// There is no such keyword, or it isn't tracked any more.
    NotTracked,
    /// The client may not.
    NotPermitted,
    /// The message is not understood.
    BadRequest,
    /// There are too many subscriptions.
    TooMany,
    /// The server holds as much for live clients as it may.
    Busy,
}
