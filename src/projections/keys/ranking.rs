//! Rankings: the keys of a window by the number of tweets that have them, or by their rise.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::bucket::Width;
use super::counts::KeyCounts;
use super::kept_sums::WindowSums;
use super::key_sums::Pair;
use super::kind::KeyKind;
use crate::events::Timestamp;
use crate::projections::overview::Window;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::statistics::{Association, ContingencyTable, Decimal};
use crate::projections::volume;

/// The arguments of a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RankingQuery {
    /// The kind of the ranked keys.
    pub by: KeyKind,
    /// The length of the window.
    pub window: Window,
    /// The last bucket of the window contains this time.
    pub at: Timestamp,
    /// Maximum number of keys in the answer.
    pub limit: usize,
}

/// A ranking of the keys of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking<T> {
    /// The end of the window.
    pub until: Timestamp,
    /// Number of tweets in the window.
    pub total: u64,
    /// Number of different keys in the window.
    pub distinct: u64,
    /// Whether a bucket of the window, or of the window before, did not take all of its keys.
    pub is_cut: bool,
    /// The first keys, in the order of the ranking.
    pub items: Vec<T>,
}

/// A key and its rank in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// The key.
    pub key: String,
    /// Number of tweets of the window that have the key.
    pub count: u64,
    /// The rank in the window, from 1.
    pub rank: u64,
    /// The rank in the window before; `None` if no tweet of that window has the key.
    pub previous_rank: Option<u64>,
}

/// A key that more tweets have than expected from the window before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rising {
    /// The key.
    pub key: String,
    /// Number of tweets of the window that have the key.
    pub count: u64,
    /// Number of tweets of the window before that have the key.
    pub previous_count: u64,
    /// The rank by score, from 1.
    pub rank: u64,
    /// The score against the window before; `None` if that window has no tweets.
    pub score: Option<Decimal<3>>,
}

/// The start and the end of a ranked window, and the span of times `at` for which the window is the
/// same: its last bucket.
pub fn window_times(window: Window, at: Timestamp) -> (Range<Timestamp>, Range<Timestamp>) {
    let span = Span::of(window, at);
    let [_, start, end] = span.times();
    (start..end, end.plus(-span.width.millis())..end)
}

/// The buckets of a window and of the window before.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) width: Width,
    /// The first bucket of the window before, the first bucket of the window, and the end of the
    /// window.
    pub(super) bounds: [u32; 3],
}

impl Span {
    pub(super) fn of(window: Window, at: Timestamp) -> Self {
        let (width, count) = match window {
            Window::Hour => (Width::FiveMinutes, 12),
            Window::Day => (Width::Hour, 24),
            Window::Week => (Width::Hour, 168),
            Window::Month => (Width::Day, 30),
        };
        let end = width.bucket(at).saturating_add(1);
        let start = end.saturating_sub(count);
        Self {
            width,
            bounds: [start.saturating_sub(count), start, end],
        }
    }

    /// The time that both windows cover.
    pub(super) fn whole(&self) -> Range<Timestamp> {
        let [before, _, end] = self.times();
        before..end
    }

    pub(super) fn times(&self) -> [Timestamp; 3] {
        self.bounds.map(|bucket| self.width.start(bucket))
    }
}

/// A key with its counts.
type KeyCount<'c> = (&'c [u8], Pair);

/// All keys of both windows.
struct Counted {
    span: Span,
    keys: Arc<WindowSums>,
    previous_total: u64,
    total: u64,
}

impl Counted {
    fn read(rows: &dyn Rows, query: &RankingQuery) -> Result<Self, RowsError> {
        let span = Span::of(query.window, query.at);
        let keys = KeyCounts::new(rows, query.by).window_sums(&span)?;
        let totals = volume::counts_between(rows, &span.times())?.counts;
        let total_of = |index| totals.get(index).copied().unwrap_or(0);
        Ok(Self {
            keys,
            previous_total: total_of(0),
            total: total_of(1),
            span,
        })
    }

    /// All keys with their counts.
    fn iter(&self) -> impl Iterator<Item = KeyCount<'_>> {
        self.keys.iter()
    }

    fn ranking<T>(&self, items: Vec<T>) -> Ranking<T> {
        let [_, _, until] = self.span.times();
        let distinct = self.iter().filter(|(_, pair)| pair.current > 0).count();
        Ranking {
            until,
            total: self.total,
            distinct: u64::try_from(distinct).unwrap_or(u64::MAX),
            is_cut: !self.keys.cut.is_empty(),
            items,
        }
    }
}

