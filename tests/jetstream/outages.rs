//! nats-server and tidings are killed, stopped and frozen while tweets are published and folded:
//! every acknowledged event is folded exactly once, and no consumer is left over.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::common::chance::{is_soak, trials};
use crate::common::lines::tweet;
use crate::common::server::{Server, send};
use crate::common::views;
use crate::common::wait::eventually;
use crate::jetstream::nats::{Client, Nats};

const AT: &str = "2020-01-01T00:00:00Z";
const KEYWORDS: [&str; 3] = ["a", "b", "c"];

/// Publishes one tweet after the other and repeats each until it is acknowledged. Pauses between
/// the tweets, so that a long test can still read all of them back.
pub struct Publisher {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<(usize, String)>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Publisher {
    pub fn start(nats: &Nats, name: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let address = nats.url().strip_prefix("nats://").unwrap().parse().unwrap();
        let name = name.to_owned();
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
                        std::thread::sleep(Duration::from_millis(1));
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

/// Checks that every acknowledged tweet is in the views once, and no other tweet.
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
    // Each publisher may have ended before its last acknowledgement arrived.
    assert!(seen.len() <= acknowledged.len() + publishers);
}

pub fn wait_until_folded(server: &Server, nats: &Nats) {
    let last = nats.stream("TWEETS")["state"]["last_seq"].clone();
    eventually("everything is folded", || {
        let ledger = server.ask("GET", "/api/v1/ledger", &[], b"");
        ledger.status == 200 && ledger.json()["as_of"] == last
    });
}

fn ledger(server: &Server, field: &str) -> u64 {
    let ledger = server.ask("GET", "/api/v1/ledger", &[], b"");
    if ledger.status == 200 {
        ledger.json()[field].as_u64().unwrap()
    } else {
        0
    }
}

fn folded(server: &Server) -> u64 {
    ledger(server, "folded")
}

fn as_of(server: &Server) -> u64 {
    ledger(server, "as_of")
}

/// Waits until the stream of events has this number of consumers.
pub fn wait_for_consumers(nats: &Nats, count: u64) {
    eventually("no consumer is left behind", || {
        nats.stream("TWEETS")["state"]["consumer_count"] == count
    });
}

/// Waits until the fault is noticed. In the long form of the tests, waits 30 seconds before.
fn stay_frozen(is_noticed: impl FnMut() -> bool) {
    if is_soak() {
        std::thread::sleep(Duration::from_secs(30));
    }
    eventually("the outage is seen", is_noticed);
}

/// Prints the number of faults, and the times from the end of a fault until folding continued.
fn report(what: &str, mut took: Vec<Duration>) {
    took.sort();
    println!(
        "{what}: {} times, folding again after {:?} at the median and {:?} at the most",
        took.len(),
        took[took.len() / 2],
        took[took.len() - 1]
    );
}

#[test]
fn nats_server_killed_stopped_and_frozen_loses_and_doubles_nothing() {
    let mut nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start_with(scratch.path(), &["--nats", &nats.url()]);
    let epoch = server.get("/api/v1/ledger")["epoch"].clone();
    let publisher = Publisher::start(&nats, "t");
    let mut took = Vec::new();
    for outage in 0..trials("TIDINGS_OUTAGES", 3) {
        publisher.wait_for_more(300);
        let before = match ["KILL", "TERM", "STOP"][outage as usize % 3] {
            "STOP" => {
                nats.signal("STOP");
                stay_frozen(|| {
                    let ready = server.ask("GET", "/readyz", &[], b"");
                    ready.json()["journal"] == "disconnected"
                });
                let before = folded(&server);
                nats.signal("CONT");
                before
            }
            signal => {
                nats.end_with(signal);
                let before = folded(&server);
                nats.start_again();
                before
            }
        };
        let back = Instant::now();
        eventually("folding goes on", || folded(&server) > before);
        took.push(back.elapsed());
    }
    let acknowledged = publisher.finish();
    wait_until_folded(&server, &nats);
    check(&server, &acknowledged, 1);
    wait_for_consumers(&nats, 1);
    assert_eq!(server.get("/api/v1/ledger")["epoch"], epoch);
    server.stop();
    wait_for_consumers(&nats, 0);
    report("nats-server killed, stopped, frozen", took);
}

#[test]
fn tidings_killed_stopped_and_frozen_loses_and_doubles_nothing() {
    let nats = Nats::start();
    let scratch = tempfile::tempdir().unwrap();
    let with = nats.url();
    let with = ["--nats", with.as_str()];
    let publisher = Publisher::start(&nats, "t");
    let mut took = Vec::new();
    let mut epoch = None;
    let mut server = Server::try_start(scratch.path(), &with).unwrap();
    for outage in 0..trials("TIDINGS_OUTAGES", 3) {
        publisher.wait_for_more(300);
        match ["KILL", "TERM", "STOP"][outage as usize % 3] {
            "STOP" => {
                send("STOP", server.id());
                // nats-server removes the consumer of the frozen server.
                stay_frozen(|| nats.stream("TWEETS")["state"]["consumer_count"] == 0);
                send("CONT", server.id());
            }
            signal => {
                server.end_with(signal);
                server = Server::try_start(scratch.path(), &with).unwrap();
            }
        }
        let back = Instant::now();
        let last = nats.stream("TWEETS")["state"]["last_seq"].as_u64().unwrap();
        eventually("folding goes on", || as_of(&server) >= last);
        took.push(back.elapsed());
        let now = server.get("/api/v1/ledger")["epoch"].clone();
        assert_eq!(*epoch.get_or_insert(now.clone()), now);
    }
    let acknowledged = publisher.finish();
    wait_until_folded(&server, &nats);
    check(&server, &acknowledged, 1);
    wait_for_consumers(&nats, 1);
    server.stop();
    report("tidings killed, stopped, frozen", took);
}

#[test]
fn unreachable_server_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let refused = Server::try_start(scratch.path(), &["--nats", "nats://127.0.0.1:1"]).unwrap_err();
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("127.0.0.1:1"), "{}", refused.stderr);
}
