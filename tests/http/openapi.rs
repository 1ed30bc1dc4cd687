//! The description of the interface says what is there, and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidings::http::ROUTES;

use crate::schema::{check, resolve};
use crate::support::Reply;
use crate::views::filled;

fn description() -> Value {
    serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap()
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let description = description();
    let described: BTreeSet<(String, String, BTreeSet<String>)> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let description = &description;
            methods
                .as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| {
                    let parameters = operation["parameters"].as_array().into_iter().flatten();
                    let names = parameters
                        .map(|parameter| resolve(description, parameter))
                        .filter(|parameter| parameter["in"] == "query")
                        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                        .collect();
                    (path.clone(), method.to_ascii_uppercase(), names)
                })
        })
        .collect();
    let routed: BTreeSet<_> = ROUTES
        .iter()
        .flat_map(|route| {
            route.methods.iter().map(|method| {
                let parameters: &[&str] = match *method {
                    "GET" => route.parameters,
                    _ => &[],
                };
                let names = parameters.iter().map(|name| (*name).to_owned()).collect();
                (route.pattern.to_owned(), (*method).to_owned(), names)
            })
        })
        .collect();
    assert_eq!(described, routed);
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let description = description();
    let mut used = BTreeSet::new();
    fn walk(root: &Value, value: &Value, used: &mut BTreeSet<String>) {
        if let Some(pointer) = value.get("$ref").and_then(Value::as_str) {
            resolve(root, value);
            used.insert(pointer.to_owned());
        }
        match value {
            Value::Object(members) => members.values().for_each(|value| walk(root, value, used)),
            Value::Array(items) => items.iter().for_each(|value| walk(root, value, used)),
            _ => {}
        }
    }
    walk(&description, &description, &mut used);
    for kind in ["schemas", "parameters", "responses"] {
        for name in description["components"][kind].as_object().unwrap().keys() {
            assert!(
                used.contains(&format!("#/components/{kind}/{name}")),
                "{name} is unused"
            );
        }
    }
}

/// Holds an answer against what is described for this route, method and status.
fn check_reply(pattern: &str, method: &str, reply: &Reply) {
    let description = description();
    let operation = &description["paths"][pattern][method];
    let status = reply.status.to_string();
    let response = resolve(&description, &operation["responses"][&status]);
    assert!(
        response.is_object(),
        "{method} {pattern} {status} is not described"
    );
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        assert!(reply.body.is_empty(), "{method} {pattern} {status}");
        return;
    };
    let media_type = reply
        .header("content-type")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let schema = &content[media_type]["schema"];
    if media_type.ends_with("json") {
        check(&description, schema, &reply.json(), pattern).unwrap();
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let root = description();
    let schema = json!({"$ref": "#/components/schemas/Shard"});
    let good = json!({"shard": 1, "position": 2, "lag": 0});
    assert_eq!(check(&root, &schema, &good, "it"), Ok(()));
    for wrong in [
        json!({"shard": 1, "position": 2}),
        json!({"shard": 1, "position": 2, "lag": -1}),
        json!({"shard": 1, "position": 2, "lag": "0"}),
        json!({"shard": 1, "position": 2, "lag": 0, "more": 1}),
        json!([]),
    ] {
        assert!(check(&root, &schema, &wrong, "it").is_err(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_what_is_described() {
    let (running, seq) = filled().await;
    let token = "/api/v1/keywords/{token}";
    for (pattern, path, status) in [
        ("/", "/".to_owned(), 200),
        ("/page.js", "/page.js".to_owned(), 200),
        ("/page.css", "/page.css".to_owned(), 200),
        ("/healthz", "/healthz".to_owned(), 200),
        ("/readyz", "/readyz".to_owned(), 200),
        ("/metrics", "/metrics".to_owned(), 200),
        ("/api/openapi.json", "/api/openapi.json".to_owned(), 200),
        (
            "/api/v1/keywords",
            format!("/api/v1/keywords?min_seq={seq}"),
            200,
        ),
        (
            "/api/v1/ledger",
            format!("/api/v1/ledger?min_seq={seq}"),
            200,
        ),
        (
            "/api/v1/overview",
            "/api/v1/overview?at=2015-06-02T00:00:00Z".to_owned(),
            200,
        ),
        ("/api/v1/overview", "/api/v1/overview".to_owned(), 200),
        (
            "/api/v1/compare",
            "/api/v1/compare?keyword=ai".to_owned(),
            200,
        ),
        (
            "/api/v1/compare",
            "/api/v1/compare?keyword=nobody".to_owned(),
            404,
        ),
        (
            &*format!("{token}/timeline"),
            "/api/v1/keywords/%EC%97%B0%EA%B8%B0/timeline".to_owned(),
            200,
        ),
        (
            &*format!("{token}/timeline"),
            "/api/v1/keywords/ai/timeline?limit=0".to_owned(),
            400,
        ),
        (
            &*format!("{token}/volume"),
            "/api/v1/keywords/ai/volume".to_owned(),
            200,
        ),
        (
            &*format!("{token}/volume"),
            "/api/v1/keywords/ai/volume?min_seq=999".to_owned(),
            412,
        ),
        (
            &*format!("{token}/ledger"),
            "/api/v1/keywords/ai/ledger".to_owned(),
            200,
        ),
        (
            &*format!("{token}/ledger"),
            "/api/v1/keywords/nobody/ledger".to_owned(),
            404,
        ),
    ] {
        let reply = running.get(&path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        check_reply(pattern, "get", &reply);
    }
    let taken = running.publish(b"{}\nx\n").await;
    check_reply("/api/v1/tweets", "post", &taken);
    check_reply(
        "/api/v1/tweets",
        "post",
        &running.post("/api/v1/tweets", "text/plain", b"x").await,
    );
    for _ in 0..2 {
        check_reply("/api/v1/keywords", "post", &running.track("new").await);
    }
    check_reply("/api/v1/keywords", "post", &running.track("").await);
    for path in ["/api/v1/keywords/new", "/api/v1/keywords/nobody"] {
        let reply = running.send("DELETE", path, &[], b"").await;
        check_reply(token, "delete", &reply);
    }
    let release = running
        .send("POST", "/api/v1/keywords/ai/release", &[], b"")
        .await;
    check_reply(&format!("{token}/release"), "post", &release);
    running.stop().await;
}
