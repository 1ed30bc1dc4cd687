//! Invalid input of many kinds beside valid input: errors are precise, and no valid line is lost.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::common::http::{self, Answer};
use crate::common::lines::tweet;
use crate::common::server::Server;
use crate::common::views;

const NDJSON: (&str, &str) = ("Content-Type", "application/x-ndjson");
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn post(address: SocketAddr, body: &[u8]) -> Answer {
    http::ask(address, "POST", "/api/v1/tweets", &[NDJSON], body).unwrap()
}

/// A valid tweet with some fields replaced.
fn odd(changes: &Value) -> String {
    let mut event: Value =
        serde_json::from_str(&tweet("a", "odd", "2020-01-01T00:00:00Z")).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    event.to_string()
}

#[test]
fn bad_lines_are_refused_one_by_one() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let mut missing: Value = serde_json::from_str(&odd(&json!({}))).unwrap();
    missing.as_object_mut().unwrap().remove("author");
    let bad = [
        ("{\"type\":".to_owned(), "JSON"),
        ("[]".to_owned(), "object"),
        ("\u{feff}{}".to_owned(), "JSON"),
        (odd(&json!({"text": 7})), "\"text\""),
        (odd(&json!({"id": ["1"]})), "\"id\""),
        (odd(&json!({"id": "with space"})), "\"id\""),
        (odd(&json!({"at": 1_600_000_000})), "\"at\""),
        (odd(&json!({"at": "yesterday"})), "\"at\""),
        (odd(&json!({"at": "1999-12-31T23:59:59Z"})), "\"at\""),
        (odd(&json!({"at": "2999-01-01T00:00:00Z"})), "future"),
        (odd(&json!({"type": "tweet.imagined"})), "tweet.imagined"),
        (odd(&json!({"text": ""})), "\"text\""),
        (odd(&json!({"text": "가".repeat(20_000)})), "\"text\""),
        (odd(&json!({"author": {"handle": ""}})), "author.handle"),
        (odd(&json!({"metrics": {"likes": -1}})), "likes"),
        (
            odd(&json!({"metrics": {"likes": 9_007_199_254_740_992_u64}})),
            "likes",
        ),
        (odd(&json!({"keyword": 7})), "\"keyword\""),
        (odd(&json!({"keyword": "a\u{202e}b"})), "202E"),
        (odd(&json!({"keyword": "x".repeat(65)})), "64"),
        (odd(&json!({"keyword": " \t"})), "keyword"),
        (missing.to_string(), "author.handle"),
        (odd(&json!({"name": "x".repeat(70_000)})), "bytes"),
    ];
    let mut lines = Vec::new();
    for (number, (line, _)) in bad.iter().enumerate() {
        lines.push(tweet(
            "a",
            &format!("good-{number}"),
            "2020-01-01T00:00:00Z",
        ));
        lines.push(line.clone());
    }
    let mut body = lines.join("\n").into_bytes();
    // Two more bad lines: one is not UTF-8, the other is a NUL byte.
    body.extend_from_slice(b"\n{\"id\":\"\xff\"}\n\0\n");
    let answer = post(server.address(), &body).expect(200);
    assert_eq!(answer["accepted"], bad.len() as u64);
    let rejected = answer["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), bad.len() + 2, "{rejected:?}");
    for ((index, (line, part)), refused) in bad.iter().enumerate().zip(rejected) {
        assert_eq!(refused["line"], 2 * index as u64 + 2, "{line}");
        let reason = refused["reason"].as_str().unwrap();
        assert!(reason.contains(part), "{part:?} is not in {reason:?}");
    }
    server.wait_until_folded();
    assert_eq!(views::ids(&server, "a").len(), bad.len());
}

#[test]
fn odd_but_valid_tweets_are_returned_unchanged() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let texts = [
        "a\0b".to_owned(),
        "\u{202e}right to left".to_owned(),
        "👩‍👩‍👧‍👦".to_owned(),
        "가".repeat(10_000),
        "<script>alert(1)</script>&amp;".to_owned(),
        "\u{1}\u{7f}\u{85}\u{2028}".to_owned(),
    ];
    for (number, text) in texts.iter().enumerate() {
        let answer = server.publish(&odd(&json!({"id": number.to_string(), "text": text})));
        assert_eq!(answer["accepted"], 1, "{answer}");
    }
    server.wait_until_folded();
    let page = server.get(&views::path("a", "timeline"));
    for (number, text) in texts.iter().enumerate() {
        let items = page["items"].as_array().unwrap();
        let item = items
            .iter()
            .find(|item| item["id"].as_str() == Some(&number.to_string()))
            .unwrap();
        assert_eq!(item["text"], *text);
    }
}

