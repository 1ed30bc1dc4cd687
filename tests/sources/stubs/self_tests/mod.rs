//! The stubs answer plain clients as the protocols are documented.

mod bluesky;
mod mastodon;
mod x_rules;
mod x_search;
mod x_stream;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

use crate::common::wait::DEADLINE;

/// A client that trusts no proxy.
fn client() -> Client {
    // The first caller installs the provider; later calls change nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

/// A request with a bearer token.
fn get(url: &str, token: &str) -> RequestBuilder {
    client().get(url).bearer_auth(token)
}

/// The status and the body of an answer.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// The lines of a stream.
struct Lines {
    response: Response,
    buffer: Vec<u8>,
}

impl Lines {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self {
            response,
            buffer: Vec::new(),
        }
    }

    /// The next line without its end; `None` at the end of the stream, however it ended.
    async fn next(&mut self) -> Option<String> {
        tokio::time::timeout(DEADLINE, self.read()).await.unwrap()
    }

    async fn read(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).into_owned();
                return Some(line.trim_end_matches(['\r', '\n']).to_owned());
            }
            let chunk = self.response.chunk().await.ok()??;
            self.buffer.extend_from_slice(&chunk);
        }
    }

    /// The next line that is not empty.
    async fn record(&mut self) -> Option<String> {
        loop {
            match self.next().await {
                Some(line) if line.is_empty() => {}
                other => return other,
            }
        }
    }

    /// Whether nothing but keep-alives comes for a while.
    async fn is_silent(&mut self) -> bool {
        let while_ = Duration::from_millis(300);
        tokio::time::timeout(while_, self.record()).await.is_err()
    }
}
