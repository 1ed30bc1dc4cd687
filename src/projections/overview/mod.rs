//! How the keywords compare: counts over a window and the same span before it, shares, ranks and
//! the course of each.
//!
//! The window of length W that `at` asks for is `[end − W, end)`, `end` being the next full minute
//! after `at`. [`counts`] is asked for each keyword, under one version of its rows; [`rank`] puts
//! the answers together.

mod window;

use std::cmp::Reverse;

use super::volume::{CountsBetween, counts_between};
use super::{Rows, RowsError};
use crate::events::{Keyword, Timestamp};
pub use window::{Window, WindowError};

/// Buckets that the course of a keyword is drawn with.
pub const SPARK: usize = 24;

/// The counts of one keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeywordCounts {
    /// Tweets in the window.
    pub count: u64,
    /// Tweets in the span of the same length before it.
    pub previous: u64,
    /// The course of `count`: bucket i is `[start + ⌊i·W/24⌋, start + ⌊(i+1)·W/24⌋)` in minutes.
    pub spark: [u64; SPARK],
}

/// The counts of one keyword, and what they tell of its newest tweet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeywordCount {
    /// The counts.
    pub counts: KeywordCounts,
    /// Its newest tweet before the window's end is older than this; `None` when it has none in the
    /// window and in the span before.
    pub end_of_newest: Option<Timestamp>,
}

/// All keywords beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// The sum of the counts.
    pub total: u64,
    /// The sum of the previous counts.
    pub previous: u64,
    /// In the order of their ranks.
    pub keywords: Vec<RankedKeyword>,
}

/// A keyword among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedKeyword {
    /// The keyword.
    pub keyword: Keyword,
    /// Its counts.
    pub counts: KeywordCounts,
    /// `count / total` in ten-thousandths (2,500 is a quarter), rounded half up; 0 if the total is.
    pub share: u32,
    /// From 1: by count, the greatest first, then by keyword.
    pub rank: u64,
    /// From 1, by previous count in the same way, among those that had one.
    pub previous_rank: Option<u64>,
    /// `previous_rank − rank`: positive when the keyword rose.
    pub change: Option<i64>,
}

/// The end of a window: the next full minute, strictly after `at`.
pub const fn end(at: Timestamp) -> Timestamp {
    at.floor_to(Timestamp::MINUTE).plus(Timestamp::MINUTE)
}

/// The counts of one keyword over the window that ends at [`end`] of `at`.
///
/// # Errors
/// What `rows` fails with, or [`RowsError::Damaged`].
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

/// Ranks keywords, each of which is there once, in any order.
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

/// `count / total` in ten-thousandths, rounded half up.
fn share(count: u64, total: u64) -> u32 {
    let (count, total) = (u128::from(count), u128::from(total));
    let share = (20_000 * count + total).checked_div(2 * total).unwrap_or(0);
    u32::try_from(share).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
