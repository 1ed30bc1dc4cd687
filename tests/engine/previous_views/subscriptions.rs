//! A subscriber does not notice that old records are folded again.

use tidings::events::{Record, Sequence};

use crate::common::gate::Gate;
use crate::common::in_process::{EventStream, Running};
use crate::engine::previous_views::scene::{
    self, append, keyword, older, posted, start, tracked, untracked, views_of,
};

/// A keyword that was tracked, untracked, and tracked again.
fn tracked_again() -> Vec<Record> {
    let mut records: Vec<_> = (0..64).map(|id| posted("ai", id)).collect();
    records.push(untracked("ai"));
    records.extend((64..128).map(|id| posted("ai", id)));
    records.push(tracked("ai"));
    records.extend((128..150).map(|id| posted("ai", id)));
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn replayed_untrack_of_another_epoch_ends_no_subscription() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    views_of(data, tracked_again(), older(data), None).await;
    let journal = scene::journal(data);
    let (gate, _opener) = Gate::closed();
    let tidings = start(data, &journal, gate.fold()).await;
    let running = Running::over(&tidings).await;
    let mut stream = EventStream::open(&running, "ai").await;
    let held = stream.snapshot(|_| true).await;
    assert_eq!(held["epoch"], older(data)(&journal).epoch().to_string());

    gate.open();
    let rebuilt = stream.snapshot(|line| line["epoch"] != held["epoch"]).await;
    assert_eq!(rebuilt["items"], held["items"]);
    assert_eq!(rebuilt["seq"], held["seq"]);

    tidings.untrack(&keyword("ai")).await.unwrap();
    stream.ends().await;
    running.stop().await;
}

/// Views that answer while they grow fold records from before the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn untrack_from_before_the_start_ends_no_subscription_while_folding() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let journal = scene::journal(data);
    let last = append(&journal, tracked_again()).await;
    let (gate, _opener) = Gate::closed();
    gate.open_to(Sequence::new(64));
    let tidings = start(data, &journal, gate.fold()).await;
    let ai = keyword("ai");
    tidings
        .reached(
            tidings::actors::engine::Scope::Keyword(&ai),
            Sequence::new(64),
        )
        .await
        .unwrap();
    let running = Running::over(&tidings).await;
    let mut stream = EventStream::open(&running, "ai").await;
    let held = stream.snapshot(|_| true).await;
    assert_eq!(held["seq"], 64);

    gate.open();
    let rebuilt = stream.snapshot(|line| line["seq"] == last.get()).await;
    assert_eq!(rebuilt["items"].as_array().unwrap().len(), 22);
    tidings.untrack(&ai).await.unwrap();
    stream.ends().await;
    running.stop().await;
}
