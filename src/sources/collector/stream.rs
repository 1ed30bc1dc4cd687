//! The task of one stream: connects, reads, and connects again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout};

use super::super::reconnect::{Failure, NextTry, Reconnect, random};
use super::super::report::GapCause;
use super::super::{
    Arrival, Connection, ConnectionEnd, Cost, Mapped, Resume, Source, SourceRecord, StreamName,
};
use crate::events::{Clock, Timestamp};

/// The wait after a denial inside a server, which goes on without the source.
const DENIED_WAIT: Duration = Duration::from_secs(15 * 60);

/// Whether streams may be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// They may.
    Open,
    /// They may not, for this cause.
    Closed(GapCause),
    /// The collector stops.
    Stopping,
}

/// What a stream tells the collector.
#[derive(Debug)]
pub(super) enum StreamEvent {
    /// A connection is being opened.
    Connecting,
    /// The connection is open.
    Connected { at: Timestamp },
    /// Records arrived; none for a keep-alive.
    Arrived {
        records: Vec<SourceRecord>,
        at: Timestamp,
        permit: Option<Arc<OwnedSemaphorePermit>>,
        cost: Cost,
    },
    /// The source goes on later than it was asked to.
    Clamped {
        requested: Timestamp,
        first: Timestamp,
    },
    /// The connection ended, or could not be opened.
    Ended {
        at: Timestamp,
        cause: GapCause,
        detail: String,
        was_connected: bool,
        retry: Retry,
    },
}

/// What a stream does after an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// It connects again at this time.
    At(Timestamp),
    /// It connects again when the gate opens.
    WhenOpen,
    /// It does not connect again, or only after a long wait: the source refuses.
    Refused,
}

/// What a stream needs to run.
#[derive(Debug, Clone)]
pub(super) struct StreamContext {
    pub(super) source: Arc<dyn Source>,
    pub(super) reconnect: Reconnect,
    pub(super) resume: watch::Receiver<Resume>,
    pub(super) gate: watch::Receiver<Gate>,
    pub(super) events: mpsc::Sender<(StreamName, StreamEvent)>,
    pub(super) room: Arc<Semaphore>,
    pub(super) buffer: usize,
    pub(super) clock: Clock,
    /// True inside a server: a refusal is tried again after a long wait.
    pub(super) stays: bool,
    /// True once any stream of the source has connected: a denial may pass then.
    pub(super) has_connected: Arc<AtomicBool>,
}

/// Runs a stream until it is aborted, the collector stops, or the source refuses.
pub(super) async fn run_stream(mut context: StreamContext, name: StreamName) {
    loop {
        let gate = *context.gate.borrow_and_update();
        match gate {
            Gate::Open => {}
            Gate::Stopping => return,
            Gate::Closed(_) => {
                if context.gate.changed().await.is_err() {
                    return;
                }
                continue;
            }
        }
        let (end, held) = context.connect_and_read(&name).await;
        let Some(wait) = context.after(&name, end, held).await else {
            return;
        };
        if !context.pause(wait).await {
            return;
        }
    }
}

/// How a stream ended.
#[derive(Debug)]
enum End {
    /// The connection ended, or could not be opened.
    Connection(ConnectionEnd),
    /// No byte arrived.
    Stall,
    /// No post arrived.
    Quiet,
    /// The gate was closed.
    Gate(Gate),
}

impl StreamContext {
    /// Waits before the next try, whatever the gate does meanwhile. Returns false when the
    /// collector stops.
    async fn pause(&mut self, wait: Duration) -> bool {
        let stopping = self.gate.wait_for(|gate| *gate == Gate::Stopping);
        timeout(wait, stopping).await.is_err()
    }

    async fn tell(&self, name: &StreamName, event: StreamEvent) {
        // The collector is gone when this fails; the stream is then aborted.
        let _ = self.events.send((name.clone(), event)).await;
    }

    /// Opens a connection and reads it to its end. Returns the time for which it held, if it was
    /// opened.
    async fn connect_and_read(&mut self, name: &StreamName) -> (End, Option<Duration>) {
        self.tell(name, StreamEvent::Connecting).await;
        let resume = *self.resume.borrow();
        let source = Arc::clone(&self.source);
        let connected = tokio::select! {
            connected = source.connect(name, resume) => connected,
            gate = closed(&mut self.gate) => return (End::Gate(gate), None),
        };
        let mut connection = match connected {
            Ok(connection) => connection,
            Err(error) => return (End::Connection(ConnectionEnd::Refused(error)), None),
        };
        self.reconnect.connected();
        let opened = Instant::now();
        let at = self.clock.now();
        self.tell(name, StreamEvent::Connected { at }).await;
        let end = self.read(name, connection.as_mut()).await;
        // The old connection is closed before a new one is opened.
        drop(connection);
        (end, Some(opened.elapsed()))
    }

