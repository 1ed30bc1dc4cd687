//! Messages that are no events or that break a client's parser: each is kept once in the rejected
//! log, with its reason, and the next good event is folded.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::command::on_files;
use crate::common::lines::tweet;
use crate::common::server::Server;
use crate::common::views::path;
use crate::jetstream::nats::Nats;

const AT: &str = "2020-01-01T00:00:00Z";

/// Subject, header block, payload, and words of the reason.
type Message = (Vec<u8>, Vec<u8>, Vec<u8>, &'static str);

fn hostile() -> Vec<Message> {
    let good = tweet("a", "x", AT).into_bytes();
    let text =
        |subject: &str, payload: &str, reason| (subject.into(), Vec::new(), payload.into(), reason);
    let deleted = r#"{"type":"tweet.deleted","id":"x","at":"2020-01-01T00:00:00Z"}"#;
    vec![
        text("tweets.A", deleted, "not in normal form"),
        text("tweets.%61", deleted, "not in normal form"),
        text("tweets.%ff", deleted, "UTF-8"),
        text("tweets.%00", deleted, "control"),
        text("tweets.아이폰", deleted, "%EC%95%84"),
        // Wildcards, which NATS accepts as subjects.
        text("tweets.*", deleted, "normal form"),
        text("tweets.>", deleted, "normal form"),
        text("tweets.a*", deleted, "normal form"),
        (
            b"tweets.b\x0bc".to_vec(),
            Vec::new(),
            good.clone(),
            "normal form",
        ),
        (
            b"tweets.b\x01c".to_vec(),
            Vec::new(),
            good.clone(),
            "control",
        ),
        (
            "tweets.b\u{3000}c".into(),
            Vec::new(),
            good.clone(),
            "normal form",
        ),
        (b"tweets.\xff\xfe".to_vec(), Vec::new(), good, ""),
        text("tweets.a", "", "JSON"),
        text("tweets.a", "{\"type\":", "JSON"),
        text("tweets.a", "[1]", "object"),
        text(
            "tweets.a",
            r#"{"type":"tweet.sung","at":"2020-01-01T00:00:00Z"}"#,
            "tweet.sung",
        ),
        (
            b"tweets.a".to_vec(),
            Vec::new(),
            b"\xff\xfe".to_vec(),
            "UTF-8",
        ),
        (
            b"tweets.a".to_vec(),
            Vec::new(),
            vec![b' '; 1024 * 1024],
            "65536",
        ),
        // Messages that a client may take for a status of the server, or cannot parse.
        (
            b"tweets.a".to_vec(),
            b"NATS/1.0 409 Consumer Deleted\r\n\r\n".to_vec(),
            b"no".to_vec(),
            "JSON",
        ),
        (
            b"tweets.a".to_vec(),
            b"NATS/1.0 100 Idle Heartbeat\r\n\r\n".to_vec(),
            b"no".to_vec(),
            "JSON",
        ),
        (
            b"tweets.a".to_vec(),
            b"NATS/1.0\r\nno colon\r\n\r\n".to_vec(),
            b"no".to_vec(),
            "JSON",
        ),
        (
            b"tweets.a".to_vec(),
            b"NATS/1.0\r\n\xff: \xfe\r\n\r\n".to_vec(),
            b"no".to_vec(),
            "JSON",
        ),
        (
            b"tweets.\xffa\x0b".to_vec(),
            b"NATS/1.0\r\na: b\r\n\r\n".to_vec(),
            b"no".to_vec(),
            "",
        ),
    ]
}

fn entries(data: &Path, nats: &Nats) -> Vec<Value> {
    let url = nats.url();
    let listed = on_files(data, ["rejected", "ls", "--output", "json", "--nats", &url]);
    let listed = listed.expect_code(0).json();
    listed.as_array().unwrap().clone()
}

#[test]
fn undecodable_messages_are_kept_once_and_do_not_stop_folding() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let with = nats.url();
    let with = ["--nats", with.as_str()];
    let server = Server::start_with(scratch.path(), &with);
    let mut client = nats.client();
    let mut stored: Vec<(u64, &str)> = Vec::new();
    let mut last = 0;
    let mut good = 0;
    for (subject, headers, payload, reason) in hostile() {
        match client.publish_with(&subject, &headers, &payload) {
            Ok(Some(sequence)) => stored.push((sequence, reason)),
            // nats-server refuses some of the messages and may close the connection.
            Ok(None) | Err(_) => client = nats.client(),
        }
        good += 1;
        let event = tweet("good", &format!("g{good}"), AT);
        last = client
            .publish(b"tweets.good", event.as_bytes())
            .unwrap()
            .unwrap();
        // Waits after each message, so that each is the last message of the stream for a moment.
        crate::common::wait::eventually("it is folded", || {
            server.get("/api/v1/ledger")["as_of"] == last
        });
    }
    assert!(
        stored.len() >= 18,
        "the server refused too many: {stored:?}"
    );
    let folded = server.get(&path("good", "ledger"))["folded"].clone();
    assert_eq!(folded, good);
    let ledger = server.get("/api/v1/ledger");
    let refused = ledger["rejected"].as_u64().unwrap() + ledger["unaddressed"].as_u64().unwrap();
    assert_eq!(refused, stored.len() as u64, "{ledger}");
    assert_eq!(
        nats.stream("REJECTED")["state"]["messages"],
        stored.len() as u64
    );
    // After a crash and after a rebuild no entry is written again.
    server.kill();
    std::fs::remove_dir_all(scratch.path().join("views")).unwrap();
    let server = Server::start_with(scratch.path(), &with);
    crate::common::wait::eventually("it is folded again", || {
        server.get("/api/v1/ledger")["as_of"] == last
    });
    server.stop();
    on_files(scratch.path(), ["views", "rebuild"].iter().chain(&with)).expect_code(0);
    let kept = entries(scratch.path(), &nats);
    assert_eq!(kept.len(), stored.len());
    for (sequence, reason) in stored {
        let entry = kept.iter().find(|entry| entry["sequence"] == sequence);
        let entry = entry.unwrap_or_else(|| panic!("{sequence} is not in {kept:?}"));
        let said = entry["reason"].as_str().unwrap();
        assert!(said.contains(reason), "{entry}");
    }
    assert_eq!(nats.stream("REJECTED")["state"]["last_seq"], kept.len());
}

