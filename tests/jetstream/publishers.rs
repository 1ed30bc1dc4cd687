//! The publishers of docs/publishing.md, run as they are: programs in other languages that know
//! nothing but the subjects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Ended, on_files, run};
use crate::nats::Nats;
use crate::posts;
use crate::server::{Server, eventually};
use crate::views;

/// Keywords whose subjects take some care.
const ODD: [&str; 5] = ["US   Airways", "a.b", "ＡＩ", "İstanbul", "100% *"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What scripts/test installs.
fn tool(path: &str) -> PathBuf {
    let tool = root().join(".tools").join(path);
    assert!(
        tool.exists(),
        "{path} is missing: scripts/test installs it into .tools/"
    );
    tool
}

fn python(url: &str) -> Command {
    let mut command = Command::new(tool("python/bin/python"));
    command
        .arg(root().join("docs/publishers/publish.py"))
        .arg(url);
    command
}

/// Node looks for libraries beside a program's file.
fn node(folder: &Path, url: &str) -> Command {
    let program = folder.join("publish.mjs");
    std::fs::copy(root().join("docs/publishers/publish.mjs"), &program).unwrap();
    let libraries = tool("publishers/node_modules");
    std::os::unix::fs::symlink(libraries, folder.join("node_modules")).unwrap();
    let mut command = Command::new("node");
    command.arg(program).arg(url);
    command
}

/// Every post for every keyword that it contains, and a few for odd ones.
fn lines() -> Vec<String> {
    let posts = posts::lines();
    let mut lines = Vec::new();
    for (number, line) in posts.iter().enumerate() {
        let post: Value = serde_json::from_str(line).unwrap();
        let text = post["text"].as_str().unwrap();
        let odd = ODD.get(number).into_iter();
        let found = posts::KEYWORDS
            .iter()
            .filter(|keyword| text.contains(**keyword));
        for keyword in found.chain(odd) {
            let mut event = post.clone();
            event["keyword"] = (*keyword).into();
            lines.push(event.to_string());
        }
    }
    lines
}

fn start(mut command: Command, lines: &[String]) -> std::thread::JoinHandle<Ended> {
    let input = lines.join("\n");
    std::thread::spawn(move || run(&mut command, input.as_bytes()))
}

fn wait_for_ledger(server: &Server, fields: &Value) {
    eventually("all is folded", || {
        let ledger = server.get("/api/v1/ledger");
        let fields = fields.as_object().unwrap();
        fields.iter().all(|(name, value)| ledger[name] == *value)
    });
}

#[test]
fn the_totals_of_the_sample_are_exact_through_other_languages() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let (data, embedded) = (scratch.path().join("n"), scratch.path().join("e"));
    let url = nats.url();
    let server = Server::start_with(&data, &["--nats", &url]);
    let lines = lines();
    let all = lines.len();

    // Two at a time, which share every keyword.
    let (one, other): (Vec<_>, Vec<_>) = lines
        .iter()
        .cloned()
        .enumerate()
        .partition(|(number, _)| number % 2 == 0);
    let part = |part: Vec<(usize, String)>| part.into_iter().map(|(_, line)| line).collect();
    let (one, other): (Vec<_>, Vec<_>) = (part(one), part(other));
    let running = [start(python(&url), &one), start(python(&url), &other)];
    for (ended, sent) in running.into_iter().zip([one.len(), other.len()]) {
        let ended = ended.join().unwrap().expect_code(0);
        assert_eq!(ended.stdout, format!("{sent} acknowledged\n"));
    }
    let none =
        json!({ "journaled": all, "folded": all, "duplicate": 0, "rejected": 0, "unaddressed": 0 });
    wait_for_ledger(&server, &none);
    let posts = posts::lines();
    let mut right: BTreeMap<_, _> = posts::KEYWORDS
        .iter()
        .map(|keyword| ((*keyword).to_owned(), posts::containing(&posts, keyword)))
        .collect();
    for odd in ["us airways", "a.b", "ai", "i\u{307}stanbul", "100% *"] {
        right.insert(odd.to_owned(), 1);
    }
    assert_eq!(views::totals(&server), right);

    // The same again from another language: every event is known already.
    let folder = tempfile::tempdir().unwrap();
    let ended = start(node(folder.path(), &url), &lines);
    let ended = ended.join().unwrap().expect_code(0);
    assert_eq!(ended.stdout, format!("{all} acknowledged\n"));
    let twice = json!({ "journaled": 2 * all, "folded": all, "duplicate": all, "rejected": 0, "unaddressed": 0 });
    wait_for_ledger(&server, &twice);
    assert_eq!(views::totals(&server), right);
    server.stop();

    let server = Server::start(&embedded);
    for group in lines.chunks(5_000) {
        let answer = server.publish(&group.join("\n"));
        assert_eq!(answer["rejected"], json!([]));
    }
    server.wait_until_folded();
    server.stop();
    let digest = |data: &Path, with: &[&str]| {
        let arguments = ["views", "digest", "--output", "json"];
        let ended = on_files(data, arguments.iter().chain(with));
        ended.expect_code(0).json()["digest"].clone()
    };
    assert_eq!(digest(&data, &["--nats", &url]), digest(&embedded, &[]));
}

#[test]
fn a_publisher_whose_events_are_not_acknowledged_says_so() {
    // Nobody has made a stream here.
    let nats = Nats::start();
    let line = posts::tweet("a", "t1", "2020-01-01T00:00:00Z");
    let ended = run(&mut python(&nats.url()), line.as_bytes()).expect_code(1);
    assert!(ended.stderr.contains("1 not acknowledged"), "{ended:?}");
    let folder = tempfile::tempdir().unwrap();
    let ended = run(&mut node(folder.path(), &nats.url()), line.as_bytes()).expect_code(1);
    assert!(ended.stderr.contains("not acknowledged"), "{ended:?}");
}

#[test]
fn the_guide_shows_the_programs_that_are_run_here() {
    let guide = std::fs::read_to_string(root().join("docs/publishing.md")).unwrap();
    for (language, program) in [("python", "publish.py"), ("js", "publish.mjs")] {
        let program = std::fs::read_to_string(root().join("docs/publishers").join(program));
        let block = format!("```{language}\n{}```", program.unwrap());
        assert!(guide.contains(&block), "{language}");
    }
}
