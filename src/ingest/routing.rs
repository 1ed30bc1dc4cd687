//! Decides to which keywords the event of each line goes.

use bytes::Bytes;

use super::earlier_lines::EarlierLines;
use super::group::Group;
use super::keyword_overlay::{KeywordOverlay, TrackState};
use super::line_error::LineError;
use super::lines::BodyLines;
use super::names::KeywordNames;
use super::phase::{FoldState, Phase, Waited};
use super::{IngestReport, RejectedLine};
use crate::actors::engine::Tidings;
use crate::actors::engine::tracked_sets::TrackLimit;
use crate::events::json::{self, Line};
use crate::events::{
    Event, Form, Keyword, KeywordTracked, Record, RecordError, Timestamp, TweetId, binary,
};

/// Maximum number of rejected lines in a report. A body of 20 KiB can have that many. Further lines
/// are only counted.
const MAX_LISTED_LINES: usize = 10_000;
/// Maximum total size of the listed reasons, in bytes. Further lines are only counted.
const MAX_LISTED_BYTES: usize = 8 * 1024 * 1024;
/// Number of folds that any body may wait for.
const MAX_FOLDS: u64 = 8;
/// Number of lines for which a body may wait for one more fold.
const LINES_PER_FOLD: u64 = 1024;

/// The reason why routing pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// The group has enough records.
    Group,
    /// All records before the next line have to be folded first: the line needs the holders of a
    /// tweet, the state of keywords that are not in the views yet, or the permits that earlier
    /// lines have released.
    Fold,
    /// No line is left.
    Finished,
}

/// The destination of a line.
#[derive(Debug)]
enum Routed {
    /// The line is for these keywords.
    To(Vec<Keyword>),
    /// The keywords depend on records that have to be folded first.
    AfterFold,
}

/// The routing of one body.
#[derive(Debug)]
pub(super) struct Routing {
    tidings: Tidings,
    auto_track: bool,
    received_at: Timestamp,
    lines: BodyLines,
    names: KeywordNames,
    /// The line at which routing paused, with its number.
    held: Option<(u64, Bytes)>,
    pub(super) keywords: KeywordOverlay,
    phase: Phase,
    /// Number of lines that were rejected because the views are not current.
    pub(super) undecided: u64,
    /// Number of folds that were waited for.
    folds: u64,
    /// The lines of this body that were routed since the last fold.
    earlier: EarlierLines,
    pub(super) group: Group,
    pub(super) report: IngestReport,
    /// Size of the reasons that the report lists for rejected lines, in bytes.
    listed_bytes: usize,
}

impl Routing {
    pub(super) fn of(
        tidings: Tidings,
        auto_track: bool,
        body: Bytes,
        received_at: Timestamp,
    ) -> Self {
        // The phase is read before the keywords, so views that become current in between count as
        // early.
        let phase = Phase::at_start(!tidings.status().starting);
        Self {
            keywords: KeywordOverlay::of(tidings.clone()),
            phase,
            undecided: 0,
            tidings,
            auto_track,
            received_at,
            lines: BodyLines::of(body),
            names: KeywordNames::default(),
            held: None,
            folds: 0,
            earlier: EarlierLines::default(),
            group: Group::default(),
            report: IngestReport::default(),
            listed_bytes: 0,
        }
    }

    /// Routes lines until a pause is needed; `waited` is the result of the wait of the last pause.
    /// Blocks.
    pub(super) fn run(&mut self, waited: Option<Waited>) -> Pause {
        if let Some(waited) = waited {
            self.resume(waited);
        }
        while let Some((number, bytes)) = self.held.take().or_else(|| self.lines.next()) {
            self.report.lines = self.lines.counted();
            match self.route(&bytes) {
                Ok(Routed::To(_)) => {}
                Ok(Routed::AfterFold) => {
                    self.held = Some((number, bytes));
                    return Pause::Fold;
                }
                Err(error) => self.reject(number, &error),
            }
            if self.group.is_full() {
                return Pause::Group;
            }
        }
        Pause::Finished
    }

