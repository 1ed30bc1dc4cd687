//! What a projection is: the code that keeps one view of a keyword.

use super::row_format::RowFormat;
use super::rows::{RowChange, Rows, RowsError};
use super::summary::KeywordSummary;
use super::tweet_key::TweetKey;
use crate::events::{Sequence, Timestamp, TweetMetrics, TweetPosted};
use crate::text::AnalysedText;

/// Keeps one view of a keyword in rows of its own. The value is the state in memory; its default
/// is that of a keyword without rows.
///
/// A projection is fed the events that take effect, in sequence order, and nothing else. What it
/// does with them depends on nothing but the events: no clock, no settings, no randomness, no
/// batches. After an error the state is not sound and is dropped.
///
/// `projections/mod.rs` lists all projections; tests made from that list check that each one
/// clears, digests and versions its rows.
pub trait Projection: Default + std::fmt::Debug + Send {
    /// Grows whenever the same events would give other rows. It is a part of the fold version, so
    /// that the views are folded again.
    const VERSION: u32;

    /// The kinds of rows that the projection keeps. No other code writes rows of these kinds.
    const FORMATS: &'static [RowFormat];

    /// The state that the rows hold.
    ///
    /// # Errors
    /// [`RowsError`].
    fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError>;

    /// A tweet came whose id is new.
    ///
    /// # Errors
    /// [`RowsError`].
    fn posted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError>;

    /// A tweet of the views got new metrics. `tweet` has the metrics of before.
    ///
    /// # Errors
    /// [`RowsError`].
    fn engaged(
        &mut self,
        rows: &dyn Rows,
        tweet: &FoldedTweet<'_>,
        change: &MetricsChange,
    ) -> Result<(), RowsError>;

    /// A tweet leaves the views. `tweet` has its latest metrics.
    ///
    /// # Errors
    /// [`RowsError`].
    fn deleted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError>;

    /// The keyword is untracked: all its rows go, of every kind.
    fn cleared(&mut self) {
        *self = Self::default();
    }

    /// Appends the rows that changed since the last call.
    ///
    /// # Errors
    /// [`RowsError`] when a value does not fit its row.
    fn take_row_changes(&mut self, out: &mut Vec<RowChange>) -> Result<(), RowsError>;

    /// Adds what a client can read of the rows to the digest of the keyword. Equal content gives
    /// equal bytes, however the rows came about.
    ///
    /// # Errors
    /// [`RowsError`].
    fn digest(
        rows: &dyn Rows,
        summary: &KeywordSummary,
        hasher: &mut blake3::Hasher,
    ) -> Result<(), RowsError>;
}

/// A tweet as a fold hands it to the projections.
#[derive(Debug)]
pub struct FoldedTweet<'a> {
    /// The sequence of the event that is folded.
    pub sequence: Sequence,
    /// Where the tweet stands in its timeline.
    pub key: TweetKey,
    /// The tweet, with its metrics as they are before the event.
    pub tweet: &'a TweetPosted,
    /// The text of the tweet; analysed when a projection asks for it, at most once.
    pub text: AnalysedText<'a>,
}

impl<'a> FoldedTweet<'a> {
    /// A tweet that the event at `sequence` concerns.
    pub fn new(sequence: Sequence, key: TweetKey, tweet: &'a TweetPosted) -> Self {
        Self {
            sequence,
            key,
            text: AnalysedText::new(&tweet.text),
            tweet,
        }
    }
}

/// New metrics of a tweet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsChange {
    /// When they were read.
    pub at: Timestamp,
    /// The metrics before.
    pub before: TweetMetrics,
    /// The metrics from now on.
    pub after: TweetMetrics,
}
