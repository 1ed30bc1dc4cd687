//! Timeline queries: their parameters, their result pages, and the walk through the tweet pages,
//! newest first.
//!
//! In: a [`TimelineQuery`] and the rows of a keyword. Out: a [`TimelinePage`]. `scan.rs` applies
//! the filters.

use bytes::Bytes;

use super::entry::PageEntry;
use super::late_metrics::LateMetrics;
use super::page::TweetPage;
use super::scan::TimelineScan;
use crate::events::{Timestamp, TweetPosted};
use crate::projections::{RowKey, Rows, RowsError, Seek, TweetKey};

/// Which tweets of a timeline to read, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimelineQuery {
    /// Maximum number of tweets in the answer.
    pub limit: usize,
    /// Only tweets strictly older than the tweet with this key.
    pub before: Option<TweetKey>,
    /// Only tweets at or after this moment.
    pub from: Option<Timestamp>,
    /// Only tweets before this moment.
    pub to: Option<Timestamp>,
    /// Only tweets in this language (the whole name, without case).
    pub lang: Option<String>,
    /// Only tweets by the author with this handle (the whole handle, without case).
    pub author: Option<String>,
    /// Only tweets whose text contains this text. Both texts are compared in normal form, and this
    /// one must already be in it.
    pub text: Option<String>,
}

impl TimelineQuery {
    /// Whether the query has to read each tweet to decide if it belongs to the answer. `from` and
    /// `to` are no such filters: they only say where to begin and to end.
    pub const fn is_filtered(&self) -> bool {
        self.lang.is_some() || self.author.is_some() || self.text.is_some()
    }

    /// The upper bound, if any: only tweets strictly below it are read.
    pub(super) fn upper(&self) -> Option<TweetKey> {
        match (&self.before, self.to.map(TweetKey::start_of)) {
            (Some(before), Some(to)) => Some(before.clone().min(to)),
            (before, to) => before.clone().or(to),
        }
    }
}

/// One result page of a timeline, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimelinePage {
    /// The tweets with their latest metrics.
    pub items: Vec<TweetPosted>,
    /// The value of `before` for the next result page, if there may be more tweets. When a filter
    /// matches rarely, a result page can have fewer items than the limit, or none, although there
    /// are more.
    pub next: Option<TweetKey>,
}

/// Reads one result page of a timeline.
///
/// # Errors
/// [`RowsError`].
pub fn query(rows: &dyn Rows, query: &TimelineQuery) -> Result<TimelinePage, RowsError> {
    TimelineScan::new(query.clone()).run(rows)
}

/// Calls `visit` with every tweet and its latest metrics, newest first.
///
/// # Errors
/// [`RowsError`].
pub fn for_each_tweet(
    rows: &dyn Rows,
    mut visit: impl FnMut(TweetPosted),
) -> Result<(), RowsError> {
    newest_first(rows, None, &mut |found| {
        let page = found.page()?;
        let mut late = None;
        for index in (0..page.len()).rev() {
            if let Some(entry) = page.entry(index) {
                visit(with_latest(rows, &found.key, &page, &entry, &mut late)?);
            }
        }
        Ok(Flow::Go)
    })
}

/// Whether a visit of pages continues.
pub(super) enum Flow {
    Go,
    Stop,
}

/// The row of a tweet page that was found, with its key and the lower bound of the page.
pub(super) struct Found {
    pub(super) key: RowKey,
    pub(super) lower: TweetKey,
    pub(super) row: Bytes,
}

impl Found {
    pub(super) fn page(&self) -> Result<TweetPage, RowsError> {
        TweetPage::decode(&self.key, &self.row)
    }
}

pub(super) type Visit<'v> = dyn FnMut(&Found) -> Result<Flow, RowsError> + 'v;

/// Visits the pages that may hold tweets strictly below `upper`, newest first.
pub(super) fn newest_first(
    rows: &dyn Rows,
    upper: Option<&TweetKey>,
    visit: &mut Visit<'_>,
) -> Result<(), RowsError> {
    let key = TweetPage::open_key();
    let Some(row) = rows.get(&key)? else {
        return Ok(());
    };
    let lower = TweetPage::decode(&key, &row)?.lower().clone();
    let open = Found { key, lower, row };
    let mut at = match upper {
        Some(upper) if *upper < open.lower => upper.clone(),
        _ => {
            if let Flow::Stop = visit(&open)? {
                return Ok(());
            }
            open.lower
        }
    };
    while let Some((lower, row)) = TweetPage::seek(rows, Seek::Before(&at))? {
        let key = TweetPage::key(&lower);
        let closed = Found { key, lower, row };
        if let Flow::Stop = visit(&closed)? {
            return Ok(());
        }
        at = closed.lower;
    }
    Ok(())
}

/// Returns the tweet of an entry with its latest metrics. `late` caches the late metrics of its
/// page after the first read.
pub(super) fn with_latest(
    rows: &dyn Rows,
    key: &RowKey,
    page: &TweetPage,
    entry: &PageEntry<'_>,
    late: &mut Option<LateMetrics>,
) -> Result<TweetPosted, RowsError> {
    let late = match late {
        Some(late) => late,
        None => late.insert(LateMetrics::read(rows, page.lower())?),
    };
    let mut tweet = tweet_of(key, entry)?;
    if !late.is_empty()
        && let Some(late) = late.get(&entry.key())
    {
        tweet.metrics = late.metrics;
    }
    Ok(tweet)
}

/// Returns the tweet of an entry in the row `key`, with the metrics from its post.
pub(super) fn tweet_of(key: &RowKey, entry: &PageEntry<'_>) -> Result<TweetPosted, RowsError> {
    entry.tweet().map_err(|what| RowsError::damaged(key, what))
}

#[cfg(test)]
mod tests;
