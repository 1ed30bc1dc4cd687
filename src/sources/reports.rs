//! The reports of all sources, as a server shows them.
//!
//! In: the report of each collector, in this process or through HTTP. Out: the list of
//! `GET /api/v1/sources`, and the metrics of sources. A [`ReportStore`] keeps the reports over a
//! restart. A store that servers share is read again when the last reading is a second old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::report_numbers::numbers;
use super::report_store::{KeptReport, NoReports, ReportStore, ReportStoreError};
use super::{Report, SourceName, SourceNameError, SourceState};
use crate::events::{Clock, Timestamp};
use crate::telemetry::{SourceMetrics, log_throttled, whole};

/// Maximum number of sources.
const MAX_SOURCES: usize = 100;

/// Age of a reading of a shared store after which it is read again, in milliseconds.
const READ_AFTER_MS: i64 = 1_000;

/// How long an answer waits for the store. After that it is made from what is known.
const WAIT_FOR_STORE: Duration = Duration::from_millis(500);

/// Intervals of reports without a report after which a source is gone.
const SILENT_INTERVALS: u32 = 4;

/// The reports of all sources; a clone shares them.
#[derive(Debug, Clone)]
pub struct SourceReports(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Arc<dyn ReportStore>,
    clock: Clock,
    /// Time without a report after which a source is gone, in milliseconds.
    silence_ms: u64,
    known: Mutex<Known>,
    /// Held while the store is read or written, so that an older reading never replaces a newer
    /// report.
    store_turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    reports: BTreeMap<String, KeptReport>,
    /// When the store was last read.
    read_at: Option<Timestamp>,
}

/// Why a report is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The report does not have a valid name.
    #[error(transparent)]
    Name(#[from] SourceNameError),
    /// Another instance reports under the name.
    #[error(
        "the source {name:?} is reported by another collector, instance {instance:?}; stop one of \
        them or give it another name"
    )]
    OtherInstance {
        /// The name of the source.
        name: String,
        /// The instance that reports.
        instance: String,
    },
    /// The limit on the number of sources is reached.
    #[error("{MAX_SOURCES} sources report already, as many as are allowed")]
    TooMany,
    /// The report cannot be kept. It is shown until the store is read again.
    #[error("the report cannot be kept")]
    Store(#[from] ReportStoreError),
}

impl SourceReports {
    /// The reports in this store. `interval` is the time between two reports of a source.
    pub fn new(store: Arc<dyn ReportStore>, clock: Clock, interval: Duration) -> Self {
        let silence = interval.saturating_mul(SILENT_INTERVALS);
        Self(Arc::new(Shared {
            store,
            clock,
            silence_ms: u64::try_from(silence.as_millis()).unwrap_or(u64::MAX),
            known: Mutex::default(),
            store_turn: tokio::sync::Mutex::default(),
        }))
    }

    /// Reports that last as long as the process.
    pub fn unkept(clock: Clock, interval: Duration) -> Self {
        Self::new(Arc::new(NoReports), clock, interval)
    }

    /// Takes a report in place of the one before.
    ///
    /// # Errors
    /// [`ReportError`].
    pub async fn take(&self, report: Report) -> Result<(), ReportError> {
        let name = &SourceName::parse(&report.name)?;
        self.refresh().await;
        let shared = &self.0;
        let _turn = shared.store_turn.lock().await;
        let kept = KeptReport {
            at: shared.clock.now(),
            report: report.bounded(),
        };
        let surplus = shared.admit(name, &kept)?;
        if let Some(surplus) = surplus {
            shared.store.remove(&surplus).await?;
        }
        shared.store.save(name, &kept).await?;
        Ok(())
    }

    /// The newest report of each source, in the order of their names.
    pub async fn current(&self) -> Vec<Report> {
        self.refresh().await;
        self.0.shown().1
    }

    /// Sets the metrics of sources from the newest reports.
    pub async fn measure(&self, metrics: &SourceMetrics) {
        self.refresh().await;
        let (now, reports) = self.0.shown();
        let numbers = reports.iter().map(|report| numbers(report, now));
        metrics.replace(numbers.collect());
    }

    /// Reads the store if the last reading is too old. Waits a limited time.
    async fn refresh(&self) {
        if !self.0.is_old() {
            return;
        }
        let shared = Arc::clone(&self.0);
        // The reading continues when the wait ends, so that the next answer has it.
        let reading = tokio::spawn(async move {
            let _turn = shared.store_turn.lock().await;
            if shared.is_old() {
                shared.read().await;
            }
        });
        // Without a reading in time, the answer is made from what is known.
        let _ = tokio::time::timeout(WAIT_FOR_STORE, reading).await;
    }
}

impl Shared {
    /// Whether the last reading of the store is too old.
    fn is_old(&self) -> bool {
        let read_at = self.known.lock().read_at;
        read_at.is_none_or(|at| {
            let age = self.clock.now().millis().saturating_sub(at.millis());
            self.store.is_shared() && age.saturating_abs() >= READ_AFTER_MS
        })
    }

