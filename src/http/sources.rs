//! `/sources`: takes the reports of collectors, and lists them.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::Http;
use super::description::{Operation, reference};
use super::problem::Problem;
use super::request_context::RequestContext;
use super::response::AnswerBody;
use crate::access::Action;
use crate::sources::{Report, ReportError, SourceName, SourceState};
use crate::telemetry::{log_throttled, whole};

/// Maximum length of a report, in bytes: 1 MiB.
const MAX_REPORT_BYTES: u64 = 1024 * 1024;

/// The newest report of each source, in the order of their names
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Sources")]
pub struct SourcesAnswer {
    sources: Vec<Report>,
}

/// Answers `GET /sources`.
pub async fn list(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Observe)?;
    call.query(&[])?;
    let sources = call.http().sources().current().await;
    Ok(AnswerBody::of(&SourcesAnswer { sources })?.respond_to(call.headers()))
}

/// Answers `PUT /sources/{name}`: 204 when the report was taken.
pub async fn report(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let (call, body) = RequestContext::with_body(http, request);
    call.ask(None, Action::Publish)?;
    let name = SourceName::parse(call.source_name())
        .map_err(|error| Problem::BadSourceName(error.to_string()))?;
    call.query(&[])?;
    let body = call
        .read_body_within(body, "application/json", MAX_REPORT_BYTES)
        .await?;
    let report = read(&name, &body)?;
    call.http().sources().take(report).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Reads the report of the source that the path names.
fn read(name: &SourceName, body: &[u8]) -> Result<Report, Problem> {
    let report: Report = serde_json::from_slice(body)
        .map_err(|error| Problem::BadBody(format!("the body is not a report: {error}")))?;
    if report.name != name.as_str() {
        return Err(Problem::BadBody(format!(
            "the report is of a source with another name than {name:?}, which the path names",
            name = name.as_str()
        )));
    }
    if report.state == SourceState::Gone {
        return Err(Problem::BadBody(
            "a source does not report that it is gone; the server says so of a silent one"
                .to_owned(),
        ));
    }
    Ok(report)
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Name(error) => Self::BadSourceName(error.to_string()),
            ReportError::OtherInstance { .. } => Self::OtherInstance(error.to_string()),
            ReportError::TooMany => Self::TooManySources(error.to_string()),
            error => {
                log_throttled("report-unkept", move |count| {
                    tracing::warn!(error = %whole(&error), count, "reports of sources were not \
                        kept");
                });
                Self::TryAgain("the report is shown, but it cannot be kept now")
            }
        }
    }
}

/// Describes `GET /sources`.
pub fn list_operation() -> Operation {
    Operation::new("sources", "The newest report of each source")
        .described(
            "A source is gone when it was silent for four intervals of reports. With NATS every \
            server gives the same answer after a second.",
        )
        .gives_tagged(
            "The answer",
            "application/json",
            &reference("schemas", "Sources"),
        )
}

/// Describes `PUT /sources/{name}`.
pub fn report_operation() -> Operation {
    let taken = "Another instance reports under the name, or too many sources report";
    Operation::new("reportSource", "Report what a source does")
        .described(
            "At most 1 MiB. Everything but name, kind, instance and state may be left out. Lists \
            and texts over their limits are cut.",
        )
        .parameter(json!({
            "name": "name",
            "in": "path",
            "required": true,
            "description": "The name of the source",
            "schema": { "type": "string", "pattern": "^[a-z0-9_-]{1,32}$" },
        }))
        .body("application/json", &reference("schemas", "SourceReport"))
        .gives_nothing(204, "The report was taken")
        .gives_problem(409, taken, &reference("schemas", "Problem"))
        .refused(503, "TryAgain")
}
