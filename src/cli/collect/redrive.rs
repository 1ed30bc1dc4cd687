//! `tidings collect redrive`: maps the rejected records of a source again, and sends those that can
//! be used now.

mod folder;
mod lines;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use self::lines::{Lines, add};
use super::reporting::take_ledger;
use super::{RedriveArguments, check_answers, clock, folder_of_sources, unless_stopped, usage_or};
use crate::cli::Invocation;
use crate::cli::failure::{CommandOutcome, UsageError};
use crate::cli::signals::StopSignals;
use crate::events::Timestamp;
use crate::sources::{
    Checkpoint, Delivery, Destination, FileOptions, Ledger, RejectedEntry, Report, Requests,
    Source, SourceKind, SourceName, SourceRecord, SourceState, StateFolder, WatchedKeywords, build,
    read_again, read_rejected, report_in,
};
use crate::telemetry::whole;

/// The rejected log that was moved aside, because it was large.
const OLDER_LOG: &str = "rejected.1.ndjson";
/// The rejected log.
const LOG: &str = "rejected.ndjson";
/// Time limit for handing the report over.
const REPORT_WITHIN: Duration = Duration::from_secs(2);

/// What became of the rejected records.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Redriven {
    sent: u64,
    unmatched: u64,
    duplicate: u64,
    control: u64,
    rejected: u64,
}

/// A source whose rejected records are sent again.
struct Redrive {
    name: SourceName,
    kind: SourceKind,
    state: StateFolder,
    checkpoint: Checkpoint,
    report: Option<Report>,
    rejected: Vec<Result<RejectedEntry, String>>,
}

pub(super) async fn run(
    arguments: &RedriveArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let mut signals = StopSignals::listen()?;
    let redrive = Redrive::open(arguments, invocation)?;
    let source = redrive.source(invocation)?;
    let preparing = async {
        let (destination, answers) = arguments.target.destination(invocation).await?;
        check_answers(answers, None)?;
        let keywords = destination.keywords().await?.to_vec();
        anyhow::Ok((destination, WatchedKeywords::new(keywords, 1)))
    };
    let Some(prepared) = unless_stopped(&mut signals, preparing).await else {
        return Ok(CommandOutcome::Done);
    };
    let (destination, keywords) = prepared?;
    let reporting = Arc::clone(&destination);
    let delivery = Delivery::of_known(destination, source.clone(), keywords, &redrive.checkpoint);
    let (redriven, was_stopped) = redrive
        .send(
            delivery,
            source.as_deref(),
            reporting.as_ref(),
            &mut signals,
        )
        .await?;
    let is_done = redriven.rejected == 0 || was_stopped;
    invocation.output.show(&redriven, |redriven| {
        format!(
            "{} records sent, {} matched no keyword, {} sent before, {} about the connection; {} \
            lines still rejected",
            redriven.sent,
            redriven.unmatched,
            redriven.duplicate,
            redriven.control,
            redriven.rejected
        )
    })?;
    Ok(if is_done {
        CommandOutcome::Done
    } else {
        CommandOutcome::Failed
    })
}

impl Redrive {
    /// Takes the state folder that the arguments name, or the only one.
    fn open(arguments: &RedriveArguments, invocation: &Invocation) -> anyhow::Result<Self> {
        let target = &arguments.target;
        let given = target.name.as_deref().map(|name| target.name(name));
        let (path, name) = match (&target.state, given.transpose()?) {
            (Some(path), name) => (path.clone(), name),
            (None, Some(name)) => (target.folder(&name, invocation), Some(name)),
            (None, None) => {
                let name = folder::only_source(&folder_of_sources(invocation))?;
                (target.folder(&name, invocation), Some(name))
            }
        };
        let shown = path.display();
        if !folder::is_state_folder(&path) {
            let what = format!("{shown} is no state folder of a source");
            return Err(UsageError::new(what).into());
        }
        let state = StateFolder::take(&path)?;
        let report = report_in(&path)?;
        let report: Option<Report> = report.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let name = name.or_else(|| folder::name_in(&path, report.as_ref()));
        let name = name.ok_or_else(|| {
            UsageError::new(format!(
                "the source of {shown} has no name: give one with --name"
            ))
        })?;
        let checkpoint = state.checkpoint()?.unwrap_or_default();
        let rejected = rejected_in(&path)?;
        let kind = folder::kind_of(report.as_ref(), &checkpoint, &rejected, &name);
        let kind = kind.ok_or_else(|| {
            UsageError::new(format!(
                "the kind of the source of {shown} is unknown: it has no report.json, and its \
                checkpoint does not tell; run the collector there once, then redrive"
            ))
        })?;
        Ok(Self {
            name,
            kind,
            state,
            checkpoint,
            report,
            rejected,
        })
    }

