//! Hostile clients, all at once: abandoned requests, clients that never read, half uploads, greedy
//! live clients. They connect from eight addresses that no good client uses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{self, Handle, Runtime};
use tokio::task::JoinSet;

use super::reads::{self, greedy_messages};
use super::scene::Scene;
use crate::cli::bench::{frames, raw};
use crate::events::Timestamp;
use crate::store::give_way;

const ABANDONED: u64 = 600;
const NON_READERS: u64 = 200;
const UPLOADS: u64 = 60;
const GREEDY: u64 = 4;

/// The period over which the abandoned requests are spread.
const ABANDONED_WITHIN: Duration = Duration::from_secs(2);
/// Time after which a client abandons its request.
const ABANDONED_AFTER: Duration = Duration::from_millis(100);
/// Pause before a disconnected client reconnects.
const BACK_AFTER: Duration = Duration::from_millis(500);
/// Size of the receive buffer of a client that never reads, in bytes.
const NARROW: u32 = 4096;
/// Announced length of an upload, and the part of it that is sent at once, in bytes.
const UPLOAD: (usize, usize) = (16 * 1024 * 1024, 16 * 1024 * 1024 - 64 * 1024);
/// Interval at which the rest of an upload is sent, one byte at a time, so that the upload is never
/// idle.
const DRIP_EVERY: Duration = Duration::from_secs(4);

/// Niceness of the threads of hostile clients, from 0 (none) to 19.
const NICENESS: i32 = 5;

/// Connections of hostile clients, by kind.
#[derive(Debug, Default)]
pub(super) struct SiegeCounts {
    pub(super) abandoned: AtomicU64,
    pub(super) non_readers: AtomicU64,
    pub(super) uploads: AtomicU64,
    pub(super) greedy: AtomicU64,
    /// Bytes received by greedy live clients.
    pub(super) greedy_bytes: AtomicU64,
}

/// Running hostile clients; dropping it ends them.
pub(super) struct Siege {
    pub(super) counts: Arc<SiegeCounts>,
    to: SocketAddr,
    clients: JoinSet<()>,
    threads: Option<Runtime>,
}

impl Siege {
    /// Starts the clients on threads of low priority. On machines of their own they would take no
    /// processor time from the server or from good clients.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub(super) fn begin(scene: &Scene) -> std::io::Result<Self> {
        let threads = runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("siege")
            .on_thread_start(|| give_way(NICENESS))
            .build()?;
        let on = threads.handle().clone();
        let mut siege = Self {
            counts: Arc::default(),
            to: scene.address,
            clients: JoinSet::new(),
            threads: Some(threads),
        };
        siege.abandon_requests(scene, &on);
        siege.leave_answers_unread(scene, &on);
        siege.upload_halves(&on);
        siege.subscribe_greedily(&on);
        Ok(siege)
    }

    fn abandon_requests(&mut self, scene: &Scene, on: &Handle) {
        let to = self.to;
        let costly = reads::gets(scene).into_iter();
        let costly: Arc<[String]> = costly.map(|(_, path)| raw::get(to, &path)).collect();
        for number in 0..ABANDONED {
            let requests = Arc::clone(&costly);
            let counts = Arc::clone(&self.counts);
            let client = async move {
                let part = f64::from(u32::try_from(number).unwrap_or_default()) / 600.0;
                tokio::time::sleep(ABANDONED_WITHIN.mul_f64(part)).await;
                // Every second request is the most expensive one.
                let request = nth(&requests, if number % 2 == 0 { 0 } else { number / 2 });
                counts.abandoned.fetch_add(1, Ordering::Relaxed);
                let _ = abandon(to, from(number, None), &request).await;
            };
            self.clients.spawn_on(client, on);
        }
    }

    fn leave_answers_unread(&mut self, scene: &Scene, on: &Handle) {
        let to = self.to;
        let minutes = scene.widest_minutes();
        let series = (0..9).map(|number| super::scene::keyword(number, scene.keywords));
        let series = series.collect::<Vec<_>>().join("&keyword=");
        let paths = [
            "/api/openapi.json".to_owned(),
            format!("/api/v1/compare?keyword=big&keyword={series}&{minutes}"),
            "/api/v1/keywords/heavy/timeline?limit=200".to_owned(),
            "/api/v1/keywords".to_owned(),
        ];
        // Many requests on one connection, so that answers queue up.
        let request = |path| format!("GET {path} HTTP/1.1\r\nHost: {to}\r\n\r\n").repeat(32);
        let never_read: Arc<[String]> = paths.into_iter().map(request).collect();
        for number in 0..NON_READERS {
            let requests = Arc::clone(&never_read);
            let counts = Arc::clone(&self.counts);
            let client = async move {
                let request = nth(&requests, number);
                again(&counts.non_readers, || {
                    never_read_an_answer(to, from(number, Some(NARROW)), &request)
                })
                .await;
            };
            self.clients.spawn_on(client, on);
        }
    }

    fn upload_halves(&mut self, on: &Handle) {
        let to = self.to;
        let piece: Arc<[u8]> = body_piece();
        for number in 0..UPLOADS {
            let (counts, piece) = (Arc::clone(&self.counts), Arc::clone(&piece));
            let client = async move {
                again(&counts.uploads, || {
                    upload_half(to, from(number, None), &piece)
                })
                .await;
            };
            self.clients.spawn_on(client, on);
        }
    }

    fn subscribe_greedily(&mut self, on: &Handle) {
        let to = self.to;
        let messages: Arc<[String]> = greedy_messages(Timestamp::now()).into();
        for number in 0..GREEDY {
            let (counts, messages) = (Arc::clone(&self.counts), Arc::clone(&messages));
            let client = async move {
                again(&counts.greedy, || {
                    want_everything(to, from(number, None), &messages, &counts.greedy_bytes)
                })
                .await;
            };
            self.clients.spawn_on(client, on);
        }
    }
}

