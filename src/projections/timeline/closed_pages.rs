//! The closed pages of a timeline: the pages that the running batch has read or changed, and the
//! lower bounds of the newest pages.
//!
//! In: the tweet pages that the timeline closes, splits or changes. Out: the page for a tweet key,
//! and row changes.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

use super::page::TweetPage;
use super::page_compression::pack_page;
use crate::projections::{RowChange, Rows, RowsError, Seek, TweetKey};

/// Maximum number of lower bounds of closed pages in memory. Tweets that several publishers send at
/// the same time are late by a few pages.
const MAX_NEAR_PAGES: usize = 32;

/// A value of a row, and whether it has to be written.
#[derive(Debug)]
pub(super) struct Touched<T> {
    pub(super) value: T,
    pub(super) changed: bool,
}

impl<T> Touched<T> {
    pub(super) const fn read(value: T) -> Self {
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

/// The closed pages.
#[derive(Debug, Default)]
pub(super) struct ClosedPages {
    /// The lower bounds of the newest closed pages, without gaps up to the open page. With them a
    /// tweet that is a little late finds its page without reading rows.
    near: Vec<TweetKey>,
    /// Pages that this batch has read or made, by lower bound; `None` for a page that the batch has
    /// removed.
    touched: BTreeMap<TweetKey, Option<Touched<TweetPage>>>,
    /// The tweet that was looked up last, and the lower bound of its page. The fold looks a tweet
    /// up before it changes the tweet.
    found: Option<(TweetKey, TweetKey)>,
}

impl ClosedPages {
    /// Adds the page that was the open page until now.
    pub(super) fn add_newest(&mut self, page: TweetPage) {
        let lower = page.lower().clone();
        if self.near.is_empty() {
            self.near.push(lower);
        } else {
            self.add_bound(lower);
        }
        self.insert(page);
    }

    /// Adds a page that was split off another closed page.
    pub(super) fn add(&mut self, page: TweetPage) {
        self.add_bound(page.lower().clone());
        self.insert(page);
    }

    fn insert(&mut self, page: TweetPage) {
        self.found = None;
        let lower = page.lower().clone();
        self.touched.insert(lower, Some(Touched::made(page)));
    }

    fn add_bound(&mut self, lower: TweetKey) {
        let at = self.near.partition_point(|near| *near < lower);
        // Below the first bound there may be pages whose bounds are not in memory.
        if at > 0 {
            self.near.insert(at, lower);
        }
        if self.near.len() > MAX_NEAR_PAGES {
            self.near.remove(0);
        }
    }

    /// Removes an empty page. The page before it covers its span from now on.
    pub(super) fn end(&mut self, lower: TweetKey) {
        self.found = None;
        self.near.retain(|near| *near != lower);
        self.touched.insert(lower, None);
    }

    /// Remembers the lower bound of the page where a tweet is, for the next look-up of this tweet.
    pub(super) fn remember(&mut self, key: &TweetKey, lower: &TweetKey) {
        self.found = Some((key.clone(), lower.clone()));
    }

    /// Returns the lower bound of the closed page where `key` belongs. `key` is below `open`, the
    /// lower bound of the open page.
    pub(super) fn lower_of(
        &mut self,
        rows: &dyn Rows,
        key: &TweetKey,
        open: &TweetKey,
    ) -> Result<TweetKey, RowsError> {
        if let Some((found, lower)) = &self.found
            && found == key
        {
            return Ok(lower.clone());
        }
        while self.near.first().is_none_or(|first| key < first) && self.near.len() < MAX_NEAR_PAGES
        {
            let first = self.near.first().unwrap_or(open);
            match self.find(rows, Seek::Before(first))? {
                Some(before) => self.near.insert(0, before),
                None => break,
            }
        }
        let behind = self.near.partition_point(|lower| lower <= key);
        if let Some(lower) = behind.checked_sub(1).and_then(|at| self.near.get(at)) {
            return Ok(lower.clone());
        }
        self.find(rows, Seek::AtOrBefore(key))?
            .ok_or_else(|| RowsError::damaged(&TweetPage::key(key), "no page covers it"))
    }

    /// Finds the lower bound of a closed page, among the pages of this batch and the rows.
    pub(super) fn find(
        &self,
        rows: &dyn Rows,
        seek: Seek<&TweetKey>,
    ) -> Result<Option<TweetKey>, RowsError> {
        let is_page = |(_, page): &(&TweetKey, &Option<Touched<TweetPage>>)| page.is_some();
        let (touched, backwards) = match seek {
            Seek::AtOrBefore(key) => {
                let mut before = self.touched.range((Unbounded, Included(key)));
                (before.rfind(is_page), true)
            }
            Seek::Before(key) => {
                let mut before = self.touched.range((Unbounded, Excluded(key)));
                (before.rfind(is_page), true)
            }
            Seek::After(key) => {
                let mut behind = self.touched.range((Excluded(key), Unbounded));
                (behind.find(is_page), false)
            }
        };
        let touched = touched.map(|(lower, _)| lower.clone());
        // A page that this batch has removed is still in the rows and is skipped.
        let mut stored = TweetPage::seek(rows, seek)?.map(|(lower, _)| lower);
        while let Some(lower) = &stored
            && matches!(self.touched.get(lower), Some(None))
        {
            let next = if backwards {
                Seek::Before(lower)
            } else {
                Seek::After(lower)
            };
            stored = TweetPage::seek(rows, next)?.map(|(lower, _)| lower);
        }
        Ok(match (stored, touched) {
            (Some(stored), Some(touched)) if backwards => Some(stored.max(touched)),
            (Some(stored), Some(touched)) => Some(stored.min(touched)),
            (stored, touched) => stored.or(touched),
        })
    }

    /// Returns the page with this lower bound. Reads its row if this batch has not read it yet.
    pub(super) fn load(
        &mut self,
        rows: &dyn Rows,
        lower: &TweetKey,
    ) -> Result<&mut Touched<TweetPage>, RowsError> {
        let missing = || RowsError::damaged(&TweetPage::key(lower), "it is missing");
        if !self.touched.contains_key(lower) {
            let key = TweetPage::key(lower);
            let row = rows.get(&key)?.ok_or_else(missing)?;
            let page = TweetPage::decode(&key, &row)?;
            self.touched
                .insert(lower.clone(), Some(Touched::read(page)));
        }
        self.touched
            .get_mut(lower)
            .and_then(Option::as_mut)
            .ok_or_else(missing)
    }

    /// Appends the rows that this batch has changed, and drops all pages from memory.
    pub(super) fn take_row_changes(&mut self, is_kept_plain: bool, out: &mut Vec<RowChange>) {
        self.found = None;
        for (lower, page) in std::mem::take(&mut self.touched) {
            let key = TweetPage::key(&lower);
            match page {
                Some(page) if page.changed => {
                    let plain = page.value.encode();
                    let packed = (!is_kept_plain).then(|| pack_page(&plain)).flatten();
                    out.push((key, Some(packed.map_or(plain, Into::into))));
                }
                Some(_) => {}
                None => out.push((key, None)),
            }
        }
    }
}
