//! The most expensive GET and subscription of every route, one after the other.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::cost::{self, Idle};
use super::figures::ReadFigures;
use super::scene::{Scene, keyword};
use crate::cli::bench::server::BenchServer;
use crate::cli::bench::{frames, raw};
use crate::events::Timestamp;

/// Time limit of an answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);
/// A subscription counts as answered after this long without a byte.
const SILENT: Duration = Duration::from_secs(5);
/// The attacker's address.
pub(super) const ATTACKER: raw::From = raw::From {
    address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)),
    receive: None,
};

/// Messages that open 960 channels, each of up to 9,990 minutes. By default, a client may have
/// 1,000 channels.
pub(super) fn greedy_messages(now: Timestamp) -> Vec<String> {
    // Each channel has a different start; a message holds 64 of them.
    (0..15_i64)
        .map(|message| {
            let topics = (0..64_i64).map(|topic| {
                let minutes = 9_990 - (message * 64 + topic);
                let from = now.plus(-minutes * Timestamp::MINUTE);
                format!("{{\"topic\":\"volume\",\"step\":\"minute\",\"from\":\"{from}\"}}")
            });
            let topics: Vec<String> = topics.collect();
            format!(
                "{{\"type\":\"subscribe\",\"id\":{message},\"keyword\":\"big\",\"topics\":[{}]}}",
                topics.join(",")
            )
        })
        .collect()
}

/// The most expensive GET requests: label and path.
pub(super) fn gets(scene: &Scene) -> Vec<(&'static str, String)> {
    let mut gets = timelines();
    gets.extend(counts(scene));
    gets.extend([
        ("all keywords", "/api/v1/keywords".into()),
        ("ledger of all", "/api/v1/ledger".into()),
        ("ledger of one", of("big", "ledger")),
        ("readyz", "/readyz".into()),
        ("metrics", "/metrics".into()),
        ("openapi", "/api/openapi.json".into()),
    ]);
    gets
}

fn of(keyword: &str, rest: &str) -> String {
    format!("/api/v1/keywords/{keyword}/{rest}")
}

/// Timelines. A filter that matches no tweet reads all of them.
fn timelines() -> Vec<(&'static str, String)> {
    [
        ("texts of U+FDFA, q without a match", "heavy", "q=zzz"),
        (
            "texts of U+FDFA, author without a match",
            "heavy",
            "author=zzz",
        ),
        ("texts of U+FDFA, newest 200", "heavy", "limit=200"),
        ("100,000 tweets, q without a match", "big", "q=zzz"),
        (
            "100,000 tweets, author without a match",
            "big",
            "author=zzz",
        ),
        ("100,000 tweets, lang without a match", "big", "lang=zz"),
        ("newest 200", "big", "limit=200"),
    ]
    .map(|(what, keyword, query)| (what, of(keyword, &format!("timeline?{query}"))))
    .into()
}

/// Volumes, comparisons and overviews.
fn counts(scene: &Scene) -> Vec<(&'static str, String)> {
    let now = scene.now;
    let minutes = scene.widest_minutes();
    let days = now.plus(-9_998 * Timestamp::DAY);
    let days = format!("step=day&from={days}&to={now}");
    let past = now.plus(-3 * Timestamp::DAY);
    let mut compared = "/api/v1/compare?keyword=big".to_owned();
    for number in 0..9 {
        compared.push_str(&format!("&keyword={}", keyword(number, scene.keywords)));
    }
    let overview = |query: &str| format!("/api/v1/overview?{query}");
    vec![
        (
            "volume, 10,000 minutes",
            of("big", &format!("volume?{minutes}")),
        ),
        ("volume, 9,999 days", of("big", &format!("volume?{days}"))),
        (
            "compare, 10 × 10,000 minutes",
            format!("{compared}&{minutes}"),
        ),
        ("compare, 10 × 9,999 days", format!("{compared}&{days}")),
        ("overview, 30 days", overview("window=30d")),
        (
            "overview, a past hour",
            overview(&format!("window=1h&at={past}")),
        ),
        (
            "overview, past 30 days",
            overview(&format!("window=30d&at={past}")),
        ),
    ]
}

