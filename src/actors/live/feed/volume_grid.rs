//! The volume windows of one bucket width, and their shared counts.
//!
//! When the clock was set back, the end of a window moves back too. Its subscribers then get a
//! snapshot, because an update can only remove buckets at the start.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::context::KeywordOutput;
use super::replay_buffer::Update;
use super::shared::Feed;
use super::window_span::{WindowMove, WindowSpan};
use crate::actors::live::budget::{LiveBudget, LiveCharge};
use crate::actors::live::encoder::{KeywordPosition, VolumePart};
use crate::actors::live::message::Position;
use crate::actors::live::request::{ErrorCode, RequestId};
use crate::actors::live::topic::Topic;
use crate::events::{Sequence, Timestamp};
use crate::projections::volume::{VolumeCounts, VolumePoint, VolumeWindow};

/// Maximum number of points of a window; a longer window is ended.
pub(super) const MAX_POINTS: u64 = 10_000;
/// Approximate memory of the count of one bucket, in bytes.
const COUNT_BYTES: usize = 32;

/// The windows of one bucket width.
#[derive(Debug)]
pub(super) struct VolumeGridWindows {
    counts: VolumeCounts,
    /// The position through which the counts include the fold. The subscribers of a window may be
    /// ahead, when their snapshot was read from the rows.
    position: Position,
    /// The furthest position of a snapshot that was read from the rows. Windows do not move until
    /// the counts reach it: subscribers that are ahead would not take the update.
    ahead: Sequence,
    windows: HashMap<VolumeWindow, WindowSpan>,
    charge: LiveCharge,
}

impl VolumeGridWindows {
    pub(super) fn new(position: Position, counts: VolumeCounts, budget: &LiveBudget) -> Self {
        Self {
            charge: budget.charge(counts.len() * COUNT_BYTES),
            counts,
            position,
            ahead: position.seq,
            windows: HashMap::new(),
        }
    }

    /// The start of the counts.
    pub(super) const fn start(&self) -> Timestamp {
        self.counts.start()
    }

    pub(super) fn reaches_back_to(&self, start: Timestamp) -> bool {
        start >= self.counts.start()
    }

    /// The points of a span, if the counts are at `as_of` or later.
    pub(super) fn points_at(
        &self,
        as_of: Sequence,
        span: WindowSpan,
    ) -> Option<(Position, Vec<VolumePoint>)> {
        (self.position.seq >= as_of)
            .then(|| (self.position, self.counts.points(span.start, span.until)))
    }

    /// Records that a snapshot was read from the rows at this position.
    pub(super) fn note_snapshot_ahead(&mut self, seq: Sequence) {
        self.ahead = self.ahead.max(seq);
    }

    /// Adds a window, unless it exists.
    pub(super) fn add(&mut self, window: VolumeWindow, span: WindowSpan) {
        self.windows.entry(window).or_insert(span);
    }

    /// Drops windows without subscribers; false when no window is left.
    pub(super) fn has_subscribers(&mut self, feed: &Feed) -> bool {
        self.windows
            .retain(|window, _| !feed.drop_unsubscribed(&Topic::Volume(*window)));
        self.forget_unneeded();
        !self.windows.is_empty()
    }

    /// The start of the next bucket of any window.
    pub(super) fn next_roll(&self) -> Option<Timestamp> {
        self.windows.values().map(|span| span.until).min()
    }

    /// Continues with counts read from the rows, and sends what changed.
    pub(super) fn replace(
        &mut self,
        output: KeywordOutput<'_>,
        position: Position,
        counts: VolumeCounts,
    ) {
        let moved = self.counts.differences(&counts);
        self.charge.set(counts.len() * COUNT_BYTES);
        self.counts = counts;
        if position.seq > self.position.seq {
            let prev = std::mem::replace(&mut self.position, position).seq;
            let counts = &self.counts;
            self.windows.retain(|window, span| {
                let points = points_of(counts, *span, &moved, None);
                let part = part_of(*window, *span, &points);
                send(output, position, prev, (part, *span))
            });
        }
    }

