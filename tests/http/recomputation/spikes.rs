//! Spikes and expected counts, recomputed by the formulas of `docs/spikes.md`.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Value, json};
use tidings::events::Timestamp;

use super::archive::{Post, View, key_counts, time};
use super::expectations::{Expectations, PRIOR};
use super::statistics::{Table, deviance, shown};

const HOUR: i64 = Timestamp::HOUR;
const DAY: i64 = Timestamp::DAY;

/// A spike.
pub struct Spike {
    /// The start and the end, in milliseconds since 1970.
    pub span: Range<i64>,
    /// The score in thousandths.
    pub score: i64,
    /// The spike as answers show it.
    pub shown: Value,
}

/// All spikes of a keyword, and its expected counts; no expected counts for a keyword without
/// posts.
pub struct Spikes {
    pub spikes: Vec<Spike>,
    expectations: Option<Expectations>,
}

/// Limits that warm or hot hours reach: the deviance, the number of tweets above the expected one,
/// and the ratio to the expected number, all in thousandths.
struct Limits(u64, u64, u64);

const WARM: Limits = Limits(16_000 / 3, 4_500, 1_500);
const HOT: Limits = Limits(16_000, 18_000, 3_000);

impl Spikes {
    pub fn of(view: &View<'_>) -> Self {
        let expectations = Expectations::of(view);
        let mut spikes = Vec::new();
        if let Some(expectations) = &expectations {
            let last = view.posts.last().map_or(0, |post| post.at.div_euclid(HOUR));
            for (first, last) in stretches(expectations, last) {
                spikes.extend(spike(view, expectations, first, last));
            }
        }
        Self {
            spikes,
            expectations,
        }
    }

    /// The answer of `/spikes` for a span of whole hours.
    pub fn answer(&self, span: &Range<i64>) -> Value {
        let spikes: Vec<&Value> = self.overlapping(span).map(|spike| &spike.shown).collect();
        json!({ "spikes": spikes, "until": time(span.end) })
    }

    pub fn overlapping(&self, span: &Range<i64>) -> impl Iterator<Item = &Spike> {
        self.spikes
            .iter()
            .filter(|spike| spike.span.start < span.end && span.start < spike.span.end)
    }

    /// The answer of `/volume?expected=true` for a span of whole hours.
    pub fn volume(&self, view: &View<'_>, span: &Range<i64>) -> Value {
        let hours = span.start / HOUR..span.end / HOUR;
        let points: Vec<Value> = hours
            .map(|hour| {
                let expectations = self.expectations.as_ref();
                let expected = expectations.and_then(|expectations| expectations.expected(hour));
                json!({
                    "at": time(hour * HOUR),
                    "count": expectations.map_or(0, |expectations| expectations.count(hour)),
                    "expected": expected.map(|expected| shown(tenths(expected), 10.0)),
                })
            })
            .collect();
        json!({
            "step": "hour",
            "points": points,
            "total": view.count(span),
            "until": time(span.end),
        })
    }
}

/// Converts thousandths to tenths, half up.
fn tenths(thousandths: u64) -> i64 {
    i64::try_from((thousandths + 50) / 100).unwrap()
}

/// The stretches of warm hours with gaps of at most two hours: the first and the last hour of each.
fn stretches(expectations: &Expectations, last: i64) -> Vec<(i64, i64)> {
    let mut stretches: Vec<(i64, i64)> = Vec::new();
    for hour in expectations.first()..=last {
        if !is_warm(expectations, hour) {
            continue;
        }
        match stretches.last_mut() {
            Some((_, end)) if hour - *end - 1 <= 2 => *end = hour,
            _ => stretches.push((hour, hour)),
        }
    }
    stretches
}

fn is_warm(expectations: &Expectations, hour: i64) -> bool {
    let counted = expectations.count(hour) * 1_000;
    let neighbours = [hour - 1, hour, hour + 1];
    let mut expected = neighbours
        .iter()
        .filter_map(|hour| expectations.expected(*hour));
    // The limits of `WARM` include the first condition, and the second one for the hour itself.
    // Both are checked first because few hours meet them and the rest is slow.
    counted >= 4_500
        && expected.all(|expected| counted * 2 >= expected * 3)
        && reaches(expectations, &[hour], &WARM)
}

