//! `tidings bench queries`: waiting times of the answers that need many rows.
//!
//! The server is a child process with its defaults, filled over HTTP by [`scene`]. Each query is
//! asked several times, one request after the other: first while nothing else happens, then while a
//! publisher posts at a steady rate. [`figures`] has the results. Without a limit on the rate, the
//! fold would take all processors. The threads of the answers have a lower priority, so answers
//! would hardly come.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::latency::Latency;
use super::server::{BenchServer, Start};
use crate::cli::Invocation;
use crate::cli::failure::CommandOutcome;
use figures::{QueryFigures, Waited};
use query::{QUERIES, Query};
use scene::Scene;

mod figures;
mod query;
mod scene;

#[derive(Debug, Args)]
pub(in crate::cli) struct QueriesBenchArguments {
    /// Number of tweets in the queried keyword
    #[arg(
        long,
        default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(1_000..=10_000_000)
    )]
    tweets: u64,
    /// Number of days, up to now, over which the tweets of the queried keyword are spread
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    /// Number of other keywords
    #[arg(
        long,
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(1..=99_000)
    )]
    keywords: u32,
    /// Number of tweets in the other keywords together
    #[arg(
        long,
        default_value_t = 200_000,
        value_parser = clap::value_parser!(u64).range(1_000..=10_000_000)
    )]
    others: u64,
    /// Number of measured requests for each query on an idle server, and also while tweets are
    /// posted
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    times: u32,
    /// Number of tweets per second that are posted during the second half of the requests
    #[arg(
        long,
        default_value_t = 2_000,
        value_parser = clap::value_parser!(u32).range(10..=1_000_000)
    )]
    rate: u32,
    /// Data folder of the server, which is kept, and reused if a run of the last day has filled it;
    /// default: a scratch folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Number of unmeasured requests for each query before the measured ones.
const WARM_UP: u32 = 3;

pub(in crate::cli) async fn run(
    arguments: QueriesBenchArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    if let Some(folder) = &arguments.folder {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be created", folder.display()))?;
    }
    let server = BenchServer::start(Start {
        data: arguments.folder.clone(),
        ..Start::default()
    })
    .await?;
    let measured = measure(&server, &arguments, invocation).await;
    server.stop().await?;
    let figures = measured?;
    invocation.output.show(&figures, QueryFigures::text)?;
    ensure!(figures.has_all_answers(), "some requests had no answer");
    Ok(CommandOutcome::Done)
}

async fn measure(
    server: &BenchServer,
    arguments: &QueriesBenchArguments,
    invocation: &Invocation,
) -> anyhow::Result<QueryFigures> {
    let scene = Arc::new(Scene::new(server, arguments, invocation)?);
    scene.fill().await?;
    let alone = ask_all(&scene, arguments.times).await;
    let ends = Arc::new(AtomicBool::new(false));
    let publisher = {
        let (scene, ends) = (Arc::clone(&scene), Arc::clone(&ends));
        let rate = arguments.rate;
        tokio::spawn(async move { scene.publish_until(&ends, rate).await })
    };
    let began = Instant::now();
    let beside = ask_all(&scene, arguments.times).await;
    ends.store(true, Ordering::Relaxed);
    let posted = publisher.await??;
    let seconds = began.elapsed().as_secs_f64();
    let waited = QUERIES.iter().zip(alone.into_iter().zip(beside));
    let waited = waited.map(|(query, (alone, beside))| Waited {
        what: query.what,
        goal_ms: query.goal_ms,
        alone,
        beside,
    });
    Ok(QueryFigures {
        tweets: arguments.tweets,
        days: arguments.days,
        keywords: arguments.keywords,
        others: arguments.others,
        waited: waited.collect(),
        posted,
        seconds,
    })
}

/// Measures the answers to all queries, one query after the other.
async fn ask_all(scene: &Scene, times: u32) -> Vec<Latency> {
    let mut all = Vec::new();
    for query in QUERIES {
        all.push(ask(scene, query, times).await);
    }
    all
}

/// Measures the answers to a query. If the query names a time, each request names a different
/// time.
async fn ask(scene: &Scene, query: &Query, times: u32) -> Latency {
    let mut spans: Vec<Duration> = Vec::new();
    let mut failed = 0;
    for number in 0..WARM_UP + times {
        let path = scene.path(query, number);
        let began = Instant::now();
        let answer: Result<Value, _> = scene.client().ask(Method::GET, &path, None).await;
        match answer {
            Ok(_) if number >= WARM_UP => spans.push(began.elapsed()),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, path, "no answer");
                failed += u64::from(number >= WARM_UP);
            }
        }
    }
    Latency::of(spans, failed)
}
