//! Commands that send requests to a running server, and commands that work on files.

use serde_json::{Value, json};

use crate::common::command::{binary, on_files, run, tidings};
use crate::common::lines::tweet;
use crate::common::server::Server;
use crate::common::views;

fn publish(server: &Server, arguments: &[&str], input: &[u8]) -> crate::common::command::Ended {
    let mut command = binary();
    command
        .args(["publish", "-", "--server", &server.url()])
        .args(arguments);
    run(&mut command, input)
}

#[test]
fn rejected_lines_are_numbered_and_other_lines_published() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let mut input = String::new();
    for number in 1..=2_500 {
        match number {
            3 => input.push_str("not json"),
            10 | 11 => {}
            1_777 => input.push_str(r#"{"type":"tweet.posted","keyword":"a","at":"2020-01-01T00:00:00Z","author":{"handle":"h"},"text":"no id"}"#),
            2_000 => input.push_str(&"x".repeat(2 * 1024 * 1024)),
            _ => input.push_str(&tweet("a", &format!("t{number}"), "2020-01-01T00:00:00Z")),
        }
        input.push('\n');
    }
    let ended = publish(&server, &["--output", "json"], input.as_bytes()).expect_code(1);
    let report = ended.json();
    let rejected: Vec<u64> = report["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["line"].as_u64().unwrap())
        .collect();
    assert_eq!(rejected, [3, 1_777, 2_000]);
    assert_eq!(report["lines"], 2_498);
    assert_eq!(report["accepted"], 2_495);
    assert!(
        report["rejected"][1]["reason"]
            .as_str()
            .unwrap()
            .contains("\"id\"")
    );
    server.wait_until_folded();
    assert_eq!(views::totals(&server)["a"], 2_495);

    let text = publish(&server, &[], b"nonsense\n").expect_code(1);
    assert!(
        text.stderr.contains("line 1 was rejected"),
        "{}",
        text.stderr
    );
}

#[test]
fn many_rejected_lines_are_counted_and_the_first_are_named() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let input = "not json\n".repeat(20_000);
    let ended = publish(&server, &[], input.as_bytes()).expect_code(1);
    let named: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(named.len(), 101, "{}", ended.stderr);
    assert!(
        named[99].starts_with("line 100 was rejected: "),
        "{}",
        named[99]
    );
    assert!(ended.stdout.contains("20000 rejected"), "{}", ended.stdout);
    let report = publish(&server, &["--output", "json"], input.as_bytes())
        .expect_code(1)
        .json();
    assert_eq!(report["rejected"].as_array().unwrap().len(), 100);
    assert_eq!(report["rejected"][99]["line"], 100);
    assert_eq!(report["rejected_unlisted"], 19_900);
    assert_eq!(report["lines"], 20_000);
}

#[test]
fn lines_are_published_from_pipes_and_compressed_files() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(&scratch.path().join("data"));
    let lines = [
        tweet("a", "1", "2015-01-01T00:00:00Z"),
        tweet("a", "2", "2015-01-02T00:00:00Z"),
    ];
    let plain = format!("\u{feff}{}\n", lines.join("\n\n"));
    let packed = zstd::encode_all(plain.as_bytes(), 3).unwrap();
    let pipe = scratch.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for (number, (bytes, arguments)) in [
        (plain.as_bytes(), &["--keyword"][..]),
        (&packed, &["--retime", "now", "--keyword"]),
    ]
    .into_iter()
    .enumerate()
    {
        let keyword = format!("k{number}");
        let mut command = binary();
        command
            .arg("publish")
            .arg(&pipe)
            .args(["--server", &server.url()]);
        command.args(arguments).arg(&keyword);
        let (path, bytes) = (pipe.clone(), bytes.to_vec());
        let writing = std::thread::spawn(move || std::fs::write(path, bytes));
        let ended = run(&mut command, b"").expect_code(0);
        writing.join().unwrap().unwrap();
        assert!(ended.stdout.contains("2 accepted"), "{ended:?}");
        server.wait_until_folded();
        assert_eq!(views::totals(&server)[&keyword], 2);
    }
}

#[test]
fn keyword_retime_and_rate_options_apply() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let lines = [("1", "2015-01-01T00:00:00Z"), ("2", "2015-01-01T06:00:00Z")]
        .map(|(id, at)| tweet("other", id, at))
        .join("\n");
    publish(
        &server,
        &["--keyword", "Mine", "--retime", "now", "--rate", "50"],
        lines.as_bytes(),
    )
    .expect_code(0);
    server.wait_until_folded();
    let page = server.get(&views::path("mine", "timeline"));
    let at = |index: usize| page["items"][index]["at"].as_str().unwrap().to_owned();
    assert_eq!(page["items"][0]["id"], "2");
    assert!(at(0).as_str() > "2026-01-01", "{}", at(0));
    let volume = server.get(&views::path("mine", "volume"));
    assert_eq!(volume["total"], 2, "{volume}");
}

