//! All attacks at once, beside good clients.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::AttackBenchArguments;
use super::cost::{Idle, Watch, usage};
use super::figures::Together;
use super::good;
use super::scene::Scene;
use super::siege::Siege;
use crate::cli::bench::live::figures::fraction;
use crate::cli::bench::server::BenchServer;

/// Measures good clients without and beside the attack, and the server's memory during and after
/// it.
pub(super) async fn measure(
    server: &BenchServer,
    scene: &Scene,
    arguments: &AttackBenchArguments,
) -> anyhow::Result<Together> {
    let length = Duration::from_secs(arguments.seconds.into());
    scene.answers().await?;
    let idle = Idle::of(server).await?;
    // Warm-up: the first reads are not measured.
    good::run(scene, Duration::from_secs(3)).await?;
    let alone = good::run(scene, length).await?;
    let before = usage(server)?;
    let watch = Watch::start(server)?;
    let siege = Siege::begin(scene)?;
    let beside = good::run(scene, length).await?;
    let counts = std::sync::Arc::clone(&siege.counts);
    drop(siege);
    let attacked = usage(server)?;
    let peak = watch.stop();
    tokio::time::sleep(Duration::from_secs(arguments.after.into())).await;
    let after = usage(server)?;
    scene.answers().await?;
    let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    let above = |kib: u64| fraction(kib.saturating_sub(idle.resident_kib), 1024);
    Ok(Together {
        abandoned: count(&counts.abandoned),
        non_readers: count(&counts.non_readers),
        uploads: count(&counts.uploads),
        greedy: count(&counts.greedy),
        greedy_mib: fraction(count(&counts.greedy_bytes), 1024 * 1024),
        idle_mib: fraction(idle.resident_kib, 1024),
        peak_above_idle_mib: above(peak),
        later_above_idle_mib: above(after.resident_kib),
        cpu_seconds_beside: attacked.cpu.saturating_sub(before.cpu).as_secs_f64(),
        cpu_seconds_after: after.cpu.saturating_sub(attacked.cpu).as_secs_f64(),
        reads_ratio: beside.reads.ratio(&alone.reads),
        posts_ratio: beside.posts.ratio(&alone.posts),
        live_ratio: beside.live.ratio(&alone.live),
        reads: [alone.reads, beside.reads],
        posts: [alone.posts, beside.posts],
        live: [alone.live, beside.live],
    })
}
