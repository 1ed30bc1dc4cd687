//! Good clients: readers of small answers, a publisher, and live subscribers.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use memchr::memmem;
use parking_lot::Mutex;
use reqwest::header::CONTENT_TYPE;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::scene::{Scene, keyword, posted};
use crate::cli::bench::frames::{self, Frame};
use crate::cli::bench::latency::Latency;
use crate::cli::bench::raw;
use crate::events::Timestamp;

const READERS: u64 = 4;
const LIVE: u64 = 10;
/// Time between two requests of a reader or of the publisher.
const EVERY: Duration = Duration::from_millis(50);
/// Lines per body.
const LINES: usize = 10;
/// Time limit of an answer. A later answer counts as a failure that took this long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time after the measurement in which late updates are still counted.
const LAST_ONES: Duration = Duration::from_secs(3);
/// The good clients' address.
const GOOD: raw::From = raw::From {
    address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    receive: None,
};

/// Waiting times of good clients.
#[derive(Debug)]
pub(super) struct Waited {
    pub(super) reads: Latency,
    pub(super) posts: Latency,
    pub(super) live: Latency,
}

#[derive(Debug, Default)]
struct Tally {
    spans: Vec<Duration>,
    failed: u64,
}

impl Tally {
    fn took(tally: &Mutex<Self>, span: Duration, failed: bool) {
        let mut tally = tally.lock();
        tally.spans.push(span);
        tally.failed += u64::from(failed);
    }

    fn latency(tally: &Mutex<Self>) -> Latency {
        let mut tally = tally.lock();
        Latency::of(std::mem::take(&mut tally.spans), tally.failed)
    }
}

#[derive(Debug, Default)]
struct Shared {
    reads: Mutex<Tally>,
    posts: Mutex<Tally>,
    live: Mutex<Tally>,
    /// Tweets that live clients have not received yet: posting time, and number of clients still
    /// due.
    due: Mutex<HashMap<String, (Instant, u64)>>,
}

