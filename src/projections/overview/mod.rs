//! Compares keywords: the counts of each over a window and over the span before it, shares and
//! ranks.
//!
//! In: the rows of each keyword, a moment `at` and a [`Window`]. Out: an [`Overview`].
//!
//! [`counts`] counts one keyword from one version of its rows. [`rank`] joins the counts of all
//! keywords.
//!
//! A window of length W is `[end − W, end)`, where `end` is the first full minute after `at`. The
//! span before it is `[end − 2·W, end − W)`.

mod window;

use std::cmp::Reverse;

use super::volume::{CountsBetween, counts_between};
use super::{Rows, RowsError};
use crate::events::{Keyword, Timestamp};
pub use window::{Window, WindowError};

/// Number of buckets of [`KeywordCounts::spark`].
pub const SPARK: usize = 24;

/// The counts of one keyword over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeywordCounts {
    /// Number of tweets in the window.
    pub count: u64,
    /// Number of tweets in the span before the window, which has the same length.
    pub previous: u64,
    /// Number of tweets in each of 24 equal parts of the window. Bucket i is `[start + ⌊i·W/24⌋,
    /// start + ⌊(i+1)·W/24⌋)`, with `start` and W in minutes.
    pub spark: [u64; SPARK],
}

/// The counts of one keyword, and a bound on the time of its newest tweet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeywordCount {
    /// The counts.
    pub counts: KeywordCounts,
    /// The newest tweet of the keyword before the end of the window is older than this time. `None`
    /// only if the keyword has no tweet in the window and in the span before it.
    pub end_of_newest: Option<Timestamp>,
}

/// All keywords with their counts, shares and ranks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// Sum of `count` over all keywords.
    pub total: u64,
    /// Sum of `previous` over all keywords.
    pub previous: u64,
    /// The keywords, by ascending rank.
    pub keywords: Vec<RankedKeyword>,
}

/// One keyword of an overview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedKeyword {
    /// The keyword.
    pub keyword: Keyword,
    /// The counts of the keyword.
    pub counts: KeywordCounts,
    /// `count / total` in ten-thousandths, rounded half up: 2,500 is a quarter. 0 if `total` is 0.
    pub share: u32,
    /// Rank in the window, from 1. The keyword with the highest `count` is first; equal counts are
    /// ordered by keyword.
    pub rank: u64,
    /// Rank in the span before the window, from 1, by `previous` in the same order. `None` if
    /// `previous` is 0.
    pub previous_rank: Option<u64>,
    /// `previous_rank − rank`. Positive if the keyword rose.
    pub change: Option<i64>,
}

/// Returns the end of a window: the first full minute after `at`. It is later than `at` even if
/// `at` is a full minute.
pub const fn end(at: Timestamp) -> Timestamp {
    at.floor_to(Timestamp::MINUTE).plus(Timestamp::MINUTE)
}

/// Counts the tweets of one keyword over the window that ends at [`end`]`(at)`.
///
/// # Errors
/// The error of `rows`, or [`RowsError::Damaged`].
pub fn counts(rows: &dyn Rows, at: Timestamp, window: Window) -> Result<KeywordCount, RowsError> {
    let start = end(at).plus(-window.length());
    let minutes = window.length() / Timestamp::MINUTE;
    let mut bounds = vec![start.plus(-window.length())];
    bounds.extend((0..=24).map(|part| start.plus(part * minutes / 24 * Timestamp::MINUTE)));
    let CountsBetween {
        counts,
        end_of_newest,
    } = counts_between(rows, &bounds)?;
    let mut between = counts.into_iter();
    let previous = between.next().unwrap_or(0);
    let mut spark = [0; SPARK];
    for (bucket, count) in spark.iter_mut().zip(between) {
        *bucket = count;
    }
    Ok(KeywordCount {
        counts: KeywordCounts {
            count: spark.iter().sum(),
            previous,
            spark,
        },
        end_of_newest,
    })
}

/// Ranks keywords. `counted` has each keyword once, in any order.
pub fn rank(mut counted: Vec<(Keyword, KeywordCounts)>) -> Overview {
    let total = counted.iter().map(|(_, counts)| counts.count).sum();
    let previous = counted.iter().map(|(_, counts)| counts.previous).sum();

    counted.sort_by(|(a, of_a), (b, of_b)| {
        (Reverse(of_a.previous), a).cmp(&(Reverse(of_b.previous), b))
    });
    let mut keywords: Vec<RankedKeyword> = (1..)
        .zip(counted)
        .map(|(previous_rank, (keyword, counts))| RankedKeyword {
            keyword,
            counts,
            share: share(counts.count, total),
            rank: 0,
            previous_rank: (counts.previous > 0).then_some(previous_rank),
            change: None,
        })
        .collect();

    keywords.sort_by(|a, b| {
        (Reverse(a.counts.count), &a.keyword).cmp(&(Reverse(b.counts.count), &b.keyword))
    });
    for (rank, ranked) in (1..).zip(&mut keywords) {
        ranked.rank = rank;
        let change = |before: u64| before.checked_signed_diff(rank);
        ranked.change = ranked.previous_rank.and_then(change);
    }
    Overview {
        total,
        previous,
        keywords,
    }
}

/// Returns `count / total` in ten-thousandths, rounded half up; 0 if `total` is 0.
fn share(count: u64, total: u64) -> u32 {
    let (count, total) = (u128::from(count), u128::from(total));
    let share = (20_000 * count + total).checked_div(2 * total).unwrap_or(0);
    u32::try_from(share).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
