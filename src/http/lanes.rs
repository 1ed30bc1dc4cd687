//! Where answers are made: off the event loop, and so that expensive ones cannot keep the others
//! from being made.
//!
//! - [`Lane::Rows`]: answers from a few rows of one keyword. They wait for a thread, and are never
//!   refused. One that turns out to look at more than [`MAX_ROWS_BYTES`], such as a page of very
//!   long texts, goes on in the next lane, so that it delays no short one.
//! - [`Lane::List`]: answers from one row of every keyword, and other long ones. Few are made at a
//!   time; the others wait, and are never refused.
//! - [`Lane::Scan`]: answers that may look at a great deal. [`Admission`] bounds how many run,
//!   wait, and come from one client.
//!
//! Each lane has threads of its own, of a lower priority than the event loop and the folds: however
//! many answers are asked for, posting, folding and live updates go on.
//!
//! Whichever it is, the work ends when its client goes: a waiting one leaves its queue at once, a
//! running one stops at its next row.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::admission::Admission;
use super::client::ClientKey;
use super::problem::Problem;
use crate::projections::Meter;
use crate::store::ReadThreads;
use crate::telemetry::{Metrics, log_throttled};

/// Answers from a few rows that are made at a time, for each core; they may wait for the disk.
const ROWS_PER_CORE: usize = 2;

/// An answer that has looked at more bytes than this is none from a few rows. 200 tweets of
/// ordinary length, the longest page, take less.
pub(super) const MAX_ROWS_BYTES: u64 = 128 * 1024;

/// The niceness of answers from a few rows, from 0 (none) to 19.
const ROWS_NICENESS: i32 = 5;
/// The niceness of lists and scans.
const SCAN_NICENESS: i32 = 10;

/// How many scans there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLimits {
    /// At work at a time; 0 is twice the number of cores.
    pub workers: usize,
    /// Waiting for a worker.
    pub waiting: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            workers: 0,
            waiting: 64,
        }
    }
}

/// How much an answer may have to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A few rows of one keyword.
    Rows,
    /// One row of every keyword.
    List,
    /// Many rows.
    Scan,
}

/// All lanes.
#[derive(Debug)]
pub struct Lanes {
    rows: Queue,
    lists: Queue,
    admission: Admission,
    scans: ReadThreads,
    metrics: Metrics,
}

/// A lane whose answers wait for one of its threads, in the order in which they came.
#[derive(Debug)]
struct Queue {
    permits: Arc<Semaphore>,
    threads: ReadThreads,
}

impl Queue {
    fn new(name: &'static str, count: usize, niceness: i32) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(count.max(1))),
            threads: ReadThreads::new(name, count, niceness),
        }
    }
}

impl Lanes {
    /// Lanes of this width.
    pub fn new(limits: QueryLimits, metrics: Metrics) -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        let workers = match limits.workers {
            0 => cores.saturating_mul(2),
            workers => workers,
        };
        Self {
            rows: Queue::new("rows", cores.saturating_mul(ROWS_PER_CORE), ROWS_NICENESS),
            lists: Queue::new("list", cores, SCAN_NICENESS),
            admission: Admission::new(workers, limits.waiting, metrics.clone()),
            scans: ReadThreads::new("scan", workers, SCAN_NICENESS),
            metrics,
        }
    }

    /// Runs `task` when its lane lets it. When this future is dropped, the task's [`Meter`] ends
    /// it.
    ///
    /// # Errors
    /// [`Problem::Busy`] for a scan that finds no room, [`Problem::Internal`] when the task panics,
    /// or what the task answers.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        client: ClientKey,
        task: impl FnOnce(&Meter) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let mut wanted = Wanted::new(&self.metrics);
        let answer = self.run_wanted(lane, client, &wanted.meter, task).await;
        wanted.is_answered = true;
        answer
    }

    /// Runs `task` in [`Lane::Rows`]; if that turns out to be too narrow, once more in
    /// [`Lane::List`].
    ///
    /// # Errors
    /// [`Problem::Internal`] when the task panics, or what the task answers.
    pub async fn run_rows<T: Send + 'static>(
        &self,
        client: ClientKey,
        mut task: impl FnMut(&Meter) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let mut wanted = Wanted::new(&self.metrics);
        wanted.meter.limit(MAX_ROWS_BYTES);
        let short = self.run_wanted(Lane::Rows, client, &wanted.meter, move |meter| {
            let answer = task(meter);
            Ok((answer, task))
        });
        let answer = match short.await {
            Ok((_, mut task)) if wanted.meter.is_over() => {
                wanted.meter.limit(u64::MAX);
                self.run_wanted(Lane::List, client, &wanted.meter, move |meter| task(meter))
                    .await
            }
            Ok((answer, _)) => answer,
            Err(problem) => Err(problem),
        };
        wanted.is_answered = true;
        answer
    }

    async fn run_wanted<T: Send + 'static>(
        &self,
        lane: Lane,
        client: ClientKey,
        meter: &Meter,
        task: impl FnOnce(&Meter) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (meter, bytes) = (meter.clone(), self.metrics.query_bytes.clone());
        let task = move || {
            let before = meter.bytes();
            let answer = task(&meter);
            bytes.inc_by(meter.bytes().saturating_sub(before));
            answer
        };
        let queue = match lane {
            Lane::Scan => {
                let permit = self.admission.admit(client).await?;
                return run_on(&self.scans.handle(), permit, task).await;
            }
            Lane::Rows => &self.rows,
            Lane::List => &self.lists,
        };
        // The semaphore is never closed.
        let permit = Arc::clone(&queue.permits).acquire_owned().await;
        run_on(&queue.threads.handle(), permit, task).await
    }
}

