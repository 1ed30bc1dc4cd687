//! `GET /keywords/{token}/events`: one topic of one keyword as server-sent events.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::{decode, topics};
use crate::access::Action;
use crate::actors::live::{
    Close, Gone, Incoming, Message, MessageKind, OpenError, Position, Request as LiveRequest,
    RequestId, SessionHandle, Subscribe, Topic, Transport,
};
use crate::events::{Keyword, Sequence, Timestamp};
use crate::http::Http;
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::request_context::{RequestContext, blocking};
use crate::telemetry::Metrics;

/// The parameters of this route.
pub const PARAMETERS: &[&str] = &["topic", "limit", "step", "from", "tz"];

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A stream on which nothing happens carries a comment so often, at the latest.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// A piece of the body has so many bytes at the most, about.
const PIECE_BYTES: usize = 64 * 1024;

/// Answers `GET …/events`.
pub async fn get(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http.clone(), request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let topic = topic_of(&call.query(PARAMETERS)?)?;
    let since = since_of(call.headers());
    check_not_unknown(&call, &keyword).await?;

    let (pieces, body) = mpsc::channel(1);
    let transport = EventOutlet {
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
        since: since.map(Ok),
    };
    let listener = Listener(session.clone());
    let request = LiveRequest::Subscribe(wanted);
    tokio::spawn(async move { session.incoming(Incoming::Request(request)).await });
    let silence = http.shared.live_limits.silence.min(COMMENT_EVERY);
    let pieces = futures_util::stream::unfold((body, listener), move |mut body| async move {
        let piece: Result<Option<Piece>, _> = tokio::time::timeout(silence, body.0.recv()).await;
        // A comment shows whether the client is still there, and tells it that the server is.
        let piece = piece.unwrap_or(Some(Ok(Bytes::from_static(b":\n\n"))))?;
        Some((piece, body))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that gather answers would keep events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

fn topic_of(query: &Query) -> Result<Topic, Problem> {
    let given: Map<String, Value> = PARAMETERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), query.text(name)?.into())))
        .collect();
    let names: Vec<_> = topics::PARAMETERS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| *name != "overview")
        .collect();
    let right = format!("it must be one of {}", names.join(", "));
    let Some(name) = query.text("topic") else {
        return Err(Problem::BadQuery(format!(
            "the query parameter \"topic\" is missing; {right}"
        )));
    };
    if !names.contains(&name) {
        return Err(Problem::parameter("topic", name, right));
    }
    topics::named(name, &given, Timestamp::now()).map_err(|error| Problem::BadQuery(error.0))
}

/// Where the client left off: `<epoch>:<seq>:<mark>`, the `id` of the last event it saw, or
/// `<epoch>:<seq>`. Any other id is
/// not one of ours, and counts as none: an `EventSource` could not take it back.
fn since_of(headers: &HeaderMap) -> Option<Position> {
    let id = headers.get(LAST_EVENT_ID)?.to_str().ok()?;
    let (epoch, rest) = id.split_once(':')?;
    let (seq, mark) = match rest.split_once(':') {
        None => (rest, None),
        Some((seq, mark)) => (seq, Some(mark)),
    };
    decode::position_of(epoch, Sequence::new(seq.parse().ok()?), mark)
}

/// Refuses a keyword that is not tracked. Views that cannot say so now are waited for in the
/// stream: an `EventSource` that gets any other status than 200 never comes back.
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

/// Ends the session when nobody listens any more.
#[derive(Debug)]
struct Listener(SessionHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.close(Close::Gone);
    }
}

/// A piece of the body; an error lets the connection be closed.
type Piece = Result<Bytes, TooSlow>;

/// The client took nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("the client takes the events too slowly")]
struct TooSlow;

/// Writes the body of one answer, piece by piece.
#[derive(Debug)]
struct EventOutlet {
    pieces: mpsc::Sender<Piece>,
    completed: u64,
    /// Where the client can go on from.
    last: Option<Position>,
    metrics: Metrics,
}

impl Transport for EventOutlet {
    fn write(&mut self, lines: &mut VecDeque<Message>) -> Result<bool, Gone> {
        while !lines.is_empty() {
            let permit = match self.pieces.try_reserve() {
                Ok(permit) => permit,
                Err(TrySendError::Full(())) => return Ok(false),
                Err(TrySendError::Closed(())) => return Err(Gone),
            };
            let mut piece = String::new();
            while piece.len() < PIECE_BYTES
                && let Some(line) = lines.pop_front()
            {
                push_event(&mut piece, &line, &mut self.last);
                self.metrics.live_lines.inc();
            }
            // What is not an event of the stream may have been all there was.
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
            // The body must not look as if it were whole, and nothing of it is kept.
            Close::TooSlow => {
                tokio::spawn(async move {
                    let _ = self.pieces.send(Err(TooSlow)).await;
                });
            }
            _ => {}
        }
    }
}

/// Appends a line as an event. That a subscription has begun is what the stream's being there says.
fn push_event(piece: &mut String, line: &Message, last: &mut Option<Position>) {
    let kind = match line.kind() {
        MessageKind::Snapshot => "snapshot",
        MessageKind::Update => "update",
        MessageKind::Error => "error",
        MessageKind::Subscribed | MessageKind::Pong => return,
    };
    piece.push_str("event: ");
    piece.push_str(kind);
    // Behind a part of a state a client has nothing to go on from, but an error takes nothing away.
    if line.kind() != MessageKind::Error {
        *last = line.position();
    }
    piece.push_str("\nid:");
    if let Some(Position { epoch, seq, mark }) = last {
        piece.push_str(&format!(" {epoch}:{seq}"));
        if let Some(mark) = mark {
            piece.push_str(&format!(":{mark}"));
        }
    }
    piece.push_str("\ndata: ");
    piece.push_str(&String::from_utf8_lossy(line.text()));
    piece.push_str("\n\n");
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::events::RecordHash;

    #[test]
    fn an_event_names_its_kind_its_position_and_the_frame() {
        let epoch = "00000000000000ff".parse().unwrap();
        let position = Position::new(epoch, Sequence::new(12), RecordHash(0xabc));
        let mut piece = String::new();
        let line = |kind, position| Message::new("{\"a\":1}".to_owned(), kind, position);
        let mut last = None;
        for (kind, position) in [
            (MessageKind::Subscribed, None),
            (MessageKind::Snapshot, None),
            (MessageKind::Update, Some(position)),
            (MessageKind::Error, None),
        ] {
            push_event(&mut piece, &line(kind, position), &mut last);
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
