//! Tests of the routes that read views: answers, result pages, filters, entity tags.

use serde_json::{Value, json};

use crate::common::http::Answer;
use crate::common::in_process::Running;
use crate::common::lines::{of, posted, with};

/// Two keywords with a few tweets on two days, new metrics, a deletion, and a rejected tweet.
pub async fn filled() -> (Running, u64) {
    let running = Running::start().await;
    for keyword in ["연기", "AI"] {
        assert_eq!(running.track(keyword).await.status, 201);
    }
    let full = json!({
        "source": "x", "lang": "ko", "url": "https://example.org/1", "reply_to": "x:0",
        "repost_of": "x:9", "author": {"handle": "Kim", "name": "김", "followers": 12},
        "metrics": {"likes": 1},
    });
    let seq = running
        .publish_all(&[
            with(
                posted("x:1", "2015-06-01T10:00:00.5Z", "연기력 <b>최고</b>"),
                full,
            ),
            posted("x:2", "2015-06-01T10:30:00Z", "AI는 연기를 못한다"),
            posted("x:3", "2015-06-02T23:59:59.999Z", "an AI of its own"),
            posted("x:4", "2015-06-02T12:00:00Z", "AI, deleted"),
            json!({"type": "tweet.engaged", "id": "x:1", "at": "2015-06-03T00:00:00Z",
                   "metrics": {"likes": 10, "quotes": 3}}),
            json!({"type": "tweet.deleted", "id": "x:4", "at": "2015-06-03T00:00:00Z"}),
            with(
                posted("x:1", "2015-06-01T10:00:00.5Z", "연기력 again"),
                json!({"keyword": "연기"}),
            ),
        ])
        .await;
    (running, seq)
}

/// The body without the members that differ from run to run.
fn shown(reply: &Answer) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let mut body = reply.json();
    if let Some(epoch) = body.get_mut("epoch") {
        let text = epoch.as_str().unwrap();
        assert_eq!(text.len(), 16, "{text}");
        *epoch = "[epoch]".into();
    }
    body
}

