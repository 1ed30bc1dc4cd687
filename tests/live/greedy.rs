//! Tests with clients that request more than their share: memory stays within `live.budget`.

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::common::lines::posted_to;
use crate::common::live_client::Client;
use crate::common::server::Server;
use crate::common::wait::eventually;
use crate::live::events::Stream;

const AT: &str = "2026-11-23T07:00:00.000Z";

fn start(settings: &[&str]) -> (Server, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = settings.iter().flat_map(|one| ["--set", one]).collect();
    let server = Server::start_with(data.path(), &arguments);
    server.track(&["ai"]);
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    server.wait_until_folded();
    (server, data)
}

fn metric(server: &Server, name: &str) -> u64 {
    let metrics = server.ask("GET", "/metrics", &[], b"").text();
    let name = format!("tidings_{name} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap_or_else(|| panic!("{name} in {metrics}"))
        .parse()
        .unwrap()
}

/// Resident memory in bytes.
fn memory_of(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kib * 1024
}

/// Subscribe messages of 64 different volumes each, with about this number of buckets.
fn wishes(step: &str, buckets: i64, width: time::Duration, messages: i64) -> Vec<Value> {
    (0..messages)
        .map(|message| {
            let topics: Vec<Value> = (0..64)
                .map(|one| {
                    let buckets = i32::try_from(buckets - message * 64 - one).unwrap();
                    let from = OffsetDateTime::now_utc() - width * buckets;
                    json!({ "topic": "volume", "step": step, "from": from.format(&Rfc3339).unwrap() })
                })
                .collect();
            json!({ "type": "subscribe", "id": message, "keyword": "ai", "topics": topics })
        })
        .collect()
}

#[test]
fn greedy_clients_take_little_memory_and_return_it() {
    let (server, _data) = start(&[]);
    let before = memory_of(&server);
    let greedy: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = Client::connect(&server);
            for wish in wishes("minute", 9_990, time::Duration::MINUTE, 5) {
                client.say(&wish);
            }
            client
        })
        .collect();
    let mut good = Client::connect(&server);
    good.subscribe("ai", json!(["timeline", "volume", "ledger"]));
    for _ in 0..3 {
        good.next_of("snapshot");
    }
    server.publish(&posted_to("ai", "x:2", AT, "two"));
    assert_eq!(good.next_of("update")["added"][0]["id"], "x:2");
    let grown = memory_of(&server).saturating_sub(before);
    assert!(grown < 64 << 20, "grown by {grown} bytes");
    assert!(metric(&server, "live_memory_bytes") < 64 << 20);
    drop(greedy);
    eventually("the memory of the closed clients is released", || {
        metric(&server, "live_memory_bytes") < 128 << 10
    });
    assert!(good.until_pong(1).len() < 10);
    server.stop();
}

/// Receives a stream and the kind of its first event, once that event has arrived.
type FirstEvent = mpsc::Receiver<(Stream, String)>;

/// Opens streams of one channel each, until one waits for the budget. Returns that stream, and the
/// earlier ones, which hold the rest of the budget.
fn first_that_waits(server: &Server) -> (FirstEvent, Vec<Stream>) {
    let mut granted = Vec::new();
    for days in 900..990_i32 {
        let count = metric(server, "live_refused_total");
        let from = OffsetDateTime::now_utc() - time::Duration::DAY * days;
        let from = from.format(&Rfc3339).unwrap();
        let query = format!("topic=volume&step=day&from={from}");
        let mut stream = Stream::open(server, &query, "");
        let (sender, first) = mpsc::channel();
        std::thread::spawn(move || {
            let kind = stream.next().unwrap().kind;
            let _ = sender.send((stream, kind));
        });
        let mut answered = None;
        eventually("the stream is answered or waits", || {
            answered = answered.take().or_else(|| first.try_recv().ok());
            answered.is_some() || metric(server, "live_refused_total") > count
        });
        match answered {
            Some((stream, _)) => granted.push(stream),
            None => return (first, granted),
        }
    }
    panic!("every stream was granted");
}

#[test]
fn over_budget_new_channels_are_refused_and_streams_wait() {
    let (server, _data) = start(&["live.budget=1048576"]);
    let mut good = Client::connect(&server);
    good.subscribe("ai", json!(["timeline"]));
    good.next_of("snapshot");
    let mut greedy = Client::connect(&server);
    let mut refused = None;
    for wish in wishes("day", 990, time::Duration::DAY, 15) {
        greedy.say(&wish);
        let mut snapshots = 0;
        while refused.is_none() && snapshots < 64 {
            let line = greedy.next();
            match line["type"].as_str().unwrap() {
                "error" => refused = Some(line),
                "snapshot" if line.get("more").is_none() => snapshots += 1,
                _ => {}
            }
        }
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("no subscription was refused");
    assert_eq!(refused["code"], "busy");
    assert!(refused["message"].as_str().unwrap().contains("live.budget"));
    greedy.until_pong(100);
    let (waiting, _granted) = first_that_waits(&server);
    // Existing channels continue, and others can subscribe to them.
    server.publish(&posted_to("ai", "x:2", AT, "two"));
    assert_eq!(good.next_of("update")["added"][0]["id"], "x:2");
    let mut other = Client::connect(&server);
    other.subscribe("ai", json!(["timeline"]));
    assert_eq!(other.next_of("snapshot")["items"][0]["id"], "x:2");
    drop(greedy);
    let (_stream, kind) = waiting.recv().unwrap();
    assert_eq!(kind, "snapshot");
    other.subscribe("ai", json!([{ "topic": "volume", "step": "day" }]));
    loop {
        match other.next() {
            line if line["topic"] == "volume" => break,
            line if line["code"] == "busy" => {
                std::thread::sleep(Duration::from_millis(20));
                other.subscribe("ai", json!([{ "topic": "volume", "step": "day" }]));
            }
            _ => {}
        }
    }
    server.stop();
}

#[test]
fn many_long_snapshots_all_arrive() {
    let (server, _data) = start(&[]);
    let mut client = Client::connect(&server);
    let mut wanted = std::collections::BTreeSet::new();
    for wish in wishes("minute", 2_500, time::Duration::MINUTE, 2) {
        client.say(&wish);
        let topics = wish["topics"].as_array().unwrap();
        wanted.extend(topics.iter().map(|topic| topic["from"].to_string()));
    }
    let mut came = 0;
    while came < wanted.len() {
        let line = client.next_of("snapshot");
        came += usize::from(line.get("more").is_none());
    }
    assert!(
        client
            .until_pong(1)
            .iter()
            .all(|line| line["type"] == "update")
    );
    server.stop();
}
