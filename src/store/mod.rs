//! The views on disk: rows in memory over sled, committed with their checkpoint in one step.
//!
//! - [`ShardRows`]: one shard's rows; written by its shard alone, read by everybody.
//! - [`Store`]: all shards of one folder, opened and healed.
//! - [`Views`]: the read side that outlives a store which has to be replaced.

mod behind;
mod committer;
mod database;
mod epoch;
mod error;
mod generation;
mod guard;
mod holder_index;
mod holders;
mod keyword_log;
mod keyword_rows;
mod layers;
mod layout;
mod put_log;
mod read_threads;
mod records;
mod roll;
mod seal;
mod shard_rows;
mod views;
mod views_folder;
mod whole;

pub use database::{KeptOpen, RECOVER_EVERY};
pub use epoch::{Epoch, EpochError, EpochParts};
pub use error::StoreError;
pub use generation::{Contradiction, Generation};
pub use guard::silence_guarded_panics;
pub use holders::Holders;
pub use keyword_log::KeptLog;
pub use keyword_rows::KeywordRows;
pub use read_threads::ReadThreads;
pub use records::ShardRecord;
pub use seal::Seal;
pub use shard_rows::{CommitFigures, ShardRows};
pub use views::{Answer, Views};
pub use views_folder::ViewsFolder;
pub use whole::{Store, StoreOptions};