/// Runs what blocks on the threads of a runtime, and gives `permit` back when it has ended.
///
/// # Errors
/// The task's own, or [`Problem::Internal`] when it panics.
pub async fn run_on<T: Send + 'static>(
    threads: &Handle,
    permit: impl Send + 'static,
    task: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let running = threads.spawn_blocking(move || {
        let _permit = permit;
        task()
    });
    running.await.unwrap_or_else(|error| {
        log_throttled("answer-cut", move |count| {
            tracing::error!(%error, count, "answers could not be made");
        });
        Err(Problem::Internal)
    })
}

/// An answer that a client waits for. Dropped before it is answered, the client has gone.
struct Wanted<'a> {
    meter: Meter,
    metrics: &'a Metrics,
    is_answered: bool,
}

impl<'a> Wanted<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        Self {
            meter: Meter::default(),
            metrics,
            is_answered: false,
        }
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.meter.abandon();
            self.metrics.query_abandoned.inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::mpsc;

    use super::*;
    use crate::http::server::ClientAddress;
    use crate::projections::RowsError;

    fn client(number: u8) -> ClientKey {
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, number));
        ClientKey::at(Some(ClientAddress(address)))
    }

    fn lanes(workers: usize, waiting: usize) -> Arc<Lanes> {
        let limits = QueryLimits { workers, waiting };
        Arc::new(Lanes::new(limits, Metrics::new()))
    }

    #[tokio::test]
    async fn scans_that_hold_all_their_threads_delay_no_other_lane() {
        let lanes = lanes(2, 6);
        let (end, held) = (Arc::new(std::sync::Barrier::new(3)), Arc::clone(&lanes));
        let scans: Vec<_> = (1..=2)
            .map(|number| {
                let (lanes, end) = (Arc::clone(&held), Arc::clone(&end));
                tokio::spawn(async move {
                    let scan = move |_: &Meter| {
                        end.wait();
                        Ok(())
                    };
                    lanes.run(Lane::Scan, client(number), scan).await
                })
            })
            .collect();
        while lanes.metrics.query_working.get() < 2 {
            tokio::task::yield_now().await;
        }
        for lane in [Lane::Rows, Lane::List] {
            let answer = lanes.run(lane, client(1), |_| Ok(7)).await;
            assert_eq!(answer.unwrap(), 7);
        }
        let waiting = Arc::clone(&lanes);
        let waiting =
            tokio::spawn(async move { waiting.run(Lane::Scan, client(3), |_| Ok(8)).await });
        while lanes.metrics.query_waiting.get() < 1 {
            tokio::task::yield_now().await;
        }
        tokio::task::spawn_blocking(move || end.wait())
            .await
            .unwrap();
        for scan in scans {
            scan.await.unwrap().unwrap();
        }
        assert_eq!(waiting.await.unwrap().unwrap(), 8);
        assert_eq!(lanes.metrics.query_abandoned.get(), 0);
    }

    #[tokio::test]
    async fn long_answers_are_made_where_they_delay_no_short_one() {
        let lanes = lanes(1, 0);
        let name = |_: &Meter| std::thread::current().name().map(str::to_owned);
        let short = lanes
            .run_rows(client(1), move |meter| Ok(name(meter)))
            .await;
        assert_eq!(short.unwrap().as_deref(), Some("rows"));
        let long = move |meter: &Meter| {
            for _ in 0..MAX_ROWS_BYTES / 1024 + 1 {
                meter.look(1024).map_err(|_| Problem::Internal)?;
            }
            Ok(name(meter))
        };
        let answer = lanes.run_rows(client(1), long).await;
        assert_eq!(answer.unwrap().as_deref(), Some("list"));
        assert_eq!(lanes.metrics.query_abandoned.get(), 0);
    }

    #[tokio::test]
    async fn work_ends_when_its_future_is_dropped() {
        for lane in [Lane::Rows, Lane::List, Lane::Scan] {
            let lanes = lanes(1, 0);
            let (ends, ended) = mpsc::channel();
            let (starts, started) = tokio::sync::oneshot::channel();
            let running = Arc::clone(&lanes);
            let running = tokio::spawn(async move {
                let task = move |meter: &Meter| {
                    let _ = starts.send(());
                    let result = loop {
                        if let Err(error) = meter.look(1) {
                            break error;
                        }
                    };
                    ends.send(result).unwrap();
                    Ok(())
                };
                running.run(lane, client(1), task).await
            });
            started.await.unwrap();
            running.abort();
            let ended = tokio::task::spawn_blocking(move || ended.recv()).await;
            assert!(matches!(ended.unwrap(), Ok(RowsError::Abandoned)));
            assert_eq!(lanes.metrics.query_abandoned.get(), 1);
            while lanes.metrics.query_working.get() > 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn panic_of_a_scan_gives_its_permit_back() {
        let lanes = lanes(1, 0);
        for _ in 0..3 {
            let failed = lanes.run(Lane::Scan, client(1), |_| -> Result<(), Problem> {
                panic!("on purpose")
            });
            assert!(matches!(failed.await, Err(Problem::Internal)));
        }
        assert_eq!(
            lanes.run(Lane::Scan, client(1), |_| Ok(1)).await.unwrap(),
            1
        );
    }
}
