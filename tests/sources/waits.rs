//! The waits before another connect are those of the documented curves.

use super::stubs::x::{RULES, STREAM};
use super::stubs::{Draft, Refusal, now_ms};
use super::{
    Collector, HTTP_FIRST_MS, NETWORK_STEP_MS, RATE_FIRST_MS, check_views, serve_collecting,
    stub_of_x,
};
use crate::common::server::Server;
use crate::common::wait::eventually;

/// The stream, but not the rules, whose path begins alike.
const STREAM_ONLY: &str = "=/2/tweets/search/stream";

/// Checks that the last waits are at least these, in milliseconds.
fn assert_waits(waits: &[u128], least: &[u128]) {
    let last = &waits[waits.len() - least.len()..];
    let is_kept = last.iter().zip(least).all(|(wait, least)| wait >= least);
    assert!(is_kept, "{last:?} is less than {least:?}");
}

#[test]
fn errors_of_the_source_double_the_wait() {
    for (status, first) in [
        (503, HTTP_FIRST_MS),
        (409, HTTP_FIRST_MS),
        (429, RATE_FIRST_MS),
    ] {
        let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
        x.faults.refuse(STREAM_ONLY, 4, &Refusal::status(status));
        let server = serve_collecting(&x, scratch.path());
        server.track(&["pellivar"]);
        eventually("the stream is open", || x.faults.open_streams() == 1);
        let waits = x.requests.waits_ms(STREAM);
        assert_eq!(waits.len(), 4, "{status}: {waits:?}");
        // The longest wait is 400 ms.
        assert_waits(&waits, &[first, first * 2, first * 4, (first * 8).min(400)]);
        x.world.post(Draft::of("pellivar").planting("pellivar"));
        check_views(&x, &server, &["pellivar"]);
    }
}

#[test]
fn failures_of_the_network_lengthen_the_wait_by_a_step() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let server = serve_collecting(&x, scratch.path());
    server.track(&["pellivar"]);
    eventually("the stream is open", || x.faults.open_streams() == 1);
    x.faults.refuse(STREAM_ONLY, 5, &Refusal::Network);
    x.faults.inject(super::stubs::Fault::Reset);
    eventually("all refusals were served", || x.faults.refusals_left() == 0);
    eventually("the stream is open again", || x.faults.open_streams() == 1);
    let step = NETWORK_STEP_MS;
    assert_waits(
        &x.requests.waits_ms(STREAM),
        &[step, step * 2, step * 3, step * 4, step * 5],
    );
}

#[test]
fn time_that_the_source_names_is_waited_for() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let reset = (now_ms() + 2_000).div_euclid(1_000);
    let refusal = Refusal::too_many_connections()
        .with("x-rate-limit-remaining", 0)
        .with("x-rate-limit-reset", reset);
    x.faults.refuse(STREAM_ONLY, 1, &refusal);
    let server = serve_collecting(&x, scratch.path());
    server.track(&["pellivar"]);
    eventually("the stream is open", || x.faults.open_streams() == 1);
    assert!(now_ms() >= reset * 1_000, "the reset was not waited for");
    assert_eq!(x.requests.connects(STREAM).len(), 2);
}

#[test]
fn refused_token_ends_a_collector_that_was_never_connected() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let server = Server::start(&scratch.path().join("data"));
    server.track(&["pellivar"]);
    x.faults.refuse_always(Some((RULES, Refusal::status(401))));
    let collector = Collector::start(&x, &server, &scratch.path().join("state"), &[]);
    let (status, log) = collector.wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("The stub refuses this request."), "{log}");
    assert!(
        !log.contains(super::stubs::x::TOKEN),
        "the log holds the secret"
    );
    assert_eq!(x.requests.to(RULES).len(), 1);
}
