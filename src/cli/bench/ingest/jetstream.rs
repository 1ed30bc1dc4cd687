//! The ingest benchmark on a NATS JetStream stream.
//!
//! A client that does nothing else reads the stream right before and right after the fold, and
//! publishes to it right before and right after the posts. The figures are compared with the mean
//! of both, because the speed of a machine changes within minutes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use indicatif::ProgressBar;
use parking_lot::Mutex;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Filled, IngestFigures, Publishing, rate};
use super::{IngestBenchArguments, bytes_in, fold};
use crate::actors::engine::views_dir;
use crate::app::{App, jetstream_options};
use crate::cli::Invocation;
use crate::cli::bench::events::Source;
use crate::cli::client::ServerClient;
use crate::cli::progress;
use crate::cli::publish::sender::MAX_LINES;
use crate::events::{Event, Keyword, Token, json};
use crate::journal::{BareJetStream, JetStreamJournal, Journal as _, without_passwords};
use crate::settings::NatsSettings;

/// Maximum number of messages that are generated before they are published.
const MADE_AHEAD: u64 = 100_000;
/// Time limit for the journal to know the end of its stream.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn measure(
    arguments: &IngestBenchArguments,
    source: Source,
    folder: &Path,
    nats: &NatsSettings,
    invocation: &Invocation,
) -> anyhow::Result<IngestFigures> {
    let options = jetstream_options(nats)?;
    let bare = BareJetStream::connect(&options).await?;
    ensure!(
        !bare.is_there().await?,
        "{} has a stream TWEETS or REJECTED already: measure on a nats-server with a store of its \
        own",
        without_passwords(&options.urls)
    );
    let journal = JetStreamJournal::open(&options).await?;
    let bench = StreamBench {
        arguments,
        folder,
        bare: &bare,
        invocation,
    };
    let measured = bench.run(source, journal).await;
    let removed = bare.remove().await;
    let figures = measured?;
    removed?;
    Ok(figures)
}

/// A measurement on one stream.
struct StreamBench<'a> {
    arguments: &'a IngestBenchArguments,
    folder: &'a Path,
    bare: &'a BareJetStream,
    invocation: &'a Invocation,
}

impl StreamBench<'_> {
    async fn run(
        &self,
        mut source: Source,
        journal: JetStreamJournal,
    ) -> anyhow::Result<IngestFigures> {
        let Self {
            arguments,
            folder,
            bare,
            invocation,
        } = *self;
        let (json_bytes, _) = fill(bare, &mut source, arguments.events).await?;
        let read_before = read(bare, arguments.events).await?;
        let journal_bytes = bare.bytes().await?;
        let head = reached(&journal, arguments.events).await?;
        ensure!(
            head == arguments.events,
            "the stream ends at {head} and not at {}: another client publishes to it",
            arguments.events
        );
        let folding = fold(Arc::new(journal), folder, invocation).await?;
        let read_after = read(bare, arguments.events).await?;
        let filled = Filled {
            events: arguments.events,
            keywords: source.keywords(),
            json_bytes,
            journal_bytes,
            views_bytes: bytes_in(&views_dir(folder))?,
        };
        let (_, before) = fill(bare, &mut source, arguments.posted).await?;
        // The bodies come after the filled events, because events are in time order.
        let bodies = bodies(&mut source, arguments.posted)?;
        let (posted, folded) = post(bodies, arguments, folder, invocation).await?;
        let (_, after) = fill(bare, &mut source, arguments.posted).await?;
        let bare_publish = rate(arguments.posted, before.saturating_add(after) / 2);
        let publishing = Publishing::of(bare_publish, arguments.posted, posted, folded);
        let bare_read = read_before.saturating_add(read_after) / 2;
        Ok(IngestFigures::of(
            &filled,
            bare_read,
            &folding,
            Some(publishing),
        ))
    }
}

/// Waits until the stream holds this many events; returns its last sequence.
async fn reached(journal: &JetStreamJournal, events: u64) -> anyhow::Result<u64> {
    let mut head = journal.head();
    let reached = head.wait_for(|head| head.get() >= events);
    let reached = tokio::time::timeout(HEAD_WITHIN, reached).await;
    let head = reached.context("the end of the stream is not known in time")??;
    Ok(head.get())
}

async fn read(bare: &BareJetStream, events: u64) -> anyhow::Result<Duration> {
    let began = Instant::now();
    bare.read(events).await?;
    Ok(began.elapsed())
}

