//! Exact totals of a world's posts, also after a second publication, an export and an import.

use std::path::Path;

use serde_json::Value;

use crate::common::command::{on_files, tidings};
use crate::common::posts::{self, KEYWORDS};
use crate::common::server::Server;
use crate::common::views;

fn publish(server: &Server, file: &Path) -> Value {
    let url = server.url();
    let arguments = [
        "publish",
        file.to_str().unwrap(),
        "--server",
        &url,
        "--output",
        "json",
    ];
    tidings(arguments).expect_code(0).json()
}

fn digest(data: &Path) -> Value {
    on_files(data, ["views", "digest", "--output", "json"])
        .expect_code(0)
        .json()["digest"]
        .clone()
}

#[test]
fn sample_totals_are_exact_after_restart_rebuild_and_import() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let lines = posts::lines();
    let file = posts::file(scratch.path());
    let expected: Vec<(&str, u64)> = KEYWORDS
        .iter()
        .map(|keyword| (*keyword, posts::containing(lines, keyword)))
        .collect();
    let journaled: u64 = expected.iter().map(|(_, count)| count).sum();

    let server = Server::start(&data);
    let url = server.url();
    let track: Vec<&str> = ["keywords", "track", "--server", &url]
        .into_iter()
        .chain(KEYWORDS)
        .collect();
    tidings(track).expect_code(0);

    let report = publish(&server, &file);
    assert_eq!(report["lines"], lines.len() as u64);
    assert_eq!(report["journaled"], journaled);
    assert_eq!(
        report["accepted"].as_u64().unwrap() + report["unmatched"].as_u64().unwrap(),
        lines.len() as u64
    );
    server.wait_until_folded();
    let check = |server: &Server| {
        let totals = views::totals(server);
        for (keyword, count) in &expected {
            assert_eq!(totals[*keyword], *count, "{keyword}");
            assert_eq!(
                views::ids(server, keyword).len() as u64,
                *count,
                "{keyword}"
            );
            let days = server.get(&views::path(
                keyword,
                &format!("volume?from={}&to={}&step=day", posts::FROM, posts::TO),
            ));
            assert_eq!(days["total"], *count, "{keyword}");
        }
    };
    check(&server);

    // Publishing the same posts again changes only the count of duplicates.
    publish(&server, &file);
    server.wait_until_folded();
    check(&server);
    for (keyword, count) in &expected {
        let ledger = server.get(&views::path(keyword, "ledger"));
        assert_eq!(ledger["duplicate"], *count, "{keyword}");
        // `keyword.tracked` is folded too.
        assert_eq!(ledger["folded"], *count + 1, "{keyword}");
        assert_eq!(ledger["journaled"], 2 * *count + 1, "{keyword}");
    }
    server.stop();

    let before = digest(&data);
    on_files(&data, ["views", "verify"]).expect_code(0);
    let export = scratch.path().join("export.ndjson.zst");
    on_files(&data, ["journal", "export", export.to_str().unwrap()]).expect_code(0);
    let copy = scratch.path().join("copy");
    on_files(&copy, ["journal", "import", export.to_str().unwrap()]).expect_code(0);
    assert_eq!(digest(&copy), before);
    on_files(&data, ["views", "compact"]).expect_code(0);
    assert_eq!(digest(&data), before);
    let rebuilt = on_files(&data, ["views", "rebuild", "--output", "json"]).expect_code(0);
    assert_eq!(rebuilt.json()["new_epoch"], false);
    assert_eq!(digest(&data), before);

    let server = Server::start(&copy);
    check(&server);
    server.stop();
}
