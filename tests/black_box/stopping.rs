//! How a server stops, and that nobody else works on its files meanwhile.

use std::time::{Duration, Instant};

use crate::command::{on_files, tidings};
use crate::posts::tweet;
use crate::server::Server;
use crate::views;

#[test]
fn a_signal_stops_the_server_in_order_and_nothing_is_lost() {
    for signal in ["TERM", "INT"] {
        let scratch = tempfile::tempdir().unwrap();
        let server = Server::start(scratch.path());
        server.track(&["a"]);
        server.publish(&tweet("a", "1", "2020-01-01T00:00:00Z"));
        let started = Instant::now();
        let (status, stderr) = server.end_with(signal);
        assert!(status.success(), "{status} {stderr}");
        // The contract's limit, not a measure of speed.
        assert!(started.elapsed() < Duration::from_secs(10));
        let server = Server::start(scratch.path());
        assert_eq!(views::ids(&server, "a").len(), 1);
    }
}

#[test]
fn files_in_use_are_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    let id = server.id().to_string();
    for command in [
        &["views", "digest"][..],
        &["views", "verify"],
        &["views", "rebuild"],
        &["views", "compact"],
        &["journal", "ls"],
        &["journal", "tail"],
        &["journal", "export"],
        &["rejected", "ls"],
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let ended = on_files(&data, command).expect_code(1);
        assert!(ended.stderr.contains(&id), "{command:?}: {}", ended.stderr);
    }
    server.stop();
    on_files(&data, ["journal", "ls"]).expect_code(0);
}

#[test]
fn commands_on_files_need_files_and_clients_need_a_server() {
    let scratch = tempfile::tempdir().unwrap();
    let nowhere = scratch.path().join("nowhere");
    for command in [
        &["views", "ls"][..],
        &["journal", "ls"],
        &["rejected", "ls"],
    ] {
        let ended = on_files(&nowhere, command).expect_code(1);
        assert!(ended.stderr.contains("no data folder"), "{}", ended.stderr);
        assert!(!nowhere.exists());
    }
    // Port 1 is nobody's.
    let ended = tidings(["keywords", "ls", "--server", "http://127.0.0.1:1"]).expect_code(1);
    assert!(ended.stderr.contains("tidings serve"), "{}", ended.stderr);
}

#[test]
fn an_address_in_use_is_said_with_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("a"));
    let address = server.address().to_string();
    let other = scratch.path().join("b");
    let ended = on_files(&other, ["serve", "--listen", &address]).expect_code(1);
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
}
