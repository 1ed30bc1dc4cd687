//! Every metric of the process, in one table.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::labels::{ActorLabel, ReasonLabel, RequestLabels, RouteLabel, ShardLabel, WaitingLabel};
use super::source_metrics::SourceMetrics;

/// The content type of [`Metrics::encode`].
pub const METRICS_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Makes [`Metrics`] from a table with one entry per metric. The metric's name is `tidings_` and
/// the field's name; its help text is the field's documentation.
macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $field:ident: $kind:ty $(= $new:expr)?,)+) => {
        /// All metrics of the process; cheap to clone. No metric has a label per keyword, because
        /// the number of keywords is unbounded.
        #[derive(Debug, Clone)]
        pub struct Metrics {
            registry: Arc<Registry>,
            /// The metrics of sources, each with the label `source`.
            pub sources: SourceMetrics,
            $($(#[doc = $doc])+ pub $field: $kind,)+
        }

        impl Metrics {
            /// All metrics, each at zero.
            pub fn new() -> Self {
                let mut registry = Registry::with_prefix("tidings");
                $(
                    let $field: $kind = metrics!(@new $kind $(, $new)?);
                    let help = concat!($($doc),+).trim().trim_end_matches('.');
                    registry.register(stringify!($field), help, $field.clone());
                )+
                let sources = SourceMetrics::default();
                registry.register_collector(Box::new(sources.clone()));
                Self { registry: Arc::new(registry), sources, $($field,)+ }
            }
        }
    };
    (@new $kind:ty) => { <$kind>::default() };
    (@new $kind:ty, $new:expr) => { $new };
}

metrics! {
    /// Records counted by folds: `folded + duplicate + ignored + rejected`.
    journaled: Counter,
    /// Records that changed a view or confirmed its state.
    folded: Counter,
    /// Tweets that were folded before.
    duplicate: Counter,
    /// Records without effect, such as the deletion of a tweet that is deleted already.
    ignored: Counter,
    /// Records that could not be decoded.
    rejected: Counter,
    /// Sequences at which the journal should have a record but has none.
    journal_missing: Counter,
    /// Times that the journal was found to be a different one.
    journal_changed: Counter,
    /// 1 while the journal can be reached, else 0.
    journal_connected: Gauge,
    /// 1 while the journal accepts records, as far as is known, else 0.
    journal_writable: Gauge,
    /// Number of current causes of waiting, per waiting part.
    waiting: Family<WaitingLabel, Gauge>,
    /// Journal head minus folded position, per shard.
    lag: Family<ShardLabel, Gauge>,
    /// Records per batch of a shard.
    batch_size: Histogram = records(),
    /// Time to fold a batch, in seconds.
    fold_seconds: Histogram = seconds(),
    /// Time from journaling to folding of the oldest record of each batch, in seconds.
    fold_lag_seconds: Histogram = lag_seconds(),
    /// Time to commit, in seconds.
    commit_seconds: Histogram = seconds(),
    /// Rows per commit.
    commit_rows: Histogram = records(),
    /// Bytes of rows per commit.
    commit_bytes: Histogram = bytes(),
    /// Actors that run now, per kind.
    actors_alive: Family<ActorLabel, Gauge>,
    /// Restarts after a failure, per kind.
    actors_restarted: Family<ActorLabel, Counter>,
    /// Keywords in quarantine now.
    quarantined: Gauge,
    /// Keywords that are tracked now.
    keywords_tracked: Gauge,
    /// Texts in the rules of tracked keywords now.
    rule_texts: Gauge,
    /// Answered requests, per route and status.
    http_requests: Family<RequestLabels, Counter>,
    /// Time from the head of a request to the head of its answer, in seconds, per route.
    http_request_seconds: Family<RouteLabel, Histogram> = Family::new_with_constructor(seconds),
    /// Open connections.
    http_connections: Gauge,
    /// Connections that were refused because too many were open.
    http_connections_refused: Counter,
    /// Scans that run now.
    query_working: Gauge,
    /// Scans that wait for a worker now.
    query_waiting: Gauge,
    /// Scans that were refused because too many waited, in all or of one client.
    query_refused: Counter,
    /// Queries whose client disconnected before the answer.
    query_abandoned: Counter,
    /// Bytes of rows and texts read for answers.
    query_bytes: Counter,
    /// Connections that were reset because the client read nothing of its answer, by reason.
    http_reset: Family<ReasonLabel, Counter>,
    /// Request bodies in memory, in bytes, until they are answered.
    http_body_bytes: Gauge,
    /// Bodies that were refused because `http.body_budget` was spent.
    http_body_refused: Counter,
    /// Slow bodies that were ended to make room for others, because `http.body_budget` was spent.
    http_body_gave_way: Counter,
    /// Bytes of answers that wait to be written.
    http_answer_bytes: Gauge,
    /// Answers that were refused because `http.answer_budget` was spent.
    http_answer_refused: Counter,
    /// Answers that were ended to make room for others, because their clients read nothing and
    /// `http.answer_budget` was spent.
    http_answer_gave_way: Counter,
    /// Live sessions that ended, by reason.
    live_closed: Family<ReasonLabel, Counter>,
    /// Messages sent to live clients.
    live_lines: Counter,
    /// Bytes of messages sent to live clients.
    live_bytes: Counter,
    /// Snapshots made for live clients; many clients share one.
    live_snapshots: Counter,
    /// Times that a feed sent snapshots because too much had changed for an update.
    live_breaks: Counter,
    /// Memory held for the channels of live clients, in bytes; the limit is `live.budget`.
    live_memory_bytes: Gauge,
    /// Replay buffers of channels that were trimmed to keep to `live.budget`.
    live_cuts: Counter,
    /// Subscriptions that waited or were refused because `live.budget` was used up.
    live_refused: Counter,
}

/// Buckets from 0.1 ms to 26 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 4.0, 10))
}

