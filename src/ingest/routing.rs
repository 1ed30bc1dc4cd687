//! Decides for each line of a body to which keywords its event goes.

use bytes::Bytes;

use super::earlier_lines::EarlierLines;
use super::keyword_overlay::{KeywordOverlay, TrackState};
use super::lines::BodyLines;
use super::names::KeywordNames;
use super::{IngestCounts, IngestReport, RejectedLine};
use crate::actors::engine::Tidings;
use crate::events::json::{self, Line};
use crate::events::{Event, Form, Keyword, Record, Sequence, Timestamp, TweetId, binary};
use crate::store::StoreError;

/// Records are appended when so many are sorted …
const GROUP_RECORDS: usize = 16_384;
/// … or when they have so many bytes.
const GROUP_BYTES: usize = 8 * 1024 * 1024;
/// So many refused lines are listed in a report, which a body of 20 KiB can have, ...
const MAX_LISTED_LINES: usize = 10_000;
/// ... with reasons of so many bytes in sum; the rest of them is only counted.
const MAX_LISTED_BYTES: usize = 8 * 1024 * 1024;
/// A body may wait for so many folds, ...
const MAX_FOLDS: u64 = 8;
/// ... and for one more with each so many lines.
const LINES_PER_FOLD: u64 = 1024;

/// Why sorting stops for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// Enough records for a group.
    Group,
    /// The next line asks who holds a tweet, how keywords stand that the views don't know yet, or
    /// for a place that lines before it have given up: all before it has to be folded first.
    Fold,
    /// No line is left.
    Finished,
}

/// Can the views be asked who holds a tweet?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folded {
    /// Not yet known.
    Unasked,
    /// All that was journaled before the body is folded.
    Yes,
    /// It was not folded in time.
    No,
}

/// Do the views know what the journal held at the start?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Current {
    /// Not when the body came, and they were not waited for yet.
    Unasked,
    Yes,
    /// Not in time.
    No,
}

/// What becomes of a line that isn't rejected.
enum Routed {
    /// It goes to these keywords.
    To(Vec<Keyword>),
    /// It needs what was journaled before it folded.
    AfterFold,
}

/// Records that wait to be appended, and what is to be counted once they are.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) records: Vec<Record>,
    pub(super) counts: IngestCounts,
    bytes: usize,
}

impl Group {
    /// Takes as many records from the front as are to be appended at once. There may be more than
    /// that: one line goes to as many keywords as it names or matches.
    pub(super) fn take_part(&mut self) -> Vec<Record> {
        let mut bytes = 0_usize;
        let fits = self.records.iter().take_while(|record| {
            let fits = bytes < GROUP_BYTES;
            bytes = bytes.saturating_add(record.stored.len() + record.token.len());
            fits
        });
        let rest = self.records.split_off(fits.count());
        std::mem::replace(&mut self.records, rest)
    }
}

/// A body on its way into the journal.
#[derive(Debug)]
pub(super) struct Routing {
    tidings: Tidings,
    auto_track: bool,
    received_at: Timestamp,
    lines: BodyLines,
    names: KeywordNames,
    /// The line at which sorting paused.
    held: Option<(u64, Bytes)>,
    pub(super) keywords: KeywordOverlay,
    current: Current,
    /// Which keywords are tracked was known when they were asked for, though the views were not
    /// current.
    knew_tracked: bool,
    /// They have become current since keywords were asked for.
    keywords_are_stale: bool,
    /// Lines that were refused since the views are not current.
    pub(super) undecided: u64,
    folded: Folded,
    folded_through: Sequence,
    /// Nobody was asked for since the last fold, so that what is asked next has to be fresh.
    refolded: bool,
    /// How often a fold was waited for.
    folds: u64,
    /// Lines since the last fold.
    earlier: EarlierLines,
    pub(super) group: Group,
    pub(super) report: IngestReport,
    /// Of the reasons in the report.
    listed_bytes: usize,
}

impl Routing {
    pub(super) fn of(
        tidings: Tidings,
        auto_track: bool,
        body: Bytes,
        received_at: Timestamp,
    ) -> Self {
        // Asked first: what becomes current between the two is taken for older than it is.
        let current = if tidings.status().starting {
            Current::Unasked
        } else {
            Current::Yes
        };
        Self {
            knew_tracked: tidings.knows_tracked(),
            keywords: KeywordOverlay::of(tidings.clone()),
            current,
            keywords_are_stale: false,
            undecided: 0,
            tidings,
            auto_track,
            received_at,
            lines: BodyLines::of(body),
            names: KeywordNames::default(),
            held: None,
            folded: Folded::Unasked,
            folded_through: Sequence::ZERO,
            refolded: false,
            folds: 0,
            earlier: EarlierLines::default(),
            group: Group::default(),
            report: IngestReport::default(),
            listed_bytes: 0,
        }
    }

