//! Good clients without and beside clients that never read.
//!
//! The system takes some MiB for a connection before its reader's not reading is felt, so those
//! that never read are sent long tweets first. The figures are of the time after that.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::clients::{Crowd, Running};
use super::figures::{LiveFigures, StuckFigures, fraction, median, millis};
use super::load::{Load, publish};
use super::tally::Tally;

/// A server may take so long to send away who takes nothing, beyond the time measured.
const SENT_AWAY_WITHIN: Duration = Duration::from_secs(60);

/// What those that never read are sent until nothing more goes: so many rounds ...
const FILLING_ROUNDS: usize = 64;
/// ... of so many tweets with texts of so many characters, 6 MiB in all.
const FILLING: (usize, usize) = (10, 10_000);

/// One pair: the good clients' p99 without and beside, and by how much memory grew.
struct Pair {
    alone: f64,
    beside: f64,
    grown_mib: f64,
}

/// Measures pairs, and waits after each until all that never read were sent away.
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
            // What is due to them has to go on being due.
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

/// One pair; those that never read are still there when it ends.
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
    load.wait("those that never read are there", &stuck, || {
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
        () = watching => bail!("watching ended"),
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

/// Publishes until the system takes nothing more for those that never read.
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