    /// Applies folds to the counts, moves the windows to `now`, and sends the updates. `minutes`
    /// has the sequence of each fold and its changes of the counts of minutes; the last fold is at
    /// `position`.
    pub(super) fn apply(
        &mut self,
        output: KeywordOutput<'_>,
        position: Position,
        minutes: &[(Sequence, BTreeMap<Timestamp, i64>)],
        now: Timestamp,
    ) {
        let mut moved = BTreeSet::new();
        for (seq, minutes) in minutes {
            // Counts that were read from the rows may be ahead of the delta.
            if *seq > self.position.seq {
                self.counts.apply(minutes, &mut moved);
            }
        }
        let prev = self.position.seq;
        if position.seq > prev {
            self.position = position;
        }
        self.charge.set(self.counts.len() * COUNT_BYTES);
        self.send(output, prev, &moved, now);
    }

    /// Moves the windows to `now`. Returns true if there are updates to deliver.
    pub(super) fn move_with_clock(&mut self, output: KeywordOutput<'_>, now: Timestamp) -> bool {
        let has_news = self.send(output, self.position.seq, &BTreeSet::new(), now);
        self.forget_unneeded();
        has_news
    }

    /// Sends each window the buckets that have changed since `prev` and the buckets that have
    /// entered the window. Returns true if there are updates to deliver.
    fn send(
        &mut self,
        output: KeywordOutput<'_>,
        prev: Sequence,
        moved: &BTreeSet<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let Self {
            counts,
            position,
            ahead,
            windows,
            ..
        } = self;
        let may_turn = position.seq >= *ahead;
        let mut has_news = false;
        windows.retain(|window, span| {
            let turn = if may_turn {
                span.turn(*window, now)
            } else {
                WindowMove::Stays
            };
            let entered = match turn {
                WindowMove::Stays if position.seq == prev => return true,
                WindowMove::Stays => None,
                WindowMove::Forwards(from) => Some(from),
                WindowMove::Backwards => {
                    has_news = true;
                    output.feed.break_off_channel(&Topic::Volume(*window));
                    return false;
                }
            };
            has_news = true;
            let points = points_of(counts, *span, moved, entered);
            let part = part_of(*window, *span, &points);
            send(output, *position, prev, (part, *span))
        });
        has_news
    }

    /// Drops the counts before the start of all windows.
    fn forget_unneeded(&mut self) {
        if let Some(start) = self.windows.values().map(|span| span.start).min() {
            self.counts.drop_before(start);
        }
        self.charge.set(self.counts.len() * COUNT_BYTES);
    }
}

const fn part_of(window: VolumeWindow, span: WindowSpan, points: &[VolumePoint]) -> VolumePart<'_> {
    VolumePart {
        window,
        until: span.until,
        points,
    }
}

/// The points of changed and entered buckets, each once, oldest first.
fn points_of(
    counts: &VolumeCounts,
    span: WindowSpan,
    moved: &BTreeSet<Timestamp>,
    entered: Option<Timestamp>,
) -> Vec<VolumePoint> {
    let entered = entered.unwrap_or(span.until);
    let moved = moved
        .iter()
        .filter(|at| span.contains(at) && **at < entered);
    let mut points: Vec<VolumePoint> = moved.map(|at| counts.point(*at)).collect();
    points.extend(counts.points(entered, span.until));
    points
}

/// Sends an update of a window; false when the window has too many points and ends.
fn send(
    output: KeywordOutput<'_>,
    position: Position,
    prev: Sequence,
    (part, span): (VolumePart<'_>, WindowSpan),
) -> bool {
    let window = part.window;
    let at: KeywordPosition<'_> = output.at(position);
    let is_short = window.step.buckets(span.start, span.until) <= MAX_POINTS;
    let (prev, messages) = if is_short {
        (prev, output.encoder.volume_update(at, prev, part))
    } else {
        let text = format!(
            "the volume from {} has grown past {MAX_POINTS} points and has ended; \
            subscribe again with a later from or a longer step",
            window.from.unwrap_or_default()
        );
        let (id, keyword) = (RequestId::default(), Some(output.keyword));
        let encoder = output.encoder;
        let message = encoder.error(&id, keyword, ErrorCode::BadRequest, &text);
        // An error message does not change the channel's position.
        (position.seq, vec![message])
    };
    let update = Update {
        prev,
        seq: position.seq,
        messages: messages.into(),
    };
    output.feed.push(&Topic::Volume(window), update);
    is_short
}
