//! Requests read the engine's clock, and no other. Answers are those of the time at which they are
//! made.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tidings::events::{Clock, Keyword, Sequence, Timestamp};
use tidings::http::{Access, Action, HttpOptions, KeywordSet, Principal};
use tidings::journal::Selection;

use crate::common::engine;
use crate::common::events::NOW;
use crate::common::gate::Gate;
use crate::common::in_process::{Running, Setup};
use crate::common::lines::{of, posted};
use crate::common::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn requests_read_the_clock_of_the_engine() {
    let journal = engine::in_memory(7);
    let running = Running::with(Setup {
        clock: Clock::of(|| NOW),
        journal: Arc::clone(&journal),
        ..Setup::default()
    })
    .await;
    assert_eq!(running.track("ai").await.status, 201);
    let line = of("ai", posted("x:1", &NOW.to_string(), "text"));
    let seq = running.publish_all(&[line]).await;
    let path = format!("/api/v1/keywords/ai/volume?step=minute&min_seq={seq}");
    let volume = running.get(&path).await.json();
    assert_eq!(volume["until"], NOW.plus(60_000).to_string(), "{volume}");
    assert_eq!(volume["total"], 1);
    let path = "/api/v1/keywords/ai";
    assert_eq!(running.send("DELETE", path, &[], b"").await.status, 204);

    let start = journal.start().sequence;
    let mut reader = journal.read(start, Selection::All).await.unwrap();
    let batch = reader.next(10).await.unwrap();
    let received: Vec<_> = batch.envelopes.iter().map(|one| one.received_at).collect();
    assert_eq!(received, [NOW; 3]);
    running.stop().await;
}

/// A clock that a test sets, and the number of times that it was read.
#[derive(Debug, Default)]
struct SetClock {
    millis: AtomicI64,
    reads: AtomicU64,
}

impl SetClock {
    fn set(&self, time: Timestamp) {
        self.millis.store(time.millis(), Ordering::SeqCst);
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    fn at(time: Timestamp) -> (Arc<Self>, Clock) {
        let set = Arc::<Self>::default();
        set.set(time);
        let clock = Arc::clone(&set);
        let read = move || {
            clock.reads.fetch_add(1, Ordering::SeqCst);
            Timestamp::from_millis(clock.millis.load(Ordering::SeqCst))
        };
        (set, Clock::of(read))
    }
}

/// An access policy that sets the clock to two days after [`NOW`] when it is asked which keywords
/// an answer may count: when the parameters are read, and before the answer is made.
#[derive(Debug)]
struct SetsClock(Arc<SetClock>);

impl Access for SetsClock {
    fn allows(&self, _: &Principal, _: Option<&Keyword>, _: Action) -> bool {
        true
    }

    fn countable(&self, _: &Principal) -> KeywordSet {
        self.0.set(NOW.plus(2 * Timestamp::DAY));
        KeywordSet::All
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_over_many_keywords_are_those_of_the_time_at_which_they_are_made() {
    let (set, clock) = SetClock::at(NOW);
    let running = Running::with(Setup {
        clock,
        http: HttpOptions {
            access: Arc::new(SetsClock(Arc::clone(&set))),
            ..HttpOptions::default()
        },
        ..Setup::default()
    })
    .await;
    assert_eq!(running.track("ai").await.status, 201);
    for (path, until) in [
        ("/api/v1/keywords/ai/related", "2026-11-25T08:00:00.000Z"),
        ("/api/v1/overview", "2026-11-25T07:01:00.000Z"),
        ("/api/v1/compare?keyword=ai", "2026-11-25T08:00:00.000Z"),
    ] {
        set.set(NOW);
        let answer = running.get(path).await.expect(200);
        assert_eq!(answer["until"], until, "{path}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn window_contains_the_tweet_that_the_request_has_waited_for() {
    let (set, clock) = SetClock::at(NOW);
    let (gate, _opener) = Gate::closed();
    let running = Running::with(Setup {
        clock,
        fold: gate.fold(),
        ..Setup::default()
    })
    .await;
    gate.open_to(Sequence::new(1));
    assert_eq!(running.track("ai").await.status, 201);
    let later = NOW.plus(Timestamp::MINUTE);
    let line = of("ai", posted("x:1", &later.to_string(), "text"));
    let seq = running.publish_all(&[line]).await;
    assert_eq!(seq, 2);
    let path = format!("/api/v1/keywords/ai/volume?step=minute&min_seq={seq}");
    let before = set.reads();
    let fold = async {
        until("the clock is read", || set.reads() > before).await;
        set.set(later);
        gate.open();
    };
    let (volume, ()) = tokio::join!(running.get(&path), fold);
    let volume = volume.expect(200);
    assert_eq!(volume["total"], 1);
    assert_eq!(volume["until"], later.plus(Timestamp::MINUTE).to_string());
    running.stop().await;
}
