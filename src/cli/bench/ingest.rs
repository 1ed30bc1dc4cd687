//! `tidings bench ingest`: how fast events become committed views.
//!
//! Fills an embedded journal, reads it without doing anything with what is read, then starts the
//! same actors that a server runs and waits until all is folded and committed. Both figures come
//! from one run, because machines differ and change; their ratio is what to compare.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::events::{Made, Posts, Source};
use crate::actors::{Scope, Tidings, views_dir};
use crate::cli::Invocation;
use crate::cli::demo::KEYWORDS;
use crate::cli::failure::Outcome;
use crate::cli::progress;
use crate::cli::system;
use crate::events::{Record, Sequence, Timestamp, wire};
use crate::journal::{EmbeddedJournal, EmbeddedOptions, Journal, JournalHandle, Selection};
use crate::telemetry::Metrics;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// How many events
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) events: u64,
    /// Over how many keywords
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) keywords: u32,
    /// Bytes of JSON of a made-up event
    #[arg(long, default_value_t = 572, value_parser = clap::value_parser!(u32).range(300..=60_000))]
    pub(super) event_bytes: u32,
    /// Take real posts instead of making events up, NDJSON, plain or zstd; the keywords are then
    /// those of the demo
    #[arg(long, value_name = "FILE")]
    pub(super) posts: Option<PathBuf>,
    /// Where to work; default: a scratch folder that is removed at the end
    #[arg(long, value_name = "FOLDER")]
    pub(super) folder: Option<PathBuf>,
}

/// Records per append while filling, and per batch of the bare read.
const RECORDS: usize = 8192;
/// The memory after so many events is what the peak is compared with.
const EARLY_EVENTS: u64 = 500_000;

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    events: u64,
    keywords: usize,
    /// Of the events as publishers send them.
    json_bytes: u64,
    journal_bytes: u64,
    views_bytes: u64,
    bare_read_seconds: f64,
    /// From the start of the actors until everything was folded and could be read.
    folded_seconds: f64,
    /// Until everything was committed and closed.
    committed_seconds: f64,
    bare_read_per_second: f64,
    committed_per_second: f64,
    /// Committed rate / bare read rate.
    of_bare_read: f64,
    commits: f64,
    rows_per_commit: f64,
    bytes_per_commit: f64,
    /// Resident memory, in MiB.
    rss_start_mib: u64,
    rss_early_mib: Option<u64>,
    rss_peak_mib: u64,
}

pub(in crate::cli) async fn run(
    arguments: Arguments,
    invocation: &Invocation,
) -> anyhow::Result<Outcome> {
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
        Some(path) => Source::Posts(Posts::read(path, &KEYWORDS)?),
        None => Source::Made(Made::new(arguments.keywords, arguments.event_bytes)?),
    };
    let figures = measure(&arguments, source, folder, invocation).await?;
    invocation.output.show(&figures, Figures::text)?;
    Ok(Outcome::Done)
}

async fn measure(
    arguments: &Arguments,
    source: Source,
    folder: &Path,
    invocation: &Invocation,
) -> anyhow::Result<Figures> {
    let keywords = source.keywords();
    let journal_dir = folder.join("journal");
    let journal: JournalHandle = Arc::new(EmbeddedJournal::open(
        &journal_dir,
        &EmbeddedOptions::default(),
    )?);
    let json_bytes = fill(&*journal, source, arguments.events).await?;
    let bare_read = bare_read(&*journal).await?;

    let metrics = Metrics::new();
    let options = system::options(&invocation.settings, folder);
    let memory = Memory::watch(metrics.clone());
    let began = Instant::now();
    let tidings = Tidings::start(options, Arc::clone(&journal), metrics.clone()).await?;
    let head = *journal.head().borrow();
    let bar = progress::bar("folding", Some(head.get()));
    while tidings.reached(Scope::All, head).await.is_err() {
        bar.set_position(tidings.position().get());
    }
    bar.finish_and_clear();
    let folded = began.elapsed();
    tidings.shutdown().await?;
    let committed = began.elapsed();
    let (start, early, peak) = memory.stop();

    let text = metrics.encode();
    let commits = value(&text, "tidings_commit_rows_count");
    let events = arguments.events;
    let committed_per_second = rate(events, committed);
    let bare_read_per_second = rate(events, bare_read);
    Ok(Figures {
        events,
        keywords,
        json_bytes,
        journal_bytes: bytes_in(&journal_dir)?,
        views_bytes: bytes_in(&views_dir(folder))?,
        bare_read_seconds: bare_read.as_secs_f64(),
        folded_seconds: folded.as_secs_f64(),
        committed_seconds: committed.as_secs_f64(),
        bare_read_per_second,
        committed_per_second,
        of_bare_read: committed_per_second / bare_read_per_second,
        commits,
        rows_per_commit: value(&text, "tidings_commit_rows_sum") / commits,
        bytes_per_commit: value(&text, "tidings_commit_bytes_sum") / commits,
        rss_start_mib: start,
        rss_early_mib: early,
        rss_peak_mib: peak,
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
            let json = wire::encode(&event).len();
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
    let mut reader = journal.read(Sequence::ZERO, Selection::All).await?;
    let mut position = Sequence::ZERO;
    while position < head {
        position = reader.next(RECORDS).await?.end;
    }
    Ok(began.elapsed())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; counts are far below 2^53"
)]
fn rate(events: u64, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64()
}

/// A metric's value in the text that a scraper gets.
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

/// Watches this process's resident memory.
struct Memory {
    done: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(u64, Option<u64>, u64)>,
}

impl Memory {
    fn watch(metrics: Metrics) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            let start = resident_mib();
            let (mut early, mut peak) = (None, start);
            while !ended.load(Ordering::Relaxed) {
                let now = resident_mib();
                peak = peak.max(now);
                if early.is_none() && metrics.journaled.get() >= EARLY_EVENTS {
                    early = Some(peak);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            (start, early, peak.max(resident_mib()))
        });
        Self { done, thread }
    }

    fn stop(self) -> (u64, Option<u64>, u64) {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// From `/proc`; 0 where there is none.
fn resident_mib() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kib| kib / 1024)
}

impl Figures {
    fn text(&self) -> String {
        let per_event = |bytes: u64| bytes / self.events.max(1);
        let early = self
            .rss_early_mib
            .map_or_else(|| "-".to_owned(), |mib| mib.to_string());
        format!(
            "events              {} over {} keywords, {} bytes of JSON each\n\
             bare read           {:.0} events/s ({:.2} s)\n\
             fold and commit     {:.0} events/s ({:.2} s; folded after {:.2} s)\n\
             of the bare read    {:.2}\n\
             commits             {:.0}, {:.0} rows and {:.0} bytes each\n\
             disk per event      journal {} bytes, views {} bytes ({:.2} x the JSON)\n\
             resident memory     {} MiB at the start, {early} MiB after {EARLY_EVENTS} events, {} MiB at the peak",
            self.events,
            self.keywords,
            per_event(self.json_bytes),
            self.bare_read_per_second,
            self.bare_read_seconds,
            self.committed_per_second,
            self.committed_seconds,
            self.folded_seconds,
            self.of_bare_read,
            self.commits,
            self.rows_per_commit,
            self.bytes_per_commit,
            per_event(self.journal_bytes),
            per_event(self.views_bytes),
            ratio(self.views_bytes, self.json_bytes),
            self.rss_start_mib,
            self.rss_peak_mib,
        )
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; sizes are far below 2^53"
)]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}
