//! Tests that every line, and every example of `docs/live.md`, matches `assets/asyncapi.json`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidings::http::{RESOURCES, Scope};

use crate::common::lines::{deleted_to, engaged_to, posted_to};
use crate::common::live_client::Client;
use crate::common::schema::Description;
use crate::common::server::Server;
use crate::live::events::Stream;

const AT: &str = "2026-11-23T07:00:00.000Z";
const DOCUMENT: &str = include_str!("../../docs/live.md");

fn description() -> Description {
    Description::parse(include_str!("../../assets/asyncapi.json"))
}

/// The name of a line's schema, by type and topic.
fn schema_of(line: &Value) -> String {
    let word = |name: &str| {
        let text = line[name].as_str().unwrap_or_default();
        let (first, rest) = text.split_at(text.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    match line["type"].as_str().unwrap() {
        "snapshot" | "update" => word("topic") + &word("type"),
        _ => word("type"),
    }
}

/// The live topics of this scope.
fn topics(scope: Scope) -> Vec<&'static str> {
    let topics = RESOURCES.iter().filter(|resource| resource.has_topic());
    topics
        .filter(|resource| resource.scope == scope)
        .map(|resource| resource.name)
        .collect()
}

/// Checks lines against the description, and records which of its messages occurred.
struct Check {
    description: Description,
    met: BTreeSet<String>,
}

impl Check {
    fn new() -> Self {
        Self {
            description: description(),
            met: BTreeSet::new(),
        }
    }

    fn line(&mut self, line: &Value) {
        let name = schema_of(line);
        let message = &self.description.document()["components"]["messages"][&name];
        assert!(message.is_object(), "{name} is not described: {line}");
        let fits = self.description.check(&message["payload"], line);
        fits.unwrap_or_else(|error| panic!("{name}: {error}"));
        self.met.insert(name);
    }

    fn lines(&mut self, lines: &[Value]) {
        for line in lines {
            self.line(line);
        }
    }
}

#[test]
fn every_line_is_described_and_every_message_occurs() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&["ai", "배우"]);
    server.publish(
        &(json!({
            "type": "tweet.posted", "id": "x:0", "source": "x", "at": AT, "keyword": "ai",
            "author": { "handle": "kim", "name": "김", "followers": 12 }, "text": "all of it",
            "lang": "ko", "url": "https://example.org/1", "reply_to": "x:9", "repost_of": "x:8",
            "metrics": { "likes": 1, "reposts": 2, "replies": 3, "quotes": 4 },
        })
        .to_string()
            + "\n"),
    );
    server.wait_until_folded();
    let mut checked = Check::new();
    let mut client = Client::connect(&server);
    let said = [
        json!({ "type": "subscribe", "id": 1, "keyword": "AI" }),
        json!({ "type": "subscribe", "id": "two", "keyword": "배우", "topics": [
            "timeline", "volume", "ledger", { "topic": "timeline", "limit": 1 }, { "topic": "ledger" },
            { "topic": "volume", "step": "minute" },
            { "topic": "volume", "step": "day", "tz": "+09:00", "from": "2026-11-20T00:00:00.000Z" },
        ] }),
        json!({ "type": "subscribe", "topics": ["overview", { "topic": "overview", "window": "7d" }] }),
        json!({ "type": "subscribe", "id": 7, "keyword": "배우", "topics": topics(Scope::Keyword) }),
        json!({ "type": "subscribe", "id": 8, "topics": topics(Scope::Across) }),
        json!({ "type": "subscribe", "id": 4, "keyword": "absent" }),
        json!({ "type": "subscribe", "id": 5, "keyword": "ai", "topics": ["timeline"],
                "since": { "epoch": "of another server", "seq": 7 } }),
        json!({ "type": "unsubscribe", "id": 6, "keyword": "ai", "topics": ["volume"] }),
        json!({ "type": "unsubscribe", "keyword": "ai" }),
        json!({ "type": "ping" }),
    ];
    for message in &said {
        checked.line(message);
        client.say(message);
    }
    // Texts so long that the snapshot comes in parts. They are too old to be in the overview.
    let long = "다".repeat(9_000);
    let mut body = String::new();
    for index in 0..40 {
        let before = "2026-11-22T07:00:00.000Z";
        body.push_str(&posted_to("배우", &format!("x:{index}"), before, &long));
    }
    for index in 40..60 {
        body.push_str(&posted_to("배우", &format!("x:{index}"), AT, "short"));
    }
    body.push_str(&engaged_to("배우", "x:1", AT, 9));
    body.push_str(&deleted_to("배우", "x:2", AT));
    server.publish(&body);
    server.wait_until_folded();
    let position = || {
        server.wait_until_folded();
        server.get("/api/v1/keywords/%EB%B0%B0%EC%9A%B0/ledger")["as_of"].clone()
    };
    let mut head = position();
    client.subscribe("배우", json!([{ "topic": "timeline", "limit": 200 }]));
    let mut parts = 0;
    let topics = RESOURCES.iter().filter(|resource| resource.has_topic());
    let mut wanted: Vec<String> = topics
        .map(|resource| schema_of(&json!({ "type": "update", "topic": resource.name })))
        .collect();
    wanted.extend(["Pong".to_owned(), "Error".to_owned()]);
    loop {
        let line = client.next();
        checked.line(&line);
        parts += usize::from(line["more"] == true);
        let is_current = line["limit"] == 200 && line.get("more").is_none() && line["seq"] == head;
        if is_current && wanted.iter().all(|name| checked.met.contains(name)) {
            break;
        }
        if is_current {
            // Polled topics may take a second more.
            server.publish(&posted_to("배우", "x:0", AT, "again"));
            head = position();
            client.subscribe("배우", json!([{ "topic": "timeline", "limit": 200 }]));
        }
    }
    assert!(parts > 0, "no snapshot came in parts");
    let all: BTreeSet<String> = description().document()["components"]["messages"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(checked.met, all);
    server.stop();
}

