//! Tests of the reports of sources: how they are taken and shown, and their metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use tidings::events::{Clock, Keyword, Timestamp};
use tidings::http::{Access, Action, HttpOptions, KeywordSet, Principal};

use crate::common::http::Answer;
use crate::common::in_process::{Running, Setup};

/// A report of the source `x`, with the members of `more` in it.
fn report(more: Value) -> Value {
    let mut report = json!({"name": "x", "kind": "x", "instance": "one", "state": "live"});
    let Value::Object(more) = more else {
        panic!("{more} is no object");
    };
    report.as_object_mut().unwrap().extend(more);
    report
}

async fn put(running: &Running, name: &str, report: &Value) -> Answer {
    let path = format!("/api/v1/sources/{name}");
    let json = [("Content-Type", "application/json")];
    let body = report.to_string();
    running.send("PUT", &path, &json, body.as_bytes()).await
}

async fn sources(running: &Running) -> Value {
    running.get("/api/v1/sources").await.expect(200)["sources"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_listed_by_name_with_all_members() {
    let running = Running::start().await;
    assert_eq!(sources(&running).await, json!([]));
    let full = report(json!({
        "detail": "no answer", "state": "backing_off", "received": 12, "journaled": 6,
        "unmatched": 2, "duplicate": 1, "rejected": 1, "waiting": 2, "control": 3,
        "connected_at": "2026-11-23T16:00:00+09:00", "last_post_at": "2026-11-23T07:00:01.5Z",
        "last_byte_at": "2026-11-23T07:00:02Z", "retry_at": "2026-11-23T07:00:03Z",
        "reconnects": 2, "rules": 1, "requests": 9, "later": true,
        "keywords": {"tracked": 3, "pending": ["배우"], "narrow": ["漢字"],
            "refused": [{"keyword": "the", "reason": "too common"}]},
        "rate": {"limit": 450, "remaining": 7, "reset": "2026-11-23T07:15:00Z"},
        "cost": {"posts": 12, "usd": 0.06, "month_usd": 1.25},
        "gaps": [{"gap": 1, "from": "2026-11-23T06:00:00Z", "to": null, "cause": "network",
            "state": "open", "posts": 0}],
        "backfill": {"from": "2026-11-20T00:00:00Z", "to": "2026-11-23T00:00:00Z",
            "done": false, "posts": 4, "requests": 2, "eta_seconds": 60},
        "requests_by": [{"endpoint": "rules", "status": 200, "count": 9}],
        "reconnects_by": [{"cause": "stall", "count": 2}],
    }));
    assert_eq!(put(&running, "x", &full).await.status, 204);
    let short = report(json!({"name": "feed_2-a", "kind": "mastodon", "state": "idle"}));
    assert_eq!(put(&running, "feed_2-a", &short).await.status, 204);
    let listed = running.get("/api/v1/sources").await;
    insta::assert_json_snapshot!("sources", listed.expect(200));

    let tag = listed.header("etag").unwrap().to_owned();
    let held = [("If-None-Match", tag.as_str())];
    let again = running.send("GET", "/api/v1/sources", &held, b"").await;
    assert_eq!(again.status, 304);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn report_that_is_wrong_or_of_another_instance_is_refused() {
    let running = Running::start().await;
    assert_eq!(put(&running, "x", &report(json!({}))).await.status, 204);
    let before = sources(&running).await;
    let long = "a".repeat(33);
    for (name, body, status, problem) in [
        ("y", report(json!({})), 400, "bad-body"),
        ("x", report(json!({"state": "gone"})), 400, "bad-body"),
        ("x", report(json!({"state": "asleep"})), 400, "bad-body"),
        ("x", report(json!({"received": -1})), 400, "bad-body"),
        ("x", json!([]), 400, "bad-body"),
        ("X", report(json!({"name": "X"})), 400, "bad-source-name"),
        (
            "a.b",
            report(json!({"name": "a.b"})),
            400,
            "bad-source-name",
        ),
        ("%78", report(json!({})), 400, "bad-source-name"),
        (
            &long,
            report(json!({"name": &long})),
            400,
            "bad-source-name",
        ),
        (
            "x",
            report(json!({"instance": "two"})),
            409,
            "other-instance",
        ),
        ("x?page=1", report(json!({})), 400, "unknown-parameter"),
    ] {
        let reply = put(&running, name, &body).await;
        assert_eq!(
            (reply.status, reply.problem()),
            (status, problem.into()),
            "{name} {body}"
        );
    }
    let other = report(json!({"instance": "two"}));
    insta::assert_json_snapshot!("other_instance", put(&running, "x", &other).await.json());
    let large = report(json!({"detail": "a".repeat(1024 * 1024)}));
    assert_eq!(put(&running, "x", &large).await.status, 413);
    let plain = running.send("PUT", "/api/v1/sources/x", &[], b"{}").await;
    assert_eq!(plain.status, 415);
    assert_eq!(sources(&running).await, before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_source_is_gone_and_another_instance_may_report() {
    let start = Timestamp::now();
    let passed = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&passed);
    let clock = Clock::of(move || start.plus(read.load(Ordering::SeqCst)));
    let running = Running::with(Setup {
        clock,
        ..Setup::default()
    })
    .await;
    assert_eq!(put(&running, "x", &report(json!({}))).await.status, 204);
    // An interval of reports is 5 seconds.
    passed.store(19_999, Ordering::SeqCst);
    assert_eq!(sources(&running).await[0]["state"], "live");
    let other = report(json!({"instance": "two"}));
    assert_eq!(put(&running, "x", &other).await.status, 409);
    passed.store(20_000, Ordering::SeqCst);
    assert_eq!(sources(&running).await[0]["state"], "gone");
    assert_eq!(put(&running, "x", &other).await.status, 204);
    assert_eq!(sources(&running).await[0]["state"], "live");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_the_numbers_of_the_newest_reports() {
    let running = Running::start().await;
    for received in [3, 5] {
        let report = report(json!({
            "received": received, "reconnects": 2, "requests": 4,
            "reconnects_by": [{"cause": "stall", "count": 2}],
            "requests_by": [{"endpoint": "search/recent", "status": 429, "count": 4}],
        }));
        assert_eq!(put(&running, "x", &report).await.status, 204);
    }
    let text = running.get("/metrics").await.text();
    for line in [
        "tidings_source_received_total{source=\"x\"} 5",
        "tidings_source_reconnects_total{source=\"x\",cause=\"stall\"} 2",
        "tidings_source_requests_total{source=\"x\",endpoint=\"search/recent\",status=\"429\"} 4",
        "tidings_source_up{source=\"x\"} 1",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    running.stop().await;
}

/// An access policy that allows one action.
#[derive(Debug)]
struct Only(Action);

impl Access for Only {
    fn allows(&self, _: &Principal, _: Option<&Keyword>, action: Action) -> bool {
        action == self.0
    }

    fn countable(&self, _: &Principal) -> KeywordSet {
        KeywordSet::All
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reporting_needs_publish_and_listing_needs_observe() {
    for (action, taken, listed) in [
        (Action::Publish, 204, 403),
        (Action::Observe, 403, 200),
        (Action::Read, 403, 403),
    ] {
        let running = Running::with(Setup {
            http: HttpOptions {
                access: Arc::new(Only(action)),
                ..HttpOptions::default()
            },
            ..Setup::default()
        })
        .await;
        let reply = put(&running, "x", &report(json!({}))).await;
        assert_eq!(reply.status, taken, "{action:?}");
        let reply = running.get("/api/v1/sources").await;
        assert_eq!(reply.status, listed, "{action:?}");
        running.stop().await;
    }
}
