//! The volume of a keyword: tweets per minute and per hour of event time.
//!
//! In: the times of tweets that are added or removed. Out: row changes, and the counts that
//! `query.rs` and `series.rs` read.
//!
//! A row holds the counts of six hours or of sixteen days, without zeros (`row.rs`). There are no
//! counts of days in rows: a day is a sum of hours, because its begin depends on the time zone
//! (`tz`, whole hours).
//!
//! A row depends only on the tweets and their order, so any split of the same events into batches
//! gives the same rows. Between batches the row used last stays decoded if it is small. A tweet
//! costs at most two look-ups, except the tweet at which a span changes from minutes to hours. A
//! batch writes each changed row once.

mod block;
mod open_rows;
mod query;
mod row;
mod series;

use super::{
    FoldedTweet, KeywordSummary, MetricsChange, Projection, RowChange, RowFormat, Rows, RowsError,
};
use crate::events::{Sequence, Timestamp};
use open_rows::OpenRows;
pub use query::{
    CountsBetween, Step, StepError, VolumePoint, align, counts_between, for_each_minute, points,
};
use row::{Besides, CountRow, MINUTES_FORMAT, Minutes, RowSpan, SPAN_FORMAT};
pub use series::{VolumeCounts, VolumeGrid, VolumeWindow};

/// The counts of one keyword that the running batch needs.
///
/// After an error the state is invalid: drop it and begin with a new one.
#[derive(Debug, Default)]
pub struct Volume {
    spans: OpenRows<RowSpan>,
    minutes: OpenRows<Minutes>,
}

impl Volume {
    /// Adds a tweet to the counts of its time. `sequence` is that of the event that adds it.
    ///
    /// # Errors
    /// The error of `rows`, or [`RowsError::Damaged`].
    pub fn add(
        &mut self,
        rows: &dyn Rows,
        at: Timestamp,
        sequence: Sequence,
    ) -> Result<(), RowsError> {
        let number = RowSpan::number(at);
        let span = self.spans.change(rows, number, sequence)?;
        let mut add_minute = |at, count| {
            let row = self.minutes.change(rows, Minutes::number(at), sequence)?;
            row.add(at, count);
            Ok(())
        };
        match span.add(number, at) {
            Besides::Nowhere => Ok(()),
            Besides::Minute => add_minute(at, 1),
            Besides::All(minutes) => {
                let mut minutes = minutes.into_iter();
                minutes.try_for_each(|(minute, count)| add_minute(minute, count))
            }
        }
    }

    /// Removes a tweet from the counts of its time. `sequence` is that of the event that removes
    /// it.
    ///
    /// # Errors
    /// The error of `rows`, or [`RowsError::Damaged`], also when no tweet is counted at that time.
    pub fn remove(
        &mut self,
        rows: &dyn Rows,
        at: Timestamp,
        sequence: Sequence,
    ) -> Result<(), RowsError> {
        let none = |row| {
            let what = format!("no tweet is counted at {at}, so none can be removed");
            RowsError::damaged(&row, what)
        };
        let number = RowSpan::number(at);
        let besides = self.spans.change(rows, number, sequence)?.remove(at);
        if besides.ok_or_else(|| none(RowSpan::key(number)))? == Besides::Nowhere {
            return Ok(());
        }
        let number = Minutes::number(at);
        let row = self.minutes.change(rows, number, sequence)?;
        let removed = row.remove(at);
        removed
            .then_some(())
            .ok_or_else(|| none(Minutes::key(number)))
    }

    /// Appends the rows that changed since the last call.
    pub fn take_row_changes(&mut self, out: &mut Vec<RowChange>) {
        self.minutes.take_row_changes(out);
        self.spans.take_row_changes(out);
    }

    /// Approximate size in memory, in bytes.
    pub fn resident_bytes(&self) -> usize {
        size_of::<Self>() + self.minutes.heap_bytes() + self.spans.heap_bytes()
    }
}

impl Projection for Volume {
    const VERSION: u32 = 2;
    const SINCE: u32 = 0;
    const FORMATS: &'static [RowFormat] = &[MINUTES_FORMAT, SPAN_FORMAT];

    fn hydrate(_: &dyn Rows) -> Result<Self, RowsError> {
        Ok(Self::default())
    }

    fn posted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        self.add(rows, tweet.tweet.at, tweet.sequence)
    }

    fn engaged(
        &mut self,
        _: &dyn Rows,
        _: &FoldedTweet<'_>,
        _: &MetricsChange,
    ) -> Result<(), RowsError> {
        Ok(())
    }

    fn deleted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        self.remove(rows, tweet.tweet.at, tweet.sequence)
    }

    fn take_row_changes(&mut self, out: &mut Vec<RowChange>) -> Result<(), RowsError> {
        Self::take_row_changes(self, out);
        Ok(())
    }

    /// Adds the minutes with tweets and their counts, oldest first.
    fn digest(
        rows: &dyn Rows,
        summary: &KeywordSummary,
        hasher: &mut blake3::Hasher,
    ) -> Result<(), RowsError> {
        let Some((first, last)) = summary.first_at.zip(summary.last_at) else {
            return Ok(());
        };
        for_each_minute(rows, first, last, |minute, count| {
            hasher.update(&minute.millis().to_be_bytes());
            hasher.update(&count.to_be_bytes());
        })
    }
}

#[cfg(test)]
mod tests;