/// Buckets from 1 ms to 70 minutes.
fn lag_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 12))
}

/// Buckets from 1 to 65,536.
fn records() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 4.0, 9))
}

/// Buckets from 1 KiB to 256 MiB.
fn bytes() -> Histogram {
    Histogram::new(exponential_buckets(1024.0, 4.0, 10))
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Sets a shard's lag.
    pub fn set_lag(&self, shard: usize, lag: u64) {
        let shard = u32::try_from(shard).unwrap_or(u32::MAX);
        let lag = i64::try_from(lag).unwrap_or(i64::MAX);
        self.lag.get_or_create(&ShardLabel { shard }).set(lag);
    }

    /// Counts an actor until the returned guard is dropped. A panic drops the guard, too.
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

    /// Sets the number of causes for which `what` waits.
    pub fn set_waiting(&self, what: &'static str, causes: usize) {
        let causes = i64::try_from(causes).unwrap_or(i64::MAX);
        self.waiting
            .get_or_create(&WaitingLabel { what })
            .set(causes);
    }

    /// Records an answered request. `route` is a pattern, never a path; `took` ends with the head
    /// of the answer.
    pub fn request_answered(&self, route: &'static str, status: u16, took: Duration) {
        self.http_requests
            .get_or_create(&RequestLabels { route, status })
            .inc();
        self.http_request_seconds
            .get_or_create(&RouteLabel { route })
            .observe(took.as_secs_f64());
    }

    /// Counts a connection that was reset because the client read nothing of its answer.
    pub fn http_client_reset(&self, reason: &'static str) {
        self.http_reset.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Counts the end of a live session.
    pub fn live_session_closed(&self, reason: &'static str) {
        self.live_closed
            .get_or_create(&ReasonLabel { reason })
            .inc();
    }

    /// Counts a connection until the returned guard is dropped.
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

    /// Records one folded batch of `records` records; `lag` is the time since the oldest of them
    /// was journaled.
    pub fn batch_folded(&self, took: Duration, records: usize, lag: Duration) {
        let records = u32::try_from(records).map_or(f64::from(u32::MAX), f64::from);
        self.fold_seconds.observe(took.as_secs_f64());
        self.fold_lag_seconds.observe(lag.as_secs_f64());
        self.batch_size.observe(records);
    }

    /// Encodes all metrics in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail, and encoding has no other error.
        text::encode(&mut out, &self.registry).unwrap_or_default();
        out
    }
}

/// Holds one count of a gauge until it is dropped.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_into_the_same_numbers() {
        let metrics = Metrics::new();
        let clone = metrics.clone();
        clone.folded.inc_by(3);
        clone.set_lag(15, 7);
        clone.request_answered("/healthz", 200, Duration::from_millis(2));
        clone.committed(Duration::from_millis(3), 12, 9_000);
        clone.batch_folded(Duration::from_micros(30), 5, Duration::from_millis(70));
        let text = metrics.encode();
        for line in [
            "tidings_folded_total 3",
            "tidings_lag{shard=\"15\"} 7",
            "tidings_http_requests_total{route=\"/healthz\",status=\"200\"} 1",
            "tidings_http_request_seconds_count{route=\"/healthz\"} 1",
            "tidings_fold_lag_seconds_sum 0.07",
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
}
