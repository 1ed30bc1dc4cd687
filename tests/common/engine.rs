//! The engine in the test process: its options, its journals, and its results.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidings::actors::engine::{FoldStep, Options, ShardOptions, Tidings, fold_step};
use tidings::events::{Clock, Incarnation, Record, Sequence, Timestamp};
use tidings::journal::{
    Connection, EmbeddedJournal, EmbeddedOptions, JournalHandle, MemoryJournal,
};
use tidings::projections::FoldContext;
use tidings::projections::keys::background::{BackgroundContent, BackgroundEntry};
use tidings::store::Views;
use tidings::telemetry::Metrics;

use crate::common::journal_double::JournalDouble;

/// Options with small batches and frequent commits.
pub fn options(data: &Path) -> Options {
    Options {
        data: data.to_owned(),
        clock: Clock::of(Timestamp::now),
        cache_bytes: 16 << 20,
        fold: FoldContext::default(),
        batch_records: 64,
        keywords_max: 100_000,
        rule_texts_max: 200_000,
        keywords_resident: 20_000,
        shard: ShardOptions {
            commit_events: 100,
            commit_interval: Duration::from_millis(50),
            idle: Duration::from_secs(600),
        },
    }
}

/// Starts the engine with [`options`].
pub async fn start(data: &Path, journal: &JournalHandle) -> Tidings {
    start_with(options(data), journal, fold_step()).await
}

/// Starts the engine with these options and this fold.
pub async fn start_with(options: Options, journal: &JournalHandle, fold: FoldStep) -> Tidings {
    Tidings::start_with(options, Arc::clone(journal), Metrics::new(), fold)
        .await
        .unwrap()
}

/// The entries of the backgrounds of all shards.
pub fn backgrounds(views: &Views) -> Vec<BackgroundEntry> {
    let entries = views.over_backgrounds(Vec::new(), |entries, runs, rows| {
        let mut content = BackgroundContent::new(rows, runs)?;
        while let Some(entry) = content.next_entry()? {
            entries.push(entry);
        }
        Ok(())
    });
    entries.unwrap()
}

pub async fn append(journal: &JournalHandle, records: Vec<Record>) -> Sequence {
    journal.append(records).await.unwrap().last
}

/// The embedded journal in a folder.
pub fn embedded(folder: &Path) -> JournalHandle {
    Arc::new(EmbeddedJournal::open(folder, &EmbeddedOptions::default()).unwrap())
}

/// An empty journal in memory.
pub fn in_memory(incarnation: u64) -> JournalHandle {
    Arc::new(MemoryJournal::new(Incarnation(incarnation)))
}

/// A journal in memory that stays open when an engine closes it, for the next engine.
pub fn memory() -> JournalHandle {
    JournalDouble::of(in_memory(7)).kept_open().handle()
}

/// A journal that other processes can also write to.
pub fn shared(journal: JournalHandle) -> JournalHandle {
    JournalDouble::of(journal)
        .connected(Connection::Connected)
        .kept_open()
        .handle()
}
