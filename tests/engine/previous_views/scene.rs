//! A data folder with a journal and the views of an older version.

use std::path::Path;

use bytes::Bytes;
use tidings::actors::engine::{FoldStep, Scope, Tidings, fold_step, views_dir};
use tidings::events::{Checkpoint, Event, Keyword, Record, RecordHash, Sequence, binary};
use tidings::journal::JournalHandle;
use tidings::projections::{FOLD_VERSION, FoldContext, KeywordSummary, RowChanges};
use tidings::store::{AnalyserPart, CheckpointRow, EpochParts, Generation, Store, StoreOptions};
use tidings::text::ANALYSER_VERSION;

pub use crate::common::engine::append;
use crate::common::engine::{embedded, options, start_with};
pub use crate::common::events::{NOW, keyword};
use crate::common::events::{numbered, record};

pub const KEYWORDS: [&str; 3] = ["ai", "연기", "us airways"];

pub fn journal(data: &Path) -> JournalHandle {
    embedded(&data.join("journal"))
}

pub fn posted(of: &str, id: usize) -> Record {
    record(of, &numbered(id))
}

pub fn tracked(of: &str) -> Record {
    record(of, &Event::keyword_tracked(NOW))
}

pub fn untracked(of: &str) -> Record {
    record(of, &Event::keyword_untracked(NOW))
}

/// Tweets of the keywords in turn.
pub fn tweets(ids: std::ops::Range<usize>) -> Vec<Record> {
    ids.map(|id| posted(KEYWORDS[id % 3], id)).collect()
}

pub async fn start(data: &Path, journal: &JournalHandle, fold: FoldStep) -> Tidings {
    start_with(options(data), journal, fold).await
}

/// The last version of the fold whose rows name their epoch without its parts, and whose headers
/// have no mark.
const LAST_WITHOUT_PARTS: u32 = 3;

/// Folds records, stops, and rewrites the rows to those of the version that `parts` names. Returns
/// the last sequence.
///
/// The hashes of the checkpoints differ from those of the journal, as with another decoder.
pub async fn views_of(
    data: &Path,
    records: Vec<Record>,
    parts: impl FnOnce(&JournalHandle) -> EpochParts,
    damaged: Option<&Keyword>,
) -> Sequence {
    let journal = journal(data);
    let last = append(&journal, records).await;
    let tidings = start(data, &journal, fold_step()).await;
    tidings.reached(Scope::All, last).await.unwrap();
    tidings.shutdown().await.unwrap();
    let parts = parts(&journal);
    let store = Store::open(&StoreOptions {
        dir: views_dir(data),
        cache_bytes: 16 << 20,
        shards: journal.shards(),
        incarnation: parts.incarnation,
        generation: parts.generation,
        context: FoldContext::default(),
    })
    .unwrap();
    let put_head = |keyword: &Keyword, row: Bytes| {
        let changes = RowChanges {
            rows: vec![(KeywordSummary::key(), Some(row))],
            ..RowChanges::default()
        };
        let shard = store.rows_of(keyword).unwrap();
        shard.put(keyword, changes).unwrap();
    };
    let has_parts = parts.fold > LAST_WITHOUT_PARTS;
    for shard in store.shards() {
        let mut heads = Vec::new();
        let collected = shard.for_each_summary(|keyword, row| {
            heads.push((keyword, KeywordSummary::decode(row)?));
            Ok(())
        });
        collected.unwrap();
        for (keyword, head) in heads {
            if !has_parts {
                put_head(&keyword, head_of_version_1(head));
            }
        }
    }
    if let Some(keyword) = damaged {
        put_head(keyword, b"\xff".as_slice().into());
    }
    for shard in store.shards() {
        let record = shard.record().unwrap().unwrap();
        let checkpoint = record.checkpoint;
        let hash = RecordHash(checkpoint.hash.0 ^ 1);
        let record = CheckpointRow {
            epoch: parts.epoch(),
            parts: has_parts.then_some(parts),
            checkpoint: Checkpoint { hash, ..checkpoint },
            ..record
        };
        shard.commit(&record).unwrap();
    }
    store.close().unwrap();
    last
}

fn head_of_version_1(head: KeywordSummary) -> Bytes {
    let mut row = vec![1];
    let fields = (
        (head.tracked, head.as_of, head.ledger),
        (head.tweets, head.first_at, head.last_at, head.id_runs),
    );
    binary::encode_value(&fields, &mut row).unwrap();
    row.into()
}

/// The epoch parts of the last version whose rows name no parts.
pub fn older(data: &Path) -> impl FnOnce(&JournalHandle) -> EpochParts {
    version(data, LAST_WITHOUT_PARTS, 0)
}

/// The epoch parts of this version of the fold with the earlier analyser.
pub fn of_earlier_analyser(data: &Path) -> impl FnOnce(&JournalHandle) -> EpochParts {
    version(data, FOLD_VERSION, ANALYSER_VERSION - 1)
}

fn version(data: &Path, fold: u32, analyser: u32) -> impl FnOnce(&JournalHandle) -> EpochParts {
    let generation = Generation::load(data).unwrap();
    move |journal| EpochParts {
        fold,
        analyser: AnalyserPart {
            version: analyser,
            settings: 0,
        },
        ..EpochParts::current(journal.incarnation(), generation, &FoldContext::default())
    }
}

pub fn as_of(tidings: &Tidings, of: &str) -> Sequence {
    let head = tidings.views().summary(&keyword(of)).unwrap();
    head.map_or(Sequence::ZERO, |head| head.as_of)
}
