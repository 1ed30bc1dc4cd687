//! The server under a running collector is away for a while, and nothing is lost.

use super::stubs::{Draft, Generator, Writer};
use super::{
    Collector, KEYWORDS, Stub, check_views, eventually_reports, has_no_open_gap, is_settled,
    stub_of_mastodon, stub_of_x,
};
use crate::common::server::Server;
use crate::common::wait::eventually;

/// Posts while the server is away.
const POSTS: u64 = 300;

/// Stops the server in the middle of a stream, starts it again with the same data and port, and
/// checks that nothing is missing.
fn check_away<S: Stub>(stub: &S, arguments: &[&str], is_held: bool) {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    server.track(&KEYWORDS);
    let listen = server.address().to_string();
    let state = scratch.path().join("state");
    let collector = Collector::start(stub, &server, &state, arguments);
    let base = stub.base();
    eventually("the source is connected", || base.faults.open_streams() > 0);
    for keyword in KEYWORDS {
        base.world.post(Draft::of(keyword).planting(keyword));
    }
    check_views(stub, &server, &KEYWORDS);
    server.kill();

    let generator = Generator::start(&base.world, Writer::new(8, &KEYWORDS), 500, POSTS, |_| {});
    assert_eq!(generator.join(), POSTS);
    if is_held {
        let planted = base.world.planted(&KEYWORDS).len();
        eventually("the posts are sent to the collector", || {
            base.world.sent().len() >= planted
        });
        assert_eq!(base.faults.opened_streams(), 1, "reading goes on");
    } else {
        eventually("a full buffer ends the stream", || {
            base.faults.open_streams() == 0
        });
    }
    let server = Server::start_with(&data, &["--listen", &listen]);
    check_views(stub, &server, &KEYWORDS);
    eventually_reports(&server, S::KIND, "a settled ledger", |report| {
        report["state"] == "live" && is_settled(report) && has_no_open_gap(report)
    });
    collector.stop();
    let log = std::fs::read_to_string(state.join("log.ndjson")).unwrap();
    let has_gap = log.contains("\"cause\":\"server\"");
    assert_eq!(has_gap, !is_held, "{log}");
}

#[test]
fn posts_are_held_while_the_server_is_away() {
    check_away(&stub_of_x(), &[], true);
    check_away(&stub_of_mastodon(), &[], true);
}

#[test]
fn posts_beyond_the_buffer_are_fetched_when_the_server_is_back() {
    let arguments = ["--set", "sources.buffer=100"];
    check_away(&stub_of_x(), &arguments, false);
    check_away(&stub_of_mastodon(), &arguments, false);
}
