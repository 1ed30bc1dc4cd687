//! A flipped bit in nats-server's own files, in a record that is folded already: nats-server skips
//! the record without an error.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::command::on_files;
use crate::common::lines::tweet;
use crate::common::server::Server;
use crate::common::views;
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;

const AT: &str = "2020-01-01T00:00:00Z";
const ALL: u64 = 60;

/// The only block file of the stream of events.
fn block(nats: &Nats) -> PathBuf {
    nats.store().join("jetstream/$G/streams/TWEETS/msgs/1.blk")
}

/// Flips a bit in the record of this tweet while nats-server is stopped.
fn flip(nats: &mut Nats, id: &str) {
    nats.end_with("TERM");
    let path = block(nats);
    let mut bytes = std::fs::read(&path).unwrap();
    let name = format!("tweet {id} of");
    let found = bytes
        .windows(name.len())
        .position(|part| part == name.as_bytes());
    bytes[found.unwrap()] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    nats.start_again();
}

/// Publishes [`ALL`] tweets to two keywords in turns.
fn publish(nats: &Nats) {
    let mut client = nats.client();
    for number in 1..=ALL {
        let keyword = if number % 2 == 0 { "a" } else { "b" };
        let event = tweet(keyword, &format!("t{number}"), AT);
        let subject = format!("tweets.{keyword}");
        client
            .publish(subject.as_bytes(), event.as_bytes())
            .unwrap()
            .unwrap();
    }
}

/// Publishes and folds, stops the server, and returns the epoch.
fn fold(nats: &Nats, data: &std::path::Path) -> Value {
    let server = Server::start_with(data, &["--nats", &nats.url()]);
    publish(nats);
    eventually("everything is folded", || {
        server.get("/api/v1/ledger")["as_of"] == ALL
    });
    let epoch = server.get("/api/v1/ledger")["epoch"].clone();
    server.stop();
    epoch
}

#[test]
fn hole_below_the_checkpoint_is_located_and_rebuilt_around() {
    let mut nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let before = fold(&nats, scratch.path());
    let url = nats.url();
    let on = |arguments: &[&str]| {
        let nats = ["--nats", url.as_str(), "--output", "json"];
        on_files(scratch.path(), arguments.iter().chain(&nats))
    };
    on(&["views", "verify"]).expect_code(0);
    flip(&mut nats, "t20");
    // The stream still counts the record.
    assert_eq!(nats.stream("TWEETS")["state"]["messages"], ALL);

    let found = on(&["views", "verify"]).expect_code(3).json();
    assert_eq!(found["journal_missing"], json!([[20, 20]]), "{found}");
    let differences = found["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1, "{found}");
    assert_eq!(differences[0]["keyword"], "a");
    assert_eq!(differences[0]["found"]["folded"], 30);
    assert_eq!(differences[0]["expected"]["folded"], 29);
    let said = on_files(scratch.path(), ["views", "verify", "--nats", &url]).expect_code(3);
    assert!(
        said.stdout
            .contains("the journal holds nothing at sequence 20"),
        "{said:?}"
    );

    // A server continues with the views that it had, in the same epoch.
    let server = Server::start_with(scratch.path(), &["--nats", &url]);
    assert_eq!(server.get("/api/v1/ledger")["epoch"], before);
    assert!(views::ids(&server, "a").contains_key("t20"));
    server.stop();

    let rebuilt = on(&["views", "rebuild"]).expect_code(0).json();
    assert_eq!(rebuilt["new_epoch"], true);
    let verified = on(&["views", "verify"]).expect_code(0).json();
    assert_eq!(verified["journal_missing"], json!([[20, 20]]));
    let server = Server::start_with(scratch.path(), &["--nats", &url]);
    assert_ne!(server.get("/api/v1/ledger")["epoch"], before);
    let ids = views::ids(&server, "a");
    assert_eq!((ids.len(), ids.contains_key("t20")), (29, false));
    assert_eq!(views::ids(&server, "b").len(), 30);
    server.stop();
}

#[test]
fn hole_at_the_checkpoint_starts_an_epoch_that_ends_before_it() {
    let mut nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let before = fold(&nats, scratch.path());
    flip(&mut nats, &format!("t{ALL}"));
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    assert_ne!(server.get("/api/v1/ledger")["epoch"], before);
    assert_eq!(server.get("/readyz")["head"], ALL - 1);
    assert_eq!(views::ids(&server, "a").len(), 29);
    let event = tweet("a", "later", AT);
    let sequence = nats
        .client()
        .publish(b"tweets.a", event.as_bytes())
        .unwrap();
    assert_eq!(sequence, Some(ALL + 1));
    eventually("what comes later is folded", || {
        views::ids(&server, "a").contains_key("later")
    });
    server.wait_until_ready();
    server.stop();
}

#[test]
fn hole_beyond_the_checkpoint_is_named_though_nothing_was_compared() {
    let mut nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let url = nats.url();
    // The server is killed before its first commit.
    let arguments = [
        "--nats",
        url.as_str(),
        "--set",
        "commit.interval_ms=3600000",
        "--set",
        "commit.events=10000000",
    ];
    let server = Server::start_with(scratch.path(), &arguments);
    publish(&nats);
    eventually("everything is folded", || {
        server.get("/api/v1/ledger")["as_of"] == ALL
    });
    server.kill();
    flip(&mut nats, "t20");

    let on = |arguments: &[&str]| {
        let nats = ["--nats", url.as_str(), "--output", "json"];
        on_files(scratch.path(), arguments.iter().chain(&nats))
            .expect_code(0)
            .json()
    };
    let listing = on(&["views", "ls"]);
    assert_eq!(listing["head"], ALL, "{listing}");
    assert_eq!(listing["unfolded"], ALL - 1);
    assert_eq!(listing["keywords"], json!([]));
    let found = on(&["views", "verify"]);
    assert_eq!(found["position"], 0, "{found}");
    assert_eq!(found["unfolded"], ALL - 1);
    assert_eq!(found["journal_missing"], json!([[20, 20]]));
    let said = on_files(scratch.path(), ["views", "verify", "--nats", &url]).expect_code(0);
    for part in [
        "the journal holds nothing at sequence 20",
        "no difference in 0 keywords through sequence 0; 59 journaled events lie beyond",
    ] {
        assert!(said.stdout.contains(part), "{part}: {said:?}");
    }
}
