//! Sources: collectors that read posts from X, Bluesky, Mastodon and files, and publish them.
//!
//! ```text
//! connection ─► mapping ─► delivery (duplicates, edits, profiles, batches) ─► destination
//!     ▲                        │ acknowledged
//!     │ resume                 ▼
//! reconnect ◄─ gaps ◄── checkpoint, ledger, logs (state folder, or NATS) ──► report
//! ```
//!
//! A **source** ([`Source`]) knows the wire format of one kind of feed: how to connect, how to fetch
//! older posts, and what a record means ([`SourceRecord`]). All else is shared: one collector
//! ([`collector`]) runs every source, so reconnecting, gaps, the checkpoint and the ledger exist
//! once. The matcher of the server decides which keywords a post matches; what a source sends is
//! only pre-filtered.
//!
//! Every doubt is settled by sending again: the server counts a tweet of the same id once.

mod bluesky;
mod files;
mod mastodon;
mod record;
mod requests;
mod source;
mod watched;
mod web;
mod x;

pub use record::{Deletion, Mapped, Post, Rejection, SourceRecord};
pub use requests::Requests;
pub use source::{
    Arrival, ConnectError, Connection, ConnectionEnd, Cost, Estimate, FetchError, FetchedPage,
    Purpose, RateLimit, Resume, Slice, Source, SourceKind, StreamName, Upkeep,
};
pub use watched::{WatchedKeyword, WatchedKeywords};
