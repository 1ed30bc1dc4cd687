//! Serves the dashboard: its page, and the files that the page loads.
//!
//! In: a path. Out: a file of the build of `web/`, which is part of the binary
//! ([`Files::Built`]), or of a folder ([`Files::Folder`]).
//!
//! A path of the app, such as `/k/ai`, is answered with `index.html`, and the app shows the page of
//! that path. A file in `assets/` has a hash of its content in its name, so browsers keep it. For
//! any other file, browsers send its entity tag each time and get a 304 while it is unchanged.

mod encoding;
mod files;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer_budget::StaticBody;
use super::description::Operation;
use super::problem::{Problem, shortened};
use super::{Http, etag};
use encoding::Encoding;
use files::File;
pub use files::{Files, NoDashboard};

/// The page that loads the app.
const PAGE: &str = "index.html";

/// Paths of the app below `/`, by their first segment.
const APP_PATHS: &[&str] = &["k", "compare", "ops"];

/// Content security policy of the page. It allows scripts, styles, fonts and images only from this
/// server's files, requests only to this server, no frames and no plug-ins. So the browser runs no
/// script from the text of a tweet, even if the page fails to escape it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// The caching of files whose names have a hash of their content: browsers keep them.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Answers `GET /`. The server ignores the query: the app keeps its filters there, so that a link
/// leads to the same view.
pub async fn page(State(http): State<Http>, headers: HeaderMap) -> Result<Response, Problem> {
    let page = answer_page(&http, &headers, StatusCode::OK).await;
    page.ok_or(Problem::Internal)
}

/// Answers requests that match no route: with a file of the dashboard, with the page of the app, or
/// with 404. A browser that asks for an unknown path also gets the page, and the app shows that the
/// path does not exist.
pub async fn fallback(
    State(http): State<Http>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let nothing = || Problem::NotFound {
        path: shortened(uri.path()),
    };
    let path = uri.path().trim_start_matches('/');
    if !matches!(method, Method::GET | Method::HEAD) || path == "api" || path.starts_with("api/") {
        return Err(nothing());
    }
    if let Some(file) = http.files().find(path, Encoding::accepted(&headers)).await {
        return Ok(answer(&headers, path, file, StatusCode::OK));
    }
    let is_of_app = APP_PATHS.contains(&path.split('/').next().unwrap_or_default());
    let status = match is_of_app {
        true => StatusCode::OK,
        false if wants_a_page(&headers) => StatusCode::NOT_FOUND,
        false => return Err(nothing()),
    };
    answer_page(&http, &headers, status)
        .await
        .ok_or_else(nothing)
}

/// Describes `GET /`.
pub fn page_operation() -> Operation {
    let schema = json!({ "type": "string" });
    Operation::new("page", "The dashboard").gives_tagged("The answer", "text/html", &schema)
}

async fn answer_page(http: &Http, headers: &HeaderMap, status: StatusCode) -> Option<Response> {
    let file = http.files().find(PAGE, Encoding::accepted(headers)).await?;
    let mut response = answer(headers, PAGE, file, status);
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let no_referrer = HeaderValue::from_static("no-referrer");
    headers.insert(header::REFERRER_POLICY, no_referrer);
    Some(response)
}

fn answer(headers: &HeaderMap, path: &str, file: File, status: StatusCode) -> Response {
    let tag = etag::of(&file.bytes);
    let kept = if path.starts_with("assets/") {
        FOR_EVER
    } else {
        "no-cache"
    };
    let fresh = [
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, kept),
        (header::VARY, "accept-encoding"),
    ];
    if status == StatusCode::OK && etag::is_held(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, fresh).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, media_type(path))];
    let is_static = file.is_static;
    let mut response = (status, fresh, content_type, file.bytes).into_response();
    if let Some(name) = file.encoding.name() {
        let coding = HeaderValue::from_static(name);
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, coding);
    }
    if is_static {
        response.extensions_mut().insert(StaticBody);
    }
    response
}

/// Whether the client is a browser that opens a page.
fn wants_a_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
