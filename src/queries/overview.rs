//! All keywords beside each other, and the tweets that were posted last.

use std::collections::BinaryHeap;

use crate::access::KeywordSet;
use crate::events::{Keyword, Timestamp, TweetPosted};
use crate::projections::overview::{self, KeywordCounts, Overview, Window};
use crate::projections::{TimelineQuery, TweetKey, timeline};
use crate::store::{StoreError, Views};

/// An overview holds at most so many tweets.
const MAX_LATEST_TWEETS: usize = 10;

/// All keywords beside each other, over one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowOverview {
    /// The window.
    pub window: Window,
    /// The counts, and the keywords in the order of their ranks.
    pub ranked: Overview,
    /// The newest tweets before the window's end: by time ↓, id ↓, keyword ↑.
    pub latest: Vec<KeywordTweet>,
    /// The end of the window.
    pub until: Timestamp,
}

/// A tweet, and the keyword under which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordTweet {
    /// The keyword.
    pub keyword: Keyword,
    /// The tweet, with its latest metrics.
    pub tweet: TweetPosted,
}

/// The overview of the tracked keywords that may be counted, over the window that ends with the
/// next full minute after `at`.
///
/// # Errors
/// [`StoreError`].
pub fn overview(
    views: &Views,
    countable: &KeywordSet,
    window: Window,
    at: Timestamp,
) -> Result<WindowOverview, StoreError> {
    let until = overview::end(at);
    let tracked = views.keywords_with(|keyword, summary| {
        let span = summary.first_at.zip(summary.last_at);
        (summary.tracked && countable.contains(keyword)).then_some(span)
    })?;
    let mut counted = Vec::with_capacity(tracked.len());
    let mut candidates = BinaryHeap::new();
    for (keyword, span) in tracked {
        let (counts, end_of_newest) = match span {
            Some(span) => count(views, &keyword, span, window, at)?,
            None => Default::default(),
        };
        if let Some(end) = end_of_newest {
            candidates.push((end, keyword.clone()));
        }
        counted.push((keyword, counts));
    }
    let latest = latest(views, candidates, until)?;
    Ok(WindowOverview {
        window,
        ranked: overview::rank(counted),
        latest,
        until,
    })
}

/// The counts of one keyword, and a moment after its newest tweet before the window's end, if it
/// has one. Its tweets are of `first_at` at the earliest and `last_at` at the latest; nothing is
/// read of a keyword that had no tweets in the window and the span before.
fn count(
    views: &Views,
    keyword: &Keyword,
    (first_at, last_at): (Timestamp, Timestamp),
    window: Window,
    at: Timestamp,
) -> Result<(KeywordCounts, Option<Timestamp>), StoreError> {
    let end = overview::end(at);
    if first_at >= end {
        return Ok(Default::default());
    }
    let behind_last = last_at.plus(1);
    let start = end.plus(-2 * window.length());
    if last_at < start {
        return Ok((KeywordCounts::default(), Some(behind_last)));
    }
    let answer = views.read(keyword, |_, rows| overview::counts(rows, at, window))?;
    let counted = answer.map(|answer| answer.value).unwrap_or_default();
    let end_of_newest = match counted.end_of_newest {
        _ if last_at < end => behind_last,
        Some(end_of_newest) => end_of_newest,
        None => start,
    };
    Ok((counted.counts, Some(end_of_newest)))
}

/// The newest tweets before `end`.
///
/// `candidates` are the keywords that may have one, each with a moment after its newest. They are
/// looked at in the order of these moments, until no keyword that is left can have a tweet that
/// belongs here.
fn latest(
    views: &Views,
    mut candidates: BinaryHeap<(Timestamp, Keyword)>,
    end: Timestamp,
) -> Result<Vec<KeywordTweet>, StoreError> {
    let mut wanted = TimelineQuery {
        limit: MAX_LATEST_TWEETS,
        to: Some(end),
        ..TimelineQuery::default()
    };
    let mut newest: Vec<KeywordTweet> = Vec::new();
    while let Some((end_of_newest, keyword)) = candidates.pop() {
        if newest.len() == MAX_LATEST_TWEETS {
            wanted.from = newest.last().map(|last| last.tweet.at);
            if wanted.from.is_some_and(|oldest| end_of_newest <= oldest) {
                break;
            }
        }
        let page = views.read(&keyword, |_, rows| timeline::query(rows, &wanted))?;
        let items = page.map(|page| page.value.items).unwrap_or_default();
        newest.extend(items.into_iter().map(|tweet| KeywordTweet {
            keyword: keyword.clone(),
            tweet,
        }));
        newest.sort_by(|a, b| {
            let newest_first = TweetKey::of(&b.tweet).cmp(&TweetKey::of(&a.tweet));
            newest_first.then_with(|| a.keyword.cmp(&b.keyword))
        });
        newest.truncate(MAX_LATEST_TWEETS);
    }
    Ok(newest)
}