    /// Reads the store.
    async fn read(&self) {
        let loaded = self.store.load().await;
        let mut known = self.known.lock();
        match loaded {
            Ok(loaded) => {
                let mut reports: BTreeMap<_, _> = loaded
                    .into_iter()
                    .map(|kept| (kept.report.name.clone(), kept))
                    .collect();
                // A report that could not be kept is newer than that in the store.
                for (name, own) in std::mem::take(&mut known.reports) {
                    match reports.get(&name) {
                        Some(kept) if kept.at >= own.at => {}
                        None if self.store.is_shared() => {}
                        Some(_) | None => {
                            reports.insert(name, own);
                        }
                    }
                }
                known.reports = reports;
                known.read_at = Some(self.clock.now());
            }
            Err(error) => {
                if self.store.is_shared() {
                    known.read_at = Some(self.clock.now());
                }
                log_throttled("reports-unreadable", move |count| {
                    tracing::warn!(error = %whole(&error), count, "the reports of sources cannot \
                        be read");
                });
            }
        }
    }

    /// Adds a report if it may replace the one before. Returns the source that has to make room.
    fn admit(
        &self,
        name: &SourceName,
        kept: &KeptReport,
    ) -> Result<Option<SourceName>, ReportError> {
        let mut known = self.known.lock();
        let mut surplus = None;
        match known.reports.get(name.as_str()) {
            Some(before) => {
                let is_other = before.report.instance != kept.report.instance;
                if is_other && !self.has_ended(before, kept.at) {
                    return Err(ReportError::OtherInstance {
                        name: before.report.name.clone(),
                        instance: before.report.instance.clone(),
                    });
                }
            }
            None if known.reports.len() >= MAX_SOURCES => {
                let ended = known.reports.iter();
                let oldest = ended
                    .filter(|(_, before)| self.has_ended(before, kept.at))
                    .min_by_key(|(_, before)| before.at)
                    .and_then(|(name, _)| SourceName::parse(name).ok());
                let oldest = oldest.ok_or(ReportError::TooMany)?;
                known.reports.remove(oldest.as_str());
                surplus = Some(oldest);
            }
            None => {}
        }
        known.reports.insert(name.to_string(), kept.clone());
        Ok(surplus)
    }

    /// Whether the source has stopped, or is silent for too long.
    fn has_ended(&self, kept: &KeptReport, now: Timestamp) -> bool {
        kept.report.state == SourceState::Stopped || self.is_silent(kept, now)
    }

    /// Whether no report arrived for too long. A clock that was set back counts as silence too.
    fn is_silent(&self, kept: &KeptReport, now: Timestamp) -> bool {
        now.millis().abs_diff(kept.at.millis()) >= self.silence_ms
    }

