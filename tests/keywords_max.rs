//! For which keywords there is room follows from the journal's order, and from nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tidings::actors::{CommandError, Intake, KeywordDigest, Scope, Tidings, digests, rebuild};
use tidings::events::{Event, Keyword, Record, Sequence};
use tidings::journal::JournalHandle;
use tidings::telemetry::Metrics as ProcessMetrics;

use system::{NOW, embedded, keyword, options, posted};

mod system;

const TRACKED: Event = Event::KeywordTracked { at: NOW };
const UNTRACKED: Event = Event::KeywordUntracked { at: NOW };

/// What happened to keywords, in the journal's order.
type History = Vec<(Keyword, Event)>;

/// A journal in a folder of its own, and where it ends.
struct Journaled {
    folder: tempfile::TempDir,
    last: Sequence,
}

impl Journaled {
    async fn of(history: &History) -> Self {
        let mut journaled = Self {
            folder: tempfile::tempdir().unwrap(),
            last: Sequence::ZERO,
        };
        journaled.append(history).await;
        journaled
    }

    fn open(&self) -> JournalHandle {
        embedded(self.folder.path())
    }

    async fn append(&mut self, history: &[(Keyword, Event)]) {
        let journal = self.open();
        let records = history
            .iter()
            .map(|(keyword, event)| Record::of_event(keyword, event, NOW).unwrap());
        self.last = journal.append(records.collect()).await.unwrap().last;
        journal.close().await.unwrap();
    }

    /// Starts on the views in `data`, and waits until all is folded.
    async fn start(&self, data: &Path, most: usize) -> Tidings {
        let mut options = options(data);
        options.shard.keywords_max = most;
        let tidings = Tidings::start(options, self.open(), ProcessMetrics::new())
            .await
            .unwrap();
        tidings.reached(Scope::All, self.last).await.unwrap();
        tidings
    }

    /// What comes out when all is folded into the views in `data`.
    async fn fold(&self, data: &Path, most: usize) -> Outcome {
        let tidings = self.start(data, most).await;
        let outcome = Outcome::of(&tidings);
        tidings.shutdown().await.unwrap();
        outcome
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    quarantined: Vec<Keyword>,
    digests: Vec<KeywordDigest>,
}

impl Outcome {
    fn of(tidings: &Tidings) -> Self {
        Self {
            quarantined: tidings.status().quarantined,
            digests: digests(tidings.views()).unwrap().0,
        }
    }
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Keywords come and go, always some new ones, in the end three times as many as there is room for.
fn troubled(seed: u64, events: usize) -> History {
    let mut chance = Chance(seed);
    (0..events)
        .map(|id| {
            let met = 8 + (id * 52).div_ceil(events);
            let keyword = keyword(&format!("k{}", chance.below(met as u64)));
            let event = match chance.below(20) {
                0 | 1 => TRACKED,
                2 => UNTRACKED,
                _ => posted(id),
            };
            (keyword, event)
        })
        .collect()
}

/// Whom the contract quarantines: who is new when as many are followed as may be.
fn one_too_many(history: &[(Keyword, Event)], most: usize) -> Vec<Keyword> {
    let mut refused = BTreeSet::new();
    let mut followed: BTreeMap<&Keyword, bool> = BTreeMap::new();
    for (keyword, event) in history {
        let full = followed.values().filter(|followed| **followed).count() >= most;
        let before = followed.get(keyword).copied();
        let leaves = matches!(event, Event::KeywordUntracked { .. });
        if refused.contains(keyword) {
            continue;
        }
        match before {
            None if full && !leaves => {
                refused.insert(keyword.clone());
            }
            None => {
                followed.insert(keyword, !leaves);
            }
            Some(was) => {
                let comes = matches!(event, Event::KeywordTracked { .. });
                followed.insert(keyword, !leaves && (was || comes));
            }
        }
    }
    refused.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn every_rebuild_quarantines_whom_the_journal_says() {
    for seed in 0..3 {
        let history = troubled(seed, 2000);
        let journaled = Journaled::of(&history).await;
        let expected = one_too_many(&history, 20);
        assert!((10..50).contains(&expected.len()), "{expected:?}");
        let mut first = None;
        for _ in 0..4 {
            let data = tempfile::tempdir().unwrap();
            let outcome = journaled.fold(data.path(), 20).await;
            assert_eq!(outcome.quarantined, expected);
            let first = first.get_or_insert_with(|| outcome.digests.clone());
            assert_eq!(*first, outcome.digests);
        }
    }
}

/// Whoever comes takes a place that was given up just before, in another shard that has much else
/// to fold first.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn nobody_is_quarantined_who_takes_the_place_of_another() {
    let most = 4;
    let mut history: History = (0..most)
        .map(|n| (keyword(&format!("k{n}")), TRACKED))
        .collect();
    for n in most..100 {
        let leaves = keyword(&format!("k{}", n - most));
        history.extend((0..20).map(|id| (leaves.clone(), posted(n * 20 + id))));
        history.push((leaves, UNTRACKED));
        history.push((keyword(&format!("k{n}")), TRACKED));
    }
    let journaled = Journaled::of(&history).await;
    for _ in 0..4 {
        let data = tempfile::tempdir().unwrap();
        let tidings = journaled.start(data.path(), most).await;
        assert_eq!(tidings.status().quarantined, []);
        for n in 0..100 {
            let followed = tidings.is_tracked(&keyword(&format!("k{n}")));
            assert_eq!(followed, n >= 100 - most, "k{n}");
        }
        tidings.shutdown().await.unwrap();
    }
}

/// After a crash, shards have come differently far, and are those of the keywords that were let
/// in before or after.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_crash_lets_in_nobody_else() {
    let history = troubled(7, 1500);
    let (begun, more) = history.split_at(300);
    let mut journaled = Journaled::of(&begun.to_vec()).await;
    let earlier = tempfile::tempdir().unwrap();
    journaled.fold(earlier.path(), 20).await;
    journaled.append(&more[..300]).await;
    let later = tempfile::tempdir().unwrap();
    journaled.fold(later.path(), 20).await;
    journaled.append(&more[300..]).await;
    let whole = tempfile::tempdir().unwrap();
    let whole = journaled.fold(whole.path(), 20).await;
    assert_eq!(whole.quarantined, one_too_many(&history, 20));

