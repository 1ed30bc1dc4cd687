//! Previous views answer, frozen, until the new views have caught up, unless they are damaged.

use tidings::actors::engine::{KeywordStatus, Options, Scope, fold_step};
use tidings::events::{Clock, RecordHash, Sequence};
use tidings::journal::JournalHandle;
use tidings::maintenance::digests;
use tidings::store::Generation;

use crate::common::engine::{options, start_with};
use crate::common::gate::Gate;
use crate::common::in_process::{EventStream, Running};
use crate::engine::previous_views::scene::{
    self, KEYWORDS, NOW, append, as_of, keyword, of_earlier_analyser, older, start, tweets,
    views_of,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn previous_views_answer_frozen_until_new_views_catch_up() {
    for (restarted, has_parts) in [(false, false), (true, false), (false, true)] {
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path();
        let version = |journal: &JournalHandle| {
            if has_parts {
                of_earlier_analyser(data)(journal)
            } else {
                older(data)(journal)
            }
        };
        let before = views_of(data, tweets(0..300), version, None).await;
        if restarted {
            // The remains of a rebuild that was killed before its first commit.
            std::fs::rename(data.join("views/current"), data.join("views/old")).unwrap();
            std::fs::rename(data.join("views/current.seal"), data.join("views/old.seal")).unwrap();
        }
        let journal = scene::journal(data);
        let old_epoch = version(&journal).epoch();
        let last = append(&journal, tweets(300..360)).await;
        let (gate, _opener) = Gate::closed();
        let tidings = start(data, &journal, gate.fold()).await;
        let mut shown = tidings.views().shown();
        shown.mark_unchanged();

        assert_eq!(tidings.views().epoch().unwrap(), old_epoch);
        assert_eq!(as_of(&tidings, "us airways"), before);
        let mark = tidings.views().summary(&keyword("us airways")).unwrap();
        let mark = mark.unwrap().mark;
        assert_eq!(mark != RecordHash::default(), has_parts);
        assert_eq!(tidings.position(), before);
        assert!(tidings.status().starting);
        for of in KEYWORDS {
            let status = tidings.keyword_status(&keyword(of));
            assert_eq!(status, KeywordStatus::CatchingUp);
        }
        tidings.reached(Scope::All, before).await.unwrap();
        let current = keyword("us airways");
        let mut later = std::pin::pin!(tidings.reached(Scope::Keyword(&current), last));
        tokio::select! {
            biased;
            reached = &mut later => panic!("not shown, but {reached:?}"),
            () = std::future::ready(()) => {}
        }

        gate.open();
        later.await.unwrap();
        assert_eq!(as_of(&tidings, "us airways"), last);
        tidings.reached(Scope::All, last).await.unwrap();
        assert!(shown.has_changed().unwrap());
        assert_ne!(tidings.views().epoch().unwrap(), old_epoch);
        assert_eq!(tidings.position(), last);
        assert!(tidings.status().ready);
        assert!(!data.join("views/old").exists());
        let rebuilt = digests(tidings.views()).unwrap().1;
        tidings.shutdown().await.unwrap();

        let fresh = tempfile::tempdir().unwrap();
        let journal = scene::journal(data);
        let tidings = start(fresh.path(), &journal, fold_step()).await;
        tidings.reached(Scope::All, last).await.unwrap();
        assert_eq!(digests(tidings.views()).unwrap().1, rebuilt);
        tidings.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn damaged_previous_views_are_replaced_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let ai = keyword("ai");
    let last = views_of(data, tweets(0..300), older(data), Some(&ai)).await;
    let journal = scene::journal(data);
    let (gate, _opener) = Gate::closed();
    let tidings = start(data, &journal, gate.fold()).await;
    let mut shown = tidings.views().shown();
    shown.mark_unchanged();
    assert_eq!(as_of(&tidings, "us airways"), last);
    tidings.views().summary(&ai).unwrap_err();
    shown.changed().await.unwrap();
    // Nothing is folded yet.
    assert_eq!(as_of(&tidings, "us airways"), Sequence::ZERO);
    assert!(tidings.status().starting);
    gate.open();
    tidings.reached(Scope::All, last).await.unwrap();
    assert_eq!(as_of(&tidings, "us airways"), last);
    tidings.shutdown().await.unwrap();
}

/// A new generation means that damage was found in the earlier views.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn views_of_another_generation_never_answer() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    let last = views_of(data, tweets(0..300), older(data), None).await;
    Generation::renew(data).unwrap();
    let journal = scene::journal(data);
    let (gate, _opener) = Gate::closed();
    let tidings = start(data, &journal, gate.fold()).await;
    assert_eq!(as_of(&tidings, "us airways"), Sequence::ZERO);
    gate.open();
    tidings.reached(Scope::All, last).await.unwrap();
    assert_eq!(as_of(&tidings, "us airways"), last);
    assert!(!data.join("views/old").exists());
    tidings.shutdown().await.unwrap();
}

/// The previous views have no rows for a ranking of words, and are of another analyser. They have
/// the counts of an overview.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn what_previous_views_cannot_answer_waits_for_new_ones() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path();
    views_of(data, tweets(0..300), older(data), None).await;
    let journal = scene::journal(data);
    let (gate, _opener) = Gate::closed();
    let options = Options {
        clock: Clock::of(|| NOW),
        ..options(data)
    };
    let tidings = start_with(options, &journal, gate.fold()).await;
    let old_epoch = tidings.views().epoch().unwrap();
    let running = Running::over(&tidings).await;
    let mut stream = EventStream::of_topic(&running, "ai", "ranking").await;
    let get = |resource: &str| {
        let path = format!("/api/v1/keywords/ai/{resource}");
        let running = &running;
        async move { running.get(&path).await }
    };
    for resource in [
        "ranking",
        "ranking?order=rising",
        "ranking?by=author",
        "spikes",
    ] {
        let refused = get(resource).await;
        let problem = (refused.status, refused.problem());
        assert_eq!(problem, (503, "try-again".to_owned()), "{resource}");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    for resource in ["timeline", "volume", "ranking?by=tweet", "ledger"] {
        let answer = get(resource).await.expect(200);
        assert_eq!(answer["epoch"], old_epoch.to_string(), "{resource}");
    }

    let overview = running.get("/api/v1/overview").await.expect(200);
    assert_eq!(overview["epoch"], old_epoch.to_string());
    assert_eq!(overview["keywords"].as_array().unwrap().len(), 3);
    assert_eq!(overview.get("spikes"), None);

    gate.open();
    let snapshot = stream.snapshot(|_| true).await;
    assert_ne!(snapshot["epoch"], old_epoch.to_string());
    assert_eq!(snapshot["total"], 100);
    assert_eq!(snapshot["items"][0]["key"], "number");
    let answer = get("ranking").await.expect(200);
    assert_eq!(answer["items"], snapshot["items"]);
    let overview = running.get("/api/v1/overview").await.expect(200);
    assert_eq!(overview["spikes"], serde_json::json!([]));
    drop(stream);
    running.stop().await;
}