    /// The source that maps the records; `None` for files.
    fn source(&self, invocation: &Invocation) -> anyhow::Result<Option<Arc<dyn Source>>> {
        if self.kind == SourceKind::File {
            return Ok(None);
        }
        let (settings, requests) = (&invocation.settings.sources, Requests::default());
        let source = build(self.kind, settings, &self.name, &clock(), &requests);
        Ok(Some(source.map_err(usage_or)?))
    }

    /// Sends the records. The second value is true when a signal ended it; what was not settled by
    /// then stays in the log.
    async fn send(
        mut self,
        mut delivery: Delivery<usize>,
        source: Option<&dyn Source>,
        reporting: &dyn Destination,
        signals: &mut StopSignals,
    ) -> anyhow::Result<(Redriven, bool)> {
        let mut lines = Lines::default();
        for entry in std::mem::take(&mut self.rejected) {
            match mapped_again(entry, source)? {
                Mapping::Kept(line, reason) => lines.keep(line, reason.as_deref()),
                Mapping::Records(line, records) => {
                    let line = lines.send(line, records.len());
                    for record in records {
                        delivery.push(line, record);
                    }
                }
            }
        }
        let (mut unmatched, mut was_stopped) = (0_u64, false);
        while delivery.waiting() > 0 && !was_stopped {
            tokio::select! {
                _ = signals.next() => was_stopped = true,
                settled = delivery.settled() => {
                    let settled = settled?;
                    unmatched = unmatched.saturating_add(settled.unmatched);
                    for (line, _, outcome) in settled.records {
                        lines.settle(line, outcome);
                    }
                }
            }
        }
        delivery.keep_versions(&mut self.checkpoint);
        let redriven = self.keep(lines, unmatched)?;
        self.renew_report(reporting).await?;
        Ok((redriven, was_stopped))
    }

    /// Writes the lines that stay, and the ledger.
    fn keep(&mut self, lines: Lines, unmatched: u64) -> anyhow::Result<Redriven> {
        let (kept, gone, sum) = lines.outcome();
        let sum = with_unmatched(sum, unmatched);
        // The records leave the log and the count of the rejected ones together.
        let ledger = &mut self.checkpoint.ledger;
        ledger.rejected = ledger.rejected.saturating_sub(gone);
        add(ledger, sum);
        self.state.replace_rejected(&kept)?;
        let older = self.state.path().join(OLDER_LOG);
        if let Err(error) = std::fs::remove_file(older)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
        self.state.save(&self.checkpoint)?;
        Ok(Redriven {
            sent: sum.journaled,
            unmatched: sum.unmatched,
            duplicate: sum.duplicate,
            control: sum.control,
            rejected: u64::try_from(kept.len()).unwrap_or(u64::MAX),
        })
    }

    /// Brings the report in step with the ledger, and hands it over.
    async fn renew_report(&mut self, destination: &dyn Destination) -> anyhow::Result<()> {
        let instance = self.state.instance()?;
        let name = self.name.as_str();
        let report = self.report.take();
        let mut report = report.unwrap_or_else(|| Report::starting(name, self.kind, &instance));
        take_ledger(&mut report, self.checkpoint.ledger, 0);
        // This process holds the lock, so no collector runs.
        if report.state != SourceState::Refused {
            report.state = SourceState::Stopped;
        }
        self.state.save_report(&report)?;
        // The records are sent; a report that does not arrive is not an error of the run.
        let _ = tokio::time::timeout(REPORT_WITHIN, destination.report(&report)).await;
        Ok(())
    }
}

/// The rejected logs of a folder, in order.
fn rejected_in(folder: &Path) -> anyhow::Result<Vec<Result<RejectedEntry, String>>> {
    let mut rejected = Vec::new();
    for log in [OLDER_LOG, LOG] {
        rejected.extend(read_rejected(&folder.join(log))?);
    }
    Ok(rejected)
}

/// The counts of sent records, of which the destination says that so many match no keyword.
fn with_unmatched(mut sum: Ledger, unmatched: u64) -> Ledger {
    let unmatched = unmatched.min(sum.journaled);
    sum.journaled = sum.journaled.saturating_sub(unmatched);
    sum.unmatched = sum.unmatched.saturating_add(unmatched);
    sum
}

