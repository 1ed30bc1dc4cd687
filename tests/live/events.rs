//! Tests of live updates as server-sent events.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::common::lines::posted_to;
use crate::common::server::Server;
use crate::common::wait::DEADLINE;

const AT: &str = "2026-11-23T07:00:00.000Z";

/// An open stream of events.
pub struct Stream {
    reader: BufReader<TcpStream>,
}

/// One event.
#[derive(Debug)]
pub struct Event {
    pub kind: String,
    pub id: Option<String>,
    pub data: Value,
}

impl Stream {
    pub fn open(server: &Server, query: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let head = format!(
            "GET /api/v1/keywords/ai/events?{query} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
            server.address()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        Self { reader }
    }

    /// The next event. `None` at the end of the stream. Skips the chunk sizes of HTTP.
    pub fn next(&mut self) -> Option<Event> {
        let (mut kind, mut id, mut data) = (None, None, None);
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let line = line.trim_end();
            if line == "0" {
                return None;
            }
            match line.split_once(": ") {
                Some(("event", text)) => kind = Some(text.to_owned()),
                Some(("id", text)) => id = Some(text.to_owned()),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                _ => {}
            }
            if line.is_empty()
                && let (Some(kind), Some(data)) = (kind.clone(), data.take())
            {
                return Some(Event { kind, id, data });
            }
        }
    }
}

fn start() -> (Server, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&["ai"]);
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    server.wait_until_folded();
    (server, data)
}

#[test]
fn event_stream_starts_with_a_snapshot_and_continues() {
    let (server, _data) = start();
    let mut stream = Stream::open(&server, "topic=timeline&limit=5", "");
    let first = stream.next().unwrap();
    assert_eq!(
        (first.kind.as_str(), &first.data["limit"]),
        ("snapshot", &json!(5))
    );
    let position = |event: &Event| {
        format!(
            "{}:{}:{}",
            event.data["epoch"].as_str().unwrap(),
            event.data["seq"],
            event.data["mark"].as_str().unwrap()
        )
    };
    assert_eq!(first.id, Some(position(&first)));
    server.publish(&posted_to("ai", "x:2", AT, "two"));
    let second = stream.next().unwrap();
    assert_eq!(second.kind, "update");
    assert_eq!(second.data["added"][0]["id"], "x:2");
    assert_eq!(second.data["prev"], first.data["seq"]);
    assert_eq!(second.id, Some(position(&second)));
    drop(stream);

    // Reconnects with the id of the last received event.
    server.publish(&posted_to("ai", "x:3", AT, "three"));
    server.wait_until_folded();
    let last = format!("Last-Event-ID: {}\r\n", second.id.unwrap());
    let mut stream = Stream::open(&server, "topic=timeline&limit=5", &last);
    let third = stream.next().unwrap();
    assert_eq!(third.kind, "update");
    assert_eq!(third.data["added"][0]["id"], "x:3");
    let mut stream = Stream::open(&server, "topic=timeline", "Last-Event-ID: other:7\r\n");
    assert_eq!(stream.next().unwrap().kind, "snapshot");
}

#[test]
fn query_selects_topic_and_parameters() {
    let (server, _data) = start();
    let mut stream = Stream::open(&server, "topic=volume&step=day&tz=%2B09:00", "");
    let volume = stream.next().unwrap();
    assert_eq!(volume.data["step"], "day");
    assert_eq!(volume.data["tz"], "+09:00");
    let mut stream = Stream::open(&server, "topic=ledger", "");
    assert_eq!(stream.next().unwrap().data["folded"], 2);
}

#[test]
fn event_stream_of_an_untracked_keyword_ends() {
    let (server, _data) = start();
    let mut stream = Stream::open(&server, "topic=timeline", "");
    stream.next().unwrap();
    server
        .ask("DELETE", "/api/v1/keywords/ai", &[], b"")
        .expect(204);
    let last = stream.next().unwrap();
    assert_eq!(
        (last.kind.as_str(), &last.data["code"]),
        ("error", &json!("not_tracked"))
    );
    assert!(stream.next().is_none());
}

#[test]
fn event_stream_of_a_stopping_server_ends_with_a_hint() {
    let (server, _data) = start();
    let mut stream = Stream::open(&server, "topic=timeline", "");
    stream.next().unwrap();
    server.stop();
    let mut rest = String::new();
    while stream
        .reader
        .read_line(&mut rest)
        .is_ok_and(|read| read > 0)
    {}
    assert!(rest.contains("retry: "), "{rest}");
}

#[test]
fn refused_event_streams_have_their_status() {
    let (server, _data) = start();
    for (path, headers, status) in [
        ("ai/events", &[][..], 400),
        ("ai/events?topic=overview", &[], 400),
        ("ai/events?topic=tweets", &[], 400),
        ("ai/events?topic=timeline&topic=volume", &[], 400),
        ("ai/events?topic=timeline&limit=201", &[], 400),
        ("ai/events?topic=timeline&step=day", &[], 400),
        ("ai/events?topic=timeline&since=1", &[], 400),
        ("absent/events?topic=timeline", &[], 404),
        (
            "ai/events?topic=timeline",
            &[("Origin", "http://evil.example")],
            403,
        ),
    ] {
        let answer = server.ask("GET", &format!("/api/v1/keywords/{path}"), headers, b"");
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
}

#[test]
fn foreign_last_event_id_counts_as_none() {
    let (server, _data) = start();
    let long = "9".repeat(4_000);
    for id in ["seven", "1:2:3:4", "00000000000000ff:x", "é", " ", &long] {
        let header = format!("Last-Event-ID: {id}\r\n");
        let mut stream = Stream::open(&server, "topic=timeline", &header);
        assert_eq!(stream.next().unwrap().kind, "snapshot", "{id}");
    }
}
