//! Live in one process: clocks that are set, and views that are not there yet.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tidings::actors::engine::{Clock, fold_step};
use tidings::actors::live::Topic;
use tidings::events::{Keyword, Timestamp};
use tidings::http::{HttpOptions, LiveLimits};
use tidings::projections::overview::Window;
use tidings::projections::volume::{Step, VolumeWindow};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::live_client::Subscriber;
use crate::support::{PATIENCE, Running, Setup, posted, with};

/// A wall clock that is off by so many milliseconds.
#[derive(Clone, Default)]
struct Off(Arc<AtomicI64>);

impl Off {
    fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::SeqCst);
    }

    fn now(&self) -> Timestamp {
        Timestamp::now().plus(self.0.load(Ordering::SeqCst))
    }

    fn clock(&self) -> Clock {
        let off = self.clone();
        Clock::of(move || off.now())
    }
}

fn windows() -> Vec<(&'static str, VolumeWindow)> {
    let window = |step, offset_hours, from| VolumeWindow {
        step,
        offset_hours,
        from,
    };
    let from = Timestamp::now().plus(-2 * Timestamp::HOUR);
    vec![
        ("", window(Step::Hour, 0, None)),
        ("step=minute", window(Step::Minute, 0, None)),
        ("step=day&tz=%2B09:00", window(Step::Day, 9, None)),
        ("from", window(Step::Minute, 0, Some(from))),
    ]
}

/// The newest state of every channel has the end that its window has now.
fn are_at(subscriber: &Subscriber, off: &Off) -> bool {
    let now = off.now();
    let volumes = windows().len();
    let at = |held: &&crate::live_client::Held| {
        let topic = held.line["topic"].as_str().unwrap();
        let step = match held.line["step"].as_str() {
            _ if topic == "overview" => Step::Minute,
            None => Step::Hour,
            Some(step) => step.parse().unwrap(),
        };
        let offset_hours = if held.line.get("tz").is_some() { 9 } else { 0 };
        let window = VolumeWindow {
            step,
            offset_hours,
            from: None,
        };
        held.until == window.span(now).1.to_string()
    };
    let held = subscriber.held.values();
    held.filter(at).count() == volumes + 1
}

