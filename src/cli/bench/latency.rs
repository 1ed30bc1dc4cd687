//! Waiting times of clients.

use std::time::Duration;

use serde::Serialize;

use super::live::figures::millis;

/// Percentiles of the waiting times of clients.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Latency {
    /// Number of waiting times, some of which can be those of failures.
    pub(super) count: usize,
    /// Number of failed requests, or of updates that did not come.
    pub(super) failed: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

impl Latency {
    /// Computes the percentiles of the waiting times `spans`. `failed` is the number of failures.
    pub(super) fn of(mut spans: Vec<Duration>, failed: u64) -> Self {
        spans.sort_unstable();
        let at = |permille: usize| {
            let rank = (spans.len() * permille).div_ceil(1000);
            spans
                .get(rank.saturating_sub(1))
                .map_or(0.0, |span| millis(*span))
        };
        Self {
            count: spans.len(),
            failed,
            p50_ms: at(500),
            p99_ms: at(990),
            max_ms: at(1000),
        }
    }

    /// The 99th percentile of `self` divided by that of `other`.
    pub(super) fn ratio(&self, other: &Self) -> f64 {
        self.p99_ms / other.p99_ms.max(0.001)
    }

    /// One line for people.
    pub(super) fn text(&self) -> String {
        format!(
            "p50 {:.1}, p99 {:.1}, at most {:.1} ms ({}, {} failed)",
            self.p50_ms, self.p99_ms, self.max_ms, self.count, self.failed
        )
    }
}
