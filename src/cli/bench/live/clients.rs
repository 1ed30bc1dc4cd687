//! The clients: one thread, one task and one connection for each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::frames::{self, Frame, Said};

/// Clients that connect at a time: the rest wait their turn, as behind a balancer.
const CONNECTING: usize = 256;
/// A client reads so many bytes at a time.
const READ_BYTES: usize = 64 * 1024;
/// How long a handshake may take.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// A tenth of a millisecond is what latencies are told apart by.
const LATENCY_STEP: Duration = Duration::from_micros(100);
/// Latencies are counted up to ten seconds.
const LATENCY_STEPS: usize = 100_000;

/// Which clients to run.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    pub(super) address: SocketAddr,
    pub(super) clients: usize,
    /// They follow these in turn.
    pub(super) keywords: Arc<[String]>,
    /// They subscribe and then never read.
    pub(super) are_stuck: bool,
    /// They come back when the server goes, and go on where they were.
    pub(super) come_back: bool,
}

/// What clients have seen; shared by all threads.
#[derive(Debug)]
pub(super) struct Tally {
    /// Tweets received, each by each client.
    pub(super) deliveries: AtomicU64,
    /// Summed over the clients: the number of the newest tweet that each has.
    pub(super) progress: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Clients that hold a snapshot, or have gone on where they were.
    pub(super) subscribed: AtomicUsize,
    /// Subscriptions that went on where they were.
    pub(super) recovered: AtomicUsize,
    /// Updates that didn't follow on what the client held.
    pub(super) gaps: AtomicU64,
    /// Snapshots that a client got when it held one already.
    pub(super) resyncs: AtomicU64,
    /// Connections that the server closed.
    pub(super) closed: AtomicUsize,
    counting: AtomicBool,
    latencies: Mutex<Vec<u32>>,
    /// When each tweet was published, by its number.
    published: Mutex<Vec<Instant>>,
}

impl Tally {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            deliveries: AtomicU64::new(0),
            progress: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            subscribed: AtomicUsize::new(0),
            recovered: AtomicUsize::new(0),
            gaps: AtomicU64::new(0),
            resyncs: AtomicU64::new(0),
            closed: AtomicUsize::new(0),
            counting: AtomicBool::new(false),
            latencies: Mutex::new(vec![0; LATENCY_STEPS]),
            published: Mutex::new(Vec::new()),
        })
    }

    /// Takes note that tweets are being published; they have the next numbers, from the one answered.
    pub(super) fn publishing(&self, count: usize) -> u64 {
        let now = Instant::now();
        let mut published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let first = published.len();
        published.resize(first + count, now);
        u64::try_from(first).unwrap_or(u64::MAX)
    }

    /// Counts latencies from now on.
    pub(super) fn count(&self) {
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill(0);
        self.counting.store(true, Ordering::Relaxed);
    }

    /// The latencies below which so many thousandths of the deliveries were.
    pub(super) fn latency(&self, thousandths: u64) -> Duration {
        let counts = self
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
        let wanted = all * thousandths / 1000;
        let mut below = 0;
        for (step, count) in (1_u32..).zip(counts.iter()) {
            below += u64::from(*count);
            if below >= wanted && below > 0 {
                return LATENCY_STEP * step;
            }
        }
        Duration::ZERO
    }

    fn received(&self, numbers: &[u64]) {
        let count = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
        self.deliveries.fetch_add(count, Ordering::Relaxed);
        if !self.counting.load(Ordering::Relaxed) {
            return;
        }
        let now = Instant::now();
        let published = self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut counts = self
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for number in numbers {
            let number = usize::try_from(*number).unwrap_or(usize::MAX);
            let Some(at) = published.get(number) else {
                continue;
            };
            let steps = now.duration_since(*at).as_micros() / LATENCY_STEP.as_micros();
            let step = usize::try_from(steps).unwrap_or(usize::MAX);
            if let Some(count) = counts.get_mut(step.min(LATENCY_STEPS - 1)) {
                *count = count.saturating_add(1);
            }
        }
    }
}

