//! The progress of a collector on a terminal, or as a line of JSON a second.

use std::io::IsTerminal as _;

use indicatif::ProgressBar;
use tokio::sync::watch;
use tokio::time::{Duration, MissedTickBehavior, interval};

use crate::cli::output::Output;
use crate::cli::progress;
use crate::sources::Report;

/// Shows the reports of a collector.
#[derive(Debug)]
pub(super) struct Progress {
    output: Output,
    reports: watch::Receiver<Option<Report>>,
    /// The number of posts of the back-fill, if the source announced one.
    expected: Option<u64>,
}

impl Progress {
    pub(super) const fn new(
        output: Output,
        reports: watch::Receiver<Option<Report>>,
        expected: Option<u64>,
    ) -> Self {
        Self {
            output,
            reports,
            expected,
        }
    }

    /// Shows reports until the collector has ended. Returns the last one.
    pub(super) async fn run(mut self) -> Option<Report> {
        let is_terminal = std::io::stderr().is_terminal();
        let mut bar = Bar::new(self.expected);
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let has_ended = tokio::select! {
                _ = ticks.tick() => false,
                () = ended(&mut self.reports) => true,
            };
            let report = self.reports.borrow().clone();
            if has_ended {
                bar.shown.finish_and_clear();
                return report;
            }
            let Some(report) = report else {
                continue;
            };
            if self.output.is_json() {
                if let Ok(line) = serde_json::to_string(&report) {
                    // The reader has left: the collector goes on without it.
                    let _ = self.output.json(&line);
                }
            } else if is_terminal {
                bar.show(&report);
            }
        }
    }
}

/// Waits until the collector is gone.
async fn ended(reports: &mut watch::Receiver<Option<Report>>) {
    while reports.changed().await.is_ok() {}
}

/// The bar: towards the posts of the back-fill while it is fetched, then a counter.
#[derive(Debug)]
struct Bar {
    shown: ProgressBar,
    expected: Option<u64>,
    is_bounded: bool,
}

impl Bar {
    fn new(expected: Option<u64>) -> Self {
        Self {
            shown: progress::bar("records", None),
            expected: expected.filter(|expected| *expected > 0),
            is_bounded: false,
        }
    }

    fn show(&mut self, report: &Report) {
        let backfill = report.backfill.as_ref().filter(|backfill| !backfill.done);
        let total = self.expected.filter(|_| backfill.is_some());
        if total.is_some() != self.is_bounded {
            self.shown.finish_and_clear();
            self.shown = progress::bar("records", total);
            self.is_bounded = total.is_some();
        }
        self.shown.set_message(message(report));
        self.shown.set_position(match backfill {
            Some(backfill) if self.is_bounded => backfill.posts,
            _ => report.received,
        });
    }
}

/// What the numbers of the bar count, with the time that remains.
fn message(report: &Report) -> String {
    let backfill = report.backfill.as_ref().filter(|backfill| !backfill.done);
    let Some(backfill) = backfill else {
        return "records".to_owned();
    };
    match backfill.eta_seconds {
        Some(eta) => format!(
            "back-fill, {} posts, {} left at the rate limit",
            backfill.posts,
            minutes(eta)
        ),
        None => format!("back-fill, {} posts", backfill.posts),
    }
}

fn minutes(seconds: u64) -> String {
    format!("{}:{:02} min", seconds / 60, seconds % 60)
}

/// A report in one sentence.
pub(super) fn in_words(report: &Report) -> String {
    let backfill = match &report.backfill {
        Some(backfill) if backfill.done => "; the back-fill is done",
        Some(_) => "; the back-fill goes on at the next start",
        None => "",
    };
    format!(
        "{}: {} records received: {} journaled, {} matched no keyword, {} sent before, \
        {} rejected, {} not acknowledged{backfill}",
        report.name,
        report.received,
        report.journaled,
        report.unmatched,
        report.duplicate,
        report.rejected,
        report.waiting,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Timestamp;
    use crate::sources::{ReportedBackfill, SourceKind};

    fn report(eta_seconds: Option<u64>, done: bool) -> Report {
        Report {
            received: 70,
            backfill: Some(ReportedBackfill {
                from: Timestamp::from_millis(0),
                to: None,
                done,
                posts: 40,
                requests: 2,
                eta_seconds,
            }),
            ..Report::starting("x", SourceKind::X, "i-1")
        }
    }

    #[test]
    fn bar_goes_towards_the_announced_posts_and_counts_after_the_back_fill() {
        let mut bar = Bar::new(Some(100));
        bar.show(&report(Some(61), false));
        assert_eq!((bar.shown.position(), bar.shown.length()), (40, Some(100)));
        assert!(bar.shown.message().contains("1:01 min left"));
        bar.show(&report(Some(0), true));
        assert_eq!((bar.shown.position(), bar.shown.length()), (70, None));
    }

    #[test]
    fn bar_of_a_source_that_announces_nothing_counts() {
        let mut bar = Bar::new(None);
        bar.show(&report(None, false));
        assert_eq!((bar.shown.position(), bar.shown.length()), (70, None));
        assert_eq!(bar.shown.message(), "back-fill, 40 posts");
    }
}
