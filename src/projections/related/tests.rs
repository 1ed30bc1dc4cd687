//! Compares related words with a recomputation from the tweets that shares only the analyser.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::events::{Event, TweetDeleted, TweetPosted};
use crate::projections::test_history::NOON;
use crate::projections::test_shard::TestShard;
use crate::text::{Analyser, TweetKeys};

/// Folds a tweet into a keyword.
fn post(shard: &mut TestShard, keyword: usize, tweet: &TweetPosted) {
    shard.fold(keyword, Event::TweetPosted(Box::new(tweet.clone())));
}

/// The answer for the first keyword.
fn answer(shard: &TestShard, query: &RelatedQuery) -> Related {
    let left_out = ["ai phone", "ai", "phone"].map(str::to_owned).into();
    let own = OwnRows::read(&shard.keywords[0].rows, query, &left_out).unwrap();
    let own = own.analysed();
    let mut others = OtherCounts::new(own.words());
    others.add_shard(&shard.map, &shard.runs).unwrap();
    others.take_out_own();
    related(&own, &others, query.limit)
}

fn tweet(number: usize, at: Timestamp, text: &str) -> TweetPosted {
    TweetPosted::of_test(&format!("t{number:05}"), at, text)
}

fn words_in(tweet: &TweetPosted) -> BTreeSet<String> {
    let mut keys = TweetKeys::new();
    Analyser::default().keys(&tweet.text, &mut keys);
    keys.words().map(str::to_owned).collect()
}

/// Word, count, and scores if there are any, in the order of the answer.
type Naive = Vec<(String, u64, Option<(i64, i64)>)>;

/// A number rounded to `places` decimals, in units of the last decimal.
#[allow(clippy::cast_possible_truncation, reason = "the values are small")]
fn rounded(value: f64, places: i32) -> i64 {
    (value * 10_f64.powi(places)).round() as i64
}

#[allow(
    clippy::cast_precision_loss,
    reason = "these counts are floats exactly"
)]
fn scores(a: u64, b: u64, c: u64, d: u64) -> (i64, i64) {
    let [a, b, c, d] = [a, b, c, d].map(|count| count as f64);
    let n = a + b + c + d;
    let part = |o: f64, row: f64, column: f64| {
        if o == 0.0 {
            0.0
        } else {
            o * (o / (row * column / n)).ln()
        }
    };
    let g2 = 2.0
        * (part(a, a + b, a + c)
            + part(b, a + b, b + d)
            + part(c, c + d, a + c)
            + part(d, c + d, b + d));
    let pmi = ((a / n) / ((a + b) / n * ((a + c) / n))).ln();
    (rounded(g2, 3), rounded(pmi / -(a / n).ln(), 4))
}

/// The related words of one window in order, from the tweets.
fn naive(own: &[&TweetPosted], others: &[&TweetPosted]) -> Naive {
    let counts = |tweets: &[&TweetPosted]| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for word in tweets.iter().flat_map(|tweet| words_in(tweet)) {
            *counts.entry(word).or_default() += 1;
        }
        counts
    };
    let (mine, theirs) = (counts(own), counts(others));
    let (total, other_total) = (own.len() as u64, others.len() as u64);
    let mut found: Naive = Vec::new();
    for (word, a) in mine {
        if a < 3 || ["ai phone", "ai", "phone"].contains(&word.as_str()) {
            continue;
        }
        let c = theirs.get(&word).copied().unwrap_or(0);
        if other_total < 1_000 {
            found.push((word, a, None));
        } else if a * (total + other_total) > total * (a + c) {
            found.push((word, a, Some(scores(a, total - a, c, other_total - c))));
        }
    }
    found.sort_by(|x, y| {
        let g2 = |one: &(String, u64, Option<(i64, i64)>)| one.2.map(|(g2, _)| g2);
        g2(y).cmp(&g2(x)).then(y.1.cmp(&x.1)).then(x.0.cmp(&y.0))
    });
    found
}

