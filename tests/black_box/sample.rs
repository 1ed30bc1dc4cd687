//! The command `tidings sample`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::common::command::tidings;
use crate::common::posts::{self, KEYWORDS};
use crate::common::server::Server;
use crate::common::views;

const POSTS: u64 = 3_000;

/// The numbers that the server must count for one keyword.
#[derive(Default)]
struct Expected {
    tweets: u64,
    duplicate: u64,
    deleted: u64,
}

fn expected(lines: &[Value], keyword: &str) -> Expected {
    let mut expected = Expected::default();
    let mut ids = BTreeSet::new();
    for line in lines {
        let id = line["id"].as_str().unwrap();
        match line["type"].as_str().unwrap() {
            "tweet.posted" if !posts::is_for(line["text"].as_str().unwrap(), keyword) => {}
            "tweet.posted" if ids.insert(id) => expected.tweets += 1,
            "tweet.posted" => expected.duplicate += 1,
            "tweet.deleted" if ids.contains(id) => expected.deleted += 1,
            _ => {}
        }
    }
    expected.tweets -= expected.deleted;
    expected
}

#[test]
fn sample_is_the_same_each_time_and_every_line_is_taken() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("sample.ndjson");
    let posts = POSTS.to_string();
    let arguments = ["sample", "--posts", &posts, "--seed", "9"];
    let printed = tidings(arguments).expect_code(0).stdout;
    let to_file = ["--out", file.to_str().unwrap(), "--output", "json"];
    let report = tidings(arguments.into_iter().chain(to_file)).expect_code(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), printed);
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        report.json(),
        json!({ "posts": POSTS, "lines": lines.len() })
    );

    let server = Server::start(&scratch.path().join("data"));
    server.track(&KEYWORDS);
    let url = server.url();
    let publish = ["publish", file.to_str().unwrap(), "--server", &url];
    let published = tidings(publish.into_iter().chain(["--output", "json"])).expect_code(0);
    assert_eq!(published.json()["unmatched"], 0);
    server.wait_until_folded();
    let totals: BTreeMap<String, u64> = views::totals(&server);
    for keyword in KEYWORDS {
        let expected = expected(&lines, keyword);
        let ledger = server.get(&views::path(keyword, "ledger"));
        assert_eq!(totals[keyword], expected.tweets, "{keyword}");
        assert_eq!(ledger["duplicate"], expected.duplicate, "{keyword}");
        assert_eq!(ledger["deleted"], expected.deleted, "{keyword}");
        assert_eq!(ledger["ignored"], 0, "{keyword}");
    }
    server.stop();
}

#[test]
fn range_that_ends_before_it_begins_is_wrong_usage() {
    let range = [
        "--from",
        "2026-02-01T00:00:00Z",
        "--to",
        "2026-01-01T00:00:00Z",
    ];
    let ended = tidings(["sample"].into_iter().chain(range)).expect_code(2);
    assert!(ended.stderr.contains("--to"), "{}", ended.stderr);
    let ended = tidings(["sample", "--from", "yesterday"]).expect_code(2);
    assert!(ended.stderr.contains("RFC 3339"), "{}", ended.stderr);
}
