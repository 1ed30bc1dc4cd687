//! The report of a source: what a collector tells the server, and what `GET /api/v1/sources` and
//! `collect status` show. Field names are wire names.
//!
//! A value that does not exist is null in the document, never left out. A document that is read
//! may leave out everything but the name, the kind, the instance and the state, and may have
//! further members.

mod times;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::times::{Moment, moment, required_moment};
use super::SourceKind;
use crate::events::Timestamp;

/// Maximum number of entries of each list of keywords in a report.
const MAX_KEYWORDS: usize = 1_000;

/// Maximum size of the texts of each list of keywords in a report, in bytes. With the other limits
/// it keeps a report below 1 MiB.
const MAX_LIST_BYTES: usize = 150 * 1_024;

/// Maximum number of gaps in a report; the newest are kept.
const MAX_GAPS: usize = 1_000;

/// Maximum number of counts by endpoint and status, and by cause.
const MAX_COUNTS: usize = 256;

/// Maximum length of the detail, of a reason and of an endpoint, in code points.
const MAX_TEXT_CHARS: usize = 1_000;

/// The state of a source at one time, with its counters over all runs of its state folder
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SourceReport")]
pub struct Report {
    /// The name of the source
    pub name: String,
    /// The kind of the source
    pub kind: SourceKind,
    /// Identifies the running collector; another run has another one
    pub instance: String,
    /// What the source does
    pub state: SourceState,
    /// The reason for the state in words, if there is one
    #[serde(default)]
    pub detail: Option<String>,
    /// Records received: journaled + unmatched + duplicate + rejected + waiting
    #[serde(default)]
    pub received: u64,
    /// Records that the server journaled
    #[serde(default)]
    pub journaled: u64,
    /// Records that matched no keyword
    #[serde(default)]
    pub unmatched: u64,
    /// Records that were sent before
    #[serde(default)]
    pub duplicate: u64,
    /// Records that could not be decoded, or that the server refused
    #[serde(default)]
    pub rejected: u64,
    /// Records that were read and are not acknowledged yet
    #[serde(default)]
    pub waiting: u64,
    /// Records about the connection, and of kinds that are not collected; outside the sum
    #[serde(default)]
    pub control: u64,
    /// When the current connection was opened
    #[serde(default, with = "moment")]
    #[schemars(with = "Option<Moment>")]
    pub connected_at: Option<Timestamp>,
    /// Time of the newest post
    #[serde(default, with = "moment")]
    #[schemars(with = "Option<Moment>")]
    pub last_post_at: Option<Timestamp>,
    /// When the last byte arrived
    #[serde(default, with = "moment")]
    #[schemars(with = "Option<Moment>")]
    pub last_byte_at: Option<Timestamp>,
    /// When the source connects again, while it waits for that
    #[serde(default, with = "moment")]
    #[schemars(with = "Option<Moment>")]
    pub retry_at: Option<Timestamp>,
    /// Connections after the first one
    #[serde(default)]
    pub reconnects: u64,
    /// The keywords, as far as the source has room for them
    #[serde(default)]
    pub keywords: ReportedKeywords,
    /// Rules of this source at X; 0 elsewhere
    #[serde(default)]
    pub rules: u64,
    /// Requests to the source
    #[serde(default)]
    pub requests: u64,
    /// The rate limit, as the last answer of the source stated it
    #[serde(default)]
    pub rate: Option<ReportedRate>,
    /// What was read from a source that charges for it; null where nothing is charged
    #[serde(default)]
    pub cost: Option<ReportedCost>,
    /// The newest gaps, oldest first
    #[serde(default)]
    pub gaps: Vec<ReportedGap>,
    /// The back-fill, if one was asked for
    #[serde(default)]
    pub backfill: Option<ReportedBackfill>,
    /// The requests by endpoint and status
    #[serde(default)]
    pub requests_by: Vec<ReportedRequests>,
    /// The reconnects by cause
    #[serde(default)]
    pub reconnects_by: Vec<ReportedReconnects>,
}