    /// Continues after a wait for the fold.
    fn resume(&mut self, waited: Waited) {
        let was_early = self.phase == Phase::Early;
        self.phase = self.phase.after(waited);
        self.folds += 1;
        if waited.in_time {
            self.earlier = EarlierLines::default();
            drop(self.keywords.take_reservations());
        }
        if was_early && self.phase.is_current() {
            // The overlay holds no changes yet: in the early phase, a line that changes a keyword
            // waits for the views.
            self.keywords = KeywordOverlay::of(self.tidings.clone());
        }
    }

    /// Routes one line, and puts its event into the group.
    fn route(&mut self, bytes: &Bytes) -> Result<Routed, LineError> {
        let Line { keyword, event } = json::decode_line(bytes, self.received_at)?;
        let routed = match keyword {
            Some(keyword) => {
                let keyword = self.names.keyword(keyword)?;
                self.addressed(keyword, &event)?
            }
            None => self.unaddressed(&event)?,
        };
        match &routed {
            Routed::AfterFold => {}
            Routed::To(keywords) if keywords.is_empty() => self.report.unmatched += 1,
            Routed::To(keywords) => self.put(keywords, &event, bytes)?,
        }
        Ok(routed)
    }

    /// Routes an event whose line names its keyword.
    fn addressed(&mut self, keyword: Keyword, event: &Event) -> Result<Routed, LineError> {
        if !self.phase.is_current() {
            return self.addressed_early(keyword, event);
        }
        let standing = self.keywords.standing(&keyword)?;
        let tracked = tracked_event(event);
        let rules = tracked.and_then(KeywordTracked::rules);
        let is_untracking = matches!(event, Event::KeywordUntracked { .. });
        match standing {
            TrackState::Untracked if tracked.is_none() && !is_untracking => {
                return Err(LineError::Untracked(keyword));
            }
            TrackState::Unknown if tracked.is_none() && !self.auto_track => {
                return Err(LineError::NeverTracked(keyword));
            }
            TrackState::Untracked if is_untracking => {}
            TrackState::Tracked => {
                if let Some(rules) = rules
                    && let Err(limit) = self.keywords.set_rules(&keyword, rules)
                {
                    return self.without_room(limit);
                }
            }
            TrackState::Unknown | TrackState::Untracked => {
                let rules = rules.unwrap_or_default();
                if let Err(limit) = self.keywords.track(&keyword, rules) {
                    return self.without_room(limit);
                }
                if tracked.is_none() {
                    self.track_first(&keyword)?;
                }
            }
        }
        if is_untracking && standing != TrackState::Untracked {
            self.keywords.untrack(&keyword);
            self.earlier.clear(&keyword);
        }
        Ok(Routed::To(vec![keyword]))
    }

    /// Journals `keyword.tracked` before the first event of a new keyword.
    fn track_first(&mut self, keyword: &Keyword) -> Result<(), RecordError> {
        let at = self.received_at;
        let tracked = Record::of_event(keyword, &Event::keyword_tracked(at), at)?;
        self.journal(std::slice::from_ref(keyword), &tracked.stored);
        Ok(())
    }

    /// The result for a line that reaches a limit. If earlier lines of this body have untracked
    /// keywords, the line waits for the fold, because those keywords then no longer count.
    fn without_room(&self, limit: TrackLimit) -> Result<Routed, LineError> {
        match (self.earlier.has_cleared(), self.phase.fold()) {
            (true, FoldState::Late) => Err(LineError::NotFolded),
            (true, FoldState::Unasked | FoldState::Through { .. }) => Ok(Routed::AfterFold),
            (false, _) => Err(limit.into()),
        }
    }

    /// Routes an event whose line names its keyword, before the views are current. A tweet for a
    /// keyword that was tracked in the last known state is accepted: if the keyword is no longer
    /// tracked, the fold ignores the tweet. Any other event depends on later records of the
    /// journal, or changes which keywords are tracked or what matches them, and has to wait.
    fn addressed_early(&mut self, keyword: Keyword, event: &Event) -> Result<Routed, LineError> {
        let is_untracking = matches!(event, Event::KeywordUntracked { .. });
        let rules = tracked_event(event).and_then(KeywordTracked::rules);
        let changes_rules = rules.is_some_and(|rules| !self.keywords.has_rules(&keyword, &rules));
        match self.keywords.standing(&keyword) {
            Ok(TrackState::Tracked) if !is_untracking && !changes_rules => {
                Ok(Routed::To(vec![keyword]))
            }
            _ => self.when_current(),
        }
    }

