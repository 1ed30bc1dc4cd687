//! Measures what a piece of work costs the server: processor time and memory.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::cli::bench::server::{BenchServer, ServerUsage, resident_kib};

/// Maximum processor time of a quiet server during [`QUIET_FOR`], beyond its idle rate.
const QUIET: Duration = Duration::from_millis(30);
/// Time for which a server must be quiet. It is longer than the pause between two commits.
const QUIET_FOR: Duration = Duration::from_millis(1500);
/// Time limit for the server to become quiet.
const QUIET_WITHIN: Duration = Duration::from_secs(300);
/// Interval at which memory is sampled.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Memory counts as given back when it is at most this many KiB above the value before the work.
const GIVEN_BACK_KIB: u64 = 8 * 1024;
/// Time limit for memory to be given back.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(15);

/// Processor time and memory of an idle server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    /// Processor time, as a share of one processor.
    pub(super) share: f64,
    pub(super) resident_kib: u64,
}

/// The cost of a piece of work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Processor time, in seconds, without the server's idle processor time.
    pub(super) cpu_seconds: f64,
    /// Largest growth of memory, in KiB.
    pub(super) grown_kib: u64,
    /// Seconds until the work was done. The server may have become quiet later.
    pub(super) seconds: f64,
    /// The server was quiet at the end.
    pub(super) is_over: bool,
}

impl Idle {
    /// Waits until a server is quiet, then measures what it uses.
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

/// Runs `work`, waits until the server is quiet again, and returns what it cost.
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

/// Waits until a server uses little more than its idle share; false after the time limit.
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

/// Samples a server's memory.
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

    /// Stops sampling; returns the largest value, in KiB.
    pub(super) fn stop(self) -> u64 {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}
