//! `tidings collect --nats` publishes to the stream, and what needs the views to the server.

use super::stubs::Draft;
use super::{
    Collector, Stub, check_views, environment, eventually_reports, is_settled, stub_of_mastodon,
};
use crate::common::command::binary;
use crate::common::server::{Server, send, wait_for};
use crate::common::wait::eventually;
use crate::jetstream::nats::Nats;

fn post(stub: &impl Stub, posts: usize) -> Vec<u64> {
    let world = &stub.base().world;
    let draft = |number| Draft::of(&format!("a pellivar {number}")).planting("pellivar");
    (0..posts).map(|number| world.post(draft(number))).collect()
}

#[test]
fn posts_go_to_the_stream_also_without_a_server_and_deletes_to_the_server() {
    let (mastodon, nats) = (stub_of_mastodon(), Nats::start());
    let scratch = tempfile::tempdir().unwrap();
    let (data, state) = (scratch.path().join("data"), scratch.path().join("state"));
    let url = nats.url();
    let server = Server::start_with(&data, &["--nats", &url]);
    server.track(&["pellivar"]);
    let listen = server.address().to_string();
    let collector = Collector::start(&mastodon, &server, &state, &["--nats", &url]);
    eventually("the stream is open", || mastodon.faults.open_streams() == 1);
    let first = post(&mastodon, 10);
    check_views(&mastodon, &server, &["pellivar"]);
    mastodon.world.delete(first[0]);
    check_views(&mastodon, &server, &["pellivar"]);
    collector.stop();
    let nowhere = server.url();
    server.stop();

    let mut command = binary();
    let mut alone = command
        .args([
            "collect",
            "mastodon",
            "--keyword",
            "pellivar",
            "--nats",
            &url,
        ])
        .args(["--server", &nowhere, "--state"])
        .arg(&state)
        .envs(environment(&mastodon))
        .spawn()
        .unwrap();
    eventually("the stream is open", || mastodon.faults.open_streams() == 1);
    let before = nats.stream("TWEETS")["state"]["messages"].as_u64().unwrap();
    post(&mastodon, 10);
    eventually("the posts are in the stream", || {
        nats.stream("TWEETS")["state"]["messages"].as_u64().unwrap() >= before + 10
    });
    send("TERM", alone.id());
    assert!(wait_for(&mut alone).success());
    let server = Server::start_with(&data, &["--nats", &url, "--listen", &listen]);
    check_views(&mastodon, &server, &["pellivar"]);
    let collector = Collector::start(&mastodon, &server, &state, &["--nats", &url]);
    eventually_reports(&server, "mastodon", "a settled ledger", |report| {
        report["state"] == "live" && is_settled(report)
    });
    collector.stop();
    server.stop();
}
