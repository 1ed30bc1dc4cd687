//! `POST /tweets`: reads a body of NDJSON lines, passes it to the ingest, and answers with the
//! numbers of accepted and rejected lines.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, json};

use super::Http;
use super::description::{Operation, reference};
use super::problem::Problem;
use super::request_context::RequestContext;
use super::response::AnswerBody;
use crate::access::Action;
use crate::events::Sequence;
use crate::ingest::{IngestReport, IntakeError};
use crate::telemetry::{log_throttled, whole};

#[derive(Debug, Serialize)]
struct Taken {
    lines: u64,
    accepted: u64,
    journaled: u64,
    unmatched: u64,
    rejected: Vec<Rejected>,
    /// Number of rejected lines that are not listed. `None` when all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_unlisted: Option<u64>,
    seq: Sequence,
}

#[derive(Debug, Serialize)]
struct Rejected {
    line: u64,
    code: &'static str,
    reason: String,
}

impl From<IngestReport> for Taken {
    fn from(report: IngestReport) -> Self {
        Self {
            lines: report.lines,
            accepted: report.counts.accepted,
            journaled: report.counts.journaled,
            unmatched: report.unmatched,
            rejected: report
                .rejected
                .into_iter()
                .map(|rejected| Rejected {
                    line: rejected.line,
                    code: rejected.code,
                    reason: rejected.reason,
                })
                .collect(),
            rejected_unlisted: (report.rejected_unlisted > 0).then_some(report.rejected_unlisted),
            seq: report.seq,
        }
    }
}

/// Answers `POST /tweets`.
pub async fn publish(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let (call, body) = RequestContext::with_body(http, request);
    call.ask(None, Action::Publish)?;
    call.query(&[])?;
    let http = call.http().clone();
    let body = call.read_body(body, "application/x-ndjson").await?;
    let intake = http.intake().clone();
    let Ok(permit) = Arc::clone(&http.shared.body_permits).acquire_owned().await else {
        return Err(Problem::TryAgain("the server is stopping"));
    };
    // The body is ingested in a separate task, which continues when the client leaves. So a client
    // that leaves does not cut the ingest short. The task holds its permit as long as the body.
    let report = tokio::spawn(async move {
        let report = intake.publish(body).await;
        drop(permit);
        report
    })
    .await
    .map_err(|error| {
        log_throttled("body-cut", move |count| {
            tracing::error!(error = %whole(&error), count, "bodies were not ingested");
        });
        Problem::Internal
    })??;
    Ok(AnswerBody::of(&Taken::from(report))?.respond_with(StatusCode::OK))
}

/// Describes `POST /tweets`.
pub fn publish_operation() -> Operation {
    let taken = reference("schemas", "Taken");
    let unjournaled = json!({
        "anyOf": [reference("schemas", "PartlyJournaled"), reference("schemas", "Problem")],
    });
    Operation::new("publish", "Publish events")
        .described(
            "NDJSON of at most 16 MiB, one event per line. A bad line does not affect the others. \
            Accepted lines are durable when the answer is sent.",
        )
        .body("application/x-ndjson", &reference("schemas", "Event"))
        .gives(
            200,
            "The number of accepted and rejected lines, and the rejected lines",
            "application/json",
            &taken,
        )
        .gives_problem(
            503,
            "The body was not journaled, or only a part of it",
            &unjournaled,
        )
        .retry_after(503)
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Starting => Self::TryAgain(
                "the views are still catching up with the journal, nothing was journaled",
            ),
            IntakeError::Journal { taken, source } => {
                let counts = taken.counts;
                let detail = format!(
                    "{}; {} lines were journaled before, in order: send the others again when the \
                    journal works",
                    whole(&source),
                    counts.accepted
                );
                Self::PartlyJournaled(
                    detail,
                    Map::from_iter([
                        ("accepted".to_owned(), json!(counts.accepted)),
                        ("journaled".to_owned(), json!(counts.journaled)),
                        ("seq".to_owned(), json!(taken.seq)),
                    ]),
                )
            }
            IntakeError::TaskEnded(error) => {
                log_throttled("body-cut", move |count| {
                    tracing::error!(error = %whole(&error), count, "bodies were not ingested");
                });
                Self::Internal
            }
        }
    }
}
