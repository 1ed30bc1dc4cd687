//! A small HTTP/1.1 server whose handlers own the socket, so that an answer can also be wrong: cut,
//! late, or without an end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Base, Refusal};

/// Maximum size of a request head, in bytes. A request for 100 ids has less than 8 KiB.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// The parameters of the query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The headers: names in lower case, and values.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut all = self.query.iter();
        all.find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// All parameters of this name, in order.
    pub fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let all = self.query.iter();
        all.filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The bearer token.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An answer with a body of JSON or text.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, &body.to_string()).with("content-type", "application/json")
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// Adds a header.
    #[allow(clippy::needless_pass_by_value)] // a number or a text, often made for this call
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

/// What a stub serves.
pub trait Site: Send + Sync + 'static {
    /// The shared part of the stub.
    fn base(&self) -> &Base;

    /// Answers a request. Returns the wire if another request may follow on it.
    fn handle(
        self: Arc<Self>,
        request: Request,
        wire: Wire,
    ) -> impl Future<Output = Option<Wire>> + Send;
}

/// A connection of a client.
#[derive(Debug)]
pub struct Wire {
    pub socket: TcpStream,
    /// Bytes that were read beyond the last request.
    rest: Vec<u8>,
    base: Base,
    /// The entry of the request in the record of requests.
    entry: usize,
}

impl Wire {
    /// Sends a whole answer.
    pub async fn answer(mut self, reply: &Reply) -> Option<Self> {
        self.base.requests.answered(self.entry, reply.status);
        let length = reply.body.len();
        let mut bytes = head(reply.status, &reply.headers);
        bytes.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes());
        bytes.extend_from_slice(&reply.body);
        self.socket.write_all(&bytes).await.ok()?;
        Some(self)
    }

    /// Sends the head of an answer whose body has no known length, or of an upgrade.
    pub async fn begin(&mut self, status: u16, headers: &[(String, String)]) -> io::Result<()> {
        self.base.requests.answered(self.entry, status);
        let mut bytes = head(status, headers);
        bytes.extend_from_slice(b"\r\n");
        self.socket.write_all(&bytes).await
    }

    /// Closes the connection with a reset instead of an end.
    pub fn reset(self) {
        reset(&self.socket);
    }

    async fn read_request(&mut self) -> Option<Request> {
        let end = loop {
            if let Some(end) = find(&self.rest, b"\r\n\r\n") {
                break end;
            }
            if self.rest.len() > MAX_HEAD_BYTES {
                return None;
            }
            self.read_more().await?;
        };
        let head = String::from_utf8_lossy(&self.rest[..end]).into_owned();
        let mut request = parse(&head)?;
        let length = request.header("content-length");
        let length = length.map_or(Some(0), |length| length.parse().ok())?;
        while self.rest.len() < end + 4 + length {
            self.read_more().await?;
        }
        request.body = self.rest[end + 4..end + 4 + length].to_vec();
        self.rest.drain(..end + 4 + length);
        Some(request)
    }

    async fn read_more(&mut self) -> Option<()> {
        let read = self.socket.read_buf(&mut self.rest).await.ok()?;
        (read > 0).then_some(())
    }
}

/// Makes the end of a connection a reset.
pub fn reset(socket: &TcpStream) {
    socket2::SockRef::from(socket)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

/// Accepts connections until the stub ends.
pub async fn accept<S: Site>(listener: TcpListener, site: Arc<S>) {
    while let Ok((socket, _)) = listener.accept().await {
        let base = site.base().clone();
        if base.faults.is_down() {
            base.requests.refused();
            reset(&socket);
            continue;
        }
        socket.set_nodelay(true).unwrap();
        let wire = Wire {
            socket,
            rest: Vec::new(),
            base,
            entry: 0,
        };
        tokio::spawn(serve(Arc::clone(&site), wire));
    }
}

async fn serve<S: Site>(site: Arc<S>, mut wire: Wire) {
    while let Some(request) = wire.read_request().await {
        let base = site.base();
        wire.entry = base.requests.received(&request);
        // Connections that were kept open fail too while the network is down.
        let refusal = match base.faults.is_down() {
            true => Some(Refusal::Network),
            false => base.faults.refusal_of(&request.path),
        };
        let next = match refusal {
            None => Arc::clone(&site).handle(request, wire).await,
            Some(Refusal::Network) => return wire.reset(),
            Some(Refusal::Reply(reply)) => wire.answer(&reply).await,
            Some(Refusal::Late(wait)) => {
                tokio::time::sleep(wait).await;
                Arc::clone(&site).handle(request, wire).await
            }
        };
        match next {
            Some(kept) => wire = kept,
            None => return,
        }
    }
}

fn head(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Status\r\ndate: {}\r\n", http_date());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.into_bytes()
}

fn http_date() -> String {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    time::OffsetDateTime::now_utc().format(&format).unwrap()
}

fn parse(head: &str) -> Option<Request> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?, first.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    Some(Request {
        method: method.to_owned(),
        path: decoded(path),
        query: parameters(query),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    })
}

/// The parameters of a query, decoded.
fn parameters(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(&value.replace('+', " "))))
        .collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}
