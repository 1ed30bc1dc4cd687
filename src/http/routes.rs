//! All routes: one table, from which the router is built and by which the description of the
//! interface is checked.

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, delete, get, post};

use super::problem::{Problem, shortened};
use super::{
    Http, assets, compare, health, keywords, ledger, live, middleware, overview, timeline, tweets,
    volume,
};

/// A route as the interface describes it.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its path, with `{token}` for a keyword.
    pub pattern: &'static str,
    /// Its methods. A route that has GET has HEAD, too, but the WebSocket.
    pub methods: &'static [&'static str],
    /// Its query parameters.
    pub parameters: &'static [&'static str],
}

const fn route(
    pattern: &'static str,
    methods: &'static [&'static str],
    parameters: &'static [&'static str],
) -> Route {
    Route {
        pattern,
        methods,
        parameters,
    }
}

const METRICS: &str = "/metrics";

/// Routes that are answered under any host name, since probes send addresses.
pub(super) const PROBES: &[&str] = &["/healthz", "/readyz"];

/// Every route.
pub const ROUTES: &[Route] = &[
    route("/", &["GET"], &[]),
    route("/page.js", &["GET"], &[]),
    route("/live.js", &["GET"], &[]),
    route("/page.css", &["GET"], &[]),
    route("/healthz", &["GET"], &[]),
    route("/readyz", &["GET"], &[]),
    route(METRICS, &["GET"], &[]),
    route("/api/openapi.json", &["GET"], &[]),
    route("/api/asyncapi.json", &["GET"], &[]),
    route("/api/v1/tweets", &["POST"], &[]),
    route("/api/v1/keywords", &["GET", "POST"], keywords::PARAMETERS),
    route("/api/v1/keywords/{token}", &["DELETE"], &[]),
    route("/api/v1/keywords/{token}/release", &["POST"], &[]),
    route(
        "/api/v1/keywords/{token}/timeline",
        &["GET"],
        timeline::PARAMETERS,
    ),
    route(
        "/api/v1/keywords/{token}/volume",
        &["GET"],
        volume::PARAMETERS,
    ),
    route(
        "/api/v1/keywords/{token}/ledger",
        &["GET"],
        ledger::PARAMETERS,
    ),
    route(
        "/api/v1/keywords/{token}/events",
        &["GET"],
        live::sse::PARAMETERS,
    ),
    route("/api/v1/live", &["GET"], &[]),
    route("/api/v1/ledger", &["GET"], ledger::PARAMETERS),
    route("/api/v1/overview", &["GET"], overview::PARAMETERS),
    route("/api/v1/compare", &["GET"], compare::PARAMETERS),
];

/// The pattern of a route, for metrics.
pub(super) fn pattern_of(matched: &str) -> &'static str {
    ROUTES
        .iter()
        .find(|route| route.pattern == matched)
        .map_or("none", |route| route.pattern)
}

fn handler(pattern: &str) -> Option<MethodRouter<Http>> {
    Some(match pattern {
        "/" => get(assets::page),
        "/page.js" => get(assets::script),
        "/live.js" => get(assets::live_script),
        "/page.css" => get(assets::style),
        "/healthz" => get(health::health),
        "/readyz" => get(health::readiness),
        METRICS => get(health::metrics),
        "/api/openapi.json" => get(assets::openapi),
        "/api/asyncapi.json" => get(assets::asyncapi),
        "/api/v1/tweets" => post(tweets::publish),
        "/api/v1/keywords" => get(keywords::list).post(keywords::track),
        "/api/v1/keywords/{token}" => delete(keywords::untrack),
        "/api/v1/keywords/{token}/release" => post(keywords::release),
        "/api/v1/keywords/{token}/timeline" => get(timeline::get),
        "/api/v1/keywords/{token}/volume" => get(volume::get),
        "/api/v1/keywords/{token}/ledger" => get(ledger::of_keyword),
        "/api/v1/keywords/{token}/events" => get(live::sse::get),
        "/api/v1/live" => any(live::socket::get),
        "/api/v1/ledger" => get(ledger::of_all),
        "/api/v1/overview" => get(overview::get),
        "/api/v1/compare" => get(compare::get),
        _ => return None,
    })
}

/// The router of all routes; without `/metrics` when that listens elsewhere.
pub fn router(http: Http, with_metrics: bool) -> Router {
    let patterns = ROUTES
        .iter()
        .map(|route| route.pattern)
        .filter(|pattern| with_metrics || *pattern != METRICS);
    of(http, patterns)
}

/// The router of `/metrics` alone.
pub fn metrics_router(http: Http) -> Router {
    of(http, [METRICS])
}

fn of(http: Http, patterns: impl IntoIterator<Item = &'static str>) -> Router {
    let routes = patterns
        .into_iter()
        .filter_map(|pattern| Some((pattern, handler(pattern)?)));
    routes
        .fold(Router::new(), |router, (pattern, handler)| {
            router.route(pattern, handler)
        })
        .method_not_allowed_fallback(not_allowed)
        .fallback(nothing)
        .layer(from_fn_with_state(http.clone(), middleware::pass))
        .with_state(http)
}

async fn nothing(State(_): State<Http>, OriginalUri(uri): OriginalUri) -> Problem {
    Problem::NotFound {
        path: shortened(uri.path()),
    }
}

async fn not_allowed(
    State(_): State<Http>,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Problem {
    Problem::MethodNotAllowed {
        method: shortened(method.as_str()),
        path: shortened(uri.path()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_a_handler() {
        for route in ROUTES {
            assert!(handler(route.pattern).is_some(), "{}", route.pattern);
        }
    }
}