    for trial in 0..8_u64 {
        let mut chance = Chance(trial);
        let crashed = tempfile::tempdir().unwrap();
        mix(earlier.path(), later.path(), crashed.path(), |_| {
            chance.below(2) == 0
        });
        assert_eq!(
            journaled.fold(crashed.path(), 20).await,
            whole,
            "trial {trial}"
        );
    }
}

/// Views of which each shard is as one of two others have it.
fn mix(earlier: &Path, later: &Path, mixed: &Path, mut is_late: impl FnMut(u16) -> bool) {
    let open = |data: &Path| {
        let config = sled::Config::new()
            .path(data.join("views"))
            .segment_size(8 << 20);
        config.mode(sled::Mode::HighThroughput).open().unwrap()
    };
    let copies = [earlier, later].map(|data| {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&data.join("views"), &copy.path().join("views"));
        copy
    });
    let [earlier, later] = copies.each_ref().map(|copy| open(copy.path()));
    let mixed = open(mixed);
    for shard in 0..16 {
        let name = format!("shard-{shard:04}");
        let from = if is_late(shard) { &later } else { &earlier };
        let to = mixed.open_tree(&name).unwrap();
        for row in from.open_tree(&name).unwrap().iter() {
            let (key, row) = row.unwrap();
            to.insert(key, row).unwrap();
        }
    }
    mixed.flush().unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_restart_lets_in_nobody_but_whom_an_operator_lets_in() {
    let follow =
        |names: &[&str]| -> History { names.iter().map(|name| (keyword(name), TRACKED)).collect() };
    let mut journaled = Journaled::of(&follow(&["a", "b", "c", "d", "e", "f"])).await;
    let data = tempfile::tempdir().unwrap();
    let names =
        |names: &[&str]| -> Vec<Keyword> { names.iter().map(|name| keyword(name)).collect() };
    let outcome = journaled.fold(data.path(), 2).await;
    assert_eq!(outcome.quarantined, names(&["c", "d", "e", "f"]));

    // That there is room is no reason by itself.
    journaled.append(&[(keyword("a"), UNTRACKED)]).await;
    let outcome = journaled.fold(data.path(), 2).await;
    assert_eq!(outcome.quarantined, names(&["c", "d", "e", "f"]));
    let tidings = journaled.start(data.path(), 2).await;
    assert_eq!(tidings.status().quarantined, outcome.quarantined);
    assert!(tidings.release(&keyword("e")).await.unwrap());
    tidings
        .reached(Scope::Keyword(&keyword("e")), journaled.last)
        .await
        .unwrap();
    assert!(tidings.is_tracked(&keyword("e")));
    let refused = tidings.release(&keyword("d")).await.unwrap_err();
    assert!(
        matches!(refused, CommandError::TooMany { max: 2 }),
        "{refused}"
    );
    assert_eq!(tidings.status().quarantined, names(&["c", "d", "f"]));
    tidings.shutdown().await.unwrap();
    let outcome = journaled.fold(data.path(), 2).await;
    assert_eq!(outcome.quarantined, names(&["c", "d", "f"]));

    // A higher limit lets in who came first, besides "b" and "e".
    let outcome = journaled.fold(data.path(), 3).await;
    assert_eq!(outcome.quarantined, names(&["d", "f"]));
    let outcome = journaled.fold(data.path(), 2).await;
    assert_eq!(
        outcome.quarantined,
        names(&["d", "f"]),
        "a lower one sends nobody away"
    );
    assert_eq!(journaled.fold(data.path(), 3).await, outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_rebuild_of_stopped_views_quarantines_the_same_and_finds_no_damage() {
    let history = troubled(3, 1500);
    let journaled = Journaled::of(&history).await;
    let data = tempfile::tempdir().unwrap();
    let live = journaled.fold(data.path(), 20).await;
    let refused = one_too_many(&history, 20);
    assert_eq!(live.quarantined, refused);

    // One that was let in by hand was right as well.
    let tidings = journaled.start(data.path(), 20).await;
    let names = (0..60).map(|n| keyword(&format!("k{n}")));
    let mut followed = names.filter(|name| tidings.is_tracked(name));
    while let Err(full) = tidings.release(&refused[0]).await {
        assert!(matches!(full, CommandError::TooMany { max: 20 }), "{full}");
        tidings.untrack(&followed.next().unwrap()).await.unwrap();
    }
    let last = *tidings.journal().head().borrow();
    tidings
        .reached(Scope::Keyword(&refused[0]), last)
        .await
        .unwrap();
    tidings.shutdown().await.unwrap();

    let journal = journaled.open();
    let new_epoch = rebuild(data.path(), 16 << 20, &*journal, 20, |_| {})
        .await
        .unwrap();
    assert!(!new_epoch, "they were right");
    journal.close().await.unwrap();
    let rebuilt = journaled.fold(data.path(), 20).await;
    assert_eq!(rebuilt.quarantined, refused);
    let fresh = tempfile::tempdir().unwrap();
    assert_eq!(journaled.fold(fresh.path(), 20).await, rebuilt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn of_many_who_ask_at_once_as_many_get_a_place_as_there_are() {
    let journaled = Journaled::of(&History::new()).await;
    let data = tempfile::tempdir().unwrap();
    let tidings = journaled.start(data.path(), 8).await;
    let intake = Intake::new(tidings.clone(), true);
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..24 {
        let (tidings, intake) = (tidings.clone(), intake.clone());
        asking.spawn(async move {
            let name = format!("k{number}");
            if number % 2 == 0 {
                return match tidings.track(&keyword(&name)).await {
                    Ok(is_new) => is_new,
                    Err(CommandError::TooMany { max: 8 }) => false,
                    Err(other) => panic!("{name}: {other}"),
                };
            }
            let body = line(&name, "tweet.posted");
            let report = intake.publish(body.into()).await.unwrap();
            let reasons = report.rejected.iter().map(|line| line.reason.as_str());
            assert!(
                reasons
                    .into_iter()
                    .all(|reason| reason.starts_with("too_many: 8 "))
            );
            report.counts.accepted == 1
        });
    }
    let got = asking.join_all().await;
    assert_eq!(got.iter().filter(|got| **got).count(), 8, "{got:?}");
    assert_eq!(tidings.status().quarantined, []);
    tidings.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_body_may_give_a_place_up_and_take_it() {
    let history = ["a", "b"].map(|name| (keyword(name), TRACKED)).to_vec();
    let journaled = Journaled::of(&history).await;
    let data = tempfile::tempdir().unwrap();
    let tidings = journaled.start(data.path(), 2).await;
    let body = [
        line("c", "keyword.tracked"),
        line("a", "keyword.untracked"),
        line("c", "tweet.posted"),
        line("a", "keyword.tracked"),
        line("b", "keyword.untracked"),
        line("b", "keyword.tracked"),
        line("b", "keyword.untracked"),
        line("d", "keyword.tracked"),
        line("d", "keyword.untracked"),
        line("e", "keyword.tracked"),
    ];
    let intake = Intake::new(tidings.clone(), true);
    let report = intake.publish(body.concat().into()).await.unwrap();
    let refused: Vec<u64> = report.rejected.iter().map(|line| line.line).collect();
    assert_eq!(refused, [1, 4], "{report:?}");
    let followed = ["a", "b", "c", "d", "e"].map(|name| tidings.is_tracked(&keyword(name)));
    assert_eq!(followed, [false, false, true, false, true]);
    assert_eq!(tidings.status().quarantined, []);
    tidings.shutdown().await.unwrap();
}

/// A line of a body about this keyword.
fn line(keyword: &str, kind: &str) -> String {
    format!(
        r#"{{"type":"{kind}","keyword":"{keyword}","id":"x:1","at":"2026-01-01T00:00:00Z","author":{{"handle":"h"}},"text":"t"}}"#
    ) + "\n"
}
