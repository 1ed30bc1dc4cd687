//! Requests of XRPC, the HTTP interface of Bluesky's servers.
//!
//! In: a method with its parameters. Out: the answer, or the server's own words.

use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::events::Timestamp;
use crate::settings::SecretText;
use crate::sources::web::{self, Answer};
use crate::sources::{ConnectError, RateLimit, Requests};

/// Maximum number of profiles or posts in one request.
pub(super) const MAX_ITEMS: usize = 25;

/// A server.
#[derive(Debug, Clone)]
pub(super) struct Xrpc {
    base: String,
    client: Client,
    requests: Requests,
}

/// A method of the interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Method {
    /// The full name.
    pub(super) name: &'static str,
    /// The name in counts.
    pub(super) endpoint: &'static str,
}

impl Xrpc {
    /// The server at `base`, which the setting `setting` names.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when the address may not be used.
    pub(super) fn new(
        setting: &str,
        base: &str,
        insecure: bool,
        requests: Requests,
    ) -> Result<Self, ConnectError> {
        let checked = web::check_url(setting, base, insecure)?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            client: web::client(&checked)?,
            requests,
        })
    }

    /// Asks for something.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn get(
        &self,
        method: Method,
        parameters: &[(&str, &str)],
        token: Option<&SecretText>,
    ) -> Result<Answer, ConnectError> {
        let mut url = self.url(method)?;
        url.query_pairs_mut().extend_pairs(parameters);
        self.send(method, self.client.get(url), token).await
    }

    /// Sends something: a JSON body, if there is one.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) async fn post<T: Serialize + Sync>(
        &self,
        method: Method,
        body: Option<&T>,
        token: Option<&SecretText>,
    ) -> Result<Answer, ConnectError> {
        let mut request = self.client.post(self.url(method)?);
        if let Some(body) = body {
            let body =
                serde_json::to_vec(body).map_err(|error| ConnectError::Form(error.to_string()))?;
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        self.send(method, request, token).await
    }

    fn url(&self, method: Method) -> Result<Url, ConnectError> {
        let url = format!("{}/xrpc/{}", self.base, method.name);
        Url::parse(&url).map_err(|error| ConnectError::Unusable(format!("{url:?}: {error}")))
    }

    async fn send(
        &self,
        method: Method,
        request: RequestBuilder,
        token: Option<&SecretText>,
    ) -> Result<Answer, ConnectError> {
        let request = match token {
            Some(token) => request.bearer_auth(token.reveal()),
            None => request,
        };
        let answer = web::ask(request, method.endpoint, &self.requests).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let reset = rate(&answer.headers).filter(|rate| rate.remaining == 0);
        Err(match web::refusal(&answer) {
            ConnectError::Status {
                status,
                detail,
                retry_at,
            } => ConnectError::Status {
                status,
                detail,
                retry_at: retry_at.max(reset.map(|rate| rate.reset)),
            },
            other => other,
        })
    }
}

/// The JSON of an answer.
///
/// # Errors
/// [`ConnectError::Form`].
pub(super) fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T, ConnectError> {
    serde_json::from_slice(&answer.body).map_err(|error| ConnectError::Form(error.to_string()))
}

/// The state of the rate limit in the headers of an answer.
pub(super) fn rate(headers: &HeaderMap) -> Option<RateLimit> {
    let text = |name| headers.get(name)?.to_str().ok();
    let number = |name| text(name)?.trim().parse().ok();
    let reset: fn(&str) -> Option<Timestamp> = web::reset_time;
    Some(RateLimit {
        limit: number("ratelimit-limit")?,
        remaining: number("ratelimit-remaining")?,
        reset: text("ratelimit-reset").and_then(reset)?,
    })
}
