//! `tidings collect status`: the reports of the sources.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::StatusArguments;
use crate::cli::Invocation;
use crate::cli::client::ServerClient;
use crate::cli::failure::{CommandOutcome, UsageError};
use crate::cli::table::table;
use crate::sources::{GapState, Report, SourceState, is_held, report_in};

/// Number of report intervals after which a collector that says nothing is gone.
const SILENT_REPORTS: u32 = 4;

#[derive(Debug, Serialize, Deserialize)]
struct Sources {
    sources: Vec<Report>,
}

pub(super) async fn run(
    arguments: &StatusArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let listed = match &arguments.state {
        Some(folder) => {
            let Some(bytes) = report_in(folder)? else {
                bail!(UsageError::new(format!(
                    "{} has no report.json: it is not the state folder of a source, or no \
                    collector ran there",
                    folder.display()
                )));
            };
            let report: Report = serde_json::from_slice(&bytes)?;
            let interval = invocation.settings.sources.report;
            let silence = interval.saturating_mul(SILENT_REPORTS);
            Sources {
                sources: vec![seen(report, folder, silence)?],
            }
        }
        None => {
            let client = ServerClient::new(arguments.server.as_deref(), &invocation.settings)?;
            client.ask(Method::GET, "/api/v1/sources", None).await?
        }
    };
    invocation.output.show(&listed, |listed| {
        let rows: Vec<_> = listed.sources.iter().map(row).collect();
        table(
            [
                "source",
                "state",
                "received",
                "journaled",
                "unmatched",
                "rejected",
                "gaps",
                "detail",
            ],
            &rows,
        )
    })?;
    Ok(CommandOutcome::Done)
}

fn row(report: &Report) -> [String; 8] {
    let gaps = report.gaps.iter();
    let open = gaps.filter(|gap| matches!(gap.state, GapState::Open | GapState::Filling));
    let state = serde_json::to_value(report.state).unwrap_or_default();
    [
        report.name.clone(),
        state.as_str().unwrap_or_default().to_owned(),
        report.received.to_string(),
        report.journaled.to_string(),
        report.unmatched.to_string(),
        report.rejected.to_string(),
        open.count().to_string(),
        report.detail.clone().unwrap_or_default(),
    ]
}

/// The report of a folder as it is to be understood now: a collector that was killed is gone.
fn seen(report: Report, folder: &Path, silence: Duration) -> anyhow::Result<Report> {
    let has_ended = matches!(report.state, SourceState::Stopped | SourceState::Refused);
    if has_ended || !is_older(folder, silence)? || is_held(folder)? {
        return Ok(report);
    }
    Ok(Report {
        state: SourceState::Gone,
        ..report
    })
}

/// True when the report was written so long ago. A time in the future counts as now.
fn is_older(folder: &Path, silence: Duration) -> anyhow::Result<bool> {
    let path = folder.join("report.json");
    let written = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
    let written = written.with_context(|| path.display().to_string())?;
    let age = SystemTime::now().duration_since(written);
    Ok(age.unwrap_or_default() >= silence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::{SourceKind, StateFolder};

    fn report(state: SourceState) -> Report {
        Report {
            state,
            ..Report::starting("x", SourceKind::X, "i-1")
        }
    }

    #[test]
    fn silent_report_of_a_free_folder_is_gone_and_an_ended_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let state = StateFolder::take(path).unwrap();
        state.save_report(&report(SourceState::Live)).unwrap();
        let (never, long) = (Duration::ZERO, Duration::from_secs(3_600));
        let state_at = |reported, silence| seen(report(reported), path, silence).unwrap().state;
        assert_eq!(state_at(SourceState::Live, never), SourceState::Live);
        drop(state);
        assert_eq!(state_at(SourceState::Live, never), SourceState::Gone);
        assert_eq!(state_at(SourceState::Live, long), SourceState::Live);
        for ended in [SourceState::Stopped, SourceState::Refused] {
            assert_eq!(state_at(ended, never), ended);
        }
    }
}