/// The keys with the most tweets: by count, the highest first, then by the bytes of the key.
///
/// # Errors
/// [`RowsError`].
pub fn ranking(rows: &dyn Rows, query: &RankingQuery) -> Result<Ranking<Ranked>, RowsError> {
    let counted = Counted::read(rows, query)?;
    let current = counted.iter().filter(|(_, pair)| pair.current > 0);
    let first = first_of(current, query.limit, |a, b| {
        by_count(a, b, |pair| pair.current)
    });
    let previous = previous_ranks(&counted, &first);
    let items = (1..).zip(first.iter().zip(previous));
    let items = items.map(|(rank, ((key, pair), previous_rank))| Ranked {
        key: text_of(key),
        count: pair.current,
        rank,
        previous_rank,
    });
    Ok(counted.ranking(items.collect()))
}

/// The keys that rise most: by score, the highest first, then by count, then by the bytes of the
/// key. If the window before has no tweets, they are ordered by count.
///
/// # Errors
/// [`RowsError`].
pub fn rising(rows: &dyn Rows, query: &RankingQuery) -> Result<Ranking<Rising>, RowsError> {
    let counted = Counted::read(rows, query)?;
    let scored = counted.iter().filter_map(|(key, pair)| {
        let table = ContingencyTable {
            a: pair.current,
            b: counted.total.saturating_sub(pair.current),
            c: pair.previous,
            d: counted.previous_total.saturating_sub(pair.previous),
        };
        let score = match table.association(1) {
            Association::None => return None,
            Association::Unscored => None,
            Association::Scored(score) => Some(score),
        };
        Some((key, (score, pair)))
    });
    let first = first_of(
        scored,
        query.limit,
        |(a, (score_a, pair_a)), (b, (score_b, pair_b))| {
            let by_score = score_b.cmp(score_a);
            by_score.then_with(|| by_count(&(*a, *pair_a), &(*b, *pair_b), |pair| pair.current))
        },
    );
    let items = (1..).zip(first).map(|(rank, (key, (score, pair)))| Rising {
        key: text_of(key),
        count: pair.current,
        previous_count: pair.previous,
        rank,
        score,
    });
    Ok(counted.ranking(items.collect()))
}

fn by_count(
    (a, pair_a): &KeyCount<'_>,
    (b, pair_b): &KeyCount<'_>,
    count: impl Fn(&Pair) -> u64,
) -> Ordering {
    Reverse(count(pair_a))
        .cmp(&Reverse(count(pair_b)))
        .then_with(|| a.cmp(b))
}

/// The first `limit` items by `order`, sorted by it.
fn first_of<T>(
    items: impl Iterator<Item = T>,
    limit: usize,
    mut order: impl FnMut(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    if limit < items.len() {
        items.select_nth_unstable_by(limit, &mut order);
        items.truncate(limit);
    }
    items.sort_unstable_by(order);
    items
}

/// The ranks of keys in the window before.
fn previous_ranks(counted: &Counted, keys: &[KeyCount<'_>]) -> Vec<Option<u64>> {
    let order = |a: &KeyCount<'_>, b: &KeyCount<'_>| by_count(a, b, |pair| pair.previous);
    let mut wanted: Vec<_> = keys.iter().filter(|(_, pair)| pair.previous > 0).collect();
    wanted.sort_unstable_by(|a, b| order(a, b));
    // For each wanted key: the number of keys between the wanted key before it and itself.
    let mut ahead = vec![0_u64; wanted.len() + 1];
    for key in counted.iter().filter(|(_, pair)| pair.previous > 0) {
        let index = wanted.partition_point(|one| order(one, &key) == Ordering::Less);
        let is_wanted = wanted.get(index).is_some_and(|one| one.0 == key.0);
        if let Some(count) = ahead.get_mut(index + usize::from(is_wanted)) {
            *count += 1;
        }
    }
    let mut before = 0;
    let ranks: HashMap<&[u8], u64> = wanted
        .iter()
        .zip(&ahead)
        .map(|(one, count)| {
            before += count;
            (one.0, before + 1)
        })
        .collect();
    keys.iter()
        .map(|(key, _)| ranks.get(key).copied())
        .collect()
}

/// The key as text. Keys are texts; other bytes would be damage that reading the map did not
/// notice.
fn text_of(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}
