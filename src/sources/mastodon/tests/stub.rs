//! A Mastodon server on the loopback, with a function for its answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::{NOW, settings};
use crate::events::Clock;
use crate::settings::MastodonSettings;
use crate::sources::Requests;
use crate::sources::mastodon::MastodonSource;

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub path: String,
    pub query: Vec<(String, String)>,
    pub authorization: Option<String>,
}

impl Asked {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter();
        let (_, value) = pairs.find(|(other, _)| other == name)?;
        Some(value)
    }
}

/// A server; dropping it ends it.
pub struct Stub {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Stub {
    pub async fn start(
        answer: impl Fn(&Asked) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| {
            let (seen, answer) = (Arc::clone(&seen), answer.clone());
            async move {
                let asked = asked_by(&request);
                let response = answer(&asked);
                seen.lock().push(asked);
                response
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let service = TowerToHyperService::new(router.clone());
                let socket = TokioIo::new(socket);
                connections.spawn(http1::Builder::new().serve_connection(socket, service));
            }
        });
        Self { url, asked, task }
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// A source of this server.
    pub fn source(&self, change: impl FnOnce(&mut MastodonSettings)) -> MastodonSource {
        let mut settings = settings(&self.url);
        change(&mut settings);
        MastodonSource::new(settings, Clock::of(|| NOW), Requests::default()).unwrap()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn asked_by(request: &Request) -> Asked {
    let url = format!("http://stub{}", request.uri());
    let url = reqwest::Url::parse(&url).unwrap();
    let authorization = request.headers().get(AUTHORIZATION);
    Asked {
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
    }
}

pub fn json(status: u16, body: impl Into<Body>) -> Response {
    let response = Response::builder().status(status);
    let response = response.header("content-type", "application/json");
    response.body(body.into()).unwrap()
}

/// An event stream whose chunks are those of the channel.
pub fn stream(chunks: mpsc::Receiver<Vec<u8>>) -> Response {
    let chunks = futures_util::stream::unfold(chunks, |mut chunks| async {
        let chunk = chunks.recv().await?;
        Some((Ok::<_, std::io::Error>(chunk), chunks))
    });
    let response = Response::builder().header("content-type", "text/event-stream");
    response.body(Body::from_stream(chunks)).unwrap()
}
