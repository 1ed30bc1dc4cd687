//! Metrics in the OpenMetrics text format, and log lines.
//!
//! - [`Metrics`]: every metric, in one table; each clone counts into the same numbers.
//! - [`init_tracing`]: the format and the filter of the log.
//! - [`log_throttled`]: log lines that one cause could write thousands of times.
//! - [`whole()`]: an error with all its causes, as one text.

mod labels;
mod log_throttle;
mod logging;
mod metrics;
mod source_metrics;
mod whole;

pub use labels::{ActorLabel, ReasonLabel, RequestLabels, RouteLabel, ShardLabel, WaitingLabel};
pub use log_throttle::log_throttled;
pub use logging::{LogFormat, TelemetryError, init_tracing};
pub use metrics::{CountedActor, METRICS_CONTENT_TYPE, Metrics};
pub use source_metrics::{SourceMetrics, SourceNumbers};
pub use whole::{Whole, whole};
