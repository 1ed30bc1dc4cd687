//! What all sources need for HTTP: a client, bounded bodies, errors with the source's own words, and
//! secrets.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, Url};

use super::{ConnectError, Requests};
use crate::events::Timestamp;
use crate::settings::SecretText;
use crate::telemetry::whole;

/// The `User-Agent` of all requests to sources.
pub(super) const USER_AGENT: &str = concat!("tidings/", env!("CARGO_PKG_VERSION"));
/// Time limit for a connection, and for the head of an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for a request with its answer, streams excepted.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum size of an answer, in bytes. A page of 500 posts has less than 4 MiB.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Maximum length of a source's own words in an error, in characters.
const MAX_DETAIL_CHARS: usize = 400;
/// Maximum size of a file with a secret, in bytes.
const MAX_SECRET_BYTES: u64 = 16 * 1024;

/// Checks that a base URL may be used: one without TLS only to the loopback, or with `insecure`.
///
/// # Errors
/// [`ConnectError::Unusable`] names the setting.
pub(super) fn check_url(setting: &str, url: &str, insecure: bool) -> Result<Url, ConnectError> {
    let parsed = Url::parse(url)
        .map_err(|error| ConnectError::Unusable(format!("{setting} {url:?}: {error}")))?;
    let is_secure = matches!(parsed.scheme(), "https" | "wss");
    if is_secure || insecure || is_loopback(&parsed) {
        return Ok(parsed);
    }
    Err(ConnectError::Unusable(format!(
        "{setting} is {url:?}, which sends secrets without TLS to another machine; use https: or \
        wss:, or set `insecure = true` beside it"
    )))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = |address: std::net::IpAddr| address.is_loopback();
    host == "localhost" || address.parse().is_ok_and(is_loopback)
}

/// A client for requests to `base`. Requests to the loopback bypass a proxy of the environment.
/// Redirects are not followed, so that a secret is never sent to another host.
///
/// # Errors
/// [`ConnectError::Unusable`] when TLS cannot be set up.
pub(super) fn client(base: &Url) -> Result<Client, ConnectError> {
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|error| ConnectError::Unusable(whole(&error).to_string()))
}

/// A complete answer with a status of success.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) body: Bytes,
}