#[test]
fn hostile_keywords_are_tracked_or_refused_without_side_effects() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    let fine = [
        "*",
        ">",
        "a.b",
        "../x",
        "..",
        "/",
        "%",
        "%41",
        "a/b?c#d",
        "🍎",
        "'; drop table",
        "\u{5d0}\u{5d1}",
    ];
    for keyword in fine {
        let body = json!({ "keyword": keyword }).to_string();
        let answer = server.ask("POST", "/api/v1/keywords", &[JSON], body.as_bytes());
        assert_eq!(answer.status, 201, "{keyword}: {}", answer.text());
        server.publish(&tweet(keyword, "1", "2020-01-01T00:00:00Z"));
    }
    for keyword in [
        "",
        " ",
        "a\u{0}b",
        "\u{202e}",
        "a\u{200f}b",
        &"x".repeat(65),
    ] {
        let body = json!({ "keyword": keyword }).to_string();
        let answer = server.ask("POST", "/api/v1/keywords", &[JSON], body.as_bytes());
        assert!(
            (400..500).contains(&answer.status),
            "{keyword:?}: {}",
            answer.status
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    let huge = json!({ "keyword": "x".repeat(10_000_000) }).to_string();
    for body in [
        &huge,
        "[\"list\"]",
        "\"text\"",
        "{}",
        "{\"keyword\":[\"list\"]}",
        "{\"keyword\":null}",
        "",
    ] {
        let answer = server.ask("POST", "/api/v1/keywords", &[JSON], body.as_bytes());
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("keyword"), "{}", answer.text());
    }
    server.wait_until_folded();
    let totals = views::totals(&server);
    assert_eq!(totals.len(), fine.len(), "{totals:?}");
    for keyword in fine {
        assert_eq!(totals[keyword], 1, "{keyword}");
        assert_eq!(views::ids(&server, keyword).len(), 1, "{keyword}");
    }
    // Nothing was written outside the data folder.
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
}

#[test]
fn foreign_requests_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let good = tweet("a", "1", "2020-01-01T00:00:00Z");
    let good = good.as_bytes();
    let too_large = vec![b' '; 17 * 1024 * 1024];
    let foreign = ("Origin", "http://evil.example");
    let path = "/api/v1/tweets";
    for (method, path, headers, body, status) in [
        ("POST", path, &[NDJSON][..], &too_large[..], 413),
        ("POST", path, &[], good, 415),
        ("POST", path, &[("Content-Type", "text/plain")], good, 415),
        ("POST", path, &[NDJSON, foreign], good, 403),
        ("POST", path, &[NDJSON, ("Host", "evil.example")], good, 403),
        (
            "GET",
            "/api/v1/keywords",
            &[("Host", "evil.example")],
            b"",
            403,
        ),
        ("GET", "/api/v1/keywords", &[foreign], b"", 403),
        ("GET", "/api/v1/keywords?nonsense=1", &[], b"", 400),
        ("GET", "/api/v1/keywords/never/timeline", &[], b"", 404),
        ("GET", "/api/v1/keywords/%FF/timeline", &[], b"", 400),
        ("GET", "/nowhere", &[], b"", 404),
        ("PUT", path, &[NDJSON], good, 405),
    ] {
        let answer = server.ask(method, path, headers, body);
        assert_eq!(
            answer.status,
            status,
            "{method} {path} {headers:?}: {}",
            answer.text()
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert!(answer.json()["type"].is_string());
    }
    // Exactly 16 MiB is accepted.
    let mut body = good.to_vec();
    body.resize(16 * 1024 * 1024, b'\n');
    assert_eq!(post(server.address(), &body).expect(200)["accepted"], 1);
    server.wait_until_folded();
    assert_eq!(views::totals(&server)["a"], 1);
}

#[test]
fn invalid_requests_leave_other_clients_unaffected() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    server.publish(&tweet("a", "1", "2020-01-01T00:00:00Z"));
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /api/v1/tweets HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/tweets HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \
        chunked\r\n\r\nzz\r\n",
    ] {
        // The server may answer or close the connection.
        if let Ok(answer) = http::say(server.address(), bytes) {
            assert!((400..600).contains(&answer.status), "{}", answer.status);
        }
    }
    assert_eq!(views::totals(&server)["a"], 1);
    server.stop();
}
