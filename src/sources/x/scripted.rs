//! A server on the loopback for tests, whose answers are made by a function, and settings that lead
//! to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::Response;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::api::XApi;
use crate::settings::{Given, SecretText, Settings, XSettings, layers};
use crate::sources::Requests;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) raw_query: String,
    pub(super) authorization: String,
    pub(super) body: Value,
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
}

/// A running server. It ends when it is dropped.
pub(super) struct ScriptedX {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

impl Asked {
    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }
}

impl Answered {
    /// An answer without headers of its own.
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }
}

impl ScriptedX {
    /// Starts a server that answers each request with what `answer` returns.
    pub(super) async fn start(answer: impl Fn(&Asked) -> Answered + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let answer = Arc::new(answer);
        let log = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| {
            let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
            async move {
                let asked = read(request).await;
                let answered = answer(&asked);
                log.lock().push(asked);
                let mut response = Response::builder().status(answered.status);
                for (name, value) in &answered.headers {
                    response = response.header(*name, value);
                }
                response
                    .body(Body::from(answered.body.to_string()))
                    .unwrap()
            }
        });
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let service = TowerToHyperService::new(router.clone());
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(socket), service);
                connections.spawn(connection);
            }
        });
        Self { url, asked, server }
    }

    /// All requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// The default settings with the URL of this server.
    pub(super) fn settings(&self) -> XSettings {
        XSettings {
            url: self.url.clone(),
            ..settings_of_test()
        }
    }

    /// Requests to this server.
    pub(super) fn api(&self) -> XApi {
        // A second installation fails, and changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        XApi::new(&self.settings(), Requests::default()).unwrap()
    }
}

impl Drop for ScriptedX {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The default settings with a token.
pub(super) fn settings_of_test() -> XSettings {
    let layers = layers(&Given::default(), []).unwrap();
    let mut settings = Settings::from_layers(&layers).unwrap().sources.x;
    settings.token = Some(SecretText::new("token-of-a-test"));
    settings
}

async fn read(request: Request) -> Asked {
    let (head, body) = request.into_parts();
    let raw_query = head.uri.query().unwrap_or_default().to_owned();
    let url = reqwest::Url::parse(&format!("http://x/?{raw_query}")).unwrap();
    let authorization = head.headers.get("authorization");
    let body = to_bytes(body, 16 * 1024 * 1024).await.unwrap();
    Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        raw_query,
        authorization: authorization
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}
