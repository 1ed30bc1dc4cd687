//! Tests of each message of the live protocol, and of each refusal.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tidings::http::RESOURCES;
use tungstenite::Message;

use crate::common::http;
use crate::common::lines::{deleted_to, engaged_to, posted_to};
use crate::common::live_client::Client;
use crate::common::server::Server;

const AT: &str = "2026-11-23T07:00:00.000Z";

struct Fixture {
    server: Server,
    _data: tempfile::TempDir,
}

fn start() -> Fixture {
    start_with(&[])
}

fn start_with(arguments: &[&str]) -> Fixture {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(data.path(), arguments);
    server.track(&["ai", "배우"]);
    Fixture {
        server,
        _data: data,
    }
}

fn ids(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|item| item.as_str().or(item["id"].as_str()).unwrap())
        .collect()
}

#[test]
fn subscription_starts_with_snapshots_and_continues_with_updates() {
    let Fixture { server, _data } = start();
    server.publish(&posted_to("ai", "x:1", AT, "first"));
    server.wait_until_folded();
    let mut client = Client::connect(&server);
    client.say(&json!({ "type": "subscribe", "id": "s", "keyword": " AI ", "topics": ["timeline", "volume", "ledger"] }));
    assert_eq!(
        client.next(),
        json!({ "type": "subscribed", "id": "s", "keyword": "ai", "recovered": false })
    );
    let timeline = client.next();
    assert_eq!(timeline["type"], "snapshot");
    assert_eq!(timeline["topic"], "timeline");
    assert_eq!(ids(&timeline["items"]), ["x:1"]);
    assert_eq!(timeline["floor"], Value::Null);
    let rest = server.get("/api/v1/keywords/ai/timeline");
    assert_eq!(
        (&timeline["epoch"], &timeline["seq"]),
        (&rest["epoch"], &rest["as_of"])
    );
    assert_eq!(timeline["items"], rest["items"]);
    let volume = client.next();
    let rest = server.get("/api/v1/keywords/ai/volume");
    assert_eq!(volume["points"].as_array().unwrap().len(), 24);
    assert_eq!(
        (&volume["points"], &volume["until"], &volume["total"]),
        (&rest["points"], &rest["until"], &rest["total"])
    );
    let ledger = client.next();
    assert_eq!(
        (&ledger["topic"], &ledger["folded"], &ledger["journaled"]),
        (&json!("ledger"), &json!(2), &json!(2))
    );

    let seq = timeline["seq"].as_u64().unwrap();
    server.publish(&(posted_to("ai", "x:2", AT, "second") + &posted_to("ai", "x:3", AT, "third")));
    let update = client.next();
    assert_eq!(update["type"], "update");
    assert_eq!(update["prev"], seq);
    assert_eq!(ids(&update["added"]), ["x:3", "x:2"]);
    assert_eq!(
        (&update["changed"], &update["removed"]),
        (&json!([]), &json!([]))
    );
    assert!(update.get("limit").is_none());

    server.publish(&(engaged_to("ai", "x:1", AT, 9) + &deleted_to("ai", "x:2", AT)));
    let update = loop {
        let line = client.next();
        if line["topic"] == "timeline" {
            break line;
        }
    };
    assert_eq!(update["changed"][0]["id"], "x:1");
    assert_eq!(update["changed"][0]["metrics"]["likes"], 9);
    assert_eq!(ids(&update["removed"]), ["x:2"]);
}

#[test]
fn event_without_effect_still_moves_the_channels() {
    let Fixture { server, _data } = start();
    server.publish(&posted_to("ai", "x:1", AT, "first"));
    server.wait_until_folded();
    let mut client = Client::connect(&server);
    client.subscribe("ai", json!(["timeline", "volume"]));
    let seq = client.next_of("snapshot")["seq"].as_u64().unwrap();
    client.next_of("snapshot");
    server.publish(&posted_to("ai", "x:1", AT, "again"));
    for topic in ["timeline", "volume"] {
        let update = client.next_of("update");
        assert_eq!(update["topic"], topic);
        assert_eq!(
            (&update["prev"], &update["seq"]),
            (&json!(seq), &json!(seq + 1))
        );
    }
}