    /// Sorts lines until something has to be done about them. Blocks.
    pub(super) fn run(&mut self) -> Pause {
        if std::mem::take(&mut self.keywords_are_stale) {
            // No line has changed any yet: that would have had to wait.
            self.keywords = KeywordOverlay::of(self.tidings.clone());
        }
        while let Some((number, bytes)) = self.held.take().or_else(|| self.lines.next()) {
            self.report.lines = self.lines.counted();
            match self.sort(&bytes) {
                Ok(true) => {}
                Ok(false) => {
                    self.held = Some((number, bytes));
                    return Pause::Fold;
                }
                Err(reason) => self.reject(number, reason),
            }
            if self.group.records.len() >= GROUP_RECORDS || self.group.bytes >= GROUP_BYTES {
                return Pause::Group;
            }
        }
        Pause::Finished
    }

    /// All that was journaled before the line at hand is folded, or was not in time; and the views
    /// that answer are current, or are not yet.
    pub(super) fn folded(&mut self, through: Sequence, in_time: bool, is_current: bool) {
        if self.current == Current::Unasked {
            self.keywords_are_stale = is_current;
            self.current = if is_current {
                Current::Yes
            } else {
                Current::No
            };
        }
        self.folded_through = through;
        self.folded = if in_time { Folded::Yes } else { Folded::No };
        self.refolded = true;
        self.folds += 1;
        if in_time {
            self.earlier = EarlierLines::default();
            drop(self.keywords.take_reservations());
        }
    }

    /// Sorts one line; false when it has to wait for a fold. The error is why it is rejected.
    fn sort(&mut self, bytes: &Bytes) -> Result<bool, String> {
        let Line { keyword, event } =
            json::decode_line(bytes, self.received_at).map_err(|error| error.to_string())?;
        let to = match keyword {
            Some(keyword) => {
                let keyword = self
                    .names
                    .keyword(keyword)
                    .map_err(|error| format!("field \"keyword\": {error}"))?;
                self.addressed(keyword, &event)?
            }
            None => self.unaddressed(&event)?,
        };
        match to {
            Routed::AfterFold => return Ok(false),
            Routed::To(keywords) if keywords.is_empty() => self.report.unmatched += 1,
            Routed::To(keywords) => self.put(&keywords, &event, bytes)?,
        }
        Ok(true)
    }

    /// Sorts an event whose line names its keyword.
    fn addressed(&mut self, keyword: Keyword, event: &Event) -> Result<Routed, String> {
        if self.current != Current::Yes {
            return self.addressed_early(keyword, event);
        }
        let standing = self.keywords.standing(&keyword).map_err(unreadable)?;
        let is_tracking = matches!(event, Event::KeywordTracked { .. });
        let is_keyword_event = is_tracking || matches!(event, Event::KeywordUntracked { .. });
        match standing {
            TrackState::Tracked => {}
            TrackState::Untracked if !is_keyword_event => {
                return Err(format!(
                    "not_tracked: the keyword {:?} was untracked; track it again first",
                    keyword.as_str()
                ));
            }
            TrackState::Unknown if !is_tracking && !self.auto_track => {
                return Err(format!(
                    "not_tracked: the keyword {:?} never existed, and keywords.auto_track is off; \
                    track it first",
                    keyword.as_str()
                ));
            }
            TrackState::Untracked if !is_tracking => {}
            TrackState::Unknown | TrackState::Untracked => {
                if !self.keywords.track(&keyword) {
                    return self.without_a_place();
                }
                if !is_tracking {
                    let at = self.received_at;
                    let event = Event::KeywordTracked { at };
                    let tracked = Record::of_event(&keyword, &event, at)
                        .map_err(|error| error.to_string())?;
                    self.journal(std::slice::from_ref(&keyword), &tracked.stored);
                }
            }
        }
        let is_untracking = matches!(event, Event::KeywordUntracked { .. });
        if is_untracking && standing != TrackState::Untracked {
            self.keywords.untrack(&keyword);
            self.earlier.clear(&keyword);
        }
        Ok(Routed::To(vec![keyword]))
    }

    /// As many keywords are tracked as may be, unless lines of this body made room that shows
    /// once they are folded.
    fn without_a_place(&self) -> Result<Routed, String> {
        match (self.earlier.has_cleared(), self.folded) {
            (true, Folded::No) => not_folded(),
            (true, Folded::Unasked | Folded::Yes) => Ok(Routed::AfterFold),
            (false, _) => Err(format!(
                "too_many: {} keywords are tracked, as many as keywords.max allows",
                self.tidings.keywords_max()
            )),
        }
    }

    /// The same before the views are current. Tweets of a keyword that was tracked when they last
    /// knew may be taken: should it be so no longer, their fold ignores them. All else depends on
    /// what the journal holds since, or changes which keywords are tracked, of which they must
    /// not lose track.
    fn addressed_early(&mut self, keyword: Keyword, event: &Event) -> Result<Routed, String> {
        let is_untracking = matches!(event, Event::KeywordUntracked { .. });
        match self.keywords.standing(&keyword) {
            Ok(TrackState::Tracked) if !is_untracking => Ok(Routed::To(vec![keyword])),
            _ => self.when_current(),
        }
    }

    /// A text can be matched with the keywords that are tracked.
    fn knows_tracked(&self) -> bool {
        self.current == Current::Yes || (self.knew_tracked && self.tidings.knows_tracked())
    }

