//! The requests of clients.

use super::message::{Message, Position};
use super::topic::Topic;
use super::transport::Close;
use crate::events::Keyword;

/// The id of a request, as the client wrote it; `None` without an id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestId(pub Option<Box<str>>);

/// Subscribe to topics of one keyword, or of all keywords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Id of the request.
    pub id: RequestId,
    /// The keyword; `None` for topics of all keywords.
    pub keyword: Option<Keyword>,
    /// The topics to subscribe to.
    pub topics: Vec<Topic>,
    /// The position from which the client resumes; it may be of another epoch. `None` when the
    /// client names no position, or a position that no server writes.
    pub since: Option<Position>,
}

/// Unsubscribe from topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The id of the request.
    pub id: RequestId,
    /// The keyword; `None` for topics of all keywords.
    pub keyword: Option<Keyword>,
    /// The topics; `None` for all of them.
    pub topics: Option<Vec<Topic>>,
}

/// A valid message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Subscribe to topics.
    Subscribe(Subscribe),
    /// Unsubscribe from topics.
    Unsubscribe(Unsubscribe),
    /// Answer with a pong.
    Ping(RequestId),
}

/// Input from a client.
#[derive(Debug)]
pub enum Incoming {
    /// A valid message.
    Request(Request),
    /// An invalid message, with the answer to it.
    Misunderstood(Message),
    /// A request that is refused, with the answer to it.
    Refused(Message),
    /// Bytes of the transport itself, such as a pong, to be sent between two messages.
    Control(Vec<u8>),
    /// The client closes the connection, or the session has to end.
    End(Close),
}

/// Why a request is refused, or a subscription ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The keyword does not exist, or is no longer tracked.
    NotTracked,
    /// The client has no permission.
    NotPermitted,
    /// The message is invalid.
    BadRequest,
    /// The client has too many subscriptions.
    TooMany,
    /// The budget of live clients is used up.
    Busy,
}
