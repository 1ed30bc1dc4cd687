//! Tests with slow, silent and hostile clients: they are closed without effect on others.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Bytes, Message};

use crate::common::lines::posted_to;
use crate::common::live_client::Client;
use crate::common::server::Server;
use crate::common::wait::eventually;

const AT: &str = "2026-11-23T07:00:00.000Z";

fn start(settings: &[&str]) -> (Server, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = settings.iter().flat_map(|one| ["--set", one]).collect();
    let server = Server::start_with(data.path(), &arguments);
    server.track(&["ai", "배우"]);
    (server, data)
}

fn closed(server: &Server, reason: &str) -> u64 {
    let metrics = server.ask("GET", "/metrics", &[], b"").text();
    let name = format!("tidings_live_closed_total{{reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn client_that_never_reads_is_closed_without_effect_on_others() {
    let (server, _data) = start(&["live.slow_ms=1000"]);
    let mut stuck = Client::connect(&server);
    stuck.subscribe("ai", json!(["timeline"]));
    let mut good = Client::connect(&server);
    good.subscribe("ai", json!(["timeline"]));
    good.next_of("snapshot");
    let text = "다".repeat(3_000);
    let mut published = 0;
    let mut received = 0;
    // Waits until the system's buffers are full and the send time-out has passed.
    eventually("the client that never reads is closed", || {
        for _ in 0..20 {
            published += 1;
            server.publish(&posted_to("ai", &format!("x:{published}"), AT, &text));
        }
        while received < published {
            let line = good.next();
            assert_eq!(line["type"], "update", "the good client got a new snapshot");
            received += line["added"].as_array().unwrap().len();
        }
        closed(&server, "too_slow") == 1
    });
    assert!(good.until_pong(1).is_empty());
    server.stop();
}

#[test]
fn slow_client_gets_a_snapshot_and_never_a_gap() {
    let (server, _data) = start(&["live.slow_ms=60000", "live.ring_bytes=65536"]);
    let mut slow = Client::connect(&server);
    slow.subscribe("ai", json!(["timeline"]));
    let mut seq = slow.next_of("snapshot")["seq"].as_u64().unwrap();
    let text = "다".repeat(9_000);
    for index in 0..500 {
        server.publish(&posted_to("ai", &format!("x:{index}"), AT, &text));
    }
    server.wait_until_folded();
    let head = server.get("/api/v1/keywords/ai/timeline?limit=1")["as_of"].clone();
    let mut snapshots = 0;
    while json!(seq) != head {
        let line = slow.next();
        if line["type"] == "snapshot" {
            snapshots += 1;
        } else {
            assert!(
                line["prev"].as_u64().unwrap() <= seq,
                "a gap: {}",
                line["prev"]
            );
        }
        seq = line["seq"].as_u64().unwrap();
    }
    assert!(snapshots > 0, "the client got no second snapshot");
}

#[test]
fn silent_client_is_closed() {
    let (server, _data) = start(&["live.silence_ms=200"]);
    // After the handshake this client neither reads nor writes, so it answers no pings.
    let mut silent = TcpStream::connect(server.address()).unwrap();
    let handshake = format!(
        "GET /api/v1/live HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: \
        websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \
        dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address()
    );
    silent.write_all(handshake.as_bytes()).unwrap();
    eventually("the silent client is gone", || {
        closed(&server, "silent") == 1
    });
    // A client that answers pings stays.
    let mut good = Client::connect(&server);
    assert!(good.within(Duration::from_secs(1)).unwrap().is_empty());
    assert!(good.until_pong(1).is_empty());
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"no sign of life"));
}

#[test]
fn floods_end_with_too_many_and_leave_others_unaffected() {
    let (server, _data) = start(&["live.burst=500", "live.rate=50"]);
    let mut good = Client::connect(&server);
    good.subscribe("ai", json!(["timeline"]));
    good.next_of("snapshot");
    let mut pings = Client::connect(&server);
    let mut sent = 0;
    while sent < 5_000
        && pings
            .try_say(Message::Ping(Bytes::from_static(b"x")))
            .is_ok()
    {
        sent += 1;
    }
    assert_eq!(pings.closed().code, 4429);
    let mut storm = Client::connect(&server);
    for index in 0..5_000 {
        let kind = if index % 2 == 0 {
            "subscribe"
        } else {
            "unsubscribe"
        };
        let message = json!({ "type": kind, "id": index, "keyword": "배우" }).to_string();
        if storm.try_say(Message::text(message)).is_err() {
            break;
        }
    }
    assert_eq!(storm.closed().code, 4429);
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    assert_eq!(good.next_of("update")["added"][0]["id"], "x:1");
    server.stop();
}

#[test]
fn subscriptions_are_limited_to_thousands() {
    let (server, _data) = start(&["live.burst=100000"]);
    let mut client = Client::connect(&server);
    let froms: Vec<Value> = (0..64)
        .map(|day| json!({ "topic": "volume", "step": "day", "from": format!("2026-{:02}-{:02}T00:00:00Z", 1 + day / 28, 1 + day % 28) }))
        .collect();
    let mut refused = 0;
    for keyword in ["ai", "배우"] {
        for offset in -12..=12 {
            let mut topics = froms.clone();
            for topic in &mut topics {
                let sign = if offset < 0 { '-' } else { '+' };
                topic["tz"] = json!(format!("{sign}{:02}:00", i32::abs(offset)));
            }
            client.say(
                &json!({ "type": "subscribe", "id": offset, "keyword": keyword, "topics": topics }),
            );
            loop {
                let line = client.next();
                match line["type"].as_str().unwrap() {
                    "error" => {
                        assert_eq!(line["code"], "too_many");
                        refused += 1;
                        break;
                    }
                    "subscribed" => break,
                    _ => {}
                }
            }
        }
    }
    // The default limit is a thousand channels: fifteen messages of 64 fit.
    assert_eq!(refused, 50 - 15);
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    let rest = client.until_pong(1);
    assert!(rest.iter().all(|line| line["topic"] == "volume"));
    server.stop();
}
