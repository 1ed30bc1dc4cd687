//! Measures good clients, without and with clients that never read.
//!
//! The kernel buffers some MiB for each connection. The stuck clients are therefore sent long
//! tweets first, until their buffers are full. The measurement starts after that.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::clients::{Crowd, Running};
use super::figures::{LiveFigures, StuckFigures, fraction, median, millis};
use super::load::{Load, publish};
use super::tally::Tally;

/// Time limit for the server to close the stuck clients, beyond the measured time.
const SENT_AWAY_WITHIN: Duration = Duration::from_secs(60);

/// Number of rounds that fill the buffers of the stuck clients.
const FILLING_ROUNDS: usize = 64;
/// Tweets per keyword of a round that fills buffers, and characters of a tweet's text: 6 MiB for a
/// client over all rounds.
const FILLING: (usize, usize) = (10, 10_000);

/// One pair of measurements: p99 of the good clients without and with stuck clients, and the growth
/// of memory.
struct Pair {
    alone: f64,
    beside: f64,
    grown_mib: f64,
}

/// Measures all pairs, and waits after each until the server has closed all stuck clients.
pub(super) async fn stuck(load: &Load) -> anyhow::Result<LiveFigures> {
    let running = load.join(load.crowd()).await?;
    load.publish_round(1).await?;
    load.reach(&running, u64::try_from(load.clients()?)?)
        .await?;
    let before = load.mark();
    let sent_away_before = load.server.sent_away().await?;
    let mut tweets = 0;
    let mut pairs = Vec::new();
    for number in 1..=load.arguments.pairs {
        let (pair, stuck) = one(load, &running, &mut tweets).await?;
        let due = u64::from(number) * u64::from(load.arguments.stuck);
        let began = Instant::now();
        loop {
            let sent_away = load.server.sent_away().await? - sent_away_before;
            if sent_away >= due {
                break;
            }
            ensure!(
                began.elapsed() < SENT_AWAY_WITHIN,
                "only {sent_away} of {due} clients that never read were sent away in time"
            );
            // The server closes a stuck client only while an update is due to it.
            load.publish_round(1).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stuck.stop().await?;
        pairs.push(pair);
    }
    let mut figures = load.figures("stuck", &before)?;
    figures.tweets = tweets;
    figures.stuck = Some(StuckFigures {
        stuck: load.arguments.stuck,
        sent_away: load.server.sent_away().await? - sent_away_before,
        grown_mib: pairs.iter().map(|pair| pair.grown_mib).fold(0.0, f64::max),
        p99_alone_ms: median(pairs.iter().map(|pair| pair.alone)),
        p99_beside_ms: median(pairs.iter().map(|pair| pair.beside)),
        p99_ratio: median(pairs.iter().map(|pair| pair.beside / pair.alone)),
        pairs_ms: pairs.iter().map(|pair| [pair.alone, pair.beside]).collect(),
    });
    running.stop().await?;
    Ok(figures)
}

/// Measures the good clients without and then with stuck clients. The stuck clients are still
/// connected at the end.
async fn one(load: &Load, running: &Running, tweets: &mut u64) -> anyhow::Result<(Pair, Running)> {
    load.tally.count();
    *tweets += load.publish_steadily(running).await?;
    let alone = millis(load.tally.latency(990));

    let before = load.server.usage();
    let stuck_tally = Tally::new();
    let wanted = usize::try_from(load.arguments.stuck)?;
    let stuck = Crowd {
        clients: wanted,
        are_stuck: true,
        ..load.crowd()
    }
    .run(Arc::clone(&stuck_tally))?;
    load.wait("all stuck clients are subscribed", &stuck, || {
        stuck_tally.subscribed.load(Ordering::Relaxed) >= wanted
    })
    .await?;
    let mut peak = before.map_or(0, |usage| usage.resident_kib);
    let watching = async {
        loop {
            if let Some(usage) = load.server.usage() {
                peak = peak.max(usage.resident_kib);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let loading = async {
        fill(load, running).await?;
        load.tally.count();
        load.publish_steadily(running).await
    };
    *tweets += tokio::select! {
        tweets = loading => tweets?,
        () = watching => bail!("the watch on the server's memory ended"),
    };
    let beside = millis(load.tally.latency(990));
    let grown = peak.saturating_sub(before.map_or(0, |usage| usage.resident_kib));
    let pair = Pair {
        alone,
        beside,
        grown_mib: fraction(grown, 1024),
    };
    Ok((pair, stuck))
}

/// Publishes until the buffers of the stuck clients are full.
async fn fill(load: &Load, running: &Running) -> anyhow::Result<()> {
    let (tweets, length) = FILLING;
    let each = u64::try_from(tweets)? * u64::try_from(load.clients()?)?;
    for _ in 0..FILLING_ROUNDS {
        let due = load.tally.progress.load(Ordering::Relaxed) + each;
        publish(&load.client, load.round_of(tweets, length)).await?;
        load.reach(running, due).await?;
    }
    Ok(())
}
