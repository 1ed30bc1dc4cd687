//! Tests of live updates in one process, where a test can set the clock and delay the views.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tidings::actors::live::Topic;
use tidings::events::{Clock, Keyword, Timestamp};
use tidings::http::{HttpOptions, KeywordSet, LiveLimits, topic};
use tidings::projections::volume::{Step, VolumeWindow};

use crate::common::gate::Gate;
use crate::common::in_process::{EventStream, Running, Setup};
use crate::common::lines::{of, posted};
use crate::common::wait::DEADLINE;
use crate::http::subscriber::Subscriber;

/// A wall clock with an offset in milliseconds.
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

/// Whether the state of every channel ends at the present end of its window.
fn are_at(subscriber: &Subscriber, off: &Off) -> bool {
    let now = off.now();
    let volumes = windows().len();
    let at = |held: &&crate::http::subscriber::Held| {
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
    let overview = topic(&json!("overview"), &KeywordSet::All, Timestamp::now()).unwrap();
    let overview = vec![overview];
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
        of("ai", posted(id, &at, "text"))
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

    // Only the clock changes, back to the right time.
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

    // A new tweet is counted in the same bucket as in a GET.
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
                // The window moved between the update and the GET.
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

/// Starts a server and subscribes a client to the timeline and the hourly volume, shortly before a
/// full hour of the server's clock. Starts again with more time when a slow machine subscribes only
/// after the full hour.
async fn subscribed_before_the_turn() -> (Off, Timestamp, Running, Subscriber) {
    let second = Timestamp::HOUR / 3_600;
    for lead in [1, 4, 16, 64].map(|seconds| seconds * second) {
        let off = Off::default();
        let into_the_hour = Timestamp::now().millis().rem_euclid(Timestamp::HOUR);
        off.set(Timestamp::HOUR - lead - into_the_hour);
        let turn = off.now().plus(lead);
        let turn = turn.plus(-turn.millis().rem_euclid(Timestamp::HOUR));
        let running = Running::with(Setup {
            clock: off.clock(),
            ..Setup::default()
        })
        .await;
        running.track("ai").await;
        let subscriber = Subscriber::connect(&running.live).await;
        let volume = VolumeWindow {
            step: Step::Hour,
            offset_hours: 0,
            from: None,
        };
        let topics = vec![Topic::Timeline { limit: 50 }, Topic::Volume(volume)];
        subscriber.subscribe(Some("ai"), topics, None).await;
        if off.now() < turn {
            return (off, turn, running, subscriber);
        }
        running.stop().await;
    }
    panic!("no subscription began before the full hour");
}

/// The window moves while updates wait for the flush. The window moves again only an hour later,
/// and the updates must not wait for that.
#[tokio::test(flavor = "multi_thread")]
async fn updates_continue_when_a_window_moves_while_tweets_arrive() {
    let (off, turn, running, mut subscriber) = subscribed_before_the_turn().await;
    let mut seq = 0;
    for number in 0.. {
        let at = Timestamp::now().to_string();
        let tweet = of("ai", posted(&format!("x:{number}"), &at, "text"));
        seq = running.publish_all(&[tweet]).await;
        if off.now() > turn.plus(Timestamp::HOUR / 7_200) {
            break;
        }
    }
    subscriber
        .until(|held| held.get("timeline").is_some_and(|held| held.seq >= seq))
        .await;
    let end = turn.plus(Timestamp::HOUR).to_string();
    subscriber
        .until(|held| held.get("volume").is_some_and(|held| held.until == end))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_stream_waits_for_views_that_catch_up() {
    let (gate, _opener) = Gate::closed();
    let setup = Setup {
        http: HttpOptions {
            live: LiveLimits {
                silence: Duration::from_millis(50),
                ..LiveLimits::default()
            },
            ..HttpOptions::default()
        },
        fold: gate.fold(),
        ..Setup::default()
    };
    let ai = Keyword::new("ai").unwrap();
    let event = tidings::events::Event::keyword_tracked(Timestamp::now());
    let record = tidings::events::Record::of_event(&ai, &event, Timestamp::now()).unwrap();
    setup.journal.append(vec![record]).await.unwrap();
    let running = Running::with(setup).await;
    // Two keywords of the shard that catches up: one is in the rest of the journal, one is not.
    let shards = running.tidings.journal().shards();
    let shard_of = |keyword: &Keyword| {
        let token = tidings::events::Token::of(keyword);
        shards.shard_of(token.as_str().as_bytes())
    };
    let unknown = (0..)
        .map(|number| format!("absent{number}"))
        .find(|name| shard_of(&Keyword::new(name).unwrap()) == shard_of(&ai))
        .unwrap();
    let mut known = EventStream::open(&running, "ai").await;
    let mut unknown = EventStream::open(&running, &unknown).await;
    for stream in [&mut known, &mut unknown] {
        assert!(stream.line_with("HTTP/1.1").await.contains(" 200 "));
        assert_eq!(stream.line_with(":\n").await, ":\n");
    }
    gate.open();
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
    // The live root reads the clock, which panics now.
    is_broken.store(true, Ordering::Release);
    let reason = tokio::time::timeout(DEADLINE, running.live.ended())
        .await
        .unwrap();
    assert!(reason.contains("broken by a test"), "{reason}");
    running.stop().await;
}
