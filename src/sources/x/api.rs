//! Requests to X API v2: the base URL, the bearer token, and what an answer says about the rate
//! limit.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use crate::settings::{SecretText, XSettings};
use crate::sources::web::{self, Answer, Opened};
use crate::sources::{ConnectError, RateLimit, Requests};

/// The end of the `type` of a problem: the number of connections is exceeded.
const STREAMING_CONNECTION: &str = "streaming-connection";
/// The value of `connection_issue` in the same case.
const TOO_MANY_CONNECTIONS: &str = "TooManyConnections";

/// Sends requests to X; a clone shares the connections and the counts.
#[derive(Debug, Clone)]
pub(super) struct XApi {
    client: Client,
    base: String,
    token: SecretText,
    requests: Requests,
}

/// A complete answer of X.
#[derive(Debug)]
pub(super) struct XAnswer {
    /// The status.
    pub(super) status: u16,
    /// The body.
    pub(super) body: Bytes,
    /// The state of the rate limit of the endpoint, if the answer states it.
    pub(super) rate: Option<RateLimit>,
}

impl XApi {
    /// Requests with the base URL and the token of the settings, counted in `requests`.
    ///
    /// # Errors
    /// [`ConnectError::Unusable`] when the token is missing or the URL may not be used.
    pub(super) fn new(settings: &XSettings, requests: Requests) -> Result<Self, ConnectError> {
        let base = web::check_url("sources.x.url", &settings.url, settings.insecure)?;
        let token = web::secret(settings.token.as_ref(), settings.token_file.as_deref())?;
        let token = token.ok_or_else(|| {
            ConnectError::Unusable(
                "X needs a bearer token: set `sources.x.token` in a configuration file, \
                 TIDINGS_SOURCES__X__TOKEN in the environment, or `sources.x.token_file`"
                    .to_owned(),
            )
        })?;
        Ok(Self {
            client: web::client(&base)?,
            base: settings.url.trim_end_matches('/').to_owned(),
            token,
            requests,
        })
    }

    /// Sends a GET request. `endpoint` names it in the counts; `path` begins with a slash.
    ///
    /// # Errors
    /// [`ConnectError`], also for a status other than success.
    pub(super) async fn get(
        &self,
        endpoint: &'static str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<XAnswer, ConnectError> {
        let request = self.request(Method::GET, path, query)?;
        accepted(web::ask(request, endpoint, &self.requests).await?)
    }

    /// Sends a POST request with a JSON body.
    ///
    /// # Errors
    /// [`ConnectError`], also for a status other than success.
    pub(super) async fn post(
        &self,
        endpoint: &'static str,
        path: &str,
        query: &[(&str, String)],
        body: &Value,
    ) -> Result<XAnswer, ConnectError> {
        accepted(self.send(endpoint, path, query, body).await?)
    }

    /// Sends a POST request with a JSON body, and also returns the answer when the request is
    /// refused for its content: with status 400 or 422, or with a body that `is_expected` accepts.
    ///
    /// # Errors
    /// [`ConnectError`] for other statuses.
    pub(super) async fn post_judged(
        &self,
        endpoint: &'static str,
        path: &str,
        query: &[(&str, String)],
        body: &Value,
        is_expected: impl Fn(&[u8]) -> bool + Send,
    ) -> Result<XAnswer, ConnectError> {
        let answer = self.send(endpoint, path, query, body).await?;
        if matches!(answer.status, 400 | 422) || is_expected(&answer.body) {
            return Ok(answer.into());
        }
        accepted(answer)
    }

    /// Opens a stream: returns when the head of the answer has arrived. The body is read by the
    /// caller.
    ///
    /// # Errors
    /// [`ConnectError`], also for a status other than success.
    pub(super) async fn open_stream(
        &self,
        endpoint: &'static str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Response, ConnectError> {
        let request = self.request(Method::GET, path, query)?;
        match web::try_open(request, endpoint, &self.requests, StatusCode::is_success).await? {
            Opened::Stream(response) => Ok(response),
            Opened::Refused(answer) => Err(refusal(&answer)),
        }
    }

    async fn send(
        &self,
        endpoint: &'static str,
        path: &str,
        query: &[(&str, String)],
        body: &Value,
    ) -> Result<Answer, ConnectError> {
        let request = self
            .request(Method::POST, path, query)?
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        web::ask(request, endpoint, &self.requests).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<RequestBuilder, ConnectError> {
        let url = address(&self.base, path, query)?;
        let request = self.client.request(method, url);
        Ok(request.bearer_auth(self.token.reveal()))
    }
}

impl From<Answer> for XAnswer {
    fn from(answer: Answer) -> Self {
        Self {
            status: answer.status,
            rate: rate(&answer.headers),
            body: answer.body,
        }
    }
}

/// The URL of a request. A blank in a parameter is written as `%20`.
fn address(base: &str, path: &str, query: &[(&str, String)]) -> Result<Url, ConnectError> {
    let mut url = Url::parse(&format!("{base}{path}"))
        .map_err(|error| ConnectError::Unusable(format!("{base}{path}: {error}")))?;
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
        let written = url.query().unwrap_or_default().replace('+', "%20");
        url.set_query(Some(&written));
    }
    Ok(url)
}