/// What a source does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum SourceState {
    /// The collector starts.
    Starting,
    /// There is nothing to collect, so there is no connection.
    Idle,
    /// A connection is being opened.
    Connecting,
    /// Connected.
    Live,
    /// Waits before another try.
    BackingOff,
    /// Fetches older posts without a live connection.
    Backfilling,
    /// Disconnected, because the limit of costs is reached.
    Capped,
    /// The source refuses the collector.
    Refused,
    /// The collector ended.
    Stopped,
    /// No report arrived for four intervals. Only the server says so.
    Gone,
}

/// The keywords of a source
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)]
pub struct ReportedKeywords {
    /// Number of keywords
    pub tracked: u64,
    /// Keywords that the source has no room for, at most 1,000
    pub pending: Vec<String>,
    /// Keywords that the source refused, at most 1,000
    pub refused: Vec<RefusedKeyword>,
    /// Keywords that the source finds only in part, at most 1,000
    pub narrow: Vec<String>,
}

/// A keyword that the source refused
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct RefusedKeyword {
    /// The keyword
    pub keyword: String,
    /// The source's words
    pub reason: String,
}

/// A rate limit
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ReportedRate {
    /// Requests allowed in a period
    pub limit: u64,
    /// Requests that remain in this period
    pub remaining: u64,
    /// The end of this period
    #[serde(default, with = "moment")]
    #[schemars(with = "Option<Moment>")]
    pub reset: Option<Timestamp>,
}

/// What was read from a source that charges for it
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)]
pub struct ReportedCost {
    /// Posts that were charged
    pub posts: u64,
    /// The cost of all runs, in US dollars
    pub usd: f64,
    /// The cost of this month, in US dollars
    pub month_usd: f64,
}

/// A time for which posts may be missing
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ReportedGap {
    /// The number of the gap, from 1
    pub gap: u64,
    /// The start
    #[serde(with = "required_moment")]
    #[schemars(with = "Moment")]
    pub from: Timestamp,
    /// The end; null while the gap is open
    #[serde(default, with = "moment")]
    #[schemars(with = "Option<Moment>")]
    pub to: Option<Timestamp>,
    /// Why posts may be missing
    pub cause: GapCause,
    /// What became of the gap
    pub state: GapState,
    /// Posts fetched for the gap
    #[serde(default)]
    pub posts: u64,
}

/// Why a source was not read for a time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum GapCause {
    /// The connection ended, or could not be opened.
    Network,
    /// No byte arrived for too long.
    Stall,
    /// No post arrived for too long.
    Quiet,
    /// The server did not take the records.
    Server,
    /// The source refused the collector.
    Refused,
    /// The rate limit was reached.
    Rate,
    /// The limit of costs was reached.
    Capped,
    /// The collector was not running.
    Restart,
    /// The source no longer had the requested position.
    Cursor,
}

/// What became of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum GapState {
    /// It still grows.
    Open,
    /// Its posts are being fetched.
    Filling,
    /// Its posts were fetched.
    Filled,
    /// Its posts cannot be fetched.
    Lost,
}

/// A back-fill
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ReportedBackfill {
    /// The start
    #[serde(with = "required_moment")]
    #[schemars(with = "Moment")]
    pub from: Timestamp,
    /// The end; null while it is not known
    #[serde(default, with = "moment")]
    #[schemars(with = "Option<Moment>")]
    pub to: Option<Timestamp>,
    /// Whether all of it was fetched
    #[serde(default)]
    pub done: bool,
    /// Posts fetched
    #[serde(default)]
    pub posts: u64,
    /// Requests made for it
    #[serde(default)]
    pub requests: u64,
    /// Time that remains, in seconds; null while it is not known
    #[serde(default)]
    pub eta_seconds: Option<u64>,
}

/// Requests to one endpoint with one status
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ReportedRequests {
    /// The name of the endpoint, without ids
    pub endpoint: String,
    /// The HTTP status; 0 when there was no answer
    pub status: u16,
    /// The number of requests
    pub count: u64,
}

