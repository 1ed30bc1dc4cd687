//! Tests that a client which applies each received line has the state that a GET returns, while
//! random events are published.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::chance::{Chance, long_or, trials};
use crate::common::http;
use crate::common::lines::{deleted_to, engaged_to, posted_to};
use crate::common::live_client::Client;
use crate::common::live_state::{Held, key_of};
use crate::common::server::Server;
use crate::common::wait::{DEADLINE, eventually};

const KEYWORDS: [&str; 3] = ["ai", "배우", "a.b"];
/// Number of steps of the short form.
const SHORT: u64 = 2_500;
/// Number of steps between two comparisons.
const STEPS_BETWEEN: u64 = 25;
/// A client compares its state when no line has come for this time.
const SILENCE: Duration = Duration::from_millis(5);
/// Length of a tweet of a flood, in characters of three bytes. A replay buffer holds only a few
/// such tweets.
const FLOOD_TEXT: usize = 9_000;

/// One client with one subscription.
struct Subscriber {
    keyword: &'static str,
    topics: Value,
    client: Option<Client>,
    held: Held,
    /// Number of comparisons during which the client stays disconnected.
    away: u64,
    /// Number of comparisons during which the client reads nothing.
    asleep: u64,
    /// True if the next line must be `subscribed`, which says whether the client resumed.
    is_opening: bool,
    /// The client takes part in each comparison whose number is a multiple of this number. To save
    /// waiting time, the number is more than 1 for topics that are sent once a second.
    every: u64,
}

impl Subscriber {
    fn new(keyword: &'static str, topics: Value) -> Self {
        Self {
            keyword,
            topics,
            client: None,
            held: Held::default(),
            away: 0,
            asleep: 0,
            is_opening: false,
            every: 1,
        }
    }

    fn connect(&mut self, server: &Server) {
        let mut client = Client::connect(server);
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
        }
        client.say(&message);
        self.client = Some(client);
        self.is_opening = true;
    }

    /// Applies a line. Returns false when the subscription has ended.
    fn take(&mut self, line: &Value) -> bool {
        match line["type"].as_str().unwrap() {
            "subscribed" => {
                assert!(self.is_opening, "{line}");
                self.is_opening = false;
                let recovered = line["recovered"] == true;
                self.held
                    .channels
                    .retain(|name, _| recovered && name.starts_with("timeline"));
                true
            }
            "error" => {
                assert_eq!(line["code"], "not_tracked", "{line}");
                self.held = Held::default();
                self.client = None;
                false
            }
            "pong" => true,
            _ => {
                assert!(!self.is_opening, "{line}");
                if let Err(what) = self.held.apply(line) {
                    panic!("{what}\nline: {line}");
                }
                true
            }
        }
    }

    /// Reads until the state equals a GET, channel by channel.
    fn compare(&mut self, server: &Server) {
        let topics = self.topics.as_array().unwrap().clone();
        let mut pending = topics;
        let began = std::time::Instant::now();
        while !pending.is_empty() {
            let lines = self
                .client
                .as_mut()
                .unwrap()
                .within(SILENCE)
                .unwrap_or_else(|closed| panic!("{}: {closed:?}", self.keyword));
            for line in &lines {
                if !self.take(line) {
                    return;
                }
            }
            if lines.is_empty() {
                pending.retain(|topic| !self.agrees(server, topic, began.elapsed() > DEADLINE));
            }
        }
    }

    /// Whether the state of a topic equals a GET. Panics with the difference when `must` is set.
    fn agrees(&self, server: &Server, topic: &Value, must: bool) -> bool {
        let token: String = percent(self.keyword);
        let path = |rest: &str| format!("/api/v1/keywords/{token}/{rest}");
        let answer = |path: &str| {
            let answer = server.ask("GET", path, &[], b"");
            (answer.status == 200).then(|| answer.json())
        };
        let is = |holds: Value, says: Value| {
            assert!(
                !must || holds == says,
                "{topic}\nholds {holds}\nsays  {says}"
            );
            holds == says
        };
        let name = topic.as_str().or(topic["topic"].as_str()).unwrap();
        let found = self.held.channels.iter().find(|(held, _)| {
            let mut parameters = held.split(' ');
            parameters.next() == Some(name)
                && parameters.eq(topic
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter(|(name, _)| *name != "topic")
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>()
                    .iter()
                    .map(String::as_str))
        });
        let Some((_, channel)) = found else {
            return is(Value::Null, json!("a snapshot has to come"));
        };
        match name {
            "timeline" => {
                let limit = topic["limit"].as_u64().unwrap_or(50);
                let Some(says) = answer(&path(&format!("timeline?limit={limit}"))) else {
                    return is(Value::Null, json!("the keyword is gone"));
                };
                let items = says["items"].as_array().unwrap();
                let above: Vec<_> = items
                    .iter()
                    .filter(|tweet| channel.floor.as_ref().is_none_or(|at| key_of(tweet) >= *at))
                    .collect();
                let newest = channel.newest(limit as usize);
                is(
                    json!([channel.epoch, channel.seq, newest]),
                    json!([says["epoch"], says["as_of"], above]),
                )
            }
            "volume" => {
                let step = topic["step"].as_str().unwrap_or("hour");
                let Some(says) = answer(&path(&format!("volume?step={step}"))) else {
                    return is(Value::Null, json!("the keyword is gone"));
                };
                let points = says["points"].as_array().unwrap();
                is(
                    json!([
                        channel.epoch,
                        channel.seq,
                        channel.until,
                        channel.window(points.len())
                    ]),
                    json!([says["epoch"], says["as_of"], says["until"], points]),
                )
            }
            _ => {
                let Some(mut says) = answer(&path("ledger")) else {
                    return is(Value::Null, json!("the keyword is gone"));
                };
                let (epoch, as_of) = (says["epoch"].take(), says["as_of"].take());
                let fields = says.as_object_mut().unwrap();
                fields.remove("epoch");
                fields.remove("as_of");
                is(
                    json!([channel.epoch, channel.seq, channel.whole]),
                    json!([epoch, as_of, says]),
                )
            }
        }
    }
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Publishes random events.
struct Publisher {
    chance: Chance,
    made: u64,
    now: time::OffsetDateTime,
}

