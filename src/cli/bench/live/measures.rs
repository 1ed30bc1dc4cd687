//! Measures healthy clients, and clients after a restart.

use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Context as _;

use super::clients::Crowd;
use super::figures::{LiveFigures, fraction};
use super::load::{Load, publish};

/// Rounds of tweets in a closed loop, at most `--rounds` of them in flight: a further round starts
/// when the oldest of these rounds has reached all clients.
pub(super) async fn burst(load: &Load) -> anyhow::Result<LiveFigures> {
    let running = load.join(load.crowd()).await?;
    let burst = usize::try_from(load.arguments.burst)?;
    let per_round = u64::try_from(load.clients()?)? * u64::from(load.arguments.burst);
    // Warm-up round: one-time allocations are not measured.
    load.publish_round(burst).await?;
    load.reach(&running, per_round).await?;
    load.tally.count();
    let before = load.mark();
    let began = Instant::now();
    let mut rounds = 1_u64;
    let mut on_the_way = tokio::task::JoinSet::new();
    while began.elapsed() < load.length() {
        let due = (rounds + 1).saturating_sub(load.arguments.rounds.into()) * per_round;
        load.reach(&running, due).await?;
        while let Some(published) = on_the_way.try_join_next() {
            published??;
        }
        let round = load.round(burst);
        let client = load.client.clone();
        on_the_way.spawn(async move { publish(&client, round).await });
        rounds += 1;
    }
    while let Some(published) = on_the_way.join_next().await {
        published??;
    }
    load.reach(&running, rounds * per_round).await?;
    let mut figures = load.figures("burst", &before)?;
    figures.tweets =
        (rounds - 1) * u64::from(load.arguments.burst) * u64::from(load.arguments.keywords);
    load.check_all_came()?;
    running.stop().await?;
    Ok(figures)
}

/// Latency at a steady rate.
pub(super) async fn rate(load: &Load) -> anyhow::Result<LiveFigures> {
    let running = load.join(load.crowd()).await?;
    load.publish_round(1).await?;
    load.reach(&running, u64::try_from(load.clients()?)?)
        .await?;
    load.tally.count();
    let before = load.mark();
    let tweets = load.publish_steadily(&running).await?;
    let mut figures = load.figures("rate", &before)?;
    figures.tweets = tweets;
    load.check_all_came()?;
    running.stop().await?;
    Ok(figures)
}

/// Memory of clients that receive nothing.
pub(super) async fn idle(load: &Load) -> anyhow::Result<LiveFigures> {
    // What the server allocates once, for its first client, is not part of the figure.
    let first = load
        .join(Crowd {
            clients: 1,
            ..load.crowd()
        })
        .await?;
    let unknown = "the server's memory is not known; name its process with --pid";
    let before = load.server.usage().context(unknown)?;
    let running = load.join(load.crowd()).await?;
    tokio::time::sleep(load.length()).await;
    let after = load.server.usage().context(unknown)?;
    let grown = after.resident_kib.saturating_sub(before.resident_kib);
    running.stop().await?;
    first.stop().await?;
    Ok(LiveFigures {
        measure: "idle",
        clients: load.clients()?,
        keywords: load.keywords.len(),
        seconds: load.length().as_secs_f64(),
        kib_per_client: Some(fraction(grown, u64::from(load.arguments.clients))),
        server_mib: Some(fraction(after.resident_kib, 1024)),
        ..LiveFigures::default()
    })
}

/// Time until all clients are back after a restart of the server, and how many of them resume.
pub(super) async fn reconnect(load: &mut Load) -> anyhow::Result<LiveFigures> {
    load.publish_round(1).await?;
    let running = load
        .join(Crowd {
            come_back: true,
            ..load.crowd()
        })
        .await?;
    let began = Instant::now();
    load.server.restart(load.arguments.kill).await?;
    let started = Instant::now();
    let clients = load.clients()?;
    load.wait("all clients are back", &running, || {
        load.tally.closed.load(Ordering::Relaxed) >= clients
            && load.tally.subscribed.load(Ordering::Relaxed) >= clients
    })
    .await?;
    let (took, since_start) = (began.elapsed(), started.elapsed());
    let recovered = load.tally.recovered.load(Ordering::Relaxed);
    let before = load.mark();
    load.publish_round(1).await?;
    load.reach(&running, 2 * u64::try_from(clients)?).await?;
    let mut figures = load.figures("reconnect", &before)?;
    figures.tweets = u64::from(load.arguments.keywords);
    figures.back_after_seconds = Some(took.as_secs_f64());
    figures.back_after_start_seconds = Some(since_start.as_secs_f64());
    figures.recovered = Some(recovered);
    running.stop().await?;
    Ok(figures)
}
