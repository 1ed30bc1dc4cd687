//! `GET /live`: answers the handshake of a WebSocket, opens a session, and reads the lines that the
//! client sends. [`super::frames`] writes to the client.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use tokio::net::TcpStream;
use tungstenite::Message;
use tungstenite::error::{CapacityError, Error as SocketError};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use super::decode;
use super::frames::SocketTransport;
use super::rate_limit::RateLimit;
use super::upgrade::{self, Handshake};
use crate::access::{Action, Principal};
use crate::actors::live::{Close, Incoming, OpenError, SessionHandle};
use crate::http::Http;
use crate::http::description::{Operation, reference};
use crate::http::problem::Problem;
use crate::http::request_context::RequestContext;
use crate::telemetry::{log_throttled, whole};

/// The longest line that a client may send, in bytes.
const MAX_LINE_BYTES: usize = 16 * 1024;
/// The longest message, in bytes. A message may hold several lines.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Initial size of the read buffer, in bytes. It is small, because clients send little.
const READ_BYTES: usize = 512;

/// Answers `GET /live`.
pub async fn get(State(http): State<Http>, mut request: Request) -> Result<Response, Problem> {
    if request.method() != Method::GET {
        return Ok(upgrade::not_get(request.method(), request.uri().path()));
    }
    let version = request.version();
    let on_upgrade = hyper::upgrade::on(&mut request);
    let call = RequestContext::of(http.clone(), request);
    call.ask(None, Action::Read)?;
    call.query(&[])?;
    let handshake = Handshake::read(version, call.headers())?;
    let caller = call.principal().clone();
    let gone = http.shared.live_limits.silence.saturating_mul(2);
    tokio::spawn(async move {
        match on_upgrade.await {
            Ok(upgraded) => {
                if let Some((stream, sent)) = upgrade::bare(upgraded, gone) {
                    serve(http, caller, stream, sent).await;
                }
            }
            Err(error) => {
                tracing::debug!(error = %whole(&error), "a WebSocket ended before its session");
            }
        }
    });
    Ok(handshake.answer())
}

/// Describes `GET /live`.
pub fn operation() -> Operation {
    let no_handshake = "The request is not a WebSocket handshake of version 13 in HTTP/1.1";
    Operation::new("live", "The WebSocket of live updates")
        .described("Sub-protocol `tidings.v1`. docs/live.md describes the messages.")
        .gives_nothing(101, "The WebSocket begins")
        .gives_problem(426, no_handshake, &reference("schemas", "Problem"))
        .never(500)
}

async fn serve(http: Http, caller: Principal, stream: TcpStream, sent: Vec<u8>) {
    let stream = Arc::new(stream);
    let reader = Arc::new(OnceLock::new());
    let transport = Box::new(SocketTransport::new(
        Arc::clone(&stream),
        Arc::clone(&reader),
        http.metrics().clone(),
    ));
    let session = match http.live().open(transport, false).await {
        Ok(session) => session,
        Err((error, transport)) => {
            let refused = error.to_string();
            log_throttled("live-refused", move |count| {
                tracing::warn!(error = refused, count, "live sessions were refused");
            });
            let why = match error {
                OpenError::TooMany(_) => Close::TooMany("too many live sessions are open"),
                OpenError::Stopping(retry) => Close::Restart(retry),
                _ => Close::Gone,
            };
            http.metrics().live_session_closed(why.label());
            if let Some(transport) = transport {
                transport.close(why);
            }
            return;
        }
    };
    let incoming = Box::new(Reader {
        context: context(sent),
        rate: RateLimit::new(http.shared.live_limits.burst, http.shared.live_limits.rate),
        http,
        caller,
        stream,
        session,
    });
    let task = tokio::spawn(incoming.run());
    if reader.set(task.abort_handle()).is_err() {
        task.abort();
    }
}

fn context(sent: Vec<u8>) -> WebSocketContext {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    if sent.is_empty() {
        WebSocketContext::new(Role::Server, Some(config))
    } else {
        WebSocketContext::from_partially_read(sent, Role::Server, Some(config))
    }
}