/// The most expensive subscriptions: label and messages.
fn subscriptions(scene: &Scene) -> Vec<(&'static str, Vec<String>)> {
    let one = |keyword: &str, topic: &str| {
        vec![format!(
            "{{\"type\":\"subscribe\",\"id\":1,\"keyword\":\"{keyword}\",\"topics\":[{topic}]}}"
        )]
    };
    let from = scene.now.plus(-9_990 * Timestamp::MINUTE);
    vec![
        (
            "timeline of texts of U+FDFA, 200",
            one("heavy", "{\"topic\":\"timeline\",\"limit\":200}"),
        ),
        (
            "volume, 9,990 minutes",
            one("big", &format!("{{\"topic\":\"volume\",\"step\":\"minute\",\"from\":\"{from}\"}}")),
        ),
        (
            "overview, 30 days",
            vec!["{\"type\":\"subscribe\",\"id\":1,\"topics\":[{\"topic\":\"overview\",\"window\":\"30d\"}]}".into()],
        ),
        ("960 volume channels, each of up to 9,990 minutes", greedy_messages(scene.now)),
    ]
}

/// Measures all reads and subscriptions.
pub(super) async fn measure(
    server: &BenchServer,
    scene: &Scene,
    idle: Idle,
    out: &mut Vec<ReadFigures>,
) -> anyhow::Result<()> {
    let to = scene.address;
    for (what, path) in gets(scene) {
        let request = raw::get(to, &path);
        let asking = raw::exchange(to, ATTACKER, request.as_bytes());
        let read = one(server, idle, "GET", what, within(asking));
        out.push(read.await.with_context(|| format!("GET {path}"))?);
    }
    for (what, messages) in subscriptions(scene) {
        let read = one(server, idle, "WS", what, subscribe(to, &messages));
        out.push(read.await.with_context(|| format!("subscription {what}"))?);
    }
    let from = scene.now.plus(-9_990 * Timestamp::MINUTE);
    let streams = [
        (
            "timeline of texts of U+FDFA",
            "keywords/heavy/events?topic=timeline&limit=200".to_owned(),
        ),
        (
            "volume, 9,990 minutes",
            format!("keywords/big/events?topic=volume&step=minute&from={from}"),
        ),
    ];
    for (what, path) in streams {
        let request = raw::get(to, &format!("/api/v1/{path}"));
        let read = one(server, idle, "SSE", what, async {
            let mut stream = raw::connect(to, ATTACKER).await?;
            stream.write_all(request.as_bytes()).await?;
            let bytes = read_until_silent(&mut stream).await?;
            Ok((200, bytes))
        });
        out.push(read.await.with_context(|| format!("GET {path}"))?);
    }
    Ok(())
}

async fn one(
    server: &BenchServer,
    idle: Idle,
    how: &'static str,
    what: &'static str,
    asking: impl Future<Output = anyhow::Result<(u16, u64)>>,
) -> anyhow::Result<ReadFigures> {
    let ((status, bytes), cost) = cost::of(server, idle, asking).await?;
    let read = ReadFigures::of(how, what, status, bytes, cost);
    tracing::info!("{}", read.text());
    Ok(read)
}

/// Status and size of an answer; both 0 when none came in time.
async fn within(
    asking: impl Future<Output = anyhow::Result<raw::Answered>>,
) -> anyhow::Result<(u16, u64)> {
    match tokio::time::timeout(ANSWERED_WITHIN, asking).await {
        Ok(answered) => answered.map(|answered| (answered.status, answered.bytes)),
        Err(_) => Ok((0, 0)),
    }
}

/// Subscribes, and reads until no more bytes come.
async fn subscribe(to: SocketAddr, messages: &[String]) -> anyhow::Result<(u16, u64)> {
    let mut stream = raw::connect(to, ATTACKER).await?;
    raw::upgrade(&mut stream, to).await?;
    for message in messages {
        stream.write_all(&frames::text(message)).await?;
    }
    let bytes = read_until_silent(&mut stream).await?;
    Ok((101, bytes))
}

/// Reads until nothing has come for [`SILENT`], or the server ends the connection.
async fn read_until_silent(stream: &mut tokio::net::TcpStream) -> anyhow::Result<u64> {
    let began = Instant::now();
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0_u64;
    while began.elapsed() < ANSWERED_WITHIN {
        match tokio::time::timeout(SILENT, stream.read(&mut buffer)).await {
            Err(_) if bytes > 0 => break,
            Err(_) => {}
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(count)) => bytes = bytes.saturating_add(u64::try_from(count)?),
        }
    }
    Ok(bytes)
}
