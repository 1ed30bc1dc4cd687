//! Requests read the engine's clock, and no other.

use std::sync::Arc;

use tidings::journal::Selection;

use crate::common::engine;
use crate::common::events::NOW;
use crate::common::in_process::{Running, Setup};
use crate::common::lines::{of, posted};
use tidings::events::Clock;

#[tokio::test(flavor = "multi_thread")]
async fn requests_read_the_clock_of_the_engine() {
    let journal = engine::in_memory(7);
    let running = Running::with(Setup {
        clock: Clock::of(|| NOW),
        journal: Arc::clone(&journal),
        ..Setup::default()
    })
    .await;
    assert_eq!(running.track("ai").await.status, 201);
    let line = of("ai", posted("x:1", &NOW.to_string(), "text"));
    let seq = running.publish_all(&[line]).await;
    let path = format!("/api/v1/keywords/ai/volume?step=minute&min_seq={seq}");
    let volume = running.get(&path).await.json();
    assert_eq!(volume["until"], NOW.plus(60_000).to_string(), "{volume}");
    assert_eq!(volume["total"], 1);
    let path = "/api/v1/keywords/ai";
    assert_eq!(running.send("DELETE", path, &[], b"").await.status, 204);

    let start = journal.start().sequence;
    let mut reader = journal.read(start, Selection::All).await.unwrap();
    let batch = reader.next(10).await.unwrap();
    let received: Vec<_> = batch.envelopes.iter().map(|one| one.received_at).collect();
    assert_eq!(received, [NOW; 3]);
    running.stop().await;
}
