//! The collector: runs one source from its connections to the acknowledged journal.
//!
//! ```text
//! keyword task ─► keywords, rules ─┐
//! stream tasks ─► records ─────────┤► collector loop ─► delivery ─► destination
//! fetch task ──► pages ────────────┘        │
//!                                            └► progress ─► checkpoint, logs, report
//! ```
//!
//! One loop owns all state, so nothing is shared under a lock. It takes one event at a time: from
//! the tasks, from the delivery, or from a timer.

mod events;
mod fetching;
mod keyword_events;
mod keywords;
mod outbox;
mod progress;
#[cfg(test)]
mod progress_tests;
mod refreshing;
mod reporting;
mod stream;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::fetching::Fetching;
use self::keywords::{KeywordEvent, KeywordTask};
use self::outbox::Outbox;
use self::progress::{Progress, Tag};
use self::refreshing::{RefreshTask, Refreshed};
use self::reporting::Standing;
use self::stream::{Gate, StreamEvent};
use super::reconnect::Reconnect;
use super::versions::Versions;
use super::{
    Checkpoint, Delivery, Destination, DestinationError, Estimate, GapCause, Report, Requests,
    SharedSource, Slice, Source, SourceState, StateError, StateFolder, StreamName, WatchedKeywords,
};
use crate::events::{Clock, Keyword, Timestamp};
use crate::settings::BackoffSettings;

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Time limit for sending what was read, when the collector stops.
const STOP_WITHIN: Duration = Duration::from_secs(6);
/// The same inside a server, whose other parts have to stop after it.
const STOP_IN_SERVER_WITHIN: Duration = Duration::from_secs(3);
/// Maximum number of events of streams and keywords that wait.
const EVENTS: usize = 64;
/// A replay without a record for this long has sent everything.
const REPLAY_SILENCE: Duration = Duration::from_secs(3);

/// How a collector runs.
#[derive(Debug, Clone)]
pub struct CollectorOptions {
    /// The name of the source.
    pub name: String,
    /// Identifies this run.
    pub instance: String,
    /// The keywords that the command line names; `None`: those that are tracked.
    pub keywords: Option<Vec<Keyword>>,
    /// The back-fill, if one is wanted.
    pub backfill: Option<BackfillRequest>,
    /// True when the collector ends with the back-fill, without live posts.
    pub without_live: bool,
    /// Maximum number of posts of this run.
    pub max_posts: Option<u64>,
    /// Time between two looks at the tracked keywords.
    pub poll: Duration,
    /// Time between two reports.
    pub report: Duration,
    /// Maximum number of records that wait.
    pub buffer: usize,
    /// The waits before another try.
    pub backoff: BackoffSettings,
    /// True inside a server, which goes on when the source refuses.
    pub stays: bool,
    /// Keeps the checkpoint for other servers too, under a lease.
    pub shared: Option<SharedSource>,
    /// Reads the clock.
    pub clock: Clock,
}

/// A back-fill that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRequest {
    /// The arguments as given; a run with the same ones goes on.
    pub arguments: String,
    /// The start.
    pub from: Timestamp,
    /// The end; `None`: the first connection, or the present without live posts.
    pub until: Option<Timestamp>,
    /// The plan that was made to estimate the back-fill; `None`: it is planned when it begins.
    pub planned: Option<PlannedBackfill>,
}

/// The plan of a back-fill, before its end was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedBackfill {
    /// The end for which it was planned.
    pub until: Timestamp,
    /// The slices.
    pub slices: Vec<Slice>,
    /// The estimate.
    pub estimate: Estimate,
}

impl PlannedBackfill {
    /// The slices when the back-fill ends at `until`: those that reach up to the planned end reach
    /// up to this one.
    fn slices_until(&self, until: Timestamp) -> Vec<Slice> {
        let later = until.millis().saturating_sub(self.until.millis());
        let extended = self.slices.iter().cloned().map(|mut slice| {
            // A source may have rounded the end.
            if slice.to >= self.until {
                slice.to = until;
                slice.not_before = slice.not_before.map(|time| time.plus(later));
            }
            slice
        });
        extended.collect()
    }
}

