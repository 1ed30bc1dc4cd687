//! What the collector reports about itself.

use std::collections::HashMap;

use super::super::{
    RefusedKeyword, Report, ReportedBackfill, ReportedCost, ReportedGap, ReportedKeywords,
    ReportedRate, ReportedReconnects, ReportedRequests, SourceKind, SourceState, StreamName,
    Upkeep,
};
use super::stream::Gate;
use super::{Collector, RunningStream};
use crate::events::Timestamp;

/// Number of millionths in a US dollar.
const MICRO: f64 = 1_000_000.0;

/// The state of the connections, as it is reported.
#[derive(Debug)]
pub(super) struct Standing {
    kind: SourceKind,
    phase: Phase,
    detail: Option<String>,
    connected_at: Option<Timestamp>,
    retry_at: Option<Timestamp>,
    upkeep: Option<Upkeep>,
    /// Why the source is not in step with the keywords, and when it is asked again.
    rules_failure: Option<(Option<Timestamp>, String)>,
    has_turned: bool,
    /// True when the source refused its rules, and not a stream.
    pub(super) refused_by_rules: bool,
    pub(super) tracked: usize,
    pub(super) last_post_at: Option<Timestamp>,
    pub(super) last_byte_at: Option<Timestamp>,
    /// Why the destination does not answer about keywords.
    pub(super) destination_away: Option<String>,
    /// Why posts wait.
    pub(super) posts_wait: Option<String>,
    /// Why the destination refused the last report.
    pub(super) report_refused: Option<String>,
}

/// What the streams did last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    InStep,
    Connecting,
    Connected,
    Waiting,
    Refused,
    Stopped,
}

impl Standing {
    pub(super) const fn new(kind: SourceKind) -> Self {
        Self {
            kind,
            phase: Phase::Starting,
            detail: None,
            connected_at: None,
            retry_at: None,
            upkeep: None,
            rules_failure: None,
            has_turned: false,
            refused_by_rules: false,
            tracked: 0,
            last_post_at: None,
            last_byte_at: None,
            destination_away: None,
            posts_wait: None,
            report_refused: None,
        }
    }

    fn turn(&mut self, phase: Phase) {
        self.has_turned |= self.phase != phase;
        self.phase = phase;
    }

    pub(super) fn connecting(&mut self) {
        if self.phase != Phase::Connected {
            self.turn(Phase::Connecting);
        }
        self.retry_at = None;
    }

    pub(super) fn connected(&mut self, at: Timestamp) {
        self.connected_at = Some(at);
        self.detail = None;
        self.turn(Phase::Connected);
    }

    pub(super) fn waits(&mut self, retry_at: Option<Timestamp>, detail: String) {
        self.connected_at = None;
        self.retry_at = retry_at;
        self.detail = Some(detail);
        self.turn(Phase::Waiting);
    }

    pub(super) fn refused(&mut self, detail: String) {
        self.connected_at = None;
        self.retry_at = None;
        self.detail = Some(detail);
        self.turn(Phase::Refused);
    }

    pub(super) fn stopped(&mut self, detail: Option<String>) {
        self.connected_at = None;
        self.retry_at = None;
        self.detail = detail;
        self.turn(Phase::Stopped);
    }

    /// The source could not be brought in step with the keywords. Open streams go on.
    pub(super) fn rules_failed(&mut self, retry_at: Option<Timestamp>, detail: String) {
        self.rules_failure = Some((retry_at, detail));
        self.has_turned = true;
    }

    pub(super) fn in_step(&mut self, upkeep: Upkeep, is_idle: bool) {
        self.upkeep = Some(upkeep);
        self.rules_failure = None;
        self.has_turned = true;
        if is_idle {
            self.connected_at = None;
            self.retry_at = None;
        }
        let was_refused_here = std::mem::take(&mut self.refused_by_rules);
        if self.phase == Phase::Starting || (self.phase == Phase::Refused && was_refused_here) {
            self.detail = None;
            self.turn(Phase::InStep);
        }
    }

    /// True when the state changed since the last report.
    pub(super) const fn has_turned(&self) -> bool {
        self.has_turned
    }

    /// A report is made.
    pub(super) const fn reported(&mut self) {
        self.has_turned = false;
    }

    pub(super) fn state(
        &self,
        streams: &HashMap<StreamName, RunningStream>,
        gate: &Gate,
        without_live: bool,
    ) -> SourceState {
        match (self.phase, gate) {
            (Phase::Stopped, _) => SourceState::Stopped,
            (Phase::Refused, _) => SourceState::Refused,
            _ if self.rules_failure.is_some() && streams.is_empty() => SourceState::BackingOff,
            (Phase::Starting, _) => SourceState::Starting,
            (_, Gate::Closed(super::GapCause::Capped)) => SourceState::Capped,
            _ if without_live => SourceState::Backfilling,
            _ if streams.is_empty() => SourceState::Idle,
            (Phase::Waiting, _) => SourceState::BackingOff,
            _ if streams.values().all(|stream| stream.is_connected) => SourceState::Live,
            _ => SourceState::Connecting,
        }
    }
}

