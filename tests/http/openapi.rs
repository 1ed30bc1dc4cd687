//! The OpenAPI description matches the routes and their answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidings::http::ROUTES;

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
fn references_resolve_and_every_schema_is_used() {
    let unused = description().unused(&["schemas", "parameters", "responses"]);
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

#[tokio::test(flavor = "multi_thread")]
async fn answers_match_the_description() {
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
            "/api/v1/compare?keyword=absent".to_owned(),
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
            "/api/v1/keywords/absent/ledger".to_owned(),
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
    for path in ["/api/v1/keywords/new", "/api/v1/keywords/absent"] {
        let reply = running.send("DELETE", path, &[], b"").await;
        check_reply(token, "delete", &reply);
    }
    let release = running
        .send("POST", "/api/v1/keywords/ai/release", &[], b"")
        .await;
    check_reply(&format!("{token}/release"), "post", &release);
    running.stop().await;
}
