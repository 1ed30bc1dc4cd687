//! Answers that span keywords or join views.
//!
//! In: the views, the keywords that the answer may count, and the time if the answer depends on it.
//! Out: typed answers, with their epoch and position. `http` defines the wire form of an answer.
//! Queries do not wait for actors.
//!
//! - [`of_keyword`] and [`in_one_epoch`]: the two ways to read consistently.
//! - [`overview()`], [`compare()`], [`related()`], [`series`], [`explained_spikes`],
//!   [`tracked_keywords`] and [`total_ledger`]: the answers.

mod compare;
mod keywords;
mod ledger;
mod overview;
mod read;
mod related;
mod spikes;
mod volume;

pub use compare::{KeywordSeries, compare};
pub use keywords::{TrackedKeyword, tracked_keywords};
pub use ledger::{TotalLedger, total_ledger};
pub use overview::{KeywordTweet, WindowOverview, overview};
pub use read::{MarkedAnswer, QueryError, Untracked, in_one_epoch, of_keyword};
pub use related::related;
pub use spikes::{ExplainedSpike, KeywordSpike, explained_spikes};
pub use volume::{Buckets, Series, series};