impl Collector {
    /// The report of this moment.
    pub(super) fn make_report(&self) -> Report {
        let standing = &self.standing;
        let checkpoint = &self.progress.checkpoint;
        let waiting = self.delivery.waiting_records();
        let ledger = checkpoint.ledger;
        let name = &self.options.name;
        let rules_failure = standing.rules_failure.as_ref();
        let detail = standing.detail.clone();
        let detail = detail.or_else(|| rules_failure.map(|(_, detail)| detail.clone()));
        let rules_retry_at = rules_failure.and_then(|(retry_at, _)| *retry_at);
        let detail = detail.or_else(|| standing.posts_wait.clone());
        let detail = detail.or_else(|| standing.destination_away.clone());
        let rate = self.fetching.rate.map(|rate| ReportedRate {
            limit: rate.limit,
            remaining: rate.remaining,
            reset: Some(rate.reset),
        });
        let report = Report {
            state: self.state(),
            detail: detail.or_else(|| standing.report_refused.clone()),
            received: ledger.received(waiting),
            journaled: ledger.journaled,
            unmatched: ledger.unmatched,
            duplicate: ledger.duplicate,
            rejected: ledger.rejected,
            waiting,
            control: ledger.control,
            connected_at: standing.connected_at,
            last_post_at: standing.last_post_at.or(checkpoint.newest_at),
            last_byte_at: standing.last_byte_at,
            retry_at: standing.retry_at.or(rules_retry_at),
            reconnects: checkpoint.reconnects,
            keywords: self.reported_keywords(),
            rules: standing.upkeep.as_ref().map_or(0, |upkeep| upkeep.rules),
            requests: self.requests.total(),
            rate,
            cost: self.reported_cost(),
            gaps: self.reported_gaps(),
            backfill: self.reported_backfill(),
            requests_by: self.reported_requests(),
            reconnects_by: self.reported_reconnects(),
            ..Report::starting(name, self.source.kind(), &self.options.instance)
        };
        report.bounded()
    }

    fn reported_keywords(&self) -> ReportedKeywords {
        let upkeep = self.standing.upkeep.clone().unwrap_or_default();
        let refused = upkeep.refused.into_iter();
        ReportedKeywords {
            tracked: u64::try_from(self.standing.tracked).unwrap_or(u64::MAX),
            pending: upkeep.pending,
            refused: refused
                .map(|(keyword, reason)| RefusedKeyword { keyword, reason })
                .collect(),
            narrow: upkeep.narrow,
        }
    }

    fn reported_cost(&self) -> Option<ReportedCost> {
        let costs = &self.progress.checkpoint.costs;
        (self.standing.kind == SourceKind::X).then(|| ReportedCost {
            posts: costs.posts,
            usd: dollars(costs.micro_usd),
            month_usd: dollars(costs.month_micro_usd),
        })
    }

    fn reported_gaps(&self) -> Vec<ReportedGap> {
        let gaps = self.progress.checkpoint.gaps.all().iter();
        gaps.map(|gap| ReportedGap {
            gap: gap.number,
            from: gap.from,
            to: gap.to,
            cause: gap.cause,
            state: gap.state,
            posts: gap.posts,
        })
        .collect()
    }

    fn reported_backfill(&self) -> Option<ReportedBackfill> {
        let backfill = self.progress.checkpoint.backfill.as_ref()?;
        let done = self.progress.backfill_thousandths();
        let whole = self
            .fetching
            .estimate
            .and_then(|estimate| estimate.duration);
        let eta_seconds = match (whole, done) {
            _ if backfill.done => Some(0),
            // The estimate of the source, by the share that remains.
            (Some(whole), Some(done)) => {
                let remaining = 1_000_u64.saturating_sub(done);
                Some(whole.as_secs().saturating_mul(remaining) / 1_000)
            }
            // The time so far, by the share that remains.
            (None, Some(done)) if done > 0 => {
                let remaining = 1_000_u64.saturating_sub(done);
                let seconds = self.fetching.begun.elapsed().as_secs();
                seconds.saturating_mul(remaining).checked_div(done)
            }
            _ => None,
        };
        Some(ReportedBackfill {
            from: backfill.from,
            to: Some(backfill.to),
            done: backfill.done,
            posts: backfill.posts,
            requests: backfill.requests,
            eta_seconds,
        })
    }

    fn reported_requests(&self) -> Vec<ReportedRequests> {
        let pairs = self.requests.pairs().into_iter();
        pairs
            .map(|(endpoint, status, count)| ReportedRequests {
                endpoint: endpoint.to_owned(),
                status,
                count,
            })
            .collect()
    }

    fn reported_reconnects(&self) -> Vec<ReportedReconnects> {
        let counts = self.progress.reconnects_by.iter();
        counts
            .map(|(cause, count)| ReportedReconnects {
                cause: *cause,
                count: *count,
            })
            .collect()
    }
}

/// Millionths of a US dollar in US dollars, for people.
#[allow(clippy::cast_precision_loss)]
fn dollars(micro_usd: u64) -> f64 {
    micro_usd as f64 / MICRO
}