fn accepted(answer: Answer) -> Result<XAnswer, ConnectError> {
    if (200..300).contains(&answer.status) {
        return Ok(answer.into());
    }
    Err(refusal(&answer))
}

/// The error of an answer without success. Says what a refused connection means, because X's words
/// alone do not.
fn refusal(answer: &Answer) -> ConnectError {
    match web::refusal(answer) {
        ConnectError::Status {
            status: 429,
            detail,
            retry_at,
        } if is_about_connections(&answer.body) => ConnectError::Status {
            status: 429,
            detail: format!(
                "{detail} (too many connections: X has not yet noticed that an older connection \
                 with this token ended, or another process holds one)"
            ),
            retry_at,
        },
        other => other,
    }
}

/// True when a problem says that the number of connections is exceeded.
fn is_about_connections(body: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let says = |problem: &Value| {
        let text = |name: &str| problem.get(name).and_then(Value::as_str);
        text("connection_issue") == Some(TOO_MANY_CONNECTIONS)
            || text("type").is_some_and(|name| name.ends_with(STREAMING_CONNECTION))
    };
    let errors = value.get("errors").and_then(Value::as_array);
    says(&value) || errors.is_some_and(|errors| errors.iter().any(says))
}

/// The state of a rate limit in the headers of an answer.
fn rate(headers: &HeaderMap) -> Option<RateLimit> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    Some(RateLimit {
        limit: text("x-rate-limit-limit")?.trim().parse().ok()?,
        remaining: text("x-rate-limit-remaining")?.trim().parse().ok()?,
        reset: text("x-rate-limit-reset").and_then(web::reset_time)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sources::x::scripted::{Answered, ScriptedX, settings_of_test};

    #[tokio::test]
    async fn answers_and_refusals_of_every_request_are_read_alike() {
        let x = ScriptedX::start(|asked| match asked.path.as_str() {
            "/good" => Answered::json(200, json!({"said": asked.body})),
            "/rules" => Answered::json(403, json!({"problem": 1})),
            _ => Answered::json(400, json!({"title": "Bad", "detail": "why"})),
        })
        .await;
        let api = x.api();
        let query = [("q", "a b+c".to_owned())];
        assert_eq!(api.get("good", "/good", &query).await.unwrap().status, 200);
        let body = json!({"add": []});
        let answer = api.post("good", "/good", &[], &body).await.unwrap();
        assert_eq!(answer.body, "{\"said\":{\"add\":[]}}");
        assert_eq!(answer.rate, None);
        assert!(api.get("bad", "/bad", &[]).await.is_err());
        assert!(api.post("bad", "/bad", &[], &body).await.is_err());
        assert!(api.open_stream("bad", "/bad", &[]).await.is_err());
        let judged = api.post_judged("bad", "/bad", &[], &body, |_| false).await;
        assert_eq!(judged.unwrap().status, 400);
        let judged = api
            .post_judged("rules", "/rules", &[], &body, |_| true)
            .await;
        assert_eq!(judged.unwrap().status, 403);
        assert!(
            api.post_judged("rules", "/rules", &[], &body, |_| false)
                .await
                .is_err()
        );
        assert_eq!(x.asked()[0].raw_query, "q=a%20b%2Bc");
        assert_eq!(
            api.requests.pairs(),
            [("bad", 400, 4), ("good", 200, 2), ("rules", 403, 2)]
        );
    }

    #[tokio::test]
    async fn too_many_connections_are_explained() {
        let x = ScriptedX::start(|asked| {
            let problem = match asked.path.as_str() {
                "/issue" => json!({"title": "Busy", "connection_issue": "TooManyConnections"}),
                "/type" => json!({"errors": [{
                    "title": "Busy", "type": "https://api.x.com/2/problems/streaming-connection",
                }]}),
                _ => json!({"title": "Busy"}),
            };
            Answered::json(429, problem)
        })
        .await;
        let api = x.api();
        for (path, is_explained) in [("/issue", true), ("/type", true), ("/other", false)] {
            let error = api.open_stream("stream", path, &[]).await.unwrap_err();
            let ConnectError::Status { status, detail, .. } = error else {
                panic!("{error:?}");
            };
            assert_eq!(status, 429);
            assert!(detail.starts_with("Busy"), "{detail}");
            assert_eq!(
                detail.contains("an older connection"),
                is_explained,
                "{path}"
            );
        }
    }

    #[test]
    fn missing_token_is_named() {
        let mut settings = settings_of_test();
        settings.token = None;
        let refused = XApi::new(&settings, Requests::default()).unwrap_err();
        assert!(refused.to_string().contains("sources.x.token"), "{refused}");
    }
}
