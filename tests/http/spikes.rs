//! Tests of spikes on the wire: the route, the live topic, and the spikes of an overview.

use std::sync::Arc;

use serde_json::{Value, json};
use tidings::http::{HttpOptions, KeywordSet, topic};

use crate::common::events::{NOW, keyword};
use crate::common::in_process::{Running, Setup};
use crate::common::lines::{deleted, of, posted, with};
use crate::http::overviews::CountsOnly;
use crate::http::subscriber::Subscriber;
use tidings::events::Clock;

const HOUR: i64 = 3_600_000;

/// A server whose clock stands at [`NOW`].
async fn start(http: HttpOptions) -> Running {
    Running::with(Setup {
        clock: Clock::of(|| NOW),
        http,
        ..Setup::default()
    })
    .await
}

/// A tweet of a keyword, some milliseconds before [`NOW`].
fn tweet(keyword: &str, id: &str, before: i64, text: &str) -> Value {
    of(keyword, posted(id, &NOW.plus(-before).to_string(), text))
}

/// A keyword with a tweet in each half hour of eight days, and thirty more in the hour that began
/// five hours ago.
fn fox() -> Vec<Value> {
    let mut lines = Vec::new();
    for number in 0..8 * 48 {
        let id = format!("x:{number}");
        lines.push(tweet(
            "fox",
            &id,
            (8 * 48 - number) * HOUR / 2,
            "a fox in the meadow",
        ));
    }
    for number in 0..30 {
        let line = tweet(
            "fox",
            &burst_id(number),
            5 * HOUR - number * 60_000,
            "the fox hunt begins",
        );
        let handle = if number % 3 == 0 {
            "Herald".to_owned()
        } else {
            format!("reader{number}")
        };
        lines.push(with(
            line,
            json!({ "author": { "handle": handle }, "metrics": { "likes": number / 4 } }),
        ));
    }
    lines
}

fn burst_id(number: i64) -> String {
    format!("x:burst-{number}")
}

fn without_epoch(mut answer: Value) -> Value {
    answer["epoch"] = "[epoch]".into();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn spikes_answer_as_specified() {
    let running = start(HttpOptions::default()).await;
    let seq = running.publish_all(&fox()).await;
    let get = async |query: &str| {
        let path = format!("/api/v1/keywords/fox/spikes?min_seq={seq}{query}");
        running.get(&path).await
    };
    let answer = get("").await.expect(200);
    insta::assert_json_snapshot!("spikes", without_epoch(answer.clone()));
    let overview = running.get("/api/v1/overview").await.expect(200);
    insta::assert_json_snapshot!("spikes_of_overview", overview["spikes"]);

    let spikes = async |query: &str| get(query).await.expect(200)["spikes"].clone();
    assert_eq!(
        spikes("&to=2026-11-23T02:00:00.001Z").await,
        answer["spikes"]
    );
    assert_eq!(spikes("&to=2026-11-23T02:00:00Z").await, json!([]));
    assert_eq!(
        spikes("&from=2026-11-23T02:59:59.999Z").await,
        answer["spikes"]
    );
    assert_eq!(spikes("&from=2026-11-23T03:00:00Z").await, json!([]));
    assert_eq!(spikes("&from=2025-11-22T07:00:00Z").await, answer["spikes"]);
    for wrong in [
        "&from=2025-11-22T06:59:59.999Z",
        "&from=2026-11-23T07:00:00.001Z",
        "&from=2024-01-01T00:00:00Z&to=2025-01-02T00:00:00Z",
    ] {
        assert_eq!(get(wrong).await.problem(), "bad-query", "{wrong}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_spikes_equal_the_route_when_a_spike_comes_and_goes() {
    let running = start(HttpOptions::default()).await;
    let mut lines = fox();
    let burst = lines.split_off(8 * 48);
    running.publish_all(&lines).await;
    let from = "2026-11-01T00:00:00.000Z";
    for wrong in [
        json!({ "topic": "spikes", "to": from }),
        json!({ "topic": "spikes", "from": "2025-11-22T06:00:00.000Z" }),
    ] {
        assert!(topic(&wrong, &KeywordSet::All, NOW).is_err(), "{wrong}");
    }
    let topics = [json!("spikes"), json!({ "topic": "spikes", "from": from })];
    let topics = topics.map(|wanted| topic(&wanted, &KeywordSet::All, NOW).unwrap());
    let mut subscriber = Subscriber::connect(&running.live).await;
    subscriber
        .subscribe(Some("fox"), topics.to_vec(), None)
        .await;

    let deletions = (0..30).map(|number| deleted(&burst_id(number), &NOW.to_string()));
    let deletions: Vec<Value> = deletions.map(|line| of("fox", line)).collect();
    for (lines, count) in [(burst, 1), (deletions, 0)] {
        let seq = running.publish_all(&lines).await;
        let is_there = |line: &Value| line["seq"] == seq;
        subscriber
            .until(|held| held.len() == 2 && held.values().all(|held| is_there(&held.line)))
            .await;
        for (name, query) in [("spikes", String::new()), ("from", format!("&from={from}"))] {
            let path = format!("/api/v1/keywords/fox/spikes?min_seq={seq}{query}");
            let answer = running.get(&path).await.expect(200);
            assert_eq!(answer["spikes"].as_array().unwrap().len(), count);
            let held = subscriber.held.iter().find(|(channel, _)| match name {
                "spikes" => *channel == "spikes",
                _ => channel.ends_with(from),
            });
            let (_, held) = held.unwrap();
            for member in ["spikes", "until", "epoch"] {
                assert_eq!(held.line[member], answer[member], "{name}");
            }
            assert_eq!(held.line["seq"], answer["as_of"]);
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overview_has_the_twenty_strongest_spikes_of_countable_keywords() {
    let mut lines = Vec::new();
    let mut names = Vec::new();
    for number in 0..23_i64 {
        let name = format!("k{number:02}");
        lines.push(tweet(&name, "x:first", 12 * 24 * HOUR, "the first one"));
        // A keyword with more tweets has a stronger spike, since no keyword has expected tweets.
        for tweet_number in 0..20 + number {
            let id = format!("x:{tweet_number}");
            lines.push(tweet(
                &name,
                &id,
                26 * HOUR + 60_000 * tweet_number,
                "again and again",
            ));
        }
        names.push(name);
    }
    names.reverse();
    for (countable, expected) in [
        (KeywordSet::All, names[..20].to_vec()),
        (
            [keyword("k03")].into_iter().collect(),
            vec!["k03".to_owned()],
        ),
    ] {
        let running = start(HttpOptions {
            access: Arc::new(CountsOnly(countable)),
            ..HttpOptions::default()
        })
        .await;
        let seq = running.publish_all(&lines).await;
        let spikes_of = async |query: &str| {
            let path = format!("/api/v1/overview?min_seq={seq}&{query}");
            let spikes = running.get(&path).await.expect(200)["spikes"].clone();
            let name = |spike: &Value| spike["keyword"].as_str().unwrap().to_owned();
            spikes
                .as_array()
                .unwrap()
                .iter()
                .map(name)
                .collect::<Vec<_>>()
        };
        assert_eq!(spikes_of("window=7d").await, expected);
        // The spikes end 26 hours before the end of the window.
        assert_eq!(spikes_of("window=24h").await, [""; 0]);
        assert_eq!(
            spikes_of("window=1h&at=2026-11-22T04:30:00Z").await,
            expected
        );
        running.stop().await;
    }
}
