//! Stub servers on the loopback, for tests.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use reqwest::Url;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use crate::settings::{BlueskySettings, JetstreamProtocol};

/// Settings whose addresses are closed. A test sets the addresses that it needs.
pub(super) fn settings_of_test() -> BlueskySettings {
    // A second installation fails, and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    BlueskySettings {
        enabled: true,
        urls: vec!["ws://127.0.0.1:1".to_owned()],
        insecure: false,
        appview: "http://127.0.0.1:1".to_owned(),
        pds: "http://127.0.0.1:1".to_owned(),
        handle: None,
        password: None,
        password_file: None,
        stall: Duration::from_secs(60),
        rewind: Duration::from_secs(5),
        lookback: Duration::from_secs(36 * 3_600),
        protocol: JetstreamProtocol::V1,
        refresh: Duration::from_secs(600),
    }
}

/// What a connection to [`JetstreamStub`] gets.
pub(super) enum Script {
    /// A refusal with this status and body.
    Refuse(u16, &'static str),
    /// These messages, after which the connection stays open.
    Play(Vec<Message>),
}

/// A Jetstream server.
pub(super) struct JetstreamStub {
    /// The address.
    pub(super) url: String,
    /// The path with its query, and the sub-protocol, of each connection.
    pub(super) opened: mpsc::UnboundedReceiver<(String, Option<String>)>,
    /// The messages of the client.
    pub(super) received: mpsc::UnboundedReceiver<Message>,
}

impl JetstreamStub {
    /// Starts a server whose connections get these scripts, one after the other.
    pub(super) async fn start(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (opened_to, opened) = mpsc::unbounded_channel();
        let (received_to, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for script in scripts {
                let (stream, _) = listener.accept().await.unwrap();
                play(stream, script, &opened_to, &received_to).await;
            }
        });
        Self {
            url,
            opened,
            received,
        }
    }
}

async fn play(
    stream: TcpStream,
    script: Script,
    opened: &mpsc::UnboundedSender<(String, Option<String>)>,
    received: &mpsc::UnboundedSender<Message>,
) {
    #[expect(clippy::result_large_err, reason = "the library defines the type")]
    let on_request = |request: &Request, response: Response| {
        let sub_protocol = request.headers().get("sec-websocket-protocol");
        let sub_protocol = sub_protocol.map(|name| name.to_str().unwrap().to_owned());
        let path = request.uri().path_and_query().unwrap().to_string();
        let _ = opened.send((path, sub_protocol));
        match &script {
            Script::Play(_) => Ok(response),
            Script::Refuse(status, body) => Err(Response::builder()
                .status(*status)
                .header("content-length", body.len())
                .body(Some((*body).to_owned()))
                .unwrap()),
        }
    };
    let Ok(mut socket) = accept_hdr_async(stream, on_request).await else {
        return;
    };
    let Script::Play(messages) = script else {
        return;
    };
    for message in messages {
        socket.send(message).await.unwrap();
    }
    while let Some(Ok(message)) = socket.next().await {
        let _ = received.send(message);
    }
}

/// A request to [`HttpStub`].
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The name of the method of XRPC.
    pub(super) method: String,
    /// The parameters.
    pub(super) parameters: Vec<(String, String)>,
    /// The header `Authorization`.
    pub(super) authorization: Option<String>,
    /// The body.
    pub(super) body: String,
}

impl Asked {
    /// The values of a parameter.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let pairs = self.parameters.iter().filter(|pair| pair.0 == name);
        pairs.map(|pair| pair.1.as_str()).collect()
    }
}

/// The answer of [`HttpStub`]: a status with a body, or none at all.
pub(super) type Answered = Option<(u16, String)>;

/// A server for requests of XRPC.
pub(super) struct HttpStub {
    /// The address.
    pub(super) url: String,
    /// The requests so far.
    pub(super) asked: Arc<Mutex<Vec<Asked>>>,
}

impl HttpStub {
    /// Starts a server that answers with `answer`.
    pub(super) async fn start(answer: impl Fn(&Asked) -> Answered + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (answer, noted) = (Arc::new(answer), Arc::clone(&asked));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
                let service = service_fn(move |request| {
                    let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
                    async move {
                        let asked = read(request).await;
                        noted.lock().push(asked.clone());
                        let Some((status, body)) = answer(&asked) else {
                            return std::future::pending().await;
                        };
                        Ok::<_, Infallible>(
                            hyper::Response::builder()
                                .status(status)
                                .header("ratelimit-limit", "3000")
                                .header("ratelimit-remaining", "2999")
                                .header("ratelimit-reset", "1795417500")
                                .body(Full::new(Bytes::from(body)))
                                .unwrap(),
                        )
                    }
                });
                let io = TokioIo::new(stream);
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(io, service));
            }
        });
        Self { url, asked }
    }
}

async fn read(request: hyper::Request<Incoming>) -> Asked {
    let url = format!("http://stub{}", request.uri());
    let url = Url::parse(&url).unwrap();
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Asked {
        method: url.path().trim_start_matches("/xrpc/").to_owned(),
        parameters: url.query_pairs().into_owned().collect(),
        authorization,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}
