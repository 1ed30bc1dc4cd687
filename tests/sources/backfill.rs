//! Back-fills are complete and without doubles: after a kill, and at the seam with the stream.

use std::path::Path;

use super::stubs::{Bluesky, Generator, Writer, fill, now_ms};
use super::{Collector, KEYWORDS, Stub, check_views, stub_of_mastodon, stub_of_x};
use crate::common::server::Server;
use crate::common::wait::eventually;

/// Posts of the past.
const POSTS: u64 = 2_000;
const HOUR_MS: i64 = 3_600_000;

/// Kills a back-fill when `path` was asked `times` times, starts it again with the same arguments,
/// and checks that everything is there once.
fn kill_and_complete<S: Stub>(stub: &S, scratch: &Path, since: &str, path: &str, times: usize) {
    let server = Server::start(&scratch.join("data"));
    server.track(&KEYWORDS);
    let state = scratch.join("state");
    let arguments = ["--since", since, "--no-live", "--yes"];
    let killed = Collector::start(stub, &server, &state, &arguments);
    let base = stub.base();
    eventually("the back-fill is in the middle", || {
        base.requests.to(path).len() >= times
    });
    killed.kill();
    let (status, log) = Collector::start(stub, &server, &state, &arguments).wait();
    assert!(status.success(), "{status}\n{log}");
    check_views(stub, &server, &KEYWORDS);
    let asked = base.requests.to(path).len();
    let (status, log) = Collector::start(stub, &server, &state, &arguments).wait();
    assert!(status.success(), "{status}\n{log}");
    assert_eq!(
        base.requests.to(path).len(),
        asked,
        "a finished back-fill asks nothing"
    );
    check_views(stub, &server, &KEYWORDS);
}

#[test]
fn killed_backfill_of_x_goes_on() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let now = now_ms();
    fill(
        &x.world,
        3,
        &KEYWORDS,
        POSTS,
        now - 100 * HOUR_MS,
        now - HOUR_MS,
    );
    kill_and_complete(&x, scratch.path(), "6d", "/2/tweets/search/recent", 5);
}

#[test]
fn killed_backfill_of_mastodon_goes_on() {
    let (mastodon, scratch) = (stub_of_mastodon(), tempfile::tempdir().unwrap());
    let now = now_ms();
    fill(
        &mastodon.world,
        3,
        &KEYWORDS,
        POSTS,
        now - 20 * HOUR_MS,
        now - HOUR_MS,
    );
    kill_and_complete(&mastodon, scratch.path(), "1d", "/api/v1/timelines/", 10);
}

#[test]
fn killed_backfill_of_bluesky_goes_on() {
    let (bluesky, scratch) = (Bluesky::start(), tempfile::tempdir().unwrap());
    let now = now_ms();
    fill(
        &bluesky.world,
        3,
        &KEYWORDS,
        POSTS,
        now - 20 * HOUR_MS,
        now - HOUR_MS,
    );
    let server = Server::start(&scratch.path().join("data"));
    server.track(&KEYWORDS);
    // A replay is over when an event of the present comes, and the network always has some.
    let noise = Generator::start(&bluesky.world, Writer::new(5, &[]), 50, 100_000, |_| {});
    let state = scratch.path().join("state");
    let arguments = ["--since", "1d", "--no-live", "--yes"];
    let killed = Collector::start(&bluesky, &server, &state, &arguments);
    eventually("the replay has begun", || !bluesky.world.sent().is_empty());
    killed.kill();
    let (status, log) = Collector::start(&bluesky, &server, &state, &arguments).wait();
    assert!(status.success(), "{status}\n{log}");
    check_views(&bluesky, &server, &KEYWORDS);
    noise.finish();
}

#[test]
fn backfill_of_bluesky_beyond_the_replay_is_searched_for() {
    let (bluesky, scratch) = (Bluesky::start(), tempfile::tempdir().unwrap());
    let now = now_ms();
    fill(
        &bluesky.world,
        3,
        &KEYWORDS,
        POSTS,
        now - 70 * HOUR_MS,
        now - 40 * HOUR_MS,
    );
    // The cursor of a search ends long before the hits do: the search has to move on in time.
    bluesky.options().search_hits = 200;
    let noise = Generator::start(&bluesky.world, Writer::new(5, &[]), 50, 100_000, |_| {});
    let server = Server::start(&scratch.path().join("data"));
    server.track(&KEYWORDS);
    let arguments = ["--since", "3d", "--no-live", "--yes"];
    let state = scratch.path().join("state");
    let (status, log) = Collector::start(&bluesky, &server, &state, &arguments).wait();
    assert!(status.success(), "{status}\n{log}");
    check_views(&bluesky, &server, &KEYWORDS);
    noise.finish();
}

/// Starts a back-fill with the stream while posts are written, and checks that none is missing.
fn check_seam<S: Stub>(stub: &S, scratch: &Path) {
    let server = Server::start(&scratch.join("data"));
    server.track(&KEYWORDS);
    let base = stub.base();
    let writer = Writer::new(4, &KEYWORDS);
    let generator = Generator::start(&base.world, writer, 200, 10_000, |_| {});
    eventually("posts are being written", || base.world.log_length() > 100);
    let collector = Collector::start(
        stub,
        &server,
        &scratch.join("state"),
        &["--since", "1d", "--yes"],
    );
    eventually("the stream is open", || base.faults.open_streams() > 0);
    let connected = base.world.log_length();
    eventually("posts are streamed", || {
        base.world.log_length() > connected + 300
    });
    generator.finish();
    check_views(stub, &server, &KEYWORDS);
    collector.stop();
}

#[test]
fn seam_of_backfill_and_stream_has_no_hole() {
    let scratch = tempfile::tempdir().unwrap();
    check_seam(&stub_of_x(), &scratch.path().join("x"));
    check_seam(&Bluesky::start(), &scratch.path().join("bluesky"));
    check_seam(&stub_of_mastodon(), &scratch.path().join("mastodon"));
}
