//! The tracked keywords as a body sees them: the views, changed by the body's earlier lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actors::engine::Tidings;
use crate::actors::engine::tracked_keywords::TrackReservation;
use crate::events::Keyword;
use crate::store::StoreError;
use crate::text::Matcher;

/// The state of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrackState {
    /// The journal holds no event of the keyword.
    Unknown,
    /// The keyword is tracked.
    Tracked,
    /// The keyword was tracked, and is no longer tracked.
    Untracked,
}

/// The tracked keywords as a body sees them.
#[derive(Debug)]
pub(super) struct KeywordOverlay {
    tidings: Tidings,
    /// True when the matcher contains all tracked keywords of the journal although the views were
    /// not current.
    knew_all: bool,
    matcher: Arc<Matcher>,
    /// The keywords that lines of this body have tracked (true) or untracked.
    changed: BTreeMap<Keyword, bool>,
    /// The keywords that lines of this body have added. The parts double in size, so that adding
    /// keywords one at a time builds few large matchers.
    added: Vec<(Vec<Keyword>, Matcher)>,
    /// The reservations of keywords that lines of this body track.
    reservations: Vec<TrackReservation>,
}

impl KeywordOverlay {
    pub(super) fn of(tidings: Tidings) -> Self {
        Self {
            // This is read before the matcher, so that the matcher is at least as current.
            knew_all: tidings.knows_tracked(),
            matcher: tidings.matcher(),
            tidings,
            changed: BTreeMap::new(),
            added: Vec::new(),
            reservations: Vec::new(),
        }
    }

    /// True when a text can be matched with all tracked keywords although the views are not
    /// current.
    pub(super) fn knows_all(&self) -> bool {
        self.knew_all && self.tidings.knows_tracked()
    }

    /// The state of a keyword. May block on the disk.
    pub(super) fn standing(&self, keyword: &Keyword) -> Result<TrackState, StoreError> {
        match self.changed.get(keyword) {
            Some(true) => return Ok(TrackState::Tracked),
            Some(false) => return Ok(TrackState::Untracked),
            None if self.tidings.is_tracked(keyword) => return Ok(TrackState::Tracked),
            None => {}
        }
        Ok(match self.tidings.views().summary(keyword)? {
            None => TrackState::Unknown,
            Some(summary) if summary.tracked => TrackState::Tracked,
            Some(_) => TrackState::Untracked,
        })
    }

    /// Tracks a keyword that is not tracked; false when the limit is reached.
    pub(super) fn track(&mut self, keyword: &Keyword) -> bool {
        match self.tidings.reserve(keyword) {
            Some(reservation) => self.reservations.push(reservation),
            None => return false,
        }
        if self.changed.insert(keyword.clone(), true).is_some() {
            // An earlier line has tracked or untracked the keyword, so a matcher contains it.
            return true;
        }
        let mut part = vec![keyword.clone()];
        while let Some((last, _)) = self.added.pop_if(|(last, _)| last.len() <= part.len()) {
            part.extend(last);
        }
        let matcher = Matcher::new(part.iter().cloned());
        self.added.push((part, matcher));
        true
    }

    /// Untracks a keyword.
    pub(super) fn untrack(&mut self, keyword: &Keyword) {
        self.changed.insert(keyword.clone(), false);
    }

    /// The reservations of keywords that lines have tracked since the last call.
    pub(super) fn take_reservations(&mut self) -> Vec<TrackReservation> {
        std::mem::take(&mut self.reservations)
    }

    /// The tracked keywords that occur in a text, in keyword order.
    pub(super) fn in_text(&self, text: &str) -> Vec<Keyword> {
        let matchers = self.added.iter().map(|(_, matcher)| matcher);
        let mut found: Vec<Keyword> = std::iter::once(&*self.matcher)
            .chain(matchers)
            .flat_map(|matcher| matcher.keywords_in(text))
            .filter(|keyword| self.changed.get(*keyword) != Some(&false))
            .cloned()
            .collect();
        if !self.added.is_empty() {
            found.sort();
            found.dedup();
        }
        found
    }

    /// The keywords that lines of this body have tracked or untracked.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Keyword> {
        self.changed.keys()
    }
}