/// What a line of the rejected log means now.
enum Mapping {
    /// It stays as it is, or with this reason.
    Kept(String, Option<String>),
    /// It has these records: one, or those of a page of a file.
    Records(String, Vec<SourceRecord>),
}

fn mapped_again(
    entry: Result<RejectedEntry, String>,
    source: Option<&dyn Source>,
) -> anyhow::Result<Mapping> {
    let entry = match entry {
        Ok(entry) => entry,
        Err(line) => return Ok(Mapping::Kept(line, None)),
    };
    let line = serde_json::to_string(&entry)?;
    let Some(raw) = entry.record() else {
        return Ok(Mapping::Kept(line, None));
    };
    let records = match source {
        Some(source) => Ok(vec![source.map_again(&raw, Timestamp::now())]),
        None => of_file(&raw),
    };
    Ok(match records {
        Ok(records) if records.is_empty() => Mapping::Kept(line, None),
        Ok(records) => Mapping::Records(line, records),
        Err(reason) => Mapping::Kept(line, Some(reason)),
    })
}

/// Reads a record of a file again, without the options that it was collected with.
fn of_file(raw: &Bytes) -> Result<Vec<SourceRecord>, String> {
    read_again(raw, &FileOptions::default(), &clock()).map_err(|error| {
        format!(
            "{}; the options of `collect file` are not kept, so collect the file again with them",
            whole(&error)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(raw: &str) -> RejectedEntry {
        RejectedEntry::new(Timestamp::from_millis(0), "old", "a:1", raw.as_bytes())
    }

    #[test]
    fn row_that_needs_an_option_stays_and_says_so() {
        let mapped = mapped_again(Ok(entry("nachricht;zeit\nhallo;gestern\n")), None).unwrap();
        let Mapping::Kept(_, Some(reason)) = mapped else {
            panic!("the row was mapped");
        };
        assert!(reason.contains("collect the file again"), "{reason}");
    }

    #[test]
    fn line_of_json_becomes_a_record_and_a_torn_line_stays() {
        let mapped = mapped_again(Ok(entry(r#"{"type":"tweet.x"}"#)), None).unwrap();
        assert!(matches!(mapped, Mapping::Records(_, records) if records.len() == 1));
        let torn = mapped_again(Err("{\"at\"".to_owned()), None).unwrap();
        assert!(matches!(torn, Mapping::Kept(line, None) if line == "{\"at\""));
    }

    #[test]
    fn both_logs_are_read_the_older_one_first() {
        let folder = tempfile::tempdir().unwrap();
        for (log, raw) in [("rejected.ndjson", "new"), ("rejected.1.ndjson", "old")] {
            let line = serde_json::to_string(&entry(raw)).unwrap();
            std::fs::write(folder.path().join(log), line).unwrap();
        }
        let read = rejected_in(folder.path()).unwrap();
        assert_eq!(read, [Ok(entry("old")), Ok(entry("new"))]);
    }

    #[test]
    fn redriven_lines_leave_the_log_and_the_count_together() {
        let folder = tempfile::tempdir().unwrap();
        let mut redrive = Redrive {
            name: SourceName::parse("posts").unwrap(),
            kind: SourceKind::File,
            state: StateFolder::take(folder.path()).unwrap(),
            checkpoint: Checkpoint::default(),
            report: None,
            rejected: Vec::new(),
        };
        redrive.checkpoint.ledger.rejected = 2;
        let older = folder.path().join("rejected.1.ndjson");
        std::fs::write(&older, "{}\n").unwrap();
        let mut lines = Lines::default();
        let page = lines.send(serde_json::to_string(&entry("page")).unwrap(), 3);
        for _ in 0..3 {
            lines.settle(page, crate::sources::Outcome::Sent);
        }
        lines.keep("torn".to_owned(), None);
        let redriven = redrive.keep(lines, 1).unwrap();
        let expected = Redriven {
            sent: 2,
            unmatched: 1,
            rejected: 1,
            ..Redriven::default()
        };
        assert_eq!(redriven, expected);
        let ledger = redrive.state.checkpoint().unwrap().unwrap().ledger;
        assert_eq!(
            (ledger.journaled, ledger.unmatched, ledger.rejected),
            (2, 1, 1)
        );
        let kept = std::fs::read_to_string(folder.path().join("rejected.ndjson")).unwrap();
        assert_eq!((kept.as_str(), older.exists()), ("torn\n", false));
    }
}
