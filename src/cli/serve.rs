//! `tidings serve`: runs the server until it is asked to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::Invocation;
use super::failure::CommandOutcome;
use super::signals::StopSignals;
use super::system::System;

/// How long an orderly stop may take before the process ends as it is; the journal makes that safe.
const STOP_WITHIN: Duration = Duration::from_secs(9);

pub(super) async fn run(invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let mut signals = StopSignals::listen()?;
    let serves = AtomicBool::new(false);
    let mut starting = std::pin::pin!(System::start(&invocation.settings, &serves));
    let system = tokio::select! {
        biased;
        started = &mut starting => started?,
        signal = signals.next() => {
            if !serves.load(Ordering::Acquire) {
                tracing::info!(signal, "stopped while starting");
                return Ok(CommandOutcome::Done);
            }
            tracing::info!(signal, "stopping as soon as the start is complete");
            // It answers already, and may have said that it is ready.
            return within(async { starting.await?.stop().await }).await;
        }
    };
    announce(&system, invocation)?;
    let signal = signals.next().await;
    tracing::info!(signal, "stopping");
    stop(system).await
}

/// Says where the server answers, on one line of standard output that programs can wait for.
pub(super) fn announce(system: &System, invocation: &Invocation) -> anyhow::Result<()> {
    let address = format!("http://{}", system.address());
    invocation
        .output
        .show(&json!({ "listening": address }), |_| {
            format!("listening on {address}")
        })
}

/// Stops the server in time, or says that it could not.
pub(super) async fn stop(system: System) -> anyhow::Result<CommandOutcome> {
    within(system.stop()).await
}

async fn within(
    stopping: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<CommandOutcome> {
    match tokio::time::timeout(STOP_WITHIN, stopping).await {
        Ok(stopped) => {
            stopped?;
            tracing::info!("stopped");
            Ok(CommandOutcome::Done)
        }
        Err(_) => bail!(
            "the server did not stop within {} s and was ended; nothing that was acknowledged is \
            lost, the next start takes up from the journal",
            STOP_WITHIN.as_secs()
        ),
    }
}
