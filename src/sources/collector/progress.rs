//! How far a collector is: the checkpoint, and what changes it.
//!
//! In: connections that opened and ended, and records that were settled. Out: the gaps to fill, and
//! the lines of the logs. Nothing here waits or reads a clock, so every order of events can be
//! tested.

mod work;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::super::gaps::Gap;
use super::super::state::{Checkpoint, LogEntry, RejectedEntry};
use super::super::{GapCause, GapState, Mapped, Outcome, Settled, SourceRecord};
use crate::events::Timestamp;

pub(super) use self::work::{Job, Work};

/// Where a record came from.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    /// The time of the record in the order of its stream; `None` for a record of a page.
    pub(super) stream_time: Option<Timestamp>,
    /// The work that fetched the record; `None` for a record of a stream.
    pub(super) job: Option<Job>,
    /// Room in the buffer, given back when the record and its neighbours are settled.
    pub(super) _permit: Option<std::sync::Arc<tokio::sync::OwnedSemaphorePermit>>,
}

impl Tag {
    /// Where the record came from, in words.
    const fn place(&self) -> &'static str {
        match self.job {
            None => "stream",
            Some(Job::Gap(_)) => "gap",
            Some(Job::Backfill) => "back-fill",
        }
    }
}

/// How far a collector is.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) checkpoint: Checkpoint,
    source: String,
    seam: i64,
    /// True when connections send what was missed.
    replays: bool,
    /// Lines for the logs, until they are written.
    log: Vec<LogEntry>,
    rejected: Vec<RejectedEntry>,
    /// Gaps that a connection fills by itself, each with the time at which it is filled.
    replayed: BTreeMap<u64, Timestamp>,
    /// The newest post that filling each gap has brought.
    newest_of_gap: BTreeMap<u64, Timestamp>,
    /// The arguments of the back-fill that is wanted; another one is left alone.
    wanted: Option<String>,
    /// The time up to which a connection fills the back-fill by itself.
    replayed_backfill: Option<Timestamp>,
    pub(super) reconnects_by: BTreeMap<GapCause, u64>,
    /// True when something changed since the checkpoint was written last.
    pub(super) is_changed: bool,
}

impl Progress {
    /// Goes on from a checkpoint.
    pub(super) fn new(source: &str, checkpoint: Checkpoint, seam: Duration, replays: bool) -> Self {
        Self {
            checkpoint,
            source: source.to_owned(),
            seam: millis(seam),
            replays,
            log: Vec::new(),
            rejected: Vec::new(),
            replayed: BTreeMap::new(),
            newest_of_gap: BTreeMap::new(),
            wanted: None,
            replayed_backfill: None,
            reconnects_by: BTreeMap::new(),
            is_changed: true,
        }
    }

    /// The process has started: what lies between it and the one before is a gap.
    pub(super) fn started(&mut self, now: Timestamp) {
        self.note("source.started", now, json!({}));
        self.missing(now, GapCause::Restart, Duration::ZERO);
    }

    /// All streams are connected: the open gap has its end, and is filled from now on.
    pub(super) fn connected(&mut self, at: Timestamp) {
        self.stream_connected(at);
        self.note("source.connected", at, json!({}));
        self.end_open_gap(at);
        if self.replays {
            let filling = self.checkpoint.gaps.filling();
            self.replayed = filling.map(|gap| (gap.number, at)).collect();
        }
    }

    /// A stream is connected, for the first time if none was before.
    pub(super) fn stream_connected(&mut self, at: Timestamp) {
        self.is_changed = true;
        self.checkpoint.connected_first_at.get_or_insert(at);
    }

    /// A stream could not be connected: its records may be missing from now on.
    pub(super) fn unreachable(&mut self, at: Timestamp, cause: GapCause) {
        self.missing(at, cause, Duration::ZERO);
    }