/// Pairs of nodes in the newest tweets of a window.
fn naive_links(own: &[&TweetPosted], nodes: &BTreeSet<&str>) -> Vec<Link> {
    let mut newest = own.to_vec();
    newest.sort_by(|x, y| (y.at, &y.id).cmp(&(x.at, &x.id)));
    let mut pairs: BTreeMap<(String, String), u32> = BTreeMap::new();
    for tweet in newest.into_iter().take(100) {
        let words: Vec<_> = words_in(tweet)
            .into_iter()
            .filter(|word| nodes.contains(word.as_str()))
            .collect();
        for (index, a) in words.iter().enumerate() {
            for b in &words[index + 1..] {
                *pairs.entry((a.clone(), b.clone())).or_default() += 1;
            }
        }
    }
    let mut links: Vec<_> = pairs
        .into_iter()
        .filter(|(_, count)| *count >= 2)
        .map(|((a, b), count)| Link { a, b, count })
        .collect();
    links.sort_by(|x, y| {
        y.count
            .cmp(&x.count)
            .then_with(|| (&x.a, &x.b).cmp(&(&y.a, &y.b)))
    });
    links.truncate(200);
    links
}

/// The tweets of all keywords, each with the number of its keyword.
type Tweets = Vec<(usize, TweetPosted)>;

fn check(shard: &TestShard, tweets: &Tweets, window: Window, at: Timestamp, limit: usize) {
    let (width, buckets) = match window {
        Window::Hour => (5 * Timestamp::MINUTE, 12),
        Window::Day => (Timestamp::HOUR, 24),
        Window::Week => (Timestamp::HOUR, 168),
        Window::Month => (Timestamp::DAY, 30),
    };
    let end = (at.millis() / width + 1) * width;
    let inside = |is_own: bool, times: std::ops::Range<i64>| -> Vec<&TweetPosted> {
        let tweets = tweets.iter();
        let tweets = tweets.filter(|(keyword, _)| (*keyword == 0) == is_own);
        let tweets = tweets.map(|(_, tweet)| tweet);
        tweets
            .filter(|tweet| times.contains(&tweet.at.millis()))
            .collect()
    };
    let (now, before) = (
        end - buckets * width..end,
        end - 2 * buckets * width..end - buckets * width,
    );
    let (own, others) = (inside(true, now.clone()), inside(false, now));
    let previous = naive(&inside(true, before.clone()), &inside(false, before));
    let expected = naive(&own, &others);
    let nodes = expected
        .iter()
        .zip(1..)
        .take(limit)
        .map(|(one, rank)| Node {
            word: one.0.clone(),
            count: one.1,
            scores: one.2.map(|(g2, npmi)| Scores {
                g2: Decimal::of_units(g2),
                npmi: Decimal::of_units(npmi),
            }),
            rank,
            previous_rank: previous
                .iter()
                .zip(1..)
                .find(|(p, _)| p.0 == one.0)
                .map(|(_, rank)| rank),
        });
    let nodes: Vec<_> = nodes.collect();
    let words = nodes.iter().map(|node| node.word.as_str()).collect();
    let found = answer(shard, &RelatedQuery { window, at, limit });
    let links = naive_links(&own, &words);
    let expected = Related {
        until: Timestamp::from_millis(end),
        total: own.len() as u64,
        others: others.len() as u64,
        is_cut: false,
        nodes,
        links,
    };
    assert_eq!(found, expected, "{window} at {at}");
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![3 => 0_u8..6, 1 => 6_u8..25], 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn answers_equal_a_recomputation_from_the_tweets(
        own in prop::collection::vec((texts(), 0_i64..130), 0..150),
        others in prop::collection::vec((texts(), 0_i64..130), 0..60),
        fillers in prop::collection::vec(0_i64..120, 0..40),
        deleted in prop::collection::vec(0_usize..200, 0..20),
        limit in prop_oneof![Just(100_usize), 1_usize..8],
    ) {
        let mut shard = TestShard::new(3);
        let mut tweets = Tweets::new();
        let text = |words: &[u8]| {
            let words: String = words.iter().map(|word| format!("thing{word} ")).collect();
            format!("AI Phone {words}")
        };
        let at = |minutes: i64| NOON.plus(-minutes * Timestamp::MINUTE);
        for (words, ago) in &own {
            tweets.push((0, tweet(tweets.len(), at(*ago), &text(words))));
        }
        for (number, (words, ago)) in others.iter().enumerate() {
            tweets.push((1 + number % 2, tweet(tweets.len(), at(*ago), &text(words))));
        }
        // Many tweets at a few times, so that some windows have an expectation.
        for ago in &fillers {
            for _ in 0..30 {
                tweets.push((2, tweet(tweets.len(), at(*ago), "filler thing1")));
            }
        }
        for (keyword, tweet) in &tweets {
            post(&mut shard, *keyword, tweet);
        }
        shard.put_all();
        shard.merge();
        for number in deleted {
            if number < tweets.len() {
                let (keyword, tweet) = tweets.remove(number);
                let id = tweet.id;
                shard.fold(keyword, Event::TweetDeleted(TweetDeleted { id, at: NOON }));
            }
        }
        shard.put_all();
        for window in Window::ALL {
            for ago in [0, 29, 64, 125, 1_500] {
                check(&shard, &tweets, window, at(ago), limit);
            }
        }
    }
}

