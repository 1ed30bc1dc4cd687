//! kill -9 at each system call with which an open, an append, a commit or a stop changes files.
//!
//! strace first records the calls. Each trial then injects the signal at one call: the n-th call of
//! a kind on a file, counted per thread.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Mutex;

use crate::black_box::crashes::Sent;
use crate::common::command::on_files;
use crate::common::lines::tweet;
use crate::common::server::{NotStarted, Server, try_send, was_killed};

/// System calls that change or sync files.
const CALLS: &str = "openat,write,pwrite64,writev,pwritev,fsync,fdatasync,sync_file_range,ftruncate,\
                     fallocate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat";
/// Number of trials that run at the same time.
const ABREAST: usize = 3;

/// Runs a server through its start, three bodies with a commit after each, and an orderly stop.
/// Returns the exit status of strace, which is that of the server.
fn live(data: &Path, strace: &[&str], sent: &mut Sent) -> (ExitStatus, String) {
    let mut server = match Server::try_start_traced(data, strace) {
        Ok(server) => server,
        Err(NotStarted { status, stderr }) => return (status, stderr),
    };
    if !server.ready_or_gone() {
        return server.wait();
    }
    for body in 0..3 {
        let keyword = format!("k{body}");
        let ids = ["a", "b"].map(|id| format!("{body}-{id}"));
        let lines = ids
            .each_ref()
            .map(|id| tweet(&keyword, id, "2020-01-01T00:00:00Z"))
            .join("\n");
        let before = server.commits();
        let answer = server.try_publish(&lines);
        let known = answer.is_ok_and(|answer| answer.status == 200);
        let ids_of = if known {
            &mut sent.acknowledged
        } else {
            &mut sent.unknown
        };
        ids_of.entry(keyword).or_default().extend(ids);
        if !known || !server.committed_or_gone(before) {
            return server.wait();
        }
    }
    let holder = std::fs::read_to_string(data.join("lock")).unwrap_or_default();
    if let Ok(id) = holder.trim().parse() {
        // The server may be killed before this point.
        try_send("TERM", id);
    }
    server.wait()
}

/// A system call at which the server is killed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    /// The call's name.
    name: String,
    /// The file or folder that the call touches, relative to the data folder.
    path: String,
    /// The number of the call, counted per thread and path.
    count: u64,
}

/// Every call that touched the data folder, counted per thread as strace does.
fn record(data: &Path, log: &Path) -> BTreeSet<Call> {
    let mut sent = Sent::default();
    let trace = format!("trace={CALLS}");
    let log_name = log.to_str().unwrap();
    let strace = ["-y", "-s", "0", "-o", log_name, "-e", &trace];
    let (status, stderr) = live(data, &strace, &mut sent);
    assert!(status.success(), "{status} {stderr}");
    assert_eq!(sent.acknowledged.len(), 3);
    let mut counts: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    let mut calls = BTreeSet::new();
    let folder = format!("{}/", data.to_str().unwrap());
    let text = std::fs::read_to_string(log).unwrap();
    for line in text.lines() {
        // `1234  pwrite64(12</path/to/file>, ...` or `1234  mkdir("/path/to/folder", 0777)`
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((name, arguments)) = rest.trim_start().split_once('(') else {
            continue;
        };
        let Some((_, below)) = arguments.split_once(&folder) else {
            continue;
        };
        let path = below.split(['>', '"']).next().unwrap();
        let count = counts.entry((thread, name, path)).or_insert(0);
        *count += 1;
        // Opening for reading changes nothing.
        if name != "openat" || arguments.contains("O_CREAT") {
            calls.insert(Call {
                name: name.to_owned(),
                path: path.to_owned(),
                count: *count,
            });
        }
    }
    calls
}

/// Runs one trial. Returns true if the signal was sent. Calls are counted per thread, so the signal
/// may not be sent if threads share the work by chance.
fn killed_at(call: &Call) -> bool {
    let Call { name, path, count } = call;
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let inject = format!("inject={name}:signal=KILL:when={count}");
    let trace = format!("trace={name}");
    let path = data.join(path);
    let mut sent = Sent::default();
    let strace = [
        "-P",
        path.to_str().unwrap(),
        "-o",
        "/dev/null",
        "-e",
        &trace,
        "-e",
        &inject,
    ];
    let (status, stderr) = live(&data, &strace, &mut sent);
    assert!(
        status.success() || was_killed(status),
        "{call:?}: {status} {stderr}"
    );
    let server = Server::start(&data);
    sent.check(&server);
    server.stop();
    on_files(&data, ["views", "verify"]).expect_code(0);
    was_killed(status)
}

#[test]
fn kill_at_any_system_call_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let calls = record(&scratch.path().join("data"), &scratch.path().join("log"));
    let folders: BTreeSet<&str> = calls
        .iter()
        .filter_map(|call| call.path.split('/').next())
        .collect();
    for expected in ["journal", "views", "lock"] {
        assert!(folders.contains(expected), "no {expected} in {folders:?}");
    }
    let waiting = Mutex::new(calls.iter());
    let next = || waiting.lock().unwrap().next();
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..ABREAST {
            scope.spawn(|| {
                while let Some(call) = next() {
                    eprintln!("killing at {call:?}");
                    if !killed_at(call) {
                        missed.lock().unwrap().push(call);
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    eprintln!("{} of {} signals did not come", missed.len(), calls.len());
    // The journal has one thread that writes. The rejected log is written by whichever thread is
    // free, and the views' store has many that take turns.
    let takes_turns = |call: &&Call| {
        ["views", "journal/rejected"]
            .iter()
            .any(|at| call.path.starts_with(at))
    };
    assert!(missed.iter().all(takes_turns), "{missed:?}");
    assert!(missed.len() * 2 <= calls.len(), "{missed:?}");
}
