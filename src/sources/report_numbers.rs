//! The numbers of a report, for the metrics of sources.

use std::time::Duration;

use super::{GapState, Report, SourceState};
use crate::events::Timestamp;
use crate::telemetry::SourceNumbers;

/// Maximum length of a label of a metric, in bytes.
const MAX_LABEL: usize = 64;

/// The numbers of a report at this time, for the metrics.
pub(super) fn numbers(report: &Report, now: Timestamp) -> SourceNumbers {
    let mut requests: Vec<_> = report
        .requests_by
        .iter()
        .map(|each| (label(&each.endpoint), each.status, each.count))
        .collect();
    let counted = report.requests_by.iter().map(|each| each.count);
    let others = beyond(report.requests, counted);
    if others > 0 {
        requests.push(("other".to_owned(), 0, others));
    }
    let mut reconnects: Vec<_> = report
        .reconnects_by
        .iter()
        .map(|each| (each.cause.word().to_owned(), each.count))
        .collect();
    let counted = report.reconnects_by.iter().map(|each| each.count);
    let others = beyond(report.reconnects, counted);
    if others > 0 {
        reconnects.push(("other".to_owned(), others));
    }
    let missing = report
        .gaps
        .iter()
        .filter(|gap| matches!(gap.state, GapState::Open | GapState::Filling));
    SourceNumbers {
        source: report.name.clone(),
        received: report.received,
        journaled: report.journaled,
        unmatched: report.unmatched,
        duplicate: report.duplicate,
        rejected: report.rejected,
        reconnects,
        requests,
        waiting: report.waiting,
        up: matches!(
            report.state,
            SourceState::Live | SourceState::Backfilling | SourceState::Idle
        ),
        rules: report.rules,
        gap_seconds: missing
            .map(|gap| seconds_between(gap.from, gap.to.unwrap_or(now)))
            .sum(),
        last_post_seconds: report.last_post_at.map(|at| seconds_between(at, now)),
        cost_usd: report.cost.map_or(0.0, |cost| cost.usd),
    }
}

/// What a total has beyond its counted parts.
fn beyond(total: u64, parts: impl Iterator<Item = u64>) -> u64 {
    total.saturating_sub(parts.fold(0, u64::saturating_add))
}

/// The seconds from one time to another; 0 when the other is earlier.
fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    let millis = to.millis().saturating_sub(from.millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or_default()).as_secs_f64()
}

/// A text of a report as a label.
fn label(text: &str) -> String {
    text.chars()
        .take(MAX_LABEL)
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '/' | '_' | '.' | ':' | '-' => character,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::{
        GapCause, ReportedCost, ReportedGap, ReportedReconnects, ReportedRequests, SourceKind,
    };

    fn gap(from: i64, to: Option<i64>, state: GapState) -> ReportedGap {
        ReportedGap {
            gap: 1,
            from: Timestamp::from_millis(from),
            to: to.map(Timestamp::from_millis),
            cause: GapCause::Network,
            state,
            posts: 0,
        }
    }

    #[test]
    fn unfilled_gaps_and_counts_without_a_label_are_counted() {
        let requests = |endpoint: &str, count| ReportedRequests {
            endpoint: endpoint.to_owned(),
            status: 200,
            count,
        };
        let report = Report {
            state: SourceState::Live,
            received: 5,
            waiting: 2,
            requests: 10,
            requests_by: vec![requests("search/recent", 6), requests("a \"b\"\n", 1)],
            reconnects: 4,
            reconnects_by: vec![ReportedReconnects {
                cause: GapCause::Stall,
                count: 4,
            }],
            gaps: vec![
                gap(0, Some(1_000), GapState::Filled),
                gap(1_000, Some(3_500), GapState::Filling),
                gap(8_000, None, GapState::Open),
                gap(20_000, None, GapState::Open),
                gap(0, Some(9_000), GapState::Lost),
            ],
            last_post_at: Some(Timestamp::from_millis(9_500)),
            cost: Some(ReportedCost {
                posts: 5,
                usd: 0.025,
                month_usd: 0.01,
            }),
            ..Report::starting("x", SourceKind::X, "1")
        };
        let expected = SourceNumbers {
            source: "x".to_owned(),
            received: 5,
            waiting: 2,
            requests: vec![
                ("search/recent".to_owned(), 200, 6),
                ("a__b__".to_owned(), 200, 1),
                ("other".to_owned(), 0, 3),
            ],
            reconnects: vec![("stall".to_owned(), 4)],
            up: true,
            gap_seconds: 4.5,
            last_post_seconds: Some(0.5),
            cost_usd: 0.025,
            ..SourceNumbers::default()
        };
        assert_eq!(numbers(&report, Timestamp::from_millis(10_000)), expected);
    }
}