/// Whether these hours together reach limits.
fn reaches(
    expectations: &Expectations,
    hours: &[i64],
    Limits(least, above, ratio): &Limits,
) -> bool {
    let count: u64 = hours.iter().map(|hour| expectations.count(*hour)).sum();
    let expected: Option<u64> = hours.iter().map(|hour| expectations.expected(*hour)).sum();
    let Some(expected) = expected else {
        return false;
    };
    let compared = expected.max(PRIOR * hours.len() as u64);
    if count * 1_000 < expected + above || count * 1_000_000 < compared * ratio {
        return false;
    }
    // d + (d − 1)/2·(1 + (d − 1)/2e), in thousandths.
    let factors = hours.iter().map(|hour| {
        let excess = expectations.dispersion(*hour) - 1_000;
        let expected = expectations.expected(*hour).unwrap().max(PRIOR);
        1_000 + excess + excess / 2 + excess * excess / (4 * expected)
    });
    let factor = factors.max().unwrap();
    u64::try_from(deviance(count, compared)).unwrap() >= least * factor / 1_000
}

/// The spike of a stretch, if one of its hours is hot, alone or together with a neighbour.
fn spike(view: &View<'_>, expectations: &Expectations, first: i64, last: i64) -> Option<Spike> {
    let hours = first..=last;
    let is_hot = hours
        .clone()
        .any(|hour| reaches(expectations, &[hour], &HOT))
        || (first - 1..=last).any(|hour| reaches(expectations, &[hour, hour + 1], &HOT));
    if !is_hot {
        return None;
    }
    let count: u64 = hours.clone().map(|hour| expectations.count(hour)).sum();
    let expected: u64 = hours
        .clone()
        .filter_map(|hour| expectations.expected(hour))
        .sum();
    let expected = tenths(expected);
    let compared = u64::try_from(expected * 100).unwrap();
    let score = deviance(count, compared.max(PRIOR * hours.clone().count() as u64));
    let peak = hours.min_by_key(|hour| (Reverse(expectations.count(*hour)), *hour));
    let span = first * HOUR..(last + 1) * HOUR;
    let mut shown = json!({
        "start": time(span.start),
        "end": time(span.end),
        "peak_at": time(peak.unwrap() * HOUR),
        "count": count,
        "expected": shown(expected, 10.0),
        "score": shown(score, 1_000.0),
    });
    explain(view, &span, &mut shown);
    Some(Spike { span, score, shown })
}

/// Adds the reasons of a spike to its answer.
fn explain(view: &View<'_>, span: &Range<i64>, shown: &mut Value) {
    let posts = view.between(span);
    let days = (span.end - span.start + DAY - 1) / DAY;
    let mut usual = Vec::new();
    for number in 1..=7 {
        let earlier = number * days * DAY;
        usual.extend_from_slice(view.between(&(span.start - earlier..span.end - earlier)));
    }
    if usual.len() < 200 {
        usual = view
            .between(&(span.start - 7 * days * DAY..span.start))
            .to_vec();
    }
    let totals = (posts.len() as u64, usual.len() as u64);
    let words = |posts: &[&'_ Post]| -> HashMap<String, u64> {
        let counts = key_counts(posts, |post| &post.keys.words);
        let other = |(word, _): &(&str, u64)| !view.own_words.iter().any(|own| own == word);
        let counts = counts.into_iter().filter(other);
        counts
            .map(|(word, count)| (word.to_owned(), count))
            .collect()
    };
    let authors = |posts: &[&'_ Post]| -> HashMap<String, u64> {
        let counts = key_counts(posts, |post| [&post.author]).into_iter();
        counts.map(|(key, count)| (key.to_owned(), count)).collect()
    };
    shown["words"] = reasons(&words(posts), &words(&usual), totals);
    shown["authors"] = reasons(&authors(posts), &authors(&usual), totals);
    let mut posts: Vec<&Post> = posts.to_vec();
    posts.sort_by_key(|post| Reverse((post.score(), post.at, &post.id)));
    let first = posts.iter().take(10).map(|post| &post.id);
    shown["tweets"] = json!(first.collect::<Vec<_>>());
}

/// The five keys with the highest scores.
fn reasons(
    here: &HashMap<String, u64>,
    there: &HashMap<String, u64>,
    (total, total_usual): (u64, u64),
) -> Value {
    let mut found = Vec::new();
    for (key, a) in here {
        let table = Table::of(*a, total, there.get(key).copied().unwrap_or(0), total_usual);
        if *a >= 3 && (total_usual == 0 || table.is_above_expectation()) {
            let score = if total_usual == 0 { 0 } else { table.g2() };
            found.push((Reverse(score), Reverse(*a), key));
        }
    }
    found.sort();
    let first = found.iter().take(5).map(|(.., key)| key);
    json!(first.collect::<Vec<_>>())
}
