//! The figures of `tidings bench queries`, as JSON and as text.

use serde::Serialize;

use crate::cli::bench::latency::Latency;

/// All figures.
#[derive(Debug, Serialize)]
pub(super) struct QueryFigures {
    /// Number of tweets in the queried keyword.
    pub(super) tweets: u64,
    /// Number of days over which the tweets of the queried keyword are spread.
    pub(super) days: u32,
    /// Number of other keywords.
    pub(super) keywords: u32,
    /// Number of tweets in the other keywords together.
    pub(super) others: u64,
    pub(super) waited: Vec<Waited>,
    /// Number of tweets that were posted during the second half of the requests. All of them were
    /// folded when that half ended.
    pub(super) posted: u64,
    /// Duration of the half with posted tweets, until the last of them was folded, in seconds.
    pub(super) seconds: f64,
}

/// The waiting times of the answers to one query.
#[derive(Debug, Serialize)]
pub(super) struct Waited {
    /// The name of the query.
    pub(super) what: &'static str,
    /// The goal for the 99th percentile of `alone`, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) goal_ms: Option<f64>,
    /// Without other work on the server.
    pub(super) alone: Latency,
    /// While the server folds posted tweets.
    pub(super) beside: Latency,
}

impl QueryFigures {
    /// Whether every measured request was answered.
    pub(super) fn has_all_answers(&self) -> bool {
        let latencies = self.waited.iter().flat_map(|one| [&one.alone, &one.beside]);
        latencies.into_iter().all(|latency| latency.failed == 0)
    }

    /// The figures as lines of text.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!(
            "{} tweets over {} days in one keyword, {} in {} others",
            self.tweets, self.days, self.others, self.keywords
        )];
        for one in &self.waited {
            lines.push(one.what.to_owned());
            let goal = one
                .goal_ms
                .map_or_else(String::new, |goal| format!("; goal {goal:.0}"));
            lines.push(format!("  alone: {}{goal}", one.alone.text()));
            lines.push(format!("  beside the fold: {}", one.beside.text()));
        }
        let posted = u32::try_from(self.posted).map_or(f64::INFINITY, f64::from);
        lines.push(format!(
            "beside the fold: {} tweets posted and folded, {:.0} a second",
            self.posted,
            posted / self.seconds.max(0.001)
        ));
        lines.join("\n")
    }
}