/// Why a collector ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectorError {
    /// The source refuses.
    #[error("{source_name}: {detail}")]
    Refused {
        /// The name of the source.
        source_name: String,
        /// The source's words.
        detail: String,
    },
    /// The destination refuses.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// The state cannot be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// A part of the collector ended that never ends by itself; the collector has to start again.
    #[error("a task of the collector failed")]
    TaskFailed,
}

/// A collector of one source.
#[derive(Debug)]
pub struct Collector {
    source: Arc<dyn Source>,
    destination: Arc<dyn Destination>,
    requests: Requests,
    options: CollectorOptions,
    state: StateFolder,
    progress: Progress,
    delivery: Delivery<Tag>,
    streams: HashMap<StreamName, RunningStream>,
    fetching: Fetching,
    standing: Standing,
    gate: watch::Sender<Gate>,
    resume: watch::Sender<super::Resume>,
    watched: watch::Sender<WatchedKeywords>,
    room: Arc<Semaphore>,
    has_connected: Arc<AtomicBool>,
    /// The newest report, for the command line.
    shown: watch::Sender<Option<Report>>,
    /// What is handed over to the destination and to other servers.
    outbox: Outbox,
    /// Posts received in this run.
    posts: u64,
    stop: StopState,
}

/// How far the collector is with stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopState {
    /// It runs.
    Running,
    /// It reads no more, and sends what was read until then.
    Until(Instant),
}

/// A stream that is wanted.
#[derive(Debug)]
struct RunningStream {
    task: JoinHandle<()>,
    is_connected: bool,
    last_record: Instant,
}

/// The channels of the tasks.
struct Inbox {
    streams: mpsc::Receiver<(StreamName, StreamEvent)>,
    keywords: mpsc::Receiver<KeywordEvent>,
    refreshed: mpsc::Receiver<Refreshed>,
    stream_sender: mpsc::Sender<(StreamName, StreamEvent)>,
}

impl Collector {
    /// A collector that goes on from a checkpoint.
    pub fn new(
        source: Arc<dyn Source>,
        destination: Arc<dyn Destination>,
        (requests, state): (Requests, StateFolder),
        checkpoint: Option<Checkpoint>,
        options: CollectorOptions,
    ) -> Self {
        let mut checkpoint = checkpoint.unwrap_or_default();
        let versions = Versions::of(std::mem::take(&mut checkpoint.versions));
        let none = WatchedKeywords::new(Vec::new(), 0);
        let (seam, replays) = (source.seam(), source.replays());
        let progress = Progress::new(&options.name, checkpoint, seam, replays);
        let (destination_of_posts, completing) = (Arc::clone(&destination), Arc::clone(&source));
        let destination_of_reports = Arc::clone(&destination);
        Self {
            watched: watch::channel(none.clone()).0,
            delivery: Delivery::new(destination_of_posts, Some(completing), none, versions),
            standing: Standing::new(source.kind()),
            fetching: Fetching::new(Reconnect::new(options.backoff)),
            gate: watch::channel(Gate::Open).0,
            resume: watch::channel(progress.checkpoint.resume()).0,
            room: Arc::new(Semaphore::new(options.buffer)),
            has_connected: Arc::default(),
            streams: HashMap::new(),
            shown: watch::channel(None).0,
            outbox: Outbox::new(
                destination_of_reports,
                options.shared.clone(),
                &options.name,
            ),
            posts: 0,
            stop: StopState::Running,
            source,
            destination,
            requests,
            options,
            state,
            progress,
        }
    }

    /// The reports of this collector, at least one each second.
    pub fn reports(&self) -> watch::Receiver<Option<Report>> {
        self.shown.subscribe()
    }

    /// The back-fill of the checkpoint.
    pub fn known_backfill(&self) -> Option<&super::Backfill> {
        self.progress.checkpoint.backfill.as_ref()
    }

