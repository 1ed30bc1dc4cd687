//! A stream that is not the one that was folded: a new epoch, an error in the log, and views of its
//! current content.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::files::copy_folder;
use crate::common::lines::tweet;
use crate::common::server::{Server, send};
use crate::common::views::path;
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;

const AT: &str = "2020-01-01T00:00:00Z";

fn publish(nats: &Nats, numbers: std::ops::Range<u32>) -> u64 {
    let mut client = nats.client();
    let mut last = 0;
    for number in numbers {
        let event = tweet("a", &format!("t{number}"), AT);
        let sequence = client.publish(b"tweets.a", event.as_bytes()).unwrap();
        last = sequence.unwrap();
    }
    last
}

fn epoch(server: &Server) -> Value {
    let mut epoch = Value::Null;
    eventually("the views are open", || {
        let ledger = server.ask("GET", "/api/v1/ledger", &[], b"");
        if ledger.status == 200 {
            epoch = ledger.json()["epoch"].clone();
        }
        !epoch.is_null()
    });
    epoch
}

/// Waits until the views hold exactly the tweets with these numbers.
fn wait_for(server: &Server, numbers: impl Iterator<Item = u32>) {
    let right: BTreeSet<String> = numbers.map(|number| format!("t{number}")).collect();
    assert!(right.len() < 200, "more than a page");
    eventually("the views hold what the stream holds", || {
        let page = server.ask("GET", &path("a", "timeline?limit=200"), &[], b"");
        if page.status != 200 {
            return false;
        }
        let items = page.json()["items"].clone();
        let ids = items.as_array().unwrap().iter();
        let ids: Vec<_> = ids.map(|item| item["id"].as_str().unwrap()).collect();
        ids.len() == right.len() && ids.iter().all(|id| right.contains(*id))
    });
}

fn changed(server: &Server) -> u64 {
    let text = server.ask("GET", "/metrics", &[], b"").text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("tidings_journal_changed_total "));
    line.unwrap().parse().unwrap()
}

fn recreate(nats: &Nats) {
    let mut client = nats.client();
    let config = client.api("STREAM.INFO.TWEETS", &json!({}))["config"].clone();
    let deleted = client.api("STREAM.DELETE.TWEETS", &json!({}));
    assert_eq!(deleted["success"], true, "{deleted}");
    let created = client.api("STREAM.CREATE.TWEETS", &config);
    assert!(created["error"].is_null(), "{created}");
}

#[test]
fn stream_recreated_while_running_starts_an_epoch() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    publish(&nats, 0..50);
    wait_for(&server, 0..50);
    let before = epoch(&server);
    recreate(&nats);
    publish(&nats, 100..160);
    wait_for(&server, 100..160);
    assert_ne!(epoch(&server), before);
    assert_eq!(changed(&server), 1);
    let fresh_scratch = tempfile::tempdir().unwrap();
    let fresh = Server::start_with(fresh_scratch.path(), &["--nats", &nats.url()]);
    wait_for(&fresh, 100..160);
    assert_eq!(epoch(&fresh), epoch(&server), "replicas agree");
    fresh.stop();
    let said = server.stop();
    assert!(said.contains("was created again"), "{said}");
}

#[test]
fn stream_recreated_while_stopped_starts_an_epoch() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let url = nats.url();
    let server = Server::start_with(scratch.path(), &["--nats", &url]);
    publish(&nats, 0..50);
    wait_for(&server, 0..50);
    let before = epoch(&server);
    server.stop();
    recreate(&nats);
    publish(&nats, 100..110);
    let server = Server::start_with(scratch.path(), &["--nats", &url]);
    wait_for(&server, 100..110);
    assert_ne!(epoch(&server), before);
    let said = server.stop();
    assert!(said.contains("a new epoch begins"), "{said}");
}

#[test]
fn purged_stream_empties_the_views() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    publish(&nats, 0..50);
    wait_for(&server, 0..50);
    let before = epoch(&server);
    let purged = nats.client().api("STREAM.PURGE.TWEETS", &json!({}));
    assert_eq!(purged["purged"], 50, "{purged}");
    eventually("the views are empty", || {
        let ledger = server.ask("GET", "/api/v1/ledger", &[], b"");
        ledger.status == 200 && ledger.json()["journaled"] == 0
    });
    assert_ne!(epoch(&server), before);
    publish(&nats, 100..110);
    wait_for(&server, 100..110);
    server.wait_until_ready();
    assert_eq!(changed(&server), 1);
    server.stop();
}

