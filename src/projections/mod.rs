//! Projections: the folds, the views they keep in rows, and the queries over one keyword's views.
//!
//! ```text
//! envelope ─► KeywordView::fold ─► ids, timeline: decide the outcome and own the old tweet
//!                    │
//!                    ├─► every projection of the list below: posted, engaged, deleted, cleared
//!                    └─► take_row_changes ─► RowChanges ─► store
//! query ─► Rows (port; a store implements it)
//! ```
//!
//! Folds and queries are pure and synchronous: no clock, no I/O, no randomness. A fold reads rows
//! through the [`Rows`] port and returns the changed rows to its caller.

mod digest;
mod fold;
mod fold_context;
pub mod ids;
pub mod keys;
mod memory_rows;
mod meter;
pub mod overview;
mod projection;
mod registry;
pub mod related;
mod results;
mod row_format;
mod rows;
pub mod spikes;
pub mod statistics;
mod summary;
#[cfg(test)]
pub(crate) mod test_history;
#[cfg(test)]
pub(crate) mod test_rows;
#[cfg(test)]
pub(crate) mod test_shard;
pub mod timeline;
pub mod tree;
mod tweet_key;
mod varint;
mod view_change;
pub mod volume;

pub use digest::{Digest, ViewDigest};
pub use fold::{FoldOutcome, KeywordView, RowChanges};
pub use fold_context::FoldContext;
pub use memory_rows::MemoryRows;
pub use meter::{Meter, MeteredRows};
pub use projection::{FoldedTweet, MetricsChange, Projection};
pub use registry::{FOLD_VERSION, pack_row, row_formats};
pub use results::{
    AnyResult, KeptResult, ResultKey, TouchedTimes, found, kept, kept_if_made, offer,
};
pub use row_format::{PackRow, RowFormat};
pub use rows::{NoRows, RowChange, RowKey, RowKind, Rows, RowsError, Seek};
pub use summary::{KeywordSummary, Ledger, Tracking};
pub use timeline::{TimelinePage, TimelineQuery, TimelineScan};
pub use tweet_key::TweetKey;
pub use view_change::{ChangeKind, Delta, TimelineChange, TweetChange, ViewChange};

// The list of all projections. The fold calls them and the digest covers them in this order. A new
// projection is one file and one line here.
registry::projections! {
    timeline: timeline::Timeline,
    volume: volume::Volume,
    keys: keys::Keys,
}
