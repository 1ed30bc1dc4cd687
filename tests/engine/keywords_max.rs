//! `keywords.max` refuses requests and does not change what is folded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;
use tidings::actors::engine::{CommandError, Scope, Tidings, fold_step, views_dir};
use tidings::events::{Event, Keyword, Record, Sequence};
use tidings::ingest::Intake;
use tidings::journal::JournalHandle;
use tidings::maintenance::{KeywordDigest, digests, rebuild};
use tidings::projections::FoldContext;
use tidings::store::Store;

use crate::common::chance::Chance;
use crate::common::engine::{embedded, options, start_with};
use crate::common::events::{NOW, keyword, numbered};
use crate::common::files::{copy_folder, flip_in_the_middle};
use crate::common::{lines, rows};

const TRACKED: Event = Event::keyword_tracked(NOW);
const UNTRACKED: Event = Event::keyword_untracked(NOW);

/// Events of keywords in the order of the journal.
type History = Vec<(Keyword, Event)>;

/// A journal in its own folder, and its last sequence.
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
        options.keywords_max = most;
        let tidings = start_with(options, &self.open(), fold_step()).await;
        tidings.reached(Scope::All, self.last).await.unwrap();
        tidings
    }

    /// The outcome of folding all records into the views in `data`.
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

/// A random history that tracks and untracks keywords, with new keywords all the time.
fn troubled(seed: u64, events: usize) -> History {
    let mut chance = Chance::of(seed);
    (0..events)
        .map(|id| {
            let met = 8 + (id * 52).div_ceil(events);
            let keyword = keyword(&format!("k{}", chance.below(met as u64)));
            let event = match chance.below(20) {
                0 | 1 => TRACKED,
                2 => UNTRACKED,
                _ => numbered(id),
            };
            (keyword, event)
        })
        .collect()
}

/// The outcome of folding the journal into new views without a limit.
async fn whole(journaled: &Journaled) -> Outcome {
    let data = tempfile::tempdir().unwrap();
    journaled.fold(data.path(), 100_000).await
}

/// The keywords that a history leaves tracked.
fn tracked(history: &[(Keyword, Event)]) -> BTreeSet<Keyword> {
    let mut known: BTreeMap<&Keyword, bool> = BTreeMap::new();
    for (keyword, event) in history {
        let tracked = known.entry(keyword).or_insert(true);
        match event {
            Event::KeywordTracked { .. } => *tracked = true,
            Event::KeywordUntracked { .. } => *tracked = false,
            _ => {}
        }
    }
    let tracked = known.into_iter().filter(|(_, tracked)| *tracked);
    tracked.map(|(keyword, _)| keyword.clone()).collect()
}

/// Between two starts the views are damaged, rebuilt or removed, and the limit changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn folded_keywords_depend_on_the_journal_alone() {
    for seed in 0..4 {
        let history = troubled(seed, 1200);
        let mut journaled = Journaled::of(&history[..200].to_vec()).await;
        let data = tempfile::tempdir().unwrap();
        let mut chance = Chance::of(seed);
        let mut epoch = None;
        for to in (200..=1200).step_by(200) {
            if to > 200 {
                journaled.append(&history[to - 200..to]).await;
            }
            let done = match chance.below(4) {
                0 => "restarted",
                1 => {
                    let db = views_dir(data.path()).join("db");
                    if db.exists() {
                        flip_in_the_middle(&db);
                    }
                    "damaged"
                }
                2 => {
                    let journal = journaled.open();
                    let fold = FoldContext::default();
                    let renewed = rebuild(data.path(), 16 << 20, &fold, &*journal, |_| {}).await;
                    journal.close().await.unwrap();
                    assert!(!renewed.unwrap(), "the views were right");
                    "rebuilt"
                }
                _ => {
                    Store::remove(&views_dir(data.path())).unwrap();
                    "removed"
                }
            };
            let most = [1, 3, 20, 100_000][usize::try_from(chance.below(4)).unwrap()];
            let label = format!("seed {seed}, {to} events, {done}, limit {most}");
            let whole = whole(&journaled).await;
            let tidings = journaled.start(data.path(), most).await;
            let outcome = Outcome::of(&tidings);
            assert_eq!(outcome, whole, "{label}");
            let expected = tracked(&history[..to]);
            let found = outcome.digests.iter().filter(|one| one.summary.tracked);
            let found: BTreeSet<Keyword> = found.map(|one| one.keyword.clone()).collect();
            assert_eq!(found, expected, "{label}");
            assert!(
                expected.iter().all(|one| tidings.is_tracked(one)),
                "{label}"
            );
            let status = tidings.status();
            assert_eq!(status.tracked, expected.len(), "{label}");
            assert_eq!(status.exceeds_limits(), expected.len() > most, "{label}");
            let now = tidings.views().epoch().unwrap();
            assert_eq!(*epoch.get_or_insert(now), now, "{label}");
            tidings.shutdown().await.unwrap();
        }
    }
}

/// After a crash, shards have committed through different sequences.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn crash_between_shard_commits_changes_nothing() {
    let history = troubled(7, 1500);
    let (begun, more) = history.split_at(300);
    let mut journaled = Journaled::of(&begun.to_vec()).await;
    let earlier = tempfile::tempdir().unwrap();
    journaled.fold(earlier.path(), 20).await;
    journaled.append(&more[..300]).await;
    let later = tempfile::tempdir().unwrap();
    journaled.fold(later.path(), 20).await;
    journaled.append(&more[300..]).await;
    let whole = whole(&journaled).await;

    for trial in 0..8_u64 {
        let mut chance = Chance::of(trial);
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

/// Makes views in `mixed`. `is_late` chooses for each shard: its rows are those of `later` if true,
/// else those of `earlier`.
fn mix(earlier: &Path, later: &Path, mixed: &Path, mut is_late: impl FnMut(u16) -> bool) {
    let copies = [earlier, later].map(|data| {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&views_dir(data), &views_dir(copy.path()));
        copy
    });
    let [earlier, later] = copies.each_ref().map(|copy| rows::open(copy.path()));
    let mixed = rows::open(mixed);
    for shard in 0..16 {
        let from = if is_late(shard) { &later } else { &earlier };
        let to = rows::of_shard(&mixed, usize::from(shard));
        for row in rows::of_shard(from, usize::from(shard)).iter() {
            let (key, row) = row.unwrap();
            to.insert(key, row).unwrap();
        }
    }
    mixed.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn concurrent_track_requests_do_not_exceed_the_limit() {
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
                return match tidings.track(&keyword(&name), None).await {
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
async fn body_can_free_a_keyword_and_track_another() {
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
    let tracked = ["a", "b", "c", "d", "e"].map(|name| tidings.is_tracked(&keyword(name)));
    assert_eq!(tracked, [false, false, true, false, true]);
    assert_eq!(tidings.status().quarantined, []);
    tidings.shutdown().await.unwrap();
}

/// A line of a body about this keyword.
fn line(keyword: &str, kind: &str) -> String {
    let tweet = lines::posted("x:1", "2026-01-01T00:00:00Z", "t");
    let line = lines::with(tweet, json!({ "type": kind, "keyword": keyword }));
    lines::ndjson(&[line])
}
