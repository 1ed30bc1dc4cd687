//! What the collector does when something happens: on a stream, at the destination, or at a tick of
//! the clock.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::super::{Cost, GapCause, Settled, SourceRecord, StreamName};
use super::progress::Tag;
use super::refreshing::Refreshed;
use super::stream::{Gate, Retry, StreamEvent};
use super::{Collector, CollectorError, REPLAY_SILENCE, StopState};
use crate::events::Timestamp;

/// A destination that has not answered for this long, while no more records can wait, counts as
/// away.
const SLOW_DESTINATION: Duration = Duration::from_secs(5);

/// A replay that is this far from the present, or nearer, has sent everything after a short
/// silence.
const REPLAY_NEAR_MS: i64 = Timestamp::MINUTE;

impl Collector {
    /// Records are settled.
    pub(super) fn settled(&mut self, settled: &Settled<Tag>) -> Result<(), CollectorError> {
        let now = self.options.clock.now();
        self.progress.settled(settled, now);
        self.page_settled(settled, now);
        self.resume.send_replace(self.progress.checkpoint.resume());
        if self.gate_cause() == Some(GapCause::Server) {
            self.gate.send_replace(Gate::Open);
        }
        self.write_logs()
    }

    pub(super) fn write_logs(&mut self) -> Result<(), CollectorError> {
        let (log, rejected) = self.progress.take_lines();
        for entry in &log {
            self.state.log(entry)?;
        }
        for entry in &rejected {
            self.state.reject(entry)?;
        }
        Ok(())
    }

    /// Something happened on a stream.
    pub(super) fn stream_event(
        &mut self,
        name: &StreamName,
        event: StreamEvent,
    ) -> Result<(), CollectorError> {
        match event {
            StreamEvent::Connecting => self.standing.connecting(),
            StreamEvent::Connected { at } => {
                self.connected(name, at);
                return self.save();
            }
            StreamEvent::Arrived {
                records,
                at,
                permit,
                cost,
            } => {
                // A keep-alive says nothing about the end of a replay.
                let stream = self.streams.get_mut(name);
                if let Some(stream) = stream.filter(|_| !records.is_empty()) {
                    stream.last_record = Instant::now();
                }
                self.standing.last_byte_at = Some(at);
                self.spent(cost, at);
                for record in records {
                    let stream_time = self.source.time_of(&record);
                    let tag = Tag {
                        stream_time,
                        job: None,
                        _permit: permit.clone(),
                    };
                    self.received(tag, record);
                }
            }
            StreamEvent::Clamped { requested, first } => {
                let now = self.options.clock.now();
                self.progress.clamped(requested, first, now);
            }
            StreamEvent::Ended {
                at,
                cause,
                detail,
                was_connected,
                retry,
            } => return self.ended(name, (at, cause, detail), was_connected, retry),
        }
        Ok(())
    }

    fn connected(&mut self, name: &StreamName, at: Timestamp) {
        let Some(stream) = self.streams.get_mut(name) else {
            return;
        };
        stream.is_connected = true;
        stream.last_record = Instant::now();
        self.standing.connected(at);
        self.has_connected.store(true, Ordering::Release);
        self.progress.stream_connected(at);
        self.begin_late_backfill(at);
        if self.are_all_connected() {
            self.progress.connected(at);
        }
        self.resume.send_replace(self.progress.checkpoint.resume());
    }

    /// True when every wanted stream is connected, and there is one.
    pub(super) fn are_all_connected(&self) -> bool {
        !self.streams.is_empty() && self.streams.values().all(|stream| stream.is_connected)
    }

    /// The back-fill ends where the first connection began.
    fn begin_late_backfill(&mut self, at: Timestamp) {
        if let Some(request) = &self.options.backfill {
            let seam = i64::try_from(self.source.seam().as_millis()).unwrap_or(i64::MAX);
            let until = request.until.unwrap_or_else(|| at.plus(seam));
            self.begin_backfill_until(until, None, at);
        }
    }

    fn ended(
        &mut self,
        name: &StreamName,
        (at, cause, detail): (Timestamp, GapCause, String),
        was_connected: bool,
        retry: Retry,
    ) -> Result<(), CollectorError> {
        // The stream may have been ended meanwhile, because its keyword is not tracked any more.
        let Some(stream) = self.streams.get_mut(name) else {
            return Ok(());
        };
        stream.is_connected = false;
        if !was_connected {
            self.progress.unreachable(at, cause);
        }
        if was_connected {
            let earlier = match cause {
                GapCause::Quiet => self.source.quiet_of(name).unwrap_or_default(),
                _ => Duration::ZERO,
            };
            tracing::warn!(
                source = %self.options.name, stream = %name.0, cause = cause.word(), detail,
                "disconnected"
            );
            self.progress.disconnected(at, cause, &detail, earlier);
        }
        match retry {
            Retry::At(retry_at) => self.standing.waits(Some(retry_at), detail),
            Retry::WhenOpen => self.standing.waits(None, detail),
            Retry::Refused => return self.refused(detail),
        }
        Ok(())
    }

