//! The collector of a source inside a server, which goes on when the source refuses.
//!
//! A source that refuses, or that cannot be built, is reported as `refused` and tried again after a
//! while. When servers share a stream, a lease lets one of them run the collector.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::{
    Checkpoint, Collector, CollectorError, CollectorOptions, Destination, Report, Requests,
    RunCollector, SharedSource, Source, SourceKind, SourceName, SourceState, StateError,
    StateFolder, build, checkpoint_in,
};
use crate::events::Clock;
use crate::settings::SourcesSettings;
use crate::telemetry::whole;

/// The wait before a source that refuses is tried again.
const REFUSED_WAIT: Duration = Duration::from_secs(15 * 60);
/// Time limit for handing a report over.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(2);

/// The collector of one kind of source, as a server runs it.
#[derive(Debug)]
pub struct ServedCollector {
    /// The kind.
    pub kind: SourceKind,
    /// The name of the source.
    pub name: SourceName,
    /// The state folder.
    pub folder: PathBuf,
    /// The settings of all sources.
    pub settings: SourcesSettings,
    /// Where posts and reports go.
    pub destination: Arc<dyn Destination>,
    /// Identifies this process among all servers.
    pub instance: String,
    /// The lease and the checkpoint in NATS, when servers share a stream.
    pub shared: Option<SharedSource>,
    /// Reads the clock.
    pub clock: Clock,
}

#[async_trait]
impl RunCollector for ServedCollector {
    fn name(&self) -> &str {
        self.name.as_str()
    }

    async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), CollectorError> {
        loop {
            match self.run_until_refused(&mut stop).await {
                Err(CollectorError::Refused { detail, .. }) => {
                    tracing::error!(source = %self.name, detail, "the source refuses; it is tried again");
                    if !self.stay_refused(detail, &mut stop).await {
                        return Ok(());
                    }
                }
                ended => return ended,
            }
        }
    }
}

impl ServedCollector {
    /// Runs the collector until it stops or the source refuses.
    async fn run_until_refused(
        &self,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), CollectorError> {
        let requests = Requests::default();
        let built = build(
            self.kind,
            &self.settings,
            &self.name,
            &self.clock,
            &requests,
        );
        let source = built.map_err(|error| self.refused(error.to_string()))?;
        let parts = (source, requests);
        let Some(shared) = &self.shared else {
            return self.collect(parts, stop.clone()).await;
        };
        while shared.take(stop).await {
            let (ended, is_lost) = self.collect_under_lease(shared, parts.clone(), stop).await;
            if !is_lost {
                shared.give_back().await;
                return ended;
            }
            tracing::warn!(source = %self.name, "the lease was lost; another server may go on");
            ended?;
        }
        Ok(())
    }

    /// Runs a collector while the lease holds, and keeps the lease until the collector has stopped.
    /// The second value is true when the lease was lost.
    async fn collect_under_lease(
        &self,
        shared: &SharedSource,
        parts: (Arc<dyn Source>, Requests),
        stop: &mut watch::Receiver<bool>,
    ) -> (Result<(), CollectorError>, bool) {
        let (end, ended) = watch::channel(false);
        let mut running = std::pin::pin!(self.collect(parts, ended));
        let mut keeping = std::pin::pin!(shared.keep());
        tokio::select! {
            ended = &mut running => return (ended, false),
            () = &mut keeping => {
                end.send_replace(true);
                return (running.await, true);
            }
            () = stopped(stop) => {
                end.send_replace(true);
            }
        }
        tokio::select! {
            ended = &mut running => (ended, false),
            () = &mut keeping => (running.await, true),
        }
    }

    async fn collect(
        &self,
        (source, requests): (Arc<dyn Source>, Requests),
        stop: watch::Receiver<bool>,
    ) -> Result<(), CollectorError> {
        let unusable = |error: StateError| self.refused(whole(&error).to_string());
        let state = StateFolder::take(&self.folder).map_err(unusable)?;
        let checkpoint = match &self.shared {
            Some(shared) => match shared.checkpoint().await {
                Err(CollectorError::State(error)) => return Err(unusable(error)),
                // NATS may have gone before it took the first checkpoint of this server.
                Ok(None) => state.checkpoint().map_err(unusable)?,
                read => read?,
            },
            None => state.checkpoint().map_err(unusable)?,
        };
        let options = CollectorOptions {
            name: self.name.to_string(),
            instance: match &self.shared {
                Some(_) => self.shared_instance(),
                None => state.instance().map_err(unusable)?,
            },
            keywords: None,
            backfill: None,
            without_live: false,
            max_posts: None,
            poll: self.settings.poll,
            report: self.settings.report,
            buffer: self.settings.buffer,
            backoff: self.settings.backoff,
            stays: true,
            shared: self.shared.clone(),
            clock: self.clock.clone(),
        };
        let destination = Arc::clone(&self.destination);
        let collector = Collector::new(source, destination, (requests, state), checkpoint, options);
        collector.run(stop).await
    }

