//! Waiting times of clients.

use std::time::Duration;

use serde::Serialize;

use super::live::figures::millis;

/// Percentiles of the waiting times of clients.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Latency {
    /// Number of counted answers.
    pub(super) count: usize,
    /// Number of requests without an answer.
    pub(super) failed: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

impl Latency {
    /// Computes the percentiles of these waiting times. `failed` is the number of requests without
    /// an answer.
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

    /// Ratio of the 99th percentiles of `self` and `other`.
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
