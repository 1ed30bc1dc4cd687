//! Tests of the rules of keywords: how they are set, shown and dropped, and what they match.

use serde_json::{Value, json};
use tidings::events::{Event, Keyword, KeywordRules, Record, RuleTexts, Timestamp};

use crate::common::http::Answer;
use crate::common::in_process::{Running, Setup};
use crate::common::lines::{event, ndjson, of, posted, with};

const AT: &str = "2020-01-01T00:00:00Z";

async fn post(running: &Running, body: Value) -> Answer {
    let body = body.to_string();
    let path = "/api/v1/keywords";
    running
        .post(path, "application/json", body.as_bytes())
        .await
}

/// The lists `any` and `none` in the row of a keyword; null where the row has none.
async fn listed(running: &Running, keyword: &str) -> [Value; 2] {
    let list = running.get("/api/v1/keywords").await.json();
    let rows = list["keywords"].as_array().unwrap();
    let row = rows.iter().find(|row| row["keyword"] == keyword).unwrap();
    ["any", "none"].map(|name| row[name].clone())
}

/// The last sequence of the journal.
async fn head(running: &Running) -> u64 {
    running.publish_all(&[]).await
}

async fn ids(running: &Running, keyword: &str, seq: u64) -> Vec<String> {
    let path = format!("/api/v1/keywords/{keyword}/timeline?min_seq={seq}");
    let page = running.get(&path).await.expect(200);
    let items = page["items"].as_array().unwrap().iter();
    let mut ids: Vec<String> = items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn given_lists_replace_both_and_no_lists_leave_them() {
    let running = Running::start().await;
    let none = Value::Null;
    for (body, status, events, any, excluded) in [
        (
            json!({"keyword": "아이폰", "any": ["iPhone", "애플  폰", "ＩＰＨＯＮＥ"], "none": ["케이스"]}),
            201,
            1,
            json!(["iphone", "애플 폰"]),
            json!(["케이스"]),
        ),
        (
            json!({"keyword": "아이폰"}),
            200,
            0,
            json!(["iphone", "애플 폰"]),
            json!(["케이스"]),
        ),
        (
            json!({"keyword": "아이폰", "any": ["IPHONE", "애플 폰"], "none": [" 케이스"]}),
            200,
            0,
            json!(["iphone", "애플 폰"]),
            json!(["케이스"]),
        ),
        (
            json!({"keyword": "아이폰", "any": ["iphone"]}),
            200,
            1,
            json!(["iphone"]),
            none.clone(),
        ),
        (
            json!({"keyword": "아이폰", "any": null, "none": ["case"]}),
            200,
            1,
            none.clone(),
            json!(["case"]),
        ),
        (
            json!({"keyword": "아이폰", "any": null, "none": null}),
            200,
            0,
            none.clone(),
            json!(["case"]),
        ),
        (
            json!({"keyword": "아이폰", "none": []}),
            200,
            1,
            none.clone(),
            none.clone(),
        ),
    ] {
        let before = head(&running).await;
        let answer = post(&running, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert_eq!(head(&running).await - before, events, "{body}");
        assert_eq!(listed(&running, "아이폰").await, [any, excluded], "{body}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn untracked_keyword_loses_its_rules() {
    let running = Running::start().await;
    let rules = json!({"keyword": "ai", "any": ["llm"]});
    assert_eq!(post(&running, rules.clone()).await.status, 201);
    let gone = running
        .send("DELETE", "/api/v1/keywords/ai", &[], b"")
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(running.track("ai").await.status, 201);
    assert_eq!(listed(&running, "ai").await, [Value::Null, Value::Null]);
    assert_eq!(post(&running, rules).await.status, 200);
    assert_eq!(listed(&running, "ai").await[0], json!(["llm"]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tweets_go_where_the_rules_say_and_named_keywords_are_not_matched() {
    let running = Running::start().await;
    let body = json!({"keyword": "apple", "any": ["iphone", "맥북"], "none": ["pie"]});
    assert_eq!(post(&running, body).await.status, 201);
    running.track("pie").await;
    let seq = running
        .publish_all(&[
            posted("by-keyword", AT, "an apple a day"),
            posted("by-any", AT, "새 맥북을 샀다"),
            posted("excluded", AT, "apple pie"),
            posted("excluded-any", AT, "an iPhone in a PIE"),
            posted("inside-a-word", AT, "my iphones"),
            of("apple", posted("named", AT, "a pie")),
        ])
        .await;
    assert_eq!(
        ids(&running, "apple", seq).await,
        ["by-any", "by-keyword", "named"]
    );
    assert_eq!(
        ids(&running, "pie", seq).await,
        ["excluded", "excluded-any"]
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_tracked_event_decides_for_later_lines_only() {
    let running = Running::start().await;
    running.track("known").await;
    let tracked =
        |keyword: &str, rules: Value| of(keyword, with(event("keyword.tracked", AT), rules));
    let seq = running
        .publish_all(&[
            posted("t1", AT, "first"),
            tracked("known", json!({"any": ["first"]})),
            posted("t2", AT, "first"),
            tracked("new", json!({"any": ["first"], "none": ["known"]})),
            posted("t3", AT, "first"),
            posted("t4", AT, "first known"),
            tracked("known", json!({"none": ["first"]})),
            posted("t5", AT, "first known"),
            posted("t6", AT, "known"),
            of("new", event("keyword.untracked", AT)),
            tracked("new", json!({})),
            posted("t7", AT, "first"),
            tracked("known", json!({})),
            posted("t8", AT, "first known new"),
            posted("t9", AT, "known new"),
            tracked("known", json!({"any": []})),
            posted("t10", AT, "first known"),
        ])
        .await;
    assert_eq!(
        ids(&running, "known", seq).await,
        ["t10", "t2", "t3", "t4", "t6", "t9"]
    );
    assert_eq!(ids(&running, "new", seq).await, ["t8", "t9"]);
    // The next body starts from the same rules.
    let seq = running
        .publish_all(&[posted("t11", AT, "first known")])
        .await;
    assert_eq!(
        ids(&running, "known", seq).await,
        ["t10", "t11", "t2", "t3", "t4", "t6", "t9"]
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_break_a_rule_are_refused_with_the_number_of_the_text() {
    let running = Running::start().await;
    let many: Vec<String> = (0..21).map(|number| format!("t{number}")).collect();
    for (rules, said) in [
        (json!({"any": many}), "\"any\" has 21 texts; at most 20"),
        (json!({"none": ["a", " "]}), "at place 2: it is empty"),
        (json!({"any": ["가".repeat(65)]}), "it has 65 characters"),
        (json!({"any": ["a\u{202e}"]}), "U+202E"),
        (json!({"any": "a"}), "array of strings"),
        (json!({"none": [1]}), "string"),
    ] {
        let answer = post(&running, with(json!({"keyword": "ai"}), rules.clone())).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "bad-body")
        );
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(said), "{detail}");

        let line = of("ai", with(event("keyword.tracked", AT), rules));
        let taken = running.publish(ndjson(&[line])).await.expect(200);
        assert_eq!(taken["accepted"], 0, "{taken}");
        let reason = taken["rejected"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(said), "{reason}");
    }
    assert_eq!(head(&running).await, 0, "nothing is journaled");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_over_the_limit_are_refused_to_requests_and_folded_from_the_journal() {
    let running = Running::with(Setup {
        rule_texts_max: 3,
        ..Setup::default()
    })
    .await;
    let rules = |keyword: &str, any: &[&str]| json!({"keyword": keyword, "any": any});
    assert_eq!(post(&running, rules("a", &["x", "y"])).await.status, 201);
    let refused = post(&running, rules("b", &["x", "y"])).await;
    let kind = refused.problem();
    assert_eq!(
        (refused.status, kind.as_str()),
        (409, "too-many-rule-texts")
    );
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("more than 3 texts"), "{detail}");
    assert_eq!(post(&running, rules("b", &["x"])).await.status, 201);

    // The lines of one body share the limit, and may give a keyword fewer texts.
    let tracked = |keyword: &str, any: &[&str]| {
        of(
            keyword,
            with(event("keyword.tracked", AT), json!({"any": any})),
        )
    };
    let lines = [
        tracked("c", &["z"]),
        tracked("a", &["x", "y", "z"]),
        tracked("a", &["z"]),
        of("d", posted("t1", AT, "z")),
    ];
    let taken = running.publish(ndjson(&lines)).await.expect(200);
    assert_eq!(taken["accepted"], 2, "{taken}");
    let rejected = taken["rejected"].as_array().unwrap().iter();
    let codes: Vec<_> = rejected
        .map(|line| {
            (
                line["line"].as_u64().unwrap(),
                line["code"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(codes, [(1, "too_many"), (2, "too_many")]);
    let counted = |texts: u64, tracked: u64| {
        let limits = json!({"max": 100_000, "max_rule_texts": 3});
        with(json!({"tracked": tracked, "rule_texts": texts}), limits)
    };
    let readiness = running.get("/readyz").await.json();
    assert_eq!(readiness["status"], "ready", "{readiness}");
    assert_eq!(readiness["keywords"], counted(2, 3));

    let texts = RuleTexts::new(["1", "2", "3"]).unwrap();
    let journaled = KeywordRules::new(texts, RuleTexts::default());
    let at = Timestamp::parse(AT).unwrap();
    let tracked = Event::keyword_tracked_by(at, &journaled);
    let record = Record::of_event(&Keyword::new("e").unwrap(), &tracked, at).unwrap();
    let appended = running.tidings.journal().append(vec![record]).await;
    let last = appended.unwrap().last;
    running
        .get(&format!("/api/v1/keywords/e/ledger?min_seq={last}"))
        .await
        .expect(200);
    let readiness = running.get("/readyz").await.json();
    assert_eq!(readiness["status"], "degraded", "{readiness}");
    assert_eq!(readiness["keywords"], counted(5, 4));
    assert_eq!(post(&running, rules("a", &["x", "y"])).await.status, 409);
    assert_eq!(post(&running, rules("a", &["x"])).await.status, 200);
    assert_eq!(running.track("f").await.status, 201);
    running.stop().await;
}
