//! The metrics of sources. They are made from the newest report of each source when the metrics are
//! read, also for collectors in other processes.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, EncodeMetric,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The numbers of one source.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceNumbers {
    /// The name of the source.
    pub source: String,
    /// Records received.
    pub received: u64,
    /// Records journaled.
    pub journaled: u64,
    /// Records that matched no keyword.
    pub unmatched: u64,
    /// Records that were sent before.
    pub duplicate: u64,
    /// Records that were rejected.
    pub rejected: u64,
    /// Reconnects by cause.
    pub reconnects: Vec<(String, u64)>,
    /// Requests by endpoint and status.
    pub requests: Vec<(String, u16, u64)>,
    /// Records that are not acknowledged yet.
    pub waiting: u64,
    /// Whether the source works.
    pub up: bool,
    /// Rules of the source.
    pub rules: u64,
    /// The length of all gaps that are not filled yet, in seconds.
    pub gap_seconds: f64,
    /// The age of the newest post, in seconds.
    pub last_post_seconds: Option<f64>,
    /// The cost in US dollars.
    pub cost_usd: f64,
}

/// The numbers of all sources; a clone shares them.
#[derive(Debug, Clone, Default)]
pub struct SourceMetrics(Arc<Mutex<Vec<SourceNumbers>>>);

impl SourceMetrics {
    /// Replaces the numbers of all sources.
    pub fn replace(&self, sources: Vec<SourceNumbers>) {
        *self.0.lock() = sources;
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabels {
    source: String,
    cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    source: String,
    endpoint: String,
    status: u16,
}

/// Name without prefix, help text and value of a counter with the label `source`.
type CounterColumn = (&'static str, &'static str, fn(&SourceNumbers) -> u64);

const COUNTERS: &[CounterColumn] = &[
    ("source_received", "Records received", |of| of.received),
    ("source_journaled", "Records journaled", |of| of.journaled),
    (
        "source_unmatched",
        "Records that matched no keyword",
        |of| of.unmatched,
    ),
    ("source_duplicate", "Records that were sent before", |of| {
        of.duplicate
    }),
    (
        "source_rejected",
        "Records that could not be decoded or were refused",
        |of| of.rejected,
    ),
];

/// Name without prefix, help text and value of a gauge with the label `source`. A source without a
/// value is left out.
type GaugeColumn<N> = (&'static str, &'static str, fn(&SourceNumbers) -> Option<N>);

const WHOLE_GAUGES: &[GaugeColumn<i64>] = &[
    (
        "source_waiting",
        "Records that were read and are not acknowledged yet",
        |of| Some(whole_number(of.waiting)),
    ),
    (
        "source_up",
        "1 while the source is connected, fetches older posts, or has no keyword to collect",
        |of| Some(i64::from(of.up)),
    ),
    ("source_rules", "Rules of the source at X", |of| {
        Some(whole_number(of.rules))
    }),
];

const GAUGES: &[GaugeColumn<f64>] = &[
    (
        "source_gap_seconds",
        "Length of the gaps that are not filled yet, in seconds",
        |of| Some(of.gap_seconds),
    ),
    (
        "source_last_post_seconds",
        "Age of the newest post, in seconds",
        |of| of.last_post_seconds,
    ),
    (
        "source_cost_usd",
        "Cost of what was read, in US dollars",
        |of| Some(of.cost_usd),
    ),
];

impl Collector for SourceMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let sources = self.0.lock();
        for &(name, help, value) in COUNTERS {
            counters(&mut encoder, (name, help), &sources, |of| {
                let source = of.source.clone();
                vec![(SourceLabel { source }, value(of))]
            })?;
        }
        let help = "Connections after the first one, by the cause of the end before";
        counters(&mut encoder, ("source_reconnects", help), &sources, |of| {
            let labels = |cause: &String| CauseLabels {
                source: of.source.clone(),
                cause: cause.clone(),
            };
            let causes = of.reconnects.iter();
            causes
                .map(|(cause, count)| (labels(cause), *count))
                .collect()
        })?;
        let help = "Requests to the source; status 0: no answer";
        counters(&mut encoder, ("source_requests", help), &sources, |of| {
            let labels = |endpoint: &String, status: u16| EndpointLabels {
                source: of.source.clone(),
                endpoint: endpoint.clone(),
                status,
            };
            let requests = of.requests.iter();
            requests
                .map(|(endpoint, status, count)| (labels(endpoint, *status), *count))
                .collect()
        })?;
        for &(name, help, value) in WHOLE_GAUGES {
            gauges(&mut encoder, (name, help), &sources, value)?;
        }
        for &(name, help, value) in GAUGES {
            gauges(&mut encoder, (name, help), &sources, value)?;
        }
        Ok(())
    }
}

/// Encodes a counter: the labels and values of each source.
fn counters<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    sources: &[SourceNumbers],
    of: impl Fn(&SourceNumbers) -> Vec<(L, u64)>,
) -> Result<(), fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in sources.iter().flat_map(of) {
        ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Encodes a gauge with the label `source`.
fn gauges<N: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    sources: &[SourceNumbers],
    of: fn(&SourceNumbers) -> Option<N>,
) -> Result<(), fmt::Error> {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for numbers in sources {
        if let Some(value) = of(numbers) {
            let labels = SourceLabel {
                source: numbers.source.clone(),
            };
            ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn whole_number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn every_source_has_its_own_labels_and_absolute_numbers() {
        let metrics = Metrics::new();
        let x = SourceNumbers {
            source: "x".to_owned(),
            received: 10,
            reconnects: vec![("stall".to_owned(), 2)],
            requests: vec![("rules".to_owned(), 200, 3), ("rules".to_owned(), 429, 1)],
            waiting: 4,
            up: true,
            gap_seconds: 61.5,
            last_post_seconds: Some(0.25),
            ..SourceNumbers::default()
        };
        let masto = SourceNumbers {
            source: "masto".to_owned(),
            ..SourceNumbers::default()
        };
        metrics.sources.replace(vec![masto, x.clone()]);
        let text = metrics.encode();
        let lines = |text: &str, part: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.contains(part));
            lines.map(str::to_owned).collect()
        };
        for line in [
            "# TYPE tidings_source_received counter",
            "tidings_source_received_total{source=\"x\"} 10",
            "tidings_source_received_total{source=\"masto\"} 0",
            "tidings_source_reconnects_total{source=\"x\",cause=\"stall\"} 2",
            "tidings_source_requests_total{source=\"x\",endpoint=\"rules\",status=\"429\"} 1",
            "tidings_source_waiting{source=\"x\"} 4",
            "tidings_source_up{source=\"x\"} 1",
            "tidings_source_up{source=\"masto\"} 0",
            "tidings_source_gap_seconds{source=\"x\"} 61.5",
            "tidings_source_last_post_seconds{source=\"x\"} 0.25",
            "tidings_source_cost_usd{source=\"x\"} 0.0",
        ] {
            assert_eq!(lines(&text, line), [line], "{text}");
        }
        assert_eq!(lines(&text, "last_post_seconds{source=\"masto\"}"), [""; 0]);

        let received = 11;
        metrics
            .sources
            .replace(vec![SourceNumbers { received, ..x }]);
        let text = metrics.encode();
        assert_eq!(
            lines(&text, "source_received_total"),
            ["tidings_source_received_total{source=\"x\"} 11"]
        );
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
