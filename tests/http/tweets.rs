//! Tests of `POST /tweets`: the outcome of each line.

use serde_json::{Value, json};
use tidings::http::HttpOptions;

use crate::common::engine;
use crate::common::in_process::{Running, Setup};
use crate::common::journal_double::JournalDouble;
use crate::common::lines::{self, ndjson, of, posted, with};

const AT: &str = "2015-06-01T10:00:00Z";

fn engaged(id: &str) -> Value {
    lines::engaged(id, AT, 5)
}

fn deleted(id: &str) -> Value {
    lines::deleted(id, AT)
}

fn event(kind: &str) -> Value {
    lines::event(kind, AT)
}

/// The counts of an answer: lines, accepted, journaled, unmatched, and the numbers of the rejected
/// lines.
fn counts(taken: &Value) -> (u64, u64, u64, u64, Vec<u64>) {
    let number = |name: &str| taken[name].as_u64().unwrap();
    let rejected = taken["rejected"].as_array().unwrap();
    let lines: Vec<u64> = rejected
        .iter()
        .map(|line| line["line"].as_u64().unwrap())
        .collect();
    let of_each = [number("accepted"), number("unmatched"), lines.len() as u64];
    assert_eq!(of_each.iter().sum::<u64>(), number("lines"), "{taken}");
    (
        number("lines"),
        number("accepted"),
        number("journaled"),
        number("unmatched"),
        lines,
    )
}

fn reason(taken: &Value, index: usize) -> &str {
    taken["rejected"][index]["reason"].as_str().unwrap()
}

