//! The rules of keywords from the command line, at a running server.

use serde_json::{Value, json};

use crate::common::command::{Ended, tidings};
use crate::common::lines::{ndjson, posted};
use crate::common::server::Server;
use crate::common::views;

fn keywords(server: &str, arguments: &[&str]) -> Ended {
    let mut all = vec!["keywords"];
    all.extend(arguments);
    all.extend(["--server", server]);
    tidings(all)
}

#[test]
fn rules_are_set_listed_left_and_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let url = server.url();
    let rules = || {
        let listing = keywords(&url, &["ls", "--output", "json"]).expect_code(0);
        let row = listing.json()["keywords"][0].clone();
        [row["any"].clone(), row["none"].clone()]
    };
    let options = ["--any", "iPhone", "--any", "애플 폰", "--none", "케이스"];
    let added = keywords(&url, &[&["add", "아이폰"], &options[..]].concat()).expect_code(0);
    assert_eq!(added.stdout, "아이폰: tracked with these rules\n");
    let both = [json!(["iphone", "애플 폰"]), json!(["케이스"])];
    assert_eq!(rules(), both);
    let listing = keywords(&url, &["ls"]).expect_code(0).stdout;
    assert!(
        listing.contains("any: iphone, 애플 폰; none: 케이스\n"),
        "{listing}"
    );

    keywords(&url, &["track", "아이폰"]).expect_code(0);
    assert_eq!(rules(), both);
    keywords(&url, &["track", "아이폰", "--none", "case"]).expect_code(0);
    assert_eq!(rules(), [Value::Null, json!(["case"])]);
    keywords(&url, &["track", "아이폰", "--no-rules"]).expect_code(0);
    assert_eq!(rules(), [Value::Null, Value::Null]);

    let long = "가".repeat(65);
    for (arguments, said) in [
        (
            &["track", "a", "b", "--any", "c"][..],
            "exactly one keyword",
        ),
        (&["track", "a", "--any", &long], "at place 1: it has 65"),
        (
            &["track", "a", "--none", " "],
            "--none has a text that cannot",
        ),
        (
            &["track", "a", "--any", "b", "--no-rules"],
            "cannot be used",
        ),
    ] {
        let refused = keywords(&url, arguments).expect_code(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    server.stop();
}

#[test]
fn rules_survive_a_restart_and_views_that_are_made_again() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let server = Server::start(&data);
    let add = ["add", "아이폰", "--any", "iphone", "--none", "case"];
    keywords(&server.url(), &add).expect_code(0);
    server.stop();
    for round in ["restarted", "rebuilt"] {
        if round == "rebuilt" {
            std::fs::remove_dir_all(data.join("views")).unwrap();
        }
        let server = Server::start(&data);
        server.wait_until_folded();
        let row = server.get("/api/v1/keywords")["keywords"][0].clone();
        assert_eq!(
            (&row["any"], &row["none"]),
            (&json!(["iphone"]), &json!(["case"]))
        );
        let lines = [
            posted(&format!("{round}-1"), "2020-01-01T00:00:00Z", "an iPhone"),
            posted(&format!("{round}-2"), "2020-01-01T00:00:00Z", "iphone case"),
        ];
        let report = server.publish(&ndjson(&lines));
        assert_eq!(report["accepted"], 1, "{report}");
        assert_eq!(report["unmatched"], 1, "{report}");
        server.wait_until_folded();
        assert!(views::ids(&server, "아이폰").contains_key(&format!("{round}-1")));
        server.stop();
    }
}
