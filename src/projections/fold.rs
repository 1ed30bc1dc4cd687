//! The one fold: how an event changes the views of its keyword.
//!
//! Live, restart, rebuild and replay all run [`KeywordView::fold`]. What an event does follows
//! the table in `docs/architecture.md`, "What each event does".

use super::head::{Following, Head};
use super::ids::{IdHash, IdState, Ids};
use super::rows::{NoRows, RowChange, RowKey, Rows, RowsError};
use super::timeline::Timeline;
use super::tweet_key::TweetKey;
use super::view_change::{Recorder, ViewChange};
use super::volume::Volume;
use crate::events::{
    Event, KeywordEnvelope, KeywordRecord, RecordHash, RecordIdentity, Sequence, TweetDeleted,
    TweetEngaged, TweetId, TweetPosted,
};

/// Changes whenever the same events would give other rows, or the store would keep them otherwise;
/// part of the epoch.
pub const FOLD_VERSION: u32 = 4;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect, or stated what was so already.
    Folded,
    /// A tweet that was seen before.
    Duplicate,
    /// There was nothing for it to act on.
    Ignored,
    /// It could not be decoded.
    Rejected,
    /// It was folded earlier, and is not counted again.
    Skipped,
}

/// The rows that a batch of events has changed, to be put as one step.
#[derive(Debug, Default)]
pub struct Changes {
    /// All rows of the keyword go before `rows` are put.
    pub cleared: bool,
    /// The new rows, the header among them.
    pub rows: Vec<RowChange>,
    /// What the header says of whether the keyword is followed, when it said something else before.
    pub following: Option<Following>,
}

impl Changes {
    /// The rows of a keyword that exists, but of which nothing is folded yet.
    ///
    /// # Errors
    /// [`RowsError`], never.
    pub fn existing() -> Result<Self, RowsError> {
        let head = Head {
            tracked: true,
            ..Head::default()
        };
        Ok(Self {
            cleared: false,
            rows: vec![(RowKey::Head, Some(head.encode()?))],
            following: Some(head.following()),
        })
    }
}

/// The state of one keyword in memory.
#[derive(Debug)]
pub struct KeywordView {
    head: Head,
    /// What the header row says of whether it is followed; `None` while there is no such row.
    following: Option<Following>,
    timeline: Timeline,
    volume: Volume,
    ids: Ids,
    changed: bool,
    /// The identity of the record at `as_of`, of which `head.mark` is still to be made: a hash once
    /// a batch instead of one an event.
    unmarked: Option<Option<RecordIdentity>>,
    /// The oldest or newest tweet went, and `head` still says its time.
    span_is_stale: bool,
    /// The rows of before are gone, as far as this batch is concerned.
    cleared: bool,
    /// While somebody follows the keyword live.
    recorder: Option<Box<Recorder>>,
}

