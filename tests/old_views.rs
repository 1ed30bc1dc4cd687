//! Views that an older version made answer until this version's have caught up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tidings::actors::{
    FoldStep, KeywordStatus, Options, Scope, ShardOptions, Tidings, digests, fold_step, views_dir,
};
use tidings::events::{
    Author, Event, Keyword, Metrics, Record, Sequence, Timestamp, TweetId, TweetPosted,
};
use tidings::journal::{EmbeddedJournal, EmbeddedOptions, JournalHandle};
use tidings::projections::{Changes, FOLD_VERSION, RowKey};
use tidings::store::{Epoch, Generation, ShardRecord, Store, StoreOptions};
use tidings::telemetry::Metrics as ProcessMetrics;
use tidings::text::ANALYSER_VERSION;

const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);
const KEYWORDS: [&str; 3] = ["ai", "연기", "us airways"];

/// Folds wait until it is opened.
#[derive(Debug, Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn fold(self: &Arc<Self>) -> FoldStep {
        let (gate, fold) = (Arc::clone(self), fold_step());
        Arc::new(move |view, rows, keyword, sequence, record| {
            let open = gate.open.lock().unwrap();
            drop(gate.opened.wait_while(open, |open| !*open).unwrap());
            fold(view, rows, keyword, sequence, record)
        })
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// Opens the gate when a test fails, so that the actors can end.
struct Opener(Arc<Gate>);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.open();
    }
}

fn keyword(text: &str) -> Keyword {
    Keyword::new(text).unwrap()
}

fn journal(data: &Path) -> JournalHandle {
    Arc::new(EmbeddedJournal::open(&data.join("journal"), &EmbeddedOptions::default()).unwrap())
}

async fn publish(journal: &JournalHandle, ids: std::ops::Range<usize>) -> Sequence {
    let records = ids.map(|id| {
        let tweet = TweetPosted {
            id: TweetId::new(&format!("t{id}")).unwrap(),
            at: NOW,
            source: None,
            author: Author {
                handle: "someone".into(),
                name: None,
                followers: None,
            },
            text: format!("tweet number {id}"),
            lang: None,
            url: None,
            reply_to: None,
            repost_of: None,
            metrics: Metrics::default(),
        };
        let event = Event::TweetPosted(Box::new(tweet));
        Record::of_event(&keyword(KEYWORDS[id % 3]), &event, NOW).unwrap()
    });
    journal.append(records.collect()).await.unwrap().last
}

async fn start(data: &Path, journal: &JournalHandle, fold: FoldStep) -> Tidings {
    let options = Options {
        data: data.to_owned(),
        cache_bytes: 16 << 20,
        batch_records: 64,
        shard: ShardOptions {
            commit_events: 100,
            commit_interval: Duration::from_millis(50),
            idle: Duration::from_secs(600),
            keywords_max: 100,
        },
    };
    Tidings::start_with(options, Arc::clone(journal), ProcessMetrics::new(), fold)
        .await
        .unwrap()
}

/// Folds 300 tweets, stops, and makes the rows those of this epoch. Answers the position and what
/// a client could read.
async fn views_of(
    data: &Path,
    epoch: impl FnOnce(&JournalHandle) -> Epoch,
    damaged: Option<&Keyword>,
) -> Sequence {
    let journal = journal(data);
    let last = publish(&journal, 0..300).await;
    let tidings = start(data, &journal, fold_step()).await;
    tidings.reached(Scope::All, last).await.unwrap();
    tidings.shutdown().await.unwrap();
    let epoch = epoch(&journal);
    let store = Store::open(&StoreOptions {
        dir: views_dir(data),
        cache_bytes: 16 << 20,
        shards: journal.shards(),
        epoch,
    })
    .unwrap();
    if let Some(keyword) = damaged {
        let changes = Changes {
            cleared: false,
            rows: vec![(RowKey::Head, Some(b"\xff".as_slice().into()))],
        };
        store
            .rows_of(keyword)
            .unwrap()
            .put(keyword, changes)
            .unwrap();
    }
    for shard in store.shards() {
        let checkpoint = shard.record().unwrap().unwrap().checkpoint;
        shard.freeze();
        shard.commit(&ShardRecord { epoch, checkpoint }).unwrap();
    }
    store.close().unwrap();
    last
}

