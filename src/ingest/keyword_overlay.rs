//! The tracked keywords for the lines of one body: the keywords of the views, with the changes by
//! earlier lines of the body.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::added_keywords::{AddedKeywords, TooManyChanges};
use crate::actors::engine::Tidings;
use crate::actors::engine::tracked_keywords::TrackReservation;
use crate::actors::engine::tracked_sets::TrackLimit;
use crate::events::{Keyword, KeywordRules};
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

/// The tracked keywords for the lines of one body: the keywords of the views, with the changes by
/// earlier lines of the body.
#[derive(Debug)]
pub(super) struct KeywordOverlay {
    tidings: Tidings,
    /// True when the matcher contains all tracked keywords of the journal although the views were
    /// not current.
    knew_all: bool,
    matcher: Arc<Matcher>,
    /// The keywords that lines of this body have changed, with their rules; `None` for an untracked
    /// one. Matches of `matcher` with these keywords are ignored.
    changed: BTreeMap<Keyword, Option<KeywordRules>>,
    /// The matchers over the keywords that lines of this body have tracked.
    added: AddedKeywords,
    /// The reservations for keywords that lines of this body track or give new rules.
    reservations: Vec<TrackReservation>,
}

impl KeywordOverlay {
    pub(super) fn of(tidings: Tidings) -> Self {
        Self {
            // `knew_all` is read before the matcher, so that the matcher is at least as current.
            knew_all: tidings.knows_tracked(),
            matcher: tidings.matcher(),
            tidings,
            changed: BTreeMap::new(),
            added: AddedKeywords::default(),
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
            Some(Some(_)) => return Ok(TrackState::Tracked),
            Some(None) => return Ok(TrackState::Untracked),
            None if self.tidings.is_tracked(keyword) => return Ok(TrackState::Tracked),
            None => {}
        }
        Ok(match self.tidings.views().summary(keyword)? {
            None => TrackState::Unknown,
            Some(summary) if summary.tracked => TrackState::Tracked,
            Some(_) => TrackState::Untracked,
        })
    }

    /// Tracks a keyword with these rules. Reserves what the keyword needs beyond what it has.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn track(
        &mut self,
        keyword: &Keyword,
        rules: KeywordRules,
    ) -> Result<(), TrackLimit> {
        let reservation = self.tidings.reserve(keyword, rules.count())?;
        self.reservations.push(reservation);
        self.change(keyword, rules);
        Ok(())
    }

    /// True when texts are matched with a keyword by these rules.
    pub(super) fn has_rules(&self, keyword: &Keyword, rules: &KeywordRules) -> bool {
        let known = match self.changed.get(keyword) {
            Some(changed) => changed.as_ref(),
            None => self.matcher.rules_of(keyword),
        };
        known == Some(rules)
    }

    /// Matches texts of later lines with a tracked keyword by these rules.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn set_rules(
        &mut self,
        keyword: &Keyword,
        rules: KeywordRules,
    ) -> Result<(), TrackLimit> {
        if self.has_rules(keyword, &rules) {
            return Ok(());
        }
        self.track(keyword, rules)
    }

    fn change(&mut self, keyword: &Keyword, rules: KeywordRules) {
        self.changed.insert(keyword.clone(), Some(rules));
        self.added.add(keyword.clone());
    }

    /// Untracks a keyword.
    pub(super) fn untrack(&mut self, keyword: &Keyword) {
        self.changed.insert(keyword.clone(), None);
    }

    /// Takes the reservations for keywords that lines have tracked or given new rules since the
    /// last call.
    pub(super) fn take_reservations(&mut self) -> Vec<TrackReservation> {
        std::mem::take(&mut self.reservations)
    }

    /// The tracked keywords that a text matches, in keyword order. Builds the matcher over the
    /// keywords that lines since the last text have changed.
    ///
    /// # Errors
    /// [`TooManyChanges`].
    pub(super) fn matching(&mut self, text: &str) -> Result<Vec<Keyword>, TooManyChanges> {
        self.added.build(&self.changed)?;
        let unchanged = self.matcher.keywords_in(text).into_iter();
        let mut found: Vec<Keyword> = unchanged
            .filter(|keyword| !self.changed.contains_key(*keyword))
            .cloned()
            .collect();
        if !self.changed.is_empty() {
            found.extend(self.added.matching(text, &self.changed));
            found.sort();
            found.dedup();
        }
        Ok(found)
    }

    /// The keywords that lines of this body have tracked or untracked, or whose rules they have
    /// replaced.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Keyword> {
        self.changed.keys()
    }
}
