//! Foreign text in the output of commands never reaches a terminal as a command.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use crate::black_box::rejected::export;
use crate::common::command::{Ended, binary, on_files, run, tidings};
use crate::common::server::Server;

/// Colours, a bell, a cleared screen, reversed text, and a line end.
const HOSTILE: &str =
    "\u{1b}[31mred\u{7}\u{9b}2J\u{202e}txt\r\nerror: spoofed\u{2028}\u{feff}\u{7f}";

/// True for characters that a terminal executes or hides.
fn is_obeyed(c: char) -> bool {
    matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    ) && !matches!(c, '\n' | '\t')
}

/// Checks that the text output contains no character for which [`is_obeyed`] is true, and no
/// spoofed line.
fn check(what: &str, ended: &Ended) {
    for text in [&ended.stdout, &ended.stderr] {
        let found = text.chars().find(|c| is_obeyed(*c));
        assert_eq!(found, None, "{what}: {text:?}");
        let spoofed = text.lines().any(|line| line.starts_with("error: spoofed"));
        assert!(!spoofed, "{what}: {text:?}");
    }
}

fn records() -> Vec<Value> {
    let then = "2010-01-01T00:00:00.000Z";
    let posted = json!({
        "type": "tweet.posted", "id": "1", "at": "2009-01-01T00:00:00.000Z",
        "author": { "handle": HOSTILE }, "text": HOSTILE,
    });
    let unknown = json!({ "type": HOSTILE, "at": "2009-01-01T00:00:00.000Z" }).to_string();
    vec![
        json!({ "received_at": then, "token": HOSTILE, "payload": HOSTILE }),
        json!({ "received_at": then, "token": "a", "payload": unknown }),
        json!({ "received_at": then, "token": "a", "event": posted }),
        json!({ "received_at": then, "token": "a", "payload": HOSTILE }),
        json!({ "received_at": then, "token": "%1B%07%E2%80%AE", "payload": "{}" }),
    ]
}

#[test]
fn commands_on_files_print_no_foreign_commands() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let file = scratch.path().join("export.ndjson");
    export(&file, &records());
    let path = file.to_str().unwrap();
    check(
        "import",
        &on_files(&data, ["journal", "import", path]).expect_code(0),
    );
    // `views digest` folds, which fills the rejected log.
    let digest = on_files(&data, ["views", "digest"]);
    check("views digest", &digest.expect_code(0));
    let odd_name = scratch
        .path()
        .join(format!("x{}", HOSTILE.replace('/', "")));
    std::fs::write(&odd_name, format!("{HOSTILE}\n")).unwrap();
    let odd_name = odd_name.to_str().unwrap();
    for (command, code) in [
        (&["journal", "ls"][..], 0),
        (&["journal", "tail"], 0),
        (&["rejected", "ls"], 0),
        (&["rejected", "show", "1"], 0),
        (&["rejected", "show", "2"], 0),
        (&["rejected", "redrive", "--all"], 1),
        (&["views", "ls"], 0),
        (&["views", "verify"], 0),
        (&["views", "rebuild"], 0),
        (&["views", "compact"], 0),
        (&["journal", "export", odd_name], 1),
        (&["journal", "import", odd_name], 1),
        (&["publish", odd_name, "--server", "http://127.0.0.1:1"], 1),
        (&["config", "show", "--config", odd_name], 2),
        (&["config", "show", "--set", HOSTILE], 2),
        (&["config", "show", "--set", &format!("data={HOSTILE}")], 0),
        (&["keywords", "track", HOSTILE], 2),
        (&["keywords", "ls", "--server", HOSTILE], 2),
        (&[HOSTILE], 2),
    ] {
        let ended = on_files(&data, command).expect_code(code);
        check(&format!("{command:?}"), &ended);
    }

    // Every value is complete in JSON, in one document as well as line by line.
    let listing = on_files(&data, ["rejected", "ls", "--output", "json"]).expect_code(0);
    assert_eq!(listing.json()[0]["token"], HOSTILE);
    let shown = on_files(&data, ["rejected", "show", "4"]).expect_code(0);
    assert_eq!(shown.json()["payload"], HOSTILE);
    let tail = on_files(&data, ["journal", "tail"]).expect_code(0);
    let third: Value = serde_json::from_str(tail.stdout.lines().nth(2).unwrap()).unwrap();
    assert_eq!(third["event"]["text"], HOSTILE);
}

/// Answers every request on the loopback with this body, until the process ends.
fn answering(status: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4096];
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                let read = connection.read(&mut chunk).unwrap();
                request.extend_from_slice(&chunk[..read]);
            }
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            connection.write_all(answer.as_bytes()).unwrap();
            // Waits until the client has read the answer or has disconnected.
            let _ = connection.read(&mut chunk);
        }
    });
    url
}

#[test]
fn commands_that_ask_a_server_print_no_foreign_commands() {
    let keyword = json!({
        "keyword": HOSTILE, "token": HOSTILE, "tweets": 1, "first_at": HOSTILE, "last_at": null,
        "as_of": 1, "lag": 0, "status": HOSTILE,
    });
    let url = answering("200 OK", json!({ "keywords": [keyword] }).to_string());
    let listing = tidings(["keywords", "ls", "--server", &url]).expect_code(0);
    check("keywords ls", &listing);
    assert!(listing.stdout.contains("\\u{1b}[31mred"), "{listing:?}");

    let refused = json!({ "line": 1, "reason": HOSTILE });
    let answer = json!({
        "lines": 1, "accepted": 0, "journaled": 0, "unmatched": 0, "rejected": [refused], "seq": 1,
    });
    let publish = |url: &str, arguments: &[&str]| {
        let mut command = binary();
        command
            .args(["publish", "-", "--server", url])
            .args(arguments);
        run(&mut command, b"{}\n").expect_code(1)
    };
    let url = answering("200 OK", answer.to_string());
    check("publish", &publish(&url, &[]));
    let report = publish(&url, &["--output", "json"]).json();
    assert_eq!(report["rejected"][0]["reason"], HOSTILE);

    for body in [
        json!({ "title": HOSTILE, "detail": HOSTILE }).to_string(),
        HOSTILE.to_owned(),
    ] {
        let url = answering("400 Bad Request", body);
        check("publish", &publish(&url, &[]));
        let untracked = tidings(["keywords", "untrack", "a", "--server", &url]).expect_code(1);
        check("keywords untrack", &untracked);
    }
}

#[test]
fn log_record_is_one_line_whatever_it_quotes() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let file = scratch.path().join("export.ndjson");
    export(&file, &records());
    on_files(&data, ["journal", "import", file.to_str().unwrap()]).expect_code(0);
    // The warning about a torn end names the file.
    let journal = std::fs::read_dir(data.join("journal")).unwrap();
    let segment = journal
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "segment"));
    let segment = std::fs::OpenOptions::new()
        .write(true)
        .open(segment.unwrap())
        .unwrap();
    segment
        .set_len(segment.metadata().unwrap().len() - 3)
        .unwrap();
    let odd = scratch.path().join(HOSTILE.replace('/', ""));
    std::fs::rename(&data, &odd).unwrap();
    let logged = logged(&odd);
    assert!(
        logged.contains("red"),
        "the folder is not named in {logged:?}"
    );
    let stopped = Ended {
        code: Some(0),
        stdout: String::new(),
        stderr: logged,
    };
    check("serve", &stopped);
}

fn logged(data: &Path) -> String {
    Server::start(data).stop()
}
