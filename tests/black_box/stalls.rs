//! A server that cannot write still answers. `readyz` and the metrics name the cause. The server
//! recovers by itself and loses no acknowledged event.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::command::{clean, on_files};
use crate::common::files::copy_folder;
use crate::common::lines::tweet;
use crate::common::server::{Server, send, serve};
use crate::common::views;
use crate::common::wait::eventually;

const AT: &str = "2020-01-01T00:00:00Z";

/// The causes that `readyz` names; empty when the server is ready.
fn causes(server: &Server) -> Vec<String> {
    let answer = server.ask("GET", "/readyz", &[], b"");
    let causes = answer.json()["causes"].clone();
    let causes = causes.as_array().unwrap().iter();
    let causes: Vec<_> = causes
        .map(|cause| cause.as_str().unwrap().to_owned())
        .collect();
    let right = if causes.is_empty() { 200 } else { 503 };
    assert_eq!(answer.status, right, "{}", answer.text());
    if right == 503 {
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            causes.iter().all(|cause| detail.contains(cause)),
            "{detail}"
        );
    }
    causes
}

fn metric(server: &Server, name: &str) -> String {
    let text = server.ask("GET", "/metrics", &[], b"").text();
    let line = text.lines().find(|line| line.starts_with(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned()
}

/// Publishes tweets with these numbers, and repeats each until it is acknowledged. Returns the
/// number of refused requests.
fn insist(server: &Server, numbers: std::ops::Range<u32>) -> usize {
    let mut refused = 0;
    for number in numbers {
        eventually("a tweet is taken", || {
            let line = tweet("a", &number.to_string(), AT);
            let answer = server.try_publish(&line).unwrap();
            if answer.status == 200 {
                return true;
            }
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(answer.text().contains("os error"), "{}", answer.text());
            refused += 1;
            false
        });
    }
    refused
}

/// Checks that the server holds each of these tweets once, also after a restart, and that its views
/// match its journal.
fn holds_all(server: Server, data: &Path, numbers: std::ops::Range<u32>) {
    server.wait_until_folded();
    let right: BTreeSet<_> = numbers.map(|number| number.to_string()).collect();
    let found: BTreeSet<_> = views::ids(&server, "a").into_keys().collect();
    assert_eq!(found, right);
    // strace does not forward signals, so the server under strace is killed by its own id.
    let id = std::fs::read_to_string(data.join("lock")).unwrap();
    send("TERM", id.trim().parse().unwrap());
    let (status, stderr) = server.wait();
    assert!(!stderr.contains("panicked"), "{status} {stderr}");
    on_files(data, ["views", "verify"]).expect_code(0);
    let server = Server::start(data);
    let found: BTreeSet<_> = views::ids(&server, "a").into_keys().collect();
    assert_eq!(found, right);
}

#[test]
fn journal_on_a_failed_disk_reports_it_and_recovers() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    insist(&server, 0..3);
    server.stop();
    let segment = data.join("journal/00000000000000000001.segment");
    let segment = segment.to_str().unwrap();
    // The journal's thread syncs once to remove the end mark, and once per group; after that its
    // repairs fail for about two seconds.
    for (error, text) in [("EIO", "os error 5"), ("EROFS", "os error 30")] {
        let fault = format!("inject=fdatasync:error={error}:when=3");
        let lasting = format!("inject=fsync:error={error}:when=1..6");
        let strace = [
            "-P",
            segment,
            "-o",
            "/dev/null",
            "-e",
            "trace=fdatasync,fsync",
            "-e",
            &fault,
            "-e",
            &lasting,
        ];
        let scratch = tempfile::tempdir().unwrap();
        let copy = scratch.path().join("data");
        copy_folder(&data, &copy);
        let strace: Vec<String> = strace
            .iter()
            .map(|part| part.replace(data.to_str().unwrap(), copy.to_str().unwrap()))
            .collect();
        let strace: Vec<&str> = strace.iter().map(String::as_str).collect();
        let server = Server::try_start_traced(&copy, &strace).unwrap();
        server.wait_until_ready();
        assert_eq!(metric(&server, "tidings_journal_writable"), "1");
        insist(&server, 3..4);
        let refused = server.try_publish(&tweet("a", "4", AT)).unwrap();
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.text().contains(text), "{}", refused.text());
        let named = causes(&server);
        assert_eq!(named.len(), 1, "{named:?}");
        assert!(
            named[0].starts_with("the journal accepts no records: "),
            "{named:?}"
        );
        assert!(
            named[0].contains(text) && named[0].contains(".segment"),
            "{named:?}"
        );
        assert_eq!(metric(&server, "tidings_journal_writable"), "0");
        assert_eq!(metric(&server, "tidings_waiting{what=\"journal\"}"), "1");
        let read: Value = server.get("/api/v1/keywords/a/timeline");
        assert_eq!(read["items"].as_array().unwrap().len(), 4);
        assert!(insist(&server, 4..6) > 0);
        assert!(causes(&server).is_empty());
        assert_eq!(metric(&server, "tidings_journal_writable"), "1");
        assert_eq!(metric(&server, "tidings_waiting{what=\"journal\"}"), "0");
        holds_all(server, &copy, 0..6);
    }
}

