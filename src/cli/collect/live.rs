//! Runs the collector of a source as a process of its own.

mod estimate;
mod preparation;

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use self::preparation::{Job, Ready};
use super::shown::Progress;
use super::{LiveArguments, TargetArguments, clock, keywords_of, unless_stopped, usage_or};
use crate::cli::Invocation;
use crate::cli::failure::{CommandOutcome, UsageError};
use crate::cli::signals::StopSignals;
use crate::events::Timestamp;
use crate::sources::{
    BackfillRequest, Collector, CollectorError, Requests, SourceKind, build, time_since,
};

/// Time limit for a collector to end after a signal. It saves what was sent before that.
const STOP_WITHIN: Duration = Duration::from_millis(9_500);

/// A collector that runs.
type Running = JoinHandle<Result<(), CollectorError>>;

/// Runs a source until it is stopped, or its back-fill without live posts is done.
pub(super) async fn run(
    kind: SourceKind,
    arguments: LiveArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    let mut signals = StopSignals::listen()?;
    let now = Timestamp::now();
    let job = Job {
        kind,
        name: arguments.target.name(kind.name())?,
        keywords: keywords_of(&arguments.keyword)?,
        backfill: backfill_of(&arguments, now)?,
        now,
        arguments: &arguments,
        invocation,
    };
    let Some(prepared) = unless_stopped(&mut signals, job.prepare()).await else {
        invocation.output.note("stopped; nothing was fetched");
        return Ok(CommandOutcome::Done);
    };
    let Some(ready) = prepared? else {
        return Ok(CommandOutcome::Done);
    };
    let Ready {
        source,
        destination,
        requests,
        state,
        checkpoint,
        options,
        expected,
    } = ready;
    let collector = Collector::new(source, destination, (requests, state), checkpoint, options);
    let (stop, stopped) = watch::channel(false);
    let shown = Progress::new(invocation.output, collector.reports(), expected);
    let showing = tokio::spawn(shown.run());
    let mut running = tokio::spawn(collector.run(stopped));
    let ended = tokio::select! {
        ended = &mut running => ended.context("the collector failed")?,
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            stop.send_replace(true);
            until_stopped(running, &mut signals).await?
        }
    };
    let last = showing.await.context("showing the progress failed")?;
    let shown = match &last {
        Some(report) => invocation.output.show(report, super::shown::in_words),
        None => Ok(()),
    };
    ended?;
    shown.map(|()| CommandOutcome::Done)
}

/// Waits for a collector that stops. It is given up at the time limit, and at a second signal.
async fn until_stopped(
    mut running: Running,
    signals: &mut StopSignals,
) -> anyhow::Result<Result<(), CollectorError>> {
    tokio::select! {
        ended = timeout(STOP_WITHIN, &mut running) => {
            if let Ok(ended) = ended {
                return ended.context("the collector failed");
            }
            tracing::warn!("the collector did not stop in time; it goes on from its checkpoint");
        }
        signal = signals.next() => tracing::info!(signal, "stopping at once"),
    }
    running.abort();
    // The collector is dropped before the process ends.
    let _ = running.await;
    Ok(Ok(()))
}

/// Removes the rules of a source at X.
pub(super) async fn remove_rules(
    target: &TargetArguments,
    invocation: &Invocation,
) -> anyhow::Result<CommandOutcome> {
    #[derive(Serialize)]
    struct Removed {
        removed: u64,
    }
    let name = target.name(SourceKind::X.name())?;
    let settings = &invocation.settings.sources;
    let requests = Requests::default();
    let source = build(SourceKind::X, settings, &name, &clock(), &requests).map_err(usage_or)?;
    let removed = source.clean().await.map_err(usage_or)?;
    invocation.output.show(&Removed { removed }, |removed| {
        format!("{} rules of {name} removed", removed.removed)
    })?;
    Ok(CommandOutcome::Done)
}

fn backfill_of(
    arguments: &LiveArguments,
    now: Timestamp,
) -> anyhow::Result<Option<BackfillRequest>> {
    let Some(since) = &arguments.since else {
        return Ok(None);
    };
    let time = |flag: &str, text: &str| {
        time_since(text, now).map_err(|error| UsageError::new(format!("{flag}: {error}")))
    };
    let from = time("--since", since)?;
    let until = arguments.until.as_deref();
    let until = until.map(|text| time("--until", text)).transpose()?;
    if until.is_some_and(|until| until <= from) {
        bail!(UsageError::new("--until is not after --since"));
    }
    if from >= now {
        bail!(UsageError::new("--since is not in the past"));
    }
    let mut keywords = arguments.keyword.clone();
    keywords.sort();
    let given = serde_json::json!({
        "since": since,
        "until": arguments.until,
        "no_live": arguments.no_live,
        "keywords": keywords,
    });
    Ok(Some(BackfillRequest {
        arguments: given.to_string(),
        from,
        until,
        planned: None,
    }))
}
