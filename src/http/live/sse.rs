//! `GET /keywords/{token}/events`: streams one topic of one keyword as server-sent events.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::{decode, topics};
use crate::access::Action;
use crate::actors::live::{
    Close, Gone, Incoming, Message, MessageKind, OpenError, Position, Request as LiveRequest,
    RequestId, SessionHandle, Subscribe, Transport,
};
use crate::events::{Keyword, Sequence};
use crate::http::Http;
use crate::http::description::Operation;
use crate::http::parameter::{Head, Parameter, Text};
use crate::http::problem::Problem;
use crate::http::request_context::{RequestContext, blocking};
use crate::http::resource::Scope;
use crate::telemetry::Metrics;

/// The query parameter that names the topic.
const TOPIC: Text = Text(Head::new("topic", "The topic to subscribe to"));

/// The parameters of this route: `topic`, and the parameters of all topics of one keyword.
pub(in crate::http) fn parameters() -> Vec<Parameter> {
    let of_topics = topics::stream_parameters().into_iter();
    std::iter::once(Parameter::Text(TOPIC))
        .chain(of_topics.filter_map(|parameter| parameter.first()))
        .collect()
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Longest time without an event after which a comment is sent.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Events are joined into one piece of the body until it has this many bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// Answers `GET …/events`.
pub async fn get(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http.clone(), request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let query = call.query(&parameters())?;
    let topic = topics::of_stream(&query, query.text(&TOPIC), http.live().now())?;
    let since = since_of(call.headers());
    check_not_unknown(&call, &keyword).await?;

    let (pieces, body) = mpsc::channel(1);
    let transport = EventTransport {
        pieces,
        completed: 0,
        last: None,
        metrics: http.metrics().clone(),
    };
    let session = http
        .live()
        .open(Box::new(transport), true)
        .await
        .map_err(|(error, _)| match error {
            OpenError::TooMany(_) => Problem::TryAgain("too many live sessions are open"),
            OpenError::Stopping(_) => Problem::TryAgain("the server is stopping"),
            _ => Problem::Internal,
        })?;
    let wanted = Subscribe {
        id: RequestId::default(),
        keyword: Some(keyword),
        topics: vec![topic],
        since,
    };
    let listener = Listener(session.clone());
    let request = LiveRequest::Subscribe(wanted);
    tokio::spawn(async move { session.incoming(Incoming::Request(request)).await });
    let silence = http.shared.live_limits.silence.min(COMMENT_EVERY);
    let pieces = futures_util::stream::unfold((body, listener), move |mut body| async move {
        let piece: Result<Option<Piece>, _> = tokio::time::timeout(silence, body.0.recv()).await;
        // A comment lets client and server detect a dead connection.
        let piece = piece.unwrap_or(Some(Ok(Bytes::from_static(b":\n\n"))))?;
        Some((piece, body))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Tells nginx and similar proxies not to buffer the events.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Describes `GET …/events`.
pub fn operation() -> Operation {
    let topic = json!({
        "name": TOPIC.0.name,
        "in": "query",
        "required": true,
        "description": TOPIC.0.description,
        "schema": { "type": "string", "enum": topics::names(Scope::Keyword) },
    });
    let mut operation = Operation::new("events", "One topic of a keyword as server-sent events")
        .described(
            "The same lines as on the WebSocket. `event` is the type of the line (snapshot, update \
            or error), `data` is the line, and `id` is its position `<epoch>:<seq>:<mark>`, or \
            `<epoch>:<seq>` if there is no mark. With `Last-Event-ID` a timeline continues after \
            that position if no update since is missing. An id that this server did not send is \
            ignored. While the views are catching up, or another temporary condition holds, the \
            stream waits and sends a comment every 15 seconds. The stream ends when the keyword is \
            untracked or turns out to be unknown.",
        )
        .of_keyword()
        .parameter(topic);
    for parameter in topics::stream_parameters() {
        operation = operation.parameter(parameter.entry());
    }
    operation
        .parameter(json!({
            "name": "Last-Event-ID",
            "in": "header",
            "description": "The `id` of the last event seen",
            "schema": { "type": "string" },
        }))
        .gives(
            200,
            "The events",
            "text/event-stream",
            &json!({ "type": "string" }),
        )
        .refused(404, "NotFound")
        .refused(503, "TryAgain")
}

/// The position from which the client resumes. `Last-Event-ID` has the `id` of the last event that
/// the client saw: `<epoch>:<seq>:<mark>` or `<epoch>:<seq>`. Any other id is ignored, because an
/// `EventSource` sends it again with each try and so would never connect.
fn since_of(headers: &HeaderMap) -> Option<Position> {
    let id = headers.get(LAST_EVENT_ID)?.to_str().ok()?;
    let (epoch, rest) = id.split_once(':')?;
    let (seq, mark) = match rest.split_once(':') {
        None => (rest, None),
        Some((seq, mark)) => (seq, Some(mark)),
    };
    decode::position_of(epoch, Sequence::new(seq.parse().ok()?), mark)
}

/// Refuses a keyword that is not tracked. When the views cannot be read now, the keyword is let
/// through and the stream waits: an `EventSource` that gets another status than 200 never connects
/// again.
async fn check_not_unknown(call: &RequestContext, keyword: &Keyword) -> Result<(), Problem> {
    let tidings = call.tidings();
    let views = tidings.views().clone();
    let asked = keyword.clone();
    let summary = blocking(move || Ok(views.summary(&asked)?)).await;
    let problem = match summary {
        Ok(Some(summary)) if summary.tracked => return Ok(()),
        Ok(Some(_)) => Problem::not_tracked(tidings, keyword),
        Ok(None) => Problem::unknown(tidings, keyword),
        Err(problem) => problem,
    };
    match problem {
        Problem::TryAgain(_) | Problem::ViewsUnavailable(_) | Problem::Busy { .. } => Ok(()),
        lasting => Err(lasting),
    }
}

/// Ends the session when it is dropped: with the body of the answer, when the client has left.
#[derive(Debug)]
struct Listener(SessionHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.close(Close::Gone);
    }
}

/// A piece of the body. An error closes the connection.
type Piece = Result<Bytes, TooSlow>;

/// The error that ends a stream whose client read nothing for `live.slow_ms`.
#[derive(Debug, thiserror::Error)]
#[error("the client takes the events too slowly")]
struct TooSlow;

/// Writes the events of one session to the body of its answer, piece by piece.
#[derive(Debug)]
struct EventTransport {
    pieces: mpsc::Sender<Piece>,
    completed: u64,
    /// The position from which the client can resume.
    last: Option<Position>,
    metrics: Metrics,
}

impl Transport for EventTransport {
    fn write(&mut self, messages: &mut VecDeque<Message>) -> Result<bool, Gone> {
        while !messages.is_empty() {
            let permit = match self.pieces.try_reserve() {
                Ok(permit) => permit,
                Err(TrySendError::Full(())) => return Ok(false),
                Err(TrySendError::Closed(())) => return Err(Gone),
            };
            let mut piece = String::new();
            while piece.len() < PIECE_BYTES
                && let Some(message) = messages.pop_front()
            {
                push_event(&mut piece, &message, &mut self.last);
                self.metrics.live_lines.inc();
            }
            // The piece is empty when all messages were of kinds that the stream leaves out.
            if !piece.is_empty() {
                let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                self.metrics.live_bytes.inc_by(bytes);
                permit.send(Ok(piece.into()));
                self.completed += 1;
            }
        }
        Ok(true)
    }

    fn control(&mut self, _: &[u8]) {}

    fn probe(&mut self) {}

    fn completed(&self) -> u64 {
        self.completed
    }

    fn writable(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let pieces = self.pieces.clone();
        Box::pin(async move {
            let _ = pieces.reserve().await;
        })
    }

    fn close(self: Box<Self>, why: Close) {
        match why {
            Close::Restart(retry) => {
                let hint = format!("retry: {}\n\n", retry.as_millis());
                let _ = self.pieces.try_send(Ok(hint.into()));
            }
            // The error closes the connection, so that the body does not look complete. Unsent
            // pieces are dropped.
            Close::TooSlow => {
                tokio::spawn(async move {
                    let _ = self.pieces.send(Err(TooSlow)).await;
                });
            }
            _ => {}
        }
    }
}

/// Appends a message as an event. `subscribed` and `pong` are left out: an open stream is a
/// subscription, and its client sends no pings.
fn push_event(piece: &mut String, message: &Message, last: &mut Option<Position>) {
    let kind = match message.kind() {
        MessageKind::Snapshot => "snapshot",
        MessageKind::Update => "update",
        MessageKind::Error => "error",
        MessageKind::Subscribed | MessageKind::Pong => return,
    };
    piece.push_str("event: ");
    piece.push_str(kind);
    // A part before the last has no position, so the client cannot resume there. An error leaves
    // the position as it was.
    if message.kind() != MessageKind::Error {
        *last = message.position();
    }
    piece.push_str("\nid:");
    if let Some(Position { epoch, seq, mark }) = last {
        piece.push_str(&format!(" {epoch}:{seq}"));
        if let Some(mark) = mark {
            piece.push_str(&format!(":{mark}"));
        }
    }
    piece.push_str("\ndata: ");
    piece.push_str(&String::from_utf8_lossy(message.text()));
    piece.push_str("\n\n");
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::events::RecordHash;

    #[test]
    fn event_has_kind_position_and_message() {
        let epoch = "00000000000000ff".parse().unwrap();
        let position = Position::new(epoch, Sequence::new(12), RecordHash(0xabc));
        let mut piece = String::new();
        let message = |kind, position| Message::new("{\"a\":1}".to_owned(), kind, position);
        let mut last = None;
        for (kind, position) in [
            (MessageKind::Subscribed, None),
            (MessageKind::Snapshot, None),
            (MessageKind::Update, Some(position)),
            (MessageKind::Error, None),
        ] {
            push_event(&mut piece, &message(kind, position), &mut last);
        }
        assert_eq!(
            piece,
            "event: snapshot\nid:\ndata: {\"a\":1}\n\n\
             event: update\nid: 00000000000000ff:12:0000000000000abc\ndata: {\"a\":1}\n\n\
             event: error\nid: 00000000000000ff:12:0000000000000abc\ndata: {\"a\":1}\n\n"
        );
    }

    #[test]
    fn last_event_id_resumes_the_stream() {
        let since = |id: &'static str| {
            let headers = HeaderMap::from_iter([(LAST_EVENT_ID, HeaderValue::from_static(id))]);
            since_of(&headers)
        };
        let position = since("00000000000000ff:12").unwrap();
        assert_eq!((position.seq, position.mark), (Sequence::new(12), None));
        let position = since("00000000000000ff:12:0000000000000abc").unwrap();
        assert_eq!(position.mark, Some(RecordHash(0xabc)));
        for odd in [
            "",
            "12",
            ":",
            "other:12",
            "00000000000000ff",
            "00000000000000ff:x",
            "00000000000000ff:-1",
            "00000000000000ff:99999999999999999999",
            "00000000000000ff:1:2:3",
            "00000000000000ff:1:",
            "00000000000000ff:1:abc",
            "00000000000000ff:1:0000000000000abg",
            "00000000000000ff:1:0000000000000abc:",
        ] {
            assert_eq!(since(odd), None, "{odd}");
        }
    }
}
