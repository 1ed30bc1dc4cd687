//! Serves the assets: the files of the built-in page, and the descriptions of the interface.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer_budget::StaticBody;
use super::description::Operation;
use super::problem::Problem;
use super::request_context::RequestContext;
use super::{Http, etag};
use crate::access::Action;

/// The description of the interface in OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("../../assets/openapi.json");
/// The description of the live protocol in AsyncAPI 3.
pub const ASYNCAPI: &str = include_str!("../../assets/asyncapi.json");
const PAGE: &str = include_str!("../../assets/index.html");
const SCRIPT: &str = include_str!("../../assets/page.js");
const LIVE_SCRIPT: &str = include_str!("../../assets/live.js");
const STYLE: &str = include_str!("../../assets/page.css");

/// Content security policy of the page. It allows scripts and styles only from this server's files,
/// requests only to this server, no frames and no plug-ins. So the browser runs no script from the
/// text of a tweet, even if the page fails to escape it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers `GET /`.
pub async fn page(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let mut response = asset(http, request, "text/html; charset=utf-8", PAGE)?;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    Ok(response)
}

/// Answers `GET /page.js`.
pub async fn script(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    asset(http, request, "text/javascript; charset=utf-8", SCRIPT)
}

/// Answers `GET /live.js`.
pub async fn live_script(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    asset(http, request, "text/javascript; charset=utf-8", LIVE_SCRIPT)
}

/// Answers `GET /page.css`.
pub async fn style(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    asset(http, request, "text/css; charset=utf-8", STYLE)
}

/// Answers `GET /api/openapi.json`.
pub async fn openapi(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    asset(http, request, "application/json", OPENAPI)
}

/// Answers `GET /api/asyncapi.json`.
pub async fn asyncapi(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    asset(http, request, "application/json", ASYNCAPI)
}

/// Describes `GET /`.
pub fn page_operation() -> Operation {
    of_text("page", "The built-in page", "text/html")
}

/// Describes `GET /page.js`.
pub fn script_operation() -> Operation {
    of_text(
        "pageScript",
        "The script of the built-in page",
        "text/javascript",
    )
}

/// Describes `GET /live.js`.
pub fn live_script_operation() -> Operation {
    of_text(
        "liveScript",
        "The page's live connection",
        "text/javascript",
    )
}

/// Describes `GET /page.css`.
pub fn style_operation() -> Operation {
    of_text("pageStyle", "The style of the built-in page", "text/css")
}

/// Describes `GET /api/openapi.json`.
pub fn openapi_operation() -> Operation {
    of_object("description", "This description")
}

/// Describes `GET /api/asyncapi.json`.
pub fn asyncapi_operation() -> Operation {
    of_object("asyncapi", "The live protocol in AsyncAPI 3")
}

fn of_text(id: &str, summary: &str, media_type: &str) -> Operation {
    let schema = json!({ "type": "string" });
    Operation::new(id, summary).gives_tagged("The answer", media_type, &schema)
}

fn of_object(id: &str, summary: &str) -> Operation {
    let schema = json!({ "type": "object" });
    Operation::new(id, summary).gives_tagged("The answer", "application/json", &schema)
}

fn asset(
    http: Http,
    request: Request,
    media_type: &'static str,
    text: &'static str,
) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Read)?;
    call.query(&[])?;
    let tag = etag::of(text.as_bytes());
    let fresh = [
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    if etag::is_held(call.headers(), &tag) {
        return Ok((StatusCode::NOT_MODIFIED, fresh).into_response());
    }
    let mut response = (fresh, [(header::CONTENT_TYPE, media_type)], text).into_response();
    response.extensions_mut().insert(StaticBody);
    Ok(response)
}
