//! Which keywords are followed, as a body of lines sees it: what the views say, and what earlier
//! lines of the body have changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actors::Tidings;
use crate::actors::catalog::Place;
use crate::events::Keyword;
use crate::store::StoreError;
use crate::text::Matcher;

/// How a keyword stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// No event was ever seen for it.
    Unknown,
    /// It is followed.
    Tracked,
    /// It was followed once.
    Untracked,
}

/// The keywords as a body sees them.
#[derive(Debug)]
pub(super) struct Keywords {
    tidings: Tidings,
    matcher: Arc<Matcher>,
    /// What lines of this body have changed: followed or not.
    changed: BTreeMap<Keyword, bool>,
    /// The keywords that lines of this body have added, in parts that double in size, so that
    /// adding one at a time builds few large matchers.
    added: Vec<(Vec<Keyword>, Matcher)>,
    /// The places of keywords that lines of this body follow.
    places: Vec<Place>,
}

impl Keywords {
    pub(super) fn of(tidings: Tidings) -> Self {
        Self {
            matcher: tidings.matcher(),
            tidings,
            changed: BTreeMap::new(),
            added: Vec::new(),
            places: Vec::new(),
        }
    }

    /// How a keyword stands. May block on the disk.
    pub(super) fn standing(&self, keyword: &Keyword) -> Result<Standing, StoreError> {
        match self.changed.get(keyword) {
            Some(true) => return Ok(Standing::Tracked),
            Some(false) => return Ok(Standing::Untracked),
            None if self.tidings.is_tracked(keyword) => return Ok(Standing::Tracked),
            None => {}
        }
        Ok(match self.tidings.views().head(keyword)? {
            None => Standing::Unknown,
            Some(head) if head.tracked => Standing::Tracked,
            Some(_) => Standing::Untracked,
        })
    }

    /// A line follows a keyword that wasn't followed; false when as many are as may be.
    pub(super) fn track(&mut self, keyword: &Keyword) -> bool {
        match self.tidings.hold_place(keyword) {
            Some(place) => self.places.push(place),
            None => return false,
        }
        if self.changed.insert(keyword.clone(), true).is_some() {
            // It was added or in the views before, and is found there.
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

    /// A line stops following a keyword.
    pub(super) fn untrack(&mut self, keyword: &Keyword) {
        self.changed.insert(keyword.clone(), false);
    }

    /// The places of keywords that lines have followed since the last call.
    pub(super) fn take_places(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.places)
    }

    /// The followed keywords that occur in a text, in keyword order.
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

    /// The keywords that lines of this body have followed or stopped following.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Keyword> {
        self.changed.keys()
    }
}
