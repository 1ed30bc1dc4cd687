//! What every request passes on its way in and out: host and origin, panics, metrics.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use axum::extract::{MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::body::Lingering;
use super::problem::{Problem, shortened};
use super::{Http, routes};
use crate::telemetry::log_throttled;

/// Host names under which the server may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    listed: Vec<(String, Option<u16>)>,
}

/// A setting that is no host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} in http.hosts is not a host name; write \"example.org\" for any port, \"example.org:8443\" for one"
)]
pub struct HostsError(pub String);

impl Default for Hosts {
    fn default() -> Self {
        let any_port = |name: &str| (name.to_owned(), None);
        Self {
            listed: ["localhost", "127.0.0.1", "[::1]"].map(any_port).to_vec(),
        }
    }
}

impl Hosts {
    /// Reads names such as `example.org` (any port) and `example.org:8443`.
    ///
    /// # Errors
    /// [`HostsError`] names the one that is none.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, HostsError> {
        let listed = names
            .into_iter()
            .map(|name| host_and_port(name.as_ref()).ok_or(HostsError(name.as_ref().to_owned())))
            .collect::<Result<_, _>>()?;
        Ok(Self { listed })
    }

    fn lists(&self, host: &str, port: Option<u16>) -> bool {
        self.listed
            .iter()
            .any(|(name, only)| name == host && (only.is_none() || *only == port))
    }

    /// Checks under which name a request asks, and for whose page.
    ///
    /// A page is our own when its host is one of ours and its port the one asked: names of one
    /// machine differ, but another port is another program.
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let headers = request.headers();
        let asked = asked_host(request)?;
        let Some((host, port)) =
            host_and_port(&asked).filter(|(host, port)| self.lists(host, *port))
        else {
            return Err(Problem::UnlistedHost(shortened(&asked)));
        };
        for origin in headers.get_all(header::ORIGIN) {
            let foreign = || Problem::ForeignOrigin(shortened(&lossy(origin)));
            let text = origin.to_str().map_err(|_| foreign())?;
            let authority = text
                .strip_prefix("http://")
                .or_else(|| text.strip_prefix("https://"));
            let ours = authority
                .and_then(host_and_port)
                .is_some_and(|(name, at)| at == port && (name == host || self.lists(&name, at)));
            if !ours {
                return Err(foreign());
            }
        }
        Ok(())
    }
}

/// The one `Host` of a request, which the request line may repeat.
fn asked_host(request: &Request) -> Result<String, Problem> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Problem::BadRequest(
            "a request names exactly one Host".to_owned(),
        ));
    };
    let named = request.uri().authority().map(Authority::as_str);
    let host = lossy(host);
    match named {
        Some(named) if !named.eq_ignore_ascii_case(&host) => Err(Problem::BadRequest(format!(
            "the request line asks {:?}, but the Host header {:?}",
            shortened(named),
            shortened(&host)
        ))),
        _ => Ok(host),
    }
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// Splits `name:port`, the name in lower case; `None` when it is neither a name nor an address.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = text.parse().ok()?;
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let port = match text.get(authority.host().len()..)? {
        "" => None,
        port => Some(port.strip_prefix(':')?.parse().ok()?),
    };
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    Some((name, port))
}

/// The way in and out. Everything that a request may do wrong ends as a problem, a panic too.
pub async fn pass(State(http): State<Http>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", |path| routes::pattern_of(path.as_str()));
    let method = request.method().clone();
    let started = std::time::Instant::now();
    let (parts, body) = request.into_parts();
    let body = Lingering::wrap(&parts.headers, body);
    let request = Request::from_parts(parts, body);
    let mut response = match http.hosts().check(&request) {
        Ok(()) => caught(next.run(request))
            .await
            .unwrap_or_else(|| Problem::Internal.into_response()),
        Err(problem) => problem.into_response(),
    };
    harden(response.headers_mut());
    let status = response.status().as_u16();
    http.metrics().request_answered(route, status);
    tracing::debug!(%method, route, status, took = ?started.elapsed(), "answered");
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
    use axum::body::Body;

    fn check(hosts: &Hosts, uri: &str, headers: &[(&str, &str)]) -> Result<(), Problem> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        hosts.check(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn loopback_names_are_listed_on_any_port() {
        let hosts = Hosts::default();
        for host in [
            "localhost",
            "LOCALHOST:4820",
            "127.0.0.1:1",
            "[::1]:4820",
            "localhost.",
        ] {
            assert!(check(&hosts, "/", &[("host", host)]).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.2",
            "a@localhost",
            "::1",
            "localhost:x",
            "",
        ] {
            assert!(
                matches!(
                    check(&hosts, "/", &[("host", host)]),
                    Err(Problem::UnlistedHost(_))
                ),
                "{host}"
            );
        }
    }

    #[test]
    fn a_request_names_one_host() {
        let hosts = Hosts::default();
        for (uri, headers) in [
            ("/", &[][..]),
            ("/", &[("host", "localhost"), ("host", "localhost")]),
            ("http://evil.example/", &[("host", "localhost")]),
        ] {
            assert!(matches!(
                check(&hosts, uri, headers),
                Err(Problem::BadRequest(_))
            ));
        }
        assert!(check(&hosts, "http://localhost/", &[("host", "localhost")]).is_ok());
    }

    #[test]
    fn only_pages_of_our_own_may_ask() {
        let hosts = Hosts::default();
        let origin = |origin: &str| {
            check(
                &hosts,
                "/",
                &[("host", "127.0.0.1:4820"), ("origin", origin)],
            )
        };
        for ours in [
            "http://127.0.0.1:4820",
            "http://localhost:4820",
            "https://127.0.0.1:4820",
        ] {
            assert!(origin(ours).is_ok(), "{ours}");
        }
        for foreign in [
            "http://evil.example",
            "http://evil.example:4820",
            "http://127.0.0.1:3000",
            "http://127.0.0.1",
            "null",
            "",
            "file://127.0.0.1:4820",
            "http://127.0.0.1:4820/",
        ] {
            assert!(
                matches!(origin(foreign), Err(Problem::ForeignOrigin(_))),
                "{foreign}"
            );
        }
    }

    #[test]
    fn a_listed_port_is_the_only_one() {
        let hosts = Hosts::new(["example.org:8443", "other.example"]).unwrap();
        assert!(check(&hosts, "/", &[("host", "example.org:8443")]).is_ok());
        assert!(check(&hosts, "/", &[("host", "example.org")]).is_err());
        assert!(check(&hosts, "/", &[("host", "Other.Example:1")]).is_ok());
        assert!(check(&hosts, "/", &[("host", "localhost")]).is_err());
        assert!(Hosts::new(["http://x"]).is_err());
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_request_alone() {
        assert_eq!(caught(async { 1 }).await, Some(1));
        assert_eq!(caught(async { panic!("on purpose") }).await, None::<u8>);
    }
}