impl Publisher {
    fn moment(&mut self, behind_seconds: u64) -> String {
        let back = self.chance.below(behind_seconds.max(1)).cast_signed();
        let at = self.now - time::Duration::seconds(back) + time::Duration::minutes(3);
        at.format(&time::format_description::well_known::Rfc3339)
            .unwrap()
    }

    /// An id that was used, or will be used soon.
    fn some_id(&mut self) -> String {
        let newest = self.made + 2;
        let oldest = newest.saturating_sub(80);
        format!("x:{}", oldest + self.chance.below(newest - oldest))
    }

    fn line(&mut self, keyword: &str) -> String {
        match self.chance.below(10) {
            0..5 => {
                self.made += 1;
                let id = format!("x:{}", self.made);
                // Most tweets are current, some are late, and some are before the window.
                let behind = *self.chance.pick(&[1, 1, 60, 4_000, 200_000]);
                let at = self.moment(behind);
                let text = "가나다 ".repeat(1 + self.chance.below(20) as usize);
                posted_to(keyword, &id, &at, &text)
            }
            5 => {
                let (id, at) = (self.some_id(), self.moment(60));
                posted_to(keyword, &id, &at, "again")
            }
            6 | 7 => {
                let (id, at) = (self.some_id(), self.moment(60));
                let likes = self.chance.below(1_000);
                engaged_to(keyword, &id, &at, likes)
            }
            _ => {
                let (id, at) = (self.some_id(), self.moment(60));
                deleted_to(keyword, &id, &at)
            }
        }
    }

    fn body(&mut self) -> String {
        let lines = 1 + self.chance.below(4);
        (0..lines)
            .map(|_| {
                let keyword = *self.chance.pick(&KEYWORDS);
                self.line(keyword)
            })
            .collect()
    }

    /// Publishes more than the replay buffer holds, so that a client that does not read needs a
    /// snapshot.
    fn flood(&mut self, server: &Server, keyword: &str) {
        for _ in 0..60 {
            let body: String = (0..5)
                .map(|_| {
                    self.made += 1;
                    let at = self.moment(1);
                    posted_to(
                        keyword,
                        &format!("x:{}", self.made),
                        &at,
                        &"다".repeat(FLOOD_TEXT),
                    )
                })
                .collect();
            server.publish(&body);
        }
    }
}

