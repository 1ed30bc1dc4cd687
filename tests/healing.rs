//! Damaged views heal by themselves, in the same epoch, and end as they were.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tidings::actors::{Scope, Tidings, digests, views_dir};
use tidings::events::Sequence;
use tidings::journal::JournalHandle;
use tidings::projections::{Changes, Digest, RowKey};
use tidings::store::{Epoch, EpochParts, Generation, ShardRecord, Store, StoreOptions};
use tidings::telemetry::Metrics as ProcessMetrics;

use system::{append, keyword, memory, options, posted, record};

mod system;

async fn start(data: &Path, journal: &JournalHandle) -> Tidings {
    Tidings::start(options(data), Arc::clone(journal), ProcessMetrics::new())
        .await
        .unwrap()
}

/// Views that were closed cleanly, and what they say.
struct Closed {
    data: TempDir,
    journal: JournalHandle,
    last: Sequence,
    digest: Digest,
    epoch: Epoch,
}

impl Closed {
    async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let journal = memory();
        let tidings = start(data.path(), &journal).await;
        let records = (0..2000).map(|n| record("ai", &posted(n))).collect();
        let last = append(&journal, records).await;
        tidings.reached(Scope::All, last).await.unwrap();
        let digest = digests(tidings.views()).unwrap().1;
        let epoch = tidings.views().epoch().unwrap();
        tidings.shutdown().await.unwrap();
        Self {
            data,
            journal,
            last,
            digest,
            epoch,
        }
    }

    fn parts(&self) -> EpochParts {
        let generation = Generation::load(self.data.path()).unwrap();
        EpochParts::current(self.journal.incarnation(), generation)
    }

    async fn heals(&self) {
        let tidings = start(self.data.path(), &self.journal).await;
        self.is_healed(tidings).await;
    }

    async fn is_healed(&self, tidings: Tidings) {
        let data = self.data.path();
        tidings.reached(Scope::All, self.last).await.unwrap();
        assert_eq!(digests(tidings.views()).unwrap().1, self.digest);
        assert_eq!(tidings.views().epoch().unwrap(), self.epoch);
        assert!(data.join("views/current.damaged").exists());
        tidings.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit() {
    let closed = Closed::new().await;
    let db = views_dir(closed.data.path()).join("db");
    let mut bytes = std::fs::read(&db).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&db, bytes).unwrap();
    closed.heals().await;
}

/// The store is whole, and what it holds is none of ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_does_not_decode() {
    let closed = Closed::new().await;
    let store = Store::open(&StoreOptions {
        dir: views_dir(closed.data.path()),
        cache_bytes: 16 << 20,
        shards: closed.journal.shards(),
        parts: closed.parts(),
    })
    .unwrap();
    let word = keyword("ai");
    let changes = Changes {
        rows: vec![(RowKey::Head, Some(b"\xff".as_slice().into()))],
        ..Changes::default()
    };
    let shard = store.rows_of(&word).unwrap();
    shard.put(&word, changes).unwrap();
    shard.freeze();
    let ShardRecord { checkpoint, .. } = shard.record().unwrap().unwrap();
    shard.commit(&store.record_at(checkpoint)).unwrap();
    store.close().unwrap();

    let tidings = start(closed.data.path(), &closed.journal).await;
    tidings.reached(Scope::All, closed.last).await.unwrap();
    let mut damage = tidings.views().damage();
    assert!(
        digests(tidings.views()).is_err(),
        "nobody has read it before"
    );
    damage.changed().await.unwrap();
    while digests(tidings.views()).is_err() {
        tokio::task::yield_now().await;
    }
    closed.is_healed(tidings).await;
}
