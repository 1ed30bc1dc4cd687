//! Any events, valid or not, give equal views and ledgers through the embedded journal and through
//! JetStream.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use tidings::actors::engine::{Options, Scope, ShardOptions, Tidings};
use tidings::events::{
    Clock, KeywordRecord, Record, RecordHash, Sequence, Timestamp, binary, json,
};
use tidings::journal::{
    EmbeddedJournal, EmbeddedOptions, JetStreamJournal, JetStreamOptions, JournalHandle,
};
use tidings::maintenance::digests;
use tidings::projections::keys::background::BackgroundEntry;
use tidings::projections::{Digest, FoldContext, Ledger};
use tidings::telemetry::Metrics;

use crate::common::chance::long_or;
use crate::common::engine::backgrounds;
use crate::common::histories::{NOON, records};
use crate::jetstream::nats::Nats;

/// Tokens of keywords, and some that name no keyword.
const TOKENS: [&str; 6] = [
    "a",
    "%EC%98%81%ED%99%94",
    "us%20airways",
    "a%2Eb",
    "A",
    "%61",
];

/// A keyword, its ledger, the digest of its content, and its last sequence with the mark.
type Keyword = (String, Ledger, Option<Digest>, (Sequence, RecordHash));

/// The content of views and rejected log after all events.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    digest: Digest,
    keywords: Vec<Keyword>,
    /// The entries of the backgrounds of all shards.
    background: Vec<BackgroundEntry>,
    rejected: Vec<(Vec<u8>, Vec<u8>, String)>,
}

fn options(data: &Path) -> Options {
    Options {
        data: data.to_owned(),
        cache_bytes: 16 << 20,
        fold: FoldContext::default(),
        batch_records: 7,
        keywords_max: 100_000,
        rule_texts_max: 200_000,
        keywords_resident: 20_000,
        shard: ShardOptions {
            commit_events: 20,
            commit_interval: Duration::from_millis(5),
            idle: Duration::from_secs(600),
        },
        clock: Clock::of(Timestamp::now),
    }
}

async fn outcome(journal: JournalHandle, records: &[Record]) -> Outcome {
    let data = tempfile::tempdir().unwrap();
    let log = journal.rejected();
    let tidings = Tidings::start(options(data.path()), Arc::clone(&journal), Metrics::new());
    let tidings = tidings.await.unwrap();
    for group in records.chunks(11) {
        journal.append(group.to_vec()).await.unwrap();
    }
    let head = *journal.head().borrow();
    tidings.reached(Scope::All, head).await.unwrap();
    let (keywords, digest) = digests(tidings.views()).unwrap();
    let background = backgrounds(tidings.views());
    // Entries are in sequence order within a subject only.
    let mut rejected = log.entries().await.unwrap();
    rejected.sort_by_key(|entry| entry.sequence);
    tidings.shutdown().await.unwrap();
    Outcome {
        digest,
        background,
        keywords: keywords
            .into_iter()
            .map(|one| {
                let (head, name) = (one.summary, one.keyword.to_string());
                (name, head.ledger, one.digest, (head.as_of, head.mark))
            })
            .collect(),
        rejected: rejected
            .into_iter()
            .map(|entry| (entry.token.to_vec(), entry.payload.to_vec(), entry.reason))
            .collect(),
    }
}

async fn both(nats: &Nats, records: &[Record]) -> [Outcome; 2] {
    let folder = tempfile::tempdir().unwrap();
    let embedded = EmbeddedJournal::open(folder.path(), &EmbeddedOptions::default()).unwrap();
    let mut client = nats.client();
    for stream in ["TWEETS", "REJECTED"] {
        client.api(&format!("STREAM.DELETE.{stream}"), &json!({}));
    }
    let options = JetStreamOptions {
        urls: vec![nats.url()],
        ..JetStreamOptions::new(Clock::of(Timestamp::now))
    };
    let jetstream = JetStreamJournal::open(&options).await.unwrap();
    [
        outcome(Arc::new(embedded), records).await,
        outcome(Arc::new(jetstream), records).await,
    ]
}

#[test]
fn any_events_give_equal_views_on_both_journals() {
    let nats = Nats::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Some events are too far in the future; the folds of both journals must reject them.
    let received_at =
        Timestamp::from_millis(NOON + Timestamp::DAY).min(Timestamp::now().plus(-1_000));
    let history = vec((select(TOKENS.to_vec()), records(8)), 0..120);
    let mut runner = TestRunner::new(Config {
        cases: long_or(1_000, 24),
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    });
    let run = runner.run(&history, |history| {
        let records: Vec<Record> = history
            .iter()
            .map(|(token, record)| {
                let payload = match record {
                    KeywordRecord::Event(event) => json::encode(event),
                    KeywordRecord::Rejected { payload, .. } => payload.to_vec(),
                    KeywordRecord::Hollow(_) => unreachable!("nothing erases"),
                };
                Record {
                    received_at,
                    token: token.as_bytes().to_vec().into(),
                    stored: binary::encode_payload(&payload, received_at),
                }
            })
            .collect();
        let [embedded, jetstream] = runtime.block_on(both(&nats, &records));
        prop_assert_eq!(embedded, jetstream);
        Ok(())
    });
    run.unwrap();
}
