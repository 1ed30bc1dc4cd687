//! tidings as a NATS micro service.

use serde_json::{Value, json};

use crate::common::server::Server;
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;

#[test]
fn server_answers_as_a_nats_micro_service() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let mut client = nats.client();
    let mut ask = |subject: &str| -> Option<Value> {
        let answer = client.request(subject.as_bytes(), b"", b"").unwrap()?;
        Some(serde_json::from_slice(&answer).unwrap())
    };
    let pong = ask("$SRV.PING").unwrap();
    assert_eq!(pong["name"], "tidings");
    assert_eq!(pong["version"], env!("CARGO_PKG_VERSION"));
    let info = ask("$SRV.INFO.tidings").unwrap();
    assert_eq!(info["endpoints"][0]["subject"], "tidings.status", "{info}");
    assert_eq!(info["metadata"], json!({ "http": server.url() }));
    assert_eq!(ask("tidings.status").unwrap(), server.get("/readyz"));
    let mut other = nats.client();
    other.publish(b"tweets.a", b"{}").unwrap().unwrap();
    eventually("the status follows", || {
        let status = ask("tidings.status").unwrap();
        status["head"] == 1 && status["shards"][0]["position"] == 1
    });
    let stats = ask("$SRV.STATS.tidings").unwrap();
    let asked = stats["endpoints"][0]["num_requests"].as_u64().unwrap();
    assert!(asked >= 2, "{stats}");
    server.stop();
    assert_eq!(ask("$SRV.PING"), None);
}
