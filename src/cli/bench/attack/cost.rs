//! What something costs the server: processor time and memory.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::cli::bench::server::{BenchServer, ServerUsage, resident_kib};

/// A server is quiet when it took no more than this beyond its idle rate ...
const QUIET: Duration = Duration::from_millis(30);
/// ... for so long: longer than the pause between two commits.
const QUIET_FOR: Duration = Duration::from_millis(1500);
/// It is not waited for longer than this.
const QUIET_WITHIN: Duration = Duration::from_secs(300);
/// Memory is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// After a measure memory may be above the one before by this much, in KiB ...
const GIVEN_BACK_KIB: u64 = 8 * 1024;
/// ... or so long has been waited for it to be given back.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(15);

/// What a server takes when nothing is asked of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    /// Of one processor.
    pub(super) share: f64,
    pub(super) resident_kib: u64,
}

/// What something cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Processor time, without what the server takes when idle.
    pub(super) cpu_seconds: f64,
    /// By how much memory was above that before, at the most.
    pub(super) grown_kib: u64,
    /// Until it was done, which may be before the server was quiet again.
    pub(super) seconds: f64,
    /// The server was quiet again in the end.
    pub(super) is_over: bool,
}

impl Idle {
    /// Waits until a server is quiet, and looks at it for a while.
    pub(super) async fn of(server: &BenchServer) -> anyhow::Result<Self> {
        quiet(server, 0.05).await?;
        let before = usage(server)?;
        let began = Instant::now();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let after = usage(server)?;
        let cpu = after.cpu.saturating_sub(before.cpu);
        Ok(Self {
            share: cpu.as_secs_f64() / began.elapsed().as_secs_f64(),
            resident_kib: after.resident_kib,
        })
    }
}

/// Does some work, and waits until the server is quiet again: what did that cost it?
pub(super) async fn of<T>(
    server: &BenchServer,
    idle: Idle,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<(T, Cost)> {
    let before = usage(server)?;
    let watch = Watch::start(server)?;
    let began = Instant::now();
    let value = work.await?;
    let seconds = began.elapsed().as_secs_f64();
    let is_over = quiet(server, idle.share).await?;
    let after = usage(server)?;
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    let cost = Cost {
        cpu_seconds: (cpu - idle.share * began.elapsed().as_secs_f64()).max(0.0),
        grown_kib: watch.stop().saturating_sub(before.resident_kib),
        seconds,
        is_over,
    };
    let waiting = Instant::now();
    while usage(server)?.resident_kib > before.resident_kib.saturating_add(GIVEN_BACK_KIB)
        && waiting.elapsed() < GIVEN_BACK_WITHIN
    {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok((value, cost))
}

/// Waits until a server takes little more than its idle share; false when it did not come to that.
pub(super) async fn quiet(server: &BenchServer, idle: f64) -> anyhow::Result<bool> {
    let began = Instant::now();
    while began.elapsed() < QUIET_WITHIN {
        let before = usage(server)?;
        tokio::time::sleep(QUIET_FOR).await;
        let taken = usage(server)?.cpu.saturating_sub(before.cpu);
        if taken <= QUIET + QUIET_FOR.mul_f64(idle) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn usage(server: &BenchServer) -> anyhow::Result<ServerUsage> {
    server
        .usage()
        .context("the server is gone, or /proc does not tell what it takes")
}

/// Watches a server's memory.
pub(super) struct Watch {
    done: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl Watch {
    pub(super) fn start(server: &BenchServer) -> anyhow::Result<Self> {
        let pid = server.pid().context("the server's process is not known")?;
        let done = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&done);
        let thread = std::thread::Builder::new().spawn(move || {
            let mut peak = 0;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(resident_kib(pid).unwrap_or_default());
                std::thread::sleep(LOOK_EVERY);
            }
            peak
        })?;
        Ok(Self { done, thread })
    }

    /// The most it had, in KiB.
    pub(super) fn stop(self) -> u64 {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}