/// Runs good clients for the given time.
pub(super) async fn run(scene: &Scene, length: Duration) -> anyhow::Result<Waited> {
    let shared = Arc::new(Shared::default());
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let mut live = JoinSet::new();
    let (joined, mut joining) = tokio::sync::mpsc::channel(usize::try_from(LIVE)?);
    for _ in 0..LIVE {
        let (shared, to, joined) = (Arc::clone(&shared), scene.address, joined.clone());
        live.spawn(async move { subscribe(&shared, to, joined).await });
    }
    drop(joined);
    // Each live client reports its snapshot. For a client without one, every update counts as
    // missed.
    let all = async {
        for _ in 0..LIVE {
            let _ = joining.recv().await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, all).await;
    let mut tasks = JoinSet::new();
    let client = GoodClient {
        shared: Arc::clone(&shared),
        http,
        base: format!("http://{}", scene.address),
        length,
    };
    for reader in 0..READERS {
        let (client, keywords) = (client.clone(), scene.keywords);
        tasks.spawn(async move { client.read(keywords, reader).await });
    }
    tasks.spawn(async move { client.post().await });
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    let began = Instant::now();
    while began.elapsed() < LAST_ONES && !shared.due.lock().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    live.shutdown().await;
    for (posted, missing) in std::mem::take(&mut *shared.due.lock()).into_values() {
        for _ in 0..missing {
            Tally::took(&shared.live, posted.elapsed(), true);
        }
    }
    Ok(Waited {
        reads: Tally::latency(&shared.reads),
        posts: Tally::latency(&shared.posts),
        live: Tally::latency(&shared.live),
    })
}

/// Moments at which requests are due. The time of a request starts when it is due, not when it is
/// sent: a stalled server receives fewer requests, and would otherwise look fast.
struct Due {
    began: Instant,
    left: u32,
    number: u32,
}

impl Due {
    fn during(length: Duration) -> Self {
        let left = length.as_millis() / EVERY.as_millis().max(1);
        Self {
            began: Instant::now(),
            left: u32::try_from(left).unwrap_or(u32::MAX),
            number: 0,
        }
    }

    /// Waits for the next moment.
    async fn next(&mut self) -> Option<Instant> {
        self.left = self.left.checked_sub(1)?;
        let due = self.began + EVERY * self.number;
        self.number += 1;
        tokio::time::sleep_until(due.into()).await;
        Some(due)
    }

    /// True when the server is too far behind for the request to be sent.
    fn is_hopeless(&self, due: Instant) -> bool {
        due.elapsed() > PATIENCE
    }
}

/// A client that reads and posts over HTTP.
#[derive(Clone)]
struct GoodClient {
    shared: Arc<Shared>,
    http: reqwest::Client,
    base: String,
    length: Duration,
}

impl GoodClient {
    async fn read(&self, keywords: u64, reader: u64) {
        let (shared, http, base) = (&*self.shared, &self.http, &self.base);
        let mut moments = Due::during(self.length);
        let mut number = reader;
        while let Some(due) = moments.next().await {
            if moments.is_hopeless(due) {
                Tally::took(&shared.reads, due.elapsed(), true);
                continue;
            }
            number += READERS;
            let keyword = keyword(number.wrapping_mul(7_919), keywords);
            let what = match number / READERS % 3 {
                0 => "timeline?limit=20",
                1 => "volume",
                _ => "ledger",
            };
            let url = format!("{base}/api/v1/keywords/{keyword}/{what}");
            let answer = async {
                let response = http.get(url).send().await?.error_for_status()?;
                response.bytes().await
            };
            let failed = answer.await.is_err();
            Tally::took(&shared.reads, due.elapsed(), failed);
        }
    }

    async fn post(&self) {
        let (shared, http, base) = (&*self.shared, &self.http, &self.base);
        let run = Timestamp::now().millis();
        let mut moments = Due::during(self.length);
        let mut number = 0_u64;
        while let Some(due) = moments.next().await {
            if moments.is_hopeless(due) {
                Tally::took(&shared.posts, due.elapsed(), true);
                continue;
            }
            let mut body = String::new();
            let mut ids = Vec::with_capacity(LINES);
            let at = Timestamp::now();
            for _ in 0..LINES {
                number += 1;
                let id = format!("good:{run}:{number}");
                body.push_str(&posted(&id, at, "good news", Some("good")));
                ids.push(id);
            }
            shared
                .due
                .lock()
                .extend(ids.iter().map(|id| (id.clone(), (due, LIVE))));
            let request = http
                .post(format!("{base}/api/v1/tweets"))
                .header(CONTENT_TYPE, "application/x-ndjson")
                .body(body);
            let answer = async {
                let response = request.send().await?.error_for_status()?;
                response.bytes().await
            };
            let failed = answer.await.is_err();
            Tally::took(&shared.posts, due.elapsed(), failed);
            if failed {
                // The tweets may not be in the journal, so they are no longer due.
                let mut due = shared.due.lock();
                for id in ids {
                    due.remove(&id);
                }
            }
        }
    }
}

/// Subscribes to the timeline, and subscribes again after every disconnect.
async fn subscribe(
    shared: &Shared,
    to: std::net::SocketAddr,
    joined: tokio::sync::mpsc::Sender<()>,
) {
    loop {
        let listening =
            tokio::time::timeout(Duration::from_secs(3600), listen(shared, to, &joined));
        let _ = listening.await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn listen(
    shared: &Shared,
    to: std::net::SocketAddr,
    joined: &tokio::sync::mpsc::Sender<()>,
) -> anyhow::Result<()> {
    let subscribe = "{\"type\":\"subscribe\",\"id\":1,\"keyword\":\"good\",\"topics\":[{\"topic\":\"timeline\",\"limit\":200}]}";
    let mut stream = raw::connect(to, GOOD).await?;
    raw::upgrade(&mut stream, to).await?;
    stream.write_all(&frames::text(subscribe)).await?;
    let finder = memmem::Finder::new(b"\"id\":\"good:");
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut has_snapshot = false;
    loop {
        let count = stream.read(&mut buffer).await?;
        anyhow::ensure!(count > 0, "the server ended the connection");
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let mut taken = 0;
        while let Some((frame, length)) = frames::first(bytes.get(taken..).unwrap_or_default()) {
            match frame {
                Frame::Text(payload) => {
                    hear(shared, &finder, payload);
                    if !has_snapshot && memmem::find(payload, b"\"type\":\"snapshot\"").is_some() {
                        has_snapshot = true;
                        let _ = joined.try_send(());
                    }
                }
                Frame::Ping(payload) => {
                    let pong = frames::pong(payload);
                    stream.write_all(&pong).await.context("pong")?;
                }
                Frame::Close(_) => anyhow::bail!("the server sent a close frame"),
                Frame::Other => {}
            }
            taken += length;
        }
        bytes.drain(..taken);
    }
}

/// Marks the tweets of a frame as received. A snapshot may repeat tweets.
fn hear(shared: &Shared, finder: &memmem::Finder<'_>, payload: &[u8]) {
    for at in finder.find_iter(payload) {
        let Some(rest) = payload.get(at + b"\"id\":\"".len()..) else {
            continue;
        };
        let end = memchr::memchr(b'"', rest).unwrap_or_default();
        let Ok(id) = std::str::from_utf8(rest.get(..end).unwrap_or_default()) else {
            continue;
        };
        let mut due = shared.due.lock();
        let Some((posted, missing)) = due.get_mut(id) else {
            continue;
        };
        Tally::took(&shared.live, posted.elapsed(), false);
        *missing -= 1;
        if *missing == 0 {
            due.remove(id);
        }
    }
}
