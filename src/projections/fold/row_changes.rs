//! The row changes of one batch.

use crate::projections::keys::background::Contribution;
use crate::projections::results::TouchedTimes;
use crate::projections::rows::{RowChange, RowsError};
use crate::projections::summary::{KeywordSummary, Tracking};

/// The row changes of one batch, which the store writes as one step.
#[derive(Debug, Default)]
pub struct RowChanges {
    /// Whether all rows of the keyword are removed before `rows` are put.
    pub cleared: bool,
    /// The new rows, the summary among them.
    pub rows: Vec<RowChange>,
    /// The new tracking state in the summary, if it changed.
    pub tracking: Option<Tracking>,
    /// The change of the background of all keywords. If `cleared` is set, the store first removes
    /// the earlier contributions of the keyword.
    pub contribution: Contribution,
    /// The times of the tweets that were added, changed or removed. Kept results over these times
    /// become invalid.
    pub touched: TouchedTimes,
}

impl RowChanges {
    /// Returns the rows of a keyword that exists but has no folded record.
    ///
    /// # Errors
    /// [`RowsError`]; this does not happen.
    pub fn existing() -> Result<Self, RowsError> {
        let summary = KeywordSummary {
            tracked: true,
            ..KeywordSummary::default()
        };
        Ok(Self {
            rows: vec![(KeywordSummary::key(), Some(summary.encode()?))],
            tracking: Some(summary.tracking()),
            ..Self::default()
        })
    }
}
