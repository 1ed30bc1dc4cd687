//! `/healthz`, `/readyz` and `/metrics`: the state of the process.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Http;
use super::description::{Operation, reference};
use super::middleware::Unlisted;
use super::problem::Problem;
use super::request_context::RequestContext;
use super::response::{AnswerBody, as_text};
use crate::access::Action;
use crate::actors::engine::{Status, Tidings};
use crate::events::{Keyword, Sequence};
use crate::journal::{Connection, Durability};
use crate::telemetry::METRICS_CONTENT_TYPE;

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
}

#[derive(Debug, Serialize)]
struct Readiness {
    status: &'static str,
    head: Sequence,
    durability: &'static str,
    journal: &'static str,
    shards: Vec<Shard>,
    causes: Vec<String>,
    quarantined: Vec<Quarantined>,
    keywords: Keywords,
}

/// The numbers of tracked keywords and of texts in their rules, each with the limit from which
/// requests for more are refused.
#[derive(Debug, Serialize)]
struct Keywords {
    tracked: usize,
    max: usize,
    rule_texts: usize,
    max_rule_texts: usize,
}

#[derive(Debug, Serialize)]
struct Shard {
    shard: usize,
    position: Sequence,
    lag: u64,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Quarantined {
    #[serde(serialize_with = "as_text")]
    keyword: Keyword,
}

impl Readiness {
    fn of(status: Status) -> Self {
        Self {
            status: match (status.ready, status.starting) {
                (_, true) => "starting",
                (false, false) if !status.causes.is_empty() => "stalled",
                (false, false) => "behind",
                (true, false) if status.quarantined.is_empty() && !status.exceeds_limits() => {
                    "ready"
                }
                (true, false) => "degraded",
            },
            keywords: Keywords {
                tracked: status.tracked,
                max: status.keywords_max,
                rule_texts: status.rule_texts,
                max_rule_texts: status.rule_texts_max,
            },
            head: status.head,
            durability: match status.durability {
                Durability::Synced => "synced",
                Durability::Replicated => "replicated",
                Durability::Buffered => "buffered",
                Durability::Volatile => "volatile",
            },
            journal: match status.connection {
                Connection::Local => "local",
                Connection::Connected => "connected",
                Connection::Disconnected => "disconnected",
            },
            shards: status
                .shards
                .into_iter()
                .map(|shard| Shard {
                    shard: shard.shard.index(),
                    position: shard.position,
                    lag: shard.lag,
                })
                .collect(),
            causes: status.causes,
            quarantined: status
                .quarantined
                .into_iter()
                .map(|keyword| Quarantined { keyword })
                .collect(),
        }
    }

    /// The answer to a request under an unlisted host: the status alone.
    fn status_alone(self) -> Result<Response, Problem> {
        match self.status {
            "starting" | "behind" | "stalled" => Err(Problem::NotReady(
                "the server is not ready".to_owned(),
                Map::from_iter([("state".to_owned(), json!(self.status))]),
            )),
            status => Ok(AnswerBody::of(&Health { status })?.respond_to(&HeaderMap::new())),
        }
    }

    /// Members of the problem that says why the server is not ready. The `status` of a problem is
    /// the HTTP status (RFC 9457), so the readiness is named `state` here.
    fn into_members(self) -> Map<String, Value> {
        let state = self.status;
        let mut members = match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            Ok(_) | Err(_) => Map::new(),
        };
        members.remove("status");
        members.insert("state".to_owned(), json!(state));
        members
    }
}

/// The state of the process as JSON, for other interfaces than HTTP. It has the members of
/// `GET /readyz`, with the state under `status` also when the server is not ready.
pub fn status_json(tidings: &Tidings) -> Vec<u8> {
    serde_json::to_vec(&Readiness::of(tidings.status())).unwrap_or_default()
}

/// Answers `GET /healthz`: 200 while the process runs.
pub async fn health(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Observe)?;
    call.query(&[])?;
    Ok(AnswerBody::of(&Health { status: "ok" })?.respond_to(call.headers()))
}

/// Answers `GET /readyz`: 200, or 503 while answers are not up to date.
pub async fn readiness(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let is_unlisted = request.extensions().get::<Unlisted>().is_some();
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Observe)?;
    call.query(&[])?;
    let readiness = Readiness::of(call.tidings().status());
    if is_unlisted {
        return readiness.status_alone();
    }
    let mut detail = match readiness.status {
        "starting" => vec!["the views are still catching up with the journal".to_owned()],
        "behind" => vec![
            "some shard has not yet folded what the journal held 10 seconds ago, or the journal \
            cannot be reached"
                .to_owned(),
        ],
        _ => Vec::new(),
    };
    detail.extend(readiness.causes.iter().cloned());
    match readiness.status {
        "starting" | "behind" | "stalled" => Err(Problem::NotReady(
            detail.join("; "),
            readiness.into_members(),
        )),
        _ => Ok(AnswerBody::of(&readiness)?.respond_to(call.headers())),
    }
}

/// Answers `GET /metrics`.
pub async fn metrics(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Observe)?;
    call.query(&[])?;
    let metrics = call.http().metrics();
    call.http().sources().measure(&metrics.sources).await;
    let text = metrics.encode();
    Ok(([(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)], text).into_response())
}

/// Description of the answer to a probe.
const TOLD: &str = "The answer. A request with an unlisted Host gets only the status";

/// Describes `GET /healthz`.
pub fn health_operation() -> Operation {
    Operation::new("health", "Whether the process runs").gives_tagged(
        TOLD,
        "application/json",
        &reference("schemas", "Health"),
    )
}

/// Describes `GET /readyz`.
pub fn readiness_operation() -> Operation {
    let readiness = reference("schemas", "Readiness");
    let waits = "The server starts, an operation waits (see causes), or a shard lags too far";
    Operation::new("readiness", "Whether answers are up to date")
        .gives_tagged(TOLD, "application/json", &readiness)
        .gives_problem(503, waits, &reference("schemas", "NotReady"))
        .retry_after(503)
}

/// Describes `GET /metrics`.
pub fn metrics_operation() -> Operation {
    let text = json!({ "type": "string" });
    Operation::new("metrics", "Metrics in the OpenMetrics text format")
        .described("Served at another address if http.metrics_listen is set.")
        .gives(200, "The answer", "application/openmetrics-text", &text)
}