#[test]
fn client_state_equals_get_through_restarts_and_floods() {
    let steps = trials("TIDINGS_STEPS", long_or(1_000_000, SHORT));
    let seed = trials("TIDINGS_SEED", 1);
    println!("TIDINGS_SEED={seed} TIDINGS_STEPS={steps}");
    let data = tempfile::tempdir().unwrap();
    let settings = [
        "--set",
        "live.ring_bytes=65536",
        "--set",
        "live.slow_ms=60000",
        // A client that is not compared for a while does not read, and so answers no pings.
        "--set",
        "live.silence_ms=600000",
    ];
    let mut server = Server::start_with(data.path(), &settings);
    server.track(&KEYWORDS);
    let mut publisher = Publisher {
        chance: Chance::of(seed),
        made: 0,
        now: time::OffsetDateTime::now_utc(),
    };
    let both = json!(["timeline", "volume"]);
    let mut subscribers = vec![
        Subscriber::new(KEYWORDS[0], both.clone()),
        Subscriber::new(KEYWORDS[1], both.clone()),
        Subscriber::new(KEYWORDS[2], both),
        Subscriber {
            every: 10,
            ..Subscriber::new(KEYWORDS[0], json!(["timeline", "volume", "ledger"]))
        },
        Subscriber::new(
            KEYWORDS[0],
            json!([{ "topic": "timeline", "limit": 7 }, { "topic": "volume", "step": "minute" }]),
        ),
        Subscriber::new(KEYWORDS[1], json!(["timeline"])),
        Subscriber::new(
            KEYWORDS[1],
            json!([{ "topic": "timeline", "limit": 200 }, { "topic": "volume", "step": "day" }]),
        ),
    ];
    let mut compared = 0_u64;
    let (mut restarts, mut untracked, mut floods) = (0, 0, 0);
    for step in 0..steps {
        // The first three choices take long, and are rarer in the long form.
        let choice = match publisher.chance.below(long_or(2_000, 500)) {
            rare @ 0..3 => rare,
            _ => 3 + publisher.chance.below(70),
        };
        match choice {
            0 => {
                restarts += 1;
                let address = server.address().to_string();
                server.kill();
                let again: Vec<&str> = settings.into_iter().chain(["--listen", &address]).collect();
                server = Server::start_with(data.path(), &again);
                for subscriber in &mut subscribers {
                    subscriber.client = None;
                }
            }
            1 => {
                untracked += 1;
                let keyword = *publisher.chance.pick(&KEYWORDS);
                let path = format!("/api/v1/keywords/{}", percent(keyword));
                server.ask("DELETE", &path, &[], b"").expect(204);
                server.track(&[keyword]);
            }
            2 => {
                floods += 1;
                let keyword = *publisher.chance.pick(&KEYWORDS);
                publisher.flood(&server, keyword);
            }
            3 => {
                let index = publisher.chance.below(subscribers.len() as u64) as usize;
                subscribers[index].client = None;
                subscribers[index].away = publisher.chance.below(3);
            }
            4 => {
                let index = publisher.chance.below(subscribers.len() as u64) as usize;
                subscribers[index].asleep = publisher.chance.below(4);
            }
            _ => {
                publisher.now = time::OffsetDateTime::now_utc();
                let body = publisher.body();
                let answer = server.publish(&body);
                assert_eq!(answer["rejected"], json!([]), "{body}");
            }
        }
        if step % STEPS_BETWEEN == STEPS_BETWEEN - 1 || step + 1 == steps {
            let is_last = step + 1 == steps;
            server.wait_until_folded();
            for subscriber in &mut subscribers {
                if !(step / STEPS_BETWEEN).is_multiple_of(subscriber.every) && !is_last {
                    continue;
                }
                if subscriber.asleep > 0 && !is_last {
                    subscriber.asleep -= 1;
                    continue;
                }
                if subscriber.client.is_none() {
                    if subscriber.away > 0 && !is_last {
                        subscriber.away -= 1;
                        continue;
                    }
                    subscriber.connect(&server);
                }
                subscriber.compare(&server);
                // The client was told that its keyword is untracked, so it subscribes again.
                if subscriber.client.is_none() {
                    subscriber.connect(&server);
                    subscriber.compare(&server);
                }
                compared += 1;
            }
        }
    }
    assert!(
        compared >= steps / STEPS_BETWEEN,
        "compared {compared} times"
    );
    assert!(
        (steps, seed) != (SHORT, 1) || restarts.min(untracked).min(floods) > 0,
        "{restarts} restarts, {untracked} untracked, {floods} floods"
    );
    let metrics = server.ask("GET", "/metrics", &[], b"").text();
    assert!(!metrics.contains("tidings_actors_restarted"), "{metrics}");
    server.stop();
}

#[test]
fn subscribed_overview_equals_requested_overview() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    server.track(&KEYWORDS);
    let mut client = Client::connect(&server);
    client.say(&json!({ "type": "subscribe", "id": 1, "topics": ["overview"] }));
    assert_eq!(client.next_of("subscribed")["recovered"], false);
    let mut held = Held::default();
    let mut publisher = Publisher {
        chance: Chance::of(3),
        made: 0,
        now: time::OffsetDateTime::now_utc(),
    };
    for _ in 0..5 {
        for _ in 0..20 {
            server.publish(&publisher.body());
        }
        server.wait_until_folded();
        eventually("the client holds what a GET says", || {
            for line in client.within(Duration::from_millis(20)).unwrap() {
                held.apply(&line).unwrap();
            }
            let says = http::ask(server.address(), "GET", "/api/v1/overview", &[], b"");
            let mut says = says.unwrap().json();
            let channel = held.channels.get("overview");
            let fields = says.as_object_mut().unwrap();
            let (epoch, as_of) = (fields.remove("epoch"), fields.remove("as_of"));
            channel.is_some_and(|channel| {
                Some(json!(channel.epoch)) == epoch
                    && Some(json!(channel.seq)) == as_of
                    && channel.whole == says
            })
        });
    }
    server.stop();
}
