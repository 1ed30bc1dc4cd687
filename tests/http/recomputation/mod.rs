//! Rankings, related words, overviews, spikes and expected counts over HTTP equal a recomputation
//! from the raw lines, before and after deletions and metrics. The recomputation uses plain lists
//! of posts. It shares only the analyser and the form of times with the server.
//!
//! ```text
//! corpus ─► server ─────────────────────────────► answers ─┐
//!    └────► archive ─► views ─► ranking, related, … ───────┴─► equal for each of the queries
//! ```
//!
//! With `TIDINGS_SOAK` the posts of four months are published and every query is asked;
//! otherwise the posts of 60 days, and a sample of the queries.

mod archive;
mod changes;
mod corpus;
mod expectations;
mod overview;
mod queries;
mod ranking;
mod related;
mod spikes;
mod statistics;

use serde_json::Value;
use tidings::events::{Clock, Timestamp};

use crate::common::chance::{Chance, is_soak};
use crate::common::in_process::{Running, Setup};
use crate::common::lines::ndjson;
use archive::{Archive, View};
use corpus::Corpus;
use overview::token;
use queries::{Query, State};
use spikes::Spikes;

/// Number of lines in a request. The lines are folded before the next request.
const LINES: usize = 1_000;
/// Maximum number of attempts of a request. A busy machine may not fold or answer in time.
const MAX_ATTEMPTS: usize = 20;
/// Maximum number of different answers that are printed.
const MAX_PRINTED: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn answers_about_generated_posts_equal_a_recomputation_from_the_lines() {
    compare(&Corpus::generated()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_about_published_posts_equal_a_recomputation_from_the_lines() {
    if let Some(corpus) = Corpus::published() {
        compare(&corpus).await;
    }
}

async fn compare(corpus: &Corpus) {
    // The posts of the last day are deleted up to a day later, and the server accepts no line that
    // is more than a day ahead of its clock.
    let now = corpus.to.plus(Timestamp::HOUR + 123_456);
    let running = Running::with(Setup {
        clock: Clock::of(move || now),
        ..Setup::default()
    })
    .await;
    for keyword in corpus.keywords {
        assert_eq!(running.track(keyword).await.status, 201);
    }
    let mut archive = Archive::new(corpus.keywords);
    publish(&running, &corpus.lines, &mut archive).await;

    let mut chance = Chance::of(13);
    let views = archive.views();
    let times = (corpus.from.millis(), corpus.to.millis());
    let moments = changes::moments(&views, times, &mut chance);
    let changes = changes::changes(&views, now.millis(), &mut chance);
    let choose = if is_soak() { Query::all } else { Query::some };
    let queries = choose(corpus.keywords.len(), &moments, &mut chance);
    ask(&running, views, now, &queries).await;

    let changes = ndjson(&changes);
    let changes: Vec<String> = changes.lines().map(str::to_owned).collect();
    publish(&running, &changes, &mut archive).await;
    let queries = choose(corpus.keywords.len(), &moments, &mut chance);
    ask(&running, archive.views(), now, &queries).await;
    running.stop().await;
}

/// Publishes lines, waits until they are folded, and applies them to the archive.
async fn publish(running: &Running, lines: &[String], archive: &mut Archive) {
    for part in lines.chunks(LINES) {
        let mut attempts = 1..=MAX_ATTEMPTS;
        while !is_folded(running, &part.join("\n")).await {
            assert!(attempts.next().is_some(), "lines are refused each time");
        }
        for line in part {
            archive.apply(&serde_json::from_str(line).unwrap());
        }
    }
}

/// Publishes lines and waits until they are folded. Returns false if some lines were refused
/// because the lines before them were not folded within five seconds. All lines can then be
/// published again, because the accepted ones change nothing the second time.
async fn is_folded(running: &Running, lines: &str) -> bool {
    let answer = running.publish(lines).await.expect(200);
    let path = format!("/api/v1/ledger?min_seq={}", answer["seq"]);
    let mut attempts = 1..=MAX_ATTEMPTS;
    // Each request waits for five seconds.
    while running.get(&path).await.status == 503 {
        assert!(attempts.next().is_some(), "lines are not folded");
    }
    let refused = answer["rejected"].as_array().unwrap();
    assert!(
        refused.iter().all(|line| line["code"] == "try_again"),
        "{refused:?}"
    );
    refused.is_empty()
}

/// Compares the number of posts of each keyword, and the answers to these queries.
async fn ask(running: &Running, views: Vec<View<'_>>, now: Timestamp, queries: &[Query]) {
    let state = State {
        spikes: views.iter().map(Spikes::of).collect(),
        views,
        now: now.millis(),
    };
    check_summaries(running, &state.views).await;
    assert_ne!(
        state.spikes.iter().map(|of| of.spikes.len()).sum::<usize>(),
        0,
        "no spikes are compared"
    );
    let mut different = Vec::new();
    for query in queries {
        let path = format!("/api/v1/{}", query.path(&state));
        let mut answer = running.get(&path).await.expect(200);
        for position in ["epoch", "as_of"] {
            answer.as_object_mut().unwrap().remove(position).unwrap();
        }
        let recomputed = query.answer(&state);
        if answer != recomputed {
            if different.len() < MAX_PRINTED {
                println!("{path}\nserver: {answer:#}\nrecomputed: {recomputed:#}\n");
            }
            different.push(path);
        }
    }
    assert!(
        different.is_empty(),
        "{} of {} answers differ: {different:#?}",
        different.len(),
        queries.len()
    );
}

/// Compares the number of posts of each keyword, and the times of the oldest and the newest post.
async fn check_summaries(running: &Running, views: &[View<'_>]) {
    let answer = running.get("/api/v1/keywords").await.expect(200);
    for view in views {
        let rows = answer["keywords"].as_array().unwrap();
        let row = rows.iter().find(|row| row["token"] == token(view.keyword));
        let row = row.unwrap();
        assert_eq!(row["tweets"], view.posts.len(), "{row}");
        let times = [view.posts.first(), view.posts.last()];
        let times = times.map(|post| post.map_or(Value::Null, |post| archive::time(post.at)));
        assert_eq!([&row["first_at"], &row["last_at"]], [&times[0], &times[1]]);
    }
}
