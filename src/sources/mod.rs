//! Sources: collectors that read posts from X, Bluesky, Mastodon and files, and publish them.
//!
//! ```text
//! connection ─► mapping ─► delivery (duplicates, edits, profiles, batches) ─► destination
//!     ▲                        │ acknowledged
//!     │ resume                 ▼
//! reconnect ◄─ gaps ◄── checkpoint, ledger, logs (state folder, or NATS) ──► report
//! ```
//!
//! A **source** ([`Source`]) knows the wire format of one kind of feed: how to connect, how to
//! fetch older posts, and what a record means ([`SourceRecord`]). All else is shared: one collector
//! (`collector`) runs every source, so reconnecting, gaps, the checkpoint and the ledger exist
//! once. The matcher of the server decides which keywords a post matches; what a source sends is
//! only pre-filtered.
//!
//! Every doubt is settled by sending again: the server counts a tweet of the same id once.

mod bluesky;
mod collector;
mod delivery;
mod destination;
mod files;
mod gaps;
mod kind;
mod lease;
mod ledger;
mod mastodon;
mod name;
mod recent_ids;
mod reconnect;
mod record;
mod registry;
mod report;
mod report_numbers;
mod report_store;
mod reports;
mod requests;
mod served;
mod since;
mod source;
mod state;
mod supervision;
mod versions;
mod watched;
mod web;
mod x;

pub use bluesky::BlueskySource;
pub use collector::{
    BackfillRequest, Collector, CollectorError, CollectorOptions, PlannedBackfill,
};
pub use delivery::{Delivery, Outcome, Settled};
pub use destination::{
    Destination, DestinationError, NatsDestination, Published, ServerDestination,
};
pub use files::{
    FileArguments, FileError, FileFormat, FileIdentity, FileInput, FileOptions, FileReader,
    FileRecord, MAX_PAGE_BYTES, MAX_RECORD_BYTES, read_again,
};
pub use gaps::{Gap, Gaps};
pub use kind::SourceKind;
pub use lease::{LeaseBucket, SharedSource};
pub use ledger::Ledger;
pub use name::{SourceName, SourceNameError};
pub use record::{Deletion, Mapped, Post, Rejection, SourceRecord};
pub use registry::build;
pub use report::{
    GapCause, GapState, RefusedKeyword, Report, ReportedBackfill, ReportedCost, ReportedGap,
    ReportedKeywords, ReportedRate, ReportedReconnects, ReportedRequests, SourceState,
};
pub use report_store::{
    FolderReports, KeptReport, KvReports, NoReports, ReportStore, ReportStoreError,
};
pub use reports::{ReportError, SourceReports};
pub use requests::Requests;
pub use served::ServedCollector;
pub use since::{SinceError, time_since};
pub use source::{
    Arrival, ConnectError, Connection, ConnectionEnd, Cost, Estimate, FetchError, FetchedPage,
    Purpose, RateLimit, Resume, Slice, Source, StreamName, Upkeep,
};
pub use state::{
    Backfill, Checkpoint, Costs, LogEntry, RejectedEntry, StateError, StateFolder, checkpoint_in,
    is_held, read_rejected, report_in,
};
pub use supervision::{Collectors, CollectorsStartError, RunCollector};
pub use versions::KnownVersion;
pub use watched::{WatchedKeyword, WatchedKeywords};
