//! Tests of clients that reconnect to a server that stopped or was killed.

use serde_json::json;

use crate::common::lines::posted_to;
use crate::common::live_client::Client;
use crate::common::server::{Server, send};
use crate::common::wait::eventually;

const AT: &str = "2026-11-23T07:00:00.000Z";

#[test]
fn stopping_server_sends_spread_retry_hints() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&["ai"]);
    let mut clients: Vec<_> = (0..20)
        .map(|_| {
            let mut client = Client::connect(&server);
            client.subscribe("ai", json!(["timeline"]));
            client.next_of("snapshot");
            client
        })
        .collect();
    send("TERM", server.id());
    let mut pauses = Vec::new();
    for client in &mut clients {
        let closed = client.closed();
        assert_eq!(closed.code, 1012);
        let hint: serde_json::Value = serde_json::from_str(&closed.reason).unwrap();
        pauses.push(hint["retry_ms"].as_u64().unwrap());
    }
    pauses.sort_unstable();
    pauses.dedup();
    assert!(
        pauses.len() > 1,
        "all clients would reconnect at once: {pauses:?}"
    );
    let (status, stderr) = server.wait();
    assert!(status.success(), "{stderr}");
}

#[test]
fn client_resumes_or_gets_a_snapshot_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&["ai"]);
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    server.wait_until_folded();
    let mut client = Client::connect(&server);
    client.subscribe("ai", json!(["timeline"]));
    let first = client.next_of("snapshot");
    server.publish(&posted_to("ai", "x:2", AT, "two"));
    let second = client.next_of("update");
    let address = server.address().to_string();
    server.kill();
    let server = Server::start_with(data.path(), &["--listen", &address]);
    let resume = |seq: &serde_json::Value| {
        let mut client = Client::connect(&server);
        client.say(&json!({ "type": "subscribe", "id": 1, "keyword": "ai", "topics": ["timeline"], "since": { "epoch": first["epoch"], "seq": seq } }));
        client
    };
    // The client had every update: it resumes and gets nothing.
    let mut current = resume(&second["seq"]);
    assert_eq!(current.next()["recovered"], true);
    assert!(current.until_pong(1).is_empty());
    // The client missed an update: a restart does not keep the replay buffer.
    let mut behind = resume(&first["seq"]);
    assert_eq!(behind.next()["recovered"], false);
    assert_eq!(
        behind.next_of("snapshot")["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    server.publish(&posted_to("ai", "x:3", AT, "three"));
    for client in [&mut current, &mut behind] {
        let update = client.next_of("update");
        assert_eq!(update["prev"], second["seq"]);
    }
    server.stop();
}

#[test]
fn rebuilt_views_send_snapshots_and_never_go_back() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&["ai"]);
    let body: String = (0..300)
        .map(|index| posted_to("ai", &format!("x:{index}"), AT, "text"))
        .collect();
    server.publish(&body);
    server.wait_until_folded();
    let held = server.get("/api/v1/keywords/ai/timeline");
    let address = server.address().to_string();
    server.stop();
    std::fs::remove_dir_all(data.path().join("views")).unwrap();
    let server = Server::start_with(data.path(), &["--listen", &address]);
    let mut client = Client::connect(&server);
    client.say(&json!({ "type": "subscribe", "id": 1, "keyword": "ai", "topics": ["timeline"], "since": { "epoch": held["epoch"], "seq": held["as_of"] } }));
    // The rebuild results in the same epoch and content, so the client resumes.
    assert_eq!(client.next()["recovered"], true);
    eventually("the server is ready", || {
        server.ask("GET", "/readyz", &[], b"").status == 200
    });
    assert_eq!(
        server.get("/api/v1/keywords/ai/timeline")["items"],
        held["items"]
    );
    server.stop();
}