    /// The line at hand has to wait until the views are current.
    fn when_current(&mut self) -> Result<Routed, String> {
        if self.current == Current::Unasked {
            return Ok(Routed::AfterFold);
        }
        self.undecided += 1;
        Err("try_again: the views are still catching up with the journal".to_owned())
    }

    /// Sorts an event whose line names no keyword.
    fn unaddressed(&mut self, event: &Event) -> Result<Routed, String> {
        let id = match event {
            Event::TweetPosted(_) if !self.knows_tracked() => return self.when_current(),
            Event::TweetPosted(tweet) => {
                return Ok(Routed::To(self.keywords.in_text(&tweet.text)));
            }
            Event::TweetEngaged(engaged) => &engaged.id,
            Event::TweetDeleted(deleted) => &deleted.id,
            Event::KeywordTracked { .. } | Event::KeywordUntracked { .. } => {
                return Err(format!(
                    "field \"keyword\" is missing; {} needs the keyword that it is about",
                    event.kind()
                ));
            }
        };
        match self.folded {
            Folded::No if self.current == Current::No => self.when_current(),
            Folded::No => not_folded(),
            Folded::Yes => {
                let holders = self.holders(id)?;
                // Others may have posted it since this body's last fold.
                let head = *self.tidings.journal().head().borrow();
                let may_be_late = holders.is_empty() && head > self.folded_through;
                Ok(if may_be_late && self.may_fold_again() {
                    Routed::AfterFold
                } else {
                    Routed::To(holders)
                })
            }
            Folded::Unasked => Ok(Routed::AfterFold),
        }
    }

    /// Who holds a tweet by what is folded and what lines since have said.
    fn holders(&mut self, id: &TweetId) -> Result<Vec<Keyword>, String> {
        let (anew, also): (Vec<_>, Vec<_>) = self
            .earlier
            .posted(id)
            .into_iter()
            .partition(|keyword| self.earlier.is_cleared(keyword));
        let asked = self.tidings.holders(id, &also, self.refolded);
        let mut holders = asked.map_err(unreadable)?;
        self.refolded = false;
        holders.retain(|keyword| self.earlier.leaves(id, keyword));
        holders.extend(anew);
        holders.sort();
        holders.dedup();
        Ok(holders)
    }

    /// The folds that a body waits for stay few for its lines, whatever others write meanwhile.
    fn may_fold_again(&self) -> bool {
        self.folds < MAX_FOLDS + self.report.lines / LINES_PER_FOLD
    }

    /// Puts an event into the group, once for each keyword.
    fn put(&mut self, keywords: &[Keyword], event: &Event, line: &Bytes) -> Result<(), String> {
        let stored = match self.tidings.journal().form() {
            Form::Stored => binary::encode_event(event).map_err(|error| error.to_string())?,
            // As it came: a keyword in it is a field like any unknown one.
            Form::Wire => binary::encode_wire(line),
        };
        self.journal(keywords, &stored);
        self.earlier.take(event, keywords);
        self.group.counts.accepted += 1;
        if event.tweet_id().is_some() {
            let copies = u64::try_from(keywords.len()).unwrap_or(u64::MAX);
            self.group.counts.journaled += copies;
        }
        Ok(())
    }

    /// Adds a record for each keyword; they share the event's stored form.
    fn journal(&mut self, keywords: &[Keyword], stored: &Bytes) {
        for keyword in keywords {
            let record = Record {
                received_at: self.received_at,
                token: self.names.token(keyword),
                stored: stored.clone(),
            };
            self.group.bytes += record.stored.len() + record.token.len();
            self.group.records.push(record);
        }
    }

    fn reject(&mut self, line: u64, reason: String) {
        let listed_bytes = self.listed_bytes.saturating_add(reason.len());
        if self.report.rejected.len() < MAX_LISTED_LINES && listed_bytes <= MAX_LISTED_BYTES {
            self.listed_bytes = listed_bytes;
            self.report.rejected.push(RejectedLine { line, reason });
        } else {
            self.report.rejected_unlisted += 1;
        }
    }
}

fn not_folded() -> Result<Routed, String> {
    Err("try_again: what was journaled before this line was not folded within 5 seconds".to_owned())
}

/// The views cannot say how a keyword stands or who holds a tweet.
#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn unreadable(error: StoreError) -> String {
    format!("try_again: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_many_keywords_is_appended_in_parts_that_leave_nothing_out() {
        let stored = Bytes::from(vec![0; 60_000]);
        let record = |number: i64| Record {
            received_at: Timestamp::from_millis(number),
            token: Bytes::from_static(b"a"),
            stored: stored.clone(),
        };
        let mut group = Group {
            records: (0..1_000).map(record).collect(),
            ..Group::default()
        };
        let mut taken = Vec::new();
        while !group.records.is_empty() {
            let part = group.take_part();
            let bytes: usize = part.iter().map(|record| record.stored.len()).sum();
            assert!(!part.is_empty() && bytes < GROUP_BYTES + 2 * stored.len());
            taken.extend(part.iter().map(|record| record.received_at.millis()));
        }
        assert_eq!(taken, (0..1_000).collect::<Vec<_>>());
    }
}