fn older(data: &Path) -> impl FnOnce(&JournalHandle) -> Epoch {
    let generation = Generation::load(data).unwrap();
    move |journal| {
        let incarnation = journal.incarnation();
        Epoch::of_versions(incarnation, generation, FOLD_VERSION - 1, ANALYSER_VERSION)
    }
}

fn as_of(tidings: &Tidings, of: &str) -> Sequence {
    let head = tidings.views().head(&keyword(of)).unwrap();
    head.map_or(Sequence::ZERO, |head| head.as_of)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn old_views_answer_frozen_until_the_new_ones_have_caught_up() {
    for restarted in [false, true] {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path();
        let before = views_of(data, older(data), None).await;
        if restarted {
            // A rebuild that was killed before it committed anything.
            std::fs::rename(data.join("views"), data.join("views-old")).unwrap();
            std::fs::rename(data.join("views.seal"), data.join("views-old.seal")).unwrap();
        }
        let journal = journal(data);
        let old_epoch = older(data)(&journal);
        let last = publish(&journal, 300..360).await;
        let gate = Arc::new(Gate::default());
        let _opener = Opener(Arc::clone(&gate));
        let tidings = start(data, &journal, gate.fold()).await;
        let mut shown = tidings.views().shown();
        shown.mark_unchanged();

        assert_eq!(tidings.views().epoch().unwrap(), old_epoch);
        assert_eq!(as_of(&tidings, "us airways"), before);
        assert_eq!(tidings.position(), before);
        assert!(tidings.status().starting);
        for of in KEYWORDS {
            let status = tidings.keyword_status(&keyword(of));
            assert_eq!(status, KeywordStatus::CatchingUp);
        }
        tidings.reached(Scope::All, before).await.unwrap();
        let current = keyword("us airways");
        let mut later = std::pin::pin!(tidings.reached(Scope::Keyword(&current), last));
        tokio::select! {
            biased;
            reached = &mut later => panic!("not shown, but {reached:?}"),
            () = std::future::ready(()) => {}
        }

        gate.open();
        later.await.unwrap();
        assert_eq!(as_of(&tidings, "us airways"), last);
        tidings.reached(Scope::All, last).await.unwrap();
        assert!(shown.has_changed().unwrap());
        assert_ne!(tidings.views().epoch().unwrap(), old_epoch);
        assert_eq!(tidings.position(), last);
        assert!(tidings.status().ready);
        assert!(!data.join("views-old").exists());
        let rebuilt = digests(tidings.views()).unwrap().1;
        tidings.shutdown().await.unwrap();

        let fresh = tempfile::tempdir().unwrap();
        let journal = self::journal(data);
        let tidings = start(fresh.path(), &journal, fold_step()).await;
        tidings.reached(Scope::All, last).await.unwrap();
        assert_eq!(digests(tidings.views()).unwrap().1, rebuilt);
        tidings.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn old_views_that_turn_out_to_be_damaged_make_way() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let ai = keyword("ai");
    let last = views_of(data, older(data), Some(&ai)).await;
    let journal = journal(data);
    let gate = Arc::new(Gate::default());
    let _opener = Opener(Arc::clone(&gate));
    let tidings = start(data, &journal, gate.fold()).await;
    let mut shown = tidings.views().shown();
    shown.mark_unchanged();
    assert_eq!(as_of(&tidings, "us airways"), last);
    tidings.views().head(&ai).unwrap_err();
    shown.changed().await.unwrap();
    // Nothing is folded yet.
    assert_eq!(as_of(&tidings, "us airways"), Sequence::ZERO);
    assert!(tidings.status().starting);
    gate.open();
    tidings.reached(Scope::All, last).await.unwrap();
    assert_eq!(as_of(&tidings, "us airways"), last);
    tidings.shutdown().await.unwrap();
}

/// Views of another generation were found to be wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn views_that_were_not_right_never_answer_again() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let last = views_of(data, older(data), None).await;
    Generation::renew(data).unwrap();
    let journal = journal(data);
    let gate = Arc::new(Gate::default());
    let _opener = Opener(Arc::clone(&gate));
    let tidings = start(data, &journal, gate.fold()).await;
    assert_eq!(as_of(&tidings, "us airways"), Sequence::ZERO);
    gate.open();
    tidings.reached(Scope::All, last).await.unwrap();
    assert_eq!(as_of(&tidings, "us airways"), last);
    assert!(!data.join("views-old").exists());
    tidings.shutdown().await.unwrap();
}
