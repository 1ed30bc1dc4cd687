//! `GET /keywords/{token}/events`: one topic of one keyword as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::topics;
use crate::actors::live::{
    Close, Gone, Incoming, Line, LineKind, OpenError, Outlet, Position, Request as LiveRequest,
    RequestId, SessionHandle, Subscribe, Topic,
};
use crate::events::{Keyword, Sequence, Timestamp};
use crate::http::Http;
use crate::http::access::Action;
use crate::http::call::{Call, blocking};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::telemetry::Metrics;

/// The parameters of this route.
pub const PARAMETERS: &[&str] = &["topic", "limit", "step", "from", "tz"];

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A piece of the body has so many bytes at the most, about.
const PIECE_BYTES: usize = 64 * 1024;

/// Answers `GET …/events`.
pub async fn get(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = Call::of(http.clone(), request);
    let keyword = call.keyword()?;
    call.ask(Some(&keyword), Action::Read)?;
    let topic = topic_of(&call.query(PARAMETERS)?)?;
    let since = since_of(call.headers())?;
    check_tracked(&call, &keyword).await?;

    let (pieces, body) = mpsc::channel(1);
    let outlet = EventOutlet {
        pieces,
        completed: 0,
        last: None,
        metrics: http.metrics().clone(),
    };
    let session =
        http.live()
            .open(Box::new(outlet), true)
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
    let silence = http.shared.live_limits.silence;
    let pieces = futures_util::stream::unfold((body, listener), move |mut body| async move {
        let piece: Result<Option<Bytes>, _> = tokio::time::timeout(silence, body.0.recv()).await;
        // A word now and then shows whether the client is still there.
        let piece = piece.unwrap_or(Some(Bytes::from_static(b":\n\n")))?;
        Some((Ok::<_, Infallible>(piece), body))
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

/// Where the client left off: `<epoch>:<seq>`, the `id` of the last event it saw.
fn since_of(headers: &HeaderMap) -> Result<Option<Result<Position, ()>>, Problem> {
    let Some(id) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(id.as_bytes());
    if text.is_empty() {
        return Ok(None);
    }
    let read = || {
        let (epoch, seq) = text.split_once(':')?;
        let seq = Sequence::new(seq.parse().ok()?);
        Some(
            epoch
                .parse()
                .map_err(|_| ())
                .map(|epoch| Position { epoch, seq }),
        )
    };
    read().map(Some).ok_or_else(|| {
        Problem::BadRequest(
            "the header Last-Event-ID must be the id of an event of this stream, <epoch>:<seq>"
                .to_owned(),
        )
    })
}

async fn check_tracked(call: &Call, keyword: &Keyword) -> Result<(), Problem> {
    let tidings = call.tidings();
    let views = tidings.views().clone();
    let asked = keyword.clone();
    let head = blocking(move || Ok(views.head(&asked)?)).await?;
    match head {
        None => Err(Problem::unknown(tidings, keyword)),
        Some(head) if !head.tracked => Err(Problem::not_tracked(tidings, keyword)),
        Some(_) => Ok(()),
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

/// Writes the body of one answer, piece by piece.
#[derive(Debug)]
struct EventOutlet {
    pieces: mpsc::Sender<Bytes>,
    completed: u64,
    /// Where the client can go on from.
    last: Option<Position>,
    metrics: Metrics,
}

impl Outlet for EventOutlet {
    fn write(&mut self, lines: &mut VecDeque<Line>) -> Result<bool, Gone> {
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
                permit.send(piece.into());
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
        if let Close::Restart(retry) = why {
            let hint = format!("retry: {}\n\n", retry.as_millis());
            let _ = self.pieces.try_send(hint.into());
        }
    }
}

/// Appends a line as an event. That a subscription has begun is what the stream's being there says.
fn push_event(piece: &mut String, line: &Line, last: &mut Option<Position>) {
    let kind = match line.kind() {
        LineKind::Snapshot => "snapshot",
        LineKind::Update => "update",
        LineKind::Error => "error",
        LineKind::Subscribed | LineKind::Pong => return,
    };
    piece.push_str("event: ");
    piece.push_str(kind);
    // Behind a part of a state a client has nothing to go on from, but an error takes nothing away.
    if line.kind() != LineKind::Error {
        *last = line.position();
    }
    piece.push_str("\nid:");
    if let Some(Position { epoch, seq }) = last {
        piece.push_str(&format!(" {epoch}:{seq}"));
    }
    piece.push_str("\ndata: ");
    piece.push_str(&String::from_utf8_lossy(line.text()));
    piece.push_str("\n\n");
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_event_names_its_kind_its_position_and_the_frame() {
        let position = Position {
            epoch: "00000000000000ff".parse().unwrap(),
            seq: Sequence::new(12),
        };
        let mut piece = String::new();
        let line = |kind, position| Line::new("{\"a\":1}".to_owned(), kind, position);
        let mut last = None;
        for (kind, position) in [
            (LineKind::Subscribed, None),
            (LineKind::Snapshot, None),
            (LineKind::Update, Some(position)),
            (LineKind::Error, None),
        ] {
            push_event(&mut piece, &line(kind, position), &mut last);
        }
        assert_eq!(
            piece,
            "event: snapshot\nid:\ndata: {\"a\":1}\n\n\
             event: update\nid: 00000000000000ff:12\ndata: {\"a\":1}\n\n\
             event: error\nid: 00000000000000ff:12\ndata: {\"a\":1}\n\n"
        );
    }

    #[test]
    fn the_last_event_id_says_where_to_go_on() {
        let since = |id: &'static str| {
            let headers = HeaderMap::from_iter([(LAST_EVENT_ID, HeaderValue::from_static(id))]);
            since_of(&headers)
        };
        assert!(matches!(
            since("00000000000000ff:12"),
            Ok(Some(Ok(Position { seq, .. }))) if seq == Sequence::new(12)
        ));
        assert!(matches!(since("other:12"), Ok(Some(Err(())))));
        assert!(matches!(since(""), Ok(None)));
        assert!(since("12").is_err());
        assert!(since("00000000000000ff:x").is_err());
    }
}
