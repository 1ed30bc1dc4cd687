//! The folds, the views they keep, and the queries over views. Pure and synchronous: no clock, no
//! I/O, no randomness. Rows are read through the [`Rows`] port and changed by handing them back.

mod head;
mod rows;
mod tweet_key;

pub use head::{Head, Ledger};
pub use rows::{RowChange, RowKey, Rows, RowsError};
pub use tweet_key::TweetKey;
