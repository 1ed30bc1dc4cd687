//! Runs commands of the binary to their end.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The outcome of a command.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` when a signal ended the command.
    pub code: Option<i32>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Ended {
    /// The standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Checks the exit code.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// The binary, without settings from the environment.
pub fn binary() -> Command {
    clean(Command::new(env!("CARGO_BIN_EXE_tidings")))
}

/// Removes the environment variables that are settings.
pub fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDINGS_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs `tidings` with these arguments.
pub fn tidings<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    run(binary().args(arguments), b"")
}

/// Runs `tidings --data DATA` with these arguments.
pub fn on_files<S: AsRef<OsStr>>(data: &Path, arguments: impl IntoIterator<Item = S>) -> Ended {
    run(binary().arg("--data").arg(data).args(arguments), b"")
}

/// Runs a command with this standard input.
pub fn run(command: &mut Command, input: &[u8]) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command may end without reading its input.
    let writing = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
