//! Lines that are posted during a rebuild are accepted if their keywords are known.

use serde_json::Value;
use tidings::actors::engine::{Scope, Tidings};
use tidings::events::{Record, Sequence};

use crate::common::engine::shared;
use crate::common::gate::Gate;
use crate::common::http::Answer;
use crate::common::in_process::Running;
use crate::common::lines::{self, ndjson, of};
use crate::engine::previous_views::scene::{
    self, append, as_of, keyword, older, start, tweets, untracked, views_of,
};

const AT: &str = "2026-11-23T07:00:00.000Z";

fn tweet(id: &str, text: &str) -> Value {
    lines::posted(id, AT, text)
}

fn deleted(id: &str) -> Value {
    lines::deleted(id, AT)
}

fn event(kind: &str) -> Value {
    lines::event(kind, AT)
}

/// The outcome of a body: accepted lines, tweet events, unmatched lines, and the numbers of the
/// refused lines, which all have the code `try_again`.
fn taken(reply: &Answer) -> (u64, u64, u64, Vec<u64>) {
    let taken = reply.json();
    assert_eq!(reply.status, 200, "{taken}");
    let count = |name: &str| taken[name].as_u64().unwrap();
    let refused = taken["rejected"].as_array().unwrap().iter().map(|refused| {
        let reason = refused["reason"].as_str().unwrap();
        assert!(reason.starts_with("try_again"), "{taken}");
        refused["line"].as_u64().unwrap()
    });
    (
        count("accepted"),
        count("journaled"),
        count("unmatched"),
        refused.collect(),
    )
}

fn refused_whole(reply: &Answer) {
    assert_eq!((reply.status, reply.problem().as_str()), (503, "try-again"));
    assert_eq!(reply.header("retry-after"), Some("1"));
}

fn tweets_of(tidings: &Tidings, of: &str) -> u64 {
    tidings
        .views()
        .summary(&keyword(of))
        .unwrap()
        .unwrap()
        .tweets
}

/// The history of three tracked keywords and an untracked one.
fn history() -> Vec<Record> {
    let mut records = tweets(0..300);
    records.push(scene::posted("gone", 300));
    records.push(untracked("gone"));
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn previous_views_route_tweets() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    views_of(data, history(), older(data), None).await;
    let journal = scene::journal(data);
    let head = *journal.head().borrow();
    let (gate, _opener) = Gate::closed();
    let tidings = start(data, &journal, gate.fold()).await;
    let running = Running::over(&tidings).await;

    // Nothing is folded yet, and a keyword of the previous views may be untracked by now.
    for line in [
        of("new", tweet("n1", "x")),
        of("gone", tweet("n1", "x")),
        of("ai", event("keyword.untracked")),
        of("gone", event("keyword.tracked")),
    ] {
        refused_whole(&running.publish(ndjson(&[line])).await);
    }
    assert_eq!(*journal.head().borrow(), head);
    // The previous views have folded the whole journal.
    let reply = running.publish(ndjson(&[deleted("t3")])).await;
    assert_eq!(taken(&reply), (1, 1, 0, vec![]));
    let reply = running
        .publish(ndjson(&[
            of("ai", tweet("n2", "x")),
            tweet("n3", "ai and 연기"),
            tweet("n4", "neither"),
            of("연기", event("keyword.tracked")),
            of("연기", deleted("t4")),
        ]))
        .await;
    assert_eq!(taken(&reply), (4, 4, 1, vec![]));
    // The line about a known keyword is accepted, and the other lines of the body are refused.
    let rest = [of("new", tweet("n5", "x")), deleted("n2")];
    let [unknown, asking] = rest.clone();
    let reply = running
        .publish(ndjson(&[unknown, of("ai", tweet("n6", "x")), asking]))
        .await;
    assert_eq!(taken(&reply), (1, 1, 0, vec![1, 3]));
    assert_eq!(as_of(&tidings, "new"), Sequence::ZERO);

    gate.open();
    let last = *journal.head().borrow();
    tidings.reached(Scope::All, last).await.unwrap();
    // Both keywords had 100 tweets. "ai" lost t3 and got n2, n3 and n6; "연기" lost t4 and got n3.
    assert_eq!(tweets_of(&tidings, "ai"), 102);
    assert_eq!(tweets_of(&tidings, "연기"), 100);
    let reply = running.publish(ndjson(&rest)).await;
    assert_eq!(taken(&reply), (2, 2, 0, vec![]));
    assert_eq!(tweets_of(&tidings, "new"), 1);
    running.stop().await;
}

/// Views that answer while they grow know some of the keywords.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn growing_previous_views_know_some_keywords() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let journal = scene::journal(data);
    append(&journal, history()).await;
    let (gate, _opener) = Gate::closed();
    gate.open_to(Sequence::new(64));
    let tidings = start(data, &journal, gate.fold()).await;
    let ai = keyword("ai");
    let met = Scope::Keyword(&ai);
    tidings.reached(met, Sequence::new(64)).await.unwrap();
    let running = Running::over(&tidings).await;
    let reply = running.publish(ndjson(&[of("ai", tweet("n1", "x"))])).await;
    assert_eq!(taken(&reply), (1, 1, 0, vec![]));
    refused_whole(&running.publish(ndjson(&[tweet("n2", "ai")])).await);
    gate.open();
    let last = *journal.head().borrow();
    tidings.reached(Scope::All, last).await.unwrap();
    assert_eq!(tweets_of(&tidings, "ai"), 101);
    running.stop().await;
}

/// Other servers may have tracked keywords that the previous views don't know.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn text_is_not_matched_when_others_may_track_keywords() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    views_of(data, history(), older(data), None).await;
    let journal = shared(scene::journal(data));
    append(&journal, vec![scene::tracked("other")]).await;
    let (gate, _opener) = Gate::closed();
    let tidings = start(data, &journal, gate.fold()).await;
    let running = Running::over(&tidings).await;
    let lines = [tweet("n1", "ai and other"), of("ai", tweet("n2", "x"))];
    let reply = running.publish(ndjson(&lines)).await;
    assert_eq!(taken(&reply), (1, 1, 0, vec![1]));
    gate.open();
    let last = *journal.head().borrow();
    tidings.reached(Scope::All, last).await.unwrap();
    let reply = running.publish(ndjson(&lines[..1])).await;
    assert_eq!(taken(&reply), (1, 2, 0, vec![]));
    running.stop().await;
}