#[test]
fn lines_name_parameters_that_are_not_the_default() {
    let Fixture { server, _data } = start();
    let body: String = (0..5)
        .map(|index| posted_to("ai", &format!("x:{index}"), AT, "text"))
        .collect();
    server.publish(&body);
    server.wait_until_folded();
    let mut client = Client::connect(&server);
    client.subscribe(
        "ai",
        json!([
            { "topic": "timeline", "limit": 2 },
            { "topic": "volume", "step": "day", "tz": "+09:00", "from": "2026-11-20T00:00:00Z" },
        ]),
    );
    let [timeline, volume] = of_both_topics(&mut client, "snapshot");
    assert_eq!(timeline["limit"], 2);
    assert_eq!(ids(&timeline["items"]), ["x:4", "x:3"]);
    assert_eq!(timeline["floor"], json!({ "at": AT, "id": "x:3" }));
    assert_eq!(
        (&volume["step"], &volume["tz"], &volume["from"]),
        (
            &json!("day"),
            &json!("+09:00"),
            &json!("2026-11-20T00:00:00.000Z")
        )
    );
    let rest =
        server.get("/api/v1/keywords/ai/volume?step=day&tz=%2B09:00&from=2026-11-20T00:00:00Z");
    assert_eq!(volume["points"], rest["points"]);
    server.publish(&posted_to("ai", "x:9", AT, "text"));
    let [timeline, volume] = of_both_topics(&mut client, "update");
    assert_eq!(timeline["limit"], 2);
    assert_eq!(volume["step"], "day");
}

/// The next lines of this kind of `timeline` and `volume`, which come in any order.
fn of_both_topics(client: &mut Client, kind: &str) -> [Value; 2] {
    let mut lines = [client.next_of(kind), client.next_of(kind)];
    lines.sort_by_key(|line| line["topic"].to_string());
    lines
}