    /// The lease lets one server in, so all of them report as one collector.
    fn shared_instance(&self) -> String {
        format!("nats-{}", self.name)
    }

    fn refused(&self, detail: String) -> CollectorError {
        CollectorError::Refused {
            source_name: self.name.to_string(),
            detail,
        }
    }

    /// Reports that the source refuses, until another try is due. Returns false when `stop` became
    /// true before.
    async fn stay_refused(&self, detail: String, stop: &mut watch::Receiver<bool>) -> bool {
        let due = Instant::now() + REFUSED_WAIT;
        let mut report = self.refusal(detail).await;
        let mut reports = interval(self.settings.report);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stopped(stop) => {
                    report.state = SourceState::Stopped;
                    report.retry_at = None;
                    self.hand_over(&report).await;
                    return false;
                }
                () = sleep_until(due) => return true,
                _ = reports.tick() => self.hand_over(&report).await,
            }
        }
    }

    /// The report of a source that refuses, with the numbers of the runs before.
    async fn refusal(&self, detail: String) -> Report {
        // A state that cannot be read is the reason, or is of less interest than the reason.
        let (instance, checkpoint) = match &self.shared {
            Some(shared) => {
                let read = timeout(HAND_OVER_WITHIN, shared.checkpoint()).await;
                let checkpoint = read.ok().and_then(Result::ok).flatten();
                (self.shared_instance(), checkpoint)
            }
            None => {
                let known = StateFolder::take(&self.folder).and_then(|state| state.instance());
                let checkpoint = checkpoint_in(&self.folder).ok().flatten();
                (known.unwrap_or_else(|_| self.instance.clone()), checkpoint)
            }
        };
        let Checkpoint {
            ledger,
            newest_at,
            reconnects,
            ..
        } = checkpoint.unwrap_or_default();
        let wait = i64::try_from(REFUSED_WAIT.as_millis()).unwrap_or(i64::MAX);
        let report = Report {
            state: SourceState::Refused,
            detail: Some(detail),
            retry_at: Some(self.clock.now().plus(wait)),
            received: ledger.received(0),
            journaled: ledger.journaled,
            unmatched: ledger.unmatched,
            duplicate: ledger.duplicate,
            rejected: ledger.rejected,
            control: ledger.control,
            last_post_at: newest_at,
            reconnects,
            ..Report::starting(self.name.as_str(), self.kind, &instance)
        };
        report.bounded()
    }

    /// Hands a report over, and writes it into the state folder. When servers share a stream, only
    /// one that gets the lease reports: another server may run the collector.
    async fn hand_over(&self, report: &Report) {
        if let Some(shared) = &self.shared {
            let taken = timeout(HAND_OVER_WITHIN, shared.try_take()).await;
            if !matches!(taken, Ok(Ok(true))) {
                return;
            }
        }
        let handed = timeout(HAND_OVER_WITHIN, self.destination.report(report)).await;
        if let Ok(Err(error)) = handed {
            tracing::debug!(source = %self.name, %error, "the report was not taken");
        }
        let saved = StateFolder::take(&self.folder).and_then(|state| state.save_report(report));
        if let Err(error) = saved {
            tracing::debug!(source = %self.name, %error, "the report cannot be written");
        }
        if let Some(shared) = &self.shared {
            shared.give_back().await;
        }
    }
}

