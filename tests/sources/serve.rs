//! Collectors that cannot begin, that have nothing to collect, and that a source turns away.

use std::path::Path;

use super::stubs::x::{STREAM, TOKEN};
use super::stubs::{Bluesky, Draft, Fault, Refusal};
use super::{
    Collector, Stub, check_views, environment, eventually_reports, report, serve_collecting,
    stub_of_mastodon, stub_of_x,
};
use crate::common::command::{Ended, binary, run};
use crate::common::lines::posted_to;
use crate::common::server::{Server, serve};
use crate::common::views;
use crate::common::wait::eventually;

/// The stream, but not the rules, whose path begins alike.
const STREAM_ONLY: &str = "=/2/tweets/search/stream";

/// Starts a server that runs the collector of this stub, without the settings of these names.
fn serve_without<S: Stub>(stub: &S, data: &Path, settings: &[&str]) -> Server {
    let mut command = binary();
    let enabled = format!("TIDINGS_SOURCES__{}__ENABLED", S::KIND.to_uppercase());
    command.args(serve(data, &[])).env(enabled, "true");
    let all = environment(stub).into_iter();
    command.envs(all.filter(|(key, _)| !settings.iter().any(|setting| key.ends_with(setting))));
    let server = Server::of(command).unwrap();
    server.wait_until_ready();
    server
}

/// Checks that a server tracks, publishes and answers as without a collector.
fn check_serves(server: &Server) {
    server.track(&["pellivar"]);
    server.publish(&posted_to(
        "pellivar",
        "own:1",
        "2026-11-23T07:00:00Z",
        "a pellivar",
    ));
    server.wait_until_folded();
    assert_eq!(views::totals(server)["pellivar"], 1);
}

/// Checks that a server reports a source as refused with a detail that holds these words.
fn check_refused(server: &Server, name: &str, words: &str) {
    eventually_reports(server, name, "the refusal", |report| {
        report["state"] == "refused"
    });
    let detail = report(server, name)["detail"].to_string();
    assert!(detail.contains(words), "{words}: {detail}");
}

#[test]
fn server_works_beside_a_source_whose_setting_is_missing() {
    let scratch = tempfile::tempdir().unwrap();
    let x = stub_of_x();
    let server = serve_without(&x, &scratch.path().join("x"), &["X__TOKEN"]);
    check_refused(&server, "x", "sources.x.token");
    check_serves(&server);
    server.stop();
    let mastodon = stub_of_mastodon();
    let server = serve_without(&mastodon, &scratch.path().join("m"), &["MASTODON__URL"]);
    check_refused(&server, "mastodon", "sources.mastodon.url");
    check_serves(&server);
    server.stop();
    assert_eq!(
        x.requests.to("/").len() + mastodon.requests.to("/").len(),
        0
    );
}

#[test]
fn server_works_beside_a_source_that_refuses_its_token() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    x.faults.refuse_always(Some(("/2/", Refusal::status(401))));
    let server = serve_collecting(&x, scratch.path());
    check_serves(&server);
    check_refused(&server, "x", "The stub refuses this request.");
    let log = server.stop();
    assert!(!log.contains(TOKEN), "the log holds the secret");
}

/// Runs `tidings` with these arguments and the settings of a stub but for the token.
fn without_token(arguments: &[&str]) -> Ended {
    let x = stub_of_x();
    let scratch = tempfile::tempdir().unwrap();
    let mut command = binary();
    let all = environment(&x).into_iter();
    command
        .args(arguments)
        .arg("--data")
        .arg(scratch.path())
        .envs(all.filter(|(key, _)| !key.ends_with("X__TOKEN")));
    let ended = run(&mut command, b"");
    assert_eq!(x.requests.to("/").len(), 0, "nothing is asked");
    ended
}

