//! The timeline of a keyword: its tweets in order, in pages that partition the key space.
//!
//! The newest page stays open in memory, since most tweets belong there. Others are loaded when a
//! late tweet, a deletion or new metrics concern them, and leave memory with the batch. Every
//! split is decided at the insertion that makes it due, never at the end of a batch, so that the
//! rows depend on the events alone. So is the end of a page: when its last tweet goes, its span
//! falls to the page before. Only the first page, which has none before it, stays when empty.

use std::collections::BTreeMap;

use super::late_metrics::LateMetrics;
use super::rows::{RowChange, RowKey, Rows, RowsError, Seek};
use super::tweet_key::TweetKey;
use super::tweet_page::{TweetPage, pack_page};
use crate::events::{MetricsPatch, Timestamp, TweetMetrics, TweetPosted};

/// The bounds of so many closed pages stay in memory. What several publishers send at a time is
/// late by a few pages.
const MAX_NEAR_PAGES: usize = 32;

/// The fold state of a timeline.
#[derive(Debug)]
pub struct Timeline {
    open: TweetPage,
    open_changed: bool,
    /// Late metrics of the open page's tweets. They stay in memory too, so that the usual split
    /// reads nothing.
    open_metrics: Touched<LateMetrics>,
    /// The lower bounds of the newest closed pages, all there are from the first of these up to
    /// the open page: so that a tweet that is a little late asks no row where it belongs.
    near: Vec<TweetKey>,
    /// A tweet of this batch belonged to a closed page.
    was_late: bool,
    /// Closed pages that this batch has looked at, by lower bound; `None` when it has ended one.
    closed: BTreeMap<TweetKey, Option<Touched<TweetPage>>>,
    /// Late metrics of closed pages that this batch has looked at, by their page's lower bound.
    metrics: BTreeMap<TweetKey, Touched<LateMetrics>>,
}

#[derive(Debug)]
struct Touched<T> {
    value: T,
    changed: bool,
}

impl<T> Touched<T> {
    const fn read(value: T) -> Self {
        Self {
            value,
            changed: false,
        }
    }

    const fn made(value: T) -> Self {
        Self {
            value,
            changed: true,
        }
    }
}

impl Timeline {
    /// An empty timeline.
    pub fn empty() -> Self {
        Self::with_open(TweetPage::new(TweetKey::first()), LateMetrics::default())
    }

    const fn with_open(open: TweetPage, late: LateMetrics) -> Self {
        Self {
            open,
            open_changed: false,
            open_metrics: Touched::read(late),
            near: Vec::new(),
            was_late: false,
            closed: BTreeMap::new(),
            metrics: BTreeMap::new(),
        }
    }