/// Reconnects for one cause
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ReportedReconnects {
    /// Why the connection before ended
    pub cause: GapCause,
    /// The number of reconnects
    pub count: u64,
}

impl GapCause {
    /// The word for the cause in reports, logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Stall => "stall",
            Self::Quiet => "quiet",
            Self::Server => "server",
            Self::Refused => "refused",
            Self::Rate => "rate",
            Self::Capped => "capped",
            Self::Restart => "restart",
            Self::Cursor => "cursor",
        }
    }
}

impl Report {
    /// The report of a source that has done nothing yet.
    pub fn starting(name: &str, kind: SourceKind, instance: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            instance: instance.to_owned(),
            state: SourceState::Starting,
            detail: None,
            received: 0,
            journaled: 0,
            unmatched: 0,
            duplicate: 0,
            rejected: 0,
            waiting: 0,
            control: 0,
            connected_at: None,
            last_post_at: None,
            last_byte_at: None,
            retry_at: None,
            reconnects: 0,
            keywords: ReportedKeywords::default(),
            rules: 0,
            requests: 0,
            rate: None,
            cost: None,
            gaps: Vec::new(),
            backfill: None,
            requests_by: Vec::new(),
            reconnects_by: Vec::new(),
        }
    }

    /// Cuts lists and texts to the limits of a report: at most 1,000 keywords in each list, the
    /// newest 1,000 gaps, texts of at most 1,000 code points.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.detail = self.detail.map(shortened);
        bound(&mut self.keywords.pending, String::len);
        bound(&mut self.keywords.narrow, String::len);
        for refused in &mut self.keywords.refused {
            refused.reason = shortened(std::mem::take(&mut refused.reason));
        }
        bound(&mut self.keywords.refused, |refused| {
            refused.keyword.len().saturating_add(refused.reason.len())
        });
        let surplus = self.gaps.len().saturating_sub(MAX_GAPS);
        self.gaps.drain(..surplus);
        self.requests_by.truncate(MAX_COUNTS);
        for requests in &mut self.requests_by {
            requests.endpoint = shortened(std::mem::take(&mut requests.endpoint));
        }
        self.reconnects_by.truncate(MAX_COUNTS);
        self
    }
}

