//! The middleware of every request: checks host and origin, turns panics into problems, counts the
//! answer, and records metrics.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer_budget::AnswerBudget;
use super::body::Lingering;
use super::problem::{Problem, Refused};
use super::{Http, routes};
use crate::telemetry::log_throttled;

/// Marks a request to a probe under a host that is not listed. Probes send the address of the
/// machine, so they are answered under any host, but then with the status alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unlisted;

/// Pause before the answer that refuses a request as busy. Refusals cost time of the event loop.
/// Without a pause, a client that sends its requests one after another and reads no answer would be
/// refused hundreds of times per second.
const REFUSAL_PAUSE: Duration = Duration::from_millis(100);

/// Runs one request through the checks, the handler and the metrics. Refusals and panics are
/// answered with a problem.
pub async fn pass(State(http): State<Http>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", |path| routes::pattern_of(path.as_str()));
    let method = request.method().clone();
    let started = std::time::Instant::now();
    let answers = AnswerBudget::of(&http, &request);
    let (parts, body) = request.into_parts();
    let body = Lingering::wrap(&parts.headers, body, &http.shared.discard_pace);
    let mut request = Request::from_parts(parts, body);
    let mut checked = http.hosts().check(&request);
    let is_of_a_page = request.headers().contains_key(header::ORIGIN);
    if matches!(checked, Err(Problem::UnlistedHost(_)))
        && routes::PROBES.contains(&route)
        && !is_of_a_page
    {
        request.extensions_mut().insert(Unlisted);
        checked = Ok(());
    }
    let response = match checked {
        Ok(()) => caught(next.run(request))
            .await
            .unwrap_or_else(|| Problem::Internal.into_response()),
        Err(problem) => problem.into_response(),
    };
    let mut response = answers.count(response);
    if let Some(pause) = pause_before(&response) {
        tokio::time::sleep(pause).await;
    }
    harden(response.headers_mut());
    let status = response.status().as_u16();
    let took = started.elapsed();
    http.metrics().request_answered(route, status, took);
    tracing::debug!(%method, route, status, ?took, "answered");
    response
}

fn pause_before(response: &Response) -> Option<Duration> {
    let refused = response.extensions().get::<Refused>();
    refused.map(|_| REFUSAL_PAUSE)
}

/// Adds `nosniff`: browsers must not guess another content type than the given one.
fn harden(headers: &mut HeaderMap) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}

/// Runs a future. Returns `None` when it panics. That is unwind-safe, because a request shares only
/// handles with others, and what they share is consistent after a panic.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Some(value)),
            Err(panic) => {
                let panic = panic_text(panic.as_ref()).to_owned();
                log_throttled("request-panicked", move |count| {
                    tracing::error!(panic, count, "requests panicked");
                });
                Poll::Ready(None)
            }
        },
    )
    .await
}

/// The message of a panic.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_refuses_as_busy_waits() {
        let busy = Problem::Busy {
            what: "too many",
            setting: "a.limit",
        };
        assert_eq!(pause_before(&busy.into_response()), Some(REFUSAL_PAUSE));
        for other in [Problem::TryAgain("not yet"), Problem::Internal] {
            assert_eq!(pause_before(&other.into_response()), None);
        }
    }

    #[tokio::test]
    async fn panic_ends_only_its_own_request() {
        assert_eq!(caught(async { 1 }).await, Some(1));
        assert_eq!(caught(async { panic!("on purpose") }).await, None::<u8>);
    }
}
