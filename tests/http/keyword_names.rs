//! Tests of the names of the tracked keywords, which collectors poll.

use std::sync::Arc;

use serde_json::json;
use tidings::events::Keyword;
use tidings::http::{Access, Action, HttpOptions, KeywordSet, Principal};

use crate::common::http::Answer;
use crate::common::in_process::{Running, Setup};
use crate::common::lines::posted;

/// An access policy under which answers may count one keyword.
#[derive(Debug)]
struct ShowsOne;

impl Access for ShowsOne {
    fn allows(&self, _: &Principal, _: Option<&Keyword>, _: Action) -> bool {
        true
    }

    fn countable(&self, _: &Principal) -> KeywordSet {
        [Keyword::new("b").unwrap()].into_iter().collect()
    }
}

const NAMES: &str = "/api/v1/keywords?names=true";
const RULES: &str = "/api/v1/keywords?names=true&rules=true";

fn tag(reply: &Answer) -> String {
    reply.header("etag").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_of_names_changes_only_with_the_set() {
    let running = Running::start().await;
    assert_eq!(
        running.get(NAMES).await.expect(200),
        json!({"keywords": []})
    );
    for keyword in ["아이폰", "AI", "us  airways"] {
        assert_eq!(running.track(keyword).await.status, 201);
    }
    let first = running.get(NAMES).await;
    let names = json!({"keywords": ["ai", "us airways", "아이폰"]});
    assert_eq!(first.expect(200), names);

    let seq = running
        .publish_all(&[posted("x:1", "2020-01-01T00:00:00Z", "an AI")])
        .await;
    running
        .get(&format!("/api/v1/ledger?min_seq={seq}"))
        .await
        .expect(200);
    let held = [("If-None-Match", tag(&first))];
    let held: Vec<_> = held
        .iter()
        .map(|(name, tag)| (*name, tag.as_str()))
        .collect();
    assert_eq!(running.send("GET", NAMES, &held, b"").await.status, 304);

    let removed = running
        .send("DELETE", "/api/v1/keywords/ai", &[], b"")
        .await;
    assert_eq!(removed.status, 204);
    let fewer = running.send("GET", NAMES, &held, b"").await;
    assert_eq!(
        fewer.expect(200),
        json!({"keywords": ["us airways", "아이폰"]})
    );
    assert_eq!(running.track("ai").await.status, 201);
    assert_eq!(tag(&running.get(NAMES).await), tag(&first));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tag_of_rules_changes_with_rules_and_names_do_not() {
    let running = Running::start().await;
    running.track("b").await;
    let (names, rules) = (running.get(NAMES).await, running.get(RULES).await);
    assert_eq!(rules.expect(200), json!({"keywords": ["b"], "rules": []}));
    let body = json!({"keyword": "b", "any": ["Bee"], "none": ["c"]}).to_string();
    let path = "/api/v1/keywords";
    let ruled = running
        .post(path, "application/json", body.as_bytes())
        .await;
    assert_eq!(ruled.status, 200);
    let changed = running.get(RULES).await;
    let listed = json!([{"keyword": "b", "any": ["bee"], "none": ["c"]}]);
    assert_eq!(
        changed.expect(200),
        json!({"keywords": ["b"], "rules": listed})
    );
    assert_ne!(tag(&changed), tag(&rules));
    assert_eq!(tag(&running.get(NAMES).await), tag(&names));
    for wrong in ["rules=true", "names=yes", "names=true&limit=1"] {
        let path = format!("{path}?{wrong}");
        assert_eq!(running.get(&path).await.status, 400, "{wrong}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_those_that_the_caller_may_count() {
    let running = Running::with(Setup {
        http: HttpOptions {
            access: Arc::new(ShowsOne),
            ..HttpOptions::default()
        },
        ..Setup::default()
    })
    .await;
    for keyword in ["a", "b"] {
        let keyword = Keyword::new(keyword).unwrap();
        assert!(running.tidings.track(&keyword, None).await.unwrap());
    }
    assert_eq!(
        running.get(NAMES).await.expect(200),
        json!({"keywords": ["b"]})
    );
    running.stop().await;
}
