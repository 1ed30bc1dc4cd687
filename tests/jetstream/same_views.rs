//! The same events through the embedded journal and through JetStream give the same views.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::command::{binary, on_files, run};
use crate::common::lines;
use crate::common::posts;
use crate::common::server::Server;
use crate::jetstream::nats::Nats;

/// Posts of three keywords with engagements and deletions, of which the first part is there twice,
/// and rules that are not in normal form.
fn history() -> String {
    let keywords = ["영화", "a.b", "us airways"];
    let mut lines = Vec::new();
    for (number, line) in posts::lines().iter().take(1_500).enumerate() {
        let mut post: Value = serde_json::from_str(line).unwrap();
        post["keyword"] = keywords[number % 3].into();
        let (id, at) = (post["id"].clone(), post["at"].clone());
        let keyword = post["keyword"].clone();
        lines.push(post.to_string());
        if number % 5 == 0 {
            let metrics = json!({ "likes": number, "replies": 1 });
            lines.push(
                json!({ "type": "tweet.engaged", "id": id, "at": at, "keyword": keyword, "metrics": metrics })
                    .to_string(),
            );
        }
        if number % 7 == 0 {
            lines.push(
                json!({ "type": "tweet.deleted", "id": id, "at": at, "keyword": keyword })
                    .to_string(),
            );
        }
    }
    let again = lines[..500].to_vec();
    lines.extend(again);
    lines.push(
        json!({
            "type": "keyword.tracked", "at": "2020-01-01T00:00:00Z", "keyword": "영화",
            "any": ["ＭＯＶＩＥ", " movie", "film"], "none": ["Film  Camera"],
        })
        .to_string(),
    );
    lines.join("\n")
}

fn publish(history: &str, to: &[&str]) -> Value {
    let mut command = binary();
    command.args(["publish", "-", "--output", "json"]).args(to);
    run(&mut command, history.as_bytes()).expect_code(0).json()
}

fn digest(data: &Path, nats: &[&str]) -> Value {
    let arguments = ["views", "digest", "--output", "json"];
    on_files(data, arguments.iter().chain(nats))
        .expect_code(0)
        .json()["digest"]
        .clone()
}

#[test]
fn views_are_equal_on_both_journals() {
    let history = history();
    let events = history.lines().count() as u64;
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let (embedded, straight) = (scratch.path().join("e"), scratch.path().join("n"));

    let server = Server::start(&embedded);
    publish(&history, &["--server", &server.url()]);
    server.wait_until_folded();
    server.stop();
    let right = digest(&embedded, &[]);

    let url = nats.url();
    let to_nats = ["--nats", url.as_str()];
    let server = Server::start_with(&straight, &to_nats);
    let report = publish(&history, &to_nats);
    assert_eq!(report["journaled"], events);
    assert_eq!(report["seq"], events);
    server.wait_until_folded();
    assert_eq!(server.get("/api/v1/ledger")["journaled"], events);
    server.stop();
    assert_eq!(digest(&straight, &to_nats), right);
    on_files(&straight, ["views", "verify"].iter().chain(&to_nats)).expect_code(0);
    let rebuilt = on_files(
        &straight,
        ["views", "rebuild", "--output", "json"]
            .iter()
            .chain(&to_nats),
    );
    assert_eq!(rebuilt.expect_code(0).json()["new_epoch"], false);
    assert_eq!(digest(&straight, &to_nats), right);
}

#[test]
fn journal_moves_to_jetstream_and_back_unchanged() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let path_of = |name: &str| scratch.path().join(name);
    let server = Server::start(&path_of("one"));
    publish(&history(), &["--server", &server.url()]);
    server.wait_until_folded();
    server.stop();
    let url = nats.url();
    let to_nats = ["--nats", url.as_str()];
    let export = |data: &str, file: &Path, with: &[&str]| -> Value {
        let file = file.to_str().unwrap();
        let arguments = ["journal", "export", file, "--output", "json"];
        on_files(&path_of(data), arguments.iter().chain(with))
            .expect_code(0)
            .json()["records_digest"]
            .clone()
    };
    let (there, back) = (path_of("there.ndjson"), path_of("back.ndjson"));
    let right = export("one", &there, &[]);
    let arguments = ["journal", "import", there.to_str().unwrap()];
    on_files(&path_of("two"), arguments.iter().chain(&to_nats)).expect_code(0);
    assert_eq!(export("two", &back, &to_nats), right);
    // Imports the export from JetStream into an embedded journal.
    on_files(
        &path_of("three"),
        ["journal", "import", back.to_str().unwrap()],
    )
    .expect_code(0);
    let home = path_of("home.ndjson");
    assert_eq!(export("three", &home, &[]), right);
    assert_eq!(digest(&path_of("three"), &[]), digest(&path_of("one"), &[]));
    let times = |file: &Path| -> Vec<Value> {
        let text = std::fs::read_to_string(file).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["received_at"].clone()).collect()
    };
    let kept = times(&there);
    assert!(kept.iter().filter(|time| time.is_string()).count() > 1_500);
    assert_eq!(times(&back), kept);
    assert_eq!(times(&home), kept);
    assert_eq!(
        digest(&path_of("two"), &to_nats),
        digest(&path_of("one"), &[])
    );
}

