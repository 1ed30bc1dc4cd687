//! The test of [`crate::live::checker`] without pauses. Events are published all the time, and the
//! server is killed and restarted. Whenever a client has the position of a GET's answer, its state
//! must equal that answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::chance::{Chance, long_or, trials};
use crate::common::http;
use crate::common::lines::{deleted_to, engaged_to, posted_to};
use crate::common::live_client::Client;
use crate::common::live_state::{Channel, Held};
use crate::common::server::{Server, publish_to};
use crate::common::wait::{DEADLINE, eventually};

const KEYWORDS: [&str; 2] = ["ai", "go"];
/// Length of the occasional pauses in publishing, in which positions become equal.
const PAUSE: Duration = Duration::from_millis(60);

/// The state that all threads share.
struct World {
    address: SocketAddr,
    seed: u64,
    is_over: AtomicBool,
    /// Number of comparisons of timelines at equal positions.
    timelines: AtomicU64,
    /// Number of comparisons of volumes at equal positions.
    volumes: AtomicU64,
    resumed: AtomicU64,
    snapshots: AtomicU64,
}

/// Publishes random events until the test ends, also while the server is down.
fn publish(world: &World) {
    let mut chance = Chance::of(world.seed);
    let mut made = 0_u64;
    while !world.is_over.load(Ordering::Relaxed) {
        let mut body = String::new();
        for _ in 0..=chance.below(12) {
            let keyword = *chance.pick(&KEYWORDS);
            let behind = *chance.pick(&[0, 0, 0, 50, 4_000, 100_000]);
            let at = time::OffsetDateTime::now_utc() - time::Duration::seconds(behind);
            let at = at
                .format(&time::format_description::well_known::Rfc3339)
                .unwrap();
            let old = format!("x:{}", made.saturating_sub(chance.below(60)));
            body.push_str(&match chance.below(8) {
                0 | 1 => engaged_to(keyword, &old, &at, chance.below(1000)),
                2 => deleted_to(keyword, &old, &at),
                _ => {
                    made += 1;
                    posted_to(keyword, &format!("x:{made}"), &at, "가나다")
                }
            });
        }
        let _ = publish_to(world.address, &body);
        if chance.below(4) == 0 {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Whether a client that resumes at `seq` sends the mark. About half of them do.
fn trial_of_mark(seq: u64) -> bool {
    seq.is_multiple_of(2)
}

/// A client of one keyword that reads at random times.
struct Subscriber<'w> {
    world: &'w World,
    keyword: &'static str,
    topics: Value,
    held: Held,
    client: Option<Client>,
}

impl Subscriber<'_> {
    fn run(&mut self, trial: u64) {
        let mut chance = Chance::of(self.world.seed ^ trial);
        while !self.world.is_over.load(Ordering::Relaxed) {
            if self.client.is_none() && !self.connect() {
                // The server is restarting.
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
            match chance.below(60) {
                0 => self.client = None,
                1 => std::thread::sleep(Duration::from_millis(chance.below(400))),
                choice => {
                    let is_timeline = choice % 2 == 0;
                    self.meet(if is_timeline { "timeline" } else { "volume" });
                }
            }
        }
    }

    /// Connects and subscribes. Returns false when the server is down.
    fn connect(&mut self) -> bool {
        let Ok(mut client) = Client::connect_to(self.world.address) else {
            return false;
        };
        let mut message = json!({
            "type": "subscribe", "id": 1, "keyword": self.keyword, "topics": self.topics,
        });
        let timeline = self
            .held
            .channels
            .iter()
            .find(|(name, _)| name.starts_with("timeline"));
        if let Some((_, channel)) = timeline {
            message["since"] = json!({ "epoch": channel.epoch, "seq": channel.seq });
            if let (Some(mark), true) = (&channel.mark, trial_of_mark(channel.seq)) {
                message["since"]["mark"] = json!(mark);
            }
        }
        let text = tungstenite::Message::text(message.to_string());
        if client.try_say(text).is_err() {
            return false;
        }
        self.client = Some(client);
        true
    }

    /// Reads for a short time. Returns false when the connection is lost.
    fn read(&mut self) -> bool {
        let Some(client) = &mut self.client else {
            return false;
        };
        let lines = client.within(Duration::from_millis(5));
        let is_lost = lines.is_err();
        for line in lines.unwrap_or_default() {
            self.take(&line);
        }
        if is_lost {
            self.client = None;
        }
        !is_lost
    }

    fn take(&mut self, line: &Value) {
        match line["type"].as_str().unwrap() {
            "subscribed" => {
                let recovered = line["recovered"] == true;
                let counter = if recovered {
                    &self.world.resumed
                } else {
                    &self.world.snapshots
                };
                counter.fetch_add(1, Ordering::Relaxed);
                self.held
                    .channels
                    .retain(|name, _| recovered && name.starts_with("timeline"));
            }
            "snapshot" | "update" => {
                if let Err(what) = self.held.apply(line) {
                    panic!("TIDINGS_SEED={}: {what}\nline: {line}", self.world.seed);
                }
            }
            other => panic!("{other}: {line}"),
        }
    }

    /// Sends a GET, reads until the client is at the position of the answer or beyond, and compares
    /// if the positions are equal.
    fn meet(&mut self, topic: &str) {
        let parameters = if topic == "timeline" {
            "limit=200"
        } else {
            "step=minute"
        };
        let path = format!("/api/v1/keywords/{}/{topic}?{parameters}", self.keyword);
        let asked = http::ask(self.world.address, "GET", &path, &[], b"");
        let Some(says) = asked.ok().filter(|answer| answer.status == 200) else {
            return;
        };
        let says = says.json();
        let began = Instant::now();
        while self.read() {
            assert!(
                began.elapsed() < DEADLINE,
                "TIDINGS_SEED={}: never beyond {says}",
                self.world.seed
            );
            let channel = self
                .held
                .channels
                .iter()
                .find(|(name, _)| name.starts_with(topic))
                .map(|(_, channel)| channel);
            let Some(channel) = channel.filter(|channel| !channel.is_partial()) else {
                continue;
            };
            if says["epoch"] != channel.epoch.as_str() {
                return;
            }
            let as_of = says["as_of"].as_u64().unwrap();
            if channel.seq > as_of {
                return;
            }
            if channel.seq == as_of {
                if topic == "timeline" {
                    self.compare_timeline(channel, &says);
                    // A client may drop old tweets.
                    for channel in self.held.channels.values_mut() {
                        channel.let_go(500);
                    }
                } else {
                    self.compare_volume(channel, &says);
                }
                return;
            }
        }
    }

    fn compare_timeline(&self, channel: &Channel, says: &Value) {
        let floor = channel.floor.as_ref();
        let above: Vec<&Value> = says["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| {
                floor.is_none_or(|floor| crate::common::live_state::key_of(item) >= *floor)
            })
            .collect();
        let held = channel.newest(200);
        let held: Vec<&Value> = held.iter().collect();
        assert_eq!(
            held, above,
            "TIDINGS_SEED={} at {}, floor {floor:?}",
            self.world.seed, channel.seq
        );
        self.world.timelines.fetch_add(1, Ordering::Relaxed);
    }

    fn compare_volume(&self, channel: &Channel, says: &Value) {
        if channel.until.as_deref() != says["until"].as_str() {
            return;
        }
        let points = says["points"].as_array().unwrap();
        assert_eq!(
            &channel.window(points.len()),
            points,
            "TIDINGS_SEED={} at {}",
            self.world.seed,
            channel.seq
        );
        self.world.volumes.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn snapshot_plus_updates_equals_get_while_events_arrive() {
    let meetings = trials("TIDINGS_MEETINGS", long_or(100_000, 250));
    let seed = trials("TIDINGS_SEED", 1);
    println!("TIDINGS_SEED={seed} TIDINGS_MEETINGS={meetings}");
    let data = tempfile::tempdir().unwrap();
    let settings = ["--set", "live.flush_ms=5", "--set", "live.ring_bytes=32768"];
    let mut server = Server::start_with(data.path(), &settings);
    server.track(&KEYWORDS);
    let world = World {
        address: server.address(),
        seed,
        is_over: AtomicBool::new(false),
        timelines: AtomicU64::new(0),
        volumes: AtomicU64::new(0),
        resumed: AtomicU64::new(0),
        snapshots: AtomicU64::new(0),
    };
    let met = || {
        let (timelines, volumes) = (&world.timelines, &world.volumes);
        timelines
            .load(Ordering::Relaxed)
            .min(volumes.load(Ordering::Relaxed))
    };
    let server = std::thread::scope(|scope| {
        // When a thread fails, the others end, too.
        let over = Over(&world.is_over);
        let mut threads = vec![scope.spawn(|| publish(&world))];
        for (trial, (keyword, limit)) in
            [("ai", 50), ("ai", 200), ("go", 3)].into_iter().enumerate()
        {
            let world = &world;
            threads.push(scope.spawn(move || {
                let _over = Over(&world.is_over);
                let topics = json!([
                    { "topic": "timeline", "limit": limit },
                    { "topic": "volume", "step": "minute" },
                ]);
                Subscriber {
                    world,
                    keyword,
                    topics,
                    held: Held::default(),
                    client: None,
                }
                .run(trial as u64);
            }));
        }
        let address = server.address().to_string();
        let again: Vec<&str> = settings.into_iter().chain(["--listen", &address]).collect();
        for life in 1..=5 {
            eventually("the clients have met many answers", || {
                met() >= meetings * life / 5 || world.is_over.load(Ordering::Relaxed)
            });
            if world.is_over.load(Ordering::Relaxed) {
                break;
            }
            if life % 2 == 1 {
                server.kill();
            } else {
                server.stop();
            }
            server = Server::start_with(data.path(), &again);
        }
        drop(over);
        for thread in threads {
            if let Err(failure) = thread.join() {
                std::panic::resume_unwind(failure);
            }
        }
        server
    });
    assert!(met() >= meetings);
    assert!(
        world.resumed.load(Ordering::Relaxed) > 0,
        "no client resumed"
    );
    assert!(
        world.snapshots.load(Ordering::Relaxed) > 0,
        "no client got a new snapshot"
    );
    server.stop();
}

/// Tells all threads to end when it is dropped, so that a failed thread ends the test.
struct Over<'w>(&'w AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