#[test]
fn publish_waits_for_a_server_that_starts_late() {
    let scratch = tempfile::tempdir().unwrap();
    let first = Server::start(&scratch.path().join("data"));
    let address = first.address().to_string();
    first.stop();
    let file = scratch.path().join("tweets.ndjson");
    std::fs::write(&file, tweet("a", "1", "2020-01-01T00:00:00Z")).unwrap();
    let url = format!("http://{address}");
    let file = file.to_str().unwrap().to_owned();
    let publishing = std::thread::spawn(move || tidings(["publish", &file, "--server", &url]));
    let server = Server::start_with(&scratch.path().join("data"), &["--listen", &address]);
    let ended = publishing.join().unwrap().expect_code(0);
    drop(server);
    assert!(ended.stdout.contains("1 accepted"), "{}", ended.stdout);
}

#[test]
fn keywords_are_tracked_listed_and_untracked() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let url = server.url();
    let keywords = |arguments: &[&str]| {
        let arguments = ["keywords"].iter().chain(arguments);
        tidings(arguments.chain(&["--server", &url, "--output", "json"]))
    };
    keywords(&["track", "  US   Airways ", "아이폰"]).expect_code(0);
    keywords(&["track", "아이폰"]).expect_code(0);
    let names = |ended: crate::common::command::Ended| -> Vec<String> {
        let listing = ended.json();
        let listed = listing["keywords"].as_array().unwrap().iter();
        listed
            .map(|one| one["keyword"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(keywords(&["ls"]).expect_code(0)),
        ["us airways", "아이폰"]
    );
    let done = keywords(&["untrack", "us airways", "never"])
        .expect_code(0)
        .json();
    assert_eq!(done[0]["done"], "untracked");
    assert_eq!(done[1]["done"], "not tracked");
    assert_eq!(names(keywords(&["ls"]).expect_code(0)), ["아이폰"]);
}

#[test]
fn journal_commands_show_the_journal() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    server.publish(&tweet("a", "1", "2020-01-01T00:00:00Z"));
    server.publish(&tweet("a", "2", "2020-01-01T00:00:00Z"));
    server.stop();
    let listing = on_files(scratch.path(), ["journal", "ls", "--output", "json"])
        .expect_code(0)
        .json();
    // The journal has `keyword.tracked` and two tweets.
    assert_eq!(listing["head"], 3);
    assert_eq!(listing["closed_cleanly"], true);
    let tail = on_files(scratch.path(), ["journal", "tail", "-n", "2"]).expect_code(0);
    let lines: Vec<Value> = tail
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["sequence"], 3);
    assert_eq!(lines[1]["event"]["id"], "2");
}

#[test]
fn digest_depends_on_the_content_alone() {
    let digest = |lines: &[String]| {
        let scratch = tempfile::tempdir().unwrap();
        let server = Server::start(scratch.path());
        for line in lines {
            server.publish(line);
        }
        server.stop();
        let ended = on_files(scratch.path(), ["views", "digest", "--output", "json"]);
        ended.expect_code(0).json()["digest"].clone()
    };
    let one = tweet("a", "1", "2020-01-01T00:00:00Z");
    let two = tweet("a", "2", "2020-01-02T00:00:00Z");
    let liked = json!({"type":"tweet.engaged","keyword":"a","id":"1","at":"2020-01-03T00:00:00Z","metrics":{"likes":1}});
    let first = digest(&[one.clone(), two.clone()]);
    assert_eq!(first, digest(&[two.clone(), one.clone(), one.clone()]));
    assert_ne!(first, digest(std::slice::from_ref(&one)));
    assert_ne!(first, digest(&[one, two, liked.to_string()]));
}

#[test]
fn completions_and_help_exist_for_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = tidings(["completions", shell]).expect_code(0).stdout;
        assert!(script.contains("publish"), "{shell}");
    }
    for command in [
        "demo",
        "serve",
        "publish",
        "keywords",
        "journal",
        "rejected",
        "views",
        "bench",
        "config",
        "completions",
    ] {
        let help = tidings([command, "--help"]).expect_code(0).stdout;
        assert!(help.contains("Usage: tidings"), "{help}");
    }
}

#[test]
fn import_of_a_missing_file_makes_no_data_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let missing = scratch.path().join("missing.ndjson");
    let import = ["journal", "import", missing.to_str().unwrap()];
    let refused = on_files(&data, import).expect_code(1);
    assert!(
        refused.stderr.contains("missing.ndjson"),
        "{}",
        refused.stderr
    );
    assert!(!data.exists());
}

#[test]
fn closed_output_pipe_is_no_failure() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(scratch.path());
    let lines: Vec<String> = (0..5_000)
        .map(|number| tweet("a", &number.to_string(), "2020-01-01T00:00:00Z"))
        .collect();
    server.publish(&lines.join("\n"));
    server.stop();
    let mut child = binary()
        .args([
            "journal",
            "tail",
            "-n",
            "5000",
            "--data",
            scratch.path().to_str().unwrap(),
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(crate::common::server::wait_for(&mut child).code(), Some(0));
}

#[test]
fn allocator_has_the_options_of_the_build() {
    // With this option jemalloc prints the options it was built with.
    let mut command = binary();
    command.env("_RJEM_MALLOC_CONF", "confirm_conf:true");
    let ended = run(command.arg("--version"), b"").expect_code(0);
    let options = ended
        .stderr
        .lines()
        .find(|line| line.contains("with-malloc-conf"));
    let options = options.unwrap_or_else(|| panic!("{ended:?}"));
    assert!(
        options.contains("percpu_arena:percpu,dirty_decay_ms:3000,muzzy_decay_ms:0"),
        "{options}"
    );
}
