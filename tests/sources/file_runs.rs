//! `tidings collect file` over several runs: standard input, reports, records that are sent again,
//! and a reading that is killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use super::files::{
    bytes_of, collect, collect_from, ids, last_report, line_about_pellivar, rejected, sample,
};
use super::{is_settled, report};
use crate::common::command::{binary, run};
use crate::common::lines::{ndjson, posted};
use crate::common::server::Server;
use crate::common::views;
use crate::common::wait::eventually;

/// Lines of the large file.
const LINES: u64 = 50_000;

#[test]
fn standard_input_is_published_and_its_report_is_shown() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    server.track(&["케이스"]);
    let state = scratch.path().join("state");
    let input = bytes_of("native.ndjson");
    let ended = collect_from(&input, &server, &state, Path::new("-"), &[]).expect_code(1);
    server.wait_until_folded();
    assert_eq!(ids(&server, "케이스"), ["x:1595".to_owned()].into());

    let status = |place: &[&str]| {
        let arguments = ["--output", "json", "collect", "status"];
        let ended = run(binary().args(arguments).args(place), b"").expect_code(0);
        let sources = ended.json()["sources"].clone();
        assert_eq!(sources.as_array().unwrap().len(), 1, "{sources}");
        sources[0].clone()
    };
    let last = last_report(&ended);
    for shown in [
        status(&["--state", state.to_str().unwrap()]),
        status(&["--server", &server.url()]),
    ] {
        for (field, value) in [
            ("name", json!("file")),
            ("kind", json!("file")),
            ("state", json!("stopped")),
            ("rejected", json!(3)),
            ("received", last["received"].clone()),
            ("journaled", last["journaled"].clone()),
        ] {
            assert_eq!(shown[field], value, "{field} in {shown}");
        }
    }
}

#[test]
fn redriven_record_is_sent_when_it_is_valid_and_stays_while_it_is_not() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    server.track(&["pellivar"]);
    let state = scratch.path().join("state");
    collect(&server, &state, &sample("native.ndjson"), &[]).expect_code(1);
    let before = rejected(&state);
    let redrive = || {
        let mut command = binary();
        command
            .args(["collect", "redrive", "--server", &server.url(), "--state"])
            .arg(&state);
        run(&mut command, b"").expect_code(1)
    };
    let places = |entries: &[Value]| -> Vec<Value> {
        let entries = entries.iter();
        entries.map(|entry| entry["where"].clone()).collect()
    };
    redrive();
    assert_eq!(places(&rejected(&state)), places(&before));

    // The record on line 6 lacks its text.
    let mut mended = before.clone();
    let whole = posted("x:1594", "2026-11-23T07:00:00Z", "a pellivar");
    mended[1]["raw"] = Value::String(whole.to_string());
    std::fs::write(state.join("rejected.ndjson"), ndjson(&mended)).unwrap();
    redrive();
    server.wait_until_folded();
    assert_eq!(ids(&server, "pellivar"), ["x:1594".to_owned()].into());
    let left = [before[0].clone(), before[2].clone()];
    assert_eq!(places(&rejected(&state)), places(&left));
    let shown = report(&server, "file");
    assert!(is_settled(&shown), "{shown}");
    assert_eq!(shown["rejected"], 2, "{shown}");
}

#[test]
fn killed_reading_of_a_large_file_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    server.track(&["pellivar"]);
    let path = scratch.path().join("large.ndjson");
    let content: String = (0..LINES).map(line_about_pellivar).collect();
    std::fs::write(&path, content).unwrap();
    let state = scratch.path().join("state");
    let mut killed = binary()
        .args(["collect", "file", "--server", &server.url(), "--state"])
        .arg(&state)
        .arg(&path)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let tweets = || views::totals(&server)["pellivar"];
    eventually("a part of the file is in the views", || tweets() > 4_000);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let sent = tweets();
    assert!(sent < LINES * 4 / 5, "the kill came after the end: {sent}");

    let report = last_report(&collect(&server, &state, &path, &[]).expect_code(0));
    assert!(is_settled(&report), "{report}");
    assert_eq!(report["received"], LINES, "{report}");
    assert_eq!(report["unmatched"], LINES / 5, "{report}");
    server.wait_until_folded();
    let numbers = (0..LINES).filter(|number| number % 5 != 4);
    let expected: BTreeSet<String> = numbers.map(|number| format!("x:{number}")).collect();
    assert!(ids(&server, "pellivar") == expected, "tweets are missing");
    assert_eq!(tweets(), LINES * 4 / 5);
}
