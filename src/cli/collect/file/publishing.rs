//! Publishes the records of files, and keeps the checkpoint and the report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::ProgressBar;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::super::reporting::{count, take_ledger};
use super::super::shown;
use super::done::{DoneFiles, Place};
use super::reading::{Read, Reading};
use super::{Prepared, failure};
use crate::cli::failure::CommandOutcome;
use crate::cli::output::Output;
use crate::cli::signals::StopSignals;
use crate::cli::{Invocation, progress};
use crate::events::Timestamp;
use crate::sources::{
    Checkpoint, Delivery, Destination, DestinationError, FileError, Outcome, RejectedEntry, Report,
    Settled, SourceKind, SourceState, StateFolder, WatchedKeyword, WatchedKeywords,
};
use crate::telemetry::whole;

/// Maximum number of records that wait for the server.
const MAX_WAITING: usize = 2_000;
/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Time limit for sending what was read, after a signal.
const STOP_WITHIN: Duration = Duration::from_secs(6);
/// Time limit for handing over the last report.
const LAST_REPORT_WITHIN: Duration = Duration::from_secs(2);
/// Maximum number of rejected records that are named on standard error.
const MAX_NAMED: u64 = 100;

/// Publishes records, and keeps the checkpoint.
pub(super) struct Publishing {
    delivery: Delivery<Place>,
    destination: Arc<dyn Destination>,
    state: StateFolder,
    checkpoint: Checkpoint,
    report: Report,
    done: DoneFiles,
    /// Records of this run that were rejected.
    rejected: u64,
    /// Records of this run.
    received: u64,
    /// The first error of a file.
    failed: Option<FileError>,
    output: Output,
    bar: ProgressBar,
    /// The bytes that were read, when the size of all files is known.
    bytes: Option<Arc<AtomicU64>>,
    /// A report on its way to the destination.
    handing: Option<JoinHandle<()>>,
    /// A look at the tracked keywords, by which posts for NATS are matched.
    looking: Option<Look>,
    looked_at: Instant,
    /// Time between two looks.
    poll: Duration,
}

/// The answer to a look at the tracked keywords.
type Look = JoinHandle<Result<Arc<Vec<WatchedKeyword>>, DestinationError>>;

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Records are read.
    Reading,
    /// All was read and settled.
    Done,
    /// A signal arrived: what was read is sent until the deadline.
    Stopping(Instant),
}

impl Publishing {
    pub(super) fn new(
        name: &str,
        prepared: Prepared,
        (checkpoint, done): (Checkpoint, DoneFiles),
        invocation: &Invocation,
    ) -> anyhow::Result<Self> {
        let Prepared {
            destination,
            keywords,
            state,
        } = prepared;
        let keywords = WatchedKeywords::new(keywords, 1);
        let instance = state.instance()?;
        Ok(Self {
            delivery: Delivery::of_known(Arc::clone(&destination), None, keywords, &checkpoint),
            destination,
            report: Report::starting(name, SourceKind::File, &instance),
            checkpoint,
            state,
            done,
            rejected: 0,
            received: 0,
            failed: None,
            output: invocation.output,
            bar: progress::bar("records", None),
            bytes: None,
            handing: None,
            looking: None,
            looked_at: Instant::now(),
            poll: invocation.settings.sources.poll,
        })
    }

    /// Publishes what is read. The result of the run, and the last report, are printed at the end.
    pub(super) async fn run(
        mut self,
        reading: Reading,
        signals: &mut StopSignals,
    ) -> anyhow::Result<CommandOutcome> {
        let Reading {
            read,
            thread,
            total,
            bytes,
        } = reading;
        if total.is_some() {
            self.bar = progress::bar("bytes", total);
            self.bytes = Some(bytes);
        }
        self.report.state = SourceState::Backfilling;
        let mut ended = self.publish(read, signals).await;
        let was_stopped = matches!(ended, Ok(Phase::Stopping(_)));
        // A thread that is stopped can still wait for the standard input.
        if matches!(ended, Ok(Phase::Done))
            && let Err(error) = thread.await
        {
            ended = Err(anyhow::Error::new(error).context("the reading thread failed"));
        }
        self.report.state = SourceState::Stopped;
        let of_run = ended.as_ref().err().map(|error| format!("{error:#}"));
        let of_file = self.failed.as_ref();
        let of_file = of_file.map(|error| whole(error).to_string());
        self.report.detail = of_run.or(of_file);
        let saved = self.save();
        self.update_report();
        self.hand_last_report().await;
        self.bar.finish_and_clear();
        let shown = self.output.show(&self.report, shown::in_words);
        ended?;
        saved?;
        if let Some(error) = self.failed {
            return Err(failure(error));
        }
        if self.rejected > 0 && !was_stopped {
            return Ok(CommandOutcome::Failed);
        }
        shown.map(|()| CommandOutcome::Done)
    }

