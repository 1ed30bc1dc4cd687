//! The folds, the views they keep, and the queries over views. Pure and synchronous: no clock, no
//! I/O, no randomness. Rows are read through the [`Rows`] port and changed by handing them back.

mod digest;
mod fold;
mod head;
pub mod ids;
mod late_metrics;
mod meter;
pub mod overview;
mod page;
mod rows;
#[cfg(test)]
mod test_rows;
mod timeline;
pub mod timeline_query;
mod tweet_key;
mod view_change;
pub mod volume;

pub use digest::{Digest, ViewDigest};
pub use fold::{Changes, FOLD_VERSION, KeywordView, Outcome};
pub use head::{Following, Head, Ledger};
pub use meter::{Meter, MeteredRows};
pub use page::pack_page;
pub use rows::{NoRows, RowChange, RowKey, Rows, RowsError, Seek};
pub use timeline_query::{TimelinePage, TimelineQuery, TimelineScan};
pub use tweet_key::TweetKey;
pub use view_change::{ChangeKind, TimelineChange, Told, TweetChange, ViewChange};