/// Waits until `stop` becomes true.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the caller is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::events::{Event, Keyword, Timestamp, TweetId};
    use crate::settings::{Given, SecretText, Settings, layers};
    use crate::sources::{DestinationError, Ledger, Published, WatchedKeyword, WatchedKeywords};

    const NOW: Timestamp = Timestamp::from_millis(1_795_417_200_000);

    /// Keeps reports, and tracks no keyword.
    #[derive(Debug, Default)]
    struct Reports(Mutex<Vec<Report>>);

    #[async_trait]
    impl Destination for Reports {
        async fn publish(
            &self,
            _: &[Event],
            _: &WatchedKeywords,
        ) -> Result<Published, DestinationError> {
            Ok(Published::default())
        }

        async fn keywords(&self) -> Result<Arc<Vec<WatchedKeyword>>, DestinationError> {
            Ok(Arc::default())
        }

        async fn track(&self, _: &Keyword) -> Result<(), DestinationError> {
            Ok(())
        }

        async fn ranked(&self, _: &Keyword) -> Result<Vec<TweetId>, DestinationError> {
            Ok(Vec::new())
        }

        async fn report(&self, report: &Report) -> Result<(), DestinationError> {
            self.0.lock().push(report.clone());
            Ok(())
        }
    }

    /// A collector of X without a token, and its destination.
    fn without_token(folder: &std::path::Path) -> (Arc<ServedCollector>, Arc<Reports>) {
        // The binary sets it; tests have no main.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let layers = layers(&Given::default(), []).unwrap();
        let reports = Arc::new(Reports::default());
        let collector = ServedCollector {
            kind: SourceKind::X,
            name: SourceName::parse("x").unwrap(),
            folder: folder.to_owned(),
            settings: Settings::from_layers(&layers).unwrap().sources,
            destination: reports.clone(),
            instance: "process".to_owned(),
            shared: None,
            clock: Clock::of(|| NOW),
        };
        (Arc::new(collector), reports)
    }

    /// Runs a collector for this long and stops it. Returns the reports.
    async fn reports_of(
        (collector, reports): (Arc<ServedCollector>, Arc<Reports>),
        time: Duration,
    ) -> Vec<Report> {
        let (stops, stop) = watch::channel(false);
        let running = tokio::spawn(async move { collector.run(stop).await });
        tokio::time::sleep(time).await;
        stops.send_replace(true);
        running.await.unwrap().unwrap();
        let reports = reports.0.lock();
        reports.clone()
    }

    #[tokio::test(start_paused = true)]
    async fn source_without_a_token_is_reported_as_refused_with_the_numbers_of_runs_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = StateFolder::take(folder.path()).unwrap();
        let instance = state.instance().unwrap();
        let checkpoint = Checkpoint {
            ledger: Ledger {
                journaled: 7,
                ..Ledger::default()
            },
            ..Checkpoint::default()
        };
        state.save(&checkpoint).unwrap();
        drop(state);
        let collector = without_token(folder.path());
        let reports = reports_of(collector, Duration::from_secs(11)).await;
        let states: Vec<SourceState> = reports.iter().map(|report| report.state).collect();
        let refused = SourceState::Refused;
        assert_eq!(states, [refused, refused, refused, SourceState::Stopped]);
        let first = &reports[0];
        let detail = first.detail.clone().unwrap();
        assert!(detail.contains("sources.x.token"), "{detail}");
        assert_eq!(first.retry_at, Some(NOW.plus(900_000)));
        assert_eq!((first.received, first.journaled), (7, 7));
        assert_eq!(first.instance, instance);
        assert!(folder.path().join("report.json").exists());
    }

    #[tokio::test(start_paused = true)]
    async fn locked_state_folder_is_reported_as_refused_and_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let (collector, reports) = without_token(folder.path());
        let mut settings = collector.settings.clone();
        settings.x.token = Some(SecretText::new("secret-of-a-test"));
        // Nothing answers there.
        settings.x.url = "http://127.0.0.1:1".to_owned();
        let collector = ServedCollector {
            kind: SourceKind::X,
            name: SourceName::parse("x").unwrap(),
            folder: folder.path().to_owned(),
            settings,
            destination: reports.clone(),
            instance: "process".to_owned(),
            shared: None,
            clock: Clock::of(|| NOW),
        };
        let held = StateFolder::take(folder.path()).unwrap();
        let freed = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            drop(held);
        };
        let collecting = reports_of((Arc::new(collector), reports), REFUSED_WAIT * 2);
        let (reports, ()) = tokio::join!(collecting, freed);
        let detail = reports[0].detail.clone().unwrap();
        assert_eq!(reports[0].state, SourceState::Refused);
        assert!(detail.contains("in use by another process"), "{detail}");
        assert_eq!(reports[0].instance, "process");
        let ran = reports.iter().any(|report| report.instance != "process");
        assert!(ran, "it was not tried again");
    }
}