    /// Lets the current line wait until the views are current. Rejects it if the body has already
    /// waited for that.
    fn when_current(&mut self) -> Result<Routed, LineError> {
        if self.phase == Phase::Early {
            return Ok(Routed::AfterFold);
        }
        self.undecided += 1;
        Err(LineError::CatchingUp)
    }

    /// Routes an event whose line names no keyword.
    fn unaddressed(&mut self, event: &Event) -> Result<Routed, LineError> {
        if let Event::TweetPosted(tweet) = event {
            return if self.phase.is_current() || self.keywords.knows_all() {
                Ok(Routed::To(self.keywords.matching(&tweet.text)?))
            } else {
                self.when_current()
            };
        }
        match event.tweet_id() {
            Some(id) => self.route_to_holders(id),
            None => Err(LineError::KeywordMissing { kind: event.kind() }),
        }
    }

    /// Routes an event about a tweet to the keywords that hold the tweet.
    fn route_to_holders(&mut self, id: &TweetId) -> Result<Routed, LineError> {
        let (position, has_asked) = match self.phase.fold() {
            FoldState::Unasked => return Ok(Routed::AfterFold),
            FoldState::Late if !self.phase.is_current() => return self.when_current(),
            FoldState::Late => return Err(LineError::NotFolded),
            FoldState::Through {
                position,
                has_asked,
            } => (position, has_asked),
        };
        let holders = self.holders(id, !has_asked)?;
        self.phase.asked();
        // Other publishers may have posted the tweet since this body's last fold.
        let head = *self.tidings.journal().head().borrow();
        let may_be_late = holders.is_empty() && head > position;
        Ok(if may_be_late && self.may_fold_again() {
            Routed::AfterFold
        } else {
            Routed::To(holders)
        })
    }

    /// The keywords that hold a tweet, according to the views and the lines since the last fold.
    fn holders(&self, id: &TweetId, fresh: bool) -> Result<Vec<Keyword>, LineError> {
        let (posted_after_clearing, also): (Vec<_>, Vec<_>) = self
            .earlier
            .posted(id)
            .into_iter()
            .partition(|keyword| self.earlier.is_cleared(keyword));
        let mut holders = self.tidings.holders(id, &also, fresh)?;
        holders.retain(|keyword| self.earlier.leaves(id, keyword));
        holders.extend(posted_after_clearing);
        holders.sort();
        holders.dedup();
        Ok(holders)
    }

    /// Whether the body may wait for one more fold. The limit depends on its number of lines so
    /// far, and not on what other clients publish.
    fn may_fold_again(&self) -> bool {
        self.folds < MAX_FOLDS + self.report.lines / LINES_PER_FOLD
    }

    /// Adds an event to the group, once for each keyword.
    fn put(&mut self, keywords: &[Keyword], event: &Event, line: &Bytes) -> Result<(), LineError> {
        let stored = match self.tidings.journal().form() {
            Form::Stored => binary::encode_event(event).map_err(RecordError::from)?,
            // Stored as received: a keyword in the line is then an unknown field.
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

    /// Adds a record for each keyword. The records share the event's stored form.
    fn journal(&mut self, keywords: &[Keyword], stored: &Bytes) {
        for keyword in keywords {
            self.group.push(Record {
                received_at: self.received_at,
                token: self.names.token(keyword),
                stored: stored.clone(),
            });
        }
    }

    fn reject(&mut self, line: u64, error: &LineError) {
        let (code, reason) = (error.code(), error.reason());
        let listed_bytes = self.listed_bytes.saturating_add(reason.len());
        if self.report.rejected.len() < MAX_LISTED_LINES && listed_bytes <= MAX_LISTED_BYTES {
            self.listed_bytes = listed_bytes;
            self.report
                .rejected
                .push(RejectedLine { line, code, reason });
        } else {
            self.report.rejected_unlisted += 1;
        }
    }
}

/// The event, if it tracks its keyword.
const fn tracked_event(event: &Event) -> Option<&KeywordTracked> {
    match event {
        Event::KeywordTracked(tracked) => Some(tracked),
        _ => None,
    }
}
