//! Tests with many clients that send half a body or never read. Memory and connections stay within
//! their limits, and other clients are answered.

use std::io::ErrorKind;
use std::time::Duration;

use tidings::http::{HttpOptions, ServerLimits};
use tidings::telemetry::{Metrics, ReasonLabel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::common::http::Answer;
use crate::common::in_process::{Running, Setup, read_to_end};
use crate::common::lines::{posted, with};
use crate::common::wait::{DEADLINE, until};

const MIB: u64 = 1024 * 1024;

async fn start(write_idle: Duration, body_budget: u64, answer_budget: u64) -> Running {
    Running::with(Setup {
        http: HttpOptions {
            body_budget,
            answer_budget,
            ..HttpOptions::default()
        },
        limits: ServerLimits {
            connections: 64,
            write_idle,
            ..ServerLimits::default()
        },
        ..Setup::default()
    })
    .await
}

/// Sends a request over a connection that is never read and has a small receive buffer.
async fn never_reads(running: &Running, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(running.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

fn reset_for(metrics: &Metrics, reason: &'static str) -> u64 {
    metrics
        .http_reset
        .get_or_create(&ReasonLabel { reason })
        .get()
}

/// Reads until the connection ends. Asserts that it ends with a reset.
async fn is_reset(mut stream: TcpStream) {
    let mut unread = Vec::new();
    let end = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut unread)).await;
    let error = end.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// Tracks ten keywords and returns a path that compares them over the maximum of points: 4.6 MB.
async fn ten_keywords(running: &Running) -> String {
    let mut path =
        "/api/v1/compare?step=minute&from=2015-06-01T00:00:00Z&to=2015-06-07T22:40:00Z".to_owned();
    for number in 0..10 {
        running.track(&format!("k{number}")).await;
        path.push_str(&format!("&keyword=k{number}"));
    }
    path
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_nothing_are_reset_and_their_permits_released() {
    let running = start(Duration::from_millis(200), 128 * MIB, 128 * MIB).await;
    let pipelined = get("/api/openapi.json").repeat(200);
    let mut clients = Vec::new();
    for _ in 0..64 {
        clients.push(never_reads(&running, &pipelined).await);
    }
    until("the reset of all", || {
        running.metrics.http_connections.get() == 0
    })
    .await;
    assert_eq!(reset_for(&running.metrics, "nothing_taken"), 64);
    assert_eq!(running.metrics.http_answer_bytes.get(), 0);
    for client in clients {
        is_reset(client).await;
    }
    assert_eq!(running.get("/healthz").await.status, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_event_stream_is_reset() {
    let running = start(Duration::from_millis(200), 128 * MIB, 128 * MIB).await;
    running.track("ai").await;
    let stream = never_reads(&running, &get("/api/v1/keywords/ai/events?topic=timeline")).await;
    let text = "x".repeat(8_000);
    let mut number = 0;
    while reset_for(&running.metrics, "nothing_taken") == 0 {
        let lines: Vec<_> = (0..50)
            .map(|_| {
                number += 1;
                let tweet = posted(&format!("t{number}"), "2015-06-01T00:00:00Z", &text);
                with(tweet, serde_json::json!({"keyword": "ai"}))
            })
            .collect();
        running.publish_all(&lines).await;
        assert!(number < 100_000, "the stream was not reset");
    }
    is_reset(stream).await;
    until("the end of the stream", || {
        running.metrics.http_answer_bytes.get() == 0
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_client_gets_the_last_event_of_its_stream() {
    let running = start(Duration::from_secs(60), 128 * MIB, 128 * MIB).await;
    running.track("ai").await;
    let request = get("/api/v1/keywords/ai/events?topic=timeline");
    let mut stream = never_reads(&running, &request).await;
    let text = "\u{fdfa}".repeat(10_000);
    // The events have more bytes than the buffers of the system and of the server for one client.
    for round in 0..8 {
        let lines: Vec<_> = (0..20)
            .map(|number| {
                let id = format!("t{round}-{number}");
                let tweet = posted(&id, "2015-06-01T00:00:00Z", &text);
                with(tweet, serde_json::json!({"keyword": "ai"}))
            })
            .collect();
        let seq = running.publish_all(&lines).await;
        let path = format!("/api/v1/keywords/ai/timeline?limit=1&min_seq={seq}");
        assert_eq!(running.get(&path).await.status, 200);
    }
    let untracked = running
        .send("DELETE", "/api/v1/keywords/ai", &[], b"")
        .await;
    assert_eq!(untracked.status, 204);
    let events = read_to_end(&mut stream).await;
    let events = String::from_utf8_lossy(&events);
    let last = &events[events.rfind("event: ").unwrap()..];
    assert!(last.starts_with("event: error"), "{last:.200}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_reader_gets_its_whole_answer() {
    let running = start(Duration::from_millis(500), 128 * MIB, 128 * MIB).await;
    let path = ten_keywords(&running).await;
    let whole = running.get(&path).await;
    let request = get(&path).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let mut stream = never_reads(&running, &request).await;
    let mut answer = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut piece).await.unwrap() {
            0 => break,
            length => answer.extend_from_slice(&piece[..length]),
        }
        // The client reads much slower than the connection allows, but faster than the limit.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(Answer::parse(&answer).unwrap().body, whole.body);
    assert_eq!(reset_for(&running.metrics, "nothing_taken"), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_answers_stay_within_the_budget_and_are_evicted() {
    const BUDGET: u64 = 12 * MIB;
    let running = start(Duration::from_secs(20), 128 * MIB, BUDGET).await;
    let path = ten_keywords(&running).await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(never_reads(&running, &get(&path)).await);
    }
    // Two answers fit into the budget, the others are refused.
    until("a refusal", || {
        running.metrics.http_answer_refused.get() > 0
    })
    .await;
    let held = || u64::try_from(running.metrics.http_answer_bytes.get()).unwrap();
    // A client that reads is answered as soon as the server notices that the others stall.
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let reply = running.get(&path).await;
        assert!(held() <= BUDGET);
        // Answers from a few rows are never refused.
        assert_eq!(running.get("/api/v1/keywords/k1/volume").await.status, 200);
        if reply.status == 200 {
            assert_eq!(reply.json()["series"].as_array().unwrap().len(), 10);
            break;
        }
        assert_eq!((reply.status, reply.problem().as_str()), (503, "busy"));
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert!(
            tokio::time::Instant::now() < deadline,
            "the client that reads got no answer in time"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(running.metrics.http_answer_gave_way.get() > 0);
    assert!(reset_for(&running.metrics, "memory_short") > 0);
    drop(clients);
    until("the end of all answers", || held() == 0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_bodies_stay_within_the_budget_beside_small_ones() {
    const BUDGET: u64 = 4 * MIB;
    let running = start(Duration::from_secs(20), BUDGET, 128 * MIB).await;
    running.track("ai").await;
    let head = |length: u64| {
        format!(
            "POST /api/v1/tweets HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
            application/x-ndjson\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut half_sent = head(16 * MIB).into_bytes();
    half_sent.resize(half_sent.len() + 1024 * 1024, b'\n');
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut stream = running.connect().await;
        let half_sent = half_sent.clone();
        clients.push(tokio::spawn(async move {
            // A refused client may be closed before it has sent everything.
            let _ = stream.write_all(&half_sent).await;
            stream
        }));
    }
    until("a refusal", || running.metrics.http_body_refused.get() > 0).await;
    let held = || u64::try_from(running.metrics.http_body_bytes.get()).unwrap();
    let line = with(
        posted("t1", "2015-06-01T00:00:00Z", "x"),
        serde_json::json!({"keyword": "ai"}),
    );
    running.publish_all(&[line]).await;
    assert!(held() <= BUDGET + 64 * 1024);

    // A complete body of 2 MiB is accepted once the server notices that the others stall.
    let whole = "\n".repeat(2 * 1024 * 1024);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let reply = running.publish(&whole).await;
        if reply.status == 200 {
            break;
        }
        assert_eq!((reply.status, reply.problem().as_str()), (503, "busy"));
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert!(
            tokio::time::Instant::now() < deadline,
            "the complete body was not accepted in time"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for client in clients {
        drop(client.await.unwrap());
    }
    until("the end of all bodies", || held() == 0).await;
    running.stop().await;
}
