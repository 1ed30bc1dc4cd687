//! What clients ask for.

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
    /// `None`: topics of all keywords.
    pub keyword: Option<Keyword>,
    /// The topics to subscribe to.
    pub topics: Vec<Topic>,
    /// The position from which the client resumes; it may be of another epoch. `None` when the
    /// client names none, or none that this server could have written.
    pub since: Option<Position>,
}

/// Unsubscribe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Id of the request.
    pub id: RequestId,
    /// `None`: topics of all keywords.
    pub keyword: Option<Keyword>,
    /// `None`: all topics.
    pub topics: Option<Vec<Topic>>,
}

/// A message that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Subscribe.
    Subscribe(Subscribe),
    /// Unsubscribe.
    Unsubscribe(Unsubscribe),
    /// Answer with a pong.
    Ping(RequestId),
}

/// What came in from a client.
#[derive(Debug)]
pub enum Incoming {
    /// A message that is understood.
    Request(Request),
    /// A message that is not understood, with the answer to it.
    Misunderstood(Message),
    /// A request that is refused, with the answer to it.
    Refused(Message),
    /// Bytes of the transport itself, to be sent between two messages.
    Control(Vec<u8>),
    /// The client closes the connection, or the session has to end.
    End(Close),
}

/// Why a request is refused, or a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// There is no such keyword, or it is not tracked any more.
    NotTracked,
    /// The client has no permission.
    NotPermitted,
    /// The message is not understood.
    BadRequest,
    /// The client has too many subscriptions.
    TooMany,
    /// The budget of live clients is used up.
    Busy,
}
