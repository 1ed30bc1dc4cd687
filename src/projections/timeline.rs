//! The timeline of a keyword: its tweets in order, in pages that partition the key space.
//!
//! The newest page stays open in memory, since most tweets belong there. Others are loaded when a
//! late tweet, a deletion or new metrics concern them, and leave memory with the batch. Every
//! split is decided at the insertion that makes it due, never at the end of a batch, so that the
//! rows depend on the events alone. So is the end of a page: when its last tweet goes, its span
//! falls to the page before. Only the first page, which has none before it, stays when empty.

use std::collections::BTreeMap;

use super::late_metrics::{LateMetrics, METRICS_FORMAT};
use super::projection::{FoldedTweet, MetricsChange, Projection};
use super::row_format::RowFormat;
use super::rows::{RowChange, Rows, RowsError, Seek};
use super::summary::KeywordSummary;
use super::timeline_query::for_each_tweet;
use super::tweet_key::TweetKey;
use super::tweet_page::{OPEN_PAGE_FORMAT, PAGE_FORMAT, TweetPage, pack_page};
use crate::events::{Event, Timestamp, TweetMetrics, TweetPosted, json};

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

/// A tweet of the timeline, with its latest metrics.
#[derive(Debug)]
pub struct StoredTweet {
    /// The tweet.
    pub tweet: TweetPosted,
    /// When the metrics were read.
    pub metrics_at: Timestamp,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::with_open(TweetPage::new(TweetKey::first()), LateMetrics::default())
    }
}

impl Projection for Timeline {
    const VERSION: u32 = 1;
    const FORMATS: &'static [RowFormat] = &[OPEN_PAGE_FORMAT, PAGE_FORMAT, METRICS_FORMAT];

    fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError> {
        let key = TweetPage::open_key();
        match rows.get(&key)? {
            Some(row) => {
                let open = TweetPage::decode(&key, &row)?;
                let late = LateMetrics::read(rows, open.lower())?;
                Ok(Self::with_open(open, late))
            }
            None => Ok(Self::default()),
        }
    }

    fn posted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        self.add(rows, &tweet.key, tweet.tweet)
    }

    fn engaged(
        &mut self,
        rows: &dyn Rows,
        tweet: &FoldedTweet<'_>,
        change: &MetricsChange,
    ) -> Result<(), RowsError> {
        self.set_metrics(rows, &tweet.key, change.at, change.after)
    }

    fn deleted(&mut self, rows: &dyn Rows, tweet: &FoldedTweet<'_>) -> Result<(), RowsError> {
        self.remove(rows, &tweet.key)
    }

    /// Of the pages only the open one stays in memory. Where tweets come late, they come to the
    /// same pages again: packing those is left to the store, which does it once for all changes
    /// that it writes together.
    fn take_row_changes(&mut self, out: &mut Vec<RowChange>) -> Result<(), RowsError> {
        if std::mem::take(&mut self.open_changed) {
            out.push((TweetPage::open_key(), Some(self.open.encode())));
        }
        let is_kept_plain = std::mem::take(&mut self.was_late);
        for (lower, page) in std::mem::take(&mut self.closed) {
            match page {
                Some(page) if page.changed => {
                    let plain = page.value.encode();
                    let packed = (!is_kept_plain).then(|| pack_page(&plain)).flatten();
                    let row = packed.map_or(plain, Into::into);
                    out.push((TweetPage::key(&lower), Some(row)));
                }
                Some(_) => {}
                None => out.push((TweetPage::key(&lower), None)),
            }
        }
        for (lower, metrics) in std::mem::take(&mut self.metrics) {
            metrics.push_row(&lower, out)?;
        }
        self.open_metrics.push_row(self.open.lower(), out)?;
        self.open_metrics.changed = false;
        Ok(())
    }

    /// The number of tweets, then every tweet with its latest metrics, newest first.
    fn digest(
        rows: &dyn Rows,
        summary: &KeywordSummary,
        hasher: &mut blake3::Hasher,
    ) -> Result<(), RowsError> {
        hasher.update(&summary.tweets.to_be_bytes());
        for_each_tweet(rows, |tweet| {
            hasher.update(&json::encode(&Event::TweetPosted(Box::new(tweet))));
            hasher.update(b"\n");
        })
    }
}

impl Timeline {
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

    /// Adds a tweet whose id is new.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn add(
        &mut self,
        rows: &dyn Rows,
        key: &TweetKey,
        tweet: &TweetPosted,
    ) -> Result<(), RowsError> {
        let page = self.page_for_change(rows, key)?;
        let lower = page.lower().clone();
        let grows_at_end = page.position(key) == Err(page.len());
        page.insert(key, tweet)?;
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

    /// Removes a tweet.
    fn remove(&mut self, rows: &dyn Rows, key: &TweetKey) -> Result<(), RowsError> {
        let page = self.page_for_change(rows, key)?;
        let Ok(index) = page.position(key) else {
            return Ok(());
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
        Ok(())
    }

    /// The tweet with this key, which the ids say is here.
    ///
    /// # Errors
    /// [`RowsError`], also when the tweet is missing.
    pub fn stored(&mut self, rows: &dyn Rows, key: &TweetKey) -> Result<StoredTweet, RowsError> {
        let page = self.page(rows, key)?;
        let lower = page.lower().clone();
        let damaged = |what| RowsError::damaged(&TweetPage::key(&lower), what);
        let entry = page.position(key).ok().and_then(|index| page.entry(index));
        let entry = entry.ok_or_else(|| damaged("a tweet that the ids know is missing".into()))?;
        let mut tweet = entry.tweet().map_err(damaged)?;
        let late = self.metrics_of_page(rows, &lower)?.value.get(key);
        let (metrics_at, metrics) = late.unwrap_or((tweet.at, tweet.metrics));
        tweet.metrics = metrics;
        Ok(StoredTweet { tweet, metrics_at })
    }

    fn set_metrics(
        &mut self,
        rows: &dyn Rows,
        key: &TweetKey,
        at: Timestamp,
        metrics: TweetMetrics,
    ) -> Result<(), RowsError> {
        let lower = self.page(rows, key)?.lower().clone();
        let late = self.metrics_of_page(rows, &lower)?;
        late.value.set(key.clone(), at, metrics);
        late.changed = true;
        Ok(())
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
            .ok_or_else(|| RowsError::damaged(&TweetPage::key(key), "no page covers it"))
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
    fn closed_lower(
        &self,
        rows: &dyn Rows,
        seek: Seek<&TweetKey>,
    ) -> Result<Option<TweetKey>, RowsError> {
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
        let mut stored = TweetPage::seek(rows, seek)?.map(|(lower, _)| lower);
        while let Some(lower) = &stored
            && matches!(self.closed.get(lower), Some(None))
        {
            let next = if backwards {
                Seek::Before(lower)
            } else {
                Seek::After(lower)
            };
            stored = TweetPage::seek(rows, next)?.map(|(lower, _)| lower);
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
        let missing = || RowsError::damaged(&TweetPage::key(lower), "it is missing");
        if !self.closed.contains_key(lower) {
            let key = TweetPage::key(lower);
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
            Vacant(place) => place.insert(Touched::read(LateMetrics::read(rows, lower)?)),
        })
    }
}

impl Touched<LateMetrics> {
    fn push_row(&self, lower: &TweetKey, out: &mut Vec<RowChange>) -> Result<(), RowsError> {
        if self.changed {
            let key = LateMetrics::key(lower);
            let row = self.value.encode(&key)?;
            out.push((key, row));
        }
        Ok(())
    }
}
