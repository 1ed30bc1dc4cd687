//! nats-server and tidings killed, stopped and frozen while tweets are published and folded: every
//! acknowledged event is folded exactly once, and no consumer is left behind.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::nats::{Client, Nats};
use crate::posts::tweet;
use crate::server::{Server, eventually};
use crate::views;

const AT: &str = "2020-01-01T00:00:00Z";
const KEYWORDS: [&str; 3] = ["a", "b", "c"];

/// Publishes one tweet after the other, each again until it is acknowledged.
pub struct Publisher {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<(usize, String)>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Publisher {
    pub fn start(nats: &Nats, name: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let address = nats.url().strip_prefix("nats://").unwrap().parse().unwrap();
        let (stopped, noted) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            let mut client = None;
            while !stopped.load(Ordering::Relaxed) {
                let Some(connected) = client.as_mut() else {
                    client = Client::connect(address).ok();
                    continue;
                };
                let keyword = number % KEYWORDS.len();
                let id = format!("{name}{number}");
                let event = tweet(KEYWORDS[keyword], &id, AT);
                let subject = format!("tweets.{}", KEYWORDS[keyword]);
                match connected.publish(subject.as_bytes(), event.as_bytes()) {
                    Ok(Some(_)) => {
                        noted.lock().unwrap().insert((keyword, id));
                        number += 1;
                    }
                    Ok(None) => {}
                    Err(_) => client = None,
                }
            }
        });
        Self {
            stop,
            acknowledged,
            thread: Some(thread),
        }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    pub fn wait_for_more(&self, more: usize) {
        let before = self.count();
        eventually("more is acknowledged", || self.count() >= before + more);
    }

    pub fn finish(mut self) -> BTreeSet<(usize, String)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.acknowledged.lock().unwrap())
    }
}

/// Everything acknowledged is in the views, once, and nothing else is.
pub fn check(server: &Server, acknowledged: &BTreeSet<(usize, String)>, publishers: usize) {
    let mut seen = BTreeSet::new();
    for (number, keyword) in KEYWORDS.iter().enumerate() {
        for (id, times) in views::ids(server, keyword) {
            assert_eq!(times, 1, "{id}");
            seen.insert((number, id));
        }
    }
    let lost: Vec<_> = acknowledged.difference(&seen).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    // Each publisher may have gone before its last acknowledgement came.
    assert!(seen.len() <= acknowledged.len() + publishers);
}

pub fn wait_until_folded(server: &Server, nats: &Nats) {
    let last = nats.stream("TWEETS")["state"]["last_seq"].clone();
    eventually("everything is folded", || {
        let ledger = server.ask("GET", "/api/v1/ledger", &[], b"");
        ledger.status == 200 && ledger.json()["as_of"] == last
    });
}

fn folded(server: &Server) -> u64 {
    let ledger = server.ask("GET", "/api/v1/ledger", &[], b"");
    if ledger.status == 200 {
        ledger.json()["folded"].as_u64().unwrap()
    } else {
        0
    }
}

/// Waits until no consumer is left behind besides those that are in use.
pub fn wait_for_consumers(nats: &Nats, count: u64) {
    eventually("no consumer is left behind", || {
        nats.stream("TWEETS")["state"]["consumer_count"] == count
    });
}

#[test]
fn nats_server_killed_stopped_and_frozen_loses_and_doubles_nothing() {
    let mut nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let epoch = server.get("/api/v1/ledger")["epoch"].clone();
    let publisher = Publisher::start(&nats, "t");
    for signal in ["KILL", "TERM", "KILL", "STOP", "KILL"] {
        publisher.wait_for_more(300);
        if signal == "STOP" {
            nats.signal("STOP");
            eventually("the outage is seen", || {
                let ready = server.ask("GET", "/readyz", &[], b"");
                ready.json()["journal"] == "disconnected"
            });
            nats.signal("CONT");
        } else {
            nats.end_with(signal);
            nats.start_again();
        }
        let before = folded(&server);
        publisher.wait_for_more(50);
        eventually("folding goes on", || folded(&server) > before);
    }
    let acknowledged = publisher.finish();
    wait_until_folded(&server, &nats);
    check(&server, &acknowledged, 1);
    wait_for_consumers(&nats, 1);
    assert_eq!(server.get("/api/v1/ledger")["epoch"], epoch);
    server.stop();
    wait_for_consumers(&nats, 0);
}

#[test]
fn tidings_killed_again_and_again_loses_and_doubles_nothing() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let with = nats.url();
    let with = ["--nats", with.as_str()];
    let publisher = Publisher::start(&nats, "t");
    for _ in 0..4 {
        let server = Server::try_start(scratch.path(), &with).unwrap();
        publisher.wait_for_more(200);
        server.kill();
    }
    let acknowledged = publisher.finish();
    let server = Server::start_with(scratch.path(), &with);
    wait_until_folded(&server, &nats);
    check(&server, &acknowledged, 1);
    wait_for_consumers(&nats, 1);
    server.stop();
}

#[test]
fn an_unreachable_server_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let refused = Server::try_start(scratch.path(), &["--nats", "nats://127.0.0.1:1"]).unwrap_err();
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("127.0.0.1:1"), "{}", refused.stderr);
}
