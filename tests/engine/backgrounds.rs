//! Tests that the background of all keywords in the running engine is the sum over the keywords,
//! also after restarts, failures and untracked keywords.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidings::access::KeywordSet;
use tidings::actors::engine::{FoldStep, KeywordStatus, Scope, Tidings, fold_step};
use tidings::events::{Event, Keyword, Record, Sequence, Timestamp};
use tidings::projections::keys::WindowWords;
use tidings::projections::keys::background::{BACKGROUND_FORMAT, OtherCounts};
use tidings::projections::overview::Window;
use tidings::projections::related::RelatedQuery;
use tidings::projections::tree::TreeReader;
use tidings::queries::related;

use crate::common::engine::{append, memory, options, start, start_with};
use crate::common::events::{NOW, deleted, keyword, posted, record, tweet};
use crate::common::gate::Gate;
use crate::common::wait::DEADLINE;
use crate::engine::previous_views::scene::{self, older, views_of};

const KEYWORDS: [&str; 4] = ["ai", "연기", "us airways", "재미"];

/// A tweet with some of fifty words, in the hours before [`NOW`].
fn wordy(number: usize) -> Event {
    let words = [number % 7, 7 + number % 11, 18 + number % 31, number % 3];
    let text: Vec<_> = words.iter().map(|word| format!("thing{word}")).collect();
    let minutes = i64::try_from(number * 37 % 4_000).unwrap();
    let at = NOW.plus(-minutes * Timestamp::MINUTE);
    posted(tweet(&format!("t{number}"), at, &text.join(" ")))
}

/// Compares the background with the sum of the rows of the tracked keywords.
fn check(tidings: &Tidings, tracked: &[&str]) {
    let views = tidings.views();
    for own in tracked.iter().map(|text| keyword(text)) {
        for (window, ago) in [(Window::Hour, 3), (Window::Day, 9), (Window::Month, 0)] {
            let at = NOW.plus(-ago * Timestamp::HOUR);
            let read = views.read(&own, |_, rows| {
                WindowWords::read(rows, (window, at), 1, |_| false)
            });
            let words = read.unwrap().unwrap().value;
            let mut expected = OtherCounts::new(&words);
            for other in tracked.iter().map(|text| keyword(text)) {
                if other != own {
                    let read = views.read(&other, |_, rows| {
                        let mut counts = expected.clone();
                        counts.add_keyword(rows)?;
                        Ok(counts)
                    });
                    expected = read.unwrap().unwrap().value;
                }
            }
            let found = OtherCounts::new(&words);
            let mut found = views
                .over_backgrounds(found, |found, runs, rows| found.add_shard(rows, runs))
                .unwrap();
            found.take_out_own();
            assert_eq!(found.totals(), expected.totals(), "{own} {window}");
            for (index, word) in words.words().iter().enumerate() {
                let counts = [&found, &expected].map(|one| one.of_word(index));
                assert_eq!(counts[0], counts[1], "{own} {window} {word:?}");
            }
            let query = RelatedQuery {
                window,
                at,
                limit: 100,
            };
            let every: KeywordSet = tracked.iter().map(|text| keyword(text)).collect();
            let of = |countable| related(views, &countable, &own, &query).unwrap();
            assert_eq!(of(KeywordSet::All), of(every));
        }
    }
}

async fn reach(tidings: &Tidings, last: Sequence) {
    tidings.reached(Scope::All, last).await.unwrap();
    for keyword in KEYWORDS.map(keyword) {
        if tidings.keyword_status(&keyword) != KeywordStatus::Quarantined {
            let reached = tidings.reached(Scope::Keyword(&keyword), last).await;
            reached.unwrap();
        }
    }
}

