//! The views on disk: rows in memory over sled, committed with their checkpoint in one batch.
//!
//! - [`Store`]: the sled database of one folder, with [`ShardRows`] for each shard.
//! - [`ShardRows`]: the rows of one shard. Only its shard actor puts rows; any thread reads them.
//!   Put rows stay in a memtable until a commit writes them.
//! - [`Views`]: the store of each shard that readers see. It stays when stores are replaced.
//! - [`TweetIndex`]: which keywords hold a tweet.
//! - [`ViewsFolder`], [`Seal`], [`Generation`]: the files beside the rows.
//!
//! In: row changes from folds, and checkpoints. Out: rows for folds, queries and commit observers.
//!
//! Only this module imports sled. `catch_panic` turns panics of sled into errors.

mod background_rows;
mod catch_panic;
mod checkpoint_row;
mod commit_observer;
mod commit_thread;
mod compacted_log;
mod database;
mod epoch;
mod error;
mod generation;
mod index_segments;
mod keyword_rows;
mod lagging_marks;
mod layout;
mod memtable;
mod put_log;
mod read_threads;
mod result_cache;
mod seal;
mod shard_rows;
mod shown;
#[expect(
    clippy::module_inception,
    reason = "`Store` is in the file of its name"
)]
mod store;
mod tracked_log;
mod tweet_index;
mod views;
mod views_folder;

pub use catch_panic::silence_guarded_panics;
pub use checkpoint_row::CheckpointRow;
pub use commit_observer::CommitObserver;
pub use compacted_log::KeptLog;
pub use database::{KeptOpen, RECOVER_EVERY};
pub use epoch::{AnalyserPart, Epoch, EpochError, EpochParts};
pub use error::StoreError;
pub use generation::{Contradiction, Generation};
pub use keyword_rows::KeywordRows;
pub use read_threads::{ReadThreads, give_way};
pub use seal::Seal;
pub use shard_rows::{CommitFigures, ShardRows, TimeIndex};
pub use shown::SwapError;
pub use store::{Store, StoreOptions};
pub use tracked_log::RuledKeywords;
pub use tweet_index::TweetIndex;
pub use views::{Answer, Views};
pub use views_folder::ViewsFolder;
