//! Tests of event streams that are lost, slow, or too many.

use serde_json::{Value, json};

use crate::common::chance::Chance;
use crate::common::lines::{deleted_to, engaged_to, posted_to};
use crate::common::live_state::Held;
use crate::common::server::Server;
use crate::common::wait::{DEADLINE, eventually};
use crate::live::events::{Event, Stream};

const TIMELINE: &str = "/api/v1/keywords/ai/timeline?limit=200";

fn start(settings: &[&str]) -> (Server, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = settings.iter().flat_map(|one| ["--set", one]).collect();
    let server = Server::start_with(data.path(), &arguments);
    server.track(&["ai"]);
    (server, data)
}

/// Reads until the timeline is at the position of a GET, and compares.
fn compare(stream: &mut Stream, held: &mut Held, last: &mut Option<String>, server: &Server) {
    server.wait_until_folded();
    let says = server.get(TIMELINE);
    let stands = |held: &Held| {
        let channel = held.channels.values().next();
        channel.is_some_and(|channel| !channel.is_partial() && says["as_of"] == channel.seq)
    };
    while !stands(held) {
        let Event { kind, id, data } = stream.next().unwrap();
        assert_eq!(kind, data["type"].as_str().unwrap());
        held.apply(&data).unwrap();
        *last = id;
    }
    let channel = held.channels.values().next().unwrap();
    assert_eq!(json!(channel.epoch), says["epoch"]);
    let floor = channel.floor.as_ref();
    let items = says["items"].as_array().unwrap();
    let above: Vec<&Value> = items
        .iter()
        .filter(|item| floor.is_none_or(|floor| crate::common::live_state::key_of(item) >= *floor))
        .collect();
    assert_eq!(channel.newest(200).iter().collect::<Vec<_>>(), above);
}

#[test]
fn repeatedly_resumed_event_stream_equals_get() {
    let (mut server, data) = start(&["live.ring_bytes=16384"]);
    let mut chance = Chance::of(11);
    let mut held = Held::default();
    let mut last: Option<String> = None;
    let (mut resumed, mut begun) = (0, 0);
    let mut made = 0;
    for round in 0..60 {
        if round % 20 == 19 {
            let address = server.address().to_string();
            server.kill();
            server = Server::start_with(
                data.path(),
                &["--listen", &address, "--set", "live.ring_bytes=16384"],
            );
        }
        let header = last
            .as_ref()
            .map(|id| format!("Last-Event-ID: {id}\r\n"))
            .unwrap_or_default();
        let had = held.channels.values().next().map(|channel| channel.seq);
        let mut stream = Stream::open(&server, "topic=timeline&limit=20", &header);
        for _ in 0..chance.below(3) {
            let mut body = String::new();
            for _ in 0..=chance.below(30) {
                let second = chance.below(60);
                let at = format!("2026-11-23T07:00:{second:02}.000Z");
                let old = format!("x:{}", chance.below(made + 1));
                body.push_str(&match chance.below(6) {
                    0 => engaged_to("ai", &old, &at, chance.below(99)),
                    1 => deleted_to("ai", &old, &at),
                    _ => {
                        made += 1;
                        posted_to("ai", &format!("x:{made}"), &at, &"가".repeat(100))
                    }
                });
            }
            server.publish(&body);
            compare(&mut stream, &mut held, &mut last, &server);
        }
        compare(&mut stream, &mut held, &mut last, &server);
        match had {
            Some(had) if held.channels.values().any(|channel| channel.seq >= had) => resumed += 1,
            _ => begun += 1,
        }
        drop(stream);
        // Updates that the client misses: sometimes none, sometimes more than the replay buffer
        // holds.
        for _ in 0..chance.below(4) {
            made += 1;
            let text = "나".repeat(2_000);
            server.publish(&posted_to(
                "ai",
                &format!("x:{made}"),
                "2026-11-23T07:00:30.000Z",
                &text,
            ));
        }
    }
    assert!(resumed > 0 && begun > 0, "{resumed} {begun}");
    server.stop();
}

#[test]
fn unread_event_stream_is_ended() {
    let (server, _data) = start(&["live.slow_ms=300", "live.ring_bytes=65536"]);
    let mut stuck = Stream::open(&server, "topic=timeline", "");
    stuck.next().unwrap();
    let text = "다".repeat(9_000);
    let mut published = 0;
    eventually("the stream that is never read is ended", || {
        for _ in 0..20 {
            published += 1;
            server.publish(&posted_to(
                "ai",
                &format!("x:{published}"),
                "2026-11-23T07:00:00Z",
                &text,
            ));
        }
        let metrics = server.ask("GET", "/metrics", &[], b"").text();
        metrics.contains("tidings_live_closed_total{reason=\"too_slow\"} 1")
    });
    // Another stream is served as before.
    let mut good = Stream::open(&server, "topic=timeline&limit=1", "");
    assert_eq!(good.next().unwrap().kind, "snapshot");
    server.stop();
}

#[test]
fn event_streams_count_as_sessions() {
    let (server, _data) = start(&["live.sessions=2"]);
    let mut first = Stream::open(&server, "topic=timeline", "");
    let _second = Stream::open(&server, "topic=ledger", "");
    first.next().unwrap();
    let third = server.ask("GET", "/api/v1/keywords/ai/events?topic=timeline", &[], b"");
    assert_eq!(third.status, 503, "{}", third.text());
    assert!(third.header("retry-after").is_some());
    drop(first);
    eventually("the permit of the closed stream is free", || {
        let mut free = false;
        let answer = std::net::TcpStream::connect(server.address()).map(|mut stream| {
            use std::io::{Read as _, Write as _};
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            let head = format!(
                "GET /api/v1/keywords/ai/events?topic=timeline HTTP/1.1\r\nHost: {}\r\n\r\n",
                server.address()
            );
            stream.write_all(head.as_bytes()).unwrap();
            let mut start = [0; 12];
            stream.read_exact(&mut start).unwrap();
            free = start == *b"HTTP/1.1 200";
        });
        answer.unwrap();
        free
    });
    server.stop();
}

#[test]
fn event_stream_lost_within_a_snapshot_starts_again() {
    let (server, _data) = start(&[]);
    let text = "다".repeat(9_000);
    let body: String = (0..40)
        .map(|index| posted_to("ai", &format!("x:{index}"), "2026-11-23T07:00:00Z", &text))
        .collect();
    server.publish(&body);
    server.wait_until_folded();
    let mut stream = Stream::open(&server, "topic=timeline", "");
    let part = stream.next().unwrap();
    assert_eq!(part.data["more"], true);
    drop(stream);
    // Reconnects as an EventSource does, with the last received id, if any.
    let header = part.id.map(|id| format!("Last-Event-ID: {id}\r\n"));
    let mut stream = Stream::open(&server, "topic=timeline", &header.unwrap_or_default());
    server.publish(&posted_to("ai", "x:new", "2026-11-23T07:00:01Z", "new"));
    assert_eq!(stream.next().unwrap().kind, "snapshot");
    server.stop();
}