    async fn read(&mut self, name: &StreamName, connection: &mut dyn Connection) -> End {
        let stall = self.source.stall();
        let quiet = self.source.quiet_of(name);
        let mut last_post = Instant::now();
        loop {
            let until_quiet = quiet.map(|quiet| quiet.saturating_sub(last_post.elapsed()));
            if until_quiet == Some(Duration::ZERO) {
                return End::Quiet;
            }
            let wait = until_quiet.map_or(stall, |until_quiet| until_quiet.min(stall));
            let arrived = tokio::select! {
                arrived = timeout(wait, connection.next()) => arrived,
                gate = closed(&mut self.gate) => return End::Gate(gate),
            };
            match arrived {
                Err(_) if wait == stall => return End::Stall,
                Err(_) => return End::Quiet,
                Ok(Err(end)) => return End::Connection(end),
                Ok(Ok(Arrival::KeepAlive)) => {
                    let at = self.clock.now();
                    let (records, permit, cost) = (Vec::new(), None, connection.take_cost());
                    self.tell(
                        name,
                        StreamEvent::Arrived {
                            records,
                            at,
                            permit,
                            cost,
                        },
                    )
                    .await;
                }
                Ok(Ok(Arrival::Clamped { requested, first })) => {
                    self.tell(name, StreamEvent::Clamped { requested, first })
                        .await;
                }
                Ok(Ok(Arrival::Records(records))) => {
                    if records.iter().any(is_post) {
                        last_post = Instant::now();
                    }
                    let cost = connection.take_cost();
                    if let Some(gate) = self.pass_on(name, records, cost).await {
                        return End::Gate(gate);
                    }
                }
            }
        }
    }

    /// Waits for room and passes records on. Returns the gate when it closes meanwhile.
    async fn pass_on(
        &mut self,
        name: &StreamName,
        records: Vec<SourceRecord>,
        cost: Cost,
    ) -> Option<Gate> {
        let at = self.clock.now();
        let wanted = u32::try_from(records.len().min(self.buffer)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room);
        let permit = tokio::select! {
            permit = room.acquire_many_owned(wanted) => permit.ok().map(Arc::new),
            gate = closed(&mut self.gate) => return Some(gate),
        };
        self.tell(
            name,
            StreamEvent::Arrived {
                records,
                at,
                permit,
                cost,
            },
        )
        .await;
        None
    }

    /// Tells the collector of an end. Returns the wait before the next try; `None` when there is
    /// none.
    async fn after(
        &mut self,
        name: &StreamName,
        end: End,
        held: Option<Duration>,
    ) -> Option<Duration> {
        let at = self.clock.now();
        let (cause, detail, failure) = match &end {
            End::Gate(Gate::Stopping) => return None,
            End::Gate(Gate::Closed(cause)) => {
                let detail = "the collector disconnected".to_owned();
                self.end(name, (at, *cause, detail), held, Retry::WhenOpen)
                    .await;
                return Some(Duration::ZERO);
            }
            End::Gate(Gate::Open) => return Some(Duration::ZERO),
            End::Stall => {
                let seconds = self.source.stall().as_secs_f32();
                let detail = format!("no byte arrived in {seconds:.1} s");
                (GapCause::Stall, detail, Failure::Network)
            }
            End::Quiet => {
                let seconds = self.source.quiet_of(name).unwrap_or_default().as_secs_f32();
                let detail = format!("no post arrived in {seconds:.1} s");
                (GapCause::Quiet, detail, Failure::Network)
            }
            End::Connection(end) => {
                let failure = Failure::of_end(end);
                (cause_of(failure), end.to_string(), failure)
            }
        };
        if self.has_connected.load(Ordering::Acquire) {
            self.reconnect.accepted_before();
        }
        let next = match held {
            Some(held) => self.reconnect.ended(held, failure, at, random()),
            None => self.reconnect.failed(failure, at, random()),
        };
        let (retry, wait) = match next {
            NextTry::After(wait) => {
                let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                (Retry::At(at.plus(millis)), Some(wait))
            }
            NextTry::Never => (Retry::Refused, self.stays.then_some(DENIED_WAIT)),
        };
        self.end(name, (at, cause, detail), held, retry).await;
        wait
    }

    async fn end(
        &self,
        name: &StreamName,
        (at, cause, detail): (Timestamp, GapCause, String),
        held: Option<Duration>,
        retry: Retry,
    ) {
        let event = StreamEvent::Ended {
            at,
            cause,
            detail,
            was_connected: held.is_some(),
            retry,
        };
        self.tell(name, event).await;
    }
}

/// The cause of a gap that begins with this failure.
pub(super) const fn cause_of(failure: Failure) -> GapCause {
    match failure {
        Failure::Network | Failure::Http => GapCause::Network,
        Failure::Rate(_) => GapCause::Rate,
        Failure::Denied | Failure::Unusable => GapCause::Refused,
    }
}

fn is_post(record: &SourceRecord) -> bool {
    !matches!(record.content, Ok(Mapped::Control))
}

/// Waits until the gate is not open.
async fn closed(gate: &mut watch::Receiver<Gate>) -> Gate {
    match gate.wait_for(|gate| *gate != Gate::Open).await {
        Ok(gate) => *gate,
        Err(_) => Gate::Stopping,
    }
}