    /// The timeline that the rows hold.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError> {
        match rows.get(&RowKey::OpenPage)? {
            Some(row) => {
                let open = TweetPage::decode(&RowKey::OpenPage, &row)?;
                let late = read_metrics(rows, open.lower())?;
                Ok(Self::with_open(open, late))
            }
            None => Ok(Self::empty()),
        }
    }

    /// Adds a tweet whose id is new.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn add(&mut self, rows: &dyn Rows, tweet: &TweetPosted) -> Result<(), RowsError> {
        let key = TweetKey::of(tweet);
        let page = self.page_for_change(rows, &key)?;
        let lower = page.lower().clone();
        let grows_at_end = page.position(&key) == Err(page.len());
        page.insert(tweet)?;
        if page.is_overfull() {
            let upper = page.split(grows_at_end);
            self.keep_upper_part(rows, &lower, upper)?;
        }
        Ok(())
    }

    fn keep_upper_part(
        &mut self,
        rows: &dyn Rows,
        lower: &TweetKey,
        upper: TweetPage,
    ) -> Result<(), RowsError> {
        let metrics = self.metrics_of_page(rows, lower)?;
        let moved = metrics.value.split_off(upper.lower());
        metrics.changed |= !moved.is_empty();
        let moved = Touched {
            changed: !moved.is_empty(),
            value: moved,
        };
        if lower == self.open.lower() {
            self.comes_near(lower.clone());
            let full = std::mem::replace(&mut self.open, upper);
            self.open_changed = true;
            self.closed.insert(lower.clone(), Some(Touched::made(full)));
            let closed = std::mem::replace(&mut self.open_metrics, moved);
            self.metrics.insert(lower.clone(), closed);
        } else {
            self.comes_near(upper.lower().clone());
            self.metrics.insert(upper.lower().clone(), moved);
            self.closed
                .insert(upper.lower().clone(), Some(Touched::made(upper)));
        }
        Ok(())
    }

    /// Takes a tweet out; false when it isn't there.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn remove(&mut self, rows: &dyn Rows, key: &TweetKey) -> Result<bool, RowsError> {
        let page = self.page_for_change(rows, key)?;
        let Ok(index) = page.position(key) else {
            return Ok(false);
        };
        page.remove(index);
        let lower = page.lower().clone();
        let is_empty = page.len() == 0;
        let metrics = self.metrics_of_page(rows, &lower)?;
        metrics.changed |= metrics.value.remove(key);
        if is_empty && lower != *self.open.lower() && lower != TweetKey::first() {
            self.near.retain(|near| *near != lower);
            self.closed.insert(lower, None);
        }
        Ok(true)
    }

    /// Sets what `patch` names, unless the tweet's metrics are newer than `at`; the metrics as they
    /// are then, or `None` when nothing was set.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn engage(
        &mut self,
        rows: &dyn Rows,
        key: &TweetKey,
        at: Timestamp,
        patch: MetricsPatch,
    ) -> Result<Option<TweetMetrics>, RowsError> {
        let page = self.page(rows, key)?;
        let lower = page.lower().clone();
        let posted: Option<TweetMetrics> = page
            .position(key)
            .ok()
            .and_then(|index| page.entry(index))
            .map(|entry| entry.posted_metrics())
            .transpose()
            .map_err(|what| RowsError::damaged(&RowKey::Page(lower.clone()), what))?;
        let Some(posted) = posted else {
            return Ok(None);
        };
        let metrics = self.metrics_of_page(rows, &lower)?;
        let (known_at, known) = metrics.value.get(key).unwrap_or((key.at(), posted));
        if at < known_at {
            return Ok(None);
        }
        let latest = patch.applied_to(known);
        metrics.value.set(key.clone(), at, latest);
        metrics.changed = true;
        Ok(Some(latest))
    }

    /// The times of the oldest and the newest tweet.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn span(&mut self, rows: &dyn Rows) -> Result<Option<(Timestamp, Timestamp)>, RowsError> {
        let open = self.open.lower().clone();
        let mut newest = self.open.last().map(|entry| entry.at);
        if newest.is_none()
            && let Some(lower) = self.closed_lower(rows, Seek::Before(&open))?
        {
            newest = self.load(rows, &lower)?.value.last().map(|entry| entry.at);
        }
        let first = TweetKey::first();
        let mut oldest = None;
        if first != open {
            oldest = self.load(rows, &first)?.value.first().map(|entry| entry.at);
            if oldest.is_none()
                && let Some(lower) = self.closed_lower(rows, Seek::After(&first))?
            {
                oldest = self.load(rows, &lower)?.value.first().map(|entry| entry.at);
            }
        }
        let oldest = oldest.or_else(|| self.open.first().map(|entry| entry.at));
        Ok(oldest.zip(newest))
    }

    /// The rows that this batch has changed. Of the pages only the open one stays in memory. Where
    /// tweets come late, they come to the same pages again: packing those is left to the store,
    /// which does it once for all changes that it writes together.
    ///
    /// # Errors
    /// [`RowsError`] when a value does not fit its row.
    pub fn take_row_changes(&mut self, out: &mut Vec<RowChange>) -> Result<(), RowsError> {
        if std::mem::take(&mut self.open_changed) {
            out.push((RowKey::OpenPage, Some(self.open.encode())));
        }
        let is_kept_plain = std::mem::take(&mut self.was_late);
        for (lower, page) in std::mem::take(&mut self.closed) {
            match page {
                Some(page) if page.changed => {
                    let plain = page.value.encode();
                    let packed = (!is_kept_plain).then(|| pack_page(&plain)).flatten();
                    let row = packed.map_or(plain, Into::into);
                    out.push((RowKey::Page(lower), Some(row)));
                }
                Some(_) => {}
                None => out.push((RowKey::Page(lower), None)),
            }
        }
        for (lower, metrics) in std::mem::take(&mut self.metrics) {
            metrics.push_row(lower, out)?;
        }
        self.open_metrics.push_row(self.open.lower().clone(), out)?;
        self.open_metrics.changed = false;
        Ok(())
    }

    fn page(&mut self, rows: &dyn Rows, key: &TweetKey) -> Result<&TweetPage, RowsError> {
        if key >= self.open.lower() {
            return Ok(&self.open);
        }
        let lower = self.lower_of(rows, key)?;
        Ok(&self.load(rows, &lower)?.value)
    }

    fn page_for_change(
        &mut self,
        rows: &dyn Rows,
        key: &TweetKey,
    ) -> Result<&mut TweetPage, RowsError> {
        if key >= self.open.lower() {
            self.open_changed = true;
            return Ok(&mut self.open);
        }
        self.was_late = true;
        let lower = self.lower_of(rows, key)?;
        let touched = self.load(rows, &lower)?;
        touched.changed = true;
        Ok(&mut touched.value)
    }

    /// The lower bound of the closed page where a key belongs.
    fn lower_of(&mut self, rows: &dyn Rows, key: &TweetKey) -> Result<TweetKey, RowsError> {
        while self.near.first().is_none_or(|first| key < first) && self.near.len() < MAX_NEAR_PAGES
        {
            let first = self.near.first().unwrap_or(self.open.lower());
            match self.closed_lower(rows, Seek::Before(first))? {
                Some(before) => self.near.insert(0, before),
                None => break,
            }
        }
        let behind = self.near.partition_point(|lower| lower <= key);
        if let Some(lower) = behind.checked_sub(1).and_then(|at| self.near.get(at)) {
            return Ok(lower.clone());
        }
        self.closed_lower(rows, Seek::AtOrBefore(key))?
            .ok_or_else(|| RowsError::damaged(&RowKey::Page(key.clone()), "no page covers it"))
    }

    /// A page begins at this bound.
    fn comes_near(&mut self, lower: TweetKey) {
        let at = self.near.partition_point(|near| *near < lower);
        // Below the first one there may be others that aren't known here.
        if at > 0 || self.near.is_empty() && lower == *self.open.lower() {
            self.near.insert(at, lower);
        }
        if self.near.len() > MAX_NEAR_PAGES {
            self.near.remove(0);
        }
    }

    /// The lower bound of a closed page, among those of this batch and those in the rows.
    fn closed_lower(&self, rows: &dyn Rows, seek: Seek<'_>) -> Result<Option<TweetKey>, RowsError> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let is_there = |(_, page): &(&TweetKey, &Option<Touched<TweetPage>>)| page.is_some();
        let (here, backwards) = match seek {
            Seek::AtOrBefore(key) => {
                let mut before = self.closed.range((Unbounded, Included(key)));
                (before.rfind(is_there), true)
            }
            Seek::Before(key) => {
                let mut before = self.closed.range((Unbounded, Excluded(key)));
                (before.rfind(is_there), true)
            }
            Seek::After(key) => {
                let mut behind = self.closed.range((Excluded(key), Unbounded));
                (behind.find(is_there), false)
            }
        };
        let here = here.map(|(lower, _)| lower.clone());
        // A page that this batch has ended is still in the rows: look on behind it.
        let mut stored = rows.page(seek)?.map(|(lower, _)| lower);
        while let Some(lower) = &stored
            && matches!(self.closed.get(lower), Some(None))
        {
            let next = if backwards {
                Seek::Before(lower)
            } else {
                Seek::After(lower)
            };
            stored = rows.page(next)?.map(|(lower, _)| lower);
        }
        Ok(match (stored, here) {
            (Some(stored), Some(here)) if backwards => Some(stored.max(here)),
            (Some(stored), Some(here)) => Some(stored.min(here)),
            (stored, here) => stored.or(here),
        })
    }

    fn load(
        &mut self,
        rows: &dyn Rows,
        lower: &TweetKey,
    ) -> Result<&mut Touched<TweetPage>, RowsError> {
        let missing = || RowsError::damaged(&RowKey::Page(lower.clone()), "it is missing");
        if !self.closed.contains_key(lower) {
            let key = RowKey::Page(lower.clone());
            let row = rows.get(&key)?.ok_or_else(missing)?;
            let page = TweetPage::decode(&key, &row)?;
            self.closed.insert(lower.clone(), Some(Touched::read(page)));
        }
        self.closed
            .get_mut(lower)
            .and_then(Option::as_mut)
            .ok_or_else(missing)
    }

    fn metrics_of_page(
        &mut self,
        rows: &dyn Rows,
        lower: &TweetKey,
    ) -> Result<&mut Touched<LateMetrics>, RowsError> {
        use std::collections::btree_map::Entry::{Occupied, Vacant};
        if lower == self.open.lower() {
            return Ok(&mut self.open_metrics);
        }
        Ok(match self.metrics.entry(lower.clone()) {
            Occupied(known) => known.into_mut(),
            Vacant(place) => place.insert(Touched::read(read_metrics(rows, lower)?)),
        })
    }
}

impl Touched<LateMetrics> {
    fn push_row(&self, lower: TweetKey, out: &mut Vec<RowChange>) -> Result<(), RowsError> {
        if self.changed {
            let key = RowKey::Metrics(lower);
            let row = self.value.encode(&key)?;
            out.push((key, row));
        }
        Ok(())
    }
}

fn read_metrics(rows: &dyn Rows, lower: &TweetKey) -> Result<LateMetrics, RowsError> {
    let key = RowKey::Metrics(lower.clone());
    match rows.get(&key)? {
        Some(row) => LateMetrics::decode(&key, &row),
        None => Ok(LateMetrics::default()),
    }
}
