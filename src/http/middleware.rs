//! What every request passes on its way in and out: host and origin, panics, metrics.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer_budget::AnswerBudget;
use super::body::Lingering;
use super::problem::Problem;
use super::{Http, routes};
use crate::telemetry::log_throttled;

/// Marks a request that asks under a name that is not listed, and gets an answer all the same:
/// probes send the address of the machine. It is told nothing but the status.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unlisted;

/// The way in and out. Everything that a request may do wrong ends as a problem, a panic too.
pub async fn pass(State(http): State<Http>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", |path| routes::pattern_of(path.as_str()));
    let method = request.method().clone();
    let started = std::time::Instant::now();
    let answers = AnswerBudget::of(&http, &request);
    let (parts, body) = request.into_parts();
    let body = Lingering::wrap(&parts.headers, body);
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
    harden(response.headers_mut());
    let status = response.status().as_u16();
    let took = started.elapsed();
    http.metrics().request_answered(route, status, took);
    tracing::debug!(%method, route, status, ?took, "answered");
    response
}

/// No answer of ours is anything but what its type says.
fn harden(headers: &mut HeaderMap) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
}

/// Runs a future; `None` when it panics. What it shares with others are handles, whose owners
/// guard themselves against panics.
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

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_own_request_alone() {
        assert_eq!(caught(async { 1 }).await, Some(1));
        assert_eq!(caught(async { panic!("on purpose") }).await, None::<u8>);
    }
}