fn next(source: &mut Source) -> anyhow::Result<(Keyword, Event)> {
    source.next().context("the source of events is exhausted")
}

/// Fills the stream; returns the size of the JSON in bytes and how long publishing took.
async fn fill(
    bare: &BareJetStream,
    source: &mut Source,
    events: u64,
) -> anyhow::Result<(u64, Duration)> {
    let bar = progress::bar("filling the stream", Some(events));
    let mut json_bytes = 0_u64;
    let mut took = Duration::ZERO;
    let mut left = events;
    while left > 0 {
        let count = left.min(MADE_AHEAD);
        left = left.saturating_sub(count);
        let mut messages = Vec::new();
        for _ in 0..count {
            let (keyword, event) = next(source)?;
            let json = json::encode(&event);
            json_bytes = json_bytes.saturating_add(u64::try_from(json.len())?);
            messages.push((Token::of(&keyword), Bytes::from(json)));
        }
        let began = Instant::now();
        bare.publish(messages).await?;
        took = took.saturating_add(began.elapsed());
        bar.inc(count);
    }
    bar.finish_and_clear();
    Ok((json_bytes, took))
}

/// Bodies for `POST /tweets`, each line with its keyword.
fn bodies(source: &mut Source, lines: u64) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut bodies = Vec::new();
    let mut body = Vec::new();
    let max = u64::try_from(MAX_LINES)?;
    for number in 1..=lines {
        let (keyword, event) = next(source)?;
        let json = json::encode(&event);
        body.extend_from_slice(b"{\"keyword\":");
        body.extend_from_slice(&serde_json::to_vec(keyword.as_str())?);
        body.push(b',');
        body.extend_from_slice(json.strip_prefix(b"{").unwrap_or(&json));
        body.push(b'\n');
        if number % max == 0 || number == lines {
            bodies.push(std::mem::take(&mut body));
        }
    }
    Ok(bodies)
}

/// Posts bodies to a server that folds at the same time. Returns the time until all bodies were
/// answered, and until all lines were folded.
async fn post(
    bodies: Vec<Vec<u8>>,
    arguments: &IngestBenchArguments,
    folder: &Path,
    invocation: &Invocation,
) -> anyhow::Result<(Duration, Duration)> {
    let mut settings = invocation.settings.clone();
    settings.data = folder.to_owned();
    settings.listen.set_port(0);
    let app = App::start(&settings, &AtomicBool::new(false)).await?;
    let client = ServerClient::new(Some(&format!("http://{}", app.address())), &settings)?;
    let ask = async |path: &str| client.ask::<Value>(Method::GET, path, None).await;
    // Posting starts only when the server has folded all that the stream holds.
    let head = arguments.events.saturating_add(arguments.posted);
    while ask(&format!("/api/v1/ledger?min_seq={head}"))
        .await
        .is_err()
    {}
    let bar = progress::bar("posting", Some(arguments.posted));
    let began = Instant::now();
    let bodies = Arc::new(Mutex::new(bodies.into_iter()));
    let clients: Vec<_> = (0..arguments.clients)
        .map(|_| tokio::spawn(post_some(client.clone(), Arc::clone(&bodies), bar.clone())))
        .collect();
    let mut last = 0;
    for one in clients {
        last = one.await??.max(last);
    }
    let posted = began.elapsed();
    bar.finish_and_clear();
    while ask(&format!("/api/v1/ledger?min_seq={last}"))
        .await
        .is_err()
    {}
    let folded = began.elapsed();
    app.stop().await?;
    Ok((posted, folded))
}

/// The server's answer to a body.
#[derive(Deserialize)]
struct Answer {
    lines: u64,
    accepted: u64,
    seq: u64,
}

/// One posting client; returns the last sequence that the server answered.
async fn post_some(
    client: ServerClient,
    bodies: Arc<Mutex<std::vec::IntoIter<Vec<u8>>>>,
    bar: ProgressBar,
) -> anyhow::Result<u64> {
    let mut last = 0;
    loop {
        let body = bodies.lock().next();
        let Some(body) = body else {
            return Ok(last);
        };
        let body = Some(("application/x-ndjson", body));
        let answer: Answer = client.ask(Method::POST, "/api/v1/tweets", body).await?;
        let (lines, accepted) = (answer.lines, answer.accepted);
        ensure!(
            lines == accepted,
            "only {accepted} of the {lines} lines of a body were taken in"
        );
        bar.inc(lines);
        last = answer.seq.max(last);
    }
}
