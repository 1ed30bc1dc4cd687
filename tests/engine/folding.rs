//! The engine on a memory journal: checkpoints, restarts, quarantine, and keyword actors that leave
//! memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tidings::actors::engine::{FoldStep, KeywordStatus, Scope, Tidings, fold_step};
use tidings::events::{
    Event, Incarnation, Keyword, Record, Sequence, TweetDeleted, TweetId, binary,
};
use tidings::journal::{JournalHandle, MemoryJournal};
use tidings::maintenance::digests;
use tidings::projections::{Ledger, TimelineQuery, timeline};
use tidings::telemetry::Metrics as ProcessMetrics;

use crate::common::engine::{append, in_memory, memory, options, start, start_with};
use crate::common::events::{NOW, keyword, numbered_at, record};
use crate::common::journal_double::JournalDouble;
use crate::common::wait::DEADLINE;

/// Tweet `t<id>`. The times of tweets are one second apart, within the 17 minutes before [`NOW`].
fn posted(id: usize) -> Event {
    numbered_at(id, NOW.plus(-1000 * i64::try_from(id % 977).unwrap()))
}

fn ledger(tidings: &Tidings, of: &str) -> Ledger {
    tidings
        .views()
        .summary(&keyword(of))
        .unwrap()
        .unwrap()
        .ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn appended_records_are_folded_and_readable() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let tidings = start(data.path(), &journal).await;
    let words = ["ai", "연기", "us airways", "재미"];
    let records = (0..1000)
        .map(|n| record(words[n % 4], &posted(n)))
        .collect();
    let last = append(&journal, records).await;
    tidings.reached(Scope::All, last).await.unwrap();
    for word in words {
        let page = tidings
            .views()
            .read(&keyword(word), |_, rows| {
                let query = TimelineQuery {
                    limit: 1000,
                    ..TimelineQuery::default()
                };
                timeline::query(rows, &query)
            })
            .unwrap()
            .unwrap();
        let items = page.value.items;
        assert_eq!(items.len(), 250);
        assert!(items.is_sorted_by(|newer, older| (newer.at, &newer.id) > (older.at, &older.id)));
        assert_eq!(ledger(&tidings, word).folded, 250);
        assert!(
            tidings
                .matcher()
                .keywords_in(word)
                .contains(&&keyword(word))
        );
    }
    assert_eq!(
        tidings.reached(Scope::All, last.next()).await,
        Err(tidings::actors::engine::ReachedError::BeyondHead { head: last })
    );
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_continues_from_the_checkpoint_in_the_same_epoch() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let mut seen = None;
    for round in 0..3 {
        let tidings = start(data.path(), &journal).await;
        let records = (0..500)
            .map(|n| record("ai", &posted(round * 400 + n)))
            .collect();
        let last = append(&journal, records).await;
        tidings.reached(Scope::All, last).await.unwrap();
        let epoch = tidings.views().epoch().unwrap();
        assert_eq!(*seen.get_or_insert(epoch), epoch);
        tidings.shutdown().await.unwrap();
    }
    let tidings = start(data.path(), &journal).await;
    assert_eq!(
        ledger(&tidings, "ai"),
        Ledger {
            journaled: 1500,
            folded: 1300,
            duplicate: 200,
            ..Ledger::default()
        }
    );
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_journal_starts_another_epoch() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let tidings = start(data.path(), &journal).await;
    let last = append(
        &journal,
        (0..100).map(|n| record("ai", &posted(n))).collect(),
    )
    .await;
    tidings.reached(Scope::All, last).await.unwrap();
    let before = tidings.views().epoch().unwrap();
    tidings.shutdown().await.unwrap();

    let other: JournalHandle = in_memory(8);
    let last = append(&other, (0..7).map(|n| record("연기", &posted(n))).collect()).await;
    let tidings = start(data.path(), &other).await;
    tidings.reached(Scope::All, last).await.unwrap();
    assert_ne!(tidings.views().epoch().unwrap(), before);
    assert_eq!(tidings.views().summary(&keyword("ai")).unwrap(), None);
    assert_eq!(ledger(&tidings, "연기").folded, 7);
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn undecodable_records_are_kept_once_in_the_rejected_log() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let bad = |token: &'static [u8], payload: &[u8]| Record {
        received_at: NOW,
        token: token.into(),
        stored: binary::encode_payload(payload, NOW),
    };
    let records = vec![
        record("ai", &posted(1)),
        bad(b"ai", b"{\"type\":\"tweet.seen\"}"),
        bad(b"AI", b"{}"),
        bad(b"\xff", b"\xfe"),
        record("ai", &posted(2)),
    ];
    let last = append(&journal, records).await;
    for _ in 0..2 {
        let tidings = start(data.path(), &journal).await;
        tidings.reached(Scope::All, last).await.unwrap();
        assert_eq!(
            ledger(&tidings, "ai"),
            Ledger {
                journaled: 3,
                folded: 2,
                rejected: 1,
                ..Ledger::default()
            }
        );
        assert_eq!(tidings.views().unaddressed().unwrap(), 2);
        let kept = journal.rejected().entries().await.unwrap();
        let positions: Vec<_> = kept.iter().map(|entry| entry.sequence.get()).collect();
        assert_eq!(positions.len(), 3, "{kept:?}");
        assert!(kept.iter().any(|entry| entry.reason.contains("tweet.seen")));
        assert!(kept.iter().any(|entry| entry.reason.contains("\"ai\"")));
        tidings.shutdown().await.unwrap();
        // A second fold of all records adds no entry to the rejected log.
        std::fs::remove_dir_all(data.path().join("views")).unwrap();
    }
}

