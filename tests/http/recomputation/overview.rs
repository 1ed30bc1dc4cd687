//! Overviews, recomputed.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Value, json};
use tidings::events::Timestamp;

use super::archive::{View, time};
use super::spikes::Spikes;
use super::statistics::shown;

const MINUTE: i64 = Timestamp::MINUTE;
const HOUR: i64 = Timestamp::HOUR;
const DAY: i64 = Timestamp::DAY;

pub fn overview(views: &[View<'_>], spikes: &[Spikes], window: &str, at: i64) -> Value {
    let length = match window {
        "1h" => HOUR,
        "24h" => DAY,
        "7d" => 7 * DAY,
        "30d" => 30 * DAY,
        other => panic!("{other}"),
    };
    let end = at.div_euclid(MINUTE) * MINUTE + MINUTE;
    let span = end - length..end;
    let before = end - 2 * length..end - length;
    let total: u64 = views.iter().map(|view| view.count(&span)).sum();
    let previous: u64 = views.iter().map(|view| view.count(&before)).sum();
    let previous_ranks: HashMap<&str, i64> = ranked(views, &before)
        .into_iter()
        .zip(1..)
        .filter(|(view, _)| view.count(&before) > 0)
        .map(|(view, rank)| (view.keyword, rank))
        .collect();
    let keywords: Vec<Value> = ranked(views, &span)
        .into_iter()
        .zip(1_i64..)
        .map(|(view, rank)| {
            let count = view.count(&span);
            let previous_rank = previous_ranks.get(view.keyword);
            json!({
                "keyword": view.keyword,
                "token": token(view.keyword),
                "count": count,
                "previous": view.count(&before),
                "share": share(count, total),
                "rank": rank,
                "previous_rank": previous_rank,
                "change": previous_rank.map(|previous| previous - rank),
                "spark": spark(view, &span),
            })
        })
        .collect();
    json!({
        "window": window,
        "total": total,
        "previous": previous,
        "keywords": keywords,
        "latest": latest(views, end),
        "spikes": strongest(views, spikes, &span),
        "until": time(end),
    })
}

/// The views by the number of their posts in a span, the highest first.
fn ranked<'v, 'a>(views: &'v [View<'a>], span: &Range<i64>) -> Vec<&'v View<'a>> {
    let mut ranked: Vec<_> = views.iter().collect();
    ranked.sort_by_key(|view| (Reverse(view.count(span)), view.keyword));
    ranked
}

/// The share `count / total`, rounded half up to 4 decimals.
fn share(count: u64, total: u64) -> Value {
    let units = (2 * 10_000 * count + total).checked_div(2 * total);
    shown(i64::try_from(units.unwrap_or(0)).unwrap(), 10_000.0)
}

/// The numbers of posts in 24 parts of a span.
fn spark(view: &View<'_>, span: &Range<i64>) -> Vec<u64> {
    let minutes = (span.end - span.start) / MINUTE;
    let edge = |part: i64| span.start + part * minutes / 24 * MINUTE;
    (0..24)
        .map(|part| view.count(&(edge(part)..edge(part + 1))))
        .collect()
}

/// The ten newest posts of all keywords before `end`.
fn latest(views: &[View<'_>], end: i64) -> Vec<Value> {
    let mut latest = Vec::new();
    for view in views {
        let before = view.between(&(i64::MIN..end));
        latest.extend(
            before
                .iter()
                .rev()
                .take(10)
                .map(|post| (*post, view.keyword)),
        );
    }
    latest.sort_by_key(|(post, keyword)| (Reverse((post.at, &post.id)), *keyword));
    let latest = latest.into_iter().take(10);
    latest
        .map(|(post, keyword)| {
            let mut shown = post.shown.clone();
            shown["keyword"] = json!(keyword);
            shown
        })
        .collect()
}

/// The twenty strongest spikes that overlap a span.
fn strongest(views: &[View<'_>], spikes: &[Spikes], span: &Range<i64>) -> Vec<Value> {
    let mut found = Vec::new();
    for (view, spikes) in views.iter().zip(spikes) {
        found.extend(spikes.overlapping(span).map(|spike| (spike, view.keyword)));
    }
    found.sort_by_key(|(spike, keyword)| (Reverse(spike.score), spike.span.start, *keyword));
    let strongest = found.into_iter().take(20);
    strongest
        .map(|(spike, keyword)| {
            let mut shown = spike.shown.clone();
            shown["keyword"] = json!(keyword);
            shown["token"] = json!(token(keyword));
            shown
        })
        .collect()
}

/// The token of a keyword.
pub fn token(keyword: &str) -> String {
    let mut token = String::new();
    for byte in keyword.bytes() {
        if matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-') {
            token.push(char::from(byte));
        } else {
            token.push_str(&format!("%{byte:02X}"));
        }
    }
    token
}
