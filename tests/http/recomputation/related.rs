//! Related words, recomputed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use serde_json::{Value, json};

use super::archive::{View, key_counts, time};
use super::ranking::windows;
use super::statistics::{Table, shown};

/// Minimum number of posts of other keywords. With fewer, no scores are computed.
const MIN_OTHERS: u64 = 1_000;

/// A related word.
struct Node {
    /// `g2` in thousandths and `npmi` in ten-thousandths.
    scores: Option<(i64, i64)>,
    count: u64,
    word: String,
}

/// The answer for the keyword with this index.
pub fn related(views: &[View<'_>], index: usize, window: &str, at: i64, limit: usize) -> Value {
    let (span, before) = windows(window, at);
    let view = &views[index];
    let previous = nodes(views, index, &before);
    let previous: HashMap<&str, i64> =
        (previous.iter().map(|node| node.word.as_str()).zip(1..)).collect();
    let mut nodes = nodes(views, index, &span);
    nodes.truncate(limit);
    let words: HashSet<&str> = nodes.iter().map(|node| node.word.as_str()).collect();
    let links = links(view, &span, &words);
    let nodes: Vec<Value> = nodes
        .iter()
        .zip(1..)
        .map(|(node, rank)| {
            json!({
                "word": node.word,
                "count": node.count,
                "g2": node.scores.map(|(g2, _)| shown(g2, 1_000.0)),
                "npmi": node.scores.map(|(_, npmi)| shown(npmi, 10_000.0)),
                "rank": rank,
                "previous_rank": previous.get(node.word.as_str()),
            })
        })
        .collect();
    json!({
        "window": window,
        "total": view.count(&span),
        "others": count_of_others(views, index, &span),
        "nodes": nodes,
        "links": links,
        "until": time(span.end),
    })
}

/// All views but the one with this index.
fn others<'v, 'a>(views: &'v [View<'a>], index: usize) -> impl Iterator<Item = &'v View<'a>> {
    let others = views.iter().enumerate();
    others.filter_map(move |(other, view)| (other != index).then_some(view))
}

fn count_of_others(views: &[View<'_>], index: usize, span: &Range<i64>) -> u64 {
    others(views, index).map(|view| view.count(span)).sum()
}

/// All related words of a span, in order.
fn nodes(views: &[View<'_>], index: usize, span: &Range<i64>) -> Vec<Node> {
    let view = &views[index];
    let mut counts: HashMap<&str, (u64, u64)> =
        key_counts(view.between(span), |post| &post.keys.words)
            .into_iter()
            .filter(|(word, a)| *a >= 3 && !view.own_words.iter().any(|own| own == word))
            .map(|(word, a)| (word, (a, 0)))
            .collect();
    for other in others(views, index) {
        for word in other.between(span).iter().flat_map(|post| &post.keys.words) {
            if let Some((_, c)) = counts.get_mut(word.as_str()) {
                *c += 1;
            }
        }
    }
    let (total, total_of_others) = (view.count(span), count_of_others(views, index, span));
    let is_scored = total_of_others >= MIN_OTHERS;
    let mut nodes = Vec::new();
    for (word, (a, c)) in counts {
        let table = Table::of(a, total, c, total_of_others);
        if !is_scored || table.is_above_expectation() {
            nodes.push(Node {
                scores: is_scored.then(|| (table.g2(), table.npmi())),
                count: a,
                word: word.to_owned(),
            });
        }
    }
    nodes.sort_by_cached_key(|node| {
        let g2 = node.scores.map(|(g2, _)| g2);
        (Reverse((g2, node.count)), node.word.clone())
    });
    nodes
}

/// The links: pairs of these words in the newest 2,000 posts of the span.
fn links(view: &View<'_>, span: &Range<i64>, words: &HashSet<&str>) -> Vec<Value> {
    let mut pairs: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for post in view.between(span).iter().rev().take(2_000) {
        let mut found: Vec<&str> = post.keys.words.iter().map(String::as_str).collect();
        found.retain(|word| words.contains(word));
        found.sort_unstable();
        for (index, a) in found.iter().enumerate() {
            for b in &found[index + 1..] {
                *pairs.entry((a, b)).or_default() += 1;
            }
        }
    }
    let mut links: Vec<_> = pairs.into_iter().filter(|(_, count)| *count >= 2).collect();
    links.sort_by_key(|(pair, count)| (Reverse(*count), *pair));
    let links = links.into_iter().take(200);
    links
        .map(|((a, b), count)| json!({ "a": a, "b": b, "count": count }))
        .collect()
}