    /// Runs until `stop` becomes true, the back-fill without live posts is done, or the source
    /// refuses. What was read is sent before.
    ///
    /// # Errors
    /// [`CollectorError`].
    pub async fn run(mut self, stop: watch::Receiver<bool>) -> Result<(), CollectorError> {
        let ended = self.run_to_end(stop).await;
        self.gate.send_replace(Gate::Stopping);
        for (_, stream) in self.streams.drain() {
            stream.task.abort();
        }
        let now = self.options.clock.now();
        let detail = ended.as_ref().err().map(ToString::to_string);
        let members = serde_json::json!({"detail": detail});
        self.progress.note("source.stopped", now, members);
        if !matches!(ended, Err(CollectorError::Refused { .. })) {
            self.standing.stopped(detail);
        }
        let saved = self.save();
        // Another server may report under the same name already.
        if self
            .options
            .shared
            .as_ref()
            .is_none_or(SharedSource::is_held)
        {
            self.report();
        }
        self.outbox.empty().await;
        ended.and(saved)
    }

    async fn run_to_end(&mut self, mut stop: watch::Receiver<bool>) -> Result<(), CollectorError> {
        let now = self.options.clock.now();
        self.progress.started(now);
        self.begin_backfill(now);
        self.save()?;
        let (stream_sender, streams) = mpsc::channel(EVENTS);
        let (keyword_sender, keywords) = mpsc::channel(EVENTS);
        let (refresh_sender, refreshed) = mpsc::channel(1);
        let mut inbox = Inbox {
            streams,
            keywords,
            refreshed,
            stream_sender,
        };
        let keyword_task = tokio::spawn(self.keyword_task(keyword_sender).run());
        let refresh_task = tokio::spawn(self.refresh(refresh_sender));
        let away = self.delivery.away();
        let mut checkpoints = interval(CHECKPOINT_EVERY);
        let mut reports = interval(self.options.report);
        checkpoints.set_missed_tick_behavior(MissedTickBehavior::Delay);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            if self.is_finished(&inbox) {
                break Ok(());
            }
            let fetch_at = self.next_fetch();
            let deadline = match self.stop {
                StopState::Running => None,
                StopState::Until(deadline) => Some(deadline),
            };
            let happened = tokio::select! {
                biased;
                () = stopped(&mut stop), if self.stop == StopState::Running => {
                    self.begin_to_stop();
                    Ok(())
                }
                settled = self.delivery.settled() => match settled {
                    Ok(settled) => self.settled(&settled),
                    Err(error) => Err(error.into()),
                },
                Some(event) = inbox.keywords.recv() => self.keyword_event(event, &inbox),
                Some((name, event)) = inbox.streams.recv() => self.stream_event(&name, event),
                Some(refreshed) = inbox.refreshed.recv() => {
                    self.refreshed(refreshed);
                    Ok(())
                }
                fetched = self.fetching.done() => self.fetched(fetched),
                () = sleep_until(fetch_at), if self.may_fetch() => {
                    self.start_fetch();
                    Ok(())
                }
                _ = checkpoints.tick() => match failed_task(&[&keyword_task, &refresh_task]) {
                    Some(failed) => Err(failed),
                    None => self.tick(&away),
                },
                () = reached(deadline) => Ok(()),
                _ = reports.tick() => {
                    self.report();
                    Ok(())
                }
            };
            if let Err(error) = happened {
                break Err(error);
            }
            if self.standing.has_turned() {
                self.report();
            }
        };
        keyword_task.abort();
        refresh_task.abort();
        ended
    }

    fn keyword_task(&self, events: mpsc::Sender<KeywordEvent>) -> KeywordTask {
        KeywordTask {
            source: Arc::clone(&self.source),
            destination: Arc::clone(&self.destination),
            fixed: self.options.keywords.clone(),
            without_live: self.options.without_live,
            are_tracked: false,
            order: self.progress.checkpoint.keyword_order.clone(),
            packing: self.progress.checkpoint.packing.clone(),
            poll: self.options.poll,
            reconnect: Reconnect::new(self.options.backoff),
            events,
            clock: self.options.clock.clone(),
            stays: self.options.stays,
        }
    }

    /// The task that refreshes metrics; it ends at once for a source without refreshes.
    fn refresh(&self, found: mpsc::Sender<Refreshed>) -> impl Future<Output = ()> + use<> {
        let every = self.source.refresh_every();
        let task = RefreshTask {
            source: Arc::clone(&self.source),
            destination: Arc::clone(&self.destination),
            keywords: self.watched.subscribe(),
            gate: self.gate.subscribe(),
            found,
            clock: self.options.clock.clone(),
        };
        async move {
            match every {
                Some(every) => task.run(every).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Begins the back-fill, if one is wanted and its end is known.
    fn begin_backfill(&mut self, now: Timestamp) {
        let Some(request) = &self.options.backfill else {
            return;
        };
        let replays_from = self.source.replays_from(request.from, now);
        let ends_now = self.options.without_live || replays_from.is_some();
        let until = request.until.or(ends_now.then_some(now));
        if let Some(until) = until {
            self.begin_backfill_until(until, replays_from, now);
            self.resume.send_replace(self.progress.checkpoint.resume());
        }
        if self
            .progress
            .wanted_backfill()
            .is_some_and(|known| known.done)
        {
            tracing::info!(source = %self.options.name, "the back-fill is done");
        }
    }

    /// Begins the back-fill with this end, unless it has begun before.
    fn begin_backfill_until(
        &mut self,
        until: Timestamp,
        replays_from: Option<Timestamp>,
        now: Timestamp,
    ) {
        let Some(request) = self.options.backfill.clone() else {
            return;
        };
        let arguments = &request.arguments;
        let begins = self.progress.begin_backfill(arguments, request.from, until);
        if let Some(replays_from) = replays_from {
            self.progress.replay_backfill(replays_from, begins);
        }
        if let (true, Some(planned)) = (begins, request.planned) {
            self.fetching.estimate = Some(planned.estimate);
            let slices = planned.slices_until(until);
            self.progress.planned(progress::Job::Backfill, slices, now);
        }
    }

    /// True when nothing remains to be done.
    fn is_finished(&self, inbox: &Inbox) -> bool {
        let is_empty = self.delivery.waiting() == 0 && inbox.streams.is_empty();
        match self.stop {
            StopState::Until(deadline) => is_empty || Instant::now() >= deadline,
            StopState::Running => {
                let backfill = self.progress.wanted_backfill();
                self.options.without_live
                    && is_empty
                    && self.fetching.is_idle()
                    && backfill.is_some_and(|backfill| backfill.done)
            }
        }
    }

    /// Reads no more; what was read is still sent.
    fn begin_to_stop(&mut self) {
        let within = if self.options.stays {
            STOP_IN_SERVER_WITHIN
        } else {
            STOP_WITHIN
        };
        self.stop = StopState::Until(Instant::now() + within);
        self.gate.send_replace(Gate::Stopping);
        self.fetching.abort();
    }

    /// Writes the logs, then the checkpoint.
    fn save(&mut self) -> Result<(), CollectorError> {
        self.write_logs()?;
        if self.progress.is_changed {
            let mut checkpoint = self.progress.checkpoint.clone();
            checkpoint.versions = self.delivery.versions().known().collect();
            self.state.save(&checkpoint)?;
            self.progress.is_changed = false;
            self.outbox.checkpoints.send_replace(Some(checkpoint));
        }
        Ok(())
    }

    /// Writes the report beside the checkpoint, and lets it be handed over.
    fn report(&mut self) {
        self.standing.reported();
        let report = self.make_report();
        if let Err(error) = self.state.save_report(&report) {
            tracing::warn!(source = %self.options.name, %error, "the report cannot be written");
        }
        self.shown.send_replace(Some(report.clone()));
        self.outbox.reports.send_replace(Some(report));
    }

    /// What the collector does, for its report.
    fn state(&self) -> SourceState {
        self.standing.state(
            &self.streams,
            &self.gate.borrow(),
            self.options.without_live,
        )
    }
}

/// Waits until `stop` becomes true.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the caller is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The error of a task that has ended; none of them ends by itself.
fn failed_task(tasks: &[&JoinHandle<()>]) -> Option<CollectorError> {
    let has_failed = tasks.iter().any(|task| task.is_finished());
    has_failed.then_some(CollectorError::TaskFailed)
}

/// Waits until this time; for ever without one.
async fn reached(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
