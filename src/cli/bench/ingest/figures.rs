//! The figures of `bench ingest`, as JSON and as text.

use std::time::Duration;

use serde::Serialize;

use super::memory::{EARLY_EVENTS, ResidentMemory};

#[derive(Debug, Serialize)]
pub(super) struct IngestFigures {
    pub(super) events: u64,
    pub(super) keywords: usize,
    /// Size of all events as JSON, in bytes.
    pub(super) json_bytes: u64,
    pub(super) journal_bytes: u64,
    pub(super) views_bytes: u64,
    pub(super) bare_read_seconds: f64,
    /// Seconds from the start of the actors until all events were folded and readable.
    pub(super) folded_seconds: f64,
    /// Seconds from the start of the actors until all rows were committed and the actors stopped.
    pub(super) committed_seconds: f64,
    pub(super) bare_read_per_second: f64,
    pub(super) committed_per_second: f64,
    /// Committed rate divided by the rate of the bare read.
    pub(super) of_bare_read: f64,
    pub(super) commits: f64,
    pub(super) rows_per_commit: f64,
    pub(super) bytes_per_commit: f64,
    /// Resident memory at the start, in MiB.
    pub(super) rss_start_mib: u64,
    pub(super) rss_early_mib: Option<u64>,
    pub(super) rss_peak_mib: u64,
    /// Publishing figures; JetStream only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) publishing: Option<Publishing>,
}

/// Publishing to JetStream: directly, and through `POST /tweets`.
#[derive(Debug, Serialize)]
pub(super) struct Publishing {
    /// Messages per second by a client that only publishes, with many acknowledgements in flight.
    pub(super) bare_publish_per_second: f64,
    /// Number of lines that were posted. The server folded them at the same time.
    pub(super) posted: u64,
    pub(super) posted_seconds: f64,
    pub(super) posted_per_second: f64,
    /// Posted rate divided by the bare publish rate.
    pub(super) of_bare_publish: f64,
    /// Seconds from the first body until the last line was folded.
    pub(super) posted_and_folded_seconds: f64,
}

/// Times and memory of the fold.
#[derive(Debug)]
pub(super) struct Folding {
    pub(super) folded: Duration,
    pub(super) committed: Duration,
    pub(super) commits: f64,
    pub(super) rows: f64,
    pub(super) bytes: f64,
    pub(super) memory: ResidentMemory,
}

/// The journal before the fold: events and sizes.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) events: u64,
    pub(super) keywords: usize,
    pub(super) json_bytes: u64,
    pub(super) journal_bytes: u64,
    pub(super) views_bytes: u64,
}

impl IngestFigures {
    pub(super) fn of(
        filled: &Filled,
        bare_read: Duration,
        folding: &Folding,
        publishing: Option<Publishing>,
    ) -> Self {
        let bare_read_per_second = rate(filled.events, bare_read);
        let committed_per_second = rate(filled.events, folding.committed);
        Self {
            events: filled.events,
            keywords: filled.keywords,
            json_bytes: filled.json_bytes,
            journal_bytes: filled.journal_bytes,
            views_bytes: filled.views_bytes,
            bare_read_seconds: bare_read.as_secs_f64(),
            folded_seconds: folding.folded.as_secs_f64(),
            committed_seconds: folding.committed.as_secs_f64(),
            bare_read_per_second,
            committed_per_second,
            of_bare_read: committed_per_second / bare_read_per_second,
            commits: folding.commits,
            rows_per_commit: folding.rows / folding.commits,
            bytes_per_commit: folding.bytes / folding.commits,
            rss_start_mib: folding.memory.start,
            rss_early_mib: folding.memory.early,
            rss_peak_mib: folding.memory.peak,
            publishing,
        }
    }

    pub(super) fn text(&self) -> String {
        let per_event = |bytes: u64| bytes / self.events.max(1);
        let early = self
            .rss_early_mib
            .map_or_else(|| "-".to_owned(), |mib| mib.to_string());
        let mut text = format!(
            "events              {} over {} keywords, {} bytes of JSON each\n\
             bare read           {:.0} events/s ({:.2} s)\n\
             fold and commit     {:.0} events/s ({:.2} s; folded after {:.2} s)\n\
             of the bare read    {:.2}\n\
             commits             {:.0}, {:.0} rows and {:.0} bytes each\n\
             disk per event      journal {} bytes, views {} bytes ({:.2} x the JSON)\n\
             resident memory     {} MiB at the start, {early} MiB after {EARLY_EVENTS} events, {} \
             MiB at the peak",
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
        );
        if let Some(publishing) = &self.publishing {
            text.push('\n');
            text.push_str(&publishing.text());
        }
        text
    }
}

impl Publishing {
    pub(super) fn of(bare: f64, posted: u64, took: Duration, folded: Duration) -> Self {
        let posted_per_second = rate(posted, took);
        Self {
            bare_publish_per_second: bare,
            posted,
            posted_seconds: took.as_secs_f64(),
            posted_per_second,
            of_bare_publish: posted_per_second / bare,
            posted_and_folded_seconds: folded.as_secs_f64(),
        }
    }

    fn text(&self) -> String {
        format!(
            "bare publish        {:.0} events/s\n\
             POST /tweets        {:.0} lines/s ({} in {:.2} s; folded after {:.2} s)\n\
             of the bare publish {:.2}",
            self.bare_publish_per_second,
            self.posted_per_second,
            self.posted,
            self.posted_seconds,
            self.posted_and_folded_seconds,
            self.of_bare_publish,
        )
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; counts are far below 2^53"
)]
pub(super) fn rate(events: u64, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a figure for people; sizes are far below 2^53"
)]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}
