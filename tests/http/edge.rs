//! Tests of the edge: hosts and origins, malformed requests, time-outs, and limits on connections
//! and bodies.

use std::time::Duration;

use tidings::http::{BodyTimes, Hosts, HttpOptions, ServerLimits};
use tokio::io::AsyncWriteExt;

use crate::common::http::Answer;
use crate::common::in_process::{Running, Setup, read_head, read_to_end};
use crate::common::lines::{posted, with};
use crate::common::wait::DEADLINE;

fn status(answer: &[u8]) -> Option<u16> {
    Answer::parse(answer).map(|reply| reply.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_hosts_and_own_origins_are_answered() {
    let running = Running::start().await;
    let port = running.address().port();
    for (host, origin, expected) in [
        (format!("127.0.0.1:{port}"), None, 200),
        (format!("localhost:{port}"), None, 200),
        ("[::1]".to_owned(), None, 200),
        ("evil.example".to_owned(), None, 403),
        (format!("127.0.0.1.evil.example:{port}"), None, 403),
        (
            format!("localhost:{port}"),
            Some(format!("http://localhost:{port}")),
            200,
        ),
        (
            format!("localhost:{port}"),
            Some("http://evil.example".to_owned()),
            403,
        ),
        (format!("localhost:{port}"), Some("null".to_owned()), 403),
        (
            format!("localhost:{port}"),
            Some(format!("http://localhost:{}", port ^ 1)),
            403,
        ),
    ] {
        for path in ["/api/v1/nothing", "/", "/metrics"] {
            let origin = origin
                .as_ref()
                .map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: close\r\n\r\n");
            let reply = Answer::parse(&running.exchange(request.as_bytes()).await).unwrap();
            let expected = match (expected, path) {
                (200, "/api/v1/nothing") => 404,
                (expected, _) => expected,
            };
            assert_eq!(reply.status, expected, "{request}");
            if reply.status == 403 {
                reply.problem();
            }
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_hosts_are_answered() {
    let running = Running::with(Setup {
        http: HttpOptions {
            hosts: Hosts::new(["tidings.example"]).unwrap(),
            ..HttpOptions::default()
        },
        ..Setup::default()
    })
    .await;
    let ask = async |host: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        status(&running.exchange(request.as_bytes()).await)
    };
    assert_eq!(ask("tidings.example").await, Some(200));
    assert_eq!(ask("Tidings.Example:8443").await, Some(200));
    assert_eq!(ask("localhost").await, Some(403));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused_without_effect_on_other_clients() {
    let running = Running::start().await;
    let mut steady = running.connect().await;
    let head = format!(
        "GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n",
        running.address()
    );
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: \
        close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"POST /api/v1/tweets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \
        chunked\r\nContent-Type: application/x-ndjson\r\n\r\nZZ\r\n",
    ] {
        let answer = running.exchange(garbage).await;
        assert!(
            answer.is_empty() || status(&answer) == Some(400),
            "{:?} to {:?}",
            String::from_utf8_lossy(&answer),
            String::from_utf8_lossy(garbage),
        );
        steady.write_all(head.as_bytes()).await.unwrap();
        assert!(
            read_head(&mut steady)
                .await
                .starts_with("HTTP/1.1 200 OK\r\n")
        );
        let mut body = [0; 15];
        tokio::io::AsyncReadExt::read_exact(&mut steady, &mut body)
            .await
            .unwrap();
        assert_eq!(&body, b"{\"status\":\"ok\"}");
    }
    // A valid request followed by garbage: the request is answered, the garbage is refused.
    let pipelined = format!("{head}\x01\x02garbage\r\n\r\n");
    let answer = running.exchange(pipelined.as_bytes()).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert_eq!(text.matches("HTTP/1.1 200").count(), 1, "{text}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order() {
    let running = Running::start().await;
    let host = running.address();
    let request = format!(
        "GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\nGET /api/v1/nothing HTTP/1.1\r\nHost: \
        {host}\r\n\r\nGET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );
    let answer = String::from_utf8(running.exchange(request.as_bytes()).await).unwrap();
    let statuses: Vec<&str> = answer
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &answer[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["200", "404", "200"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_request_head_times_out() {
    let running = Running::with(Setup {
        limits: ServerLimits {
            header_time: Duration::from_millis(100),
            ..ServerLimits::default()
        },
        ..Setup::default()
    })
    .await;
    for begun in [
        "",
        "GET /heal",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n",
    ] {
        let mut stream = running.connect().await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert_ne!(status(&answer), Some(200), "{begun:?}");
    }
    assert_eq!(running.get("/healthz").await.status, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_request_body_times_out() {
    let running = Running::with(Setup {
        http: HttpOptions {
            body_times: BodyTimes {
                idle: Duration::from_millis(100),
                ..BodyTimes::default()
            },
            ..HttpOptions::default()
        },
        ..Setup::default()
    })
    .await;
    let mut stream = running.connect().await;
    let head = "POST /api/v1/tweets HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
        application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{\"type\"";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 408 "));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_of_a_vanished_client_is_discarded() {
    let running = Running::start().await;
    let line = with(
        posted("t1", "2015-06-01T00:00:00Z", "x"),
        serde_json::json!({"keyword": "ai"}),
    );
    let mut stream = running.connect().await;
    let head = format!(
        "POST /api/v1/tweets HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
        application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{line}\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(matches!(status(&answer), None | Some(400)), "{answer:?}");
    assert_eq!(running.get("/api/v1/ledger").await.json()["journaled"], 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_body_is_refused_in_any_encoding() {
    const LENGTH: usize = 17 * 1024 * 1024;
    let running = Running::start().await;
    let host = running.address();
    let head = |rest: &str| {
        format!(
            "POST /api/v1/tweets HTTP/1.1\r\nHost: {host}\r\nContent-Type: \
            application/x-ndjson\r\nConnection: close\r\n{rest}\r\n"
        )
    };

    // A body with a Content-Length is refused before its first byte. The client gets the answer
    // even if it continues to send.
    let mut announced = head(&format!("Content-Length: {LENGTH}\r\n")).into_bytes();
    let mut waiting = running.connect().await;
    waiting.write_all(&announced).await.unwrap();
    assert!(read_head(&mut waiting).await.starts_with("HTTP/1.1 413 "));
    announced.resize(announced.len() + LENGTH, b' ');
    let reply = Answer::parse(&running.exchange(&announced).await).unwrap();
    assert_eq!(
        (reply.status, reply.problem().as_str()),
        (413, "body-too-large")
    );

    // A body in chunks is refused when it exceeds the limit.
    let mut chunked = head("Transfer-Encoding: chunked\r\n").into_bytes();
    for _ in 0..17 {
        chunked.extend_from_slice(b"100000\r\n");
        chunked.resize(chunked.len() + 0x10_0000, b' ');
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let reply = Answer::parse(&running.exchange(&chunked).await).unwrap();
    assert_eq!(
        (reply.status, reply.problem().as_str()),
        (413, "body-too-large")
    );

    // A request that is refused for another reason gets its answer, too.
    let mut elsewhere = format!("POST /api/v1/nothing HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {LENGTH}\r\n\r\n").into_bytes();
    elsewhere.resize(elsewhere.len() + LENGTH, b' ');
    assert_eq!(status(&running.exchange(&elsewhere).await), Some(404));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expect_header_is_refused_without_100_continue() {
    let running = Running::start().await;
    let mut stream = running.connect().await;
    let head = "POST /api/v1/tweets HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
        text/plain\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 415 "));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keyword_of_ten_megabytes_is_refused() {
    let running = Running::start().await;
    let reply = running.track(&"x".repeat(10_000_000)).await;
    assert_eq!(
        (reply.status, reply.problem().as_str()),
        (400, "bad-keyword")
    );
    assert!(reply.body.len() < 1_000);
    let path = format!("/api/v1/keywords/{}/timeline", "x".repeat(60_000));
    assert_eq!(running.get(&path).await.status, 400);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_over_the_limit_gets_retry_after() {
    let running = Running::with(Setup {
        limits: ServerLimits {
            connections: 1,
            ..ServerLimits::default()
        },
        ..Setup::default()
    })
    .await;
    let mut first = running.connect().await;
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert!(read_head(&mut first).await.starts_with("HTTP/1.1 200 "));
    let mut second = running.connect().await;
    let reply = Answer::parse(&read_to_end(&mut second).await).unwrap();
    assert_eq!((reply.status, reply.problem().as_str()), (503, "try-again"));
    assert_eq!(running.metrics.http_connections_refused.get(), 1);
    drop(first);
    // The permit is released when the server has noticed that the first client is gone.
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while running.metrics.http_connections.get() > 0 {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_idle_and_unfinished_connections() {
    let running = Running::start().await;
    let mut idle = running.connect().await;
    idle.write_all(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert!(read_head(&mut idle).await.starts_with("HTTP/1.1 404 "));
    let mut stuck = running.connect().await;
    let head = "POST /api/v1/tweets HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
        application/x-ndjson\r\nContent-Length: 1000\r\n\r\n";
    stuck.write_all(head.as_bytes()).await.unwrap();
    let address = running.address();
    running.stop_within(Duration::from_millis(200)).await;
    read_to_end(&mut idle).await;
    assert!(read_to_end(&mut stuck).await.is_empty());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_work_under_any_host_with_status_only() {
    let running = Running::start().await;
    let ask = async |head: &str| {
        let request = format!("{head}\r\nConnection: close\r\n\r\n");
        Answer::parse(&running.exchange(request.as_bytes()).await).unwrap()
    };
    for (path, alone) in [
        ("/healthz", "{\"status\":\"ok\"}"),
        ("/readyz", "{\"status\":\"ready\"}"),
    ] {
        for unlisted in [
            format!("GET {path} HTTP/1.1\r\nHost: 10.42.0.7:4820"),
            format!("GET {path} HTTP/1.1\r\nHost: tidings.default.svc"),
            format!("GET {path} HTTP/1.1\r\nHost: [fd00::7]:4820"),
            format!("GET {path} HTTP/1.0\r\nUser-Agent: probe"),
        ] {
            let reply = ask(&unlisted).await;
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (200, alone),
                "{unlisted}"
            );
            let reply = ask(&unlisted.replacen("GET", "HEAD", 1)).await;
            assert_eq!(
                (reply.status, reply.text().as_str()),
                (200, ""),
                "{unlisted}"
            );
        }
        for refused in [
            format!("GET {path} HTTP/1.1\r\nHost: 10.42.0.7\r\nOrigin: http://10.42.0.7"),
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example"),
        ] {
            assert_eq!(ask(&refused).await.status, 403, "{refused}");
        }
        for bad in [
            format!("GET {path} HTTP/1.1\r\nUser-Agent: probe"),
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: localhost"),
        ] {
            assert_eq!(ask(&bad).await.status, 400, "{bad}");
        }
    }
    let whole = running.get("/readyz").await.json();
    assert_eq!(whole["shards"].as_array().unwrap().len(), 16);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_without_body_has_no_wrong_length() {
    let running = Running::start().await;
    running.track("ai").await;
    // The answers do not change from here on.
    assert_eq!(running.get("/api/v1/ledger?min_seq=1").await.status, 200);
    for path in [
        "/",
        "/boot.js",
        "/healthz",
        "/api/openapi.json",
        "/api/v1/keywords",
        "/api/v1/keywords/ai/timeline",
        "/api/v1/keywords/ai/ledger",
        "/api/v1/ledger",
    ] {
        let whole = running.get(path).await;
        let length = whole.body.len().to_string();
        assert_eq!(
            whole.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
        let head = running.send("HEAD", path, &[], b"").await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(
            head.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
        assert_eq!(head.header("etag"), whole.header("etag"), "{path}");

        let tag = whole.header("etag").unwrap();
        for method in ["GET", "HEAD"] {
            let held = running
                .send(method, path, &[("If-None-Match", tag)], b"")
                .await;
            assert_eq!((held.status, held.body.len()), (304, 0), "{method} {path}");
            assert_eq!(held.header("content-length"), None, "{method} {path}");
            assert_eq!(held.header("transfer-encoding"), None, "{method} {path}");
            assert_eq!(held.header("etag"), Some(tag), "{method} {path}");
        }
    }
    // An answer without a body leaves no bytes on the connection.
    let request = format!(
        "DELETE /api/v1/keywords/ai HTTP/1.1\r\nHost: {0}\r\n\r\nGET /healthz HTTP/1.1\r\nHost: \
        {0}\r\nConnection: close\r\n\r\n",
        running.address()
    );
    let answer = running.exchange(request.as_bytes()).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 204 No Content\r\n"), "{text}");
    let (first, second) = text.split_once("\r\n\r\n").unwrap();
    assert!(!first.contains("content-length"), "{first}");
    assert!(second.starts_with("HTTP/1.1 200 OK\r\n"), "{second}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn websocket_opens_only_after_a_complete_handshake() {
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    let running = Running::start().await;
    let ask = async |method: &str, version: &str, key: &str, left_out: &str| {
        let mut request = format!("{method} /api/v1/live {version}\r\n");
        for (name, value) in [
            ("Host", "localhost"),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
        ] {
            if name != left_out {
                request.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        request.push_str("\r\n");
        let mut stream = running.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        Answer::parse(head.as_bytes()).unwrap()
    };
    assert_eq!(ask("GET", "HTTP/1.1", KEY, "").await.status, 101);
    for (method, version, key, left_out, expected) in [
        ("GET", "HTTP/1.0", KEY, "", 426),
        ("GET", "HTTP/1.1", KEY, "Connection", 426),
        ("GET", "HTTP/1.1", KEY, "Upgrade", 426),
        ("GET", "HTTP/1.1", KEY, "Sec-WebSocket-Version", 426),
        ("GET", "HTTP/1.1", KEY, "Sec-WebSocket-Key", 400),
        ("GET", "HTTP/1.1", "AAAA", "", 400),
        ("GET", "HTTP/1.1", "the sample nonce", "", 400),
        ("HEAD", "HTTP/1.1", KEY, "", 405),
        ("POST", "HTTP/1.1", KEY, "", 405),
        ("OPTIONS", "HTTP/1.1", KEY, "", 405),
        ("get", "HTTP/1.1", KEY, "", 405),
    ] {
        let reply = ask(method, version, key, left_out).await;
        let asked = format!("{method} {version} {key} without {left_out:?}");
        assert_eq!(reply.status, expected, "{asked}");
        match expected {
            426 => {
                assert_eq!(reply.header("upgrade"), Some("websocket"), "{asked}");
                assert_eq!(reply.header("sec-websocket-version"), Some("13"), "{asked}");
            }
            405 => assert_eq!(reply.header("allow"), Some("GET"), "{asked}"),
            _ => {}
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lists_its_methods() {
    let running = Running::start().await;
    for route in tidings::http::ROUTES.iter() {
        let path = route.pattern.replace("{token}", "ai");
        let methods = ["PUT", "PATCH", "OPTIONS", "TRACE", "brew"];
        let refused = methods.iter().filter(|one| !route.methods.contains(one));
        for method in refused {
            let reply = running.send(method, &path, &[], b"").await;
            assert_eq!(reply.status, 405, "{method} {path}");
            let allowed: Vec<&str> = reply.header("allow").unwrap().split(',').collect();
            for taken in &route.methods {
                assert!(allowed.contains(taken), "{method} {path}: {allowed:?}");
            }
        }
    }
    for request in [
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\nConnection: close\r\n\r\n",
    ] {
        let answer = running.exchange(request.as_bytes()).await;
        let refused = status(&answer).unwrap();
        assert!((400..500).contains(&refused), "{request}: {refused}");
    }
    running.stop().await;
}
