//! The table of all routes: those of the [resources](super::resources), and [`PLAIN_ROUTES`]. The
//! router and the OpenAPI description are made from it.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, delete, get, post, put};

use super::description::Operation;
use super::parameter::{MIN_SEQ, Parameter};
use super::problem::{Problem, shortened};
use super::resources::RESOURCES;
use super::{Http, assets, dashboard, health, keywords, live, middleware, sources, tweets};

/// A route: its path, methods and parameters.
#[derive(Debug, Clone)]
pub struct Route {
    /// Path, with `{token}` for a keyword.
    pub pattern: &'static str,
    /// Methods. Every route with GET answers HEAD too, except the WebSocket.
    pub methods: Vec<&'static str>,
    /// Names of the query parameters of GET.
    pub parameters: Vec<&'static str>,
}

/// One method of a route that is not a resource.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainRoute {
    pub(super) pattern: &'static str,
    pub(super) method: &'static str,
    /// Makes the entry in the OpenAPI description.
    pub(super) operation: fn() -> Operation,
    handler: fn() -> MethodRouter<Http>,
}

const fn plain(
    method: &'static str,
    pattern: &'static str,
    handler: fn() -> MethodRouter<Http>,
    operation: fn() -> Operation,
) -> PlainRoute {
    PlainRoute {
        pattern,
        method,
        operation,
        handler,
    }
}

const METRICS: &str = "/metrics";
const EVENTS: &str = "/api/v1/keywords/{token}/events";

/// Routes that are answered under any host, because probes send the address of the machine.
pub(super) const PROBES: &[&str] = &["/healthz", "/readyz"];

/// The routes that are not resources.
pub(super) const PLAIN_ROUTES: &[PlainRoute] = &[
    plain(
        "GET",
        "/",
        || get(dashboard::page),
        dashboard::page_operation,
    ),
    plain(
        "GET",
        "/api/openapi.json",
        || get(assets::openapi),
        assets::openapi_operation,
    ),
    plain(
        "GET",
        "/api/asyncapi.json",
        || get(assets::asyncapi),
        assets::asyncapi_operation,
    ),
    plain(
        "GET",
        "/healthz",
        || get(health::health),
        health::health_operation,
    ),
    plain(
        "GET",
        "/readyz",
        || get(health::readiness),
        health::readiness_operation,
    ),
    plain(
        "GET",
        METRICS,
        || get(health::metrics),
        health::metrics_operation,
    ),
    plain(
        "POST",
        "/api/v1/tweets",
        || post(tweets::publish),
        tweets::publish_operation,
    ),
    plain(
        "POST",
        "/api/v1/keywords",
        || post(keywords::track),
        keywords::track_operation,
    ),
    plain(
        "DELETE",
        "/api/v1/keywords/{token}",
        || delete(keywords::untrack),
        keywords::untrack_operation,
    ),
    plain(
        "POST",
        "/api/v1/keywords/{token}/release",
        || post(keywords::release),
        keywords::release_operation,
    ),
    plain(
        "GET",
        "/api/v1/sources",
        || get(sources::list),
        sources::list_operation,
    ),
    plain(
        "PUT",
        "/api/v1/sources/{name}",
        || put(sources::report),
        sources::report_operation,
    ),
    plain("GET", EVENTS, || get(live::sse::get), live::sse::operation),
    plain(
        "GET",
        "/api/v1/live",
        || any(live::socket::get),
        live::socket::operation,
    ),
];

/// Every route.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let names = |parameters: &[Parameter]| parameters.iter().map(Parameter::name).collect();
    let resources = RESOURCES.iter().map(|resource| {
        let mut parameters: Vec<_> = names(resource.parameters);
        parameters.push(MIN_SEQ.0.name);
        (resource.path, "GET", parameters)
    });
    let plain = PLAIN_ROUTES.iter().map(|route| {
        let parameters = if route.pattern == EVENTS {
            names(&live::sse::parameters())
        } else {
            Vec::new()
        };
        (route.pattern, route.method, parameters)
    });
    let mut routes: Vec<Route> = Vec::new();
    for (pattern, method, parameters) in resources.chain(plain) {
        match routes.iter_mut().find(|route| route.pattern == pattern) {
            Some(route) => {
                route.methods.push(method);
                route.parameters.extend(parameters);
            }
            None => routes.push(Route {
                pattern,
                methods: vec![method],
                parameters,
            }),
        }
    }
    routes
});

/// The pattern of a route as a static text, for metrics.
pub(super) fn pattern_of(matched: &str) -> &'static str {
    ROUTES
        .iter()
        .find(|route| route.pattern == matched)
        .map_or("none", |route| route.pattern)
}

/// Patterns with handlers. A pattern is repeated when its methods have separate handlers.
fn handlers() -> impl Iterator<Item = (&'static str, MethodRouter<Http>)> {
    let resources = RESOURCES.iter();
    let plain = PLAIN_ROUTES.iter();
    resources
        .map(|resource| (resource.path, (resource.route)()))
        .chain(plain.map(|route| (route.pattern, (route.handler)())))
}

/// The router of all routes. `with_metrics` is false when `/metrics` has its own listener.
pub fn router(http: Http, with_metrics: bool) -> Router {
    of(http, |pattern| with_metrics || pattern != METRICS)
}

/// The router of `/metrics` alone.
pub fn metrics_router(http: Http) -> Router {
    of(http, |pattern| pattern == METRICS)
}

fn of(http: Http, is_served: impl Fn(&str) -> bool) -> Router {
    let with_dashboard = is_served("/");
    let router = handlers()
        .filter(|(pattern, _)| is_served(pattern))
        .fold(Router::new(), |router, (pattern, handler)| {
            router.route(pattern, handler)
        })
        .method_not_allowed_fallback(not_allowed);
    let router = if with_dashboard {
        router.fallback(dashboard::fallback)
    } else {
        router.fallback(nothing)
    };
    router
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
