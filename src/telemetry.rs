//! What an operator sees of the process: metrics in the Prometheus text format, and traces.
//!
//! [`Metrics`] is handed to whoever has something to count; each clone counts into the same
//! numbers. No metric has a label per keyword, since their number is unbounded.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

mod log_throttle;
mod whole;

pub use log_throttle::log_throttled;
pub use whole::{Whole, whole};

/// The content type of [`Metrics::encode`].
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A shard, as a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ShardLabel {
    /// Its number, from 0.
    pub shard: u32,
}

/// A kind of actor, as a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ActorLabel {
    /// Such as `keyword`, `shard` or `reader`.
    pub kind: &'static str,
}

/// Why something ended, as a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// One of a few words.
    pub reason: &'static str,
}

/// What waits, as a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WaitingLabel {
    /// One of a few words, such as `journal` or `commit`.
    pub what: &'static str,
}

/// An answered request, as labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's pattern, never the path itself, so that the number of labels stays bounded.
    pub route: &'static str,
    /// The status of the answer.
    pub status: u16,
}

/// All metrics of the process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Records taken into account by a fold: `folded + duplicate + ignored + rejected`.
    pub journaled: Counter,
    /// Records that took effect, or stated what was so already.
    pub folded: Counter,
    /// Tweets seen before.
    pub duplicate: Counter,
    /// Records that had nothing to act on.
    pub ignored: Counter,
    /// Records that could not be decoded.
    pub rejected: Counter,
    /// Positions at which the journal should hold a record but doesn't.
    pub journal_missing: Counter,
    /// How often the journal turned out to be another one than was read.
    pub journal_changed: Counter,
    /// 1 while the journal can be reached, 0 while it can't.
    pub journal_connected: Gauge,
    /// 1 while the journal takes records in, as far as is known, 0 while it can't.
    pub journal_writable: Gauge,
    /// Causes for which something waits now, per what waits.
    pub waiting: Family<WaitingLabel, Gauge>,
    /// Journal head − folded position, per shard.
    pub lag: Family<ShardLabel, Gauge>,
    /// Records per batch that a shard was handed.
    pub batch_size: Histogram,
    /// Time to fold a batch.
    pub fold_seconds: Histogram,
    /// Time to commit.
    pub commit_seconds: Histogram,
    /// Rows per commit.
    pub commit_rows: Histogram,
    /// Bytes of rows per commit.
    pub commit_bytes: Histogram,
    /// Actors that run now, per kind.
    pub actors_alive: Family<ActorLabel, Gauge>,
    /// Restarts after a failure, per kind.
    pub actors_restarted: Family<ActorLabel, Counter>,
    /// Keywords in quarantine now.
    pub quarantined: Gauge,
    /// Keywords that are tracked now.
    pub keywords_tracked: Gauge,
    /// Answered requests, per route and status.
    pub http_requests: Family<RequestLabels, Counter>,
    /// Open connections.
    pub http_connections: Gauge,
    /// Connections that were refused because too many were open.
    pub http_connections_refused: Counter,
    /// Scans that run now.
    pub query_working: Gauge,
    /// Scans that wait for a worker now.
    pub query_waiting: Gauge,
    /// Scans that were refused because too many waited, in all or of one client.
    pub query_refused: Counter,
    /// Questions whose client went before the answer.
    pub query_abandoned: Counter,
    /// Bytes of rows and texts that answers were made from.
    pub query_bytes: Counter,
    /// Connections that were reset because the client took nothing of its answer, by reason.
    pub http_reset: Family<ReasonLabel, Counter>,
    /// Bytes of request bodies in memory: being read, or taken in.
    pub http_body_bytes: Gauge,
    /// Bodies that were refused because `http.body_budget` was spent.
    pub http_body_refused: Counter,
    /// Slow bodies that gave way to others, because `http.body_budget` was spent.
    pub http_body_gave_way: Counter,
    /// Bytes of answers that wait to be written.
    pub http_answer_bytes: Gauge,
    /// Answers that were refused because `http.answer_budget` was spent.
    pub http_answer_refused: Counter,
    /// Answers whose clients took nothing and gave way to others, because `http.answer_budget` was
    /// spent.
    pub http_answer_gave_way: Counter,
    /// Live sessions that ended, by reason.
    pub live_closed: Family<ReasonLabel, Counter>,
    /// Messages sent to live clients.
    pub live_lines: Counter,
    /// Bytes of messages sent to live clients.
    pub live_bytes: Counter,
    /// Snapshots made for live clients; many clients share one.
    pub live_snapshots: Counter,
    /// Times that a feed began anew because too much had changed to tell it one by one.
    pub live_breaks: Counter,
    /// Bytes that are held for the channels of live clients; `live.budget` is their limit.
    pub live_memory: Gauge,
    /// Replay buffers of channels that were trimmed to keep to `live.budget`.
    pub live_cuts: Counter,
    /// Subscriptions that waited or were refused because `live.budget` was used up.
    pub live_refused: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that all stand at zero.
    pub fn new() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.000_1, 4.0, 10));
        let records = || Histogram::new(exponential_buckets(1.0, 4.0, 9));
        let mut metrics = Self {
            registry: Arc::default(),
            journaled: Counter::default(),
            folded: Counter::default(),
            duplicate: Counter::default(),
            ignored: Counter::default(),
            rejected: Counter::default(),
            journal_missing: Counter::default(),
            journal_changed: Counter::default(),
            journal_connected: Gauge::default(),
            journal_writable: Gauge::default(),
            waiting: Family::default(),
            lag: Family::default(),
            batch_size: records(),
            fold_seconds: seconds(),
            commit_seconds: seconds(),
            commit_rows: records(),
            commit_bytes: Histogram::new(exponential_buckets(1024.0, 4.0, 10)),
            actors_alive: Family::default(),
            actors_restarted: Family::default(),
            quarantined: Gauge::default(),
            keywords_tracked: Gauge::default(),
            http_requests: Family::default(),
            http_connections: Gauge::default(),
            http_connections_refused: Counter::default(),
            query_working: Gauge::default(),
            query_waiting: Gauge::default(),
            query_refused: Counter::default(),
            query_abandoned: Counter::default(),
            query_bytes: Counter::default(),
            http_reset: Family::default(),
            http_body_bytes: Gauge::default(),
            http_body_refused: Counter::default(),
            http_body_gave_way: Counter::default(),
            http_answer_bytes: Gauge::default(),
            http_answer_refused: Counter::default(),
            http_answer_gave_way: Counter::default(),
            live_closed: Family::default(),
            live_lines: Counter::default(),
            live_bytes: Counter::default(),
            live_snapshots: Counter::default(),
            live_breaks: Counter::default(),
            live_memory: Gauge::default(),
            live_cuts: Counter::default(),
            live_refused: Counter::default(),
        };
        metrics.registry = Arc::new(metrics.registered());
        metrics
    }

    /// A registry that knows every metric by its name and meaning.
    fn registered(&self) -> Registry {
        let mut registry = Registry::with_prefix("tidings");
        let r = &mut registry;
        for (name, help, counter) in [
            ("journaled", "Records taken into account", &self.journaled),
            ("folded", "Records that took effect", &self.folded),
            ("duplicate", "Tweets seen before", &self.duplicate),
            ("ignored", "Records without an object", &self.ignored),
            ("rejected", "Records that don't decode", &self.rejected),
            (
                "journal_missing",
                "Positions without a record",
                &self.journal_missing,
            ),
            (
                "journal_changed",
                "Times the journal was another one",
                &self.journal_changed,
            ),
            (
                "http_connections_refused",
                "Connections over the limit",
                &self.http_connections_refused,
            ),
            ("query_refused", "Scans over the limit", &self.query_refused),
            (
                "query_abandoned",
                "Questions whose client went before the answer",
                &self.query_abandoned,
            ),
            (
                "query_bytes",
                "Bytes that answers were made from",
                &self.query_bytes,
            ),
            (
                "http_body_refused",
                "Bodies over the budget",
                &self.http_body_refused,
            ),
            (
                "http_body_gave_way",
                "Slow bodies ended for want of memory",
                &self.http_body_gave_way,
            ),
            (
                "http_answer_refused",
                "Answers over the budget",
                &self.http_answer_refused,
            ),
            (
                "http_answer_gave_way",
                "Answers not taken, ended for want of memory",
                &self.http_answer_gave_way,
            ),
            ("live_lines", "Messages to live clients", &self.live_lines),
            ("live_bytes", "Bytes to live clients", &self.live_bytes),
            (
                "live_snapshots",
                "Snapshots made for live clients",
                &self.live_snapshots,
            ),
            ("live_breaks", "Times a feed began anew", &self.live_breaks),
            (
                "live_cuts",
                "Rings cut to keep to live.budget",
                &self.live_cuts,
            ),
            (
                "live_refused",
                "Subscriptions over live.budget",
                &self.live_refused,
            ),
        ] {
            r.register(name, help, counter.clone());
        }
        for (name, help, histogram) in [
            ("batch_size", "Records per batch", &self.batch_size),
            ("fold_seconds", "Time to fold a batch", &self.fold_seconds),
            ("commit_seconds", "Time to commit", &self.commit_seconds),
            ("commit_rows", "Rows per commit", &self.commit_rows),
            ("commit_bytes", "Bytes per commit", &self.commit_bytes),
        ] {
            r.register(name, help, histogram.clone());
        }
        for (name, help, gauge) in [
            ("quarantined", "Keywords in quarantine", &self.quarantined),
            (
                "keywords_tracked",
                "Keywords that are tracked",
                &self.keywords_tracked,
            ),
            (
                "journal_connected",
                "The journal can be reached",
                &self.journal_connected,
            ),
            (
                "journal_writable",
                "Whether the journal takes records in",
                &self.journal_writable,
            ),
            (
                "http_connections",
                "Open connections",
                &self.http_connections,
            ),
            ("query_working", "Scans that run", &self.query_working),
            (
                "query_waiting",
                "Scans that wait for a worker",
                &self.query_waiting,
            ),
            (
                "http_body_bytes",
                "Bytes of bodies in memory",
                &self.http_body_bytes,
            ),
            (
                "http_answer_bytes",
                "Bytes of answers to be written",
                &self.http_answer_bytes,
            ),
            (
                "live_memory_bytes",
                "Bytes held for live chains, limited by live.budget",
                &self.live_memory,
            ),
        ] {
            r.register(name, help, gauge.clone());
        }
        r.register(
            "waiting",
            "Causes for which something waits, per what waits",
            self.waiting.clone(),
        );
        r.register("lag", "Journal head minus position", self.lag.clone());
        r.register("actors_alive", "Actors that run", self.actors_alive.clone());
        r.register(
            "actors_restarted",
            "Restarts after a failure",
            self.actors_restarted.clone(),
        );
        r.register(
            "http_requests",
            "Answered requests",
            self.http_requests.clone(),
        );
        r.register(
            "http_reset",
            "Connections reset, by reason",
            self.http_reset.clone(),
        );
        r.register(
            "live_closed",
            "Live sessions that ended, by reason",
            self.live_closed.clone(),
        );
        registry
    }

    /// Sets a shard's lag.
    pub fn set_lag(&self, shard: usize, lag: u64) {
        let shard = u32::try_from(shard).unwrap_or(u32::MAX);
        let lag = i64::try_from(lag).unwrap_or(i64::MAX);
        self.lag.get_or_create(&ShardLabel { shard }).set(lag);
    }

    /// Counts an actor in; it is counted out when the answer is dropped, a panic included.
    #[must_use]
    pub fn actor_alive(&self, kind: &'static str) -> CountedActor {
        let gauge = self.actors_alive.get_or_create_owned(&ActorLabel { kind });
        CountedActor::new(gauge)
    }

    /// Counts a restart of an actor.
    pub fn actor_restarted(&self, kind: &'static str) {
        self.actors_restarted
            .get_or_create(&ActorLabel { kind })
            .inc();
    }

    /// Sets how many causes there are for which `what` waits.
    pub fn set_waiting(&self, what: &'static str, causes: usize) {
        let causes = i64::try_from(causes).unwrap_or(i64::MAX);
        self.waiting
            .get_or_create(&WaitingLabel { what })
            .set(causes);
    }

    /// Counts an answered request. `route` is a pattern, never a path.
    pub fn request_answered(&self, route: &'static str, status: u16) {
        self.http_requests
            .get_or_create(&RequestLabels { route, status })
            .inc();
    }

    /// Counts a connection that was reset because the client took nothing of its answer.
    pub fn http_client_reset(&self, reason: &'static str) {
        self.http_reset.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Counts the end of a live session.
    pub fn live_session_closed(&self, reason: &'static str) {
        self.live_closed
            .get_or_create(&ReasonLabel { reason })
            .inc();
    }

    /// Counts a connection in; it is counted out when the answer is dropped.
    #[must_use]
    pub fn connection_opened(&self) -> CountedActor {
        CountedActor::new(self.http_connections.clone())
    }

    /// Records one commit.
    pub fn committed(&self, took: Duration, rows: usize, bytes: usize) {
        let number = |count: usize| u32::try_from(count).map_or(f64::from(u32::MAX), f64::from);
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_rows.observe(number(rows));
        self.commit_bytes.observe(number(bytes));
    }

    /// Records one folded batch of `records` records.
    pub fn batch_folded(&self, took: Duration, records: usize) {
        let records = u32::try_from(records).map_or(f64::from(u32::MAX), f64::from);
        self.fold_seconds.observe(took.as_secs_f64());
        self.batch_size.observe(records);
    }

    /// All metrics in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing into a string cannot fail; the format has no other error.
        text::encode(&mut out, &self.registry).unwrap_or_default();
        out
    }
}

