//! The live clients of a benchmark: one thread for all of them, one task and one connection each.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use parking_lot::Mutex;

use super::client::Client;
use super::tally::Tally;

/// Maximum number of clients that connect at the same time.
const CONNECTING: usize = 256;
/// Maximum bytes of one read.
const READ_BYTES: usize = 256 * 1024;

/// Describes the clients to run.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    pub(super) address: SocketAddr,
    pub(super) clients: usize,
    /// The keywords, to which the clients subscribe in turn.
    pub(super) keywords: Arc<[String]>,
    /// The clients subscribe and then never read.
    pub(super) are_stuck: bool,
    /// The clients reconnect after a restart of the server and resume.
    pub(super) come_back: bool,
}

/// Running clients.
#[derive(Debug)]
pub(super) struct Running {
    ending: tokio::sync::watch::Sender<bool>,
    thread: std::thread::JoinHandle<anyhow::Result<()>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Crowd {
    /// Starts the clients in a thread of their own.
    pub(super) fn run(self, tally: Arc<Tally>) -> anyhow::Result<Running> {
        let (ending, end) = tokio::sync::watch::channel(false);
        let failure = Arc::new(Mutex::new(None));
        let failed = Arc::clone(&failure);
        let thread = std::thread::Builder::new()
            .name("clients".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                let outcome = runtime.block_on(self.all(tally, end));
                if let Err(error) = &outcome {
                    let mut failed = failed.lock();
                    *failed = Some(format!("{error:#}"));
                }
                outcome
            })
            .context("a thread for the clients cannot be started")?;
        Ok(Running {
            ending,
            thread,
            failure,
        })
    }

    async fn all(
        self,
        tally: Arc<Tally>,
        mut end: tokio::sync::watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let permits = Arc::new(tokio::sync::Semaphore::new(CONNECTING));
        let shared = Arc::new(Mutex::new(vec![0; READ_BYTES]));
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..self.clients {
            let keyword = self
                .keywords
                .get(index % self.keywords.len().max(1))
                .context("there are no keywords")?;
            let client = Client {
                keyword: keyword.clone(),
                crowd: self.clone(),
                tally: Arc::clone(&tally),
                permits: Arc::clone(&permits),
                shared: Arc::clone(&shared),
                rest: Vec::new(),
                pongs: Vec::new(),
                held: None,
                newest: None,
            };
            tasks.spawn(client.live());
        }
        loop {
            tokio::select! {
                // The error of one client ends the measurement: without that client the figures are
                // wrong.
                ended = tasks.join_next() => match ended {
                    Some(ended) => ended??,
                    None => return Ok(()),
                },
                _ = end.wait_for(|end| *end) => return Ok(()),
            }
        }
    }
}

impl Running {
    /// Stops the clients; returns the first error.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.ending.send_replace(true);
        tokio::task::spawn_blocking(move || self.thread.join())
            .await?
            .unwrap_or_else(|_| bail!("the clients panicked"))
    }

    /// The reason why the clients ended early, if they did.
    pub(super) fn failure(&self) -> Option<String> {
        let failure = self.failure.lock();
        let ended = || {
            self.thread
                .is_finished()
                .then(|| "their thread has ended".to_owned())
        };
        failure.clone().or_else(ended)
    }
}
