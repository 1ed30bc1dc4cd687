//! State folders: collectors that are killed, stopped, started twice, or started on damage go on
//! from what they have.

use std::path::Path;

use serde_json::Value;

use super::stubs::x::STREAM;
use super::stubs::{Bluesky, Draft};
use super::{
    Collector, Stub, check_views, environment, eventually_reports, has_no_open_gap, is_settled,
    stub_of_mastodon, stub_of_x,
};
use crate::common::command::{binary, run};
use crate::common::ports::own_address;
use crate::common::server::{Server, send};
use crate::common::views;
use crate::common::wait::eventually;

/// Writes posts about the keyword.
fn post(stub: &impl Stub, posts: usize) {
    for number in 0..posts {
        let text = format!("a pellivar {number}");
        let draft = Draft::of(&text).planting("pellivar");
        stub.base().world.post(draft);
    }
}

/// Starts a server that tracks the keyword.
fn server_in(scratch: &Path) -> Server {
    let server = Server::start(&scratch.join("data"));
    server.track(&["pellivar"]);
    server
}

/// Waits until the collector of this stub has its stream.
fn eventually_open(stub: &impl Stub) {
    eventually("the stream is open", || {
        stub.base().faults.open_streams() == 1
    });
}

/// The report in a state folder.
fn report_in(state: &Path) -> Value {
    let report = std::fs::read(state.join("report.json")).unwrap_or_default();
    serde_json::from_slice(&report).unwrap_or_default()
}

/// Kills a collector, posts, and checks that the next one fetches what was missed.
fn check_killed<S: Stub>(stub: &S) {
    let scratch = tempfile::tempdir().unwrap();
    let server = server_in(scratch.path());
    let state = scratch.path().join("state");
    let killed = Collector::start(stub, &server, &state, &[]);
    eventually_open(stub);
    post(stub, 20);
    check_views(stub, &server, &["pellivar"]);
    eventually("the checkpoint is written", || {
        let checkpoint = std::fs::read(state.join("checkpoint.json")).unwrap_or_default();
        let checkpoint: Value = serde_json::from_slice(&checkpoint).unwrap_or_default();
        checkpoint.to_string().contains("\"journaled\":20")
    });
    killed.kill();
    eventually("the stream is closed", || {
        stub.base().faults.open_streams() == 0
    });
    post(stub, 30);
    let collector = Collector::start(stub, &server, &state, &[]);
    eventually_open(stub);
    post(stub, 10);
    check_views(stub, &server, &["pellivar"]);
    eventually_reports(&server, S::KIND, "a settled ledger", |report| {
        report["state"] == "live" && is_settled(report) && has_no_open_gap(report)
    });
    collector.stop();
    let log = std::fs::read_to_string(state.join("log.ndjson")).unwrap();
    assert!(log.contains("\"cause\":\"restart\""), "{log}");
}

#[test]
fn killed_collector_fetches_what_it_missed() {
    check_killed(&stub_of_x());
    check_killed(&Bluesky::start());
    check_killed(&stub_of_mastodon());
}

#[test]
fn collector_that_stops_while_the_server_is_away_loses_nothing() {
    let (mastodon, scratch) = (stub_of_mastodon(), tempfile::tempdir().unwrap());
    let server = server_in(scratch.path());
    let listen = server.address().to_string();
    let state = scratch.path().join("state");
    let collector = Collector::start(&mastodon, &server, &state, &[]);
    eventually_open(&mastodon);
    post(&mastodon, 10);
    check_views(&mastodon, &server, &["pellivar"]);
    server.kill();
    post(&mastodon, 20);
    eventually("the posts wait", || report_in(&state)["waiting"] == 20);
    collector.stop();
    assert_eq!(report_in(&state)["state"], "stopped");
    let server = Server::start_with(&scratch.path().join("data"), &["--listen", &listen]);
    let collector = Collector::start(&mastodon, &server, &state, &[]);
    check_views(&mastodon, &server, &["pellivar"]);
    eventually_reports(&server, "mastodon", "a settled ledger", |report| {
        report["state"] == "live" && is_settled(report) && has_no_open_gap(report)
    });
    collector.stop();
}

#[test]
fn second_collector_of_a_state_folder_is_refused() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let server = server_in(scratch.path());
    let state = scratch.path().join("state");
    let first = Collector::start(&x, &server, &state, &[]);
    eventually_open(&x);
    let (status, log) = Collector::start(&x, &server, &state, &[]).wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(state.to_str().unwrap()), "{log}");
    assert_eq!(x.faults.opened_streams(), 1);
    post(&x, 1);
    check_views(&x, &server, &["pellivar"]);
    first.stop();
}

#[test]
fn unreadable_checkpoint_is_named_and_kept() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let server = server_in(scratch.path());
    let state = scratch.path().join("state");
    let first = Collector::start(&x, &server, &state, &[]);
    eventually_open(&x);
    first.stop();
    let connects = x.requests.connects(STREAM).len();
    let checkpoint = state.join("checkpoint.json");
    let whole = std::fs::read(&checkpoint).unwrap();
    let damaged = &whole[..whole.len() / 2];
    std::fs::write(&checkpoint, damaged).unwrap();
    let (status, log) = Collector::start(&x, &server, &state, &[]).wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("checkpoint.json"), "{log}");
    assert_eq!(x.requests.connects(STREAM).len(), connects);
    assert_eq!(std::fs::read(&checkpoint).unwrap(), damaged);
}

#[test]
fn collector_ends_at_its_number_of_posts_and_the_next_one_has_the_others() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let server = server_in(scratch.path());
    let state = scratch.path().join("state");
    let collector = Collector::start(&x, &server, &state, &["--max-posts", "5"]);
    eventually_open(&x);
    post(&x, 20);
    let (status, log) = collector.wait();
    assert!(status.success(), "{status}\n{log}");
    server.wait_until_folded();
    assert_eq!(views::totals(&server)["pellivar"], 5);
    let collector = Collector::start(&x, &server, &state, &[]);
    check_views(&x, &server, &["pellivar"]);
    collector.stop();
}

#[test]
fn named_keyword_is_tracked_and_one_must_be_named_where_no_server_answers() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let server = Server::start(&scratch.path().join("data"));
    let state = scratch.path().join("state");
    let collector = Collector::start(&x, &server, &state, &["--keyword", "pellivar"]);
    eventually_open(&x);
    server.track(&["모루폰"]);
    post(&x, 3);
    check_views(&x, &server, &["pellivar"]);
    let values = x.values("tidings:x:").concat();
    assert!(!values.contains("모루폰"), "the list is fixed: {values}");
    send("INT", collector.child.id());
    let (status, log) = collector.wait();
    assert!(status.success(), "{status}\n{log}");

    let nowhere = format!("http://{}", own_address());
    let mut command = binary();
    command
        .args(["collect", "x", "--server", &nowhere, "--state"])
        .arg(scratch.path().join("other"))
        .envs(environment(&x));
    let ended = run(&mut command, b"").expect_code(2);
    assert!(ended.stderr.contains("--keyword"), "{}", ended.stderr);
}