macro_rules! snapshot {
    ($name:literal, $running:expr, $path:expr) => {
        insta::assert_json_snapshot!($name, shown(&$running.get($path).await));
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_answers_as_specified() {
    let (running, seq) = filled().await;
    let path = |rest: &str| {
        let joint = if rest.contains('?') { '&' } else { '?' };
        format!("/api/v1/{rest}{joint}min_seq={seq}")
    };
    snapshot!("keywords", running, &path("keywords"));
    snapshot!("timeline", running, &path("keywords/%ec%97%B0기/timeline"));
    snapshot!(
        "volume",
        running,
        &path(
            "keywords/AI/volume?from=2015-06-01T20:00:00Z&to=2015-06-03T01:00:00Z&step=day&tz=+09:00"
        )
    );
    snapshot!(
        "ledger",
        running,
        &path("keywords/%EC%97%B0%EA%B8%B0/ledger")
    );
    snapshot!("ledger_of_all", running, &path("ledger"));
    snapshot!(
        "overview",
        running,
        &path("overview?window=24h&at=2015-06-02T10:29:59Z")
    );
    snapshot!(
        "compare",
        running,
        &path(
            "compare?keyword=ai&keyword=%EC%97%B0%EA%B8%B0&from=2015-06-01T10:00:00Z&to=2015-06-01T12:00:00Z"
        )
    );
    snapshot!("health", running, "/healthz");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timeline_pages_hold_every_tweet_once() {
    let running = Running::start().await;
    let lines: Vec<Value> = (0..25)
        .map(|n| {
            let line = posted(
                &format!("t{n}"),
                &format!("2015-06-01T10:00:{:02}Z", n / 2),
                "AI",
            );
            of("ai", line)
        })
        .collect();
    let seq = running.publish_all(&lines).await;
    let mut ids: Vec<String> = Vec::new();
    let mut before = String::new();
    loop {
        let path = format!("/api/v1/keywords/ai/timeline?limit=7&min_seq={seq}&before={before}");
        let page = running.get(&path).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 7);
        ids.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => before = next.to_owned(),
            None => break,
        }
    }
    let mut expected: Vec<(usize, String)> = (0..25).map(|n| (n / 2, format!("t{n}"))).collect();
    expected.sort_by(|a, b| b.cmp(a));
    let expected: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, expected);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timeline_filters_are_applied() {
    let (running, seq) = filled().await;
    let ids = async |query: &str| {
        let path = format!("/api/v1/keywords/ai/timeline?min_seq={seq}&{query}");
        let page = running.get(&path).await.json();
        let items = page["items"].as_array().unwrap().clone();
        let ids: Vec<_> = items
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect();
        ids.join(" ")
    };
    assert_eq!(ids("").await, "x:3 x:2");
    assert_eq!(ids("from=2015-06-02T00:00:00Z").await, "x:3");
    assert_eq!(ids("to=2015-06-02T23:59:59.999Z").await, "x:2");
    assert_eq!(ids("q=%EC%97%B0%EA%B8%B0").await, "x:2");
    assert_eq!(ids("q=AN+ai&lang=&author=").await, "x:3");
    assert_eq!(ids("lang=ko").await, "");
    assert_eq!(ids("author=SOMEONE").await, "x:3 x:2");
    assert_eq!(ids("author=some").await, "");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn etag_of_every_json_answer_changes_with_its_body() {
    let (running, seq) = filled().await;
    let span = "from=2015-06-01T00:00:00Z&to=2015-06-02T00:00:00Z";
    for path in [
        "/api/v1/keywords".to_owned(),
        "/api/v1/keywords/ai/timeline".to_owned(),
        format!("/api/v1/keywords/ai/volume?{span}"),
        "/api/v1/keywords/ai/ledger".to_owned(),
        "/api/v1/ledger".to_owned(),
        "/api/v1/overview?at=2015-06-01T00:00:00Z".to_owned(),
        format!("/api/v1/compare?keyword=ai&{span}"),
        "/healthz".to_owned(),
        "/readyz".to_owned(),
        "/api/openapi.json".to_owned(),
        "/".to_owned(),
    ] {
        // All tweets are folded, so nothing changes between the answers.
        assert_eq!(
            running
                .get(&format!("/api/v1/ledger?min_seq={seq}"))
                .await
                .status,
            200
        );
        let first = running.get(&path).await;
        assert_eq!(first.status, 200, "{path}");
        let tag = first.header("etag").unwrap().to_owned();
        assert!(tag.starts_with('"'), "{path}: {tag}");
        for held in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let again = running
                .send("GET", &path, &[("If-None-Match", &held)], b"")
                .await;
            assert_eq!(again.status, 304, "{path} {held}");
            assert_eq!(again.header("etag"), Some(tag.as_str()));
            assert!(again.body.is_empty());
        }
        let head = running.send("HEAD", &path, &[], b"").await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("etag"), Some(tag.as_str()), "{path}");
        let length = first.body.len().to_string();
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
    }
    let timeline = "/api/v1/keywords/ai/timeline";
    let before = running.get(timeline).await;
    let seq = running
        .publish_all(&[posted("x:5", "2015-06-01T00:00:00Z", "AI")])
        .await;
    let after = running.get(&format!("{timeline}?min_seq={seq}")).await;
    assert_ne!(before.header("etag"), after.header("etag"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_percent_encoding_of_a_keyword_is_accepted() {
    let running = Running::start().await;
    for (keyword, tokens) in [
        (
            "us airways",
            &["us%20airways", "US%20%20Airways", "%75s%20airways"][..],
        ),
        ("a/b", &["a%2Fb", "A%2fB"]),
        ("../x", &["%2E%2E%2Fx", "..%2Fx"]),
        (
            "아이폰",
            &["%EC%95%84%EC%9D%B4%ED%8F%B0", "%ec%95%84이폰", "아이폰"],
        ),
        ("*", &["%2A", "*"]),
        ("c++", &["c%2B%2B", "c++"]),
        ("100%", &["100%25"]),
        ("🍎", &["%F0%9F%8D%8E"]),
    ] {
        let created = running.track(keyword).await;
        assert_eq!(created.status, 201, "{keyword}");
        let location = created.header("location").unwrap().to_owned();
        assert_eq!(running.get(&location).await.status, 200, "{location}");
        for token in tokens {
            let reply = running
                .get(&format!("/api/v1/keywords/{token}/timeline"))
                .await;
            assert_eq!(reply.status, 200, "{token}: {}", reply.text());
        }
        assert_eq!(running.track(&format!(" {keyword} ")).await.status, 200);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn untracked_keyword_keeps_only_its_ledger() {
    let (running, seq) = filled().await;
    for _ in 0..2 {
        let gone = running
            .send("DELETE", "/api/v1/keywords/AI", &[], b"")
            .await;
        assert_eq!((gone.status, gone.body.len()), (204, 0));
    }
    let ledger = running.get("/api/v1/keywords/ai/ledger").await.json();
    assert_eq!(ledger["journaled"], 6, "{ledger}");
    for view in ["timeline", "volume"] {
        let reply = running.get(&format!("/api/v1/keywords/ai/{view}")).await;
        assert_eq!(
            (reply.status, reply.problem().as_str()),
            (404, "not-tracked")
        );
    }
    let reply = running.get("/api/v1/compare?keyword=ai").await;
    assert_eq!(reply.status, 404);
    let list = running.get("/api/v1/keywords").await.json();
    assert_eq!(list["keywords"].as_array().unwrap().len(), 1, "{list}");
    assert!(list["as_of"].as_u64().unwrap() > seq);
    assert_eq!(running.track("ai").await.status, 201);
    let empty = running.get("/api/v1/keywords/ai/timeline").await.json();
    assert_eq!(empty["items"], json!([]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_allows_only_its_own_scripts() {
    let running = Running::start().await;
    let page = running.get("/").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    let text = page.text();
    assert!(
        !text.contains("style=") && !text.contains(" on"),
        "inline styles or handlers"
    );
    // An attribute may have several paths, with spaces between them.
    let own = text.match_indices("=\"/");
    let paths: Vec<String> = own
        .flat_map(|(at, _)| text[at + 2..].split('"').next().unwrap().split(' '))
        .map(str::to_owned)
        .collect();
    assert!(paths.len() >= 3, "{paths:?}");
    for path in paths {
        let reply = running.get(&path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    assert!(!text.contains("<script>"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_requests_by_route_and_status() {
    let running = Running::start().await;
    running.get("/api/v1/keywords/x/timeline").await;
    running.get("/api/v1/keywords/y/timeline").await;
    running.get("/nowhere").await;
    let reply = running.get("/metrics").await;
    assert!(
        reply
            .header("content-type")
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let text = reply.text();
    for line in [
        "tidings_http_requests_total{route=\"/api/v1/keywords/{token}/timeline\",status=\"404\"} 2",
        "tidings_http_requests_total{route=\"none\",status=\"404\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expected_counts_begin_after_seven_days_and_are_for_hours_only() {
    let (running, seq) = filled().await;
    let volume = async |query: &str| {
        let path = format!("/api/v1/keywords/AI/volume?min_seq={seq}&{query}");
        running.get(&path).await
    };
    let span = "from=2015-06-08T09:00:00Z&to=2015-06-08T12:00:00Z";
    // The oldest tweet is of 2015-06-01T10:30:00Z. Half a tweet is added to each count. The weights
    // are 3 (one tweet) and 7 (none); in the middle half, 1 and 5 of them are left.
    let expected = volume(&format!("{span}&expected=true")).await.json();
    assert_eq!(
        expected["points"],
        json!([
            {"at": "2015-06-08T09:00:00.000Z", "count": 0, "expected": null},
            {"at": "2015-06-08T10:00:00.000Z", "count": 0, "expected": 0.2},
            {"at": "2015-06-08T11:00:00.000Z", "count": 0, "expected": 0.0},
        ])
    );
    let plain = volume(&format!("{span}&expected=false")).await.json();
    let point = json!({"at": "2015-06-08T09:00:00.000Z", "count": 0});
    assert_eq!(plain["points"][0], point);
    for query in [
        "expected=true&step=day",
        "expected=true&step=minute",
        "expected=1",
    ] {
        assert_eq!(volume(query).await.status, 400, "{query}");
    }
}