/// Running clients.
#[derive(Debug)]
pub(super) struct Running {
    ending: tokio::sync::watch::Sender<bool>,
    thread: std::thread::JoinHandle<anyhow::Result<()>>,
}

impl Crowd {
    /// Starts them in a thread of their own.
    pub(super) fn run(self, tally: Arc<Tally>) -> anyhow::Result<Running> {
        let (ending, end) = tokio::sync::watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("clients".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(self.all(tally, end))
            })
            .context("a thread for the clients cannot be started")?;
        Ok(Running { ending, thread })
    }

    async fn all(
        self,
        tally: Arc<Tally>,
        mut end: tokio::sync::watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let places = Arc::new(tokio::sync::Semaphore::new(CONNECTING));
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
                places: Arc::clone(&places),
                held: None,
                newest: None,
            };
            tasks.spawn(client.live());
        }
        loop {
            tokio::select! {
                // An error of one is one too many: the figures would be others.
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
    /// Ends them, and answers what went wrong.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.ending.send_replace(true);
        tokio::task::spawn_blocking(move || self.thread.join())
            .await?
            .unwrap_or_else(|_| bail!("the clients panicked"))
    }

    /// They have ended, which they do only when something is wrong.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// One client.
struct One {
    keyword: String,
    crowd: Crowd,
    tally: Arc<Tally>,
    places: Arc<tokio::sync::Semaphore>,
    /// The epoch and sequence that it holds.
    held: Option<(String, u64)>,
    newest: Option<u64>,
}

impl One {
    async fn live(mut self) -> anyhow::Result<()> {
        loop {
            let stream = {
                let _place = self.places.acquire().await?;
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
                return Ok(());
            }
            self.tally.subscribed.fetch_sub(1, Ordering::Relaxed);
            tokio::time::sleep(retry).await;
        }
    }

    async fn connect(&self) -> anyhow::Result<TcpStream> {
        let address = self.crowd.address;
        let joining = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let handshake = format!(
                "GET /api/v1/live HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Protocol: tidings.v1\r\n\r\n"
            );
            stream.write_all(handshake.as_bytes()).await?;
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            if !head.starts_with(b"HTTP/1.1 101") {
                bail!(
                    "the server refused a WebSocket: {}",
                    String::from_utf8_lossy(&head)
                );
            }
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

    /// Reads until the connection ends; answers after how long to come back.
    async fn listen(&mut self, mut stream: TcpStream) -> anyhow::Result<Duration> {
        let finder = memmem::Finder::new(frames::TWEET);
        if self.crowd.are_stuck {
            self.tally.subscribed.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        let mut buffer: Vec<u8> = Vec::new();
        let mut is_fresh = true;
        loop {
            buffer.reserve(READ_BYTES);
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(Duration::from_millis(100)),
                Ok(count) => {
                    let count = u64::try_from(count).unwrap_or(u64::MAX);
                    self.tally.bytes.fetch_add(count, Ordering::Relaxed);
                }
            }
            let mut taken = 0;
            while let Some((frame, length)) = frames::first(buffer.get(taken..).unwrap_or_default())
            {
                match frame {
                    Frame::Text(payload) => {
                        self.tally.frames.fetch_add(1, Ordering::Relaxed);
                        for line in payload.split(|byte| *byte == b'\n') {
                            self.hear(&finder, line, &mut is_fresh);
                        }
                    }
                    Frame::Close(_) => {
                        let reason = buffer.get(taken..).unwrap_or_default();
                        return Ok(retry_of(reason));
                    }
                    Frame::Other => {}
                }
                taken += length;
            }
            buffer.drain(..taken);
            if buffer.is_empty() {
                buffer = Vec::new();
            }
        }
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
                // What it held is over; the snapshot says what is.
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

/// The pause that a close frame of a restart asks for.
fn retry_of(frame: &[u8]) -> Duration {
    let name = b"\"retry_ms\":";
    let millis = memmem::find(frame, name).and_then(|at| {
        let digits = frame.get(at + name.len()..)?;
        let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
    });
    Duration::from_millis(millis.unwrap_or(100))
}
