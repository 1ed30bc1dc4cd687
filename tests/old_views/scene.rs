//! A data folder, its journal, and the views that some version made of it.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use tidings::actors::{FoldStep, Scope, Tidings, fold_step, views_dir};
use tidings::events::{Event, Keyword, Record, Sequence};
use tidings::journal::JournalHandle;
use tidings::projections::{Changes, FOLD_VERSION, RowKey};
use tidings::store::{Epoch, Generation, ShardRecord, Store, StoreOptions};
use tidings::telemetry::Metrics as ProcessMetrics;
use tidings::text::ANALYSER_VERSION;

use crate::system::{self, embedded, options, record};
pub use crate::system::{NOW, append, keyword};

pub const KEYWORDS: [&str; 3] = ["ai", "연기", "us airways"];

/// Folds of what comes behind a position wait there, until it is opened.
#[derive(Debug, Default)]
pub struct Gate {
    open_to: Mutex<Sequence>,
    opened: Condvar,
}

impl Gate {
    pub fn fold(self: &Arc<Self>) -> FoldStep {
        let (gate, fold) = (Arc::clone(self), fold_step());
        Arc::new(move |view, rows, keyword, sequence, record| {
            let open = gate.open_to.lock().unwrap();
            drop(gate.opened.wait_while(open, |to| *to < sequence).unwrap());
            fold(view, rows, keyword, sequence, record)
        })
    }

    pub fn open_to(&self, position: Sequence) {
        *self.open_to.lock().unwrap() = position;
        self.opened.notify_all();
    }

    pub fn open(&self) {
        self.open_to(Sequence::new(u64::MAX));
    }
}

/// Opens the gate when a test fails, so that the actors can end.
pub struct Opener(pub Arc<Gate>);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.open();
    }
}

pub fn journal(data: &Path) -> JournalHandle {
    embedded(&data.join("journal"))
}

pub fn posted(of: &str, id: usize) -> Record {
    record(of, &system::posted(id))
}

pub fn tracked(of: &str) -> Record {
    record(of, &Event::KeywordTracked { at: NOW })
}

pub fn untracked(of: &str) -> Record {
    record(of, &Event::KeywordUntracked { at: NOW })
}

/// Tweets of the keywords in turn.
pub fn tweets(ids: std::ops::Range<usize>) -> Vec<Record> {
    ids.map(|id| posted(KEYWORDS[id % 3], id)).collect()
}

pub async fn start(data: &Path, journal: &JournalHandle, fold: FoldStep) -> Tidings {
    Tidings::start_with(
        options(data),
        Arc::clone(journal),
        ProcessMetrics::new(),
        fold,
    )
    .await
    .unwrap()
}

/// Folds records, stops, and makes the rows those of this epoch. Answers the position.
pub async fn views_of(
    data: &Path,
    records: Vec<Record>,
    epoch: impl FnOnce(&JournalHandle) -> Epoch,
    damaged: Option<&Keyword>,
) -> Sequence {
    let journal = journal(data);
    let last = append(&journal, records).await;
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
            rows: vec![(RowKey::Head, Some(b"\xff".as_slice().into()))],
            ..Changes::default()
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

pub fn older(data: &Path) -> impl FnOnce(&JournalHandle) -> Epoch {
    let generation = Generation::load(data).unwrap();
    move |journal| {
        let incarnation = journal.incarnation();
        Epoch::of_versions(incarnation, generation, FOLD_VERSION - 1, ANALYSER_VERSION)
    }
}

pub fn as_of(tidings: &Tidings, of: &str) -> Sequence {
    let head = tidings.views().head(&keyword(of)).unwrap();
    head.map_or(Sequence::ZERO, |head| head.as_of)
}