    /// The time, and the reports with the state `gone` for silent sources. A source that said that
    /// it stopped stays stopped.
    fn shown(&self) -> (Timestamp, Vec<Report>) {
        let now = self.clock.now();
        let known = self.known.lock();
        let reports = known.reports.values().map(|kept| {
            let mut report = kept.report.clone();
            if report.state != SourceState::Stopped && self.is_silent(kept, now) {
                report.state = SourceState::Gone;
            }
            report
        });
        (now, reports.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::sources::SourceKind;
    use crate::sources::report_store::FolderReports;

    const INTERVAL: Duration = Duration::from_millis(1_000);

    /// A clock that a test sets, in milliseconds.
    #[derive(Debug, Clone, Default)]
    struct Hand(Arc<AtomicI64>);

    impl Hand {
        fn set(&self, millis: i64) {
            self.0.store(millis, Ordering::SeqCst);
        }

        fn clock(&self) -> Clock {
            let hand = self.clone();
            Clock::of(move || Timestamp::from_millis(hand.0.load(Ordering::SeqCst)))
        }
    }

    fn report(name: &str, instance: &str, state: SourceState) -> Report {
        Report {
            state,
            ..Report::starting(name, SourceKind::Mastodon, instance)
        }
    }

    async fn states(reports: &SourceReports) -> Vec<(String, SourceState)> {
        let current = reports.current().await.into_iter();
        current.map(|each| (each.name, each.state)).collect()
    }

    #[tokio::test]
    async fn silent_source_is_gone_and_a_stopped_one_stays_stopped() {
        let hand = Hand::default();
        let reports = SourceReports::unkept(hand.clock(), INTERVAL);
        for (name, state) in [("b", SourceState::Stopped), ("a", SourceState::Live)] {
            reports.take(report(name, "1", state)).await.unwrap();
        }
        let named = |a| vec![("a".to_owned(), a), ("b".to_owned(), SourceState::Stopped)];
        hand.set(3_999);
        assert_eq!(states(&reports).await, named(SourceState::Live));
        hand.set(4_000);
        assert_eq!(states(&reports).await, named(SourceState::Gone));
        let again = report("a", "1", SourceState::Live);
        reports.take(again).await.unwrap();
        assert_eq!(states(&reports).await, named(SourceState::Live));
    }

    #[tokio::test]
    async fn other_instance_is_refused_until_the_first_is_silent_or_stopped() {
        let hand = Hand::default();
        let reports = SourceReports::unkept(hand.clock(), INTERVAL);
        let live = |instance| report("a", instance, SourceState::Live);
        reports.take(live("1")).await.unwrap();
        hand.set(3_999);
        let refused = reports.take(live("2")).await;
        assert!(matches!(refused, Err(ReportError::OtherInstance { .. })));
        assert_eq!(reports.current().await, [live("1")]);
        hand.set(4_000);
        reports.take(live("2")).await.unwrap();
        let stopped = report("a", "2", SourceState::Stopped);
        reports.take(stopped).await.unwrap();
        reports.take(live("3")).await.unwrap();
        assert_eq!(reports.current().await, [live("3")]);
    }

    #[tokio::test]
    async fn number_of_sources_is_limited_and_the_oldest_ended_one_makes_room() {
        let scratch = tempfile::tempdir().unwrap();
        let hand = Hand::default();
        let store = Arc::new(FolderReports::new(scratch.path().to_owned()));
        let reports = SourceReports::new(store, hand.clock(), INTERVAL);
        let live = |name: &str| report(name, "1", SourceState::Live);
        for number in 0..MAX_SOURCES {
            hand.set(i64::try_from(number).unwrap());
            reports.take(live(&format!("s{number}"))).await.unwrap();
        }
        let refused = reports.take(live("more")).await;
        assert!(matches!(refused, Err(ReportError::TooMany)));
        hand.set(4_001);
        reports.take(live("more")).await.unwrap();
        let names: Vec<_> = states(&reports).await;
        assert_eq!(names.len(), MAX_SOURCES);
        assert!(names.iter().all(|(name, _)| name != "s0"));
        assert!(!scratch.path().join("s0.json").exists());
        assert!(scratch.path().join("more.json").exists());
    }

    #[tokio::test]
    async fn reports_are_read_again_after_a_restart() {
        let scratch = tempfile::tempdir().unwrap();
        let hand = Hand::default();
        hand.set(500);
        let start = || {
            let store = Arc::new(FolderReports::new(scratch.path().to_owned()));
            SourceReports::new(store, hand.clock(), INTERVAL)
        };
        let live = report("a", "1", SourceState::Live);
        start().take(live.clone()).await.unwrap();
        assert_eq!(start().current().await, std::slice::from_ref(&live));
        let other = start().take(report("a", "2", SourceState::Live)).await;
        assert!(matches!(other, Err(ReportError::OtherInstance { .. })));
        hand.set(4_500);
        assert_eq!(
            start().current().await,
            [report("a", "1", SourceState::Gone)]
        );
    }

    /// A store that two servers share.
    #[derive(Debug, Default)]
    struct SharedStore(Mutex<BTreeMap<String, KeptReport>>);

    #[async_trait]
    impl ReportStore for SharedStore {
        fn is_shared(&self) -> bool {
            true
        }

        async fn load(&self) -> Result<Vec<KeptReport>, ReportStoreError> {
            Ok(self.0.lock().values().cloned().collect())
        }

        async fn save(&self, name: &SourceName, kept: &KeptReport) -> Result<(), ReportStoreError> {
            self.0.lock().insert(name.to_string(), kept.clone());
            Ok(())
        }

        async fn remove(&self, name: &SourceName) -> Result<(), ReportStoreError> {
            self.0.lock().remove(name.as_str());
            Ok(())
        }
    }

    #[tokio::test]
    async fn servers_with_one_store_answer_alike_after_a_second() {
        let hand = Hand::default();
        let store: Arc<dyn ReportStore> = Arc::new(SharedStore::default());
        let server = || SourceReports::new(Arc::clone(&store), hand.clock(), INTERVAL);
        let (one, two) = (server(), server());
        assert_eq!(two.current().await, []);
        let live = report("a", "1", SourceState::Live);
        one.take(live.clone()).await.unwrap();
        assert_eq!(one.current().await, std::slice::from_ref(&live));
        hand.set(999);
        assert_eq!(two.current().await, []);
        hand.set(1_000);
        assert_eq!(two.current().await, [live]);
        let other = two.take(report("a", "2", SourceState::Live)).await;
        assert!(matches!(other, Err(ReportError::OtherInstance { .. })));
        let name = SourceName::parse("a").unwrap();
        store.remove(&name).await.unwrap();
        hand.set(2_000);
        assert_eq!(one.current().await, []);
    }

    #[tokio::test]
    async fn report_without_a_name_is_refused() {
        let reports = SourceReports::unkept(Hand::default().clock(), INTERVAL);
        let refused = reports.take(report("../a", "1", SourceState::Live)).await;
        assert!(matches!(refused, Err(ReportError::Name(_))));
        assert_eq!(reports.current().await, []);
    }
}
