//! Every post is in the views once, whatever the source does.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::stubs::x::TOKEN;
use super::stubs::{Bluesky, Fault, Generator, Mastodon, Refusal, Script, Writer, X};
use super::{
    Collector, KEYWORDS, QUIET_MS, Stub, check_views, eventually_reports, has_no_open_gap,
    is_settled, report, serve_collecting, stub_of_mastodon, stub_of_x,
};
use crate::common::chance::long_or;
use crate::common::server::Server;
use crate::common::wait::eventually;

/// Posts a second.
const RATE: u32 = 100;
/// Faults and refusals come after so many posts, on average.
const EVERY: u64 = 60;

/// Posts for a while under faults, and checks the views, the ledger and the number of connects.
fn suffer<S: Stub>(stub: &S, server: &Server, faults: &[Fault]) {
    let base = stub.base();
    eventually("the source is connected", || base.faults.open_streams() > 0);
    let started = Instant::now();
    let refusals = [
        Refusal::Network,
        Refusal::status(503),
        Refusal::status(429),
        Refusal::retry_after(503, 1),
        Refusal::Late(Duration::from_millis(300)),
    ];
    let mut script =
        Script::new(15, EVERY, faults).refusing(&format!("={}", stub.stream()), &refusals);
    let posts = u64::from(RATE) * long_or(600, 20);
    let switches = base.faults.clone();
    let writer = Writer::new(15, &KEYWORDS);
    let generator = Generator::start(&base.world, writer, RATE, posts, move |_| {
        script.step(&switches);
    });
    assert_eq!(generator.join(), posts);
    assert!(base.faults.disturbances() > 10, "the faults were too few");
    // A stream that a fault made deaf is found out by the posts that follow it no more.
    base.faults.inject(Fault::Close);
    check_views(stub, server, &KEYWORDS);
    eventually_reports(server, S::KIND, "a settled ledger", |report| {
        is_settled(report) && has_no_open_gap(report)
    });
    let connects = base.requests.connects(stub.stream()).len() as u64;
    let quiet = started.elapsed().as_millis() as u64 / QUIET_MS;
    let most = 2 + base.faults.disturbances() + quiet;
    assert!(connects <= most, "{connects} connects after {most} reasons");
    assert!(report(server, S::KIND)["reconnects"].as_u64().unwrap() > 0);
}

#[test]
fn x_loses_and_doubles_nothing_under_faults() {
    let (x, scratch): (X, _) = (stub_of_x(), tempfile::tempdir().unwrap());
    let server = Server::start(&scratch.path().join("data"));
    server.track(&KEYWORDS);
    let state = scratch.path().join("state");
    let collector = Collector::start(&x, &server, &state, &[]);
    suffer(&x, &server, &Fault::ALL);
    let log = collector.stop();
    assert!(!log.contains(TOKEN), "the log holds the secret");
    eventually_reports(&server, "x", "the stop", |report| {
        report["state"] == "stopped"
    });
    eventually("the stream is closed", || x.faults.open_streams() == 0);
    check_gaps(&state);
}

/// Checks that every gap in the log of a source was filled.
fn check_gaps(state: &Path) {
    let log = std::fs::read_to_string(state.join("log.ndjson")).unwrap();
    let (mut opened, mut filled) = (BTreeSet::new(), BTreeSet::new());
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let gap = entry["gap"].as_u64();
        match entry["type"].as_str().unwrap() {
            "source.gap" => assert!(opened.insert(gap), "{line}"),
            "source.gap_closed" => {
                assert_eq!(entry["state"], "filled", "{line}");
                assert!(filled.insert(gap), "{line}");
            }
            _ => {}
        }
    }
    assert!(!opened.is_empty());
    assert_eq!(opened, filled);
}

#[test]
fn bluesky_loses_and_doubles_nothing_under_faults() {
    let (bluesky, scratch) = (Bluesky::start(), tempfile::tempdir().unwrap());
    bluesky.options().reorders_at_seam = true;
    let server = serve_collecting(&bluesky, scratch.path());
    server.track(&KEYWORDS);
    suffer(&bluesky, &server, &without_deafness());
}

#[test]
fn mastodon_loses_and_doubles_nothing_under_faults() {
    let (mastodon, scratch): (Mastodon, _) = (stub_of_mastodon(), tempfile::tempdir().unwrap());
    let server = serve_collecting(&mastodon, scratch.path());
    server.track(&KEYWORDS);
    let mut faults = without_deafness();
    faults.push(Fault::RunTogether);
    suffer(&mastodon, &server, &faults);
}

/// The faults that are found by bytes. Only X is given up after a time without posts.
fn without_deafness() -> Vec<Fault> {
    let all = Fault::ALL.into_iter();
    all.filter(|fault| *fault != Fault::Deaf).collect()
}
