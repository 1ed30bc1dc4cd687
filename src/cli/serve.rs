//! `tidings serve`: runs the server until it is asked to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::Invocation;
use super::failure::CommandOutcome;
use super::signals::StopSignals;
use crate::app::{App, AppError};
use crate::telemetry::whole;

/// Time limit of an orderly stop. After it the process exits; acknowledged events are in the
/// journal.
const STOP_WITHIN: Duration = Duration::from_secs(9);

pub(super) async fn run(invocation: &Invocation) -> anyhow::Result<CommandOutcome> {
    let mut signals = StopSignals::listen()?;
    let serves = AtomicBool::new(false);
    let mut starting = std::pin::pin!(App::start(&invocation.settings, &serves));
    let app = tokio::select! {
        biased;
        started = &mut starting => started?,
        signal = signals.next() => {
            if !serves.load(Ordering::Acquire) {
                tracing::info!(signal, "stopped while starting");
                return Ok(CommandOutcome::Done);
            }
            tracing::info!(signal, "stopping as soon as the start is complete");
            // HTTP answers already, and the server may have been ready: it is stopped in order.
            return within(async { starting.await?.stop().await }).await;
        }
    };
    announce(&app, invocation)?;
    serve(app, signals.next()).await
}

/// Prints the server's address as one line on standard output. Programs can wait for this line.
pub(super) fn announce(app: &App, invocation: &Invocation) -> anyhow::Result<()> {
    let address = format!("http://{}", app.address());
    invocation
        .output
        .show(&json!({ "listening": address }), |_| {
            format!("listening on {address}")
        })
}

/// Serves until a signal arrives or until a part ends for good. In the second case the other parts
/// are stopped in order, and the error names the part.
async fn serve(
    app: App,
    signal: impl Future<Output = &'static str>,
) -> anyhow::Result<CommandOutcome> {
    let fatal = tokio::select! {
        signal = signal => {
            tracing::info!(signal, "stopping");
            return stop(app).await;
        }
        fatal = app.ended() => fatal,
    };
    tracing::error!("{fatal}; the process exits, so that its supervisor can restart it");
    if let Err(error) = stop(app).await {
        tracing::warn!(error = %whole(error.as_ref()), "the other parts were not stopped cleanly");
    }
    Err(fatal.into())
}

/// Stops the server; an error if it takes too long.
pub(super) async fn stop(app: App) -> anyhow::Result<CommandOutcome> {
    within(app.stop()).await
}

async fn within(
    stopping: impl Future<Output = Result<(), AppError>>,
) -> anyhow::Result<CommandOutcome> {
    match tokio::time::timeout(STOP_WITHIN, stopping).await {
        Ok(stopped) => {
            stopped?;
            tracing::info!("stopped");
            Ok(CommandOutcome::Done)
        }
        Err(_) => bail!(
            "the server did not stop within {} s and was ended; no acknowledged event is \
            lost, the next start continues from the journal",
            STOP_WITHIN.as_secs()
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use tokio::sync::watch;

    use super::*;
    use crate::events::{
        Event, Incarnation, Keyword, Record, RecordHash, Sequence, ShardCount, Timestamp,
    };
    use crate::journal::{
        Appended, Durability, Journal, JournalError, JournalHandle, JournalReader, MemoryJournal,
        RejectedLog, Selection,
    };
    use crate::settings::{self, Given, Settings};

    /// A journal in memory. While it is broken, each call for its incarnation panics, and with it
    /// the calling actor: first the shards, then the root that restarts them.
    #[derive(Debug)]
    struct BreakableJournal {
        journal: MemoryJournal,
        is_broken: AtomicBool,
    }

    #[async_trait]
    impl Journal for BreakableJournal {
        fn incarnation(&self) -> Incarnation {
            assert!(!self.is_broken.load(Ordering::Acquire), "broken by a test");
            self.journal.incarnation()
        }
        fn shards(&self) -> ShardCount {
            self.journal.shards()
        }
        fn durability(&self) -> Durability {
            self.journal.durability()
        }
        fn head(&self) -> watch::Receiver<Sequence> {
            self.journal.head()
        }
        async fn append(&self, records: Vec<Record>) -> Result<Appended, JournalError> {
            self.journal.append(records).await
        }
        async fn read(
            &self,
            after: Sequence,
            selection: Selection,
        ) -> Result<Box<dyn JournalReader>, JournalError> {
            self.journal.read(after, selection).await
        }
        async fn hash_at(&self, sequence: Sequence) -> Result<Option<RecordHash>, JournalError> {
            self.journal.hash_at(sequence).await
        }
        fn rejected(&self) -> Arc<dyn RejectedLog> {
            self.journal.rejected()
        }
        async fn close(&self) -> Result<(), JournalError> {
            self.journal.close().await
        }
    }

    async fn started(journal: JournalHandle) -> (tempfile::TempDir, App) {
        let data = tempfile::tempdir().unwrap();
        let layers = settings::layers(&Given::default(), Vec::new()).unwrap();
        let settings = Settings {
            data: data.path().to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            ..Settings::from_layers(&layers).unwrap()
        };
        let app = App::start_over(&settings, journal).await.unwrap();
        (data, app)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn process_fails_with_the_reason_when_the_engine_root_has_ended() {
        let journal = Arc::new(BreakableJournal {
            journal: MemoryJournal::new(Incarnation(1)),
            is_broken: AtomicBool::new(false),
        });
        let (_data, app) = started(journal.clone()).await;
        journal.is_broken.store(true, Ordering::Release);
        let at = Timestamp::EARLIEST;
        let keyword = Keyword::new("a").unwrap();
        let record = Record::of_event(&keyword, &Event::keyword_tracked(at), at).unwrap();
        journal.append(vec![record]).await.unwrap();
        let error = serve(app, std::future::pending()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the engine has ended"), "{text}");
        assert!(text.contains("broken by a test"), "{text}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn process_exits_successfully_after_a_signal() {
        let (_data, app) = started(Arc::new(MemoryJournal::new(Incarnation(1)))).await;
        let outcome = serve(app, std::future::ready("SIGTERM")).await.unwrap();
        assert_eq!(outcome, CommandOutcome::Done);
    }
}
