//! A server on the loopback for tests: answers each connection with prepared bytes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::api::XApi;
use crate::settings::{Given, SecretText, Settings, XSettings, layers};
use crate::sources::Requests;

/// A running server. It ends when it is dropped.
pub(super) struct Stub {
    pub(super) address: SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
    closed: mpsc::UnboundedReceiver<()>,
    server: JoinHandle<()>,
}

/// The answer to one request.
pub(super) struct StubAnswer {
    head: String,
    pieces: Vec<Vec<u8>>,
    end: StubEnd,
}

/// What follows the last piece of an answer.
pub(super) enum StubEnd {
    /// The proper end of the body.
    Complete,
    /// The connection is closed in the middle of the body.
    Cut,
    /// Nothing, until the client closes the connection.
    Hold,
}

impl Stub {
    /// A server that answers the n-th request with the n-th answer, one a connection.
    pub(super) async fn answering(answers: impl IntoIterator<Item = StubAnswer>) -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, requests) = mpsc::unbounded_channel();
        let (closings, closed) = mpsc::unbounded_channel();
        let answers: Vec<StubAnswer> = answers.into_iter().collect();
        let server = tokio::spawn(async move {
            for answer in answers {
                let (mut socket, _) = listener.accept().await.unwrap();
                heads.send(head_of(&mut socket).await).unwrap();
                answer.write(&mut socket).await;
                if matches!(answer.end, StubEnd::Hold) {
                    let mut rest = Vec::new();
                    let _ = socket.read_to_end(&mut rest).await;
                    let _ = closings.send(());
                }
            }
        });
        Self {
            address,
            requests,
            closed,
            server,
        }
    }

    /// An answer with a JSON body.
    pub(super) fn json(status: u16, body: &str) -> StubAnswer {
        StubAnswer {
            head: format!("HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\n"),
            pieces: vec![body.as_bytes().to_vec()],
            end: StubEnd::Complete,
        }
    }

    /// A stream in pieces of these lengths (repeated), each of which arrives alone.
    pub(super) fn stream(bytes: &[u8], lengths: &[usize], end: StubEnd) -> StubAnswer {
        let mut pieces = Vec::new();
        let mut rest = bytes;
        for length in lengths.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*length).min(rest.len()));
            pieces.push(piece.to_vec());
            rest = behind;
        }
        StubAnswer {
            head: "HTTP/1.1 200 OK\r\n".to_owned(),
            pieces,
            end,
        }
    }

    /// The head of the next request.
    pub(super) async fn request(&mut self) -> String {
        self.requests.recv().await.unwrap()
    }

    /// Waits until a client has closed a connection that is held.
    pub(super) async fn closed(&mut self) {
        self.closed.recv().await.unwrap();
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl StubAnswer {
    /// Writes the answer, each piece as a chunk of its own.
    async fn write(&self, socket: &mut TcpStream) {
        let head = "connection: close\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut bytes = format!("{}{head}", self.head).into_bytes();
        for piece in &self.pieces {
            bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
            bytes.extend(piece);
            bytes.extend(b"\r\n");
        }
        if matches!(self.end, StubEnd::Complete) {
            bytes.extend(b"0\r\n\r\n");
        }
        // A client that has seen enough may have closed the connection.
        let _ = socket.write_all(&bytes).await;
    }
}

async fn head_of(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// The defaults, with a stub as X.
pub(super) fn settings(stub: &Stub) -> XSettings {
    let layers = layers(&Given::default(), []).unwrap();
    let mut settings = Settings::from_layers(&layers).unwrap().sources.x;
    settings.url = format!("http://{}", stub.address);
    settings.token = Some(SecretText::new("secret-of-a-test"));
    settings
}

/// Requests to a stub.
pub(super) fn api(stub: &Stub) -> XApi {
    XApi::new(&settings(stub), Requests::default()).unwrap()
}
