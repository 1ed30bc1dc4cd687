//! A timeline query that reads page by page and can be run again.
//!
//! In: a [`TimelineQuery`] and the rows. Out: a [`TimelinePage`].
//!
//! An unfiltered query reads only the tweets that it answers. A filtered query can read far more,
//! so the number of bytes of text that it reads is limited. At the limit it returns the tweets
//! found so far and the key from which the next query continues.

use std::collections::BTreeMap;

use super::entry::PageEntry;
use super::filter::{Filter, Verdicts};
use super::page::TweetPage;
use super::query::{Flow, Found, TimelinePage, TimelineQuery, newest_first, with_latest};
use crate::projections::{Rows, RowsError, TweetKey};

/// Maximum number of bytes of text that a filtered query reads.
pub const MAX_TEXT_BYTES: usize = 16 << 20;

/// Maximum length of one text in normal form, in bytes. A text has at most 10,000 code points, and
/// NFKC makes at most 33 bytes of each.
const MAX_BYTES_OF_ONE_TEXT: usize = 330_000;

/// A timeline query that can be run again when the timeline has changed meanwhile. It keeps the
/// decisions of its filter about pages that did not change. The budget halves with each run, so
/// that the last run, during which the timeline must not change, is short.
#[derive(Debug)]
pub struct TimelineScan {
    query: TimelineQuery,
    filter: Filter,
    /// Bytes of text after which the next run of a filtered query stops.
    budget: usize,
    known: BTreeMap<TweetKey, Verdicts>,
}

impl TimelineScan {
    /// Makes a query that reads at most [`MAX_TEXT_BYTES`] bytes of text.
    pub fn new(query: TimelineQuery) -> Self {
        Self::within(query, MAX_TEXT_BYTES - MAX_BYTES_OF_ONE_TEXT)
    }

    /// Makes a query that, if it is filtered, stops after the text with which it has read `budget`
    /// bytes.
    pub fn within(query: TimelineQuery, budget: usize) -> Self {
        Self {
            filter: Filter::of(&query),
            query,
            budget,
            known: BTreeMap::new(),
        }
    }

    /// Reads the timeline.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn run(&mut self, rows: &dyn Rows) -> Result<TimelinePage, RowsError> {
        let mut answer = TimelinePage::default();
        let upper = self.query.upper();
        let reaches_nothing = |upper: &TweetKey| *upper <= TweetKey::first();
        if upper.as_ref().is_some_and(reaches_nothing) {
            return Ok(answer);
        }
        let mut left = self.budget;
        self.budget /= 2;
        newest_first(rows, upper.as_ref(), &mut |found| {
            if self.query.is_filtered() {
                self.visit_filtered(rows, found, upper.as_ref(), &mut left, &mut answer)
            } else {
                self.visit(rows, found, upper.as_ref(), &mut answer)
            }
        })?;
        Ok(answer)
    }

    fn visit(
        &self,
        rows: &dyn Rows,
        found: &Found,
        upper: Option<&TweetKey>,
        answer: &mut TimelinePage,
    ) -> Result<Flow, RowsError> {
        let page = found.page()?;
        let mut late = None;
        for index in (0..count_below(&page, upper)).rev() {
            let Some(entry) = page.entry(index) else {
                continue;
            };
            if self.is_too_old(&entry) {
                return Ok(Flow::Stop);
            }
            if self.is_full(answer) {
                answer.next = answer.items.last().map(TweetKey::of);
                return Ok(Flow::Stop);
            }
            rows.look(entry.len())?;
            let tweet = with_latest(rows, &found.key, &page, &entry, &mut late)?;
            answer.items.push(tweet);
        }
        Ok(Flow::Go)
    }

    fn visit_filtered(
        &mut self,
        rows: &dyn Rows,
        found: &Found,
        upper: Option<&TweetKey>,
        left: &mut usize,
        answer: &mut TimelinePage,
    ) -> Result<Flow, RowsError> {
        let mut verdicts = self.known.remove(&found.lower).unwrap_or_default();
        verdicts.keep_if_of(&found.row);
        if let Some(cost) = verdicts.cost_when_none_passes()
            && cost < *left
        {
            *left = left.saturating_sub(cost);
            self.known.insert(found.lower.clone(), verdicts);
            return Ok(Flow::Go);
        }
        let page = found.page()?;
        verdicts.of_tweets.resize(page.len(), None);
        let mut late = None;
        let mut flow = Flow::Go;
        for index in (0..count_below(&page, upper)).rev() {
            let (Some(entry), Some(known)) = (page.entry(index), verdicts.of_tweets.get_mut(index))
            else {
                continue;
            };
            flow = Flow::Stop;
            if self.is_too_old(&entry) {
                break;
            }
            let verdict = match *known {
                Some(verdict) => verdict,
                None => *known.insert(self.filter.judge(rows, &found.key, &entry)?),
            };
            if verdict.passes {
                if self.is_full(answer) {
                    answer.next = answer.items.last().map(TweetKey::of);
                    break;
                }
                let tweet = with_latest(rows, &found.key, &page, &entry, &mut late)?;
                answer.items.push(tweet);
            }
            *left = left.saturating_sub(verdict.cost());
            if *left == 0 {
                answer.next = Some(entry.key());
                break;
            }
            flow = Flow::Go;
        }
        self.known.insert(found.lower.clone(), verdicts);
        Ok(flow)
    }

    fn is_too_old(&self, entry: &PageEntry<'_>) -> bool {
        self.query.from.is_some_and(|from| entry.at < from)
    }

    /// Whether the answer has no room for one more tweet.
    fn is_full(&self, answer: &TimelinePage) -> bool {
        answer.items.len() >= self.query.limit
    }
}

/// The number of tweets of a page below `upper`.
fn count_below(page: &TweetPage, upper: Option<&TweetKey>) -> usize {
    upper.map_or(page.len(), |upper| {
        page.position(upper).unwrap_or_else(|index| index)
    })
}
