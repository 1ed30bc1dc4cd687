//! Rankings, recomputed.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Value, json};
use tidings::events::Timestamp;

use super::archive::{Post, View, key_counts, time};
use super::statistics::{Table, shown};

/// The kinds of ranked items, each with its orders.
pub const RANKINGS: [(&str, &str); 9] = [
    ("word", "top"),
    ("hashtag", "top"),
    ("mention", "top"),
    ("author", "top"),
    ("tweet", "top"),
    ("word", "rising"),
    ("hashtag", "rising"),
    ("mention", "rising"),
    ("author", "rising"),
];

pub const WINDOWS: [&str; 4] = ["1h", "24h", "7d", "30d"];

/// The window with a moment in its last bucket, and the window before it.
pub fn windows(window: &str, at: i64) -> (Range<i64>, Range<i64>) {
    let (bucket, buckets) = match window {
        "1h" => (5 * Timestamp::MINUTE, 12),
        "24h" => (Timestamp::HOUR, 24),
        "7d" => (Timestamp::HOUR, 168),
        "30d" => (Timestamp::DAY, 30),
        other => panic!("{other}"),
    };
    let end = at.div_euclid(bucket) * bucket + bucket;
    let start = end - buckets * bucket;
    (start..end, start - buckets * bucket..start)
}

#[derive(Debug, Clone, Copy)]
pub struct RankingQuery {
    pub by: &'static str,
    pub order: &'static str,
    pub window: &'static str,
    pub at: i64,
    pub limit: usize,
}

pub fn ranking(view: &View<'_>, query: &RankingQuery) -> Value {
    let (window, before) = windows(query.window, query.at);
    let posts = view.between(&window);
    let (distinct, items) = match (query.by, query.order) {
        ("tweet", _) => (posts.len(), tweets(posts, query.limit)),
        (_, order) => {
            let here = counts(posts, query.by);
            let there = counts(view.between(&before), query.by);
            let items = if order == "rising" {
                let totals = (view.count(&window), view.count(&before));
                rising(&here, &there, totals, query.limit)
            } else {
                top(&here, &there, query.limit)
            };
            (here.len(), items)
        }
    };
    json!({
        "by": query.by,
        "window": query.window,
        "order": query.order,
        "total": posts.len(),
        "distinct": distinct,
        "items": items,
        "until": time(window.end),
    })
}

/// The number of these posts that have each key of a kind.
fn counts<'a>(posts: &[&'a Post], by: &str) -> HashMap<&'a str, u64> {
    match by {
        "word" => key_counts(posts, |post| &post.keys.words),
        "hashtag" => key_counts(posts, |post| &post.keys.hashtags),
        "mention" => key_counts(posts, |post| &post.keys.mentions),
        "author" => key_counts(posts, |post| [&post.author]),
        other => panic!("{other}"),
    }
}

/// Keys with their counts: the highest count first, keys of equal count in the order of their
/// bytes.
fn ordered<'a>(counts: &HashMap<&'a str, u64>) -> Vec<(&'a str, u64)> {
    let mut ordered: Vec<_> = counts.iter().map(|(key, count)| (*key, *count)).collect();
    ordered.sort_by_key(|(key, count)| (Reverse(*count), *key));
    ordered
}

fn top(here: &HashMap<&str, u64>, there: &HashMap<&str, u64>, limit: usize) -> Vec<Value> {
    let previous: HashMap<&str, i64> =
        (ordered(there).into_iter().map(|(key, _)| key).zip(1..)).collect();
    let ranked = ordered(here).into_iter().zip(1_i64..).take(limit);
    ranked
        .map(|((key, count), rank)| {
            let previous = previous.get(key);
            json!({
                "rank": rank,
                "key": key,
                "count": count,
                "previous_rank": previous,
                "change": previous.map(|previous| previous - rank),
            })
        })
        .collect()
}

fn rising(
    here: &HashMap<&str, u64>,
    there: &HashMap<&str, u64>,
    (total, total_before): (u64, u64),
    limit: usize,
) -> Vec<Value> {
    let mut found = Vec::new();
    for (key, a) in here {
        let c = there.get(key).copied().unwrap_or(0);
        let table = Table::of(*a, total, c, total_before);
        if *a >= 3 && (total_before == 0 || table.is_above_expectation()) {
            let score = (total_before > 0).then(|| table.g2());
            found.push((score, *a, *key, c));
        }
    }
    found.sort_by_key(|(score, a, key, _)| (Reverse(*score), Reverse(*a), *key));
    let ranked = found.into_iter().zip(1..).take(limit);
    ranked
        .map(|((score, count, key, previous), rank)| {
            json!({
                "rank": rank,
                "key": key,
                "count": count,
                "previous_count": previous,
                "score": score.map(|score| shown(score, 1_000.0)),
            })
        })
        .collect()
}

fn tweets(posts: &[&Post], limit: usize) -> Vec<Value> {
    let mut scored: Vec<_> = posts.iter().map(|post| (post.score(), *post)).collect();
    scored.sort_by_key(|(score, post)| (Reverse(*score), &post.id));
    let ranked = scored.into_iter().zip(1..).take(limit);
    ranked
        .map(|((score, post), rank)| {
            json!({
                "rank": rank,
                "key": post.id,
                "count": score,
                "previous_rank": null,
                "change": null,
                "tweet": post.shown,
            })
        })
        .collect()
}
