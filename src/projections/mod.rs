//! The folds, the views they keep, and the queries over views. Pure and synchronous: no clock, no
//! I/O, no randomness. Rows are read through the [`Rows`] port and changed by handing them back.

mod digest;
mod fold;
pub mod ids;
mod late_metrics;
mod memory_rows;
mod meter;
pub mod overview;
mod rows;
mod summary;
mod timeline;
pub mod timeline_query;
mod tweet_key;
mod tweet_page;
mod view_change;
pub mod volume;

pub use digest::{Digest, ViewDigest};
pub use fold::{FOLD_VERSION, FoldOutcome, KeywordView, RowChanges};
pub use memory_rows::MemoryRows;
pub use meter::{Meter, MeteredRows};
pub use rows::{NoRows, RowChange, RowKey, Rows, RowsError, Seek};
pub use summary::{KeywordSummary, Ledger, Tracking};
pub use timeline_query::{TimelinePage, TimelineQuery, TimelineScan};
pub use tweet_key::TweetKey;
pub use tweet_page::pack_page;
pub use view_change::{ChangeKind, Delta, TimelineChange, TweetChange, ViewChange};