#[test]
fn overview_of_long_tweets_is_split_into_lines_within_the_limit() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&["ai"]);
    let long = "다".repeat(10_000);
    let body: String = (0..10)
        .map(|index| posted_to("ai", &format!("x:{index}"), AT, &long))
        .collect();
    server.publish(&body);
    server.wait_until_folded();
    let mut client = Client::connect(&server);
    client.say(&json!({ "type": "subscribe", "topics": ["overview"] }));
    // The client checks the length of each line.
    let mut latest = 0;
    loop {
        let line = client.next_of("snapshot");
        latest += line["latest"].as_array().map_or(0, Vec::len);
        if line.get("more").is_none() {
            break;
        }
    }
    assert_eq!(latest, 10);
    server.stop();
}

#[test]
fn event_streams_carry_the_described_lines() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&["ai"]);
    let mut checked = Check::new();
    for topic in topics(Scope::Keyword) {
        let mut stream = Stream::open(&server, &format!("topic={topic}"), "");
        let snapshot = stream.next().unwrap();
        checked.line(&snapshot.data);
        server.publish(&posted_to("ai", &format!("x:{topic}"), AT, "one"));
        let update = stream.next().unwrap();
        checked.line(&update.data);
    }
    let mut stream = Stream::open(&server, "topic=timeline", "");
    stream.next().unwrap();
    server
        .ask("DELETE", "/api/v1/keywords/ai", &[], b"")
        .expect(204);
    checked.line(&stream.next().unwrap().data);
    let described: BTreeSet<String> = description().document()["channels"]["events"]["messages"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(checked.met, described);
    server.stop();
}

#[test]
fn every_example_of_the_guide_is_described() {
    let mut checked = Check::new();
    let mut examples = 0;
    let blocks = DOCUMENT.split("```json\n").skip(1);
    for block in blocks.map(|rest| rest.split("```").next().unwrap()) {
        for line in block.lines() {
            checked.lines(&[serde_json::from_str(line).unwrap()]);
            examples += 1;
        }
    }
    for cell in DOCUMENT.split("`{\"type\":").skip(1) {
        let text = format!("{{\"type\":{}", cell.split('`').next().unwrap());
        checked.line(&serde_json::from_str(&text).unwrap());
        examples += 1;
    }
    assert!(examples >= 10, "{examples}");
}

#[test]
fn description_is_consistent() {
    let description = description();
    assert_eq!(description.unused(&["messages", "schemas"]), [""; 0]);
    // A line with a wrong member does not match.
    let mut checked = Check::new();
    let good = json!({ "type": "error", "code": "too_many", "message": "m" });
    checked.line(&good);
    for (name, wrong) in [
        ("code", json!("other")),
        ("extra", json!(1)),
        ("id", json!([])),
    ] {
        let mut line = good.clone();
        line[name] = wrong;
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        assert!(description.check(&schema, &line).is_err(), "{line}");
    }
}
