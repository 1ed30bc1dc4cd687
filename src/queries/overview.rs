//! The overview: counts and ranks of all keywords over a window, the newest tweets, and the
//! strongest spikes.

use std::collections::BinaryHeap;

use super::spikes::{KeywordSpike, StrongestSpikes, found_spikes};
use crate::access::KeywordSet;
use crate::events::{Keyword, Timestamp, TweetPosted};
use crate::projections::overview::{self, KeywordCount, KeywordCounts, Overview, Window};
use crate::projections::spikes::Spike;
use crate::projections::{RowsError, TimelineQuery, TweetKey, timeline};
use crate::store::{StoreError, Views};

/// Maximum number of tweets in an overview.
const MAX_LATEST_TWEETS: usize = 10;
/// Maximum number of spikes in an overview.
const MAX_SPIKES: usize = 20;

/// Counts and ranks of all keywords over one window, the newest tweets, and the strongest spikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowOverview {
    /// The window.
    pub window: Window,
    /// The counts, and the keywords in the order of their ranks.
    pub ranked: Overview,
    /// The newest tweets before the window's end, ordered by time (descending), id (descending) and
    /// keyword (ascending).
    pub latest: Vec<KeywordTweet>,
    /// The spikes that overlap the window, ordered by score (descending), start and keyword; `None`
    /// for views of an earlier version that lack the rows for spikes or their reasons.
    pub spikes: Option<Vec<KeywordSpike>>,
    /// The end of the window.
    pub until: Timestamp,
}

/// A tweet, with the keyword whose view holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordTweet {
    /// The keyword.
    pub keyword: Keyword,
    /// The tweet, with its latest metrics.
    pub tweet: TweetPosted,
}

/// Returns the overview of the tracked, countable keywords over the window that ends with the next
/// full minute after `at`.
///
/// # Errors
/// [`StoreError`] when the views cannot be read.
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
    let mut spikes = Some(StrongestSpikes::new(MAX_SPIKES));
    for (keyword, span) in tracked {
        let found = match span {
            Some(span) => look(views, &keyword, span, window, at)?,
            None => Found::nothing(None),
        };
        if let Some(end) = found.end_of_newest {
            candidates.push((end, keyword.clone()));
        }
        spikes = spikes.zip(found.spikes).map(|(mut spikes, found)| {
            for spike in found {
                spikes.offer(&keyword, spike);
            }
            spikes
        });
        counted.push((keyword, found.counts));
    }
    let latest = latest(views, candidates, until)?;
    let span = (until.plus(-window.length()), until);
    let spikes = match spikes.map(|spikes| spikes.explained(views, span)) {
        Some(Err(error)) if error.is_not_kept() => None,
        explained => explained.transpose()?,
    };
    Ok(WindowOverview {
        window,
        ranked: overview::rank(counted),
        latest,
        spikes,
        until,
    })
}

/// The part of an overview that is read from one keyword.
struct Found {
    counts: KeywordCounts,
    /// An exclusive upper bound of the time of the newest tweet before the window's end. `None`
    /// when there is no such tweet.
    end_of_newest: Option<Timestamp>,
    /// The spikes that overlap the window; `None` when the rows do not suffice to find them.
    spikes: Option<Vec<Spike>>,
}

impl Found {
    /// The result for a keyword without tweets in the window and in the span before it.
    fn nothing(end_of_newest: Option<Timestamp>) -> Self {
        Self {
            counts: KeywordCounts::default(),
            end_of_newest,
            spikes: Some(Vec::new()),
        }
    }
}

/// Reads the part of the overview that is about one keyword.
///
/// All tweets of the keyword are from `first_at` through `last_at`. No rows are read when no tweet
/// can be in the window or in the span of equal length before it.
fn look(
    views: &Views,
    keyword: &Keyword,
    (first_at, last_at): (Timestamp, Timestamp),
    window: Window,
    at: Timestamp,
) -> Result<Found, StoreError> {
    let end = overview::end(at);
    if first_at >= end {
        return Ok(Found::nothing(None));
    }
    let behind_last = last_at.plus(1);
    let start = end.plus(-2 * window.length());
    if last_at < start {
        return Ok(Found::nothing(Some(behind_last)));
    }
    let span = (end.plus(-window.length()), end);
    let answer = views.read(keyword, |summary, rows| {
        let counted = overview::counts(rows, at, window)?;
        let spikes = match found_spikes(summary, rows, span) {
            Err(RowsError::NotKept) => None,
            found => Some(found?),
        };
        Ok((counted, spikes))
    })?;
    // The keyword may be untracked by now; then it has no tweets.
    let none = || (KeywordCount::default(), Some(Vec::new()));
    let (
        KeywordCount {
            counts,
            end_of_newest,
        },
        spikes,
    ) = answer.map_or_else(none, |answer| answer.value);
    let end_of_newest = match end_of_newest {
        _ if last_at < end => behind_last,
        Some(end_of_newest) => end_of_newest,
        None => start,
    };
    Ok(Found {
        counts,
        end_of_newest: Some(end_of_newest),
        spikes,
    })
}

/// Returns the newest tweets before `end`.
///
/// `candidates` are the keywords that may have such tweets, each with an exclusive upper bound of
/// the time of its newest tweet. The keywords are read in descending order of these bounds. Reading
/// stops when the list is full and the next bound is not after the oldest tweet of the list.
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
