//! The one fold: how an event changes the views of its keyword.
//!
//! Live, restart, rebuild and replay all run [`KeywordView::fold`]. What an event does follows
//! the table in `docs/architecture.md`, "What each event does".

mod row_changes;
mod tweet_events;

use super::Projections;
use super::ids::{IdHash, Ids};
use super::results::TouchedTimes;
use super::rows::{NoRows, Rows, RowsError};
use super::summary::{KeywordSummary, Tracking};
use super::view_change::{Recorder, ViewChange};
use crate::events::{
    Event, KeywordEnvelope, KeywordRecord, RecordHash, RecordIdentity, Sequence, TweetId,
};
pub use row_changes::RowChanges;

/// The outcome of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldOutcome {
    /// The event took effect, or stated what was already true.
    Folded,
    /// The tweet was seen before.
    Duplicate,
    /// The event had nothing to act on.
    Ignored,
    /// The record could not be decoded.
    Rejected,
    /// The record was folded earlier and is not counted again.
    Skipped,
}

/// The state of one keyword in memory.
#[derive(Debug)]
pub struct KeywordView {
    summary: KeywordSummary,
    /// The tracking state in the summary row; `None` while there is no summary row.
    tracking: Option<Tracking>,
    projections: Projections,
    ids: Ids,
    changed: bool,
    /// The identity of the record at `as_of` while `summary.mark` is not computed from it yet. A
    /// mark costs a hash, so it is computed once per batch and not once per event.
    unmarked: Option<Option<RecordIdentity>>,
    /// Whether the oldest or newest tweet was deleted while `summary` still has its time.
    span_is_stale: bool,
    /// Whether this batch has cleared the keyword. If so, the fold reads no row from before the
    /// batch.
    cleared: bool,
    /// The times of the tweets that this batch has touched.
    touched: TouchedTimes,
    /// Records the changes for subscribers; `None` when they are not recorded.
    recorder: Option<Box<Recorder>>,
}

