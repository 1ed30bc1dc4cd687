//! A server under test. It runs on its own port and is ended by its process id.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::common::command::{binary, clean};
use crate::common::http::{self, Answer};
use crate::common::ports::own_address;
use crate::common::wait::{DEADLINE, eventually};

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    stderr: Option<JoinHandle<String>>,
}

/// A server that ended before it listened.
#[derive(Debug)]
pub struct NotStarted {
    pub status: ExitStatus,
    pub stderr: String,
}

impl Server {
    /// Starts a server on this data folder and waits until it is ready.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts a server with further arguments and waits until it is ready.
    pub fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let server = Self::try_start(data, arguments)
            .unwrap_or_else(|ended| panic!("the server did not start: {ended:?}"));
        server.wait_until_ready();
        server
    }

    /// Starts a server; it may not be ready yet when this returns.
    pub fn try_start(data: &Path, arguments: &[&str]) -> Result<Self, NotStarted> {
        let mut command = binary();
        command.args(serve(data, arguments));
        Self::of(command)
    }

    /// Starts a server under strace with these arguments.
    pub fn try_start_traced(data: &Path, strace: &[&str]) -> Result<Self, NotStarted> {
        let mut command = clean(Command::new("strace"));
        command
            .args(["-f", "-qq"])
            .args(strace)
            .arg(env!("CARGO_BIN_EXE_tidings"))
            .args(serve(data, &["--set", "commit.interval_ms=50"]));
        Self::of(command)
    }

    /// Starts a command that runs a server.
    pub fn of(mut command: Command) -> Result<Self, NotStarted> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut errors = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let lines = lines_of(BufReader::new(child.stdout.take().unwrap()));
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => {
                let said: Value = serde_json::from_str(&line).unwrap();
                let url = said["listening"].as_str().unwrap();
                Ok(Self {
                    child,
                    address: url.strip_prefix("http://").unwrap().parse().unwrap(),
                    stderr: Some(stderr),
                })
            }
            Err(_) => {
                let _ = child.kill();
                Err(NotStarted {
                    status: child.wait().unwrap(),
                    stderr: stderr.join().unwrap(),
                })
            }
        }
    }

    /// The address of the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the server has folded the journal.
    pub fn wait_until_ready(&self) {
        eventually("the server is ready", || {
            http::ask(self.address, "GET", "/readyz", &[], b"")
                .is_ok_and(|answer| answer.status == 200)
        });
    }

    /// Waits until the server is ready or has ended. Returns true if it is ready.
    pub fn ready_or_gone(&mut self) -> bool {
        self.comes_or_gone("the server is ready", |address| {
            http::ask(address, "GET", "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
        })
    }

    /// The number of commits; `None` if the server has ended.
    pub fn commits(&self) -> Option<u64> {
        commits(self.address)
    }

    /// Waits until there are more commits than `before`, or the server has ended. Returns true if
    /// there are more.
    pub fn committed_or_gone(&mut self, before: Option<u64>) -> bool {
        self.comes_or_gone("the views are committed", |address| {
            commits(address) > before
        })
    }

    fn comes_or_gone(&mut self, what: &str, mut is_so: impl FnMut(SocketAddr) -> bool) -> bool {
        let mut came = false;
        eventually(what, || {
            came = is_so(self.address);
            came || self.child.try_wait().unwrap().is_some()
        });
        came
    }

    /// Reads `path`, which must answer 200.
    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &[], b"").expect(200)
    }

    /// Sends a request.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        http::ask(self.address, method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Publishes NDJSON.
    pub fn publish(&self, lines: &str) -> Value {
        self.try_publish(lines).unwrap().expect(200)
    }

    /// Publishes NDJSON to a server that may be killed meanwhile.
    pub fn try_publish(&self, lines: &str) -> std::io::Result<Answer> {
        publish_to(self.address, lines)
    }

    /// Tracks keywords.
    pub fn track(&self, keywords: &[&str]) {
        for keyword in keywords {
            let body = json!({ "keyword": keyword }).to_string();
            let headers = [("Content-Type", "application/json")];
            let answer = self.ask("POST", "/api/v1/keywords", &headers, body.as_bytes());
            assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        }
    }

    /// Waits until everything journaled so far is folded.
    pub fn wait_until_folded(&self) {
        let head = self.publish("")["seq"].as_u64().unwrap();
        eventually("everything is folded", || {
            self.ask("GET", &format!("/api/v1/ledger?min_seq={head}"), &[], b"")
                .status
                == 200
        });
    }

    /// The process id of the server.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server with SIGKILL and returns its log.
    pub fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.stderr.take().unwrap().join().unwrap()
    }

    /// Sends a signal to the server and waits until it has ended.
    pub fn end_with(self, signal: &str) -> (ExitStatus, String) {
        send(signal, self.id());
        self.wait()
    }

    /// Waits until the server has ended.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = wait_for(&mut self.child);
        (status, self.stderr.take().unwrap().join().unwrap())
    }

    /// Stops the server with SIGTERM and returns its log.
    pub fn stop(self) -> String {
        let (status, stderr) = self.end_with("TERM");
        assert!(status.success(), "{status}\n{stderr}");
        stderr
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of commits.
fn commits(address: SocketAddr) -> Option<u64> {
    let answer = http::ask(address, "GET", "/metrics", &[], b"").ok()?;
    let text = answer.text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("tidings_commit_seconds_count "))?;
    line.parse().ok()
}

/// The arguments that serve this data folder.
pub fn serve(data: &Path, arguments: &[&str]) -> Vec<String> {
    let data = data.to_str().unwrap();
    let listen = own_address().to_string();
    let mut all = vec!["serve", "--data", data, "--output", "json"];
    if !arguments.contains(&"--listen") {
        all.extend(["--listen", &listen]);
    }
    all.extend(arguments);
    all.into_iter().map(str::to_owned).collect()
}

fn lines_of(reader: BufReader<std::process::ChildStdout>) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in reader.lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    receive
}

/// Publishes NDJSON to a server at this address.
pub fn publish_to(address: SocketAddr, lines: &str) -> std::io::Result<Answer> {
    let headers = [("Content-Type", "application/x-ndjson")];
    http::ask(
        address,
        "POST",
        "/api/v1/tweets",
        &headers,
        lines.as_bytes(),
    )
}

/// Sends a signal to a process that this test started.
pub fn send(signal: &str, id: u32) {
    assert!(try_send(signal, id), "signal {signal} to {id}");
}

/// Sends a signal to a process that may have ended. Returns true if the process existed.
pub fn try_send(signal: &str, id: u32) -> bool {
    let sent = Command::new("kill")
        .args(["-s", signal, &id.to_string()])
        .stderr(Stdio::null())
        .status();
    sent.unwrap().success()
}

/// Waits until a child process has ended.
pub fn wait_for(child: &mut Child) -> ExitStatus {
    let mut status = None;
    eventually("the process has ended", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

/// True if a process was ended by SIGKILL.
pub fn was_killed(status: ExitStatus) -> bool {
    // strace ends with the status of its tracee, or with 128 + 9.
    status.signal() == Some(9) || status.code() == Some(137)
}