    /// The open gap has its end.
    fn end_open_gap(&mut self, at: Timestamp) {
        let ended = self.checkpoint.gaps.end_open(at.plus(self.seam)).cloned();
        if let Some(gap) = ended {
            self.note_gap(&gap, at);
        }
    }

    /// A connection ended.
    pub(super) fn disconnected(
        &mut self,
        at: Timestamp,
        cause: GapCause,
        detail: &str,
        earlier: Duration,
    ) {
        let members = json!({"cause": cause.word(), "detail": detail});
        self.note("source.disconnected", at, members);
        self.missing(at, cause, earlier);
        self.replayed.clear();
        self.checkpoint.reconnects = self.checkpoint.reconnects.saturating_add(1);
        let count = self.reconnects_by.entry(cause).or_default();
        *count = count.saturating_add(1);
    }

    /// Opens a gap from `seam` and `earlier` before the newest acknowledged record, or the first
    /// connection; none if there was no connection yet.
    fn missing(&mut self, at: Timestamp, cause: GapCause, earlier: Duration) {
        self.is_changed = true;
        let Some(base) = self.checkpoint.resume().since else {
            return;
        };
        let from = base.min(at).plus(-self.seam).plus(-millis(earlier));
        self.checkpoint.gaps.open(from, cause);
    }

    /// The source goes on later than it was asked to.
    pub(super) fn clamped(&mut self, requested: Timestamp, first: Timestamp, at: Timestamp) {
        self.is_changed = true;
        let gaps = &mut self.checkpoint.gaps;
        let lost = gaps.add_lost(requested, first, GapCause::Cursor).cloned();
        if let Some(gap) = lost {
            self.note_gap(&gap, at);
            self.note_closed(&gap, at);
        }
    }

    /// The first part of a gap, up to `until`, cannot be fetched: it becomes a lost gap of its own.
    pub(super) fn partly_lost(&mut self, number: u64, until: Timestamp, now: Timestamp) {
        let Some(gap) = self.checkpoint.gaps.filling_mut(number) else {
            return;
        };
        let (from, cause) = (gap.from, gap.cause);
        if until <= from {
            return;
        }
        gap.from = until;
        self.is_changed = true;
        let lost = self.checkpoint.gaps.add_lost(from, until, cause).cloned();
        if let Some(gap) = lost {
            self.note_gap(&gap, now);
            self.note_closed(&gap, now);
        }
    }

    /// Closes a gap.
    pub(super) fn close_gap(&mut self, number: u64, state: GapState, reason: &str, at: Timestamp) {
        self.is_changed = true;
        self.replayed.remove(&number);
        let newest = self.newest_of_gap.remove(&number);
        if state == GapState::Filled {
            // Only ever forward: a gap ends where the stream went on.
            self.checkpoint.newest_at = self.checkpoint.newest_at.max(newest);
        }
        let closed = self.checkpoint.gaps.close(number, state).cloned();
        if let Some(gap) = closed {
            if state == GapState::Lost {
                tracing::warn!(
                    source = %self.source, gap = number, from = %gap.from, reason,
                    "posts of a gap cannot be fetched"
                );
            }
            self.note_closed(&gap, at);
        }
    }

    /// Records are settled: counts them, and moves the position behind those of streams.
    pub(super) fn settled(&mut self, settled: &Settled<Tag>, now: Timestamp) {
        self.is_changed = true;
        let ledger = &mut self.checkpoint.ledger;
        let mut sent = 0_u64;
        for (tag, record, outcome) in &settled.records {
            let count = match outcome {
                Outcome::Sent => &mut sent,
                Outcome::Unmatched => &mut ledger.unmatched,
                Outcome::Duplicate => &mut ledger.duplicate,
                Outcome::Control => &mut ledger.control,
                Outcome::Rejected(reason) => {
                    let entry = RejectedEntry::new(now, reason, tag.place(), &record.raw);
                    self.rejected.push(entry);
                    &mut ledger.rejected
                }
            };
            *count = count.saturating_add(1);
        }
        let unmatched = settled.unmatched.min(sent);
        ledger.unmatched = ledger.unmatched.saturating_add(unmatched);
        ledger.journaled = ledger
            .journaled
            .saturating_add(sent.saturating_sub(unmatched));
        for (tag, record, outcome) in &settled.records {
            match tag.job {
                None => self.moved(tag, record, outcome, now),
                Some(Job::Gap(number)) => self.brought(number, record, now),
                Some(Job::Backfill) => {}
            }
        }
    }

