//! Serves the descriptions of the interface.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
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

/// Answers `GET /api/openapi.json`.
pub async fn openapi(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    asset(http, request, OPENAPI)
}

/// Answers `GET /api/asyncapi.json`.
pub async fn asyncapi(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    asset(http, request, ASYNCAPI)
}

/// Describes `GET /api/openapi.json`.
pub fn openapi_operation() -> Operation {
    of_object("description", "This description")
}

/// Describes `GET /api/asyncapi.json`.
pub fn asyncapi_operation() -> Operation {
    of_object("asyncapi", "The live protocol in AsyncAPI 3")
}

fn of_object(id: &str, summary: &str) -> Operation {
    let schema = json!({ "type": "object" });
    Operation::new(id, summary).gives_tagged("The answer", "application/json", &schema)
}

fn asset(http: Http, request: Request, text: &'static str) -> Result<Response, Problem> {
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
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    let mut response = (fresh, content_type, text).into_response();
    response.extensions_mut().insert(StaticBody);
    Ok(response)
}
