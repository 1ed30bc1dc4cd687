//! The HTTP interface: routes, wire shapes, and the checks at the edge.
//!
//! A request passes [`Server`] (connections, time-outs), the middleware (host, origin, panics,
//! metrics) and one handler. The handler asks [`Access`] for permission, reads its parameters, and
//! answers from the views. Answers never wait for an actor's mailbox, and blocking work runs off
//! the event loop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use self::body_reading::Bodies;
use self::budget::{BudgetMetrics, ByteBudget};
use self::byte_pace::BytePace;
use self::lanes::Lanes;
use crate::actors::engine::Tidings;
use crate::actors::live::{Encoder, Live};
use crate::events::Clock;
use crate::ingest::Intake;
use crate::sources::SourceReports;
use crate::telemetry::Metrics;

mod admission;
mod answer_budget;
mod assets;
mod body;
mod body_reading;
mod budget;
mod byte_pace;
mod client;
mod client_stream;
mod dashboard;
mod description;
mod etag;
mod health;
mod hosts;
mod keywords;
mod lanes;
mod live;
mod middleware;
mod named_schema;
mod pagination;
mod parameter;
mod problem;
mod query;
mod request_context;
mod resource;
mod resources;
mod response;
mod routes;
mod sequence_schema;
mod server;
mod slow_clients;
mod sources;
mod time_range;
mod tweets;

pub use crate::access::{Access, Action, AllowAll, KeywordSet, Principal};
pub use body_reading::BodyTimes;
pub use dashboard::{Files, NoDashboard};
pub use description::{asyncapi, openapi};
pub use health::status_json;
pub use hosts::{Hosts, HostsError};
pub use lanes::QueryLimits;
pub use live::{LiveLimits, json_encoder, topic};
pub use parameter::Parameter;
pub use problem::Problem;
pub use resource::{ResourceEntry, Scope};
pub use resources::RESOURCES;
pub use routes::{ROUTES, Route, metrics_router, router};
pub use server::{ClientAddress, Server, ServerLimits};

/// Bodies that are ingested at a time. Each may hold 16 MiB of memory. Further bodies wait.
const MAX_BODIES_READ: usize = 64;

/// Time between two reports of a source, where no setting says otherwise.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The state that all handlers share. It is cheap to clone.
#[derive(Debug, Clone)]
pub struct Http {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tidings: Tidings,
    live: Live,
    encoder: Arc<dyn Encoder>,
    live_limits: LiveLimits,
    intake: Intake,
    sources: SourceReports,
    access: Arc<dyn Access>,
    hosts: Hosts,
    files: Files,
    body_permits: Arc<Semaphore>,
    lanes: Lanes,
    bodies: Bodies,
    discard_pace: BytePace,
    answer_budget: ByteBudget,
}

/// Options of the HTTP interface.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Host names under which the server may be asked.
    pub hosts: Hosts,
    /// The files of the dashboard.
    pub files: Files,
    /// Authorization policy.
    pub access: Arc<dyn Access>,
    /// Whether a published line that names a new keyword tracks it.
    pub auto_track: bool,
    /// Limits on the time in which a body arrives.
    pub body_times: BodyTimes,
    /// Limit on the request bodies of all clients in memory, in bytes.
    pub body_budget: u64,
    /// Limit on the answers that wait to be written to all clients, in bytes.
    pub answer_budget: u64,
    /// Limits on what live clients send.
    pub live: LiveLimits,
    /// Limits on the number of scans.
    pub queries: QueryLimits,
    /// The reports of sources. `None`: they last as long as the interface.
    pub sources: Option<SourceReports>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            hosts: Hosts::default(),
            files: Files::default(),
            access: Arc::new(AllowAll),
            auto_track: true,
            body_times: BodyTimes::default(),
            body_budget: 128 * 1024 * 1024,
            answer_budget: 128 * 1024 * 1024,
            live: LiveLimits::default(),
            queries: QueryLimits::default(),
            sources: None,
        }
    }
}

impl Http {
    /// The interface to this engine and to its live updates.
    pub fn new(tidings: Tidings, live: Live, options: HttpOptions) -> Self {
        let lanes = Lanes::new(options.queries, tidings.metrics().clone());
        let metrics = tidings.metrics();
        let body_metrics = BudgetMetrics {
            held: metrics.http_body_bytes.clone(),
            refused: metrics.http_body_refused.clone(),
            gave_way: metrics.http_body_gave_way.clone(),
        };
        let answer_metrics = BudgetMetrics {
            held: metrics.http_answer_bytes.clone(),
            refused: metrics.http_answer_refused.clone(),
            gave_way: metrics.http_answer_gave_way.clone(),
        };
        Self {
            shared: Arc::new(Shared {
                bodies: Bodies::new(
                    options.body_times,
                    ByteBudget::new(options.body_budget, body_metrics),
                ),
                discard_pace: BytePace::of_discarded_bodies(),
                answer_budget: ByteBudget::new(options.answer_budget, answer_metrics),
                intake: Intake::new(tidings.clone(), options.auto_track),
                sources: options.sources.unwrap_or_else(|| unkept_reports(&tidings)),
                encoder: json_encoder(),
                live,
                live_limits: options.live,
                tidings,
                access: options.access,
                hosts: options.hosts,
                files: options.files,
                body_permits: Arc::new(Semaphore::new(MAX_BODIES_READ)),
                lanes,
            }),
        }
    }

    fn tidings(&self) -> &Tidings {
        &self.shared.tidings
    }

    fn live(&self) -> &Live {
        &self.shared.live
    }

    fn intake(&self) -> &Intake {
        &self.shared.intake
    }

    fn sources(&self) -> &SourceReports {
        &self.shared.sources
    }

    fn hosts(&self) -> &Hosts {
        &self.shared.hosts
    }

    fn files(&self) -> &Files {
        &self.shared.files
    }

    fn metrics(&self) -> &Metrics {
        self.shared.tidings.metrics()
    }
}

/// Reports of sources that last as long as the interface.
fn unkept_reports(tidings: &Tidings) -> SourceReports {
    let engine = tidings.clone();
    SourceReports::unkept(Clock::of(move || engine.now()), REPORT_INTERVAL)
}