impl KeywordView {
    /// The view that the rows hold; an empty one for a keyword that has none.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError> {
        let head = rows.get(&RowKey::Head)?;
        let head = head.map(|row| Head::decode(&row)).transpose()?;
        let following = head.as_ref().map(Head::following);
        let head = head.unwrap_or_default();
        Ok(Self {
            following,
            timeline: Timeline::hydrate(rows)?,
            volume: Volume::default(),
            ids: Ids::hydrate(rows, &head.id_runs)?,
            head,
            changed: false,
            unmarked: None,
            span_is_stale: false,
            cleared: false,
            recorder: None,
        })
    }

    /// From here on, what is altered is recorded for [`KeywordView::take_view_change`].
    pub fn record(&mut self) {
        self.recorder = Some(Box::new(Recorder::from(self.head.as_of)));
    }

    /// What was altered since [`KeywordView::record`]; `None` when nothing was recorded. Recording
    /// ends with it.
    pub fn take_view_change(&mut self) -> Option<ViewChange> {
        let recorder = self.recorder.take()?;
        self.set_mark();
        Some(recorder.finish(&self.head))
    }

    /// Where the keyword stands. Its mark is that of the last [`KeywordView::take_changes`] or
    /// [`KeywordView::take_view_change`].
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Folds one record of this keyword. Records come in sequence order; one at or below the
    /// folded sequence changes nothing.
    ///
    /// # Errors
    /// [`RowsError`]; the view is then half folded and must be dropped.
    pub fn fold(
        &mut self,
        rows: &dyn Rows,
        envelope: &KeywordEnvelope,
    ) -> Result<Outcome, RowsError> {
        if envelope.sequence <= self.head.as_of {
            return Ok(Outcome::Skipped);
        }
        let rows: &dyn Rows = if self.cleared { &NoRows } else { rows };
        // Whatever comes first makes the keyword exist, and followed.
        if self.head.as_of == Sequence::ZERO {
            self.head.tracked = true;
        }
        let (outcome, identity) = match &envelope.record {
            KeywordRecord::Rejected { .. } => (Outcome::Rejected, None),
            // Nothing erases events yet.
            KeywordRecord::Hollow(hollow) => (Outcome::Ignored, Some(hollow.identity())),
            KeywordRecord::Event(event) => {
                let hash = event.tweet_id().map(IdHash::of);
                let identity = RecordIdentity {
                    kind: event.kind(),
                    id_hash: hash.map(IdHash::bytes),
                };
                (self.fold_event(rows, event, hash)?, Some(identity))
            }
        };
        self.count(outcome);
        self.head.as_of = envelope.sequence;
        self.head.received_at = envelope.received_at;
        self.unmarked = Some(identity);
        self.changed = true;
        Ok(outcome)
    }

    /// `hash` is that of the id of the tweet that the event is about, if it is about one.
    fn fold_event(
        &mut self,
        rows: &dyn Rows,
        event: &Event,
        hash: Option<IdHash>,
    ) -> Result<Outcome, RowsError> {
        let of = |id: &TweetId| hash.unwrap_or_else(|| IdHash::of(id));
        match event {
            Event::KeywordTracked { .. } => {
                self.head.tracked = true;
                Ok(Outcome::Folded)
            }
            Event::KeywordUntracked { .. } => {
                self.clear();
                Ok(Outcome::Folded)
            }
            _ if !self.head.tracked => Ok(Outcome::Ignored),
            Event::TweetPosted(tweet) => self.fold_posted(rows, tweet, of(&tweet.id)),
            Event::TweetEngaged(engaged) => self.fold_engaged(rows, engaged, of(&engaged.id)),
            Event::TweetDeleted(deleted) => self.fold_deleted(rows, deleted, of(&deleted.id)),
        }
    }

    fn fold_posted(
        &mut self,
        rows: &dyn Rows,
        tweet: &TweetPosted,
        hash: IdHash,
    ) -> Result<Outcome, RowsError> {
        if self.ids.find(rows, hash)?.is_some() {
            return Ok(Outcome::Duplicate);
        }
        self.ids.set(rows, hash, IdState::Present(tweet.at))?;
        self.timeline.add(rows, tweet)?;
        self.volume.add(rows, tweet.at)?;
        self.head.tweets = self.head.tweets.saturating_add(1);
        let first = self.head.first_at.unwrap_or(tweet.at);
        let last = self.head.last_at.unwrap_or(tweet.at);
        self.head.first_at = Some(first.min(tweet.at));
        self.head.last_at = Some(last.max(tweet.at));
        if let Some(recorder) = &mut self.recorder {
            recorder.added(tweet);
        }
        Ok(Outcome::Folded)
    }

    fn fold_engaged(
        &mut self,
        rows: &dyn Rows,
        engaged: &TweetEngaged,
        hash: IdHash,
    ) -> Result<Outcome, RowsError> {
        let Some(IdState::Present(posted_at)) = self.ids.find(rows, hash)? else {
            return Ok(Outcome::Ignored);
        };
        let key = TweetKey::new(posted_at, &engaged.id);
        let metrics = self
            .timeline
            .engage(rows, &key, engaged.at, engaged.metrics)?;
        let Some(metrics) = metrics else {
            return Ok(Outcome::Ignored);
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.engaged(key, &engaged.id, metrics);
        }
        Ok(Outcome::Folded)
    }

    fn fold_deleted(
        &mut self,
        rows: &dyn Rows,
        deleted: &TweetDeleted,
        hash: IdHash,
    ) -> Result<Outcome, RowsError> {
        match self.ids.find(rows, hash)? {
            Some(IdState::Deleted) => return Ok(Outcome::Ignored),
            Some(IdState::Present(posted_at)) => {
                let key = TweetKey::new(posted_at, &deleted.id);
                self.timeline.remove(rows, &key)?;
                self.volume.remove(rows, posted_at)?;
                self.head.tweets = self.head.tweets.saturating_sub(1);
                self.head.ledger.deleted = self.head.ledger.deleted.saturating_add(1);
                self.span_is_stale |=
                    self.head.first_at == Some(posted_at) || self.head.last_at == Some(posted_at);
                if let Some(recorder) = &mut self.recorder {
                    recorder.removed(&deleted.id, posted_at);
                }
            }
            None => {}
        }
        self.ids.set(rows, hash, IdState::Deleted)?;
        Ok(Outcome::Folded)
    }

    /// Drops everything but the ledger.
    fn clear(&mut self) {
        self.head = Head {
            as_of: self.head.as_of,
            ledger: self.head.ledger,
            resync_after: self.head.resync_after,
            ..Head::default()
        };
        self.timeline = Timeline::empty();
        self.volume = Volume::default();
        self.ids = Ids::default();
        self.cleared = true;
        self.span_is_stale = false;
        if let Some(recorder) = &mut self.recorder {
            recorder.dropped();
        }
    }

    const fn count(&mut self, outcome: Outcome) {
        let ledger = &mut self.head.ledger;
        let place = match outcome {
            Outcome::Folded => &mut ledger.folded,
            Outcome::Duplicate => &mut ledger.duplicate,
            Outcome::Ignored => &mut ledger.ignored,
            Outcome::Rejected => &mut ledger.rejected,
            Outcome::Skipped => return,
        };
        *place = place.saturating_add(1);
        ledger.journaled = ledger.journaled.saturating_add(1);
    }

    fn set_mark(&mut self) {
        if let Some(identity) = self.unmarked.take() {
            self.head.mark = RecordHash::of_identity(self.head.as_of, identity);
        }
    }

    /// What was changed since the last call; `None` when nothing was.
    ///
    /// # Errors
    /// [`RowsError`]; the view must then be dropped.
    pub fn take_changes(&mut self, rows: &dyn Rows) -> Result<Option<Changes>, RowsError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(None);
        }
        self.set_mark();
        if std::mem::take(&mut self.span_is_stale) {
            let rows: &dyn Rows = if self.cleared { &NoRows } else { rows };
            let span = self.timeline.span(rows)?;
            self.head.first_at = span.map(|(first, _)| first);
            self.head.last_at = span.map(|(_, last)| last);
        }
        let mut changes = Changes {
            cleared: std::mem::take(&mut self.cleared),
            rows: Vec::with_capacity(8),
            following: None,
        };
        self.timeline.take_changes(&mut changes.rows)?;
        self.volume.take_changes(&mut changes.rows);
        self.ids.take_changes(&mut changes.rows);
        self.head.id_runs = self.ids.runs();
        changes.rows.push((RowKey::Head, Some(self.head.encode()?)));
        let following = Some(self.head.following());
        if following != self.following {
            self.following = following;
            changes.following = following;
        }
        Ok(Some(changes))
    }
}
