//! The interface of projections. A projection is the code that keeps one view of a keyword.
//!
//! In: the events of a keyword that take effect, one by one. Out: row changes, and the digest of
//! what clients can read.

use super::row_format::RowFormat;
use super::rows::{RowChange, Rows, RowsError};
use super::summary::KeywordSummary;
use super::tweet_key::TweetKey;
use crate::events::{Sequence, Timestamp, TweetMetrics, TweetPosted};
use crate::text::{AnalysedText, Analyser, TweetKeys};

/// Keeps one view of a keyword in rows of its own. The value is the state in memory. Its default is
/// the state of a keyword without rows.
///
/// A projection receives the events that take effect, in sequence order. Its rows depend on these
/// events and on the [`FoldContext`](super::FoldContext) alone: not on a clock, other settings,
/// randomness or the split into batches. After an error the state is invalid and is dropped.
///
/// `projections/mod.rs` lists all projections. Tests run over that list and check that each
/// projection clears, digests and versions its rows.
pub trait Projection: Default + std::fmt::Debug + Send {
    /// The version of the projection. It grows whenever the same events would give other rows. The
    /// fold version includes it, so a higher version makes the views be folded again.
    const VERSION: u32;

    /// The first version of the fold ([`FOLD_VERSION`](super::FOLD_VERSION)) whose rows of this
    /// projection can answer queries; 0 for every version. While views of an earlier version
    /// answer, queries that read these rows fail with [`RowsError::NotKept`].
    const SINCE: u32;

    /// The kinds of rows that the projection keeps. No other code writes rows of these kinds.
    const FORMATS: &'static [RowFormat];

    /// Reads the state from the rows.
    ///
    /// # Errors
    /// [`RowsError`].
    fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError>;

    /// A tweet with a new id was posted.
    ///
    /// # Errors
    /// [`RowsError`].
    fn posted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError>;

    /// A tweet of the views got new metrics. `tweet` has the metrics from before the event.
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

    /// The keyword was untracked. The store removes all its rows, of every kind.
    fn cleared(&mut self) {
        *self = Self::default();
    }

    /// Appends the rows that changed since the last call.
    ///
    /// # Errors
    /// [`RowsError`] when a value does not fit its row.
    fn take_row_changes(&mut self, out: &mut Vec<RowChange>) -> Result<(), RowsError>;

    /// Adds what clients can read of the rows to the digest of the keyword. Equal content gives
    /// equal bytes, even when the rows were made by other batches or splits.
    ///
    /// # Errors
    /// [`RowsError`].
    fn digest(
        rows: &dyn Rows,
        summary: &KeywordSummary,
        hasher: &mut blake3::Hasher,
    ) -> Result<(), RowsError>;
}

/// A tweet in the form that the projections receive from the fold.
#[derive(Debug)]
pub struct FoldedTweet<'a> {
    /// The sequence of the event that is folded.
    pub sequence: Sequence,
    /// When the journal received the event.
    pub received_at: Timestamp,
    /// The position of the tweet in the timeline.
    pub key: TweetKey,
    /// The tweet, with its metrics from before the event.
    pub tweet: &'a TweetPosted,
    /// The text of the tweet. It is analysed at most once, when a projection asks for it.
    pub text: AnalysedText<'a>,
    analyser: &'a Analyser,
}

impl<'a> FoldedTweet<'a> {
    /// Makes the value for a tweet that the event at `sequence` concerns. The journal received the
    /// event at `received_at`. `analyser` takes the text apart.
    pub fn new(
        sequence: Sequence,
        received_at: Timestamp,
        key: TweetKey,
        tweet: &'a TweetPosted,
        analyser: &'a Analyser,
    ) -> Self {
        Self {
            sequence,
            received_at,
            key,
            text: AnalysedText::new(&tweet.text),
            tweet,
            analyser,
        }
    }

    /// The value for a tweet of a unit test. Its text is taken apart without settings.
    #[cfg(test)]
    pub(crate) fn of_test(
        sequence: Sequence,
        received_at: Timestamp,
        tweet: &'a TweetPosted,
    ) -> Self {
        static ANALYSER: std::sync::LazyLock<Analyser> =
            std::sync::LazyLock::new(Analyser::default);
        Self::new(sequence, received_at, TweetKey::of(tweet), tweet, &ANALYSER)
    }

    /// The words, hashtags and mentions of the text.
    pub fn keys(&self) -> &TweetKeys {
        self.text.keys(self.analyser)
    }
}

/// A change of the metrics of a tweet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsChange {
    /// When the new metrics were read.
    pub at: Timestamp,
    /// The metrics before the event.
    pub before: TweetMetrics,
    /// The metrics after the event.
    pub after: TweetMetrics,
}
