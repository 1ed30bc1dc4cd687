//! Two servers behind a balancer, over one stream of three nats-servers: both give the same
//! answers, and the clients of a dead server continue at the other.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::http;
use crate::common::lines::tweet;
use crate::common::live_client::Client;
use crate::common::live_state::{Channel, Held};
use crate::common::server::{Server, publish_to};
use crate::common::wait::eventually;
use crate::jetstream::balancer::Balancer;
use crate::jetstream::nats::Nats;

const AT: &str = "2020-01-01T00:00:00Z";
const TIMELINE: &str = "/api/v1/keywords/ai/timeline?limit=200";
const CLIENTS: usize = 8;

/// Paths that both servers must answer alike.
const PATHS: [&str; 8] = [
    TIMELINE,
    "/api/v1/keywords/ai/timeline?q=number&limit=20",
    "/api/v1/keywords/ai/volume?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z",
    "/api/v1/keywords/ai/ledger",
    "/api/v1/keywords",
    "/api/v1/ledger",
    "/api/v1/overview?at=2020-01-01T01:00:00Z",
    "/api/v1/compare?keyword=ai&keyword=other&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z",
];

/// A client that reconnects and resumes whenever its connection ends.
struct Subscriber {
    channel: Arc<Mutex<Channel>>,
    thread: JoinHandle<Result<(), String>>,
}

/// Counts of all clients together.
#[derive(Default)]
struct Counts {
    over: AtomicBool,
    joined: AtomicU64,
    recovered: AtomicU64,
    begun_anew: AtomicU64,
}

impl Subscriber {
    fn start(address: SocketAddr, counts: &Arc<Counts>) -> Self {
        let channel = Arc::new(Mutex::new(Channel::default()));
        let (shown, counts) = (Arc::clone(&channel), Arc::clone(counts));
        Self {
            channel,
            thread: std::thread::spawn(move || run_subscriber(address, &shown, &counts)),
        }
    }

    fn seq(&self) -> u64 {
        self.channel.lock().unwrap().seq
    }
}