/// A server with a limit on the size of its files, which can be changed while it runs. With limit 0
/// it can write nothing, as on a full disk.
struct Bounded(Server);

impl Bounded {
    fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut command = clean(Command::new("env"));
        // Ignores the signal that comes with a refused write; it would end the process.
        command
            .arg("--ignore-signal=XFSZ")
            .arg(env!("CARGO_BIN_EXE_tidings"))
            .args(serve(data, arguments));
        let server = Server::of(command).unwrap();
        server.wait_until_ready();
        Self(server)
    }

    fn allow(&self, bytes: &str) {
        let limit = format!("--fsize={bytes}:");
        let id = self.0.id().to_string();
        let set = Command::new("prlimit")
            .args(["--pid", &id, &limit])
            .status();
        assert!(set.unwrap().success());
    }
}

/// Checks that every read route still answers.
fn reads_go_on(server: &Server) {
    for path in [
        "/api/v1/keywords",
        "/api/v1/ledger",
        "/api/v1/overview",
        "/api/v1/keywords/a/timeline",
        "/api/v1/keywords/a/volume",
        "/api/v1/keywords/a/ledger",
    ] {
        let answer = server.ask("GET", path, &[], b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}

#[test]
fn full_disk_stops_writing_but_not_reading_until_there_is_room() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    // Tweets are folded but not committed when the disk becomes full.
    let bounded = Bounded::start(&data, &["--set", "commit.interval_ms=2000"]);
    let server = &bounded.0;
    insist(server, 0..20);
    server.wait_until_folded();
    let mut next = 20;
    for _ in 0..2 {
        // Rows that are only in memory when the disk is full must be committed later.
        insist(server, next..next + 1);
        bounded.allow("0");
        let refused = server.try_publish(&tweet("a", "none", AT)).unwrap();
        assert_eq!(refused.status, 503, "{}", refused.text());
        eventually("journal and commits are named", || {
            reads_go_on(server);
            let named = causes(server);
            ["the journal accepts no records", "rows are not committed"]
                .iter()
                .all(|what| named.iter().any(|cause| cause.starts_with(what)))
        });
        assert!(
            causes(server)
                .iter()
                .all(|cause| cause.contains("os error 27"))
        );
        assert_ne!(metric(server, "tidings_waiting{what=\"commit\"}"), "0");
        bounded.allow("unlimited");
        insist(server, next + 1..next + 5);
        eventually("everything goes on", || {
            reads_go_on(server);
            causes(server).is_empty()
        });
        next += 5;
    }
    let text = server.ask("GET", "/metrics", &[], b"").text();
    let restarted = text
        .lines()
        .find(|line| line.starts_with("tidings_actors_restarted_total"));
    assert_eq!(restarted, None);
    holds_all(bounded.0, &data, 0..next);
}

#[test]
fn failed_commit_stops_the_server_and_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let bounded = Bounded::start(&data, &["--set", "commit.interval_ms=600000"]);
    insist(&bounded.0, 0..20);
    bounded.0.wait_until_folded();
    bounded.allow("0");
    let (status, stderr) = bounded.0.end_with("TERM");
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(
        !stderr.contains("panicked") && !stderr.contains("RUST_BACKTRACE"),
        "{stderr}"
    );
    let last = stderr.lines().last().unwrap();
    assert!(
        last.contains("views") && last.contains("os error 27"),
        "{stderr}"
    );
    let server = Server::start(&data);
    assert_eq!(views::ids(&server, "a").len(), 20);
}

