//! The HTTP client of the commands that talk to a running server.

use std::time::Duration;

use anyhow::bail;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;

use super::failure::UsageError;
use crate::settings::Settings;

/// Time limit of a request. The server's own limits are shorter.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// A server's address and a pool of connections to it.
#[derive(Debug, Clone)]
pub(super) struct ServerClient {
    http: reqwest::Client,
    base: String,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// No connection, or no answer.
    #[error(
        "no answer from {base}: {}. Is the server running? Start it with `tidings serve`, or name \
        it with --server URL",
        innermost(.source)
    )]
    Unreachable {
        base: String,
        #[source]
        source: reqwest::Error,
    },
    /// The answer has an error status.
    #[error("{base} answered {status}: {detail}")]
    Refused {
        base: String,
        status: StatusCode,
        detail: String,
        retry_after: Option<Duration>,
    },
    /// The answer does not have the expected form.
    #[error("{base} does not answer like a tidings server: {source}")]
    Foreign {
        base: String,
        #[source]
        source: serde_json::Error,
    },
}

impl ClientError {
    /// True when the same request may succeed in a moment.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => {
                matches!(
                    *status,
                    StatusCode::SERVICE_UNAVAILABLE
                        | StatusCode::TOO_MANY_REQUESTS
                        | StatusCode::BAD_GATEWAY
                        | StatusCode::GATEWAY_TIMEOUT
                )
            }
            Self::Foreign { .. } => false,
        }
    }

    /// The `Retry-After` of the answer.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Unreachable { .. } | Self::Foreign { .. } => None,
        }
    }
}

/// The text of the innermost cause: reqwest's own text says only that sending failed.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The members of a problem (RFC 9457) that are shown.
#[derive(Debug, serde::Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

impl ServerClient {
    /// A client of `server`, or of the server that the settings describe.
    pub(super) fn new(server: Option<&str>, settings: &Settings) -> anyhow::Result<Self> {
        let base = match server {
            Some(server) => server.trim_end_matches('/').to_owned(),
            None => local(settings),
        };
        let url = match reqwest::Url::parse(&base) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
            _ => bail!(UsageError::new(format!(
                "--server {base:?} is not an address such as http://127.0.0.1:4820"
            ))),
        };
        let mut http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(REQUEST_TIMEOUT);
        // Requests to the loopback address bypass a proxy that the environment names.
        let host = url.host_str().unwrap_or_default();
        if matches!(host, "localhost" | "[::1]") || host.starts_with("127.") {
            http = http.no_proxy();
        }
        let http = http.build()?;
        Ok(Self { http, base })
    }

    /// The server's address.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request and decodes the answer; an empty one is decoded as `null`.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<T, ClientError> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some((content_type, bytes)) = body {
            request = request.header(CONTENT_TYPE, content_type).body(bytes);
        }
        let unreachable = |source| ClientError::Unreachable {
            base: self.base.clone(),
            source,
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let bytes = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(ClientError::Refused {
                base: self.base.clone(),
                status,
                detail: detail_of(&bytes),
                retry_after,
            });
        }
        let json: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(json).map_err(|source| ClientError::Foreign {
            base: self.base.clone(),
            source,
        })
    }
}

fn detail_of(body: &[u8]) -> String {
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    problem
        .and_then(|problem| problem.detail.or(problem.title))
        .unwrap_or_else(|| {
            let text = String::from_utf8_lossy(body);
            text.chars().take(200).collect()
        })
}

/// The address of the server that the settings describe; the loopback address if the server listens
/// on all addresses.
pub(super) fn local(settings: &Settings) -> String {
    let mut address = settings.listen;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}
