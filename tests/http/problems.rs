//! Tests of refused requests: the problem names the error and the remedy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tidings::actors::engine::fold_step;
use tidings::events::{Event, Keyword, Record, Timestamp};
use tidings::http::{Access, Action, HttpOptions, KeywordSet, Principal, ROUTES};

use crate::common::gate::Gate;
use crate::common::http::Answer;
use crate::common::in_process::{Running, Setup};
use crate::common::lines::posted;

fn shown(reply: &Answer) -> Value {
    reply.problem();
    reply.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_the_error_and_the_remedy() {
    let running = Running::start().await;
    running.track("ai").await;
    for (name, path) in [
        ("not_found", "/api/v1/nothing"),
        ("unknown_keyword", "/api/v1/keywords/absent/timeline"),
        ("bad_keyword", "/api/v1/keywords/a%E2%80%AEb/timeline"),
        ("bad_token", "/api/v1/keywords/%FF/timeline"),
        ("unknown_parameter", "/api/v1/keywords/ai/timeline?page=2"),
        ("unknown_parameter_where_there_is_none", "/healthz?x=1"),
        (
            "repeated_parameter",
            "/api/v1/keywords/ai/timeline?limit=1&limit=2",
        ),
        ("bad_limit", "/api/v1/keywords/ai/timeline?limit=201"),
        ("bad_cursor", "/api/v1/keywords/ai/timeline?before=abc"),
        ("bad_time", "/api/v1/keywords/ai/timeline?from=yesterday"),
        (
            "reversed",
            "/api/v1/keywords/ai/volume?from=2015-06-02T00:00:00Z&to=2015-06-01T00:00:00Z",
        ),
        ("bad_step", "/api/v1/keywords/ai/volume?step=week"),
        ("bad_zone", "/api/v1/keywords/ai/volume?tz=%2B09:30"),
        (
            "too_many_points",
            "/api/v1/keywords/ai/volume?step=minute&from=2015-06-01T00:00:00Z&to=2015-06-09T00:00:00Z",
        ),
        ("bad_window", "/api/v1/overview?window=2h"),
        ("no_keywords", "/api/v1/compare"),
        (
            "too_many_keywords_compared",
            "/api/v1/compare?keyword=a&keyword=b&keyword=c&keyword=d&keyword=e&keyword=f&keyword=g&keyword=h&keyword=i&keyword=j&keyword=k",
        ),
        (
            "unknown_keyword_compared",
            "/api/v1/compare?keyword=ai&keyword=absent",
        ),
        ("bad_min_seq", "/api/v1/ledger?min_seq=-1"),
        ("beyond_head", "/api/v1/keywords/ai/ledger?min_seq=99"),
    ] {
        insta::assert_json_snapshot!(name, shown(&running.get(path).await));
    }
    for (name, method, path, headers, body) in [
        ("method_not_allowed", "PUT", "/api/v1/tweets", &[][..], ""),
        ("no_content_type", "POST", "/api/v1/tweets", &[], "{}"),
        (
            "wrong_content_type",
            "POST",
            "/api/v1/keywords",
            &[("Content-Type", "text/plain")],
            "{}",
        ),
        (
            "bad_body",
            "POST",
            "/api/v1/keywords",
            &[("Content-Type", "application/json")],
            "{\"keyword\":5}",
        ),
        (
            "bad_keyword_in_body",
            "POST",
            "/api/v1/keywords",
            &[("Content-Type", "application/json")],
            "{\"keyword\":\"  \"}",
        ),
        (
            "untrack_unknown",
            "DELETE",
            "/api/v1/keywords/absent",
            &[],
            "",
        ),
        (
            "release_unknown",
            "POST",
            "/api/v1/keywords/absent/release",
            &[],
            "",
        ),
        (
            "release_sound",
            "POST",
            "/api/v1/keywords/ai/release",
            &[],
            "",
        ),
        (
            "foreign_origin",
            "GET",
            "/healthz",
            &[("Origin", "http://evil.example")],
            "",
        ),
    ] {
        let reply = running.send(method, path, headers, body.as_bytes()).await;
        insta::assert_json_snapshot!(name, shown(&reply));
        if name == "method_not_allowed" {
            assert_eq!(reply.header("allow"), Some("POST"));
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keyword_over_the_limit_is_refused() {
    let running = Running::with(Setup {
        keywords_max: 1,
        ..Setup::default()
    })
    .await;
    assert_eq!(running.track("one").await.status, 201);
    assert_eq!(running.track("one").await.status, 200);
    let refused = running.track("two").await;
    insta::assert_json_snapshot!("too_many_keywords", shown(&refused));
    assert_eq!(refused.status, 409);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn journaled_keywords_over_the_limit_are_folded_and_degrade_readyz() {
    let running = Running::with(Setup {
        keywords_max: 1,
        ..Setup::default()
    })
    .await;
    assert_eq!(running.track("one").await.status, 201);
    let readiness = running.get("/readyz").await.json();
    assert_eq!(readiness["status"], "ready", "{readiness}");

    let at = Timestamp::parse("2015-06-01T00:00:00Z").unwrap();
    let records = ["two", "three"].map(|name| {
        let keyword = Keyword::new(name).unwrap();
        Record::of_event(&keyword, &Event::keyword_tracked(at), at).unwrap()
    });
    let appended = running.tidings.journal().append(records.into()).await;
    let last = appended.unwrap().last;
    for name in ["two", "three"] {
        let path = format!("/api/v1/keywords/{name}/ledger?min_seq={last}");
        let ledger = running.get(&path).await.json();
        assert_eq!(ledger["folded"], 1, "{ledger}");
    }
    let reply = running.get("/readyz").await;
    let readiness = reply.json();
    assert_eq!(
        (reply.status, &readiness["status"]),
        (200, &json!("degraded"))
    );
    let counts = json!({"tracked": 3, "max": 1, "rule_texts": 0, "max_rule_texts": 200_000});
    assert_eq!(readiness["keywords"], counts);
    assert_eq!(readiness["quarantined"], json!([]));
    assert_eq!(running.track("four").await.status, 409);

    for (name, status) in [("two", "degraded"), ("three", "ready")] {
        let path = format!("/api/v1/keywords/{name}");
        assert_eq!(running.send("DELETE", &path, &[], b"").await.status, 204);
        let readiness = running.get("/readyz").await.json();
        assert_eq!(readiness["status"], status, "{readiness}");
    }
    running.stop().await;
}

/// An access policy that allows nothing.
#[derive(Debug)]
struct DenyAll;

impl Access for DenyAll {
    fn allows(&self, _: &Principal, _: Option<&Keyword>, _: Action) -> bool {
        false
    }

    fn countable(&self, _: &Principal) -> KeywordSet {
        KeywordSet::from_iter([])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_checks_access() {
    let running = Running::with(Setup {
        http: HttpOptions {
            access: Arc::new(DenyAll),
            ..HttpOptions::default()
        },
        ..Setup::default()
    })
    .await;
    // The files of the dashboard, at `/`, are the same for all callers and need no permission.
    for route in ROUTES.iter().filter(|route| route.pattern != "/") {
        let path = route.pattern.replace("{token}", "ai");
        for method in &route.methods {
            let (headers, body) = match path.as_str() {
                "/api/v1/keywords" if *method == "POST" => (
                    &[("Content-Type", "application/json")][..],
                    &b"{\"keyword\":\"ai\"}"[..],
                ),
                _ => (&[][..], &b""[..]),
            };
            let reply = running.send(method, &path, headers, body).await;
            assert_eq!(reply.status, 403, "{method} {path}");
            assert_eq!(reply.problem(), "not-permitted");
        }
    }
    running.stop().await;
}

/// An access policy that panics when it is asked about one keyword.
#[derive(Debug)]
struct Fragile;

impl Access for Fragile {
    fn allows(&self, _: &Principal, keyword: Option<&Keyword>, _: Action) -> bool {
        assert!(
            keyword.is_none_or(|keyword| keyword.as_str() != "panic"),
            "on purpose"
        );
        true
    }

    fn countable(&self, _: &Principal) -> KeywordSet {
        KeywordSet::All
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn panicking_handler_fails_its_own_request_only() {
    let running = Running::with(Setup {
        http: HttpOptions {
            access: Arc::new(Fragile),
            ..HttpOptions::default()
        },
        ..Setup::default()
    })
    .await;
    let reply = running.get("/api/v1/keywords/panic/timeline").await;
    insta::assert_json_snapshot!("internal", shown(&reply));
    assert_eq!(reply.status, 500);
    assert_eq!(running.track("panic").await.status, 500);
    assert_eq!(running.track("calm").await.status, 201);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stalled_view_is_awaited_then_reported() {
    let (gate, _opener) = Gate::closed();
    let running = Running::with(Setup {
        fold: gate.fold(),
        ..Setup::default()
    })
    .await;
    let tracked = running.track("slow").await;
    assert_eq!(
        (tracked.status, tracked.problem().as_str()),
        (503, "try-again")
    );
    assert_eq!(tracked.header("retry-after"), Some("1"));
    let reply = running
        .send("GET", "/api/v1/ledger?min_seq=1", &[], b"")
        .await;
    insta::assert_json_snapshot!("try_again", shown(&reply));
    assert_eq!(reply.header("retry-after"), Some("1"));

    // The holders of the tweet cannot be read, so the line that needs them is rejected. The other
    // line is accepted.
    let body = format!(
        "{}\n{}\n",
        posted("t1", "2015-06-01T00:00:00Z", "slow"),
        json!({"type": "tweet.deleted", "id": "t1", "at": "2015-06-01T00:00:00Z"}),
    );
    let taken = running.publish(&body).await.json();
    gate.open();
    assert_eq!(taken["accepted"], 1, "{taken}");
    let refused = &taken["rejected"][0];
    assert_eq!(refused["line"], 2, "{taken}");
    assert!(
        refused["reason"].as_str().unwrap().starts_with("try_again"),
        "{taken}"
    );

    assert_eq!(running.get("/api/v1/ledger?min_seq=1").await.status, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantined_keyword_is_listed_and_can_be_released() {
    let failing = Arc::new(AtomicBool::new(true));
    let gate = Arc::clone(&failing);
    let fold = fold_step();
    let running = Running::with(Setup {
        fold: Arc::new(move |view, rows, keyword, envelope| {
            assert!(
                !(gate.load(Ordering::SeqCst) && keyword.as_str() == "bad"),
                "on purpose"
            );
            fold(view, rows, keyword, envelope)
        }),
        ..Setup::default()
    })
    .await;
    running.track("good").await;
    running.track("bad").await;
    let deadline = tokio::time::Instant::now() + crate::common::wait::DEADLINE;
    let readiness = loop {
        let reply = running.get("/readyz").await;
        if reply.status == 200 && reply.json()["status"] == "degraded" {
            break reply.json();
        }
        assert!(tokio::time::Instant::now() < deadline, "{}", reply.text());
    };
    assert_eq!(readiness["quarantined"], json!(["bad"]));
    failing.store(false, Ordering::SeqCst);
    let released = running
        .send("POST", "/api/v1/keywords/BAD/release", &[], b"")
        .await;
    let answer = released.json();
    assert_eq!(
        (released.status, &answer["keyword"], &answer["token"]),
        (200, &json!("bad"), &json!("bad"))
    );
    assert!(answer["epoch"].is_string() && answer["as_of"].is_u64());
    let seq = running
        .publish_all(&[crate::common::lines::with(
            posted("t1", "2015-06-01T00:00:00Z", "x"),
            json!({"keyword": "bad"}),
        )])
        .await;
    let page = running
        .get(&format!("/api/v1/keywords/bad/timeline?min_seq={seq}"))
        .await;
    assert_eq!(page.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(running.get("/readyz").await.json()["status"], "ready");
    running.stop().await;
}
