//! Collectors of the built binary against stubs of X, Bluesky and Mastodon.
//!
//! [`stubs`] are the servers that stand for the sources. This file starts `tidings serve` and
//! `tidings collect` against them, with waits of milliseconds instead of seconds, and reads what
//! the collectors report.

mod away;
mod backfill;
mod changes;
mod faults;
mod file_runs;
mod files;
mod replicas;
mod restarts;
mod rules;
mod serve;
mod stubs;
mod to_nats;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::common::command::binary;
use crate::common::server::{Server, send, serve, wait_for};
use crate::common::views;
use crate::common::wait::eventually;
use stubs::{Base, Bluesky, Mastodon, Post, X, bluesky, mastodon, x};

/// The keywords of the tests: in Hangul with and without a final consonant, of two words, and in
/// Latin letters.
const KEYWORDS: [&str; 4] = ["모루폰", "안개나무", "여섯번째 우산", "pellivar"];

/// A stub as tests of all sources use it.
trait Stub {
    /// The kind and the name of the source.
    const KIND: &'static str;

    /// What all stubs have.
    fn base(&self) -> &Base;

    /// The id of the tweet that the first version of a post becomes.
    fn tweet_id(&self, post: &Post) -> String;

    /// The path of the stream.
    fn stream(&self) -> &'static str;

    /// The settings that lead to the stub.
    fn settings(&self) -> Vec<(&'static str, String)>;
}

impl Stub for X {
    const KIND: &'static str = "x";

    fn base(&self) -> &Base {
        self
    }

    fn tweet_id(&self, post: &Post) -> String {
        format!("x:{}", x::id_of(post, 0))
    }

    fn stream(&self) -> &'static str {
        x::STREAM
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("X__URL", self.url()),
            ("X__TOKEN", x::TOKEN.to_owned()),
            ("X__STALL_MS", "1000".to_owned()),
            ("X__QUIET_MS", QUIET_MS.to_string()),
            ("X__SEAM_MS", "500".to_owned()),
            ("X__LAG_MS", LAG_MS.to_string()),
            ("X__CONNECTS", "10000".to_owned()),
        ]
    }
}

impl Stub for Bluesky {
    const KIND: &'static str = "bluesky";

    fn base(&self) -> &Base {
        self
    }

    fn tweet_id(&self, post: &Post) -> String {
        format!("bsky:{}", bluesky::id_of(post))
    }

    fn stream(&self) -> &'static str {
        "/subscribe"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("BLUESKY__URL", self.jetstream()),
            ("BLUESKY__APPVIEW", self.url()),
            ("BLUESKY__PDS", self.url()),
            ("BLUESKY__HANDLE", bluesky::HANDLE.to_owned()),
            ("BLUESKY__PASSWORD", bluesky::PASSWORD.to_owned()),
            ("BLUESKY__STALL_MS", "1000".to_owned()),
            ("BLUESKY__REWIND_MS", "500".to_owned()),
            ("BLUESKY__REFRESH_MINUTES", "0".to_owned()),
        ]
    }
}

impl Stub for Mastodon {
    const KIND: &'static str = "mastodon";

    fn base(&self) -> &Base {
        self
    }

    fn tweet_id(&self, post: &Post) -> String {
        format!("masto:{}/{}", self.host(), mastodon::id_of(post))
    }

    fn stream(&self) -> &'static str {
        "/api/v1/streaming/public"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("MASTODON__URL", self.url()),
            ("MASTODON__TOKEN", mastodon::TOKEN.to_owned()),
            ("MASTODON__STALL_MS", "1000".to_owned()),
            ("MASTODON__OVERLAP_MS", "2000".to_owned()),
            ("MASTODON__REFRESH_MINUTES", "0".to_owned()),
        ]
    }
}

/// Time without a post after which a stream of X is given up, in milliseconds.
const QUIET_MS: u64 = 3_000;
/// The least age of the end of a search, in milliseconds.
const LAG_MS: i64 = 300;
/// The first waits of the curves, in milliseconds.
const NETWORK_STEP_MS: u128 = 20;
const HTTP_FIRST_MS: u128 = 50;
const RATE_FIRST_MS: u128 = 100;
/// Time for which a connection has to hold until the curves begin again, in milliseconds.
const STEADY_MS: u128 = 300;

/// A stub of X with the lag of the tests' settings, and without the limits of a small plan.
fn stub_of_x() -> X {
    let x = X::start();
    // The stub is a little less strict, so that equal clocks suffice.
    x.options().lag_ms = LAG_MS - 50;
    for endpoint in [
        "stream",
        "search/recent",
        "search/all",
        "rules/get",
        "rules/post",
    ] {
        let requests = 100_000;
        let window_ms = 900_000;
        x.limit(
            endpoint,
            stubs::Limit {
                requests,
                window_ms,
            },
        );
    }
    x
}

/// A stub of Mastodon without the limit of an account.
fn stub_of_mastodon() -> Mastodon {
    let mastodon = Mastodon::start();
    mastodon.limit(stubs::Limit {
        requests: 100_000,
        window_ms: 300_000,
    });
    mastodon
}

