//! Measures how fast tweets are folded, without and with clients.

use std::time::Instant;

use anyhow::anyhow;
use reqwest::Method;
use serde_json::Value;

use super::figures::{FoldFigures, LiveFigures, median, per};
use super::load::{Load, publish};
use crate::cli::client::{ClientError, ServerClient};

/// Tweets per request.
const BODY_TWEETS: usize = 1000;
/// Maximum number of `min_seq` requests while waiting for the fold; each waits up to 5 seconds.
const TRIES: u32 = 12;
/// Maximum number of requests in flight.
const REQUESTS: usize = 4;

/// One half of a pair of measurements: without live clients, or with them.
struct Half {
    tweets: u64,
    per_second: f64,
    cpu_micros: Option<f64>,
}

/// Publishes as fast as the server accepts, without and with subscribers.
pub(super) async fn fold(load: &Load) -> anyhow::Result<LiveFigures> {
    let before = load.mark();
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    // Warm-up: one-time allocations are not measured.
    half(load).await?;
    for _ in 0..load.arguments.pairs {
        alone.push(half(load).await?);
        let running = load.join(load.crowd()).await?;
        beside.push(half(load).await?);
        running.stop().await?;
    }
    let pairs: Vec<[f64; 2]> = alone
        .iter()
        .zip(&beside)
        .map(|(alone, beside)| [alone.per_second, beside.per_second])
        .collect();
    let cpu = |halves: &[Half]| {
        let known: Vec<f64> = halves.iter().filter_map(|half| half.cpu_micros).collect();
        (!known.is_empty()).then(|| median(known))
    };
    let mut figures = load.figures("fold", &before)?;
    figures.tweets = alone.iter().chain(&beside).map(|half| half.tweets).sum();
    figures.fold = Some(FoldFigures {
        alone_per_second: median(alone.iter().map(|half| half.per_second)),
        beside_per_second: median(beside.iter().map(|half| half.per_second)),
        ratio: median(pairs.iter().map(|[alone, beside]| beside / alone)),
        pairs_per_second: pairs,
        alone_cpu_micros: cpu(&alone),
        beside_cpu_micros: cpu(&beside),
    });
    Ok(figures)
}

async fn half(load: &Load) -> anyhow::Result<Half> {
    let usage = load.server.usage();
    let began = Instant::now();
    let mut on_the_way = tokio::task::JoinSet::new();
    let mut rounds = 0_u64;
    let mut head = 0;
    let burst = BODY_TWEETS.div_ceil(load.keywords.len().max(1));
    while began.elapsed() < load.length() {
        let round = load.round(burst);
        let client = load.client.clone();
        on_the_way.spawn(async move { publish(&client, round).await });
        rounds += 1;
        if on_the_way.len() >= REQUESTS
            && let Some(published) = on_the_way.join_next().await
        {
            head = published??.max(head);
        }
    }
    while let Some(published) = on_the_way.join_next().await {
        head = published??.max(head);
    }
    folded(&load.client, head).await?;
    let seconds = began.elapsed().as_secs_f64();
    let tweets = rounds * u64::try_from(burst * load.keywords.len())?;
    let cpu = usage
        .zip(load.server.usage())
        .map(|(before, after)| after.cpu.saturating_sub(before.cpu).as_secs_f64());
    Ok(Half {
        tweets,
        per_second: per(tweets, seconds),
        cpu_micros: cpu.map(|cpu| 1e6 / per(tweets, cpu)),
    })
}

/// Waits until all tweets are folded. The server holds each request for up to 5 seconds and then
/// answers that the client should retry.
async fn folded(client: &ServerClient, head: u64) -> anyhow::Result<()> {
    let path = format!("/api/v1/ledger?min_seq={head}");
    let mut refused = None;
    for _ in 0..TRIES {
        match client.ask::<Value>(Method::GET, &path, None).await {
            Ok(_) => return Ok(()),
            Err(
                error @ ClientError::Refused {
                    retry_after: Some(_),
                    ..
                },
            ) => refused = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(refused.map_or_else(|| anyhow!("the tweets were not folded in time"), Into::into))
}