/// Reads the messages of one client and hands their lines to its session.
struct Reader {
    context: WebSocketContext,
    rate: RateLimit,
    http: Http,
    caller: Principal,
    stream: Arc<TcpStream>,
    session: SessionHandle,
}

/// Outcome of a read.
enum Received {
    /// Nothing more has arrived.
    Nothing,
    /// A text message.
    Text(String),
    /// A ping, pong or unfinished message.
    Control,
    /// The session has to end.
    End(Close),
}

impl Reader {
    async fn run(mut self: Box<Self>) {
        let silence = self.http.shared.live_limits.silence;
        let mut is_probed = false;
        // The first read does not wait: bytes may have arrived with the handshake.
        let mut is_first = true;
        loop {
            if !std::mem::take(&mut is_first) {
                match tokio::time::timeout(silence, self.stream.readable()).await {
                    Ok(Ok(())) => is_probed = false,
                    Ok(Err(_)) => return self.session.close(Close::Gone),
                    Err(_) if is_probed => return self.session.close(Close::Silent),
                    Err(_) => {
                        is_probed = true;
                        self.session.probe();
                        continue;
                    }
                }
            }
            if !self.read_all().await {
                return;
            }
        }
    }

    /// Hands all lines that have arrived to the session. Returns false when the session has ended.
    async fn read_all(&mut self) -> bool {
        loop {
            let mut pipe = Pipe {
                stream: &self.stream,
                out: Vec::new(),
            };
            let received = received(self.context.read(&mut pipe));
            if let Received::Control | Received::End(_) = received {
                // Passes tungstenite's answers to control frames on to the session.
                let _ = self.context.flush(&mut pipe);
            }
            let own = pipe.out;
            if !own.is_empty() && !self.session.incoming(Incoming::Control(own)).await {
                return false;
            }
            let is_over = match received {
                Received::Nothing => return true,
                Received::End(why) => Some(why),
                Received::Control | Received::Text(_) if !self.rate.take() => {
                    Some(Close::TooMany("too many messages in a short time"))
                }
                Received::Control => None,
                Received::Text(text) => self.lines(&text).await,
            };
            if let Some(why) = is_over {
                self.session.incoming(Incoming::End(why)).await;
                return false;
            }
        }
    }

    /// Hands the lines of a message to the session. Returns the reason if the session has to end.
    async fn lines(&mut self, text: &str) -> Option<Close> {
        let mut is_first = true;
        for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
            if line.len() > MAX_LINE_BYTES {
                return Some(Close::TooLarge);
            }
            if !std::mem::take(&mut is_first) && !self.rate.take() {
                return Some(Close::TooMany("too many messages in a short time"));
            }
            let incoming = decode::line(&self.http, &self.caller, line, self.http.live().now());
            if !self.session.incoming(incoming).await {
                return Some(Close::Gone);
            }
        }
        None
    }
}

fn received(read: Result<Message, SocketError>) -> Received {
    match read {
        Ok(Message::Text(text)) => Received::Text(text.as_str().to_owned()),
        Ok(Message::Binary(_)) => Received::End(Close::BadMessage("messages are text, not binary")),
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Received::Control,
        Ok(Message::Close(_)) | Err(SocketError::ConnectionClosed | SocketError::AlreadyClosed) => {
            Received::End(Close::Gone)
        }
        Err(SocketError::Io(error)) if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
        Err(SocketError::Capacity(CapacityError::MessageTooLong { .. })) => {
            Received::End(Close::TooLarge)
        }
        Err(SocketError::Protocol(error)) => {
            Received::End(match error {
                // The client is gone without a close frame.
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake => Close::Gone,
                other => Close::Protocol(1002, other.to_string()),
            })
        }
        Err(SocketError::Utf8(_)) => {
            Received::End(Close::Protocol(1007, "a text is not UTF-8".to_owned()))
        }
        Err(_) => Received::End(Close::Gone),
    }
}

/// The connection as tungstenite sees it. Reads go to the connection. Written bytes are collected,
/// and the session sends them.
struct Pipe<'a> {
    stream: &'a TcpStream,
    out: Vec<u8>,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.try_read(buffer)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
