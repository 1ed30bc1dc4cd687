//! What a fold reads and changes: rows of one keyword, and the port through which it sees them.

use bytes::Bytes;

use super::TweetKey;

/// The name of a row, within one keyword.
///
/// Rows are pages and blobs that hold many small facts each, because a store pays by the row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// [`super::Head`]: position, ledger, totals.
    Head,
    /// The newest page of the timeline, which takes most tweets.
    OpenPage,
    /// A closed page: the tweets from this key up to the next page's.
    Page(TweetKey),
    /// The metrics that came later for the tweets of the page with this lower bound.
    Metrics(TweetKey),
    /// Tweets per minute in a span of six hours: `unix minutes / 360`.
    Minutes(u32),
    /// Tweets per hour in a span of sixteen days: `unix hours / 384`.
    Hours(u32),
    /// The newest ids, not yet in a run.
    RecentIds,
    /// A page of a sorted run of ids: level, run, page.
    IdRun(u8, u8, u32),
    /// A part of a run's filter: level, run, part.
    IdFilter(u8, u8, u32),
}

/// A row as a fold leaves it; `None` when it is to go.
pub type RowChange = (RowKey, Option<Bytes>);

/// Rows could not be read, or hold what no version of ours wrote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
    /// The store failed.
    #[error("the views could not be read")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row does not decode.
    #[error("the row {row} of the views is damaged: {what}")]
    Damaged {
        /// Which row.
        row: String,
        /// What is wrong.
        what: String,
    },
}

impl RowsError {
    /// A row that does not decode.
    pub fn damaged(row: &RowKey, what: impl std::fmt::Display) -> Self {
        Self::Damaged {
            row: format!("{row:?}"),
            what: what.to_string(),
        }
    }
}

/// The rows of one keyword, as last put. Reading is deterministic: rows depend on nothing but
/// the events folded so far, so a fold that reads them stays a pure function of its events.
pub trait Rows {
    /// One row.
    ///
    /// # Errors
    /// [`RowsError::Store`].
    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError>;

    /// The closed page with the greatest lower bound that is at or before `key`.
    ///
    /// # Errors
    /// [`RowsError::Store`].
    fn page_at_or_before(&self, key: &TweetKey) -> Result<Option<(TweetKey, Bytes)>, RowsError>;

    /// The closed page with the least lower bound behind `key`.
    ///
    /// # Errors
    /// [`RowsError::Store`].
    fn page_after(&self, key: &TweetKey) -> Result<Option<(TweetKey, Bytes)>, RowsError>;
}
