//! A keyword with many tweets is untracked: the other keywords of its shard fold and commit
//! meanwhile, and a crash in between changes nothing.

use std::path::Path;
use std::sync::Arc;

use tidings::actors::engine::{FoldStep, KeywordStatus, Options, Scope, fold_step};
use tidings::events::{Event, Keyword, KeywordRecord, Record, Sequence};
use tidings::journal::JournalHandle;
use tidings::maintenance::{OpenViews, UnhealedViews, digests};
use tidings::projections::FoldContext;

use crate::common::engine::{append, backgrounds, memory, options, start, start_with};
use crate::common::events::{NOW, keyword, numbered, record};
use crate::common::files::copy_folder;
use crate::common::gate::Gate;
use crate::common::rows;

/// More tweets than a shard waits for.
const MANY: usize = 2_001;
const BIG: &str = "big";

/// A keyword of the same shard as [`BIG`].
fn neighbour() -> Keyword {
    let mut names = (0..).map(|number| format!("other{number}"));
    let shard = rows::shard_of(BIG);
    keyword(&names.find(|name| rows::shard_of(name) == shard).unwrap())
}

fn tweets(of: &Keyword, numbers: std::ops::Range<usize>) -> Vec<Record> {
    numbers
        .map(|number| record(of.as_str(), &numbered(number)))
        .collect()
}

/// A fold that waits at the gate before it untracks a keyword.
fn waiting_to_untrack(gate: &Arc<Gate>) -> FoldStep {
    let (gate, fold) = (gate.fold(), fold_step());
    Arc::new(move |view, rows, keyword, envelope| {
        let untracks = matches!(
            envelope.record,
            KeywordRecord::Event(Event::KeywordUntracked { .. })
        );
        let fold = if untracks { &gate } else { &fold };
        fold(view, rows, keyword, envelope)
    })
}

/// The state on disk as a kill leaves it, once every shard is committed through `position` while
/// the untracked keyword lags.
async fn killed_at(data: &Path, journal: &JournalHandle, position: Sequence) -> tempfile::TempDir {
    loop {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(data, copy.path());
        let context = FoldContext::default();
        let opened = OpenViews::open_unhealed(copy.path(), 16 << 20, &context, &**journal).await;
        if let Ok(UnhealedViews::Readable(open)) = opened {
            let unfolded = open.unfolded(&**journal, |_| {}).await.unwrap();
            let behind = open.behind().unwrap();
            open.close().unwrap();
            if unfolded.position() >= position {
                assert!(behind.contains_key(&keyword(BIG)));
                return copy;
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn other_keywords_fold_and_commit_while_a_large_keyword_is_untracked() {
    let data = tempfile::tempdir().unwrap();
    let journal = memory();
    let (big, other) = (keyword(BIG), neighbour());
    let (gate, _opener) = Gate::closed();
    let options = Options {
        batch_records: 1_024,
        ..options(data.path())
    };
    let fold = waiting_to_untrack(&gate);
    let tidings = start_with(options, &journal, fold).await;
    let mut records = tweets(&big, 0..MANY);
    records.extend(tweets(&other, 0..20));
    let last = append(&journal, records).await;
    tidings.reached(Scope::All, last).await.unwrap();

    let untracked = record(BIG, &Event::keyword_untracked(NOW));
    let gone_at = append(&journal, vec![untracked]).await;
    let last = append(&journal, tweets(&other, 20..40)).await;
    tidings.reached(Scope::All, last).await.unwrap();
    let status = tidings.keyword_status(&big);
    assert_eq!(status, KeywordStatus::CatchingUp);
    let summary = tidings.views().summary(&other).unwrap().unwrap();
    assert_eq!(summary.tweets, 40);
    let killed = killed_at(data.path(), &journal, last).await;

    gate.open();
    tidings
        .reached(Scope::Keyword(&big), gone_at)
        .await
        .unwrap();
    let restarted = start(killed.path(), &journal).await;
    restarted
        .reached(Scope::Keyword(&big), gone_at)
        .await
        .unwrap();

    let without_big = memory();
    let alone = tempfile::tempdir().unwrap();
    let alone = start(alone.path(), &without_big).await;
    let last = append(&without_big, tweets(&other, 0..40)).await;
    alone.reached(Scope::All, last).await.unwrap();
    let expected = backgrounds(alone.views());
    for engine in [&tidings, &restarted] {
        assert_eq!(backgrounds(engine.views()), expected);
        let summary = engine.views().summary(&big).unwrap().unwrap();
        assert!(!summary.tracked);
        assert_eq!(summary.tweets, 0);
    }
    let [found, found_after_kill] =
        [&tidings, &restarted].map(|engine| digests(engine.views()).unwrap());
    assert_eq!(found, found_after_kill);
    for engine in [tidings, restarted, alone] {
        engine.shutdown().await.unwrap();
    }
}
