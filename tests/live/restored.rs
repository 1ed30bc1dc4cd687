//! Tests of resuming after a data folder was restored from a copy: epoch and positions are the same
//! as before, but the tweets are others.

use serde_json::{Value, json};

use crate::common::files::copy_folder;
use crate::common::lines::posted_to;
use crate::common::live_client::Client;
use crate::common::server::Server;
use crate::live::events::Stream;

const AT: &str = "2026-11-23T07:00:00.000Z";

/// The position of a new client: epoch, seq and mark.
fn position(server: &Server) -> Value {
    server.wait_until_folded();
    let mut client = Client::connect(server);
    client.subscribe("ai", json!(["timeline"]));
    let line = client.next_of("snapshot");
    json!({ "epoch": line["epoch"], "seq": line["seq"], "mark": line["mark"] })
}

/// Whether a client that resumes from `since` is told that it recovered. Asserts that it gets a
/// snapshot exactly when it did not recover.
fn recovered(server: &Server, since: &Value) -> bool {
    let mut client = Client::connect(server);
    client.say(
        &json!({ "type": "subscribe", "id": 1, "keyword": "ai", "topics": ["timeline"], "since": since }),
    );
    let recovered = client.next()["recovered"].as_bool().unwrap();
    let lines = if recovered {
        client.until_pong(1)
    } else {
        vec![client.next_of("snapshot")]
    };
    let snapshots = lines.iter().filter(|line| line["type"] == "snapshot");
    assert_eq!(snapshots.count(), usize::from(!recovered), "{lines:?}");
    recovered
}

fn stream_begins_with(server: &Server, since: &Value) -> String {
    let word = |name: &str| since[name].as_str().unwrap().to_owned();
    let (epoch, seq, mark) = (word("epoch"), &since["seq"], word("mark"));
    let header = format!("Last-Event-ID: {epoch}:{seq}:{mark}\r\n");
    let mut stream = Stream::open(server, "topic=timeline", &header);
    server.publish(&posted_to("ai", &format!("x:stream{mark}{seq}"), AT, "new"));
    stream.next().unwrap().kind
}

fn without_mark(since: &Value) -> Value {
    json!({ "epoch": since["epoch"], "seq": since["seq"] })
}

fn at(since: &Value, seq: u64) -> Value {
    json!({ "epoch": since["epoch"], "seq": seq, "mark": since["mark"] })
}

#[test]
fn client_of_another_history_gets_a_snapshot() {
    let parent = tempfile::tempdir().unwrap();
    let folder = |name: &str| parent.path().join(name);
    let server = Server::start(&folder("first"));
    server.track(&["ai"]);
    server.publish(&posted_to("ai", "x:1", AT, "one"));
    let common = position(&server);
    server.stop();
    for name in ["second", "third"] {
        copy_folder(&folder("first"), &folder(name));
    }

    // The folder "first" gets the history that is lost. The folder "third" gets the first half of
    // the history that replaces it.
    let server = Server::start(&folder("first"));
    server.publish(&(posted_to("ai", "x:2", AT, "two") + &posted_to("ai", "x:3", AT, "three")));
    let lost = position(&server);
    assert!(recovered(&server, &lost));
    server.stop();
    let server = Server::start(&folder("third"));
    server.publish(&posted_to("ai", "y:2", AT, "zwei"));
    let half = position(&server);
    server.stop();

    let server = Server::start(&folder("second"));
    let mut witness = Client::connect(&server);
    witness.subscribe("ai", json!(["timeline"]));
    witness.next_of("snapshot");
    server.publish(&(posted_to("ai", "y:2", AT, "zwei") + &posted_to("ai", "y:3", AT, "drei")));
    let update = witness.next_of("update");
    let now = position(&server);
    assert_eq!((&now["epoch"], &now["seq"]), (&lost["epoch"], &lost["seq"]));
    assert_ne!(now["mark"], lost["mark"]);
    assert_eq!(
        (&update["prev"], &update["seq"], &update["mark"]),
        (&common["seq"], &now["seq"], &now["mark"])
    );

    // Clients resume at the current position of the views, at an earlier one, and at one that only
    // the journal knows.
    let middle = half["seq"].as_u64().unwrap();
    let check = |server: &Server| {
        for (since, is_ours) in [
            (&now, true),
            (&common, true),
            (&half, true),
            (&lost, false),
            (&at(&lost, middle), false),
            (&at(&common, middle), false),
            (&at(&half, common["seq"].as_u64().unwrap()), false),
        ] {
            assert_eq!(recovered(server, since), is_ours, "{since}");
            assert!(recovered(server, &without_mark(since)), "{since}");
        }
        let odd =
            json!({ "epoch": now["epoch"], "seq": now["seq"], "mark": "not of this journal" });
        assert!(!recovered(server, &odd));
    };
    check(&server);
    assert_eq!(stream_begins_with(&server, &now), "update");
    assert_eq!(stream_begins_with(&server, &lost), "snapshot");
    assert_eq!(stream_begins_with(&server, &at(&lost, middle)), "snapshot");
    assert_eq!(stream_begins_with(&server, &half), "update");
    check(&server);
    server.stop();

    // A restart empties the replay buffer: clients can resume only at the last position.
    let server = Server::start(&folder("second"));
    let last = position(&server);
    assert!(recovered(&server, &last));
    assert!(!recovered(
        &server,
        &at(&now, last["seq"].as_u64().unwrap())
    ));
    assert!(!recovered(&server, &now));
    server.stop();
}
