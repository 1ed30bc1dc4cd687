//! The live clients of a benchmark: one thread for all of them, one task and one connection each.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, bail};
use memchr::memmem;
use parking_lot::Mutex;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

use super::tally::Tally;
use crate::cli::bench::frames::{self, Frame, Said};
use crate::cli::bench::raw;

/// Maximum number of clients that connect at the same time.
const CONNECTING: usize = 256;
/// Maximum bytes of one read.
const READ_BYTES: usize = 256 * 1024;
/// Receive buffer of a client that never reads, in bytes: small, so that it is full soon.
const STUCK_BYTES: u32 = 4096;
/// Time limit for a WebSocket handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Pause before a reconnect when the server names none.
const RETRY: Duration = Duration::from_millis(100);

/// Describes the clients to run.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    pub(super) address: SocketAddr,
    pub(super) clients: usize,
    /// The clients subscribe to these keywords in turn.
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
            let client = One {
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

/// One client.
struct One {
    keyword: String,
    crowd: Crowd,
    tally: Arc<Tally>,
    permits: Arc<tokio::sync::Semaphore>,
    /// The read buffer, shared: all clients run on one thread.
    shared: Arc<Mutex<Vec<u8>>>,
    /// The beginning of an incomplete frame.
    rest: Vec<u8>,
    /// Pongs to send. Without them the server closes the connection as dead.
    pongs: Vec<u8>,
    /// The epoch and sequence of the client's state.
    held: Option<(String, u64)>,
    newest: Option<u64>,
}

impl One {
    async fn live(mut self) -> anyhow::Result<()> {
        loop {
            let stream = {
                let _permit = self.permits.acquire().await?;
                match self.connect().await {
                    Ok(stream) => stream,
                    Err(_) if self.crowd.come_back && self.held.is_some() => {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            };
            let retry = self.listen(stream).await?;
            self.tally.closed.fetch_add(1, Ordering::Relaxed);
            if !self.crowd.come_back {
                bail!("the server ended the connection of a client that had done nothing wrong");
            }
            self.tally.subscribed.fetch_sub(1, Ordering::Relaxed);
            tokio::time::sleep(retry).await;
        }
    }

    async fn connect(&self) -> anyhow::Result<TcpStream> {
        let address = self.crowd.address;
        let joining = async {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            if self.crowd.are_stuck {
                socket.set_recv_buffer_size(STUCK_BYTES)?;
            }
            let mut stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            raw::upgrade(&mut stream, address).await?;
            let since = self
                .held
                .as_ref()
                .map(|(epoch, seq)| format!(",\"since\":{{\"epoch\":\"{epoch}\",\"seq\":{seq}}}"));
            let subscribe = format!(
                "{{\"type\":\"subscribe\",\"id\":1,\"keyword\":\"{}\",\"topics\":[\"timeline\"]{}}}",
                self.keyword,
                since.unwrap_or_default()
            );
            stream.write_all(&frames::text(&subscribe)).await?;
            anyhow::Ok(stream)
        };
        tokio::time::timeout(HANDSHAKE_WITHIN, joining)
            .await
            .context("a client could not connect in time")?
    }

    /// Reads until the connection ends; returns the pause before the reconnect.
    async fn listen(&mut self, mut stream: TcpStream) -> anyhow::Result<Duration> {
        let finder = memmem::Finder::new(frames::TWEET);
        if self.crowd.are_stuck {
            self.tally.subscribed.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        self.rest.clear();
        let shared = Arc::clone(&self.shared);
        let mut is_fresh = true;
        loop {
            let ended = poll_fn(|context| {
                let mut shared = shared.lock();
                let mut buffer = ReadBuf::new(&mut shared);
                match Pin::new(&mut stream).poll_read(context, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                        Poll::Ready(self.take(&finder, buffer.filled(), &mut is_fresh))
                    }
                    Poll::Ready(_) => Poll::Ready(Some(RETRY)),
                }
            })
            .await;
            if let Some(retry) = ended {
                return Ok(retry);
            }
            if !self.pongs.is_empty() {
                let pongs = std::mem::take(&mut self.pongs);
                if stream.write_all(&pongs).await.is_err() {
                    return Ok(RETRY);
                }
            }
        }
    }

    /// Handles the bytes of a read; returns the pause before the reconnect after a close frame.
    fn take(
        &mut self,
        finder: &memmem::Finder<'_>,
        read: &[u8],
        is_fresh: &mut bool,
    ) -> Option<Duration> {
        let count = u64::try_from(read.len()).unwrap_or(u64::MAX);
        self.tally.bytes.fetch_add(count, Ordering::Relaxed);
        if self.rest.is_empty() {
            let (taken, retry) = self.frames(finder, read, is_fresh);
            self.rest
                .extend_from_slice(read.get(taken..).unwrap_or_default());
            return retry;
        }
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(read);
        let (taken, retry) = self.frames(finder, &bytes, is_fresh);
        bytes.drain(..taken);
        if !bytes.is_empty() {
            self.rest = bytes;
        }
        retry
    }

    /// Handles all complete frames; returns their length in bytes, and the pause before the
    /// reconnect if one was a close frame.
    fn frames(
        &mut self,
        finder: &memmem::Finder<'_>,
        bytes: &[u8],
        is_fresh: &mut bool,
    ) -> (usize, Option<Duration>) {
        let mut taken = 0;
        while let Some((frame, length)) = frames::first(bytes.get(taken..).unwrap_or_default()) {
            match frame {
                Frame::Text(payload) => {
                    self.tally.frames.fetch_add(1, Ordering::Relaxed);
                    for line in payload.split(|byte| *byte == b'\n') {
                        self.hear(finder, line, is_fresh);
                    }
                }
                Frame::Close(_) => {
                    let reason = bytes.get(taken..).unwrap_or_default();
                    return (bytes.len(), Some(retry_of(reason)));
                }
                Frame::Ping(payload) => self.pongs.extend(frames::pong(payload)),
                Frame::Other => {}
            }
            taken += length;
        }
        (taken, None)
    }

    fn hear(&mut self, finder: &memmem::Finder<'_>, line: &[u8], is_fresh: &mut bool) {
        let tally = &self.tally;
        match frames::said(line) {
            Said::Snapshot { seq } => {
                if std::mem::take(is_fresh) {
                    tally.subscribed.fetch_add(1, Ordering::Relaxed);
                } else {
                    tally.resyncs.fetch_add(1, Ordering::Relaxed);
                }
                self.held = frames::epoch(line).map(|epoch| (epoch.to_owned(), seq));
                let newest = frames::numbers(finder, line).max();
                self.move_on(newest);
            }
            Said::Update { prev, seq } => {
                if let Some((_, held)) = &mut self.held {
                    if prev > *held {
                        tally.gaps.fetch_add(1, Ordering::Relaxed);
                    }
                    *held = seq.max(*held);
                }
                let numbers: Vec<u64> = frames::numbers(finder, line).collect();
                tally.received(&numbers);
                self.move_on(numbers.into_iter().max());
            }
            Said::Subscribed { recovered: true } => {
                tally.recovered.fetch_add(1, Ordering::Relaxed);
                tally.subscribed.fetch_add(1, Ordering::Relaxed);
                *is_fresh = false;
            }
            Said::Subscribed { recovered: false } => {
                // The resume was refused: the snapshot that follows sets a new state.
                self.held = None;
            }
            Said::Other => {}
        }
    }

    fn move_on(&mut self, newest: Option<u64>) {
        let Some(newest) = newest.map(|newest| newest + 1) else {
            return;
        };
        let before = self.newest.unwrap_or_default();
        if newest > before {
            self.tally
                .progress
                .fetch_add(newest - before, Ordering::Relaxed);
            self.newest = Some(newest);
        }
    }
}

/// The pause that the close frame of a restart names.
fn retry_of(frame: &[u8]) -> Duration {
    let name = b"\"retry_ms\":";
    let millis = memmem::find(frame, name).and_then(|at| {
        let digits = frame.get(at + name.len()..)?;
        let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
    });
    millis.map_or(RETRY, Duration::from_millis)
}
