//! Tests of WebSocket framing: a client that breaks the rules is closed without effect on others.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::common::chance::{Chance, long_or, trials};
use crate::common::lines::posted_to;
use crate::common::live_client::Client;
use crate::common::server::Server;
use crate::common::wait::{DEADLINE, eventually};

const AT: &str = "2026-11-23T07:00:00.000Z";

fn start(settings: &[&str]) -> (Server, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = settings.iter().flat_map(|one| ["--set", one]).collect();
    let server = Server::start_with(data.path(), &arguments);
    server.track(&["ai"]);
    (server, data)
}

/// A frame with this first byte, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A connection after the handshake.
fn bare(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let handshake = format!(
        "GET /api/v1/live HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address()
    );
    stream.write_all(handshake.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(
        !head
            .to_ascii_lowercase()
            .contains("sec-websocket-extensions"),
        "the server chose a sub-protocol that was not offered: {head}"
    );
    stream
}

/// Reads frames until the connection ends: opcode and content of each.
fn frames(stream: &mut TcpStream) -> Vec<(u8, Vec<u8>)> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    parsed(&bytes)
}

fn parsed(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut rest = bytes;
    let mut frames = Vec::new();
    while rest.len() >= 2 {
        assert_eq!(rest[0] & 0x70, 0, "reserved bits");
        assert_eq!(rest[1] & 0x80, 0, "a server doesn't mask");
        let (length, head) = match rest[1] {
            126 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
            127 => (
                u64::from_be_bytes(rest[2..10].try_into().unwrap()) as usize,
                10,
            ),
            short => (usize::from(short), 2),
        };
        let end = (head + length).min(rest.len());
        frames.push((rest[0] & 0x0f, rest[head..end].to_vec()));
        rest = &rest[end..];
    }
    frames
}

fn close_code(frames: &[(u8, Vec<u8>)]) -> Option<u16> {
    let (opcode, payload) = frames.last()?;
    (*opcode == 8).then(|| u16::from_be_bytes([payload[0], payload[1]]))
}

#[test]
fn each_transport_violation_has_its_close_code() {
    let (server, _data) = start(&[]);
    let endless: Vec<u8> = std::iter::once(frame(0x01, &[b'{'; 1000]))
        .chain((0..100).map(|_| frame(0x00, &[b' '; 1000])))
        .flatten()
        .collect();
    let cases: Vec<(&str, u16, Vec<u8>)> = vec![
        ("fragments without an end", 1009, endless),
        ("a ping in fragments", 1002, frame(0x09, b"x")),
        ("a ping that is too long", 1002, frame(0x89, &[b'x'; 126])),
        ("a continuation of nothing", 1002, frame(0x80, b"x")),
        (
            "a text within a text",
            1002,
            [frame(0x01, b"{"), frame(0x81, b"{}")].concat(),
        ),
        ("a compressed text", 1002, frame(0xc1, b"x")),
        ("an undefined opcode", 1002, frame(0x8b, b"")),
        ("a binary frame", 4400, frame(0x82, b"{}")),
        ("a binary frame in fragments", 4400, {
            [frame(0x02, b"{"), frame(0x80, b"}")].concat()
        }),
        (
            "truncated UTF-8",
            1007,
            frame(0x81, "{\"type\":\"배".as_bytes().split_last().unwrap().1),
        ),
    ];
    for (what, code, bytes) in cases {
        let mut stream = bare(&server);
        // The server may close before everything is sent.
        let _ = stream.write_all(&bytes);
        let said = frames(&mut stream);
        assert_eq!(close_code(&said), Some(code), "{what}: {said:?}");
    }
    let mut good = Client::connect(&server);
    assert!(good.until_pong(1).is_empty());
    server.stop();
}

#[test]
fn pings_are_echoed_and_close_frames_answered() {
    let (server, _data) = start(&[]);
    let mut stream = bare(&server);
    stream.write_all(&frame(0x89, b"are you there")).unwrap();
    stream.write_all(&frame(0x8a, b"unasked")).unwrap();
    let goodbye = [&1000_u16.to_be_bytes()[..], b"bye"].concat();
    stream.write_all(&frame(0x88, &goodbye)).unwrap();
    let said = frames(&mut stream);
    assert_eq!(said[0], (10, b"are you there".to_vec()));
    assert_eq!(close_code(&said), Some(1000));
    assert_eq!(said.len(), 2);

    let mut client = Client::connect(&server);
    let close = CloseFrame {
        code: CloseCode::Away,
        reason: "".into(),
    };
    client.try_say(Message::Close(Some(close))).unwrap();
    assert_eq!(client.closed().code, 1001);
    server.stop();
}

