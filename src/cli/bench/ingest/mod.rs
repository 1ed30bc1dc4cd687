//! `tidings bench ingest`: how fast events become committed views.
//!
//! Fills a journal, measures a bare read of it, then starts the engine of a server and waits until
//! all events are folded and committed. With `--nats`, [`jetstream`] does the same on a stream, and
//! posts further events over HTTP. All figures come from one run. Compare their ratios: absolute
//! figures differ between machines and between runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;

use super::events::{Made, Posts, Source};
use crate::actors::engine::{Scope, Tidings, views_dir};
use crate::app::engine_options;
use crate::cli::Invocation;
use crate::cli::failure::CommandOutcome;
use crate::cli::progress;
use crate::demo::KEYWORDS;
use crate::events::{Record, Timestamp, json};
use crate::journal::{EmbeddedJournal, EmbeddedOptions, Journal, JournalHandle, Selection};
use crate::telemetry::Metrics;

mod figures;
mod jetstream;
mod memory;

use figures::{Filled, Folding, IngestFigures};
use memory::Memory;

#[derive(Debug, Args)]
pub(in crate::cli) struct IngestBenchArguments {
    /// Number of events
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) events: u64,
    /// Number of keywords over which the events are spread
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) keywords: u32,
    /// Size of a generated event's JSON, in bytes
    #[arg(long, default_value_t = 572, value_parser = clap::value_parser!(u32).range(300..=60_000))]
    pub(super) event_bytes: u32,
    /// Use the posts of a file instead of generated events, such as a file of `tidings sample`
    /// (NDJSON, plain or zstd)
    #[arg(long, value_name = "FILE")]
    pub(super) posts: Option<PathBuf>,
    /// With --posts: the keywords to find in them; default: those of the demo
    #[arg(
        long,
        value_name = "KEYWORD",
        value_delimiter = ',',
        requires = "posts"
    )]
    pub(super) posts_keywords: Vec<String>,
    /// With --nats: number of further events posted over HTTP
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) posted: u64,
    /// With --nats: number of clients that post at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) clients: u32,
    /// Working folder; default: a scratch folder that is removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub(super) folder: Option<PathBuf>,
}

/// Records per append while filling, and per batch of the bare read.
const RECORDS: usize = 8192;

pub(in crate::cli) async fn run(
    arguments: IngestBenchArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let scratch;
    let folder = match &arguments.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{} cannot be created", folder.display()))?;
            folder.as_path()
        }
        None => {
            scratch = tempfile::tempdir().context("no scratch folder can be created")?;
            scratch.path()
        }
    };
    let source = match &arguments.posts {
        Some(path) if arguments.posts_keywords.is_empty() => {
            Source::Posts(Posts::read(path, &KEYWORDS.map(str::to_owned))?)
        }
        Some(path) => Source::Posts(Posts::read(path, &arguments.posts_keywords)?),
        None => Source::Made(Made::new(arguments.keywords, arguments.event_bytes)?),
    };
    let figures = match invocation.nats_asked_for() {
        Some(nats) => jetstream::measure(&arguments, source, folder, nats, invocation).await?,
        None => measure(&arguments, source, folder, invocation).await?,
    };
    invocation.output.show(&figures, IngestFigures::text)?;
    Ok(CommandOutcome::Done)
}

async fn measure(
    arguments: &IngestBenchArguments,
    source: Source,
    folder: &Path,
    invocation: &Invocation,
) -> anyhow::Result<IngestFigures> {
    let keywords = source.keywords();
    let journal_dir = folder.join("journal");
    let journal: JournalHandle = Arc::new(EmbeddedJournal::open(
        &journal_dir,
        &EmbeddedOptions::default(),
    )?);
    let json_bytes = fill(&*journal, source, arguments.events).await?;
    let bare_read = bare_read(&*journal).await?;
    let folding = fold(journal, folder, invocation).await?;
    let filled = Filled {
        events: arguments.events,
        keywords,
        json_bytes,
        journal_bytes: bytes_in(&journal_dir)?,
        views_bytes: bytes_in(&views_dir(folder))?,
    };
    Ok(IngestFigures::of(&filled, bare_read, &folding, None))
}

/// Folds and commits all events of the journal, then closes it.
async fn fold(
    journal: JournalHandle,
    folder: &Path,
    invocation: &Invocation,
) -> anyhow::Result<Folding> {
    let metrics = Metrics::new();
    let options = engine_options(&invocation.settings, folder);
    let memory = Memory::watch(metrics.clone());
    let began = Instant::now();
    let head = *journal.head().borrow();
    let tidings = Tidings::start(options, journal, metrics.clone()).await?;
    let bar = progress::bar("folding", Some(head.get()));
    while tidings.reached(Scope::All, head).await.is_err() {
        bar.set_position(tidings.position().get());
    }
    bar.finish_and_clear();
    let folded = began.elapsed();
    tidings.shutdown().await?;
    let committed = began.elapsed();
    let memory = memory.stop();
    let text = metrics.encode();
    Ok(Folding {
        folded,
        committed,
        commits: value(&text, "tidings_commit_rows_count"),
        rows: value(&text, "tidings_commit_rows_sum"),
        bytes: value(&text, "tidings_commit_bytes_sum"),
        memory,
    })
}

async fn fill(journal: &dyn Journal, mut source: Source, events: u64) -> anyhow::Result<u64> {
    let bar = progress::bar("filling the journal", Some(events));
    let mut json_bytes = 0_u64;
    let mut left = events;
    while left > 0 {
        let mut records = Vec::with_capacity(RECORDS);
        while left > 0 && records.len() < RECORDS {
            let (keyword, event) = source.next().context("the source of events is exhausted")?;
            let json = json::encode(&event).len();
            json_bytes = json_bytes.saturating_add(u64::try_from(json)?);
            let received_at = event.at().max(Timestamp::EARLIEST);
            records.push(Record::of_event(&keyword, &event, received_at)?);
            left = left.saturating_sub(1);
        }
        bar.inc(u64::try_from(records.len())?);
        journal.append(records).await?;
    }
    bar.finish_and_clear();
    Ok(json_bytes)
}

async fn bare_read(journal: &dyn Journal) -> anyhow::Result<Duration> {
    let head = *journal.head().borrow();
    let began = Instant::now();
    let mut position = journal.start().sequence;
    let mut reader = journal.read(position, Selection::All).await?;
    while position < head {
        position = reader.next(RECORDS).await?.end;
    }
    Ok(began.elapsed())
}

/// The value of a metric in the Prometheus text.
fn value(text: &str, name: &str) -> f64 {
    text.lines()
        .filter_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        .next()
        .unwrap_or_default()
}

fn bytes_in(dir: &Path) -> anyhow::Result<u64> {
    let mut sum = 0_u64;
    for entry in std::fs::read_dir(dir).with_context(|| format!("{} is gone", dir.display()))? {
        let entry = entry?;
        let found = entry.metadata()?;
        let bytes = if found.is_dir() {
            bytes_in(&entry.path())?
        } else {
            found.len()
        };
        sum = sum.saturating_add(bytes);
    }
    Ok(sum)
}
