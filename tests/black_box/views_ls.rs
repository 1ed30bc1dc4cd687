//! `views ls` on the files of a stopped server: its output, and that it changes no file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::command::on_files;
use crate::common::lines::tweet;
use crate::common::server::Server;

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
        said.ends_with("folded through sequence 21; the journal holds no event beyond it\n"),
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

    // The next start folds them.
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
