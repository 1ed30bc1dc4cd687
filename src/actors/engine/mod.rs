//! The engine: reads the journal, folds it into views, and restarts what fails.
//!
//! ```text
//! root ─┬─ reader ──────────► every shard, batch by batch
//!       └─ shard (owns N keywords, commits their rows) ─► keyword actor (folds) ─► rows
//!                                                                        └──────► sink
//! ```
//!
//! In: batches of the journal. Out: rows of the store, and changes to a [`ChangeSink`], which live
//! implements. The root supervises the reader and the shards; a shard supervises its keyword
//! actors. [`Tidings`] is the handle of the engine; no other module sees an actor. `Core` is the
//! state that the actors share.

mod batch_barrier;
mod causes;
mod change_sink;
pub(in crate::actors) mod clock;
mod commands;
mod commit_policy;
pub(in crate::actors) mod core;
pub(crate) mod fold_batch;
mod found_views;
mod handle;
mod health;
mod keyword;
mod lagging_keywords;
pub(crate) mod open_views;
mod opening_error;
mod options;
pub(crate) mod previous_views;
pub(in crate::actors) mod progress;
mod reader;
pub(crate) mod rejected_records;
mod residents;
mod restart_policy;
mod root;
pub(in crate::actors) mod root_watch;
mod ruled_set;
mod shard;
pub(crate) mod tracked_keywords;
pub(crate) mod tracked_sets;

pub use change_sink::ChangeSink;
pub(in crate::actors) use commands::HEAD_KNOWN_WITHIN;
pub use commands::{CommandError, FOLD_WAIT, ReachedError, Scope};
pub use handle::{ShutdownError, StartError, Tidings};
pub use health::{ShardStatus, Status};
pub use keyword::{FoldStep, fold_step};
pub use open_views::{OpenedViews, open_views, views_dir};
pub use opening_error::OpeningError;
pub use options::{Options, ShardOptions};
pub use previous_views::PreviousViews;
pub use progress::KeywordStatus;
