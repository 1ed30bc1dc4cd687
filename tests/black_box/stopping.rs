//! How a server stops, and the lock on its files.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::command::{binary, clean, on_files, tidings};
use crate::common::lines::tweet;
use crate::common::server::{Server, send, serve};
use crate::common::views;
use crate::common::wait::eventually;

#[test]
fn signal_stops_the_server_in_order_and_loses_nothing() {
    for signal in ["TERM", "INT", "HUP"] {
        let scratch = tempfile::tempdir().unwrap();
        let server = Server::start(scratch.path());
        server.track(&["a"]);
        server.publish(&tweet("a", "1", "2020-01-01T00:00:00Z"));
        let started = Instant::now();
        let (status, stderr) = server.end_with(signal);
        assert!(status.success(), "{status} {stderr}");
        // The specified time limit, not a measurement of speed.
        assert!(started.elapsed() < Duration::from_secs(10));
        let server = Server::start(scratch.path());
        assert_eq!(views::ids(&server, "a").len(), 1);
    }
}

#[test]
fn server_under_nohup_outlives_its_terminal() {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = clean(Command::new("nohup"));
    command
        .arg(env!("CARGO_BIN_EXE_tidings"))
        .args(serve(scratch.path(), &[]));
    let server = Server::of(command).unwrap();
    server.wait_until_ready();
    send("HUP", server.id());
    let stderr = server.stop();
    assert!(
        stderr.contains("SIGTERM") && !stderr.contains("SIGHUP"),
        "{stderr}"
    );
}

#[test]
fn stopped_publish_reports_its_progress() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    for signal in ["TERM", "INT", "HUP"] {
        let mut child = binary()
            .args([
                "publish",
                "-",
                "--keyword",
                signal,
                "--server",
                &server.url(),
            ])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The command waits for more input.
        let mut stdin = child.stdin.take().unwrap();
        let line = tweet("a", signal, "2020-01-01T00:00:00Z");
        writeln!(stdin, "{line}").unwrap();
        let keyword = signal.to_lowercase();
        eventually("the line is published", || {
            views::totals(&server).get(&keyword) == Some(&1)
        });
        send(signal, child.id());
        let ended = child.wait_with_output().unwrap();
        drop(stdin);
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{stderr}");
        let named = format!("SIG{signal}");
        assert!(
            stderr.contains("1 accepted") && stderr.contains(&named),
            "{stderr}"
        );
    }
}

#[test]
fn commands_refuse_files_in_use() {
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
fn commands_name_a_missing_data_folder_or_server() {
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
    // Nothing listens on port 1.
    let ended = tidings(["keywords", "ls", "--server", "http://127.0.0.1:1"]).expect_code(1);
    assert!(ended.stderr.contains("tidings serve"), "{}", ended.stderr);
}

#[test]
fn address_in_use_is_reported() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("a"));
    let address = server.address().to_string();
    let other = scratch.path().join("b");
    let ended = on_files(&other, ["serve", "--listen", &address]).expect_code(1);
    assert!(ended.stderr.contains(&address), "{}", ended.stderr);
}
