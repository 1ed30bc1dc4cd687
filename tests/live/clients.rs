//! Tests of the client programs in `docs/live.md`, against a server that restarts.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::common::lines::{deleted_to, engaged_to, posted_to};
use crate::common::server::Server;
use crate::common::wait::DEADLINE;

const DOCUMENT: &str = include_str!("../../docs/live.md");
const ADDRESS: &str = "ws://127.0.0.1:4820";
const TIMELINE: &str = "/api/v1/keywords/%EB%B0%B0%EC%9A%B0/timeline?limit=200";

/// The program of the guide in this language, with the address of this server.
fn program(language: &str, server: &Server) -> String {
    let block = DOCUMENT.split(&format!("```{language}\n")).nth(1).unwrap();
    let text = block.split("```").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines <= 30, "{language}: {lines} lines");
    assert_eq!(text.matches(ADDRESS).count(), 1);
    text.replace(ADDRESS, &format!("ws://{}", server.address()))
}

/// A running program, and the lines that it prints. Dropping it kills the program.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// Reads the printed lines until the client's state equals a GET.
    fn reaches(&self, server: &Server) {
        server.wait_until_folded();
        let says = server.get(TIMELINE);
        let ids = says["items"].as_array().unwrap().iter();
        let expected: Vec<String> = std::iter::once(says["as_of"].to_string())
            .chain(ids.map(|item| item["id"].as_str().unwrap().to_owned()))
            .collect();
        let expected = expected.join(" ");
        let mut last = String::new();
        while last != expected {
            last = self.lines.recv_timeout(DEADLINE).unwrap_or_else(|error| {
                panic!("{error}: it holds\n{last}\na GET says\n{expected}")
            });
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn at(second: u32) -> String {
    format!("2026-11-23T07:00:{second:02}.000Z")
}

/// Checks the state of a client after updates, after an orderly restart, and after a kill.
fn check_client(language: &str, start: impl Fn(&Path) -> Command) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&["배우"]);
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("client");
    // More tweets than a snapshot holds, so that there is a floor.
    let body: String = (0..60)
        .map(|index| posted_to("배우", &format!("x:{index:02}"), &at(index), "one"))
        .collect();
    server.publish(&body);
    server.wait_until_folded();
    std::fs::write(&file, program(language, &server)).unwrap();
    let client = Running::start(start(&file));
    // 60 tweets, of which 50 are sent.
    let line = client.lines.recv_timeout(DEADLINE).unwrap();
    assert_eq!(line.split(' ').count(), 51, "{line}");
    // Tweets below the floor, deleted, engaged and new; then all but the newest ten are deleted, so
    // that no tweet is below the floor.
    server.publish(
        &(posted_to("배우", "x:late", &at(0), "late") + &engaged_to("배우", "x:55", &at(1), 7)),
    );
    let body: String = (0..50)
        .map(|index| deleted_to("배우", &format!("x:{index:02}"), &at(index)))
        .collect();
    server.publish(&(body + &deleted_to("배우", "x:late", &at(0))));
    server.publish(&posted_to("배우", "x:new", &at(59), "new"));
    client.reaches(&server);
    let address = server.address().to_string();
    server.stop();
    let server = Server::start_with(data.path(), &["--listen", &address]);
    server.publish(
        &(posted_to("배우", "x:a", &at(59), "again") + &deleted_to("배우", "x:51", &at(59))),
    );
    client.reaches(&server);
    server.kill();
    let server = Server::start_with(data.path(), &["--listen", &address]);
    server.publish(&posted_to("배우", "x:b", &at(58), "and again"));
    client.reaches(&server);
    server.stop();
}

#[test]
fn javascript_client_state_equals_get() {
    check_client("js", |file| {
        let mut command = Command::new("node");
        // The second flag has no effect from version 22 of Node on.
        command
            .args(["--no-warnings", "--experimental-websocket"])
            .arg(file);
        command
    });
}

#[test]
fn python_client_state_equals_get() {
    check_client("python", |file| {
        let mut command = Command::new("python3");
        let packages = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools/websockets");
        command.arg(file).env("PYTHONPATH", packages);
        command
    });
}

#[test]
fn client_without_subscription_reports_it() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("client");
    std::fs::write(&file, program("js", &server)).unwrap();
    let mut child = Command::new("node")
        .args(["--no-warnings", "--experimental-websocket"])
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut line).unwrap();
    let _ = child.kill();
    let _ = child.wait();
    assert!(line.starts_with("error 1 배우 not_tracked "), "{line}");
}
