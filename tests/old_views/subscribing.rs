//! A client that subscribes to a keyword learns nothing of the past that is folded once more.

use std::sync::Arc;

use serde_json::Value;
use tidings::events::{Record, Sequence};
use tidings::http::{HttpOptions, ServerLimits};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::scene::{
    self, Gate, Opener, append, keyword, older, posted, start, tracked, untracked, views_of,
};
use crate::support::{PATIENCE, Running};

/// The server-sent events of a keyword's timeline.
struct Subscribed(BufReader<TcpStream>);

impl Subscribed {
    async fn of(running: &Running, keyword: &str) -> Self {
        let mut stream = running.connect().await;
        let request = format!(
            "GET /api/v1/keywords/{keyword}/events?topic=timeline HTTP/1.1\r\nHost: {}\r\n\r\n",
            running.address()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// The next event; `None` when there is none any more.
    async fn next(&mut self) -> Option<(String, Value)> {
        let mut kind = None;
        loop {
            let mut line = String::new();
            let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line));
            let read = read.await.expect("neither an event nor the end").unwrap();
            let line = line.trim_end();
            // The last chunk is empty.
            if read == 0 || line == "0" {
                return None;
            }
            if let Some(name) = line.strip_prefix("event: ") {
                kind = Some(name.to_owned());
            } else if let (Some(json), Some(kind)) = (line.strip_prefix("data: "), &kind) {
                return Some((kind.clone(), serde_json::from_str(json).unwrap()));
            }
        }
    }

    /// The next snapshot of which this is so.
    async fn snapshot(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.next().await {
                Some((kind, line)) if kind == "snapshot" && is_it(&line) => return line,
                Some((kind, _)) if kind == "error" => panic!("the subscription ended"),
                Some(_) => {}
                None => panic!("the stream ended"),
            }
        }
    }

    async fn ends(&mut self) {
        while let Some((kind, line)) = self.next().await {
            if kind == "error" {
                assert_eq!(line["code"], "not_tracked");
            }
        }
    }
}

/// It was tracked, then it was not, and now it is again.
fn troubled() -> Vec<Record> {
    let mut records: Vec<_> = (0..64).map(|id| posted("ai", id)).collect();
    records.push(untracked("ai"));
    records.extend((64..128).map(|id| posted("ai", id)));
    records.push(tracked("ai"));
    records.extend((128..150).map(|id| posted("ai", id)));
    records
}

async fn over(tidings: &tidings::actors::engine::Tidings) -> Running {
    Running::over(
        tidings.clone(),
        HttpOptions::default(),
        ServerLimits::default(),
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn replayed_untrack_of_another_epoch_ends_no_subscription() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    views_of(data, troubled(), older(data), None).await;
    let journal = scene::journal(data);
    let gate = Arc::new(Gate::default());
    let _opener = Opener(Arc::clone(&gate));
    let tidings = start(data, &journal, gate.fold()).await;
    let running = over(&tidings).await;
    let mut subscribed = Subscribed::of(&running, "ai").await;
    let held = subscribed.snapshot(|_| true).await;
    assert_eq!(held["epoch"], older(data)(&journal).epoch().to_string());

    gate.open();
    let anew = subscribed
        .snapshot(|line| line["epoch"] != held["epoch"])
        .await;
    assert_eq!(anew["items"], held["items"]);
    assert_eq!(anew["seq"], held["seq"]);

    tidings.untrack(&keyword("ai")).await.unwrap();
    subscribed.ends().await;
    running.stop().await;
}

/// Views that answer as they grow: what they come by is the past.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn what_the_journal_held_at_the_start_ends_no_subscription_while_it_is_folded() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let journal = scene::journal(data);
    let last = append(&journal, troubled()).await;
    let gate = Arc::new(Gate::default());
    let _opener = Opener(Arc::clone(&gate));
    gate.open_to(Sequence::new(64));
    let tidings = start(data, &journal, gate.fold()).await;
    let ai = keyword("ai");
    tidings
        .reached(
            tidings::actors::engine::Scope::Keyword(&ai),
            Sequence::new(64),
        )
        .await
        .unwrap();
    let running = over(&tidings).await;
    let mut subscribed = Subscribed::of(&running, "ai").await;
    let held = subscribed.snapshot(|_| true).await;
    assert_eq!(held["seq"], 64);

    gate.open();
    let anew = subscribed.snapshot(|line| line["seq"] == last.get()).await;
    assert_eq!(anew["items"].as_array().unwrap().len(), 22);
    tidings.untrack(&ai).await.unwrap();
    subscribed.ends().await;
    running.stop().await;
}