#[test]
fn failed_sync_on_close_is_an_error_and_no_panic() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    insist(&server, 0..5);
    server.stop();
    let db = data.join("views/current/db");
    let strace = [
        "-P",
        db.to_str().unwrap(),
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync",
        "-e",
        "inject=fsync:error=EIO",
    ];
    let server = Server::try_start_traced(&data, &strace).unwrap();
    server.wait_until_ready();
    insist(&server, 5..10);
    server.wait_until_folded();
    let id = std::fs::read_to_string(data.join("lock")).unwrap();
    send("TERM", id.trim().parse().unwrap());
    let (status, stderr) = server.wait();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(
        !stderr.contains("panicked") && !stderr.contains("unwrap"),
        "{stderr}"
    );
    let last = stderr.lines().last().unwrap();
    assert!(
        last.contains("os error 5") && last.contains("views"),
        "{stderr}"
    );
    holds_all(Server::start(&data), &data, 0..10);
}

#[test]
fn killed_rebuild_leaves_nothing_and_the_earlier_layout_is_upgraded() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    // The views are on their own volume, behind a symbolic link.
    let volume = scratch.path().join("volume");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::create_dir_all(&volume).unwrap();
    std::os::unix::fs::symlink(&volume, data.join("views")).unwrap();
    let server = Server::start(&data);
    insist(&server, 0..50);
    server.stop();
    let digest = || on_files(&data, ["views", "digest"]).expect_code(0).stdout;
    let before = digest();
    on_files(&data, ["views", "rebuild"]).expect_code(0);
    on_files(&data, ["views", "compact"]).expect_code(0);
    assert_eq!(digest(), before);
    // The server is killed at its first rename, when the next views are complete.
    for call in ["rename", "unlink"] {
        let inject = format!("inject={call}:signal=KILL:when=3");
        let mut rebuild = clean(Command::new("strace"));
        rebuild
            .args(["-f", "-qq", "-o", "/dev/null", "-e"])
            .args([&format!("trace={call}"), "-e", &inject])
            .arg(env!("CARGO_BIN_EXE_tidings"))
            .args(["views", "rebuild", "--data", data.to_str().unwrap()]);
        assert!(!rebuild.output().unwrap().status.success());
        let server = Server::start(&data);
        assert_eq!(views::ids(&server, "a").len(), 50);
        server.stop();
        let mut left: Vec<_> = std::fs::read_dir(&volume)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["current", "current.seal"], "{call}");
        assert_eq!(digest(), before);
    }
    // Makes the earlier layout: the files of sled are in the folder of the views itself, and the
    // seal is beside that folder.
    for entry in std::fs::read_dir(volume.join("current")).unwrap() {
        let entry = entry.unwrap();
        std::fs::rename(entry.path(), volume.join(entry.file_name())).unwrap();
    }
    std::fs::remove_dir(volume.join("current")).unwrap();
    let seal = std::fs::read(volume.join("current.seal")).unwrap();
    std::fs::remove_file(volume.join("current.seal")).unwrap();
    std::fs::write(data.join("views.seal"), seal).unwrap();
    std::fs::create_dir(data.join("views-next")).unwrap();
    let server = Server::start(&data);
    let started = server.stop();
    assert!(!started.contains("rebuilt"), "{started}");
    assert_eq!(digest(), before);
    assert!(data.join("views").is_symlink());
    for gone in ["views-next", "views.seal"] {
        assert!(!data.join(gone).exists(), "{gone}");
    }
}

#[test]
fn folding_pauses_with_much_uncommitted_while_posting_continues() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let arguments = [
        "--set",
        "commit.interval_ms=50",
        "--set",
        "commit.events=10",
    ];
    let bounded = Bounded::start(&data, &arguments);
    let server = &bounded.0;
    let length = |file: &str| std::fs::metadata(data.join(file)).unwrap().len();
    let views_length = || length("views/current/db");
    let journal_length = || length("journal/00000000000000000001.segment");
    // Each commit writes the newest tweet page again, so the views outgrow the journal.
    let mut number = 0;
    while views_length() < journal_length() + 200_000 {
        let before = server.commits();
        insist(server, number..number + 1);
        number += 1;
        eventually("it is committed", || server.commits() > before);
    }
    let (few, all) = (number as usize, number + 400);
    bounded.allow(&views_length().to_string());
    for number in number..all {
        server.publish(&tweet("a", &number.to_string(), AT));
    }
    eventually("commits are named", || {
        causes(server)
            .iter()
            .any(|cause| cause.starts_with("rows are not committed"))
    });
    reads_go_on(server);
    // Folding pauses after the events of eight commits and of the batches in flight.
    let folded = views::ids(server, "a").len();
    assert!((few..few + 200).contains(&folded), "{folded} of {all}");
    assert!(!causes(server).iter().any(|cause| cause.contains("journal")));
    bounded.allow("unlimited");
    eventually("everything goes on", || causes(server).is_empty());
    holds_all(bounded.0, &data, 0..all);
}