#[test]
fn foreign_subjects_are_neither_acknowledged_nor_stored() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let event = tweet("a", "x", AT);
    for subject in ["tweets.a.b", "tweets.3.x", "tweets"] {
        let answer = nats.client().publish(subject.as_bytes(), event.as_bytes());
        assert_eq!(answer.unwrap(), None, "{subject}");
    }
    assert_eq!(nats.stream("TWEETS")["state"]["messages"], 0);
    server.stop();
}

#[test]
fn rejected_entry_describes_its_record() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let sequence = nats.client().publish(b"tweets.a", b"{}").unwrap().unwrap();
    crate::common::wait::eventually("it is kept", || {
        nats.stream("REJECTED")["state"]["messages"] == 1
    });
    let request = json!({ "last_by_subj": "rejected.a" });
    let kept = nats.client().api("STREAM.MSG.GET.REJECTED", &request);
    let headers = kept["message"]["hdrs"].as_str().unwrap();
    let headers = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, headers).unwrap();
    let headers = String::from_utf8(headers).unwrap();
    for line in [
        "Tidings-Subject: tweets.a".to_owned(),
        format!("Tidings-Sequence: {sequence}"),
        "Tidings-Length: 2".to_owned(),
        "Tidings-Reason: field \"type\" is missing".to_owned(),
        "Tidings-Incarnation: ".to_owned(),
        "Nats-Msg-Id: ".to_owned(),
    ] {
        assert!(headers.contains(&line), "{line} is not in {headers}");
    }
    server.stop();
}
