//! Reports of sources outlast the server.

use serde_json::json;

use crate::common::server::Server;

#[test]
fn reports_of_sources_are_shown_again_after_a_restart() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let report = json!({
        "name": "feed", "kind": "bluesky", "instance": "1", "state": "stopped", "received": 7,
    });
    let json = [("Content-Type", "application/json")];
    let body = report.to_string();
    let reply = server.ask("PUT", "/api/v1/sources/feed", &json, body.as_bytes());
    assert_eq!(reply.status, 204, "{}", reply.text());
    let before = server.get("/api/v1/sources");
    assert_eq!(before["sources"][0]["received"], 7);
    server.stop();
    let server = Server::start(scratch.path());
    assert_eq!(server.get("/api/v1/sources"), before);
    server.stop();
}
