//! The figures of `bench attack` and their goals, as JSON and as text.

use std::time::Duration;

use serde::Serialize;

use super::AttackBenchArguments;
use super::cost::{Cost, Idle};
use crate::cli::bench::filling::Posted;
use crate::cli::bench::latency::Latency;
use crate::cli::bench::live::figures::fraction;

/// Goal for the processor time of a read, in seconds.
const READ_SECONDS: f64 = 1.0;
/// Goal for the memory that a read adds, in MiB.
const READ_MIB: f64 = 64.0;
/// Goal for the processor time of a line, in microseconds.
const LINE_MICROS: f64 = 12.0;
/// Goal for a good client's 99th percentile beside the attack, divided by the one without it.
const RATIO: f64 = 5.0;
/// Goal for the peak of memory above the idle server, in MiB.
const PEAK_MIB: f64 = 700.0;

/// All figures of an attack.
#[derive(Debug, Serialize)]
pub(super) struct AttackFigures {
    pub(super) tweets: u64,
    pub(super) keywords: u32,
    pub(super) heavy: u64,
    /// Idle processor time, as a share of one processor.
    pub(super) idle_share: f64,
    pub(super) idle_mib: f64,
    pub(super) reads: Vec<ReadFigures>,
    pub(super) posts: Vec<Post>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) together: Option<Together>,
    /// The server's process was running at the end.
    pub(super) server_survived: bool,
    /// The server ended on SIGTERM, without being killed.
    pub(super) stopped_by_itself: bool,
}

impl Default for AttackFigures {
    fn default() -> Self {
        Self {
            tweets: 0,
            keywords: 0,
            heavy: 0,
            idle_share: 0.0,
            idle_mib: 0.0,
            reads: Vec::new(),
            posts: Vec::new(),
            together: None,
            server_survived: true,
            stopped_by_itself: true,
        }
    }
}

/// The cost of one request or subscription.
#[derive(Debug, Serialize)]
pub(super) struct ReadFigures {
    pub(super) how: &'static str,
    pub(super) what: &'static str,
    /// The status code; 0 when no answer came in time.
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) cpu_seconds: f64,
    pub(super) grown_mib: f64,
    pub(super) seconds: f64,
    /// The server was quiet again before the next measure.
    pub(super) is_over: bool,
}

/// Posted lines of one kind.
#[derive(Debug, Serialize)]
pub(super) struct Post {
    pub(super) what: &'static str,
    pub(super) lines: u64,
    pub(super) journaled: u64,
    pub(super) bytes_per_line: f64,
    /// Processor time per line in microseconds, with folding and committing.
    pub(super) cpu_micros_per_line: f64,
    /// Processor time per line in microseconds until the last body was answered. Includes the
    /// folding until then.
    pub(super) answered_micros_per_line: f64,
    /// Processor time per KiB of lines, in microseconds.
    pub(super) cpu_micros_per_kib: f64,
    /// Processor time per copy in microseconds, for lines that go to several keywords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_micros_per_copy: Option<f64>,
    pub(super) grown_mib: f64,
    pub(super) seconds: f64,
}

/// The figures of all attacks at once, beside good clients.
#[derive(Debug, Serialize)]
pub(super) struct Together {
    /// Connections of hostile clients, by kind.
    pub(super) abandoned: u64,
    pub(super) non_readers: u64,
    pub(super) uploads: u64,
    pub(super) greedy: u64,
    pub(super) greedy_mib: f64,
    pub(super) idle_mib: f64,
    pub(super) peak_above_idle_mib: f64,
    pub(super) later_above_idle_mib: f64,
    pub(super) cpu_seconds_beside: f64,
    /// Processor time after the attack, with no client connected, while memory was given back.
    pub(super) cpu_seconds_after: f64,
    /// Waiting times of good clients: first without the attack, then beside it.
    pub(super) reads: [Latency; 2],
    pub(super) posts: [Latency; 2],
    pub(super) live: [Latency; 2],
    /// p99 beside the attack divided by p99 without it.
    pub(super) reads_ratio: f64,
    pub(super) posts_ratio: f64,
    pub(super) live_ratio: f64,
}

impl ReadFigures {
    pub(super) fn of(
        how: &'static str,
        what: &'static str,
        status: u16,
        bytes: u64,
        cost: Cost,
    ) -> Self {
        Self {
            how,
            what,
            status,
            bytes,
            cpu_seconds: cost.cpu_seconds,
            grown_mib: fraction(cost.grown_kib, 1024),
            seconds: cost.seconds,
            is_over: cost.is_over,
        }
    }

    pub(super) fn text(&self) -> String {
        format!(
            "{} {:<4}{:<50}{:>4}{:>12} bytes{:>8.2} s of processor{:>8.1} MiB{:>8.2} s{}",
            mark(self.cpu_seconds > READ_SECONDS || self.grown_mib > READ_MIB),
            self.how,
            self.what,
            self.status,
            self.bytes,
            self.cpu_seconds,
            self.grown_mib,
            self.seconds,
            if self.is_over {
                ""
            } else {
                ", server still busy"
            }
        )
    }
}