fn tweets(numbers: std::ops::Range<usize>) -> Vec<Record> {
    let all = numbers.flat_map(|number| {
        // Some tweets have two keywords.
        let second = (number % 5 == 0).then_some(KEYWORDS[(number + 1) % 4]);
        let keywords = [Some(KEYWORDS[number % 4]), second];
        let keywords = keywords.into_iter().flatten();
        keywords.map(move |keyword| record(keyword, &wordy(number)))
    });
    all.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn background_is_the_sum_through_deletions_untracking_and_restarts() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let mut tracked = KEYWORDS.to_vec();
    for round in 0..4 {
        let tidings = start(data.path(), &journal).await;
        let last = append(&journal, tweets(round * 400..round * 400 + 500)).await;
        reach(&tidings, last).await;
        check(&tidings, &tracked);
        let gone = (round * 400..round * 400 + 500).step_by(9);
        let gone =
            gone.map(|number| record(KEYWORDS[number % 4], &deleted(&format!("t{number}"), NOW)));
        let mut records: Vec<_> = gone.collect();
        if round == 1 {
            records.push(record("ai", &Event::keyword_untracked(NOW)));
            tracked.retain(|keyword| *keyword != "ai");
        }
        if round == 2 {
            records.push(record("ai", &Event::keyword_tracked(NOW)));
            records.extend((0..60).map(|number| record("ai", &wordy(number))));
            tracked = KEYWORDS.to_vec();
        }
        let last = append(&journal, records).await;
        reach(&tidings, last).await;
        check(&tidings, &tracked);
        tidings.shutdown().await.unwrap();
    }
    let tidings = start(data.path(), &journal).await;
    let head = *journal.head().borrow();
    reach(&tidings, head).await;
    check(&tidings, &tracked);
    let untracked = KEYWORDS.map(|keyword| record(keyword, &Event::keyword_untracked(NOW)));
    let last = append(&journal, untracked.into()).await;
    reach(&tidings, last).await;
    let is_empty = tidings
        .views()
        .over_backgrounds(true, |is_empty, runs, rows| {
            *is_empty &= runs.is_empty();
            TreeReader::new(rows, &BACKGROUND_FORMAT).visit(b"", |_, _| {
                *is_empty = false;
                false
            })
        });
    assert!(is_empty.unwrap());
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn related_words_are_refused_while_views_without_background_answer() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    views_of(data, scene::tweets(0..30), older(data), None).await;
    let journal = scene::journal(data);
    let last = append(&journal, scene::tweets(30..40)).await;
    let (gate, _opener) = Gate::closed();
    let tidings = scene::start(data, &journal, gate.fold()).await;
    let backgrounds = || tidings.views().over_backgrounds((), |(), _, _| Ok(()));
    assert!(backgrounds().unwrap_err().awaits_views());
    gate.open();
    tidings.reached(Scope::All, last).await.unwrap();
    backgrounds().unwrap();
    tidings.shutdown().await.unwrap();
}

/// A fold that panics on one keyword while `failing` is set.
fn poisoned(of: Keyword, failing: Arc<AtomicBool>) -> FoldStep {
    let fold = fold_step();
    Arc::new(move |view, rows, keyword, envelope| {
        assert!(
            *keyword != of || !failing.load(Ordering::SeqCst),
            "injected"
        );
        fold(view, rows, keyword, envelope)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn background_is_the_sum_while_a_keyword_is_quarantined_and_after_it_caught_up() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let failing = Arc::new(AtomicBool::new(false));
    let fold = poisoned(keyword("ai"), Arc::clone(&failing));
    let tidings = start_with(options(data.path()), &journal, fold).await;
    let last = append(&journal, tweets(0..300)).await;
    reach(&tidings, last).await;
    failing.store(true, Ordering::SeqCst);
    append(&journal, tweets(300..500)).await;
    let quarantined = async {
        while tidings.keyword_status(&keyword("ai")) != KeywordStatus::Quarantined {
            tokio::task::yield_now().await;
        }
    };
    let quarantined = tokio::time::timeout(DEADLINE, quarantined);
    quarantined
        .await
        .expect("quarantined after repeated failures");
    let last = append(&journal, tweets(500..600)).await;
    reach(&tidings, last).await;
    check(&tidings, &KEYWORDS);
    failing.store(false, Ordering::SeqCst);
    assert!(tidings.release(&keyword("ai")).await.unwrap());
    reach(&tidings, last).await;
    check(&tidings, &KEYWORDS);
    tidings.shutdown().await.unwrap();

    let tidings = start(data.path(), &journal).await;
    check(&tidings, &KEYWORDS);
    tidings.shutdown().await.unwrap();
}