/// Publishers may send any JSON: with white space, unknown members, or wrong values.
#[test]
fn events_in_any_json_form_move_to_files() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let path_of = |name: &str| scratch.path().join(name);
    let url = nats.url();
    let to_nats = ["--nats", url.as_str()];
    let server = Server::start_with(&path_of("n"), &to_nats);
    let tweet = lines::tweet("a", "t1", "2020-01-01T00:00:00Z");
    server.publish(&tweet.replace("\"id\"", "  \"more\": [1, {}], \"id\""));
    let mut client = nats.client();
    let spaced = tweet.replace(',', " ,\r\n\t").replace("t1", "t2");
    for payload in [spaced.as_bytes(), b"{\"type\":", b"\xff\xfe", b""] {
        client.publish(b"tweets.a", payload).unwrap().unwrap();
    }
    client
        .publish(b"tweets.A", tweet.as_bytes())
        .unwrap()
        .unwrap();
    server.wait_until_folded();
    assert_eq!(server.get("/api/v1/keywords/a/ledger")["folded"], 3);
    server.stop();
    let (out, back) = (path_of("out.ndjson"), path_of("back.ndjson"));
    let run = |data: &str, arguments: &[&str]| on_files(&path_of(data), arguments).expect_code(0);
    let (file, again) = (out.to_str().unwrap(), back.to_str().unwrap());
    run("n", &["journal", "export", file, "--nats", &url]);
    run("e", &["journal", "import", file]);
    run("e", &["journal", "export", again]);
    let records = |file: &Path| -> Vec<String> {
        let text = std::fs::read_to_string(file).unwrap();
        text.lines()
            .filter(|line| line.contains("\"sequence\""))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(records(&out).len(), 7);
    assert_eq!(records(&back), records(&out));
    assert_eq!(digest(&path_of("e"), &[]), digest(&path_of("n"), &to_nats));
}

#[test]
fn events_posted_over_http_give_the_same_views() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    server.track(&["영화"]);
    let answer = server.publish(&history());
    assert_eq!(answer["rejected"], json!([]));
    let seq = answer["seq"].as_u64().unwrap();
    server.get(&format!("/api/v1/ledger?min_seq={seq}"));
    assert_eq!(nats.stream("TWEETS")["state"]["last_seq"], seq);
    // A message of another publisher can be awaited as soon as it is acknowledged.
    let line = r#"{"type":"tweet.deleted","id":"zz","at":"2020-01-01T00:00:00Z"}"#;
    let seq = nats.client().publish(b"tweets.other", line.as_bytes());
    let seq = seq.unwrap().unwrap();
    server.get(&format!("/api/v1/ledger?min_seq={seq}"));
    let beyond = format!("/api/v1/ledger?min_seq={}", seq + 1);
    assert_eq!(server.ask("GET", &beyond, &[], b"").status, 412);
    server.stop();
}

#[test]
fn nats_publisher_refuses_a_line_without_keyword_only() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let good = lines::tweet("a", "1", "2020-01-01T00:00:00Z");
    let bare = r#"{"type":"tweet.deleted","id":"a","at":"2020-01-01T00:00:00Z"}"#;
    let mut command = binary();
    command.args(["publish", "-", "--nats", &nats.url(), "--output", "json"]);
    let input = format!("{bare}\nnonsense\n{good}\n");
    let report = run(&mut command, input.as_bytes()).expect_code(1).json();
    assert_eq!(report["accepted"], 1);
    assert_eq!(report["rejected"][0]["line"], 1);
    let reason = report["rejected"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("--keyword"), "{reason}");
    assert_eq!(report["rejected"][1]["line"], 2);
    server.stop();
}