/// Sends a request and reads its answer, whatever its status.
///
/// # Errors
/// [`ConnectError::Network`], [`ConnectError::Form`] when the answer is too large.
pub(super) async fn ask(
    request: RequestBuilder,
    endpoint: &'static str,
    requests: &Requests,
) -> Result<Answer, ConnectError> {
    let answered = async {
        let response = request.timeout(REQUEST_TIMEOUT).send().await;
        let response = response.map_err(|error| network(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read(response).await?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    };
    let answer = answered.await;
    let status = answer.as_ref().map_or(0, |answer: &Answer| answer.status);
    requests.count(endpoint, status);
    answer
}

/// Opens a stream: returns the answer when its head has arrived with status 200.
///
/// # Errors
/// [`ConnectError`], with the source's own words when the status is another one.
pub(super) async fn open(
    request: RequestBuilder,
    endpoint: &'static str,
    requests: &Requests,
) -> Result<Response, ConnectError> {
    let sent = tokio::time::timeout(CONNECT_TIMEOUT, request.send()).await;
    let response = match sent {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            requests.count(endpoint, 0);
            return Err(network(&error));
        }
        Err(_) => {
            requests.count(endpoint, 0);
            let seconds = CONNECT_TIMEOUT.as_secs();
            return Err(ConnectError::Network(format!("nothing within {seconds} s")));
        }
    };
    let status = response.status().as_u16();
    requests.count(endpoint, status);
    if response.status().is_success() {
        return Ok(response);
    }
    let headers = response.headers().clone();
    let body = tokio::time::timeout(CONNECT_TIMEOUT, read(response)).await;
    let body = body.unwrap_or_else(|_| Ok(Bytes::new()))?;
    Err(refusal(&Answer {
        status,
        headers,
        body,
    }))
}

async fn read(mut response: Response) -> Result<Bytes, ConnectError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| network(&error))? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
            return Err(ConnectError::Form(format!(
                "the answer has more than {MAX_ANSWER_BYTES} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

pub(super) fn network(error: &reqwest::Error) -> ConnectError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    ConnectError::Network(cause.to_string())
}

/// The error of an answer without success, in the source's own words.
pub(super) fn refusal(answer: &Answer) -> ConnectError {
    ConnectError::Status {
        status: answer.status,
        detail: detail(&answer.body),
        retry_at: retry_at(&answer.headers),
    }
}

/// The words of an error: the members `title`, `detail`, `error`, `error_description` and `message`
/// of a JSON object, or of the first of its `errors`; else the beginning of the text.
pub(super) fn detail(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let words = |value: &serde_json::Value| {
        let members = ["title", "detail", "error", "error_description", "message"];
        let texts = members.iter().filter_map(|name| value.get(name)?.as_str());
        texts.collect::<Vec<_>>().join(": ")
    };
    let mut text = words(&value);
    if let Some(first) = value.get("errors").and_then(|errors| errors.get(0)) {
        let more = words(first);
        if !more.is_empty() && !text.contains(&more) {
            text = if text.is_empty() {
                more
            } else {
                format!("{text}: {more}")
            };
        }
    }
    if text.is_empty() {
        text = String::from_utf8_lossy(body).trim().to_owned();
    }
    if text.is_empty() {
        text = "no reason given".to_owned();
    }
    text.chars().take(MAX_DETAIL_CHARS).collect()
}

/// The time from which a source accepts requests again: `Retry-After` in seconds, or the reset of
/// its rate limit, in seconds since 1970 (X) or as an RFC 3339 time (Mastodon).
pub(super) fn retry_at(headers: &HeaderMap) -> Option<Timestamp> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let date = text("date").and_then(http_date);
    let after = headers.get(RETRY_AFTER).and_then(|value| {
        let seconds: i64 = value.to_str().ok()?.trim().parse().ok()?;
        Some(date?.plus(seconds.saturating_mul(1_000)))
    });
    let is_spent = text("x-rate-limit-remaining")
        .or_else(|| text("x-ratelimit-remaining"))
        .is_none_or(|remaining| remaining.trim() == "0");
    let reset = text("x-rate-limit-reset")
        .or_else(|| text("x-ratelimit-reset"))
        .filter(|_| is_spent)
        .and_then(reset_time);
    after.max(reset)
}

/// A reset of a rate limit, in either spelling.
pub(super) fn reset_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    match text.parse::<i64>() {
        Ok(seconds) => Some(Timestamp::from_millis(seconds.saturating_mul(1_000))),
        Err(_) => Timestamp::parse(text).ok(),
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = time::PrimitiveDateTime::parse(text.trim(), &format).ok()?;
    let seconds = date.assume_utc().unix_timestamp();
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
}

/// A secret from the settings, or from its file.
///
/// # Errors
/// [`ConnectError::Unusable`] when the file cannot be read or is empty.
pub(super) fn secret(
    given: Option<&SecretText>,
    file: Option<&Path>,
) -> Result<Option<SecretText>, ConnectError> {
    if let Some(secret) = given {
        return Ok(Some(secret.clone()));
    }
    let Some(path) = file else {
        return Ok(None);
    };
    let unusable = |reason: String| {
        ConnectError::Unusable(format!("the secret in {}: {reason}", path.display()))
    };
    let bytes = std::fs::metadata(path).map_err(|error| unusable(error.to_string()))?;
    if bytes.len() > MAX_SECRET_BYTES {
        return Err(unusable(format!("more than {MAX_SECRET_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("the file is empty".to_owned())),
        text => Ok(Some(SecretText::new(text))),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn plain_url_is_allowed_to_the_loopback_or_when_insecure() {
        for (url, insecure, allowed) in [
            ("https://api.x.com", false, true),
            ("http://127.0.0.1:1", false, true),
            ("ws://[::1]:1", false, true),
            ("http://localhost", false, true),
            ("http://127.example.com", false, false),
            ("http://api.x.com", false, false),
            ("http://api.x.com", true, true),
        ] {
            let checked = check_url("sources.x.url", url, insecure);
            assert_eq!(checked.is_ok(), allowed, "{url}");
        }
    }

    #[test]
    fn words_of_an_error_are_found_in_every_form() {
        for (body, words) in [
            (
                r#"{"title":"Unauthorized","detail":"no token"}"#,
                "Unauthorized: no token",
            ),
            (
                r#"{"error":"The access token is invalid"}"#,
                "The access token is invalid",
            ),
            (r#"{"errors":[{"title":"T","message":"m"}]}"#, "T: m"),
            ("", "no reason given"),
            (" plain ", "plain"),
        ] {
            assert_eq!(detail(body.as_bytes()), words);
        }
    }

    #[test]
    fn time_of_the_next_try_is_read_from_every_header() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter();
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            retry_at(&headers).map(Timestamp::millis)
        };
        assert_eq!(
            headers(&[("x-rate-limit-reset", "1795000000")]),
            Some(1_795_000_000_000)
        );
        assert_eq!(
            headers(&[
                ("x-rate-limit-reset", "1795000000"),
                ("x-rate-limit-remaining", "3"),
            ]),
            None
        );
        assert_eq!(
            headers(&[("x-ratelimit-reset", "2026-11-23T07:00:00.5Z")]),
            Some(1_795_417_200_500)
        );
        assert_eq!(
            headers(&[
                ("date", "Mon, 23 Nov 2026 07:00:00 GMT"),
                ("retry-after", "30"),
            ]),
            Some(1_795_417_230_000)
        );
        assert_eq!(headers(&[]), None);
    }
}