    /// Filling a gap has brought this record. When the gap is filled, the position moves behind it.
    fn brought(&mut self, number: u64, record: &SourceRecord, now: Timestamp) {
        if let Some(at) = record.posted_at() {
            let newest = self.newest_of_gap.entry(number).or_insert(at);
            *newest = (*newest).max(at.min(now));
        }
    }

    /// The position moves behind a record of a stream.
    fn moved(&mut self, tag: &Tag, record: &SourceRecord, outcome: &Outcome, now: Timestamp) {
        let is_new = *outcome == Outcome::Sent && record.posted_at().is_some();
        if let (true, Some(time)) = (is_new, tag.stream_time) {
            for number in self.replayed.keys() {
                self.checkpoint.gaps.count_post(*number, time);
            }
        }
        let checkpoint = &mut self.checkpoint;
        checkpoint.cursor = checkpoint.cursor.max(record.cursor);
        // A post with a time in the future must not move the position beyond the present.
        let Some(time) = tag.stream_time.map(|time| time.min(now)) else {
            return;
        };
        if checkpoint.newest_at.is_none_or(|newest| newest <= time) {
            checkpoint.newest_at = Some(time);
            if let Ok(Mapped::Post(post)) = &record.content {
                checkpoint.newest_id = Some(post.tweet.id.clone());
            }
        }
        self.replayed_until(time, now);
    }

    /// A replay has reached `time`: closes the gaps that it has filled.
    pub(super) fn replayed_until(&mut self, time: Timestamp, now: Timestamp) {
        let reached = self.replayed.iter().filter(|(_, until)| **until <= time);
        let reached: Vec<u64> = reached.map(|(number, _)| *number).collect();
        for number in reached {
            self.close_gap(number, GapState::Filled, "", now);
        }
        if self.replayed_backfill.is_some_and(|until| until <= time) {
            self.replayed_backfill = None;
            if let Some(backfill) = &mut self.checkpoint.backfill {
                backfill.replays = false;
            }
            self.finish_backfill();
        }
    }

    /// True when a connection is still sending what was missed.
    pub(super) fn is_replaying(&self) -> bool {
        !self.replayed.is_empty() || self.replayed_backfill.is_some()
    }

    /// Adds a line to the log.
    pub(super) fn note(&mut self, kind: &'static str, at: Timestamp, members: Value) {
        let members = match members {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        self.log.push(LogEntry {
            kind,
            source: self.source.clone(),
            at,
            members,
        });
    }

    fn note_gap(&mut self, gap: &Gap, at: Timestamp) {
        let members = json!({
            "gap": gap.number,
            "from": gap.from.to_string(),
            "to": gap.to.map(|to| to.to_string()),
            "cause": gap.cause.word(),
        });
        self.note("source.gap", at, members);
    }

    fn note_closed(&mut self, gap: &Gap, at: Timestamp) {
        let state = if gap.state == GapState::Filled {
            "filled"
        } else {
            "lost"
        };
        let members = json!({
            "gap": gap.number,
            "from": gap.from.to_string(),
            "to": gap.to.map(|to| to.to_string()),
            "state": state,
            "posts": gap.posts,
        });
        self.note("source.gap_closed", at, members);
    }

    /// The lines for the logs since the last call.
    pub(super) fn take_lines(&mut self) -> (Vec<LogEntry>, Vec<RejectedEntry>) {
        (
            std::mem::take(&mut self.log),
            std::mem::take(&mut self.rejected),
        )
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
