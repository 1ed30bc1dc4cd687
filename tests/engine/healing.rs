//! Damaged views heal by themselves, in the same epoch, and have the same content afterwards.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tidings::actors::engine::{Scope, Tidings, views_dir};
use tidings::events::{Event, Incarnation, Record, Sequence, binary};
use tidings::journal::{Connection, JournalHandle, MemoryJournal};
use tidings::maintenance::digests;
use tidings::projections::{Digest, FoldContext, KeywordSummary, RowChanges};
use tidings::store::{CheckpointRow, Epoch, Generation, Store, StoreOptions};

use crate::common::engine::{append, embedded, memory, start};
use crate::common::events::{NOW, keyword, numbered, record};
use crate::common::files::{copy_folder, flip_in_the_middle};
use crate::common::journal_double::JournalDouble;

/// Views that were closed cleanly, with their digest and epoch.
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
        let records = (0..2000).map(|n| record("ai", &numbered(n))).collect();
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
async fn flipped_bit_heals_in_the_same_epoch() {
    let closed = Closed::new().await;
    let db = views_dir(closed.data.path()).join("db");
    flip_in_the_middle(&db);
    closed.heals().await;
}

/// The store is intact, but a row of it does not decode.
#[tokio::test(flavor = "multi_thread")]
async fn undecodable_header_heals_in_the_same_epoch() {
    let closed = Closed::new().await;
    let store = Store::open(&StoreOptions {
        dir: views_dir(closed.data.path()),
        cache_bytes: 16 << 20,
        shards: closed.journal.shards(),
        incarnation: closed.journal.incarnation(),
        generation: Generation::load(closed.data.path()).unwrap(),
        context: FoldContext::default(),
    })
    .unwrap();
    let word = keyword("ai");
    let changes = RowChanges {
        rows: vec![(KeywordSummary::key(), Some(b"\xff".as_slice().into()))],
        ..RowChanges::default()
    };
    let shard = store.rows_of(&word).unwrap();
    shard.put(&word, changes).unwrap();
    let record: CheckpointRow = shard.record().unwrap().unwrap();
    shard.commit(&record).unwrap();
    store.close().unwrap();

    let tidings = start(closed.data.path(), &closed.journal).await;
    tidings.reached(Scope::All, closed.last).await.unwrap();
    let mut damage = tidings.views().damage();
    assert!(
        digests(tidings.views()).is_err(),
        "the first read finds the damage"
    );
    damage.changed().await.unwrap();
    while digests(tidings.views()).is_err() {
        tokio::task::yield_now().await;
    }
    closed.is_healed(tidings).await;
}

/// An engine that has folded the whole journal into the views in `data`.
async fn folded(data: &Path, journal: &JournalHandle) -> Tidings {
    let tidings = start(data, journal).await;
    let head = *journal.head().borrow();
    tidings.reached(Scope::All, head).await.unwrap();
    tidings
}

async fn epoch_of(data: &Path, journal: &JournalHandle) -> Epoch {
    let tidings = folded(data, journal).await;
    let epoch = tidings.views().epoch().unwrap();
    tidings.shutdown().await.unwrap();
    epoch
}

/// The server that starts later finds the damage in another form.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_with_the_same_damage_get_equal_epochs() {
    for connection in [Connection::Connected, Connection::Local] {
        let is_shared = connection == Connection::Connected;
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let broker = Arc::new(MemoryJournal::new(Incarnation(7)));
        let journal = JournalDouble::of(Arc::<MemoryJournal>::clone(&broker))
            .connected(connection)
            .kept_open()
            .handle();
        let mut seen = Vec::new();
        for round in 0..3 {
            let tweets = (0..40).map(|n| record("ai", &numbered(100 * round + n)));
            let last = append(&journal, tweets.collect()).await;
            let before = epoch_of(one.path(), &journal).await;
            let before_other = epoch_of(other.path(), &journal).await;
            assert_eq!(before == before_other, is_shared || round == 0);

            let another = record("ai", &numbered(100 * round + 98));
            broker.replace(last, another.clone());
            let after = epoch_of(one.path(), &journal).await;
            append(&journal, vec![record("ai", &numbered(100 * round + 99))]).await;
            broker.forget(last);
            let after_other = epoch_of(other.path(), &journal).await;
            broker.replace(last, another);
            assert_eq!(after == after_other, is_shared, "round {round}");
            assert_ne!(after_other, before_other);
            assert!(after != before && !seen.contains(&after), "round {round}");
            seen.extend([before, after]);
        }
    }
}

/// The hash in the summary of a keyword is the hash of the record in the journal.
#[tokio::test(flavor = "multi_thread")]
async fn marks_are_the_hashes_of_the_records_in_the_journal() {
    let data = tempfile::tempdir().unwrap();
    let journal = embedded(&data.path().join("journal"));
    let words = ["ai", "연기", "us airways", "b"];
    let mut records: Vec<_> = (0..400)
        .map(|n| record(words[n % 3], &numbered(n)))
        .collect();
    let undecodable = Record {
        stored: binary::encode_wire(b"{"),
        ..record("b", &numbered(0))
    };
    records.push(undecodable);
    records.push(record("ai", &Event::keyword_untracked(NOW)));
    append(&journal, records).await;
    let tidings = folded(data.path(), &journal).await;
    let heads = tidings.views().summaries().unwrap();
    assert_eq!(heads.len(), words.len());
    for (keyword, head) in heads {
        let hash = journal.hash_at(head.as_of).await.unwrap();
        assert_eq!(hash, Some(head.mark), "{keyword}");
        assert_eq!(head.received_at, NOW);
    }
    tidings.shutdown().await.unwrap();
}

/// A copy of the whole data folder is restored. Other events are journaled after that.
#[tokio::test(flavor = "multi_thread")]
async fn restored_folder_keeps_the_epoch_and_gets_other_marks() {
    let data = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let fold_more = |folder: PathBuf, from: usize| async move {
        let journal = embedded(&folder.join("journal"));
        let tweets = (from..from + 30).map(|n| record("ai", &numbered(n)));
        append(&journal, tweets.collect()).await;
        let tidings = folded(&folder, &journal).await;
        let epoch = tidings.views().epoch().unwrap();
        let head = tidings.views().summary(&keyword("ai")).unwrap().unwrap();
        let at_30 = journal.hash_at(Sequence::new(30)).await.unwrap();
        let at_end = journal.hash_at(head.as_of).await.unwrap();
        assert_eq!(at_end, Some(head.mark));
        tidings.shutdown().await.unwrap();
        (epoch, head, at_30)
    };
    let (epoch, before, _) = fold_more(data.path().into(), 0).await;
    copy_folder(data.path(), copy.path());
    let (_, lost, _) = fold_more(data.path().into(), 100).await;
    let (restored, head, at_30) = fold_more(copy.path().into(), 200).await;
    assert_eq!(restored, epoch);
    assert_eq!(head.as_of, lost.as_of);
    assert_ne!(head.mark, lost.mark, "this is how a client finds out");
    assert_eq!(
        at_30,
        Some(before.mark),
        "what was before the copy is the same"
    );
}
