//! What a fold reads and changes: rows of one keyword, and the port through which it sees them.

use bytes::Bytes;

use super::TweetKey;

/// The name of a row, within one keyword.
///
/// Rows are pages and blobs that hold many small facts each, because a store pays by the row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// [`super::KeywordSummary`]: position, ledger, totals.
    Summary,
    /// The newest page of the timeline, which takes most tweets.
    OpenPage,
    /// A closed page: the tweets from this key up to the next page's.
    Page(TweetKey),
    /// The metrics that came later for the tweets of the page with this lower bound.
    Metrics(TweetKey),
    /// Tweets per minute in a span of six hours: `unix minutes / 360`.
    Minutes(u32),
    /// Tweets in a span of sixteen days: `unix hours / 384`. Per minute while they are few, and
    /// then no row has the minutes besides; else per hour.
    Span(u32),
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
    /// The client has gone, so the query was ended.
    #[error("the query was ended, since its answer is not wanted any more")]
    Abandoned,
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

    /// The closed page that `seek` names, with its lower bound.
    ///
    /// # Errors
    /// [`RowsError::Store`].
    fn page(&self, seek: Seek<'_>) -> Result<Option<(TweetKey, Bytes)>, RowsError>;

    /// Takes note that a query is about to work on `bytes` bytes, besides reading their row.
    ///
    /// # Errors
    /// [`RowsError::Abandoned`] when the answer is not wanted any more.
    fn look(&self, _bytes: usize) -> Result<(), RowsError> {
        Ok(())
    }
}

/// Which closed page to find, by the lower bounds of the pages.
#[derive(Debug, Clone, Copy)]
pub enum Seek<'a> {
    /// The last one at or before the key: where a tweet with this key belongs.
    AtOrBefore(&'a TweetKey),
    /// The last one strictly before the key.
    Before(&'a TweetKey),
    /// The first one strictly behind the key.
    After(&'a TweetKey),
}

/// A keyword that has no rows.
#[derive(Debug, Clone, Copy)]
pub struct NoRows;

impl Rows for NoRows {
    fn get(&self, _: &RowKey) -> Result<Option<Bytes>, RowsError> {
        Ok(None)
    }

    fn page(&self, _: Seek<'_>) -> Result<Option<(TweetKey, Bytes)>, RowsError> {
        Ok(None)
    }
}
