//! The figures of `bench live`, as JSON and as text.

use std::time::Duration;

use serde::Serialize;

/// All figures. The JSON leaves out the figures that a measure does not take.
#[derive(Debug, Default, Serialize)]
pub(super) struct LiveFigures {
    pub(super) measure: &'static str,
    pub(super) clients: usize,
    pub(super) keywords: usize,
    pub(super) seconds: f64,
    pub(super) tweets: u64,
    pub(super) deliveries: u64,
    pub(super) deliveries_per_second: f64,
    /// Deliveries per second of the server's processor time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deliveries_per_cpu_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server_cpu_seconds: Option<f64>,
    /// Processor time of this process: publisher and all clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_cpu_seconds: Option<f64>,
    pub(super) frames: u64,
    /// Bytes on the wire per delivered tweet, including its share of the frame.
    pub(super) bytes_per_delivery: f64,
    /// Latency from just before publishing to receipt, in milliseconds.
    pub(super) latency_p50_ms: f64,
    pub(super) latency_p99_ms: f64,
    pub(super) latency_max_ms: f64,
    /// Server memory per client in KiB, including socket, actor and subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kib_per_client: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server_mib: Option<f64>,
    /// Seconds from the request to stop the server until all clients were back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) back_after_seconds: Option<f64>,
    /// Seconds from when the server listened again until all clients were back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) back_after_start_seconds: Option<f64>,
    /// Number of clients that resumed without a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recovered: Option<usize>,
    /// Medians for good clients, without and with clients that never read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stuck: Option<StuckFigures>,
    /// Medians for folding, without and with clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fold: Option<FoldFigures>,
    /// Updates whose `prev` was beyond the client's sequence.
    pub(super) gaps: u64,
    /// Snapshots sent to a client that had one already.
    pub(super) resyncs: u64,
}

/// Good clients, without and with clients that never read.
#[derive(Debug, Serialize)]
pub(super) struct StuckFigures {
    pub(super) stuck: u32,
    /// Clients that the server closed as too slow, over all pairs.
    pub(super) sent_away: u64,
    /// Largest growth of the server's memory while the clients were stuck, in MiB.
    pub(super) grown_mib: f64,
    pub(super) p99_alone_ms: f64,
    pub(super) p99_beside_ms: f64,
    /// Median of the pairs' ratios.
    pub(super) p99_ratio: f64,
    /// p99 of each pair in milliseconds: first without the stuck clients, then with them.
    pub(super) pairs_ms: Vec<[f64; 2]>,
}

/// Folding, without and with clients.
#[derive(Debug, Serialize)]
pub(super) struct FoldFigures {
    pub(super) alone_per_second: f64,
    pub(super) beside_per_second: f64,
    /// Median of the pairs' ratios.
    pub(super) ratio: f64,
    /// Tweets per second of each pair: first without clients, then with them.
    pub(super) pairs_per_second: Vec<[f64; 2]>,
    /// Server processor time per tweet without clients, in microseconds.
    pub(super) alone_cpu_micros: Option<f64>,
    pub(super) beside_cpu_micros: Option<f64>,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; counts are far below 2^53"
)]
pub(in crate::cli::bench) fn per(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; counts are far below 2^53"
)]
pub(in crate::cli::bench) fn fraction(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

pub(in crate::cli::bench) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// The median of some values; 0 when there are none.
pub(in crate::cli::bench) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => at(odd / 2),
        even => f64::midpoint(at(even / 2 - 1), at(even / 2)),
    }
}

/// Lines of text: a name column and a value column.
#[derive(Default)]
struct TextLines(Vec<String>);

impl TextLines {
    fn push(&mut self, name: &str, value: &str) {
        self.0.push(format!("{name:<22}{value}"));
    }
}

impl LiveFigures {
    pub(super) fn text(&self) -> String {
        let mut lines = TextLines::default();
        lines.push(
            "clients",
            &format!("{} over {} keywords", self.clients, self.keywords),
        );
        if self.deliveries > 0 {
            self.push_deliveries(&mut lines);
        }
        if let Some(stuck) = &self.stuck {
            stuck.push(&mut lines);
        }
        if let Some(fold) = &self.fold {
            fold.push(&mut lines);
        }
        if let Some(kib) = self.kib_per_client {
            lines.push("memory of a client", &format!("{kib:.1} KiB"));
        }
        if let Some(mib) = self.server_mib {
            lines.push("memory of the server", &format!("{mib:.0} MiB"));
        }
        if let (Some(back), Some(since)) = (self.back_after_seconds, self.back_after_start_seconds)
        {
            let recovered = self.recovered.unwrap_or_default();
            lines.push(
                "all were back after",
                &format!("{back:.1} s, {since:.1} s from the start on; {recovered} resumed"),
            );
        }
        lines.push(
            "gaps, new snapshots",
            &format!("{}, {}", self.gaps, self.resyncs),
        );
        lines.0.join("\n")
    }

    fn push_deliveries(&self, lines: &mut TextLines) {
        lines.push(
            "deliveries",
            &format!(
                "{} in {:.1} s, {:.0} a second, {} frames, {:.0} bytes each",
                self.deliveries,
                self.seconds,
                self.deliveries_per_second,
                self.frames,
                self.bytes_per_delivery
            ),
        );
        if let (Some(rate), Some(cpu)) = (self.deliveries_per_cpu_second, self.server_cpu_seconds) {
            lines.push(
                "by a server's core",
                &format!("{rate:.0} a second ({cpu:.2} s of processor time)"),
            );
        }
        lines.push(
            "publish to receipt",
            &format!(
                "p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
                self.latency_p50_ms, self.latency_p99_ms, self.latency_max_ms
            ),
        );
    }
}

impl StuckFigures {
    fn push(&self, lines: &mut TextLines) {
        lines.push(
            "never read",
            &format!(
                "{}; disconnected over all pairs: {}",
                self.stuck, self.sent_away
            ),
        );
        lines.push(
            "p99 without, beside",
            &format!(
                "{:.1} ms, {:.1} ms: {:.2} x",
                self.p99_alone_ms, self.p99_beside_ms, self.p99_ratio
            ),
        );
        lines.push("memory grew by", &format!("{:.1} MiB", self.grown_mib));
    }
}

impl FoldFigures {
    fn push(&self, lines: &mut TextLines) {
        lines.push(
            "folded without, with",
            &format!(
                "{:.0}, {:.0} tweets a second: {:.2} x",
                self.alone_per_second, self.beside_per_second, self.ratio
            ),
        );
        if let (Some(alone), Some(beside)) = (self.alone_cpu_micros, self.beside_cpu_micros) {
            lines.push(
                "processor time of each",
                &format!("{alone:.1} µs, {beside:.1} µs"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, expected) in [
            (vec![], 0.0),
            (vec![3.0], 3.0),
            (vec![9.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0, 2.0, 9.0], 3.0),
        ] {
            assert_eq!(
                median(values.clone()).total_cmp(&expected),
                std::cmp::Ordering::Equal,
                "{values:?}"
            );
        }
    }
}
