//! Servers of one stream in NATS: one of them runs the collector, and another goes on after its
//! death.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::stubs::{Draft, Generator, Writer, X};
use super::{
    KEYWORDS, check_views, environment, eventually_reports, has_no_open_gap, is_settled, stub_of_x,
};
use crate::common::command::binary;
use crate::common::server::{Server, serve};
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;

/// Starts a server of this stream that may run the collector of X.
fn serve_replica(x: &X, data: &Path, nats: &Nats) -> Server {
    let mut command = binary();
    command
        .args(serve(data, &["--nats", &nats.url()]))
        .env("TIDINGS_SOURCES__X__ENABLED", "true")
        .envs(environment(x));
    let server = Server::of(command).unwrap();
    server.wait_until_ready();
    server
}

/// Waits until both servers give the same answer about sources.
fn eventually_agree(servers: [&Server; 2]) {
    let mut last = [Value::Null, Value::Null];
    eventually("both servers show the same reports", || {
        last = servers.map(|server| server.get("/api/v1/sources"));
        last[0] == last[1] && !last[0]["sources"].as_array().unwrap().is_empty()
    });
}

#[test]
fn other_server_goes_on_after_the_death_of_the_one_that_collects() {
    let (x, nats) = (stub_of_x(), Nats::start());
    let scratch = tempfile::tempdir().unwrap();
    let data = ["one", "two"].map(|name| scratch.path().join(name));
    let one = serve_replica(&x, &data[0], &nats);
    one.track(&KEYWORDS);
    eventually("the first server collects", || x.faults.open_streams() == 1);
    let two = serve_replica(&x, &data[1], &nats);

    let most = Arc::new(AtomicUsize::new(0));
    let (seen, faults) = (Arc::clone(&most), x.faults.clone());
    let writer = Writer::new(21, &KEYWORDS);
    let generator = Generator::start(&x.world, writer, 50, 100_000, move |_| {
        seen.fetch_max(faults.open_streams(), Ordering::SeqCst);
    });
    eventually("posts are written", || x.world.log_length() > 100);
    assert_eq!(x.faults.opened_streams(), 1, "one server collects");
    eventually_reports(&two, "x", "posts of the other server", |report| {
        report["state"] == "live" && report["received"].as_u64() > Some(50)
    });
    one.kill();
    eventually("the second server collects", || {
        x.faults.opened_streams() == 2
    });
    let connected = x.world.log_length();
    eventually("posts are streamed", || {
        x.world.log_length() > connected + 50
    });
    generator.finish();
    check_views(&x, &two, &KEYWORDS);

    let one = serve_replica(&x, &data[0], &nats);
    check_views(&x, &one, &KEYWORDS);
    eventually_reports(&one, "x", "a settled ledger", |report| {
        report["state"] == "live" && is_settled(report) && has_no_open_gap(report)
    });
    eventually_agree([&one, &two]);
    assert_eq!(most.load(Ordering::SeqCst), 1, "connections at a time");
    assert_eq!(x.faults.opened_streams(), 2);

    two.stop();
    eventually("the first server collects again", || {
        x.faults.opened_streams() == 3 && x.faults.open_streams() == 1
    });
    one.stop();
}

#[test]
fn server_whose_posts_wait_stops_in_time_while_nats_is_away() {
    let (x, mut nats) = (stub_of_x(), Nats::start());
    let scratch = tempfile::tempdir().unwrap();
    let server = serve_replica(&x, scratch.path(), &nats);
    server.track(&["pellivar"]);
    eventually("the stream is open", || x.faults.open_streams() == 1);
    x.world.post(Draft::of("a pellivar").planting("pellivar"));
    check_views(&x, &server, &["pellivar"]);
    eventually_reports(&server, "x", "an acknowledged post", |report| {
        report["journaled"] == 1 && is_settled(report)
    });
    nats.end_with("KILL");
    x.world.post(Draft::of("a pellivar").planting("pellivar"));
    let report = scratch.path().join("sources/x/report.json");
    eventually("the post waits", || {
        let report = std::fs::read(&report).unwrap_or_default();
        let report: Value = serde_json::from_slice(&report).unwrap_or_default();
        report["waiting"] == 1
    });
    server.stop();
    nats.start_again();
    let server = serve_replica(&x, scratch.path(), &nats);
    check_views(&x, &server, &["pellivar"]);
    server.stop();
}