#[test]
fn missing_token_and_a_token_on_the_command_line_are_errors_of_usage() {
    let ended = without_token(&["collect", "x", "--keyword", "pellivar"]).expect_code(2);
    assert!(ended.stderr.contains("sources.x.token"), "{}", ended.stderr);
    for command in [&["collect", "x"][..], &["serve"], &["config", "show"]] {
        let secret = ["--set", "sources.x.token=xyzzy-secret"];
        let ended = without_token(&[command, &secret].concat()).expect_code(2);
        let shown = format!("{}{}", ended.stdout, ended.stderr);
        assert!(shown.contains("sources.x.token"), "{shown}");
        assert!(!shown.contains("xyzzy-secret"), "{shown}");
    }
}

#[test]
fn refused_first_connect_ends_the_collector_and_a_later_one_ends_it_at_the_third() {
    let (x, scratch) = (stub_of_x(), tempfile::tempdir().unwrap());
    let server = Server::start(&scratch.path().join("data"));
    server.track(&["pellivar"]);
    let state = scratch.path().join("state");
    let refusal = || Some((STREAM_ONLY, Refusal::status(401)));
    let check_ended = |collector: Collector| {
        let (status, log) = collector.wait();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains("The stub refuses this request."), "{log}");
        check_refused(&server, "x", "The stub refuses this request.");
    };
    x.faults.refuse_always(refusal());
    check_ended(Collector::start(&x, &server, &state, &[]));
    assert_eq!(x.requests.connects(STREAM).len(), 1);

    x.faults.refuse_always(None);
    let collector = Collector::start(&x, &server, &state, &[]);
    eventually("the stream is open", || x.faults.open_streams() == 1);
    x.world.post(Draft::of("a pellivar").planting("pellivar"));
    check_views(&x, &server, &["pellivar"]);
    x.faults.refuse_always(refusal());
    x.faults.inject(Fault::Close);
    check_ended(collector);
    assert_eq!(x.requests.connects(STREAM).len(), 2 + 3);
}

/// Checks that a source without keywords has no connection, at first and again.
fn check_idle<S: Stub>(stub: &S) {
    let scratch = tempfile::tempdir().unwrap();
    let server = serve_collecting(stub, scratch.path());
    let faults = &stub.base().faults;
    eventually_reports(&server, S::KIND, "idle", |report| report["state"] == "idle");
    assert_eq!(faults.opened_streams(), 0);
    server.track(&["pellivar"]);
    eventually_reports(&server, S::KIND, "live", |report| report["state"] == "live");
    stub.base()
        .world
        .post(Draft::of("a pellivar").planting("pellivar"));
    check_views(stub, &server, &["pellivar"]);
    assert_eq!(faults.opened_streams(), 1);
    let answer = server.ask("DELETE", "/api/v1/keywords/pellivar", &[], b"");
    assert_eq!(answer.status, 204);
    eventually("the stream is closed", || faults.open_streams() == 0);
    eventually_reports(&server, S::KIND, "idle", |report| report["state"] == "idle");
    server.stop();
}

#[test]
fn source_is_idle_without_keywords() {
    check_idle(&stub_of_x());
    check_idle(&Bluesky::start());
    check_idle(&stub_of_mastodon());
}

/// Checks that `--dry-run` of a back-fill opens no stream, writes nothing and publishes nothing.
fn check_dry_run<S: Stub>(stub: &S) {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    server.track(&["pellivar"]);
    let base = stub.base();
    base.world
        .post(Draft::of("a pellivar").planting("pellivar"));
    let state = scratch.path().join("state");
    let arguments = ["--since", "1d", "--dry-run"];
    let (status, log) = Collector::start(stub, &server, &state, &arguments).wait();
    assert!(status.success(), "{status}\n{log}");
    assert_eq!(base.faults.opened_streams(), 0);
    let all = base.requests.to("/").into_iter();
    let changes = all.filter(|one| {
        one.request.method != "GET" && one.request.parameter("dry_run") != Some("true")
    });
    assert_eq!(changes.count(), 0);
    assert!(!state.join("checkpoint.json").exists());
    server.wait_until_folded();
    assert_eq!(views::totals(&server)["pellivar"], 0);
}

#[test]
fn dry_run_of_a_backfill_changes_nothing() {
    check_dry_run(&stub_of_x());
    check_dry_run(&stub_of_mastodon());
}