/// nats-server comes back with an older state of its disk, and its sequences are used again.
#[test]
fn truncated_stream_with_reused_sequences_starts_epochs() {
    let mut nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let other_scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let other = Server::start_with(other_scratch.path(), &["--nats", &nats.url()]);
    publish(&nats, 0..30);
    wait_for(&server, 0..30);
    let old = scratch.path().join("old");
    let go_back = |nats: &mut Nats| {
        nats.end_with("TERM");
        std::fs::remove_dir_all(nats.store()).unwrap();
        copy_folder(&old, &nats.store());
    };
    nats.end_with("TERM");
    copy_folder(&nats.store(), &old);
    nats.start_again();
    publish(&nats, 30..60);
    wait_for(&server, 0..60);
    wait_for(&other, 0..60);
    let first = epoch(&server);
    assert_eq!(epoch(&other), first);

    go_back(&mut nats);
    nats.start_again();
    wait_for(&server, 0..30);
    let second = epoch(&server);
    assert_ne!(second, first);
    wait_for(&other, 0..30);
    assert_eq!(epoch(&other), second, "replicas agree");

    // The stream goes back again, and its sequences are in use again before tidings reads it.
    publish(&nats, 60..80);
    wait_for(&server, (0..30).chain(60..80));
    wait_for(&other, (0..30).chain(60..80));
    send("STOP", server.id());
    go_back(&mut nats);
    nats.start_again();
    publish(&nats, 200..240);
    send("CONT", server.id());
    wait_for(&server, (0..30).chain(200..240));
    assert_ne!(epoch(&server), second);
    // tidings may have read the stream before the sequences were in use again.
    wait_for(&other, (0..30).chain(200..240));
    assert_eq!(epoch(&other), epoch(&server), "replicas agree");
    other.stop();
    assert_eq!(changed(&server), 2);
    server.stop();
}

/// Whether a restored stream counts as the same depends on the version of nats-server.
#[test]
fn views_follow_a_restored_backup() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let url = nats.url();
    let restart = || Server::start_with(scratch.path(), &["--nats", &url]);
    let server = restart();
    publish(&nats, 0..50);
    wait_for(&server, 0..50);
    server.stop();
    let mut client = nats.client();
    let backup = client.backup("TWEETS");
    let mut restore = || {
        let deleted = client.api("STREAM.DELETE.TWEETS", &json!({}));
        assert_eq!(deleted["success"], true, "{deleted}");
        client.restore("TWEETS", &backup);
    };

    // The backup holds all folded records.
    restore();
    publish(&nats, 100..110);
    let server = restart();
    wait_for(&server, (0..50).chain(100..110));
    server.stop();

    // The backup lacks some of the folded records.
    restore();
    let server = restart();
    wait_for(&server, 0..50);
    publish(&nats, 200..220);
    wait_for(&server, (0..50).chain(200..220));
    server.stop();
}

#[test]
fn hole_ahead_of_the_reader_is_counted_and_skipped() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let url = nats.url();
    let server = Server::start_with(scratch.path(), &["--nats", &url]);
    publish(&nats, 0..10);
    wait_for(&server, 0..10);
    let before = epoch(&server);
    server.stop();
    publish(&nats, 10..20);
    // Sequences 13 and 14, and the last one.
    for sequence in [13, 14, 20] {
        let request = json!({ "seq": sequence });
        let deleted = nats.client().api("STREAM.MSG.DELETE.TWEETS", &request);
        assert_eq!(deleted["success"], true, "{deleted}");
    }
    let server = Server::start_with(scratch.path(), &["--nats", &url]);
    wait_for(&server, (0..19).filter(|number| !(12..14).contains(number)));
    assert_eq!(epoch(&server), before);
    server.wait_until_ready();
    assert_eq!(server.get("/readyz")["head"], 19);
    publish(&nats, 20..21);
    wait_for(
        &server,
        (0..21).filter(|number| ![12, 13, 19].contains(number)),
    );
    let metrics = server.ask("GET", "/metrics", &[], b"").text();
    assert!(
        metrics.contains("tidings_journal_missing_total 3"),
        "{metrics}"
    );
    assert_eq!(changed(&server), 0);
    server.stop();
}