/// Something that a gauge counts as long as this lives.
#[derive(Debug)]
pub struct CountedActor {
    gauge: Gauge,
}

impl CountedActor {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self { gauge }
    }
}

impl Drop for CountedActor {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people, in colour when standard error is a terminal.
    #[default]
    Pretty,
    /// One JSON object per line.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, TelemetryError> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            other => Err(TelemetryError::Format(other.to_owned())),
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The format is unknown.
    #[error("{0:?} is not a log format; use pretty or json")]
    Format(String),
    /// The filter does not parse.
    #[error(
        "{filter:?} is not a log filter; use error, warn, info, debug, trace, or directives such \
        as \"info,tidings::journal=debug\""
    )]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something else has set up logging already.
    #[error("logging is set up already")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends the process's log lines to standard error, those that `filter` lets through.
///
/// # Errors
/// [`TelemetryError`] when the filter does not parse or logging is set up already.
pub fn init_tracing<W>(format: LogFormat, filter: &str, writer: W) -> Result<(), TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // What sled says of a failed write comes many times a second, and the store says it too.
    let quiet = if filter.contains("sled") {
        filter.to_owned()
    } else {
        format!("{filter},sled=off")
    };
    let filter = EnvFilter::builder()
        .parse(quiet)
        .map_err(|source| TelemetryError::Filter {
            filter: filter.to_owned(),
            source,
        })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    match format {
        // The writer could not tell the colours of the formatter from those that a field holds.
        LogFormat::Pretty => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(TelemetryError::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_into_the_same_numbers() {
        let metrics = Metrics::new();
        let clone = metrics.clone();
        clone.folded.inc_by(3);
        clone.set_lag(15, 7);
        clone.request_answered("/healthz", 200);
        clone.committed(Duration::from_millis(3), 12, 9_000);
        clone.batch_folded(Duration::from_micros(30), 5);
        let text = metrics.encode();
        for line in [
            "tidings_folded_total 3",
            "tidings_lag{shard=\"15\"} 7",
            "tidings_http_requests_total{route=\"/healthz\",status=\"200\"} 1",
            "tidings_commit_rows_sum 12.0",
            "tidings_batch_size_sum 5.0",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn alive_gauge_counts_actors_until_they_drop() {
        let metrics = Metrics::new();
        let one = metrics.actor_alive("keyword");
        let two = metrics.actor_alive("keyword");
        let alive = |count| {
            let line = format!("tidings_actors_alive{{kind=\"keyword\"}} {count}");
            metrics.encode().lines().any(|found| found == line)
        };
        assert!(alive(2));
        drop(one);
        assert!(alive(1));
        drop(two);
        assert!(alive(0));
    }

    #[test]
    fn unknown_formats_and_filters_are_refused() {
        assert!("xml".parse::<LogFormat>().is_err());
        assert!(matches!("json".parse(), Ok(LogFormat::Json)));
        assert!(matches!(
            init_tracing(LogFormat::Pretty, "tidings=loud", std::io::stderr),
            Err(TelemetryError::Filter { .. })
        ));
    }
}
