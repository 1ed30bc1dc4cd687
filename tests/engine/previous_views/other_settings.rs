//! Views of other settings are of another epoch. They answer until the views are folded again.

use std::path::Path;

use tidings::actors::engine::{FoldStep, OpeningError, Options, Scope, Tidings, fold_step};
use tidings::events::Clock;
use tidings::journal::JournalHandle;
use tidings::maintenance::{OpenViews, compact, rebuild};
use tidings::projections::FoldContext;
use tidings::projections::spikes::SpikeSettings;
use tidings::text::AnalyserSettings;

use crate::common::engine::{append, memory, options, start_with};
use crate::common::events::{NOW, posted, record, tweet};
use crate::common::files::copy_folder;
use crate::common::gate::Gate;
use crate::common::in_process::Running;
use crate::engine::previous_views::scene::as_of;

fn words(user_words: &[&str]) -> FoldContext {
    let texts = AnalyserSettings {
        user_words: user_words.iter().map(|word| (*word).to_owned()).collect(),
    };
    FoldContext::new(&texts, SpikeSettings::default())
}

async fn start(
    data: &Path,
    settings: FoldContext,
    journal: &JournalHandle,
    fold: FoldStep,
) -> (Tidings, Running) {
    let options = Options {
        fold: settings,
        clock: Clock::of(|| NOW),
        ..options(data)
    };
    let tidings = start_with(options, journal, fold).await;
    let running = Running::over(&tidings).await;
    (tidings, running)
}