async fn subscribed(running: &Running) -> Subscriber {
    let subscriber = Subscriber::connect(&running.live).await;
    let volumes = windows()
        .into_iter()
        .map(|(_, window)| Topic::Volume(window));
    subscriber
        .subscribe(Some("ai"), volumes.collect(), None)
        .await;
    let overview = vec![Topic::Overview(Window::Day)];
    subscriber.subscribe(None, overview, None).await;
    subscriber
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_move_with_a_clock_set_in_either_direction() {
    let off = Off::default();
    off.set(Timestamp::DAY);
    let running = Running::with(Setup {
        clock: off.clock(),
        ..Setup::default()
    })
    .await;
    let tweet = |id: &str, ago: i64| {
        let at = Timestamp::now().plus(-ago).to_string();
        with(posted(id, &at, "text"), json!({ "keyword": "ai" }))
    };
    let seq = running
        .publish_all(&[tweet("x:1", 0), tweet("x:2", Timestamp::HOUR)])
        .await;
    running
        .get(&format!("/api/v1/keywords/ai/volume?min_seq={seq}"))
        .await;
    let mut old = subscribed(&running).await;
    while !are_at(&old, &off) {
        old.next().await;
    }

    // Nothing happens but that the clock is right again.
    off.set(0);
    while !are_at(&old, &off) {
        old.next().await;
    }
    let mut new = subscribed(&running).await;
    while !are_at(&new, &off) {
        new.next().await;
    }
    for held in new.held.values() {
        assert_eq!(held.snapshots, 1, "{held:?}");
    }

    // What comes now is counted where a GET counts it.
    let seq = running.publish_all(&[tweet("x:3", 0)]).await;
    let names = ["volume", "volume minute", "volume day +09:00"];
    for subscriber in [&mut old, &mut new] {
        subscriber
            .until(|held| names.iter().all(|name| held[*name].seq >= seq))
            .await;
        for (name, (query, _)) in names.iter().zip(windows()) {
            loop {
                let path = format!("/api/v1/keywords/ai/volume?{query}");
                let answer = running.get(&path).await.json();
                let held = &subscriber.held[*name];
                if answer["until"] == json!(held.until) {
                    let points: Vec<Value> = held
                        .points
                        .iter()
                        .map(|(at, count)| json!({ "at": at, "count": count }))
                        .collect();
                    assert_eq!(answer["points"], json!(points), "{name}");
                    break;
                }
                // The clock turned between the two.
                subscriber.next().await;
            }
        }
    }

    off.set(3 * Timestamp::DAY);
    for subscriber in [&mut old, &mut new] {
        while !are_at(subscriber, &off) {
            subscriber.next().await;
        }
    }
    running.stop().await;
}

/// The lines of an answer to `GET …/events`, as they come.
struct Events(BufReader<TcpStream>);

impl Events {
    async fn open(running: &Running, keyword: &str) -> Self {
        let mut stream = running.connect().await;
        let request = format!(
            "GET /api/v1/keywords/{keyword}/events?topic=timeline HTTP/1.1\r\nHost: {}\r\n\r\n",
            running.address()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line; empty at the end.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line));
        read.await.expect("no line came").unwrap();
        line
    }

    async fn line_with(&mut self, part: &str) -> String {
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "the stream ended before {part:?}");
            if line.contains(part) {
                return line;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_waits_for_views_that_are_catching_up() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let (closed, fold) = (Arc::clone(&gate), fold_step());
    let setup = Setup {
        http: HttpOptions {
            live: LiveLimits {
                silence: Duration::from_millis(50),
                ..LiveLimits::default()
            },
            ..HttpOptions::default()
        },
        fold: Arc::new(move |view, rows, keyword, envelope| {
            let (is_open, opened) = &*closed;
            let is_open = is_open.lock().unwrap();
            drop(opened.wait_while(is_open, |is_open| !*is_open).unwrap());
            fold(view, rows, keyword, envelope)
        }),
        ..Setup::default()
    };
    let ai = Keyword::new("ai").unwrap();
    let event = tidings::events::Event::KeywordTracked {
        at: Timestamp::now(),
    };
    let record = tidings::events::Record::of_event(&ai, &event, Timestamp::now()).unwrap();
    setup.journal.append(vec![record]).await.unwrap();
    let running = Running::with(setup).await;
    // Keywords of the shard that catches up: one is in what is left of the journal, one is not.
    let shards = running.tidings.journal().shards();
    let shard_of = |keyword: &Keyword| {
        let token = tidings::events::Token::of(keyword);
        shards.shard_of(token.as_str().as_bytes())
    };
    let unknown = (0..)
        .map(|number| format!("nobody{number}"))
        .find(|name| shard_of(&Keyword::new(name).unwrap()) == shard_of(&ai))
        .unwrap();
    let mut known = Events::open(&running, "ai").await;
    let mut unknown = Events::open(&running, &unknown).await;
    for stream in [&mut known, &mut unknown] {
        assert!(stream.line_with("HTTP/1.1").await.contains(" 200 "));
        assert_eq!(stream.line_with(":\n").await, ":\n");
    }
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    known.line_with("event: snapshot").await;
    unknown.line_with("event: error").await;
    assert!(unknown.line_with("data: ").await.contains("not_tracked"));
    unknown.line_with("0\r\n").await;
    drop((known, unknown));
    running.stop().await;
}

#[tokio::test]
async fn live_root_that_failed_is_reported_with_its_reason() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&is_broken);
    let clock = Clock::of(move || {
        assert!(!breaks.load(Ordering::Acquire), "broken by a test");
        Timestamp::now()
    });
    let running = Running::with(Setup {
        clock,
        ..Setup::default()
    })
    .await;
    // The live root looks at the clock in a moment.
    is_broken.store(true, Ordering::Release);
    let reason = tokio::time::timeout(PATIENCE, running.live.ended())
        .await
        .unwrap();
    assert!(reason.contains("broken by a test"), "{reason}");
    running.stop().await;
}
