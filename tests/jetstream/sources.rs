//! Reports of sources in NATS: every server gives the same answer, also after a restart.

use serde_json::{Value, json};

use crate::common::http::Answer;
use crate::common::server::Server;
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;

fn put(server: &Server, report: &Value) -> Answer {
    let json = [("Content-Type", "application/json")];
    let body = report.to_string();
    server.ask("PUT", "/api/v1/sources/feed", &json, body.as_bytes())
}

#[test]
fn servers_of_one_stream_show_the_same_reports() {
    let nats = Nats::start();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let start = |number: usize| {
        let data = folders[number].path();
        Server::start_with(data, &["--nats", &nats.url()])
    };
    let (one, two) = (start(0), start(1));
    assert_eq!(two.get("/api/v1/sources"), json!({"sources": []}));
    let report = json!({
        "name": "feed", "kind": "mastodon", "instance": "1", "state": "live", "received": 7,
    });
    let reply = put(&one, &report);
    assert_eq!(reply.status, 204, "{}", reply.text());
    let shown = one.get("/api/v1/sources");
    assert_eq!(shown["sources"][0]["received"], 7);
    eventually("the other server shows the report", || {
        two.get("/api/v1/sources") == shown
    });

    let other = json!({"name": "feed", "kind": "mastodon", "instance": "2", "state": "live"});
    assert_eq!(put(&two, &other).status, 409);
    let stopped = json!({
        "name": "feed", "kind": "mastodon", "instance": "1", "state": "stopped", "received": 8,
    });
    assert_eq!(put(&two, &stopped).status, 204);
    let shown = two.get("/api/v1/sources");
    eventually("the first server follows", || {
        one.get("/api/v1/sources") == shown
    });
    one.stop();
    let one = start(0);
    assert_eq!(one.get("/api/v1/sources"), shown);
    one.stop();
    two.stop();
}