/// The epoch of a ranking, and its words.
async fn ranking(running: &Running) -> (String, Vec<String>) {
    let answer = running.get("/api/v1/keywords/ai/ranking").await.expect(200);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let items = answer["items"].as_array().unwrap().iter();
    let words = items.map(|item| text(&item["key"]));
    (text(&answer["epoch"]), words.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn other_user_words_are_folded_again_while_the_earlier_views_answer() {
    let journal = memory();
    let event = posted(tweet("t1", NOW, "Galaxy S25"));
    let last = append(&journal, vec![record("ai", &event)]).await;
    let data = tempfile::tempdir().unwrap();
    let (tidings, running) = start(data.path(), words(&[]), &journal, fold_step()).await;
    tidings.reached(Scope::All, last).await.unwrap();
    let before = ranking(&running).await;
    assert_eq!(before.1, ["galaxy", "s25"]);
    running.stop().await;

    let (gate, opener) = Gate::closed();
    let (tidings, running) =
        start(data.path(), words(&["galaxy s25"]), &journal, gate.fold()).await;
    let mut shown = tidings.views().shown();
    shown.mark_unchanged();
    assert_eq!(ranking(&running).await, before);
    gate.open();
    shown.changed().await.unwrap();
    let after = ranking(&running).await;
    assert_eq!(after.1, ["galaxy s25"]);
    assert_ne!(after.0, before.0);
    running.stop().await;
    drop(opener);

    // A gate that stays closed: with equal settings nothing is folded again.
    let (gate, _opener) = Gate::closed();
    let (_, running) = start(data.path(), words(&[" GALAXY S25"]), &journal, gate.fold()).await;
    assert_eq!(ranking(&running).await, after);
    running.stop().await;

    let elsewhere = tempfile::tempdir().unwrap();
    let (tidings, running) = start(
        elsewhere.path(),
        words(&["galaxy s25"]),
        &journal,
        fold_step(),
    )
    .await;
    tidings.reached(Scope::All, last).await.unwrap();
    assert_eq!(ranking(&running).await, after);
    running.stop().await;
}

/// Rows store only the hash of their settings. Spikes depend on the settings, so they cannot be
/// computed from the earlier views, although these have the counts. Servers that still run with the
/// earlier settings answer in the epoch of the earlier views.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn earlier_views_do_not_answer_with_other_settings_than_their_own() {
    let higher_minimum = SpikeSettings {
        minimum: 1_000,
        ..SpikeSettings::default()
    };
    let no_words = AnalyserSettings::default();
    for other in [
        words(&["galaxy s25"]),
        FoldContext::new(&no_words, higher_minimum),
    ] {
        let journal = memory();
        let event = posted(tweet("t1", NOW, "Galaxy S25"));
        let last = append(&journal, vec![record("ai", &event)]).await;
        let data = tempfile::tempdir().unwrap();
        let (tidings, running) = start(data.path(), words(&[]), &journal, fold_step()).await;
        tidings.reached(Scope::All, last).await.unwrap();
        let spikes = "/api/v1/keywords/ai/spikes";
        let epoch = running.get(spikes).await.expect(200)["epoch"].clone();
        running.stop().await;

        let (gate, _opener) = Gate::closed();
        let (tidings, running) = start(data.path(), other, &journal, gate.fold()).await;
        let mut shown = tidings.views().shown();
        shown.mark_unchanged();
        let volume = running.get("/api/v1/keywords/ai/volume").await.expect(200);
        assert_eq!(volume["epoch"], epoch);
        let refused = running.get(spikes).await;
        let problem = (refused.status, refused.problem());
        assert_eq!(problem, (503, "try-again".to_owned()));

        gate.open();
        shown.changed().await.unwrap();
        let later = running.get(spikes).await.expect(200);
        assert_ne!(later["epoch"], epoch);
        running.stop().await;
    }
}

/// Copies a folder of views with its seal.
fn copy_views(data: &Path, from: &str, to: &str) {
    let views = data.join("views");
    copy_folder(&views.join(from), &views.join(to));
    let seal = |name: &str| views.join(format!("{name}.seal"));
    std::fs::copy(seal(from), seal(to)).unwrap();
}

/// A server with other settings is stopped before its views have caught up, once before and once
/// after its first commit. Until then the views of the first settings have answered as previous
/// views.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn views_of_earlier_settings_answer_at_once_when_these_are_set_again() {
    for others_have_rows in [false, true] {
        let journal = memory();
        let event = posted(tweet("t1", NOW, "Galaxy S25"));
        let last = append(&journal, vec![record("ai", &event)]).await;
        let data = tempfile::tempdir().unwrap();
        let data = data.path();
        let (tidings, running) = start(data, words(&[]), &journal, fold_step()).await;
        tidings.reached(Scope::All, last).await.unwrap();
        let before = ranking(&running).await;
        running.stop().await;
        if others_have_rows {
            copy_views(data, "current", "kept");
            let (tidings, running) =
                start(data, words(&["galaxy s25"]), &journal, fold_step()).await;
            let views = tidings.views();
            let is_shown = |_: &u64| views.epoch().unwrap().to_string() != before.0;
            views.shown().wait_for(is_shown).await.unwrap();
            running.stop().await;
            copy_views(data, "kept", "old");
        } else {
            copy_views(data, "current", "old");
            std::fs::remove_dir_all(data.join("views/current")).unwrap();
            std::fs::remove_file(data.join("views/current.seal")).unwrap();
        }

        // A gate that stays closed: nothing is folded again.
        let (gate, _opener) = Gate::closed();
        let (tidings, running) = start(data, words(&[]), &journal, gate.fold()).await;
        assert_eq!(as_of(&tidings, "ai"), last, "{others_have_rows}");
        assert_eq!(ranking(&running).await, before);
        assert!(!data.join("views/old").exists());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn commands_with_other_settings_are_refused_and_leave_the_views_unchanged() {
    let journal = memory();
    let event = posted(tweet("t1", NOW, "Galaxy S25"));
    let last = append(&journal, vec![record("ai", &event)]).await;
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let (tidings, running) = start(data, words(&["galaxy s25"]), &journal, fold_step()).await;
    tidings.reached(Scope::All, last).await.unwrap();
    let before = ranking(&running).await;
    running.stop().await;

    let (others, cache) = (FoldContext::default(), 16 << 20);
    let refusals = [
        rebuild(data, cache, &others, &*journal, |_| {}).await.err(),
        compact(data, cache, &others, &*journal).await.err(),
        OpenViews::open(data, cache, &others, &*journal).await.err(),
    ];
    for (number, refused) in refusals.into_iter().enumerate() {
        assert!(matches!(refused, Some(OpeningError::Outdated)), "{number}");
    }
    let views = data.join("views");
    assert!(views.join("current.seal").exists());
    assert!(!views.join("old").exists());

    let (gate, _opener) = Gate::closed();
    let (_, running) = start(data, words(&["galaxy s25"]), &journal, gate.fold()).await;
    assert_eq!(ranking(&running).await, before);
    running.stop().await;
}
