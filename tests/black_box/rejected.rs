//! Records that cannot be folded are kept and shown, and redriven once they can be decoded.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::command::{Ended, on_files};
use crate::common::lines;
use crate::common::server::Server;
use crate::common::views;

/// An export with these records, as another journal would write it.
pub fn export(file: &Path, records: &[Value]) {
    let mut text =
        json!({"tidings_journal": 1, "incarnation": "0000000000c0ffee", "first": 1}).to_string();
    text.push('\n');
    let mut body = String::new();
    for (record, sequence) in records.iter().zip(1..) {
        let mut record = record.clone();
        record["sequence"] = json!(sequence);
        body.push_str(&format!("{record}\n"));
    }
    text.push_str(&body);
    let (all, only) = (blake3::hash(text.as_bytes()), blake3::hash(body.as_bytes()));
    // The closing line is recognized by its first member.
    text.push_str(&format!(
        r#"{{"records":{0},"last":{0},"digest":"{all}","records_digest":"{only}"}}"#,
        records.len()
    ));
    text.push('\n');
    std::fs::write(file, text).unwrap();
}

fn posted(id: &str, at: &str) -> String {
    lines::posted(id, at, "t").to_string()
}

fn rejected(data: &Path, arguments: &[&str]) -> Ended {
    let all = ["--output", "json", "rejected"].iter().chain(arguments);
    on_files(data, all)
}

#[test]
fn rejected_events_are_kept_once_and_can_be_redriven() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let file = scratch.path().join("export.ndjson");
    let then = "2010-01-01T00:00:00.000Z";
    export(
        &file,
        &[
            json!({"received_at": then, "token": "a", "payload": posted("1", "2009-01-01T00:00:00Z")}),
            // A tweet that was too far in the future when it was received, but is not today.
            json!({"received_at": then, "token": "a", "payload": posted("2", "2020-01-01T00:00:00Z")}),
            json!({"received_at": then, "token": "a", "payload": "nonsense"}),
            json!({"received_at": then, "token": "a", "payload_base64": "/wA="}),
            // Another spelling of the token, which names no keyword.
            json!({"received_at": then, "token": "A", "payload": posted("3", "2009-01-01T00:00:00Z")}),
            json!({"received_at": then, "token": "%FF", "payload": posted("4", "2009-01-01T00:00:00Z")}),
        ],
    );
    on_files(&data, ["journal", "import", file.to_str().unwrap()]).expect_code(0);
    let ledgers = |journaled: u64, folded: u64| {
        let server = Server::start(&data);
        let of_keyword = server.get(&views::path("a", "ledger"));
        assert_eq!(of_keyword["journaled"], journaled, "{of_keyword}");
        assert_eq!(of_keyword["folded"], folded, "{of_keyword}");
        assert_eq!(of_keyword["rejected"], 3, "{of_keyword}");
        assert_eq!(server.get("/api/v1/ledger")["unaddressed"], 2);
        server.stop();
    };
    ledgers(4, 1);
    // Each entry is written once, even if the journal is folded again.
    on_files(&data, ["views", "rebuild"]).expect_code(0);
    ledgers(4, 1);
    let listing = rejected(&data, &["ls"]).expect_code(0).json();
    let sequences: Vec<u64> = listing
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["sequence"].as_u64().unwrap())
        .collect();
    let mut sorted = sequences;
    sorted.sort_unstable();
    assert_eq!(sorted, [2, 3, 4, 5, 6], "{listing}");

    let shown = rejected(&data, &["show", "4"]).expect_code(0).json();
    assert_eq!(shown["payload_base64"], "/wA=");
    assert_eq!(shown["length"], 2);
    let shown = rejected(&data, &["show", "2"]).expect_code(0).json();
    assert!(
        shown["reason"].as_str().unwrap().contains("future"),
        "{shown}"
    );
    rejected(&data, &["show", "99"]).expect_code(1);
    rejected(&data, &["redrive", "99"]).expect_code(1);

    rejected(&data, &["redrive", "2", "5"]).expect_code(0);
    let left = rejected(&data, &["redrive", "3", "4", "6"])
        .expect_code(1)
        .json();
    assert!(
        left.as_array()
            .unwrap()
            .iter()
            .all(|one| one["redriven"] == false),
        "{left}"
    );
    ledgers(6, 3);
    let server = Server::start(&data);
    let ids: Vec<String> = views::ids(&server, "a").into_keys().collect();
    assert_eq!(ids, ["1", "2", "3"]);
}

#[test]
fn interrupted_import_must_finish_before_serving() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let file = scratch.path().join("export.ndjson");
    let records: Vec<Value> = (0..10)
        .map(|id| {
            let payload = posted(&id.to_string(), "2009-01-01T00:00:00Z");
            json!({"received_at": "2010-01-01T00:00:00.000Z", "token": "a", "payload": payload})
        })
        .collect();
    export(&file, &records);
    let whole = std::fs::read_to_string(&file).unwrap();
    let cut = scratch.path().join("cut.ndjson");
    let lines: Vec<&str> = whole.lines().take(6).collect();
    std::fs::write(&cut, lines.join("\n") + "\n").unwrap();
    let import = |file: &Path| on_files(&data, ["journal", "import", file.to_str().unwrap()]);
    let ended = import(&cut).expect_code(1);
    assert!(ended.stderr.contains("cut short"), "{}", ended.stderr);
    let refused = Server::try_start(&data, &[]).unwrap_err();
    assert!(
        refused.stderr.contains("journal import"),
        "{}",
        refused.stderr
    );
    import(&file).expect_code(0);
    let server = Server::start(&data);
    assert_eq!(views::totals(&server)["a"], 10);
    server.stop();
    // An import into a journal with records is refused.
    import(&file).expect_code(1);
}