impl Drop for Siege {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which is not allowed on the event loop.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// The request with this number, modulo the number of requests.
fn nth(requests: &[String], number: u64) -> String {
    let index = usize::try_from(number).unwrap_or_default() % requests.len().max(1);
    requests.get(index).cloned().unwrap_or_default()
}

/// The address of a request: one of eight, by its number.
fn from(number: u64, receive: Option<u32>) -> raw::From {
    let last = 2 + u8::try_from(number % 8).unwrap_or_default();
    raw::From {
        address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)),
        receive,
    }
}

/// Reconnects after every disconnect, until the siege ends.
async fn again<F: Future<Output = anyhow::Result<()>>>(
    count: &AtomicU64,
    mut attack: impl FnMut() -> F,
) {
    loop {
        count.fetch_add(1, Ordering::Relaxed);
        let _ = attack().await;
        tokio::time::sleep(BACK_AFTER).await;
    }
}

async fn abandon(to: SocketAddr, from: raw::From, request: &str) -> anyhow::Result<()> {
    let mut stream = raw::connect(to, from).await?;
    stream.write_all(request.as_bytes()).await?;
    tokio::time::sleep(ABANDONED_AFTER).await;
    Ok(())
}

async fn never_read_an_answer(
    to: SocketAddr,
    from: raw::From,
    requests: &str,
) -> anyhow::Result<()> {
    let mut stream = raw::connect(to, from).await?;
    loop {
        // Fails when the server resets the connection.
        stream.write_all(requests.as_bytes()).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn upload_half(to: SocketAddr, from: raw::From, piece: &[u8]) -> anyhow::Result<()> {
    let mut stream = raw::connect(to, from).await?;
    let (length, now) = UPLOAD;
    let head = format!(
        "POST /api/v1/tweets HTTP/1.1\r\nHost: {to}\r\nContent-Type: \
        application/x-ndjson\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut sent = 0;
    while sent < now {
        stream.write_all(piece).await?;
        sent += piece.len();
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(DRIP_EVERY) => stream.write_all(b"\n").await?,
            ended = ended(&mut stream) => return ended,
        }
    }
}

/// Waits until the server sends a byte or ends the connection.
async fn ended(stream: &mut TcpStream) -> anyhow::Result<()> {
    let mut buffer = vec![0; 4096];
    let count = stream.read(&mut buffer).await?;
    anyhow::ensure!(count > 0, "the server ended the connection");
    Ok(())
}

/// 64 KiB of lines that match no keyword.
fn body_piece() -> Arc<[u8]> {
    let now = Timestamp::now();
    let mut piece = String::new();
    for number in 0.. {
        let line = super::scene::posted(&format!("u:{number}"), now, "half an upload", None);
        if piece.len() + line.len() > 64 * 1024 {
            break;
        }
        piece.push_str(&line);
    }
    piece.into_bytes().into()
}

async fn want_everything(
    to: SocketAddr,
    from: raw::From,
    messages: &[String],
    bytes: &AtomicU64,
) -> anyhow::Result<()> {
    let mut stream = raw::connect(to, from).await?;
    raw::upgrade(&mut stream, to).await?;
    let (mut reading, mut writing) = stream.split();
    let asking = async {
        for message in messages {
            writing.write_all(&frames::text(message)).await?;
        }
        // The client stays and waits for updates.
        std::future::pending::<anyhow::Result<()>>().await
    };
    let taking = async {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let count = reading.read(&mut buffer).await?;
            if count == 0 {
                return anyhow::Ok(());
            }
            bytes.fetch_add(u64::try_from(count)?, Ordering::Relaxed);
        }
    };
    tokio::select! {
        done = asking => done,
        done = taking => done,
    }
}
