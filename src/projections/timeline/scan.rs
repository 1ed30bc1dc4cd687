//! A timeline query that is run page by page, and may be run again.
//!
//! An unfiltered query reads as many tweets as it answers. A filtered one may look at far more, so
//! it is bounded by the bytes of text that it looks at: it then answers what it found, and the
//! place where to go on.

use std::collections::BTreeMap;

use super::entry::PageEntry;
use super::filter::{Filter, Verdicts};
use super::page::TweetPage;
use super::query::{Flow, Found, TimelinePage, TimelineQuery, newest_first, with_latest};
use crate::projections::{Rows, RowsError, TweetKey};

/// The most bytes of text that a filtered query looks at.
pub const MAX_TEXT_BYTES: usize = 16 << 20;

/// The longest text in normal form, in bytes: 10,000 code points, of which NFKC makes at most 33
/// bytes each.
const MAX_BYTES_OF_ONE_TEXT: usize = 330_000;

/// A timeline query that can be run again when the timeline has changed meanwhile. It remembers
/// what its filter said about pages that did not change. Each run looks at half as much as the one
/// before, so that the last run, during which the timeline must not change, is short.
#[derive(Debug)]
pub struct TimelineScan {
    query: TimelineQuery,
    filter: Filter,
    /// The next run of a filtered query stops once it has looked at this many bytes of text.
    budget: usize,
    known: BTreeMap<TweetKey, Verdicts>,
}

impl TimelineScan {
    /// A query that looks at no more than [`MAX_TEXT_BYTES`].
    pub fn new(query: TimelineQuery) -> Self {
        Self::within(query, MAX_TEXT_BYTES - MAX_BYTES_OF_ONE_TEXT)
    }

    /// A query that stops, if it is filtered, with the text at which it has looked at `budget`
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

    /// Whether there is no room for one more tweet that passes.
    fn is_full(&self, answer: &TimelinePage) -> bool {
        answer.items.len() >= self.query.limit
    }
}

/// How many tweets of a page are below a key.
fn count_below(page: &TweetPage, upper: Option<&TweetKey>) -> usize {
    upper.map_or(page.len(), |upper| {
        page.position(upper).unwrap_or_else(|index| index)
    })
}
