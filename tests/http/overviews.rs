//! Tests of overviews at past moments: which tweets are the newest before a moment, and how many
//! bytes are read to find them.

use std::sync::Arc;

use serde_json::Value;
use tidings::events::{Keyword, Timestamp};
use tidings::http::{Access, Action, HttpOptions, KeywordSet, Principal};

use crate::common::events::keyword;
use crate::common::in_process::{Running, Setup};
use crate::common::lines::{of, posted};

const MONDAY: &str = "2015-06-01T00:00:00.000Z";

fn minute(number: i64) -> Timestamp {
    Timestamp::parse(MONDAY).unwrap().plus(number * 60_000)
}

/// A tweet of a keyword: keyword, id, and time.
type Sent = (String, String, Timestamp);

async fn publish(running: &Running, tweets: &[Sent], text: &str) {
    let lines: Vec<Value> = tweets
        .iter()
        .map(|(keyword, id, at)| {
            let line = posted(id, &at.to_string(), text);
            of(keyword, line)
        })
        .collect();
    let seq = running.publish_all(&lines).await;
    running.get(&format!("/api/v1/ledger?min_seq={seq}")).await;
}

/// The ten newest tweets before a moment, ordered by time (descending), id (descending) and keyword
/// (ascending).
fn newest_before(tweets: &[Sent], end: Timestamp) -> Vec<(String, String)> {
    let mut before: Vec<_> = tweets.iter().filter(|(.., at)| *at < end).collect();
    before.sort_by(|(keyword_a, id_a, at_a), (keyword_b, id_b, at_b)| {
        (at_b, id_b, keyword_a).cmp(&(at_a, id_a, keyword_b))
    });
    let names = before.into_iter().take(10);
    names
        .map(|(keyword, id, _)| (keyword.clone(), id.clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn overview_at_any_past_moment_matches_the_published_tweets() {
    let running = Running::start().await;
    // Bursts and gaps of days, many tweets in the same minute, and one id in several keywords.
    let mut tweets: Vec<Sent> = Vec::new();
    for number in 0..400_i64 {
        let at = match number % 7 {
            0 | 1 => number % 5,
            2 => 100 + number / 3,
            3 => 3 * 1_440 + number % 90,
            4 => 40 * 1_440 + number,
            5 => -200 * 1_440 + number % 4,
            _ => number * 131,
        };
        let keyword = format!("k{:02}", (number * number + number / 11) % 23);
        tweets.push((keyword, format!("t{:03}", number / 2), minute(at)));
    }
    tweets.sort();
    tweets.dedup_by(|(keyword, id, _), (before, held, _)| keyword == before && id == held);
    publish(&running, &tweets, "x").await;
    for at in [
        -201 * 1_440,
        -200 * 1_440,
        0,
        3,
        60,
        130,
        1_440,
        4_400,
        39 * 1_440,
        57_900,
        90_000,
    ] {
        for window in ["1h", "24h", "30d"] {
            let path = format!("/api/v1/overview?window={window}&at={}", minute(at));
            let answer = running.get(&path).await.json();
            let text = |tweet: &Value, name: &str| tweet[name].as_str().unwrap().to_owned();
            let latest: Vec<_> = answer["latest"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tweet| (text(tweet, "keyword"), text(tweet, "id")))
                .collect();
            assert_eq!(latest, newest_before(&tweets, minute(at + 1)), "{path}");
            let span = match window {
                "1h" => 60,
                "24h" => 1_440,
                _ => 43_200,
            };
            let counted = tweets
                .iter()
                .filter(|(.., sent)| (minute(at + 1 - span)..minute(at + 1)).contains(sent))
                .count();
            assert_eq!(answer["total"], counted, "{path}");
            assert_eq!(answer["keywords"].as_array().unwrap().len(), 23, "{path}");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_overview_reads_the_tweets_of_few_keywords() {
    let running = Running::start().await;
    let mut tweets: Vec<Sent> = Vec::new();
    for keyword in 0..200_i64 {
        // The tweets of each keyword surround the requested moment.
        for number in -4..4 {
            let id = format!("t{keyword}-{number}");
            let at = minute(keyword + 300 * number);
            tweets.push((format!("k{keyword:03}"), id, at));
        }
    }
    publish(&running, &tweets, &"x".repeat(700)).await;
    let before = running.metrics.query_bytes.get();
    let path = format!("/api/v1/overview?window=1h&at={}", minute(150));
    let answer = running.get(&path).await;
    assert_eq!(answer.json()["latest"].as_array().unwrap().len(), 10);
    let read = running.metrics.query_bytes.get() - before;
    // All tweets have more than a million bytes, those of ten keywords about sixty thousand.
    assert!(read < 400_000, "{read} bytes were read");
    running.stop().await;
}

/// An access policy that allows every action, and has these countable keywords.
#[derive(Debug)]
pub struct CountsOnly(pub KeywordSet);

impl Access for CountsOnly {
    fn allows(&self, _: &Principal, _: Option<&Keyword>, _: Action) -> bool {
        true
    }

    fn countable(&self, _: &Principal) -> KeywordSet {
        self.0.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_across_keywords_count_only_what_the_caller_may_see() {
    let running = Running::with(Setup {
        http: HttpOptions {
            access: Arc::new(CountsOnly([keyword("seen")].into_iter().collect())),
            ..HttpOptions::default()
        },
        ..Setup::default()
    })
    .await;
    let tweet = |id: &str, keyword: &str| of(keyword, posted(id, "2015-06-01T10:00:00Z", "text"));
    let tweets = [
        tweet("x:1", "seen"),
        tweet("x:2", "hidden"),
        tweet("x:3", "hidden"),
    ];
    let seq = running.publish_all(&tweets).await;
    let get = async |path: &str| {
        let joint = if path.contains('?') { '&' } else { '?' };
        let path = format!("/api/v1/{path}{joint}min_seq={seq}");
        running.get(&path).await
    };
    let overview = get("overview?at=2015-06-01T11:00:00Z").await.json();
    assert_eq!(overview["total"], 1, "{overview}");
    assert_eq!(overview["keywords"][0]["keyword"], "seen");
    assert_eq!(overview["keywords"].as_array().unwrap().len(), 1);
    assert_eq!(overview["latest"].as_array().unwrap().len(), 1);
    let keywords = get("keywords").await.json();
    assert_eq!(
        keywords["keywords"].as_array().unwrap().len(),
        1,
        "{keywords}"
    );
    let ledger = get("ledger").await.json();
    let of_seen = get("keywords/seen/ledger").await.json();
    assert_eq!(ledger["journaled"], of_seen["journaled"]);
    assert_eq!(get("compare?keyword=seen").await.status, 200);
    let refused = get("compare?keyword=seen&keyword=hidden").await;
    assert_eq!(
        (refused.status, refused.problem()),
        (404, "unknown-keyword".into())
    );
    running.stop().await;
}