impl Post {
    pub(super) fn of(
        what: &'static str,
        sum: Posted,
        bytes: u64,
        cost: Cost,
        answered: Duration,
    ) -> Self {
        let micros = cost.cpu_seconds * 1e6;
        Self {
            what,
            lines: sum.lines,
            journaled: sum.journaled,
            bytes_per_line: fraction(bytes, sum.lines),
            cpu_micros_per_line: micros / fraction(sum.lines.max(1), 1),
            answered_micros_per_line: answered.as_secs_f64() * 1e6 / fraction(sum.lines.max(1), 1),
            cpu_micros_per_kib: micros / fraction(bytes.max(1), 1024),
            cpu_micros_per_copy: (sum.journaled > sum.lines)
                .then(|| micros / fraction(sum.journaled, 1)),
            grown_mib: fraction(cost.grown_kib, 1024),
            seconds: cost.seconds,
        }
    }

    pub(super) fn text(&self) -> String {
        let micros = self.cpu_micros_per_copy.unwrap_or(self.cpu_micros_per_line);
        let is_long = self.bytes_per_line > 2048.0;
        let micros_of_goal = if is_long && self.cpu_micros_per_copy.is_none() {
            self.cpu_micros_per_kib
        } else {
            micros
        };
        let copies = self
            .cpu_micros_per_copy
            .map_or_else(String::new, |micros| format!("{micros:>8.1} µs a copy"));
        format!(
            "{} {:<52}{:>8} lines of {:>7.0} bytes{:>9.1} µs a line ({:.1} until answered){:>9.1} \
            µs a KiB{copies}{:>8.1} MiB",
            mark(micros_of_goal > LINE_MICROS),
            self.what,
            self.lines,
            self.bytes_per_line,
            self.cpu_micros_per_line,
            self.answered_micros_per_line,
            self.cpu_micros_per_kib,
            self.grown_mib,
        )
    }
}

impl Together {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "hostile connections: {} abandoned requests, {} that never read, \
                {} half uploads, {} greedy ({:.0} MiB)",
                self.abandoned, self.non_readers, self.uploads, self.greedy, self.greedy_mib
            ),
            format!(
                "{} memory above the idle server's {:.0} MiB: {:.0} MiB at the most, {:.0} MiB \
                later",
                mark(self.peak_above_idle_mib > PEAK_MIB),
                self.idle_mib,
                self.peak_above_idle_mib,
                self.later_above_idle_mib
            ),
            format!(
                "processor time: {:.1} s beside the attack, {:.1} s after it",
                self.cpu_seconds_beside, self.cpu_seconds_after
            ),
        ];
        for (what, [alone, beside], ratio) in [
            ("answers from a few rows", &self.reads, self.reads_ratio),
            ("posting", &self.posts, self.posts_ratio),
            ("live", &self.live, self.live_ratio),
        ] {
            lines.push(format!(
                "{} {what}: {ratio:.1} x; alone {}; beside {}",
                mark(ratio > RATIO || beside.failed > 0),
                alone.text(),
                beside.text()
            ));
        }
        lines
    }
}

impl AttackFigures {
    pub(super) fn begin(&mut self, arguments: &AttackBenchArguments, idle: Idle) {
        self.tweets = arguments.tweets;
        self.keywords = arguments.keywords;
        self.heavy = arguments.heavy;
        self.idle_share = idle.share;
        self.idle_mib = fraction(idle.resident_kib, 1024);
    }

    /// The figures as text. Lines that miss a goal begin with `!`.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!(
            "{} tweets in {} keywords and {} heavy ones; idle: {:.0} MiB, {:.1} % of a processor",
            self.tweets,
            self.keywords,
            self.heavy,
            self.idle_mib,
            self.idle_share * 100.0
        )];
        lines.extend(self.reads.iter().map(ReadFigures::text));
        lines.extend(self.posts.iter().map(Post::text));
        lines.extend(self.together.iter().flat_map(Together::lines));
        if !self.server_survived {
            lines.push("! the server ended under the attack".into());
        }
        if !self.stopped_by_itself {
            lines.push("! the server did not stop on SIGTERM and was killed".into());
        }
        lines.join("\n")
    }
}

const fn mark(missed: bool) -> &'static str {
    if missed { "!" } else { " " }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_ranks() {
        let spans = (1..=200).rev().map(Duration::from_millis).collect();
        let latency = Latency::of(spans, 3);
        assert_eq!(latency.count, 200);
        assert!((latency.p50_ms - 100.0).abs() < 1e-9);
        assert!((latency.p99_ms - 198.0).abs() < 1e-9);
        assert!((latency.max_ms - 200.0).abs() < 1e-9);
        assert!((latency.ratio(&latency) - 1.0).abs() < 1e-9);
        assert!(Latency::of(Vec::new(), 0).p99_ms.abs() < 1e-9);
    }
}