async fn ids(running: &Running, keyword: &str, seq: u64) -> Vec<String> {
    let path = format!("/api/v1/keywords/{keyword}/timeline?limit=200&min_seq={seq}");
    let page = running.get(&path).await.json();
    let items = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_line_does_not_stop_other_lines() {
    let running = Running::start().await;
    let far = posted("t9", "2199-01-01T00:00:00Z", "x");
    let long = of("ai", posted("t9", AT, &"가".repeat(10_001)));
    let mut body = Vec::new();
    for line in [
        of("ai", posted("t1", AT, "first")).to_string().into_bytes(),
        b"{\"type\":".to_vec(),
        b"[]".to_vec(),
        b"\xff\xfe".to_vec(),
        event("tweet.seen").to_string().into_bytes(),
        of("ai", far).to_string().into_bytes(),
        long.to_string().into_bytes(),
        of("ai", posted("t9", AT, "")).to_string().into_bytes(),
        of("a\u{202e}b", posted("t9", AT, "x"))
            .to_string()
            .into_bytes(),
        with(posted("t9", AT, "x"), json!({ "keyword": 5 }))
            .to_string()
            .into_bytes(),
        vec![b'x'; 70_000],
        event("keyword.tracked").to_string().into_bytes(),
        b"   ".to_vec(),
        of("ai", posted("t2", AT, "a\u{0}b"))
            .to_string()
            .into_bytes(),
        posted("t3", AT, "unmatched").to_string().into_bytes(),
        with(of("AI ", posted("t4", AT, "last")), json!({"unknown": [1]}))
            .to_string()
            .into_bytes(),
    ] {
        body.extend_from_slice(&line);
        body.extend_from_slice(b"\r\n");
    }
    let reply = running.publish(&body).await;
    assert_eq!(reply.status, 200);
    let taken = reply.json();
    assert_eq!(counts(&taken), (15, 3, 3, 1, (2..=12).collect()));
    for (index, named) in [
        (0, "not JSON"),
        (1, "not an array"),
        (2, "not UTF-8"),
        (3, "\"tweet.seen\""),
        (4, "too far in the future"),
        (5, "10001 characters"),
        (6, "0 characters"),
        (7, "U+202E"),
        (8, "\"keyword\" is 5"),
        (9, "70000 bytes"),
        (10, "\"keyword\" is missing"),
    ] {
        assert!(
            reason(&taken, index).contains(named),
            "{}",
            reason(&taken, index)
        );
    }
    let seq = taken["seq"].as_u64().unwrap();
    assert_eq!(ids(&running, "ai", seq).await, ["t4", "t2", "t1"]);
    let ledger = running.get("/api/v1/ledger").await.json();
    // One keyword.tracked and three tweets: refused lines are not journaled.
    assert_eq!(ledger["journaled"], 4, "{ledger}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tweet_without_keyword_goes_to_every_matching_keyword() {
    let running = Running::start().await;
    for keyword in ["ai", "연기", "us airways"] {
        running.track(keyword).await;
    }
    let taken = running
        .publish(ndjson(&[
            posted("t1", AT, "AI는 연기력이 없다"),
            posted("t2", AT, "I paid"),
            with(posted("t3", AT, "US  AIRWAYS!"), json!({ "keyword": null })),
            engaged("t1"),
            engaged("t2"),
            deleted("t3"),
            deleted("t3"),
        ]))
        .await
        .json();
    assert_eq!(counts(&taken), (7, 4, 6, 3, vec![]), "{taken}");
    let seq = taken["seq"].as_u64().unwrap();
    assert_eq!(ids(&running, "ai", seq).await, ["t1"]);
    assert_eq!(ids(&running, "%EC%97%B0%EA%B8%B0", seq).await, ["t1"]);
    assert!(ids(&running, "us%20airways", seq).await.is_empty());
    let page = running.get("/api/v1/keywords/ai/timeline").await.json();
    assert_eq!(page["items"][0]["metrics"]["likes"], 5, "{page}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn later_lines_see_effects_of_earlier_lines() {
    let running = Running::start().await;
    let taken = running
        .publish(ndjson(&[
            of("ai", event("keyword.tracked")),
            posted("t1", AT, "AI"),
            // The line tracks the keyword, so later texts are matched against it.
            of("연기", posted("t2", AT, "x")),
            posted("t3", AT, "AI 연기"),
            engaged("t3"),
            of("ai", event("keyword.untracked")),
            posted("t4", AT, "AI"),
            of("ai", posted("t5", AT, "AI")),
            deleted("t1"),
            deleted("t3"),
            of("ai", event("keyword.tracked")),
            posted("t6", AT, "AI"),
        ]))
        .await
        .json();
    // The journal has t1, t2, t3 (for two keywords), the metrics of t3 (two), the deletion of t3
    // (one), and t6.
    assert_eq!(counts(&taken), (12, 9, 8, 2, vec![8]), "{taken}");
    assert!(reason(&taken, 0).starts_with("not_tracked"), "{taken}");
    let seq = taken["seq"].as_u64().unwrap();
    assert_eq!(ids(&running, "ai", seq).await, ["t6"]);
    assert_eq!(ids(&running, "%EC%97%B0%EA%B8%B0", seq).await, ["t2"]);
    let ledger = running.get("/api/v1/ledger").await.json();
    // The 8 records above, 3 of keyword.tracked (one by auto_track), and 1 of keyword.untracked.
    assert_eq!(ledger["journaled"], 12, "{ledger}");
    assert_eq!(ledger["ignored"], 0, "{ledger}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_sees_keywords_tracked_by_the_previous_body() {
    let running = Running::start().await;
    for round in 0..20 {
        let word = format!("word{round}x");
        let taken = running
            .publish(ndjson(&[of(&word, posted("t1", AT, "x"))]))
            .await
            .json();
        assert_eq!(counts(&taken), (1, 1, 1, 0, vec![]), "{taken}");
        let text = format!("a {word} b");
        let taken = running
            .publish(ndjson(&[posted("t2", AT, &text)]))
            .await
            .json();
        assert_eq!(counts(&taken), (1, 1, 1, 0, vec![]), "{taken}");
        let taken = running
            .publish(ndjson(&[of(&word, event("keyword.untracked"))]))
            .await
            .json();
        assert_eq!(counts(&taken), (1, 1, 0, 0, vec![]), "{taken}");
        let taken = running
            .publish(ndjson(&[of(&word, posted("t3", AT, "x"))]))
            .await
            .json();
        assert_eq!(counts(&taken), (1, 0, 0, 0, vec![1]), "{taken}");
    }
    running.stop().await;
}

/// The index of holders is kept between bodies and is updated by each of them.
#[tokio::test(flavor = "multi_thread")]
async fn body_finds_holders_left_by_previous_bodies() {
    let running = Running::start().await;
    // Enough tweets that the older ids are stored in runs.
    let many: Vec<Value> = (0..300)
        .map(|number| of("many", posted(&format!("m{number}"), AT, "x")))
        .collect();
    running.publish_all(&many).await;
    let journaled = async |line: Value| {
        let taken = running.publish(ndjson(&[line])).await.json();
        assert_eq!(taken["rejected"], json!([]));
        taken["journaled"].as_u64().unwrap()
    };
    assert_eq!(journaled(engaged("m0")).await, 1);
    assert_eq!(journaled(engaged("m299")).await, 1);
    assert_eq!(journaled(engaged("t1")).await, 0);
    for (keyword, holders) in [("one", 1), ("two", 2), ("many", 3)] {
        journaled(of(keyword, posted("t1", AT, "x"))).await;
        assert_eq!(journaled(engaged("t1")).await, holders, "{keyword}");
    }
    journaled(of("two", deleted("t1"))).await;
    assert_eq!(journaled(engaged("t1")).await, 2);
    let gone = running
        .send("DELETE", "/api/v1/keywords/one", &[], b"")
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(journaled(engaged("t1")).await, 1);
    assert_eq!(journaled(deleted("t1")).await, 1);
    assert_eq!(journaled(engaged("t1")).await, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_keyword_is_refused_without_auto_track() {
    let running = Running::with(Setup {
        http: HttpOptions {
            auto_track: false,
            ..HttpOptions::default()
        },
        keywords_max: 1,
        ..Setup::default()
    })
    .await;
    let taken = running
        .publish(ndjson(&[
            of("ai", posted("t1", AT, "x")),
            of("ai", event("keyword.untracked")),
            of("ai", event("keyword.tracked")),
            of("ai", posted("t2", AT, "x")),
            of("too", event("keyword.tracked")),
        ]))
        .await
        .json();
    assert_eq!(counts(&taken), (5, 2, 1, 0, vec![1, 2, 5]), "{taken}");
    assert!(reason(&taken, 0).contains("auto_track"), "{taken}");
    assert!(reason(&taken, 2).starts_with("too_many"), "{taken}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_body_is_answered_with_the_journal_head() {
    let running = Running::start().await;
    let seq = running
        .publish_all(&[of("ai", posted("t1", AT, "x"))])
        .await;
    for body in ["", "\n\r\n  \n"] {
        let taken = running.publish(body).await.json();
        assert_eq!(counts(&taken), (0, 0, 0, 0, vec![]));
        assert_eq!(taken["seq"], seq);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_of_exactly_16_mib_is_accepted_in_order() {
    const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
    let running = Running::start().await;
    let mut body = Vec::with_capacity(MAX_BODY_BYTES);
    let text = "한".repeat(9_000);
    let mut lines = 0;
    loop {
        let line = of("ai", posted(&format!("t{lines:04}"), AT, &text)).to_string();
        if body.len() + line.len() + 1 > MAX_BODY_BYTES {
            break;
        }
        body.extend_from_slice(line.as_bytes());
        body.push(b'\n');
        lines += 1;
    }
    body.resize(MAX_BODY_BYTES, b' ');
    let taken = running.publish(&body).await.json();
    assert_eq!(counts(&taken), (lines, lines, lines, 0, vec![]));
    let seq = taken["seq"].as_u64().unwrap();
    assert_eq!(seq, lines + 1);
    let page = running
        .get(&format!("/api/v1/keywords/ai/ledger?min_seq={seq}"))
        .await;
    assert_eq!(page.json()["folded"], lines + 1);
    body.push(b' ');
    let refused = running.publish(&body).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (413, "body-too-large")
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_bad_lines_are_counted_and_the_first_are_listed() {
    let running = Running::start().await;
    let lines = 300_000;
    let taken = running.publish("x\n".repeat(lines)).await.json();
    assert_eq!(taken["lines"], lines);
    assert_eq!(taken["accepted"], 0);
    let listed = taken["rejected"].as_array().unwrap().len();
    let unlisted = taken["rejected_unlisted"].as_u64().unwrap();
    assert_eq!(listed as u64 + unlisted, lines as u64);
    assert!((1_000..=10_000).contains(&listed), "{listed}");
    running.stop().await;
}

/// A server on a journal that refuses appends after the first `appends`.
async fn on_a_journal_full_after(appends: u64) -> Running {
    Running::with(Setup {
        journal: JournalDouble::of(engine::in_memory(7))
            .full_after(appends)
            .handle(),
        ..Setup::default()
    })
    .await
}

/// Each line needs the holders of a tweet of the line before it.
#[tokio::test(flavor = "multi_thread")]
async fn body_with_dependent_lines_is_appended_in_groups() {
    let running = on_a_journal_full_after(2).await;
    let lines: Vec<Value> = (0..200)
        .map(|number| match number % 4 {
            0 => of("ai", posted(&format!("t{number}"), AT, "x")),
            1 => engaged(&format!("t{}", number - 1)),
            2 => deleted(&format!("t{}", number - 2)),
            _ => engaged(&format!("t{}", number - 3)),
        })
        .collect();
    let taken = running.publish(ndjson(&lines)).await.json();
    assert_eq!(counts(&taken), (200, 150, 150, 50, vec![]), "{taken}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_were_not_journaled_are_never_accepted() {
    let running = on_a_journal_full_after(1).await;
    // The deletion needs the holders of t1, so the lines before it are journaled first.
    let reply = running
        .publish(ndjson(&[
            of("ai", posted("t1", AT, "x")),
            of("ai", posted("t2", AT, "x")),
            deleted("t1"),
            of("ai", posted("t3", AT, "x")),
        ]))
        .await;
    assert_eq!(
        (reply.status, reply.problem().as_str()),
        (503, "partly-journaled")
    );
    let problem = reply.json();
    assert_eq!(problem["accepted"], 2, "{problem}");
    assert_eq!(problem["journaled"], 2, "{problem}");
    assert_eq!(problem["seq"], 3, "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("no space left"),
        "{problem}"
    );
    assert_eq!(ids(&running, "ai", 3).await, ["t2", "t1"]);
    let reply = running
        .publish(ndjson(&[of("ai", posted("t4", AT, "x"))]))
        .await;
    assert_eq!(reply.json()["accepted"], 0, "{}", reply.text());
    assert_eq!(reply.status, 503);
    let tracked = running.track("other").await;
    assert_eq!(
        (tracked.status, tracked.problem().as_str()),
        (503, "journal-unavailable")
    );
    running.stop().await;
}
