//! Tests that the OpenAPI description matches the routes and their answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidings::http::{RESOURCES, ROUTES, ResourceEntry, Scope};

use crate::common::http::Answer;
use crate::common::schema::Description;
use crate::http::views::filled;

fn description() -> Description {
    Description::parse(include_str!("../../assets/openapi.json"))
}

#[test]
fn description_lists_exactly_the_routes() {
    let description = description();
    let described: BTreeSet<(String, String, BTreeSet<String>)> = description.document()["paths"]
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
                        .map(|parameter| description.resolve(parameter))
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
                let parameters = route.parameters.iter().filter(|_| *method == "GET");
                let names = parameters.map(|name| (*name).to_owned()).collect();
                (route.pattern.to_owned(), (*method).to_owned(), names)
            })
        })
        .collect();
    assert_eq!(described, routed);
}

#[test]
fn references_resolve_and_every_schema_is_used() {
    let unused = description().unused(&["schemas", "responses"]);
    assert_eq!(unused, [""; 0]);
}

/// Checks an answer against the description of this route, method and status.
fn check_reply(pattern: &str, method: &str, reply: &Answer) {
    let description = description();
    let operation = &description.document()["paths"][pattern][method];
    let status = reply.status.to_string();
    let response = description.resolve(&operation["responses"][&status]);
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
        description.check(schema, &reply.json()).unwrap();
    }
}

#[test]
fn schema_check_reports_violations() {
    let description = description();
    let schema = json!({"$ref": "#/components/schemas/Shard"});
    let good = json!({"shard": 1, "position": 2, "lag": 0});
    assert_eq!(description.check(&schema, &good), Ok(()));
    for wrong in [
        json!({"shard": 1, "position": 2}),
        json!({"shard": 1, "position": 2, "lag": -1}),
        json!({"shard": 1, "position": 2, "lag": "0"}),
        json!({"shard": 1, "position": 2, "lag": 0, "more": 1}),
        json!([]),
    ] {
        assert!(description.check(&schema, &wrong).is_err(), "{wrong}");
    }
}

/// The path of a resource for this keyword, with a query.
fn address(resource: &ResourceEntry, keyword: &str, query: &str) -> String {
    let path = resource.path.replace("{token}", keyword);
    let joint = if query.is_empty() { "" } else { "?" };
    format!("{path}{joint}{query}")
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_answer_and_refuse_as_described() {
    let (running, seq) = filled().await;
    for resource in RESOURCES {
        let ask = async |keyword: &str, query: &str, status: u16| {
            let path = address(resource, keyword, query);
            let reply = running.get(&path).await;
            assert_eq!(reply.status, status, "{path}: {}", reply.text());
            check_reply(resource.path, "get", &reply);
            reply
        };
        assert!(!resource.examples.is_empty(), "{}", resource.name);
        for example in resource.examples {
            let joint = if example.is_empty() { "" } else { "&" };
            let at = |seq: u64| format!("{example}{joint}min_seq={seq}");
            let reply = ask("ai", &at(seq), 200).await;
            assert!(reply.header("etag").is_some(), "{}", resource.name);
            ask("ai", &at(seq + 1_000), 412).await;
            for unknown in ["nonsense", "as_of"] {
                let reply = ask("ai", &format!("{example}{joint}{unknown}=1"), 400).await;
                assert_eq!(reply.problem(), "unknown-parameter");
            }
        }
        if resource.scope == Scope::Keyword {
            ask("absent", "", 404).await;
        }
        for parameter in resource.parameters {
            if let Some(wrong) = parameter.wrong_value() {
                ask("ai", &format!("{}={wrong}", parameter.name()), 400).await;
            }
        }
    }
    let reply = running.get("/api/v1/compare?keyword=unseen").await;
    assert_eq!(reply.status, 404);
    check_reply("/api/v1/compare", "get", &reply);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_answers_match_the_description() {
    let (running, _) = filled().await;
    let token = "/api/v1/keywords/{token}";
    for path in [
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/openapi.json",
        "/api/asyncapi.json",
    ] {
        let reply = running.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        check_reply(path, "get", &reply);
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
    for path in ["/api/v1/keywords/new", "/api/v1/keywords/absent"] {
        let reply = running.send("DELETE", path, &[], b"").await;
        check_reply(token, "delete", &reply);
    }
    let report = json!({"name": "x", "kind": "x", "instance": "1", "state": "live",
        "rate": {"limit": 450, "remaining": 449, "reset": null}})
    .to_string();
    for (path, body) in [
        ("x", report.as_bytes()),
        ("y", report.as_bytes()),
        ("x", b"{}"),
    ] {
        let path = format!("/api/v1/sources/{path}");
        let json = [("Content-Type", "application/json")];
        let reply = running.send("PUT", &path, &json, body).await;
        check_reply("/api/v1/sources/{name}", "put", &reply);
    }
    let sources = running.get("/api/v1/sources").await;
    assert_eq!(sources.json()["sources"][0]["name"], "x");
    check_reply("/api/v1/sources", "get", &sources);
    let release = running
        .send("POST", "/api/v1/keywords/ai/release", &[], b"")
        .await;
    check_reply(&format!("{token}/release"), "post", &release);
    running.stop().await;
}
