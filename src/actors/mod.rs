//! Who runs, who restarts whom, who waits for whom.
//!
//! ```text
//! root ─┬─ reader ──────────► every shard, batch by batch
//!       └─ shard (owns N keywords, commits their rows) ─► keyword actor (folds) ─► rows
//!                                                                        └──────► feed
//! live ─┬─ feed actor (per followed keyword) ─► ring
//!       └─ session actor (per client) ─► outlet
//! ```
//!
//! [`Tidings`] is the handle in front of all of them; nobody outside sees an actor.

mod catalog;
mod causes;
mod clock;
mod commits;
mod failures;
mod health;
mod intake;
mod keyword;
pub mod live;
mod offline;
mod old_views;
mod opening;
mod progress;
mod reader;
mod rejections;
mod replay;
mod residents;
mod root;
mod round;
mod shard;
mod sorted;
mod stragglers;
mod tidings;

pub use clock::Clock;
pub use health::{ShardStatus, Status};
pub use intake::{Counts, Intake, IntakeError, RejectedLine, Report};
pub use keyword::{FoldStep, fold_step};
pub use offline::{
    Comparison, Difference, OpenViews, Standing, Verification, compact, rebuild, verify,
};
pub use old_views::OldViews;
pub use opening::{Opened, OpeningError, open_views, views_dir};
pub use progress::KeywordStatus;
pub use replay::{KeywordDigest, digests, replay};
pub use root::Options;
pub use shard::ShardOptions;
pub use tidings::{
    CommandError, FOLD_WAIT, ReachedError, Scope, ShutdownError, StartError, Tidings,
};