/// A fold that panics on one keyword while `failing` is set.
fn poisoned(of: Keyword, failing: Arc<AtomicBool>, failures: Arc<AtomicUsize>) -> FoldStep {
    let fold = fold_step();
    Arc::new(move |view, rows, keyword, envelope| {
        if *keyword == of && failing.load(Ordering::SeqCst) {
            failures.fetch_add(1, Ordering::SeqCst);
            panic!("injected");
        }
        fold(view, rows, keyword, envelope)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn panicking_keyword_is_quarantined_alone_and_refolds_on_release() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let bad = keyword("bad");
    let failing = Arc::new(AtomicBool::new(false));
    let failures = Arc::new(AtomicUsize::new(0));
    let fold = poisoned(bad.clone(), Arc::clone(&failing), Arc::clone(&failures));
    let mut full = options(data.path());
    // The limit of keywords does not prevent a release.
    full.keywords_max = 1;
    let tidings = start_with(full, &journal, fold).await;
    let both = |n: usize| [record("bad", &posted(n)), record("good", &posted(n))];
    let last = append(&journal, (0..50).flat_map(both).collect()).await;
    tidings.reached(Scope::All, last).await.unwrap();

    failing.store(true, Ordering::SeqCst);
    let last = append(&journal, (50..100).flat_map(both).collect()).await;
    let good = keyword("good");
    tidings.reached(Scope::Keyword(&good), last).await.unwrap();
    assert_eq!(ledger(&tidings, "good").folded, 100);
    assert_eq!(ledger(&tidings, "bad").folded, 50, "what was folded stays");

    let quarantined = async {
        while tidings.keyword_status(&bad) != KeywordStatus::Quarantined {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, quarantined)
        .await
        .expect("quarantined after repeated failures");
    assert_eq!(failures.load(Ordering::SeqCst), 5);
    assert_eq!(tidings.status().quarantined, std::slice::from_ref(&bad));
    assert!(tidings.status().ready, "the others are served");

    let last = append(&journal, (100..120).flat_map(both).collect()).await;
    tidings.reached(Scope::Keyword(&good), last).await.unwrap();
    failing.store(false, Ordering::SeqCst);
    assert!(tidings.release(&bad).await.unwrap());
    tidings.reached(Scope::Keyword(&bad), last).await.unwrap();
    assert_eq!(ledger(&tidings, "bad").folded, 120);
    assert_eq!(ledger(&tidings, "bad"), ledger(&tidings, "good"));
    assert!(!tidings.release(&bad).await.unwrap());
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lagging_keyword_catches_up_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let failing = Arc::new(AtomicBool::new(true));
    let fold = poisoned(keyword("bad"), failing, Arc::default());
    let records = (0..300).flat_map(|n| [record("bad", &posted(n)), record("good", &posted(n))]);
    let last = append(&journal, records.collect()).await;
    let tidings = start_with(options(data.path()), &journal, fold).await;
    tidings.reached(Scope::All, last).await.unwrap();
    tidings.shutdown().await.unwrap();

    let tidings = start(data.path(), &journal).await;
    let bad = keyword("bad");
    tidings.reached(Scope::Keyword(&bad), last).await.unwrap();
    assert_eq!(ledger(&tidings, "bad"), ledger(&tidings, "good"));
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keyword_that_folded_nothing_catches_up_from_the_first_position() {
    let data = tempfile::tempdir().unwrap();
    let trimmed = Arc::new(MemoryJournal::new(Incarnation(7)));
    let journal = JournalDouble::of(Arc::clone(&trimmed) as JournalHandle);
    let journal = journal.kept_open().handle();
    let of = |word: &'static str| (0..10).map(move |n| record(word, &posted(n))).collect();
    append(&journal, of("good")).await;
    trimmed.trim(Sequence::new(6));
    let last = append(&journal, of("bad")).await;
    let fold = poisoned(
        keyword("bad"),
        Arc::new(AtomicBool::new(true)),
        Arc::default(),
    );
    let tidings = start_with(options(data.path()), &journal, fold).await;
    tidings.reached(Scope::All, last).await.unwrap();
    tidings.shutdown().await.unwrap();

    let tidings = start(data.path(), &journal).await;
    let bad = keyword("bad");
    tidings.reached(Scope::Keyword(&bad), last).await.unwrap();
    assert_eq!(ledger(&tidings, "bad").folded, 10);
    assert_eq!(
        ledger(&tidings, "good").folded,
        5,
        "the others were trimmed"
    );
    tidings.shutdown().await.unwrap();
}

/// The number of running keyword actors, from the metrics.
fn resident(metrics: &ProcessMetrics) -> i64 {
    let text = metrics.encode();
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix("tidings_actors_alive{kind=\"keyword\"} "));
    found.map_or(0, |number| number.parse().unwrap())
}

/// For any limit of resident actors, more keywords than that are folded and catch up.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn more_keywords_than_resident_actors_are_all_folded() {
    let journal = memory();
    let name = |n: usize| format!("k{}", n % 150);
    let records = (0..900).map(|n| record(&name(n), &posted(n))).collect();
    let last = append(&journal, records).await;
    let whole = tempfile::tempdir().unwrap();
    let tidings = start(whole.path(), &journal).await;
    tidings.reached(Scope::All, last).await.unwrap();
    let expected = digests(tidings.views()).unwrap().0;
    tidings.shutdown().await.unwrap();

    for most in [2, 40] {
        let data = tempfile::tempdir().unwrap();
        let mut few = options(data.path());
        few.keywords_resident = most;
        let limit = i64::try_from(most).unwrap();
        // First every keyword fails; then all of them catch up at the same time.
        for is_failing in [true, false] {
            let metrics = ProcessMetrics::new();
            let fold = fold_step();
            let failing: FoldStep = Arc::new(move |view, rows, keyword, envelope| {
                assert!(!(is_failing && envelope.sequence.get() > 450), "on purpose");
                fold(view, rows, keyword, envelope)
            });
            let journal = Arc::clone(&journal);
            let tidings = Tidings::start_with(few.clone(), journal, metrics.clone(), failing);
            let tidings = tidings.await.unwrap();
            let words: Vec<_> = (0..150).map(|n| keyword(&name(n))).collect();
            let done = async {
                while tidings.reached(Scope::All, last).await.is_err() {}
                for word in words.iter().filter(|_| !is_failing) {
                    while tidings.reached(Scope::Keyword(word), last).await.is_err() {}
                }
            };
            let mut done = std::pin::pin!(done);
            loop {
                assert!(
                    resident(&metrics) <= limit,
                    "{} of {most}",
                    resident(&metrics)
                );
                tokio::select! {
                    biased;
                    () = &mut done => break,
                    () = tokio::task::yield_now() => {}
                }
            }
            if !is_failing {
                assert_eq!(digests(tidings.views()).unwrap().0, expected, "{most}");
            }
            tidings.shutdown().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tracking_is_journaled_like_other_events() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let tidings = start(data.path(), &journal).await;
    let word = keyword("ai");
    assert!(tidings.untrack(&word).await.is_err(), "it never existed");
    assert!(tidings.track(&word, None).await.unwrap());
    assert!(!tidings.track(&word, None).await.unwrap());
    assert_eq!(*journal.head().borrow(), Sequence::new(1));
    let last = append(&journal, vec![record("ai", &posted(1))]).await;
    tidings.reached(Scope::All, last).await.unwrap();
    assert!(tidings.untrack(&word).await.unwrap());
    assert!(!tidings.untrack(&word).await.unwrap());
    let gone = Event::TweetDeleted(TweetDeleted {
        id: TweetId::new("t1").unwrap(),
        at: NOW,
    });
    let last = append(
        &journal,
        vec![record("ai", &posted(2)), record("ai", &gone)],
    )
    .await;
    tidings.reached(Scope::All, last).await.unwrap();
    let head = tidings.views().summary(&word).unwrap().unwrap();
    assert!(!head.tracked);
    assert_eq!((head.tweets, head.ledger.ignored), (0, 2));
    assert!(tidings.track(&word, None).await.unwrap());
    let last = append(&journal, vec![record("ai", &posted(1))]).await;
    tidings.reached(Scope::All, last).await.unwrap();
    let head = tidings.views().summary(&word).unwrap().unwrap();
    assert_eq!(
        (head.tweets, head.ledger.duplicate),
        (1, 0),
        "it starts empty"
    );
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_keyword_leaves_memory_and_returns_unchanged() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let mut impatient = options(data.path());
    impatient.shard.idle = Duration::ZERO;
    let metrics = ProcessMetrics::new();
    let tidings = Tidings::start(impatient, Arc::clone(&journal), metrics.clone())
        .await
        .unwrap();
    let passivated = || async {
        let gone = async {
            while metrics
                .encode()
                .contains("tidings_actors_alive{kind=\"keyword\"} 1")
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, gone)
            .await
            .expect("an idle keyword has no actor");
    };
    let word = keyword("ai");
    for round in 0..3 {
        let records = (0..300).map(|n| record("ai", &posted(round * 200 + n)));
        let last = append(&journal, records.collect()).await;
        tidings.reached(Scope::All, last).await.unwrap();
        passivated().await;
    }
    let ledger = ledger(&tidings, "ai");
    assert_eq!((ledger.folded, ledger.duplicate), (700, 200));

    tidings.untrack(&word).await.unwrap();
    passivated().await;
    let last = append(&journal, vec![record("ai", &posted(1))]).await;
    tidings.reached(Scope::All, last).await.unwrap();
    assert!(
        !tidings.is_tracked(&word),
        "a tweet does not track it again"
    );
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_the_oldest_first_leaves_the_right_header() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let tidings = start(data.path(), &journal).await;
    let count = 2000;
    let records = (0..count).map(|n| record("ai", &posted(n)));
    append(&journal, records.collect()).await;
    let mut ids: Vec<_> = (0..count).map(posted).collect();
    ids.sort_by_key(Event::at);
    let gone = |event: &Event| {
        let deleted = TweetDeleted {
            id: event.tweet_id().unwrap().clone(),
            at: NOW,
        };
        record("ai", &Event::TweetDeleted(deleted))
    };
    let kept = ids.pop().unwrap();
    let last = append(&journal, ids.iter().map(gone).collect()).await;
    tidings.reached(Scope::All, last).await.unwrap();
    let head = tidings.views().summary(&keyword("ai")).unwrap().unwrap();
    assert_eq!(
        (head.tweets, head.first_at, head.last_at),
        (1, Some(kept.at()), Some(kept.at()))
    );
    tidings.shutdown().await.unwrap();
}
