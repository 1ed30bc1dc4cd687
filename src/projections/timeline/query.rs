//! Reading a timeline: which tweets to read, and the way through its pages, newest first.

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
    /// How many at most.
    pub limit: usize,
    /// Only tweets strictly older than this one.
    pub before: Option<TweetKey>,
    /// Only tweets at or after this moment.
    pub from: Option<Timestamp>,
    /// Only tweets before this moment.
    pub to: Option<Timestamp>,
    /// Only tweets in this language (whole, without case).
    pub lang: Option<String>,
    /// Only tweets of this author's handle (whole, without case).
    pub author: Option<String>,
    /// Only tweets whose text, in normal form, contains this text, in normal form.
    pub text: Option<String>,
}

impl TimelineQuery {
    /// Whether each tweet has to be read to decide if it belongs to the answer. The span of time is
    /// no such filter: it says where to begin and to end.
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

/// Tweets, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimelinePage {
    /// The tweets with their latest metrics.
    pub items: Vec<TweetPosted>,
    /// Where to go on (`before`), when there may be more. A filter that matches seldom gives fewer
    /// items than the limit, even none, although there may be more.
    pub next: Option<TweetKey>,
}

/// Reads a timeline.
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

/// Whether a visit of pages goes on.
pub(super) enum Flow {
    Go,
    Stop,
}

/// A page of the timeline, as its row.
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

/// The tweet of an entry with its latest metrics. `late` holds those of its page once they were
/// read.
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
        && let Some((_, metrics)) = late.get(&entry.key())
    {
        tweet.metrics = metrics;
    }
    Ok(tweet)
}

/// The tweet of an entry in the row `key`, with the metrics it was posted with.
pub(super) fn tweet_of(key: &RowKey, entry: &PageEntry<'_>) -> Result<TweetPosted, RowsError> {
    entry.tweet().map_err(|what| RowsError::damaged(key, what))
}

#[cfg(test)]
mod tests;