/// Adds tweets of keyword 0 with and without a word (`a`, `b`), and of keyword 1 (`c`, `d`).
fn tabled([a, b, c, d]: [usize; 4]) -> TestShard {
    let mut shard = TestShard::new(2);
    let mut number = 0;
    for (keyword, count, text) in [(0, a, "gadget"), (0, b, ""), (1, c, "gadget"), (1, d, "")] {
        for _ in 0..count {
            post(&mut shard, keyword, &tweet(number, NOON, text));
            number += 1;
        }
    }
    shard.put_all();
    shard
}

const QUERY: RelatedQuery = RelatedQuery {
    window: Window::Day,
    at: NOON,
    limit: 50,
};

#[test]
fn scores_are_those_of_the_contract() {
    let found = answer(&tabled([30, 70, 100, 9_800]), &QUERY);
    let [node] = &found.nodes[..] else {
        panic!("{found:?}");
    };
    let scores = node.scores.unwrap();
    assert_eq!(
        (node.word.as_str(), node.count, node.rank),
        ("gadget", 30, 1)
    );
    assert_eq!(scores.g2.to_string(), "147.249");
    assert_eq!(scores.npmi.to_string(), "0.5403");
    assert_eq!((found.total, found.others), (100, 9_900));
}

#[test]
fn word_that_is_independent_of_the_keyword_is_not_related() {
    assert_eq!(answer(&tabled([10, 20, 500, 1_000]), &QUERY).nodes, []);
    assert_eq!(answer(&tabled([10, 20, 499, 1_001]), &QUERY).nodes.len(), 1);
}

#[test]
fn without_a_thousand_other_tweets_there_is_no_expectation() {
    let found = answer(&tabled([3, 20, 500, 499]), &QUERY);
    assert_eq!(found.nodes.len(), 1);
    assert_eq!(found.nodes[0].scores, None);
    assert_eq!(answer(&tabled([3, 20, 500, 500]), &QUERY).nodes, []);
    assert_eq!(answer(&tabled([2, 20, 0, 500]), &QUERY).nodes, []);
}

#[test]
fn links_stop_at_the_limit_of_text() {
    let mut shard = TestShard::new(1);
    let long = format!("gadget lantern {}", "x".repeat(1_000));
    for number in 0..20 {
        post(&mut shard, 0, &tweet(number, NOON, &long));
    }
    shard.put_all();
    let found = answer(&shard, &QUERY);
    assert!(found.is_cut);
    // 8 KiB hold eight texts.
    assert_eq!(found.links[0].count, 8);
    assert_eq!(found.nodes[0].count, 20);
}