/// Keeps the first entries of a list of keywords, as far as the limits allow.
fn bound<T>(list: &mut Vec<T>, bytes: impl Fn(&T) -> usize) {
    let mut sum = 0_usize;
    let fitting = list.iter().take(MAX_KEYWORDS).take_while(|entry| {
        sum = sum.saturating_add(bytes(entry));
        sum <= MAX_LIST_BYTES
    });
    let count = fitting.count();
    list.truncate(count);
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_TEXT_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn starting() -> Report {
        Report::starting("x", SourceKind::X, "i-1")
    }

    #[test]
    fn absent_values_are_null_and_never_left_out() {
        let document = serde_json::to_value(starting()).unwrap();
        assert_eq!(
            document,
            json!({
                "name": "x", "kind": "x", "instance": "i-1", "state": "starting", "detail": null,
                "received": 0, "journaled": 0, "unmatched": 0, "duplicate": 0, "rejected": 0,
                "waiting": 0, "control": 0, "connected_at": null, "last_post_at": null,
                "last_byte_at": null, "retry_at": null, "reconnects": 0,
                "keywords": {"tracked": 0, "pending": [], "refused": [], "narrow": []},
                "rules": 0, "requests": 0, "rate": null, "cost": null, "gaps": [],
                "backfill": null, "requests_by": [], "reconnects_by": [],
            })
        );
    }

    #[test]
    fn full_document_is_read_and_written_alike() {
        let document = json!({
            "name": "my-x", "kind": "x", "instance": "7f", "state": "backing_off",
            "detail": "no answer", "received": 10, "journaled": 4, "unmatched": 3, "duplicate": 1,
            "rejected": 1, "waiting": 1, "control": 2,
            "connected_at": "2026-11-23T07:00:00.000Z", "last_post_at": "2026-11-23T07:00:01.000Z",
            "last_byte_at": "2026-11-23T07:00:02.000Z", "retry_at": "2026-11-23T07:00:03.000Z",
            "reconnects": 3,
            "keywords": {"tracked": 4, "pending": ["a"],
                "refused": [{"keyword": "b", "reason": "ambiguous"}], "narrow": ["漢"]},
            "rules": 2, "requests": 9,
            "rate": {"limit": 450, "remaining": 7, "reset": "2026-11-23T07:15:00.000Z"},
            "cost": {"posts": 8, "usd": 0.04, "month_usd": 1.5},
            "gaps": [
                {"gap": 1, "from": "2026-11-23T06:00:00.000Z", "to": "2026-11-23T06:01:00.000Z",
                    "cause": "stall", "state": "filled", "posts": 2},
                {"gap": 2, "from": "2026-11-23T07:00:00.000Z", "to": null, "cause": "restart",
                    "state": "open", "posts": 0},
            ],
            "backfill": {"from": "2026-11-20T00:00:00.000Z", "to": null, "done": false,
                "posts": 5, "requests": 2, "eta_seconds": 60},
            "requests_by": [{"endpoint": "search/recent", "status": 200, "count": 9}],
            "reconnects_by": [{"cause": "network", "count": 3}],
        });
        let report: Report = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(report.gaps[1].to, None);
        assert_eq!(serde_json::to_value(report).unwrap(), document);
    }

    #[test]
    fn short_document_is_completed_and_unknown_members_are_ignored() {
        let short = json!({
            "name": "x", "kind": "x", "instance": "i-1", "state": "starting", "later": [1],
        });
        let report: Report = serde_json::from_value(short).unwrap();
        assert_eq!(report, starting());
        for wrong in [
            json!({"name": "x", "kind": "x", "instance": "i-1"}),
            json!({"name": "x", "kind": "y", "instance": "i-1", "state": "live"}),
            json!({"name": "x", "kind": "x", "instance": "i-1", "state": "asleep"}),
            json!({"name": "x", "kind": "x", "instance": "i-1", "state": "live",
                "retry_at": "tomorrow"}),
        ] {
            assert!(serde_json::from_value::<Report>(wrong).is_err());
        }
    }

    #[test]
    fn bounded_report_keeps_the_first_keywords_and_the_newest_gaps() {
        let mut report = starting();
        report.detail = Some("é".repeat(1_001));
        report.keywords.pending = (0..1_200).map(|number| number.to_string()).collect();
        report.keywords.narrow = (0..1_000).map(|_| "漢".repeat(64)).collect();
        report.gaps = (1..=1_200)
            .map(|gap| ReportedGap {
                gap,
                from: Timestamp::from_millis(0),
                to: None,
                cause: GapCause::Network,
                state: GapState::Lost,
                posts: 0,
            })
            .collect();
        let bounded = report.bounded();
        assert_eq!(bounded.detail.unwrap().chars().count(), 1_000);
        assert_eq!(bounded.keywords.pending.len(), 1_000);
        assert_eq!(bounded.keywords.pending[999], "999");
        assert_eq!(bounded.keywords.narrow.len(), 150 * 1_024 / 192);
        let gaps: Vec<u64> = bounded.gaps.iter().map(|gap| gap.gap).collect();
        assert_eq!(gaps, (201..=1_200).collect::<Vec<u64>>());
    }

    #[test]
    fn words_of_causes_are_their_wire_names() {
        for cause in [
            GapCause::Network,
            GapCause::Stall,
            GapCause::Quiet,
            GapCause::Server,
            GapCause::Refused,
            GapCause::Rate,
            GapCause::Capped,
            GapCause::Restart,
            GapCause::Cursor,
        ] {
            let word = serde_json::to_value(cause).unwrap();
            assert_eq!(word, Value::from(cause.word()));
        }
    }
}