    /// The source refuses: the collector ends, unless it runs inside a server.
    pub(super) fn refused(&mut self, detail: String) -> Result<(), CollectorError> {
        self.standing.refused(detail.clone());
        if self.options.stays {
            tracing::error!(source = %self.options.name, detail, "the source refuses");
            return Ok(());
        }
        Err(CollectorError::Refused {
            source_name: self.options.name.clone(),
            detail,
        })
    }

    /// Takes a record on.
    pub(super) fn received(&mut self, tag: Tag, record: SourceRecord) {
        let limit = self.options.max_posts;
        if limit.is_some_and(|limit| self.posts >= limit) {
            // It is not taken on, so the position stays before it.
            return;
        }
        if let Some(at) = record.posted_at() {
            self.posts = self.posts.saturating_add(1);
            let newest = self.standing.last_post_at;
            self.standing.last_post_at = Some(newest.map_or(at, |newest| newest.max(at)));
        }
        self.delivery.push(tag, record);
        if limit.is_some_and(|limit| self.posts >= limit) && !self.is_stopping() {
            tracing::info!(source = %self.options.name, posts = self.posts, "--max-posts reached");
            self.begin_to_stop();
        }
    }

    /// Takes on what a refresh found. It is outside the ledger: no record was received.
    pub(super) fn refreshed(&mut self, refreshed: Refreshed) {
        let now = self.options.clock.now();
        self.spent(refreshed.cost, now);
        self.delivery.push_events(refreshed.events);
    }

    /// Counts costs; the source is left alone when the month's limit is reached.
    pub(super) fn spent(&mut self, cost: Cost, now: Timestamp) {
        if cost == Cost::default() {
            return;
        }
        let micro_usd = self.source.price(cost);
        self.progress
            .checkpoint
            .costs
            .add(cost.posts, micro_usd, now);
        self.progress.is_changed = true;
        self.hold_to_limit();
    }

    fn hold_to_limit(&mut self) {
        if self.is_stopping() {
            return;
        }
        let limit = self.source.month_limit();
        let is_capped = limit > 0 && self.progress.checkpoint.costs.month_micro_usd >= limit;
        match (is_capped, self.gate_cause()) {
            (true, None) => {
                tracing::warn!(source = %self.options.name, "the month's costs reached their limit");
                self.gate.send_replace(Gate::Closed(GapCause::Capped));
            }
            (false, Some(GapCause::Capped)) => {
                self.gate.send_replace(Gate::Open);
            }
            _ => {}
        }
    }

    /// Why the gate is closed.
    pub(super) fn gate_cause(&self) -> Option<GapCause> {
        match *self.gate.borrow() {
            Gate::Closed(cause) => Some(cause),
            Gate::Open | Gate::Stopping => None,
        }
    }

    /// Once a second: the checkpoint, and what only time brings about.
    pub(super) fn tick(
        &mut self,
        away: &watch::Receiver<Option<String>>,
    ) -> Result<(), CollectorError> {
        let now = self.options.clock.now();
        if self
            .streams
            .values()
            .any(|stream| stream.task.is_finished())
            && !self.is_stopping()
        {
            return Err(CollectorError::TaskFailed);
        }
        let reason = away.borrow().clone();
        let is_full = self.room.available_permits() == 0;
        let is_slow = self.delivery.sending_for() >= SLOW_DESTINATION;
        if (reason.is_some() || is_slow) && is_full && *self.gate.borrow() == Gate::Open {
            self.gate.send_replace(Gate::Closed(GapCause::Server));
        }
        self.standing.posts_wait = reason;
        self.standing
            .report_refused
            .clone_from(&self.outbox.refused.borrow());
        self.progress.checkpoint.costs.turn(now);
        self.hold_to_limit();
        let newest = self.progress.checkpoint.newest_at;
        // A source that pauses far in the past has more to send.
        let is_near = newest.is_none_or(|newest| newest >= now.plus(-REPLAY_NEAR_MS));
        let silence = if is_near {
            REPLAY_SILENCE
        } else {
            REPLAY_SILENCE.max(self.source.stall())
        };
        let is_silent = self
            .streams
            .values()
            .all(|stream| stream.is_connected && stream.last_record.elapsed() >= silence);
        if is_silent && !self.streams.is_empty() && self.delivery.waiting() == 0 {
            self.progress.replayed_until(now, now);
        }
        self.shown.send_replace(Some(self.make_report()));
        self.save()
    }

    fn is_stopping(&self) -> bool {
        self.stop != StopState::Running
    }
}
