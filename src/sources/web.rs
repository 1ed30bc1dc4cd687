//! What all sources need for HTTP: a client, bounded bodies, errors with the source's own words,
//! and secrets.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};

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

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) body: Bytes,
    /// When the answer arrived, if the requests have a clock.
    pub(super) at: Option<Timestamp>,
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
            at: requests.now(),
        })
    };
    let answer = answered.await;
    let status = answer.as_ref().map_or(0, |answer: &Answer| answer.status);
    requests.count(endpoint, status);
    answer
}

/// Opens a stream: returns the answer when its head has arrived with a status of success.
///
/// # Errors
/// [`ConnectError`], with the source's own words when the status is another one.
pub(super) async fn open(
    request: RequestBuilder,
    endpoint: &'static str,
    requests: &Requests,
) -> Result<Response, ConnectError> {
    open_with(request, endpoint, requests, StatusCode::is_success).await
}

/// Opens a stream: returns the answer when its head has arrived with a status that `is_right`
/// accepts.
///
/// # Errors
/// [`ConnectError`], with the source's own words when the status is another one.
pub(super) async fn open_with(
    request: RequestBuilder,
    endpoint: &'static str,
    requests: &Requests,
    is_right: fn(&StatusCode) -> bool,
) -> Result<Response, ConnectError> {
    match try_open(request, endpoint, requests, is_right).await? {
        Opened::Stream(response) => Ok(response),
        Opened::Refused(answer) => Err(refusal(&answer)),
    }
}

/// What a request for a stream gave.
#[derive(Debug)]
pub(super) enum Opened {
    /// The answer whose body is the stream.
    Stream(Response),
    /// A complete answer with another status.
    Refused(Answer),
}

/// Opens a stream, and reads the whole answer when `is_right` does not accept its status.
///
/// # Errors
/// [`ConnectError::Network`], [`ConnectError::Form`] when the answer is too large.
pub(super) async fn try_open(
    request: RequestBuilder,
    endpoint: &'static str,
    requests: &Requests,
    is_right: fn(&StatusCode) -> bool,
) -> Result<Opened, ConnectError> {
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
    if is_right(&response.status()) {
        return Ok(Opened::Stream(response));
    }
    let headers = response.headers().clone();
    let body = tokio::time::timeout(CONNECT_TIMEOUT, read(response)).await;
    let body = body.unwrap_or_else(|_| Ok(Bytes::new()))?;
    Ok(Opened::Refused(Answer {
        status,
        headers,
        body,
        at: requests.now(),
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
        retry_at: retry_at(answer),
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

/// The time from which a source accepts requests again: the later one of `Retry-After` and of the
/// reset of its rate limit. A reset counts when the rate limit is the reason (420, 429) or is used
/// up.
fn retry_at(answer: &Answer) -> Option<Timestamp> {
    let text = |name: &str| answer.headers.get(name)?.to_str().ok();
    let is_over = matches!(answer.status, 420 | 429)
        || text("x-rate-limit-remaining")
            .or_else(|| text("x-ratelimit-remaining"))
            .is_none_or(|remaining| remaining.trim() == "0");
    let reset = text("x-rate-limit-reset")
        .or_else(|| text("x-ratelimit-reset"))
        .filter(|_| is_over)
        .and_then(reset_time);
    let date = answer.at.or_else(|| text("date").and_then(http_date));
    let after = text(RETRY_AFTER.as_str()).and_then(|after| retry_after(after, date));
    after.max(reset)
}

/// `Retry-After`: a number of seconds after the answer, or a date.
fn retry_after(text: &str, answered: Option<Timestamp>) -> Option<Timestamp> {
    match text.trim().parse::<u32>() {
        Ok(seconds) => Some(answered?.plus(i64::from(seconds).saturating_mul(1_000))),
        Err(_) => http_date(text),
    }
}

/// A reset of a rate limit: in seconds since 1970 (X), or as an RFC 3339 time (Mastodon).
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

    /// The time of the next try after an answer with these headers, which arrived at 07:00:10.
    fn next_try(status: u16, at: bool, pairs: &[(&'static str, &'static str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let answer = Answer {
            status,
            headers,
            body: Bytes::new(),
            at: at.then(|| Timestamp::parse("2026-11-23T07:00:10Z").unwrap()),
        };
        retry_at(&answer).map(|time| time.to_string())
    }

    #[test]
    fn reset_of_a_rate_limit_counts_when_the_limit_is_the_reason_or_is_used_up() {
        // 2026-11-23 07:00:30 UTC.
        let reset = ("x-rate-limit-reset", "1795417230");
        let time = Some("2026-11-23T07:00:30.000Z".to_owned());
        assert_eq!(next_try(429, true, &[reset]), time);
        let remaining = ("x-rate-limit-remaining", "3");
        assert_eq!(next_try(429, true, &[reset, remaining]), time);
        assert_eq!(next_try(503, true, &[reset, remaining]), None);
        let used_up = ("x-rate-limit-remaining", "0");
        assert_eq!(next_try(503, true, &[reset, used_up]), time);
        let of_mastodon = ("x-ratelimit-reset", "2026-11-23T07:00:30.0Z");
        assert_eq!(next_try(429, true, &[of_mastodon]), time);
        assert_eq!(next_try(429, true, &[]), None);
    }

    #[test]
    fn retry_after_is_read_as_seconds_after_the_answer_and_as_a_date() {
        let seconds = ("retry-after", "30");
        let date = ("date", "Mon, 23 Nov 2026 07:00:00 GMT");
        let from_clock = Some("2026-11-23T07:00:40.000Z".to_owned());
        assert_eq!(next_try(429, true, &[seconds]), from_clock);
        assert_eq!(next_try(429, true, &[seconds, date]), from_clock);
        let from_date = Some("2026-11-23T07:00:30.000Z".to_owned());
        assert_eq!(next_try(429, false, &[seconds, date]), from_date);
        assert_eq!(next_try(429, false, &[seconds]), None);
        let as_date = ("retry-after", "Mon, 23 Nov 2026 07:01:00 GMT");
        let then = Some("2026-11-23T07:01:00.000Z".to_owned());
        assert_eq!(next_try(429, false, &[as_date]), then);
        let reset = ("x-rate-limit-reset", "1795417230");
        assert_eq!(next_try(429, true, &[as_date, reset]), then);
        assert_eq!(next_try(429, true, &[("retry-after", "soon")]), None);
    }
}
