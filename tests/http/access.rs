//! Tests that a denied keyword is refused on every route, event stream and subscription, and that
//! no answer across keywords counts it.

use std::sync::Arc;

use serde_json::{Value, json};
use tidings::events::{Event, Keyword, Record};
use tidings::http::{
    Access, Action, HttpOptions, KeywordSet, Parameter, Principal, RESOURCES, ROUTES, Scope,
};
use tokio::io::AsyncWriteExt as _;

use crate::common::events;
use crate::common::in_process::{Running, Setup, read_head};
use crate::common::live_client::Client;

const DENIED: &str = "hidden";
const ALLOWED: &str = "open";

/// An access policy that denies every action on one keyword.
#[derive(Debug)]
struct DeniesOne;

impl Access for DeniesOne {
    fn allows(&self, _: &Principal, keyword: Option<&Keyword>, _: Action) -> bool {
        keyword.is_none_or(|keyword| keyword.as_str() != DENIED)
    }

    fn countable(&self, _: &Principal) -> KeywordSet {
        [events::keyword(ALLOWED)].into_iter().collect()
    }
}

/// A tweet of a keyword. Its text names the keyword.
fn tweet(of: &str, number: u64) -> Record {
    let id = format!("{of}:{number}");
    events::record(of, &events::posted(events::tweet(&id, events::NOW, of)))
}

/// Starts a server with two tracked keywords that have a tweet each. Every caller may read only one
/// of them.
async fn start() -> Running {
    let running = Running::with(Setup {
        http: HttpOptions {
            access: Arc::new(DeniesOne),
            ..HttpOptions::default()
        },
        ..Setup::default()
    })
    .await;
    let tracked = |text| events::record(text, &Event::keyword_tracked(events::NOW));
    let mut records = vec![tracked(DENIED), tracked(ALLOWED)];
    records.extend([tweet(DENIED, 1), tweet(ALLOWED, 1)]);
    publish(&running, records).await;
    running
}

/// Appends records, and waits until all views have folded them.
async fn publish(running: &Running, records: Vec<Record>) {
    let appended = running.tidings.journal().append(records).await;
    let path = format!("/api/v1/ledger?min_seq={}", appended.unwrap().last);
    assert_eq!(running.get(&path).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_a_denied_keyword_is_refused() {
    let running = start().await;
    let of_keyword = ROUTES
        .iter()
        .filter(|route| route.pattern.contains("{token}"));
    let mut reads = 0;
    for route in of_keyword {
        for method in &route.methods {
            let path = |keyword: &str| route.pattern.replace("{token}", keyword);
            let denied = running.send(method, &path(DENIED), &[], b"").await;
            assert_eq!(denied.status, 403, "{method} {}", route.pattern);
            assert_eq!(denied.problem(), "not-permitted");
            if *method == "GET" {
                let allowed = running.send(method, &path(ALLOWED), &[], b"").await;
                assert_ne!(allowed.status, 403, "{method} {}", route.pattern);
                reads += 1;
            }
        }
    }
    assert!(reads > 0);
    for (text, status) in [(DENIED, 403), (ALLOWED, 200)] {
        assert_eq!(running.track(text).await.status, status);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_across_keywords_say_nothing_of_a_denied_keyword() {
    let running = start().await;
    let across = RESOURCES.iter().filter(|one| one.scope == Scope::Across);
    for resource in across {
        let mut named = resource
            .parameters
            .iter()
            .filter(|parameter| matches!(parameter, Parameter::Keywords(_)));
        match named.next() {
            Some(parameter) => {
                let name = parameter.name();
                for (query, status) in [
                    (format!("{name}={ALLOWED}"), 200),
                    (format!("{name}={DENIED}"), 403),
                    (format!("{name}={ALLOWED}&{name}={DENIED}"), 403),
                ] {
                    let path = format!("{}?{query}", resource.path);
                    assert_eq!(running.get(&path).await.status, status, "{path}");
                }
            }
            None => {
                for example in resource.examples {
                    let path = format!("{}?{example}", resource.path);
                    let answer = running.get(&path).await;
                    assert_eq!(answer.status, 200, "{path}");
                    assert!(!answer.text().contains(DENIED), "{path}: {}", answer.text());
                }
            }
        }
    }
    let sums = running.get("/api/v1/ledger").await.json();
    assert_eq!(sums["journaled"], 2, "{sums}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_streams_of_a_denied_keyword_are_refused() {
    let running = start().await;
    let topics = RESOURCES.iter().filter(|resource| resource.has_topic());
    for resource in topics.filter(|resource| resource.scope == Scope::Keyword) {
        let path = |keyword: &str| {
            let topic = resource.name;
            format!("/api/v1/keywords/{keyword}/events?topic={topic}")
        };
        let denied = running.get(&path(DENIED)).await;
        assert_eq!(
            (denied.status, denied.problem()),
            (403, "not-permitted".into())
        );
        let mut stream = running.connect().await;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n",
            path(ALLOWED),
            running.address()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }
    running.stop().await;
}

/// Reads until the last part of a line of this type has arrived for each of these topics.
fn read_all(client: &mut Client, kind: &str, topics: &[&str]) {
    let mut left: Vec<_> = topics.to_vec();
    while !left.is_empty() {
        let line = client.next();
        assert!(!line.to_string().contains(DENIED), "{line}");
        assert_ne!(line["type"], "error", "{line}");
        if line["type"] == kind && line.get("more").is_none() {
            left.retain(|topic| line["topic"] != *topic);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_to_a_denied_keyword_are_refused() {
    let running = start().await;
    let topics = |scope| {
        let topics = RESOURCES.iter().filter(|resource| resource.has_topic());
        let of_scope = topics.filter(|resource| resource.scope == scope);
        of_scope.map(|resource| resource.name).collect::<Vec<_>>()
    };
    let (of_keyword, across) = (topics(Scope::Keyword), topics(Scope::Across));
    let mut client = tokio::task::block_in_place(|| {
        let mut client = Client::connect_to(running.address()).unwrap();
        let mut refused = |topics: Value| {
            client.say(&json!({
                "type": "subscribe", "id": 1, "keyword": DENIED, "topics": topics,
            }));
            let answer = client.next();
            assert_eq!(
                (&answer["type"], &answer["code"]),
                (&json!("error"), &json!("not_permitted"))
            );
        };
        refused(Value::Null);
        for topic in &of_keyword {
            refused(json!([topic]));
        }
        client.subscribe(ALLOWED, json!(of_keyword));
        client.say(&json!({ "type": "subscribe", "id": 2, "topics": across }));
        read_all(
            &mut client,
            "snapshot",
            &[&of_keyword[..], &across].concat(),
        );
        client
    });
    publish(&running, vec![tweet(DENIED, 2), tweet(ALLOWED, 2)]).await;
    tokio::task::block_in_place(|| {
        read_all(&mut client, "update", &[&of_keyword[..], &across].concat());
    });
    drop(client);
    running.stop().await;
}