impl KeywordView {
    /// Reads the state from the rows. Without rows the state is empty.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError> {
        let summary = rows.get(&KeywordSummary::key())?;
        let summary = summary
            .map(|row| KeywordSummary::decode(&row))
            .transpose()?;
        let tracking = summary.as_ref().map(KeywordSummary::tracking);
        let summary = summary.unwrap_or_default();
        Ok(Self {
            tracking,
            projections: Projections::hydrate(rows)?,
            ids: Ids::hydrate(rows, &summary.id_runs)?,
            summary,
            changed: false,
            unmarked: None,
            span_is_stale: false,
            cleared: false,
            touched: TouchedTimes::default(),
            recorder: None,
        })
    }

    /// Starts to record changes for [`KeywordView::take_view_change`].
    pub fn start_recording(&mut self) {
        self.recorder = Some(Box::new(Recorder::from(self.summary.as_of)));
    }

    /// Ends the recording and returns what changed since [`KeywordView::start_recording`]; `None`
    /// when nothing was recorded.
    pub fn take_view_change(&mut self) -> Option<ViewChange> {
        let recorder = self.recorder.take()?;
        self.set_mark();
        Some(recorder.finish(&self.summary))
    }

    /// The summary. Its mark is up to date after [`KeywordView::take_row_changes`] and
    /// [`KeywordView::take_view_change`].
    pub const fn summary(&self) -> &KeywordSummary {
        &self.summary
    }

    /// Folds one record of this keyword. Records come in sequence order. A record at or below the
    /// folded sequence changes nothing.
    ///
    /// # Errors
    /// [`RowsError`]. The view is then folded in part and must be dropped.
    pub fn fold(
        &mut self,
        rows: &dyn Rows,
        envelope: &KeywordEnvelope,
    ) -> Result<FoldOutcome, RowsError> {
        if envelope.sequence <= self.summary.as_of {
            return Ok(FoldOutcome::Skipped);
        }
        let no_rows = NoRows(rows.context());
        let rows: &dyn Rows = if self.cleared { &no_rows } else { rows };
        // The first record of a keyword creates it as tracked.
        if self.summary.as_of == Sequence::ZERO {
            self.summary.tracked = true;
        }
        let (outcome, identity) = match &envelope.record {
            KeywordRecord::Rejected { .. } => (FoldOutcome::Rejected, None),
            // No event erases other events yet.
            KeywordRecord::Hollow(hollow) => (FoldOutcome::Ignored, Some(hollow.identity())),
            KeywordRecord::Event(event) => {
                let hash = event.tweet_id().map(IdHash::of);
                let identity = RecordIdentity {
                    kind: event.kind(),
                    id_hash: hash.map(IdHash::bytes),
                };
                (
                    self.fold_event(rows, envelope, event, hash)?,
                    Some(identity),
                )
            }
        };
        self.summary.ledger.count(outcome);
        self.summary.as_of = envelope.sequence;
        self.summary.received_at = envelope.received_at;
        self.unmarked = Some(identity);
        self.changed = true;
        Ok(outcome)
    }

    /// Folds an event into the views. `hash` is the hash of the id of the tweet that the event
    /// concerns, if it concerns one.
    fn fold_event(
        &mut self,
        rows: &dyn Rows,
        envelope: &KeywordEnvelope,
        event: &Event,
        hash: Option<IdHash>,
    ) -> Result<FoldOutcome, RowsError> {
        let of = |id: &TweetId| hash.unwrap_or_else(|| IdHash::of(id));
        match event {
            Event::KeywordTracked(tracked) => {
                self.summary.tracked = true;
                // If the event has no lists of rules, a tracked keyword keeps its rules, and a new
                // keyword has none.
                if let Some(rules) = tracked.rules() {
                    self.summary.rules = rules;
                    self.touched = TouchedTimes::all();
                }
                Ok(FoldOutcome::Folded)
            }
            Event::KeywordUntracked { .. } => {
                self.clear();
                Ok(FoldOutcome::Folded)
            }
            _ if !self.summary.tracked => Ok(FoldOutcome::Ignored),
            Event::TweetPosted(tweet) => self.fold_posted(rows, envelope, tweet, of(&tweet.id)),
            Event::TweetEngaged(engaged) => {
                self.fold_engaged(rows, envelope, engaged, of(&engaged.id))
            }
            Event::TweetDeleted(deleted) => {
                self.fold_deleted(rows, envelope, deleted, of(&deleted.id))
            }
        }
    }

    /// Drops everything except the position, the ledger and `resync_after`.
    fn clear(&mut self) {
        self.summary = KeywordSummary {
            as_of: self.summary.as_of,
            ledger: self.summary.ledger,
            resync_after: self.summary.resync_after,
            ..KeywordSummary::default()
        };
        self.projections.cleared();
        self.ids = Ids::default();
        self.cleared = true;
        self.touched = TouchedTimes::all();
        self.span_is_stale = false;
        if let Some(recorder) = &mut self.recorder {
            recorder.dropped();
        }
    }

    fn set_mark(&mut self) {
        if let Some(identity) = self.unmarked.take() {
            self.summary.mark = RecordHash::of_identity(self.summary.as_of, identity);
        }
    }

    /// Returns the rows that changed since the last call; `None` when nothing was folded.
    ///
    /// # Errors
    /// [`RowsError`]. The view must then be dropped.
    pub fn take_row_changes(&mut self, rows: &dyn Rows) -> Result<Option<RowChanges>, RowsError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(None);
        }
        self.set_mark();
        if std::mem::take(&mut self.span_is_stale) {
            let no_rows = NoRows(rows.context());
            let rows: &dyn Rows = if self.cleared { &no_rows } else { rows };
            let span = self.projections.timeline.span(rows)?;
            self.summary.first_at = span.map(|(first, _)| first);
            self.summary.last_at = span.map(|(_, last)| last);
        }
        let mut changes = RowChanges {
            cleared: std::mem::take(&mut self.cleared),
            rows: Vec::with_capacity(8),
            tracking: None,
            contribution: self.projections.keys.take_contribution(self.summary.as_of),
            touched: std::mem::take(&mut self.touched),
        };
        self.projections.take_row_changes(&mut changes.rows)?;
        self.ids.take_row_changes(&mut changes.rows);
        self.summary.id_runs = self.ids.runs();
        changes
            .rows
            .push((KeywordSummary::key(), Some(self.summary.encode()?)));
        let tracking = Some(self.summary.tracking());
        if tracking != self.tracking {
            self.tracking = tracking;
            changes.tracking = tracking;
        }
        Ok(Some(changes))
    }
}