/// The environment of a server or collector that uses this stub.
fn environment(stub: &impl Stub) -> Vec<(String, String)> {
    let mut all = vec![
        ("POLL_MS", "100".to_owned()),
        ("REPORT_MS", "100".to_owned()),
        ("BACKOFF__NETWORK_STEP_MS", NETWORK_STEP_MS.to_string()),
        ("BACKOFF__NETWORK_MAX_MS", "200".to_owned()),
        ("BACKOFF__HTTP_FIRST_MS", HTTP_FIRST_MS.to_string()),
        ("BACKOFF__HTTP_MAX_MS", "400".to_owned()),
        ("BACKOFF__RATE_FIRST_MS", RATE_FIRST_MS.to_string()),
        ("BACKOFF__RATE_MAX_MS", "400".to_owned()),
        ("BACKOFF__STEADY_MS", STEADY_MS.to_string()),
    ];
    all.extend(stub.settings());
    let all = all.into_iter();
    all.map(|(key, value)| (format!("TIDINGS_SOURCES__{key}"), value))
        .collect()
}

/// Starts a server that runs the collector of this stub.
fn serve_collecting<S: Stub>(stub: &S, data: &Path) -> Server {
    let mut command = binary();
    let enabled = format!("TIDINGS_SOURCES__{}__ENABLED", S::KIND.to_uppercase());
    command.args(serve(data, &[])).env(enabled, "true");
    command.envs(environment(stub));
    let server = Server::of(command).unwrap();
    server.wait_until_ready();
    server
}

/// A process of `tidings collect`; killed when dropped.
#[derive(Debug)]
struct Collector {
    child: Child,
    stderr: Option<JoinHandle<String>>,
}

impl Collector {
    /// Starts a collector of this stub that publishes to this server, with further arguments.
    fn start<S: Stub>(stub: &S, server: &Server, state: &Path, arguments: &[&str]) -> Self {
        let url = server.url();
        let mut command = binary();
        command
            .args([
                "collect",
                S::KIND,
                "--output",
                "json",
                "--server",
                &url,
                "--state",
            ])
            .arg(state)
            .args(arguments)
            .envs(environment(stub))
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self {
            child,
            stderr: Some(stderr),
        }
    }

    /// Kills the collector with SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until the collector has ended. Returns its log.
    fn wait(mut self) -> (ExitStatus, String) {
        let status = wait_for(&mut self.child);
        (status, self.stderr.take().unwrap().join().unwrap())
    }

    /// Stops the collector with SIGTERM. Returns its log.
    fn stop(self) -> String {
        send("TERM", self.child.id());
        let (status, stderr) = self.wait();
        assert!(status.success(), "{status}\n{stderr}");
        stderr
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The report of a source; null when the server has none.
fn report(server: &Server, name: &str) -> Value {
    let sources = server.get("/api/v1/sources");
    let all = sources["sources"].as_array().unwrap().iter();
    all.clone()
        .find(|one| one["name"] == name)
        .cloned()
        .unwrap_or_default()
}

/// Waits until the report of a source is as described.
fn eventually_reports(server: &Server, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) {
    let mut last = Value::Null;
    let described = format!("the report of {name} shows: {what}");
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(&described, || {
            last = report(server, name);
            is_so(&last)
        });
    }));
    assert!(waited.is_ok(), "{described}, but: {last}");
}

/// Whether the ledger of a report balances, and nothing waits.
fn is_settled(report: &Value) -> bool {
    let part = |name: &str| report[name].as_u64().unwrap_or(0);
    let parts = ["journaled", "unmatched", "duplicate", "rejected"];
    let sum: u64 = parts.into_iter().map(part).sum();
    report["received"].is_u64() && part("waiting") == 0 && part("received") == sum
}

/// Whether no gap is open.
fn has_no_open_gap(report: &Value) -> bool {
    let gaps = report["gaps"].as_array().into_iter().flatten();
    gaps.into_iter().all(|gap| gap["state"] == "filled")
}

/// The ids of tweets that must be in the views, by keyword.
fn expected(stub: &impl Stub, keywords: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let of = |keyword: &str| {
        let posts = stub.base().world.planted(&[keyword]);
        posts.iter().map(|post| stub.tweet_id(post)).collect()
    };
    keywords
        .iter()
        .map(|&keyword| (keyword.to_owned(), of(keyword)))
        .collect()
}

/// Waits until every planted post is in the views, and checks that each is there once and that
/// nothing else is.
fn check_views(stub: &impl Stub, server: &Server, keywords: &[&str]) {
    let expected = expected(stub, keywords);
    let counted = |found: &BTreeMap<String, u64>| {
        let wanted = expected.iter();
        wanted
            .filter(|(keyword, ids)| found.get(*keyword) == Some(&(ids.len() as u64)))
            .count()
            == expected.len()
    };
    let mut last = BTreeMap::new();
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually("all posts are in the views", || {
            last = views::totals(server);
            counted(&last)
        });
    }));
    for (keyword, ids) in &expected {
        assert!(!ids.is_empty(), "no post was planted for {keyword}");
        let found = views::ids(server, keyword);
        assert!(found.values().all(|times| *times == 1), "{keyword}");
        let found: BTreeSet<String> = found.into_keys().collect();
        let missing: Vec<&String> = ids.difference(&found).collect();
        let more: Vec<&String> = found.difference(ids).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "{keyword}: missing {missing:?}, unexpected {more:?}"
        );
    }
    assert!(waited.is_ok(), "the totals are {last:?}");
}