#[test]
fn lines_due_together_share_a_frame() {
    let (server, _data) = start(&[]);
    let mut stream = bare(&server);
    let subscribe =
        json!({ "type": "subscribe", "id": 1, "keyword": "ai", "topics": ["timeline", "volume"] });
    stream
        .write_all(&frame(0x81, subscribe.to_string().as_bytes()))
        .unwrap();
    let mut bytes = Vec::new();
    let mut until = |end: &str| {
        let mut read = [0; 4096];
        while !String::from_utf8_lossy(&bytes).contains(end) {
            let count = stream.read(&mut read).unwrap();
            assert!(count > 0, "{end} never came");
            bytes.extend_from_slice(&read[..count]);
        }
        std::mem::take(&mut bytes)
    };
    until("\"total\":");
    // A session that still writes the line before takes the first of the two lines alone.
    let lines = (1..=50).map(|number| {
        server.publish(&posted_to("ai", &format!("x:{number}"), AT, "one"));
        let bytes = until("\"type\":\"update\",\"keyword\":\"ai\",\"topic\":\"volume\"");
        let (_, last) = parsed(&bytes).pop().unwrap();
        last.split(|byte| *byte == b'\n').count()
    });
    assert!(lines.into_iter().any(|lines| lines == 2));
    server.stop();
}

#[test]
fn noise_ends_its_session_only() {
    let (server, _data) = start(&[]);
    let mut good = Client::connect(&server);
    good.subscribe("ai", json!(["timeline"]));
    good.next_of("snapshot");
    for trial in 0..trials("TIDINGS_NOISE", long_or(20_000, 400)) {
        let mut chance = Chance::of(trial);
        let mut stream = bare(&server);
        let mut bytes = Vec::new();
        for _ in 0..=chance.below(6) {
            let length = chance.below(200) as usize;
            let payload: Vec<u8> = match chance.below(3) {
                0 => (0..length).map(|_| chance.below(256) as u8).collect(),
                1 => {
                    br#"{"type":"subscribe","id":1,"keyword":"ai","topics":["timeline"]}"#.to_vec()
                }
                _ => {
                    // A nearly correct message.
                    let mut near = br#"{"type":"subscribe","id":1,"keyword":"ai","since":{"epoch":"0","seq":1}}"#.to_vec();
                    let at = chance.below(near.len() as u64) as usize;
                    near[at] = chance.below(256) as u8;
                    near
                }
            };
            if chance.below(3) == 0 {
                bytes.extend_from_slice(&payload);
            } else {
                bytes.extend(frame(chance.below(256) as u8, &payload));
            }
        }
        let cut = chance.below(bytes.len() as u64 + 1) as usize;
        let _ = stream.write_all(&bytes[..cut]);
        // Some clients wait for the answer, some close at once.
        if chance.below(2) == 0 {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            frames(&mut stream);
        }
    }
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    assert_eq!(good.next_of("update")["added"][0]["id"], "x:1");
    let metrics = server.ask("GET", "/metrics", &[], b"").text();
    for line in metrics.lines() {
        let failed = line.starts_with("tidings_actors_restarted_total{");
        assert!(!failed || line.ends_with(" 0"), "{line}");
    }
    drop(good);
    eventually("all sessions have ended", || sessions(&server) == 0);
    server.stop();
}

/// The number of session actors.
fn sessions(server: &Server) -> u64 {
    let metrics = server.ask("GET", "/metrics", &[], b"").text();
    let name = "tidings_actors_alive{kind=\"session\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn vanished_clients_leave_no_sessions() {
    let (server, _data) = start(&["live.linger_ms=200"]);
    let keywords: Vec<String> = (0..50).map(|index| format!("k{index}")).collect();
    server.track(&keywords.iter().map(String::as_str).collect::<Vec<_>>());
    for round in 0..4 {
        let mut clients: Vec<Client> = keywords
            .iter()
            .map(|keyword| {
                let mut client = Client::connect(&server);
                client.subscribe(keyword, json!(["timeline", "volume", "ledger"]));
                client.next_of("snapshot");
                client
            })
            .collect();
        assert!(sessions(&server) >= 50, "{}", sessions(&server));
        // Half of the clients send a close frame.
        for client in clients.iter_mut().take(25) {
            let _ = client.try_say(Message::Close(None));
        }
        drop(clients);
        eventually("all sessions have ended", || sessions(&server) == 0);
        server.publish(&posted_to("k0", &format!("x:{round}"), AT, "one"));
    }
    server.stop();
}