fn run_subscriber(
    address: SocketAddr,
    shown: &Mutex<Channel>,
    counts: &Counts,
) -> Result<(), String> {
    let mut held = Held::default();
    while !counts.over.load(Ordering::Relaxed) {
        let Ok(mut client) = Client::connect_to(address) else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        let mut subscribe = json!({
            "type": "subscribe", "id": 1, "keyword": "ai", "topics": [{"topic": "timeline", "limit": 200}],
        });
        let before = shown.lock().unwrap().clone();
        if before.seq > 0 {
            subscribe["since"] = json!({ "epoch": before.epoch, "seq": before.seq });
        }
        client.say(&subscribe);
        while let Ok(line) = client.try_next() {
            match line["type"].as_str() {
                Some("subscribed") if line["recovered"] == true => {
                    counts.recovered.fetch_add(1, Ordering::Relaxed);
                }
                Some("subscribed") if before.seq > 0 => {
                    counts.begun_anew.fetch_add(1, Ordering::Relaxed);
                }
                Some("subscribed") => {
                    counts.joined.fetch_add(1, Ordering::Relaxed);
                }
                Some("snapshot" | "update") => {
                    held.apply(&line)?;
                    let channel = held.channels.values().next().unwrap();
                    let mut shown = shown.lock().unwrap();
                    if channel.seq < shown.seq || (shown.seq > 0 && channel.epoch != shown.epoch) {
                        return Err(format!("back from {} to {}", shown.seq, channel.seq));
                    }
                    *shown = channel.clone();
                }
                other => return Err(format!("unexpected: {other:?} {line}")),
            }
            if counts.over.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Publishes tweets through the balancer. Repeats each until it is acknowledged.
struct Publisher {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    thread: JoinHandle<()>,
}

impl Publisher {
    fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
        let (stopped, noted) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                let id = format!("p{number}");
                let line = format!("{}\n", tweet("ai", &id, AT));
                if publish_to(address, &line).is_ok_and(|answer| answer.status == 200) {
                    noted.lock().unwrap().insert(id);
                    number += 1;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self {
            stop,
            acknowledged,
            thread,
        }
    }

    fn wait_for_more(&self, more: usize) {
        let wanted = self.acknowledged.lock().unwrap().len() + more;
        eventually("more tweets are acknowledged", || {
            self.acknowledged.lock().unwrap().len() >= wanted
        });
    }

    fn finish(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        std::mem::take(&mut self.acknowledged.lock().unwrap())
    }
}

/// The number of live clients of a server.
fn sessions(server: &Server) -> u64 {
    let text = server.ask("GET", "/metrics", &[], b"").text();
    let name = "tidings_actors_alive{kind=\"session\"} ";
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |count| count.parse().unwrap())
}

fn head(server: &Server) -> u64 {
    server.get("/readyz")["head"].as_u64().unwrap()
}

/// Checks that both servers have folded the same records and answer with the same bytes.
fn answer_alike(servers: [&Server; 2]) {
    eventually("both have folded all", || {
        let positions = servers.map(|server| server.get("/api/v1/ledger")["as_of"].as_u64());
        let heads = servers.map(head);
        positions[0] == positions[1] && positions[0] == Some(heads[0]) && heads[0] == heads[1]
    });
    for path in PATHS {
        let answers = servers.map(|server| server.ask("GET", path, &[], b""));
        for answer in &answers {
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
        assert_eq!(answers[0].text(), answers[1].text(), "{path}");
        assert_eq!(
            answers[0].header("ETag"),
            answers[1].header("ETag"),
            "{path}"
        );
        // The ETag of one server is valid at the other.
        if let Some(tag) = answers[0].header("ETag") {
            let again = servers[1].ask("GET", path, &[("If-None-Match", tag)], b"");
            assert_eq!(again.status, 304, "{path}");
        }
    }
}

/// Checks that the state of the clients equals the answer of a server.
fn hold_what_is_answered(clients: &[Subscriber], server: &Server) {
    let answer = server.get(TIMELINE);
    let as_of = answer["as_of"].as_u64().unwrap();
    for client in clients {
        eventually("a client has caught up", || {
            assert!(!client.thread.is_finished(), "a client gave up");
            client.seq() >= as_of
        });
        let channel = client.channel.lock().unwrap();
        assert_eq!(channel.seq, as_of);
        let items = answer["items"].as_array().unwrap().iter();
        let listed: Vec<&Value> = items.collect();
        let newest: Vec<&Value> = channel.tweets.values().rev().take(listed.len()).collect();
        assert_eq!(newest, listed);
    }
}

#[test]
fn clients_of_a_killed_server_continue_at_the_other_one() {
    let nats = Nats::start_cluster();
    let urls: Vec<_> = nats.iter().map(Nats::url).collect();
    let urls = urls.join(",");
    let arguments = ["--nats", &urls, "--set", "nats.replicas=3"];
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let a = Server::start_with(folders[0].path(), &arguments);
    let b = Server::start_with(folders[1].path(), &arguments);
    let addresses = [a.address(), b.address()];
    let balancer = Balancer::start(&addresses);
    let through = balancer.address();
    let lines: String = (0..100)
        .map(|number| format!("{}\n", tweet("ai", &format!("t{number}"), AT)))
        .chain([format!("{}\n", tweet("other", "t0", AT))])
        .collect();
    let taken = publish_to(through, &lines).unwrap().expect(200);
    assert_eq!(taken["accepted"], 101, "{taken}");
    // Records that one server wrote are read from both.
    let seq = taken["seq"].as_u64().unwrap();
    for server in [&a, &b] {
        let listed = server.get(&format!("{TIMELINE}&min_seq={seq}"));
        assert_eq!(listed["items"].as_array().unwrap().len(), 100);
    }
    answer_alike([&a, &b]);
    let epoch = a.get("/api/v1/ledger")["epoch"].clone();

    let counts = Arc::new(Counts::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| Subscriber::start(through, &counts))
        .collect();
    eventually("all clients have subscribed, at both servers", || {
        let each = [sessions(&a), sessions(&b)];
        counts.joined.load(Ordering::Relaxed) == CLIENTS as u64 && each.iter().all(|one| *one > 0)
    });
    let publisher = Publisher::start(through);
    publisher.wait_for_more(50);
    let orphans = sessions(&a);
    a.kill();
    publisher.wait_for_more(50);
    eventually("the other one has them all", || {
        sessions(&b) == CLIENTS as u64
    });
    // All clients of the killed server resumed: those of the other server kept its replay buffers
    // filled.
    assert_eq!(counts.recovered.load(Ordering::Relaxed), orphans);
    assert_eq!(counts.begun_anew.load(Ordering::Relaxed), 0);

    // The killed server starts with its old views, and the other one is stopped as for an upgrade.
    let listen = addresses[0].to_string();
    let mut again = arguments.to_vec();
    again.extend(["--listen", &listen]);
    let a = Server::start_with(folders[0].path(), &again);
    publisher.wait_for_more(50);
    b.stop();
    publisher.wait_for_more(50);
    eventually("the first one has them all", || {
        sessions(&a) == CLIENTS as u64
    });
    let acknowledged = publisher.finish();

    let b = Server::start_with(folders[1].path(), &arguments);
    answer_alike([&a, &b]);
    assert_eq!(a.get("/api/v1/ledger")["epoch"], epoch);
    let ledger = a.get("/api/v1/keywords/ai/ledger");
    assert_eq!(
        ledger["folded"].as_u64(),
        Some(101 + acknowledged.len() as u64),
        "{ledger}"
    );
    hold_what_is_answered(&clients, &a);
    counts.over.store(true, Ordering::Relaxed);
    // A new update wakes the clients, which then end.
    publish_to(through, &format!("{}\n", tweet("ai", "last", AT)))
        .unwrap()
        .expect(200);
    for client in clients {
        client.thread.join().unwrap().unwrap();
    }
    drop(balancer);
    a.stop();
    b.stop();
}

/// The second server may see the newest records of the journal a moment later than the first.
#[test]
fn client_from_a_server_ahead_is_not_reset() {
    let nats = Nats::start();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let proxy = crate::jetstream::proxy::Proxy::to(nats.address());
    let a = Server::start_with(folders[0].path(), &["--nats", &nats.url()]);
    let b = Server::start_with(folders[1].path(), &["--nats", &proxy.url()]);
    let both = [tweet("ai", "t1", AT), tweet("other", "t1", AT)];
    a.publish(&both.map(|line| format!("{line}\n")).concat());
    answer_alike([&a, &b]);
    let epoch = a.get("/api/v1/ledger")["epoch"].clone();
    proxy.set(crate::jetstream::proxy::Weather {
        delay: Duration::from_millis(300),
        ..crate::jetstream::proxy::Weather::default()
    });
    let seq = a.publish(&format!("{}\n", tweet("ai", "t2", AT)))["seq"].clone();
    let mut client = Client::connect(&b);
    client.say(&json!({
        "type": "subscribe", "id": 1, "keyword": "ai", "topics": ["timeline"],
        "since": { "epoch": epoch, "seq": seq },
    }));
    let answer = client.next();
    assert_eq!(answer["recovered"], true, "{answer}");
    // A position beyond the journal head is answered, too.
    client.say(&json!({
        "type": "subscribe", "id": 2, "keyword": "ai", "topics": ["timeline"],
        "since": { "epoch": epoch, "seq": seq.as_u64().unwrap() + 1_000 },
    }));
    let answer = client.next_of("subscribed");
    assert_eq!(answer["recovered"], false, "{answer}");
    proxy.set(crate::jetstream::proxy::Weather::default());
    a.stop();
    b.stop();
}

/// A balancer checks `readyz`: a server that is cut off from the stream is not ready.
#[test]
fn server_without_the_stream_is_not_ready_while_its_twin_is() {
    let nats = Nats::start();
    let url = nats.url();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let proxy = crate::jetstream::proxy::Proxy::to(nats.address());
    let a = Server::start_with(folders[0].path(), &["--nats", &proxy.url()]);
    let b = Server::start_with(folders[1].path(), &["--nats", &url]);
    b.publish(&format!(
        "{}\n{}\n",
        tweet("ai", "t1", AT),
        tweet("other", "t1", AT)
    ));
    answer_alike([&a, &b]);
    proxy.set(crate::jetstream::proxy::Weather {
        partition: true,
        ..crate::jetstream::proxy::Weather::default()
    });
    eventually("the server that is cut off says so", || {
        a.ask("GET", "/readyz", &[], b"").status == 503
    });
    assert_eq!(b.ask("GET", "/readyz", &[], b"").status, 200);
    // Requests about folded records are still answered.
    assert_eq!(a.get(TIMELINE)["items"], b.get(TIMELINE)["items"]);
    proxy.set(crate::jetstream::proxy::Weather::default());
    eventually("it is ready again", || {
        http::ask(a.address(), "GET", "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
    });
    answer_alike([&a, &b]);
    a.stop();
    b.stop();
}
