//! Related words over HTTP and live, as the tweets of other keywords come.

use serde_json::{Value, json};
use tidings::events::{Clock, Timestamp};
use tidings::http::{KeywordSet, topic};

use crate::common::in_process::{Running, Setup};
use crate::common::lines::{of, posted};
use crate::http::subscriber::Subscriber;

const NOW: &str = "2015-06-02T12:30:00.000Z";

/// A server whose clock stands still.
async fn running() -> Running {
    let now = Timestamp::parse(NOW).unwrap();
    Running::with(Setup {
        clock: Clock::of(move || now),
        ..Setup::default()
    })
    .await
}

/// Tweets of a keyword with this text, one for each of these numbers.
fn tweets(keyword: &str, numbers: std::ops::Range<usize>, text: &str) -> Vec<Value> {
    numbers
        .map(|number| of(keyword, posted(&format!("t{number}"), NOW, text)))
        .collect()
}

async fn get(running: &Running, path: &str, seq: u64) -> Value {
    let path = format!("/api/v1/keywords/{path}min_seq={seq}");
    running.get(&path).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_scored_once_other_keywords_have_a_thousand_tweets() {
    let running = running().await;
    let mut lines = tweets("AI phone", 0..12, "AI phone gadget lantern");
    lines.extend(tweets("AI phone", 12..17, "the AI phone and a kettle"));
    lines.extend(tweets("AI phone", 17..19, "a rare sparrow"));
    lines.extend(tweets("weather", 20..1_019, "gadget rain"));
    let seq = running.publish_all(&lines).await;
    let node = |word: &str, count: u64, rank: u64| {
        json!({"word": word, "count": count, "g2": null, "npmi": null, "rank": rank,
               "previous_rank": null})
    };
    let links = json!([{"a": "gadget", "b": "lantern", "count": 12}]);
    let mut answer = get(&running, "ai%20phone/related?", seq).await;
    for name in ["epoch", "as_of"] {
        answer.as_object_mut().unwrap().remove(name);
    }
    let expected = json!({
        "window": "24h", "total": 19, "others": 999, "until": "2015-06-02T13:00:00.000Z",
        "nodes": [node("gadget", 12, 1), node("lantern", 12, 2), node("kettle", 5, 3)],
        "links": links,
    });
    assert_eq!(answer, expected);

    let seq = running
        .publish_all(&tweets("weather", 1_019..1_020, "rain"))
        .await;
    let answer = get(&running, "ai%20phone/related?limit=2&", seq).await;
    let words: Vec<_> = answer["nodes"].as_array().unwrap().iter().collect();
    // All but one of the other keyword's tweets have "gadget", so the word is not related.
    assert_eq!(words.len(), 2, "{answer}");
    assert_eq!(words[0]["word"], "lantern");
    assert_eq!(words[1]["word"], "kettle");
    assert_eq!(answer["others"], 1_000);
    // 12 of 19 tweets have "lantern", and none of 1,000 others: the table is (12, 7, 0, 1000).
    assert_eq!(words[0]["g2"].as_f64(), Some(105.45));
    assert_eq!(answer["links"], json!([]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_answer_follows_other_keywords_at_the_same_position() {
    let running = running().await;
    let seq = running
        .publish_all(&tweets("ai", 0..12, "gadget lantern"))
        .await;
    let now = Timestamp::parse(NOW).unwrap();
    let wanted = topic(&json!("related"), &KeywordSet::All, now).unwrap();
    let answer = get(&running, "ai/related?", seq).await;
    let mut subscriber = Subscriber::connect(&running.live).await;
    subscriber.subscribe(Some("ai"), vec![wanted], None).await;
    let is_answered = |line: &Value, answer: &Value| {
        ["total", "others", "nodes", "links", "until"]
            .iter()
            .all(|name| line[*name] == answer[*name])
            && line["seq"] == answer["as_of"]
    };
    subscriber
        .until(|held| {
            held.get("related")
                .is_some_and(|held| is_answered(&held.line, &answer))
        })
        .await;
    assert_eq!(subscriber.held["related"].line["type"], "snapshot");
    let last = running
        .publish_all(&tweets("weather", 20..1_100, "rain"))
        .await;
    let later = get(&running, "ai/related?", last).await;
    assert_eq!(later["as_of"], answer["as_of"]);
    assert_eq!(later["others"], 1_080);
    subscriber
        .until(|held| is_answered(&held["related"].line, &later))
        .await;
    let line = &subscriber.held["related"].line;
    assert_eq!(line["type"], "update");
    assert_eq!(line["prev"], line["seq"]);
    running.stop().await;
}