    /// Runs until all was read and settled, or a signal ends it.
    async fn publish(
        &mut self,
        mut read: mpsc::Receiver<Read>,
        signals: &mut StopSignals,
    ) -> anyhow::Result<Phase> {
        let mut phase = Phase::Reading;
        let mut ticks = interval(CHECKPOINT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_ended = false;
        while !(has_ended && self.delivery.waiting() == 0) {
            let may_read = !has_ended && self.delivery.waiting() < MAX_WAITING;
            tokio::select! {
                signal = signals.next() => {
                    tracing::info!(signal, "stopping");
                    if matches!(phase, Phase::Stopping(_)) {
                        break;
                    }
                    phase = Phase::Stopping(Instant::now() + STOP_WITHIN);
                    // What was read ahead is still received.
                    read.close();
                }
                () = deadline_of(phase) => break,
                settled = self.delivery.settled() => self.settled(&settled?)?,
                next = read.recv(), if may_read => match next {
                    Some(next) => self.received(next),
                    None => has_ended = true,
                },
                _ = ticks.tick() => self.tick().await?,
            }
        }
        Ok(if phase == Phase::Reading {
            Phase::Done
        } else {
            phase
        })
    }

    fn received(&mut self, read: Read) {
        match read {
            Read::Record(place, record) => {
                self.received = self.received.saturating_add(1);
                self.delivery.push(place, record);
            }
            Read::Failed(error) => {
                // The first error is the error of the run, and is printed at its end.
                if self.failed.is_some() {
                    let text = whole(&error).to_string();
                    self.bar.suspend(|| self.output.note(&text));
                }
                self.failed.get_or_insert(error);
            }
        }
    }

    fn settled(&mut self, settled: &Settled<Place>) -> anyhow::Result<()> {
        let now = Timestamp::now();
        let mut sent = 0_u64;
        for (place, record, outcome) in &settled.records {
            match outcome {
                Outcome::Sent => sent = sent.saturating_add(1),
                Outcome::Rejected(reason) => {
                    self.rejected = self.rejected.saturating_add(1);
                    let name = format!("{}:{}", place.file.name, place.line);
                    if self.rejected <= MAX_NAMED {
                        let note = format!("{name}: {reason}");
                        self.bar.suspend(|| self.output.note(&note));
                    }
                    let entry = RejectedEntry::new(now, reason, &name, &record.raw);
                    self.state.reject(&entry)?;
                }
                Outcome::Unmatched | Outcome::Duplicate | Outcome::Control => {}
            }
            count(&mut self.checkpoint.ledger, outcome);
        }
        let unmatched = settled.unmatched.min(sent);
        let ledger = &mut self.checkpoint.ledger;
        ledger.unmatched = ledger.unmatched.saturating_add(unmatched);
        ledger.journaled = ledger.journaled.saturating_sub(unmatched);
        let places = settled.records.iter().map(|(place, _, _)| place);
        self.done.note(places);
        Ok(())
    }

    /// Once a second: the checkpoint, the report, and a line of the progress.
    async fn tick(&mut self) -> anyhow::Result<()> {
        self.save()?;
        self.look_at_keywords().await;
        self.update_report();
        if self.handing.as_ref().is_none_or(JoinHandle::is_finished) {
            let (destination, report) = (Arc::clone(&self.destination), self.report.clone());
            self.handing = Some(tokio::spawn(async move {
                // A report is repeated; a failure of one is not an error of the run.
                let _ = destination.report(&report).await;
            }));
        }
        self.show_progress();
        Ok(())
    }

    /// Takes over the keywords of a look that has ended, and begins the next one when it is time.
    async fn look_at_keywords(&mut self) {
        if let Some(look) = self.looking.take_if(|look| look.is_finished()) {
            // A look that failed is repeated.
            if let Ok(Ok(listed)) = look.await {
                let known = self.delivery.keywords();
                if known.keywords() != listed.as_slice() {
                    let generation = known.generation().saturating_add(1);
                    let keywords = WatchedKeywords::new(listed.to_vec(), generation);
                    self.delivery.set_keywords(keywords);
                }
            }
        }
        if self.looking.is_none() && self.looked_at.elapsed() >= self.poll {
            let destination = Arc::clone(&self.destination);
            self.looking = Some(tokio::spawn(async move { destination.keywords().await }));
            self.looked_at = Instant::now();
        }
    }

    fn save(&mut self) -> anyhow::Result<()> {
        self.checkpoint.files = self.done.as_values()?;
        self.delivery.keep_versions(&mut self.checkpoint);
        self.state.save(&self.checkpoint)?;
        Ok(())
    }

    /// Brings the report up to date.
    fn update_report(&mut self) {
        let waiting = self.delivery.waiting_records();
        take_ledger(&mut self.report, self.checkpoint.ledger, waiting);
        if let Err(error) = self.state.save_report(&self.report) {
            tracing::warn!(%error, "the report cannot be written");
        }
    }

    fn show_progress(&self) {
        if let Some(bytes) = &self.bytes {
            self.bar.set_position(bytes.load(Ordering::Relaxed));
            self.bar
                .set_message(format!("{} records, bytes", self.received));
        } else {
            self.bar.set_position(self.received);
        }
        if self.output.is_json()
            && let Ok(line) = serde_json::to_string(&self.report)
        {
            // The reader has left: the run goes on without it.
            let _ = self.output.json(&line);
        }
    }

    /// Hands the last report over, after the one that is on its way.
    async fn hand_last_report(&mut self) {
        let earlier = self.handing.take();
        let (destination, report) = (&self.destination, &self.report);
        let both = async {
            if let Some(earlier) = earlier {
                let _ = earlier.await;
            }
            let _ = destination.report(report).await;
        };
        let _ = timeout(LAST_REPORT_WITHIN, both).await;
    }
}

/// Waits for the deadline of a stop; for ever while nothing stops.
async fn deadline_of(phase: Phase) {
    match phase {
        Phase::Stopping(deadline) => sleep_until(deadline).await,
        Phase::Reading | Phase::Done => std::future::pending().await,
    }
}
