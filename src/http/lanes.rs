//! [`Lanes`]: the threads on which answers are made. Each lane has its own threads, so expensive
//! answers do not delay the others.
//!
//! - [`Lane::Rows`]: answers from a few rows of one keyword. They wait for a thread, and are never
//!   refused. An answer that reads more than [`MAX_ROWS_BYTES`], such as a result page of long
//!   texts, is stopped and made again in [`Lane::List`], so that it does not delay short answers.
//! - [`Lane::List`]: answers from one row of every keyword, and other long answers. Few are made at
//!   a time. The others wait, and are never refused.
//! - [`Lane::Scan`]: answers that may read very many rows. [`Admission`] limits how many run, how
//!   many wait, and how many come from one client.
//!
//! The threads have a lower priority than the event loop and the folds. So publishing, folding and
//! live updates continue while many requests wait for answers.
//!
//! In each lane the work ends when its client leaves: a waiting task leaves its queue at once, and
//! a running task stops at its next row.

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

/// Answers of [`Lane::Rows`] that are made at a time, per core. It is more than one because they
/// may wait for the disk.
const ROWS_PER_CORE: usize = 2;

/// Maximum number of bytes that an answer of [`Lane::Rows`] may read. The longest result page, 200
/// tweets, takes less when its texts have ordinary length.
pub(super) const MAX_ROWS_BYTES: u64 = 128 * 1024;

/// Niceness of the threads of [`Lane::Rows`], from 0 to 19. 19 is the lowest priority.
const ROWS_NICENESS: i32 = 5;
/// Niceness of the threads of the other two lanes.
const SCAN_NICENESS: i32 = 10;

/// Limits on the number of scans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryLimits {
    /// Scans that run at a time. 0 means twice the number of cores.
    pub workers: usize,
    /// Scans that may wait.
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

/// How much an answer may have to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A few rows of one keyword.
    Rows,
    /// One row of every keyword.
    List,
    /// Many rows.
    Scan,
}

/// All lanes, with their threads.
#[derive(Debug)]
pub struct Lanes {
    rows: Queue,
    lists: Queue,
    admission: Admission,
    scans: ReadThreads,
    metrics: Metrics,
}

/// A lane whose answers wait for one of its threads. First come, first served.
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
    /// Starts the lanes.
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

    /// Waits for a thread of the lane and runs `task` on it. Dropping this future ends the task,
    /// through its [`Meter`].
    ///
    /// # Errors
    /// [`Problem::Busy`] for a scan that is not admitted, [`Problem::Internal`] when the task
    /// panics, or the task's own error.
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

    /// Runs `task` in [`Lane::Rows`]. If it reads more than [`MAX_ROWS_BYTES`] there, runs it again
    /// in [`Lane::List`].
    ///
    /// # Errors
    /// [`Problem::Internal`] when the task panics, or the task's own error.
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

/// Runs a blocking task on these threads. `permit` is given back when the task has ended.
///
/// # Errors
/// The task's own error, or [`Problem::Internal`] when the task panics.
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

/// An answer that a client waits for. If this value is dropped before the answer is made, the
/// client has left: the task is told to end.
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

    use parking_lot::Mutex;

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
    async fn busy_scan_lane_does_not_delay_other_lanes() {
        let lanes = lanes(2, 6);
        // The scans end when the sender is dropped, also by a failed assertion.
        let (end, ended) = mpsc::channel::<()>();
        let (ended, held) = (Arc::new(Mutex::new(ended)), Arc::clone(&lanes));
        let scans: Vec<_> = (1..=2)
            .map(|number| {
                let (lanes, ended) = (Arc::clone(&held), Arc::clone(&ended));
                tokio::spawn(async move {
                    let scan = move |_: &Meter| {
                        let _ = ended.lock().recv();
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
        drop(end);
        for scan in scans {
            scan.await.unwrap().unwrap();
        }
        assert_eq!(waiting.await.unwrap().unwrap(), 8);
        assert_eq!(lanes.metrics.query_abandoned.get(), 0);
    }

    #[tokio::test]
    async fn long_answers_move_to_the_list_lane_and_do_not_delay_short_ones() {
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
