//! `views ls` on the files of a stopped server: its output, and that it changes no file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use tidings::actors::engine::{FoldStep, Scope, fold_step};

use crate::common::command::{binary, on_files, run};
use crate::common::engine::{append, embedded, options, start_with};
use crate::common::events::{NOW, numbered_at, record};
use crate::common::lines::tweet;
use crate::common::server::{Server, send, wait_for};
use crate::common::wait::eventually;

/// Settings of a server that commits nothing before it stops.
const NO_COMMITS: [&str; 4] = [
    "--set",
    "commit.interval_ms=3600000",
    "--set",
    "commit.events=10000000",
];

/// Every file below a data folder with its bytes, except the lock.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contents.insert(path.clone(), Vec::new());
            contents.append(&mut self::contents(&path));
        } else if path.file_name().unwrap() != "lock" {
            contents.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    contents
}

fn publish(server: &Server, ids: std::ops::Range<u32>) {
    let lines: Vec<_> = ids
        .map(|id| tweet("a", &id.to_string(), "2020-01-01T00:00:00Z"))
        .collect();
    server.publish(&lines.join("\n"));
    server.wait_until_folded();
}

fn ls(data: &Path) -> Value {
    let listing = on_files(data, ["views", "ls", "--output", "json"]);
    listing.expect_code(0).json()
}

#[test]
fn views_ls_before_the_first_commit_counts_the_whole_journal() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let server = Server::start_with(data, &NO_COMMITS);
    publish(&server, 0..20);
    server.kill();
    let before = contents(data);

    let listing = ls(data);
    // `keyword.tracked` and twenty tweets.
    assert_eq!(listing["head"], 21, "{listing}");
    assert_eq!(listing["position"], 0);
    assert_eq!(listing["unfolded"], 21);
    assert_eq!(listing["keywords"], json!([]));
    let shards = listing["unfolded_by_shard"].as_array().unwrap();
    assert_eq!(shards.len(), 1, "{listing}");
    assert_eq!(shards[0]["unfolded"], 21);
    assert_eq!(shards[0]["position"], 0);
    let said = on_files(data, ["views", "ls"]).expect_code(0).stdout;
    assert!(
        said.contains("21 journaled events through sequence 21 are not folded"),
        "{said}"
    );
    assert_eq!(contents(data), before);

    let verified = on_files(data, ["views", "verify", "--output", "json"]);
    let verified = verified.expect_code(0).json();
    assert_eq!(verified["position"], 0, "{verified}");
    assert_eq!(verified["unfolded"], 21);
    let said = on_files(data, ["views", "verify"]).expect_code(0).stdout;
    assert!(
        said.contains("through sequence 0; 21 journaled events lie beyond the checkpoints"),
        "{said}"
    );
}

#[test]
fn views_ls_shows_committed_rows_and_counts_the_events_beyond_them() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let server = Server::start(data);
    publish(&server, 0..20);
    server.stop();
    let listing = ls(data);
    assert_eq!(listing["unfolded"], 0, "{listing}");
    assert_eq!(listing["position"], 21);
    assert_eq!(listing["keywords"][0]["tweets"], 20);
    let said = on_files(data, ["views", "ls"]).expect_code(0).stdout;
    assert!(
        said.ends_with("sequence 21; the journal holds no event beyond the checkpoints\n"),
        "{said}"
    );

    let server = Server::start_with(data, &NO_COMMITS);
    publish(&server, 20..25);
    server.kill();
    let before = contents(data);
    let listing = ls(data);
    assert_eq!(listing["head"], 26, "{listing}");
    assert_eq!(listing["position"], 21);
    assert_eq!(listing["unfolded"], 5);
    assert_eq!(listing["keywords"][0]["tweets"], 20);
    assert_eq!(contents(data), before);

    // The next start folds the unfolded events.
    Server::start(data).stop();
    let listing = ls(data);
    assert_eq!(listing["unfolded"], 0, "{listing}");
    assert_eq!(listing["keywords"][0]["tweets"], 25);
}

#[test]
fn views_ls_leaves_damaged_views_as_they_are() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let server = Server::start(data);
    publish(&server, 0..20);
    server.stop();
    let rows = data.join("views/current/db");
    let mut bytes = fs::read(&rows).unwrap();
    bytes[10] ^= 1;
    fs::write(&rows, bytes).unwrap();
    let before = contents(data);
    let refused = on_files(data, ["views", "ls"]).expect_code(1);
    for part in ["damaged", "left as they are", "tidings views rebuild"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert_eq!(contents(data), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_ls_names_lagging_keywords() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let journal = embedded(&data.join("journal"));
    let fold = fold_step();
    let fold: FoldStep = Arc::new(move |view, rows, keyword, envelope| {
        assert!(
            !(keyword.as_str() == "bad" && envelope.sequence.get() > 2),
            "on purpose"
        );
        fold(view, rows, keyword, envelope)
    });
    let tidings = start_with(options(data), &journal, fold).await;
    let both = |n: usize| ["bad", "good"].map(|word| record(word, &numbered_at(n, NOW)));
    let last = append(&journal, (0..10).flat_map(both).collect()).await;
    tidings.reached(Scope::All, last).await.unwrap();
    tidings.shutdown().await.unwrap();
    drop(journal);

    let listing = ls(data);
    assert_eq!(listing["behind"], json!(["bad"]), "{listing}");
    assert_eq!(
        (&listing["position"], &listing["unfolded"]),
        (&json!(20), &json!(0))
    );
    let said = on_files(data, ["views", "ls"]).expect_code(0).stdout;
    assert!(said.contains("\nbad is behind the others\n"), "{said}");
}

/// The copies of views in a folder.
fn copies(folder: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    names
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .contains("tidings-views-")
        })
        .collect()
}

#[test]
fn views_ls_copies_only_what_it_reads_and_removes_the_copy() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    publish(&server, 0..20);
    server.stop();
    // A rebuild that was killed has left a link that cannot be copied.
    let next = data.join("views/next");
    fs::create_dir(&next).unwrap();
    std::os::unix::fs::symlink("nowhere", next.join("db")).unwrap();
    let listed = ls(&data);
    assert_eq!(listed["keywords"][0]["tweets"], 20, "{listed}");
    assert_eq!(copies(scratch.path()), Vec::<PathBuf>::new());

    // The copy is made beside the data folder, so the folder for temporary files does not matter.
    let mut command = binary();
    command.env("TMPDIR", "/nowhere").arg("--data").arg(&data);
    run(command.args(["views", "ls"]), b"").expect_code(0);

    // The copy is also removed after an error.
    let rows = data.join("views/current/db");
    let mut bytes = fs::read(&rows).unwrap();
    bytes[10] ^= 1;
    fs::write(&rows, bytes).unwrap();
    on_files(&data, ["views", "ls"]).expect_code(1);
    assert_eq!(copies(scratch.path()), Vec::<PathBuf>::new());
}

#[test]
fn views_ls_removes_its_copy_when_a_signal_ends_it() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    publish(&server, 0..20);
    server.stop();
    // Opening the pipe waits for a writer, and none comes.
    let pipe = data.join("views/current/pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut command = binary();
    command.arg("--data").arg(&data).args(["views", "ls"]);
    let mut listing = command.stderr(Stdio::null()).spawn().unwrap();
    eventually("the views are being copied", || {
        !copies(scratch.path()).is_empty()
    });
    send("TERM", listing.id());
    assert_eq!(wait_for(&mut listing).code(), Some(1));
    assert_eq!(copies(scratch.path()), Vec::<PathBuf>::new());
}