#[test]
fn topics_default_to_those_of_the_dashboard() {
    let Fixture { server, _data } = start();
    let mut client = Client::connect(&server);
    client.say(&json!({ "type": "subscribe", "id": 1, "keyword": "배우" }));
    client.next_of("subscribed");
    // Only the default topics that are resources of this build. Snapshots come in any order.
    let of_dashboard = ["timeline", "volume", "ranking", "related"];
    let expected: BTreeSet<_> = of_dashboard
        .into_iter()
        .filter(|name| RESOURCES.iter().any(|resource| resource.name == *name))
        .map(str::to_owned)
        .collect();
    let topics: BTreeSet<_> = (0..expected.len())
        .map(|_| {
            client.next_of("snapshot")["topic"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(topics, expected);
    let more = client.until_pong(9);
    assert!(
        more.iter().all(|line| line["type"] != "snapshot"),
        "{more:?}"
    );
}

#[test]
fn client_resumes_without_a_gap_or_gets_a_snapshot() {
    let Fixture { server, _data } = start();
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    server.wait_until_folded();
    let mut client = Client::connect(&server);
    client.subscribe("ai", json!(["timeline"]));
    let snapshot = client.next_of("snapshot");
    let (epoch, seq) = (snapshot["epoch"].clone(), snapshot["seq"].clone());
    drop(client);
    server.publish(&posted_to("ai", "x:2", AT, "two"));
    let taken = server.publish(&posted_to("ai", "x:3", AT, "three"));
    server.wait_until_folded();
    let resume = |epoch: &Value, seq: &Value| {
        let mut client = Client::connect(&server);
        client.say(&json!({ "type": "subscribe", "id": 1, "keyword": "ai", "topics": ["timeline", "volume"], "since": { "epoch": epoch, "seq": seq } }));
        let subscribed = client.next();
        assert_eq!(subscribed["type"], "subscribed");
        let mut snapshots = vec![client.next_of("snapshot")["topic"].clone()];
        if subscribed["recovered"] == false {
            snapshots.push(client.next_of("snapshot")["topic"].clone());
        }
        assert_eq!(client.until_pong(2), Vec::<Value>::new());
        snapshots.sort_by_key(ToString::to_string);
        (subscribed["recovered"].clone(), snapshots)
    };
    // The client gets the missed updates and nothing else.
    let mut added = Vec::new();
    let mut client = Client::connect(&server);
    client.say(&json!({ "type": "subscribe", "id": 1, "keyword": "ai", "topics": ["timeline"], "since": { "epoch": epoch, "seq": seq } }));
    assert_eq!(client.next()["recovered"], true);
    while added.len() < 2 {
        let line = client.next();
        assert_eq!(line["type"], "update", "{line}");
        let mut new: Vec<_> = ids(&line["added"]).into_iter().map(str::to_owned).collect();
        new.reverse();
        added.extend(new);
    }
    assert_eq!(added, ["x:2", "x:3"]);
    // No update was missed: no snapshot of the timeline, one of the volume.
    let (recovered, snapshots) = resume(&epoch, &taken["seq"]);
    assert_eq!((recovered, snapshots), (json!(true), vec![json!("volume")]));
    // Another epoch, an invalid epoch, a position beyond the journal head, and position 0: the
    // client gets snapshots at once.
    for (epoch, seq) in [
        (&json!("0000000000000000"), &seq),
        (&json!("no epoch"), &seq),
        (&epoch, &json!(1_000_000)),
        (&epoch, &json!(0)),
    ] {
        let (recovered, snapshots) = resume(epoch, seq);
        assert_eq!(recovered, false, "{epoch} {seq}");
        assert_eq!(snapshots, ["timeline", "volume"]);
    }
}

#[test]
fn new_subscriber_gets_what_get_returns() {
    let Fixture { server, _data } = start();
    let topics = json!(["timeline", "volume", "ledger"]);
    let mut first = Client::connect(&server);
    first.subscribe("ai", topics.clone());
    first.say(&json!({ "type": "subscribe", "id": 2, "topics": ["overview"] }));
    for _ in 0..4 {
        first.next_of("snapshot");
    }
    for number in 1..=10 {
        let taken = server.publish(&posted_to("ai", &format!("x:{number}"), AT, "one"));
        // The subscriber has received that update.
        while first.next_of("update")["seq"].as_u64() < taken["seq"].as_u64() {}
    }
    let got = server.get("/api/v1/keywords/ai/timeline");
    let mut second = Client::connect(&server);
    second.subscribe("ai", topics);
    second.say(&json!({ "type": "subscribe", "id": 2, "topics": ["overview"] }));
    let mut seen = Vec::new();
    while seen.len() < 4 {
        let line = second.next();
        if line["type"] != "subscribed" {
            assert_eq!(line["type"], "snapshot", "{line}");
            assert!(line["seq"].as_u64() >= got["as_of"].as_u64(), "{line}");
            if line["topic"] == "timeline" {
                assert_eq!(line["items"], got["items"]);
            }
            seen.push(line["topic"].clone());
        }
    }
    seen.sort_by_key(ToString::to_string);
    assert_eq!(seen, ["ledger", "overview", "timeline", "volume"]);
}

#[test]
fn requests_are_answered_by_id_before_the_feed_starts() {
    let Fixture { server, _data } = start();
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    let taken = server.publish(&posted_to("ai", "x:2", AT, "two"));
    let got = server.get("/api/v1/keywords/ai/timeline");
    let mut client = Client::connect(&server);
    let since = json!({ "epoch": got["epoch"], "seq": taken["seq"] });
    for message in [
        json!({ "type": "subscribe", "id": 1, "keyword": "ai", "topics": ["timeline"], "since": since }),
        json!({ "type": "subscribe", "id": 2, "keyword": "ai", "topics": ["volume"] }),
        json!({ "type": "subscribe", "id": 3, "keyword": "ai", "topics": ["ledger"] }),
        json!({ "type": "subscribe", "id": 4, "keyword": "absent" }),
        json!({ "type": "subscribe", "id": 5, "keyword": "absent" }),
        json!({ "type": "subscribe", "id": 6, "keyword": "배우", "topics": ["timeline"] }),
        json!({ "type": "unsubscribe", "id": 7, "keyword": "배우" }),
    ] {
        client.say(&message);
    }
    let mut answers = Vec::new();
    while answers.len() < 6 {
        let line = client.next();
        if !line["id"].is_null() {
            let said = [&line["type"], &line["recovered"], &line["code"]];
            answers.push((line["id"].as_u64(), said.map(Value::clone)));
        }
        assert_ne!(
            (&line["type"], &line["topic"]),
            (&json!("snapshot"), &json!("timeline")),
            "{line}"
        );
    }
    answers.sort_by_key(|(id, _)| *id);
    let subscribed = |recovered: bool| [json!("subscribed"), json!(recovered), Value::Null];
    let refused = || [json!("error"), Value::Null, json!("not_tracked")];
    let expected = [
        (Some(1), subscribed(true)),
        (Some(2), subscribed(false)),
        (Some(3), subscribed(false)),
        (Some(4), refused()),
        (Some(5), refused()),
        (Some(6), subscribed(false)),
    ];
    assert_eq!(answers, expected);
}

#[test]
fn second_subscription_of_a_channel_replaces_it_with_a_new_snapshot() {
    let Fixture { server, _data } = start();
    let mut client = Client::connect(&server);
    for id in 1..=2 {
        client.say(
            &json!({ "type": "subscribe", "id": id, "keyword": "ai", "topics": ["timeline"] }),
        );
        assert_eq!(client.next_of("subscribed")["id"], id);
        client.next_of("snapshot");
    }
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    client.next_of("update");
    assert_eq!(client.until_pong(3), Vec::<Value>::new());
}

#[test]
fn unsubscribed_topics_send_nothing() {
    let Fixture { server, _data } = start();
    let mut client = Client::connect(&server);
    client.subscribe("ai", json!(["timeline", "volume"]));
    client.next_of("snapshot");
    client.next_of("snapshot");
    client.say(&json!({ "type": "unsubscribe", "id": 2, "keyword": "ai", "topics": ["volume"] }));
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    assert_eq!(client.next_of("update")["topic"], "timeline");
    client.say(&json!({ "type": "unsubscribe", "id": 3, "keyword": "ai" }));
    assert_eq!(client.until_pong(4), Vec::<Value>::new());
    server.publish(&posted_to("ai", "x:2", AT, "two"));
    server.wait_until_folded();
    assert!(
        client
            .within(Duration::from_millis(200))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn untracking_ends_subscriptions_and_tracking_starts_empty() {
    let Fixture { server, _data } = start();
    let mut client = Client::connect(&server);
    client.subscribe("ai", json!(["timeline"]));
    client.next_of("snapshot");
    server
        .ask("DELETE", "/api/v1/keywords/ai", &[], b"")
        .expect(204);
    let error = client.next();
    assert_eq!(
        (
            &error["type"],
            &error["code"],
            &error["id"],
            &error["keyword"]
        ),
        (
            &json!("error"),
            &json!("not_tracked"),
            &json!(1),
            &json!("ai")
        )
    );
    client.subscribe("ai", json!(["timeline"]));
    assert_eq!(client.next()["code"], "not_tracked");
    server.track(&["ai"]);
    client.subscribe("ai", json!(["timeline"]));
    client.next_of("subscribed");
    assert_eq!(client.next_of("snapshot")["items"], json!([]));
}

#[test]
fn fifth_bad_message_in_a_row_closes_the_session() {
    let Fixture { server, _data } = start();
    let mut client = Client::connect(&server);
    for (message, right) in [
        ("nonsense", "not a JSON object"),
        ("[]", "not a JSON object"),
        (r#"{"type":"subscribe"}"#, "a keyword is missing"),
        (r#"{"type":"shout"}"#, "subscribe, unsubscribe and ping"),
    ] {
        client.say_text(message);
        let error = client.next();
        assert_eq!(error["code"], "bad_request", "{message}");
        assert!(
            error["message"].as_str().unwrap().contains(right),
            "{error}"
        );
    }
    // A valid message resets the count.
    assert!(client.until_pong(1).is_empty());
    for (id, rest) in [
        (json!(4), json!({ "keyword": "ai", "topics": ["tweets"] })),
        (json!("five"), json!({ "keyword": "ai", "topics": [] })),
        (json!(6), json!({ "keyword": 7 })),
        (json!(7), json!({ "keyword": "ai", "since": { "seq": 1 } })),
    ] {
        let mut message = rest;
        message["type"] = json!("subscribe");
        message["id"] = id.clone();
        client.say(&message);
        let error = client.next();
        assert_eq!((&error["id"], &error["code"]), (&id, &json!("bad_request")));
    }
    client.say_text("{}");
    assert_eq!(client.next()["code"], "bad_request");
    assert_eq!(client.closed().code, 4400);
}

#[test]
fn each_protocol_violation_has_its_close_code() {
    let Fixture { server, _data } = start();
    let long_line = format!("{{\"type\":\"ping\",\"id\":\"{}\"}}", "x".repeat(16 * 1024));
    let long_message = format!("{{\"type\":\"ping\"}}\n{}", " ".repeat(70_000));
    let raw_unmasked = [0x81, 2, b'{', b'}'];
    // A masked frame header that announces 64 MiB.
    let claim = [0x81, 0xff, 0, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4];
    let not_utf8 = [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe];
    let reserved = [0x83, 0x80, 0, 0, 0, 0];
    type Breach<'b> = Box<dyn Fn(&mut Client) + 'b>;
    let cases: Vec<(u16, Breach<'_>)> = vec![
        (1009, Box::new(|client| client.say_text(&long_line))),
        (1009, Box::new(|client| client.say_text(&long_message))),
        (1009, Box::new(|client| client.say_raw(&claim))),
        (
            4400,
            Box::new(|client| {
                client.try_say(Message::binary(b"{}".to_vec())).unwrap();
            }),
        ),
        (1002, Box::new(|client| client.say_raw(&raw_unmasked))),
        (1002, Box::new(|client| client.say_raw(&reserved))),
        (1007, Box::new(|client| client.say_raw(&not_utf8))),
    ];
    for (index, (code, breach)) in cases.into_iter().enumerate() {
        let mut client = Client::connect(&server);
        breach(&mut client);
        assert_eq!(client.closed().code, code, "case {index}");
    }
    let mut good = Client::connect(&server);
    assert!(good.until_pong(1).is_empty());
}

#[test]
fn unknown_member_is_a_bad_request() {
    let Fixture { server, _data } = start();
    let mut client = Client::connect(&server);
    for (message, unknown) in [
        (json!({ "type": "ping", "keyword": "ai" }), "keyword"),
        (
            json!({ "type": "subscribe", "keyword": "ai", "as_of": 7 }),
            "as_of",
        ),
        (
            json!({ "type": "subscribe", "keyword": "ai", "replay": null }),
            "replay",
        ),
        (
            json!({ "type": "subscribe", "keyword": "ai", "since": { "epoch": "e", "seq": 1, "at": 2 } }),
            "at",
        ),
        (
            json!({ "type": "unsubscribe", "keyword": "ai", "since": null }),
            "since",
        ),
    ] {
        let mut message = message;
        message["id"] = json!(unknown);
        client.say(&message);
        let error = client.next();
        assert_eq!(
            (&error["type"], &error["code"], &error["id"]),
            (&json!("error"), &json!("bad_request"), &json!(unknown)),
            "{message}"
        );
        let told = error["message"].as_str().unwrap();
        assert!(told.contains(&format!("no member {unknown:?}")), "{told}");
        assert!(client.until_pong(1).is_empty(), "{message} had an effect");
    }
}

#[test]
fn messages_can_be_fragmented_or_share_a_frame() {
    let Fixture { server, _data } = start();
    let mut client = Client::connect(&server);
    // {"type": ... "ping","id":1} in three frames, with a ping frame between them.
    for (head, part) in [
        (0x01, r#"{"type":"#),
        (0x89, ""),
        (0x00, r#""ping","#),
        (0x80, r#""id":1}"#),
    ] {
        let mut frame = vec![head, 0x80 | part.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(part.as_bytes());
        client.say_raw(&frame);
    }
    assert_eq!(client.next(), json!({ "type": "pong", "id": 1 }));
    client.say_text("{\"type\":\"ping\",\"id\":2}\n\n{\"type\":\"ping\",\"id\":3}\n");
    assert_eq!(client.next()["id"], 2);
    assert_eq!(client.next()["id"], 3);
}

#[test]
fn limit_errors_name_the_limit_and_keep_the_session() {
    let Fixture { server, _data } = start_with(&[
        "--set",
        "live.subscriptions=3",
        "--set",
        "live.sessions=2",
        "--set",
        "live.burst=20",
        "--set",
        "live.rate=1",
    ]);
    let mut client = Client::connect(&server);
    client.subscribe("ai", json!(["timeline", "volume"]));
    client.next_of("subscribed");
    client.subscribe("배우", json!(["timeline", "volume"]));
    assert_eq!(client.next_of("error")["code"], "too_many");
    client.subscribe("배우", json!(["timeline"]));
    assert_eq!(client.next_of("subscribed")["keyword"], "배우");
    let mut second = Client::connect(&server);
    // The pong shows that the second session has its permit.
    assert!(second.until_pong(1).is_empty());
    let mut third = Client::connect(&server);
    assert_eq!(third.closed().code, 4429);
    for id in 0..20 {
        let _ = client.try_say(Message::text(format!("{{\"type\":\"ping\",\"id\":{id}}}")));
    }
    assert_eq!(client.closed().code, 4429);
    let metrics = server.ask("GET", "/metrics", &[], b"").text();
    assert!(
        metrics.contains("tidings_live_closed_total{reason=\"too_many\"} 2"),
        "{metrics}"
    );
}

#[test]
fn request_without_handshake_is_refused_with_reason() {
    let Fixture { server, _data } = start();
    let handshake = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let ask = |headers: &[(&str, &str)]| {
        http::ask(server.address(), "GET", "/api/v1/live", headers, b"").unwrap()
    };
    let plain = ask(&[]);
    assert_eq!(plain.status, 426);
    assert_eq!(plain.header("upgrade"), Some("websocket"));
    assert_eq!(plain.json()["type"], "/problems/upgrade-required");
    let mut foreign = handshake.to_vec();
    foreign.push(("Origin", "http://evil.example"));
    assert_eq!(ask(&foreign).status, 403);
    let mut other = handshake.to_vec();
    other.push(("Sec-WebSocket-Protocol", "chat"));
    assert_eq!(ask(&other).status, 400);
}
