//! The volume channels of one feed: windows of counts that follow the fold and the clock.
//!
//! Windows of one width of bucket share their counts, so that a window costs little beside its
//! channel, however long it is. A clock that was set back takes the end of a window back, too: its
//! subscribers get a snapshot then, since an update only lets buckets leave at the beginning.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::actor::FeedArguments;
use super::replay_buffer::Update;
use super::shared::Feed;
use super::window_span::{WindowMove, WindowSpan};
use crate::actors::live::budget::{LiveBudget, LiveCharge};
use crate::actors::live::encoder::{Encoder, KeywordPosition};
use crate::actors::live::message::{Message, Position};
use crate::actors::live::request::{ErrorCode, RequestId};
use crate::actors::live::topic::Topic;
use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::volume::{VolumeCounts, VolumeGrid, VolumePoint, VolumeWindow};
use crate::store::StoreError;

/// A window that has more points is not subscribed to.
const MAX_POINTS: u64 = 10_000;
/// What the count of a bucket takes, in bytes, about.
const COUNT_BYTES: usize = 32;
/// A snapshot of more points is encoded off the event loop.
const MAX_POINTS_ENCODED_HERE: usize = 256;

/// The windows that have subscribers.
#[derive(Debug)]
pub(super) struct VolumeWindows {
    grids: HashMap<VolumeGrid, Grid>,
    budget: LiveBudget,
}

/// The windows of one width of bucket, and the counts that they share.
#[derive(Debug)]
struct Grid {
    counts: VolumeCounts,
    /// Up to where the counts have taken the fold into account. The subscribers of a window may be
    /// ahead, when their snapshot was read from the rows.
    position: Position,
    /// The furthest that a snapshot read from the rows was ahead. Until the counts are there,
    /// windows stay where they are: the subscribers that are ahead would not take the update.
    ahead: Sequence,
    windows: HashMap<VolumeWindow, WindowSpan>,
    charge: LiveCharge,
}

/// Who asks for a snapshot, of when.
#[derive(Debug)]
pub(super) struct WindowRequest {
    pub(in crate::actors::live) at: Position,
    /// The last position that the fold has handed over: the snapshot is not older.
    pub(in crate::actors::live) as_of: Sequence,
    pub(in crate::actors::live) keyword: Keyword,
    pub(in crate::actors::live) window: VolumeWindow,
    pub(in crate::actors::live) now: Timestamp,
}

impl VolumeWindows {
    pub(in crate::actors::live) fn new(budget: LiveBudget) -> Self {
        Self {
            grids: HashMap::new(),
            budget,
        }
    }

    /// Forgets everything; subscribers get snapshots.
    pub(in crate::actors::live) fn clear(&mut self) {
        self.grids.clear();
    }

    pub(super) fn forget_unsubscribed(&mut self, feed: &Feed) {
        for grid in self.grids.values_mut() {
            grid.windows
                .retain(|window, _| !feed.drop_unsubscribed(&Topic::Volume(*window)));
            grid.forget_unneeded();
        }
        self.grids.retain(|_, grid| !grid.windows.is_empty());
    }

    /// When the next bucket of some window begins.
    pub(super) fn next_roll(&self) -> Option<Timestamp> {
        let windows = self.grids.values().flat_map(|grid| grid.windows.values());
        windows.map(|span| span.until).min()
    }

    /// The state of a window at `as_of` or later, read from the rows unless the counts are as new
    /// and reach as far back; `None` when the keyword is not tracked, or the rows are of another
    /// epoch. Comes after [`move_with_clock`](Self::move_with_clock) with the same time.
    pub(super) async fn snapshot(
        &mut self,
        own: &FeedArguments,
        wanted: WindowRequest,
    ) -> Result<Option<(Position, Vec<Message>)>, StoreError> {
        let WindowRequest { window, now, .. } = wanted;
        let span = WindowSpan::of(window, now);
        let held = self.grids.get_mut(&window.grid());
        if let Some(grid) = held
            && span.start >= grid.counts.start()
        {
            let (position, points) = if grid.position.seq >= wanted.as_of {
                (grid.position, grid.counts.points(span.start, span.until))
            } else {
                let Some((position, counts)) = read(own, &wanted, span.start).await? else {
                    return Ok(None);
                };
                grid.ahead = grid.ahead.max(position.seq);
                (position, counts.points(span.start, span.until))
            };
            grid.windows.entry(window).or_insert(span);
            let lines = encode(own, &wanted, (position, span.until), points).await?;
            return Ok(Some((position, lines)));
        }
        let start = self.reach_back(window, span);
        let Some((position, counts)) = read(own, &wanted, start).await? else {
            return Ok(None);
        };
        let points = counts.points(span.start, span.until);
        let keyword = &wanted.keyword;
        self.replace(
            &own.feed,
            &*own.encoder,
            KeywordPosition { keyword, position },
            window.grid(),
            counts,
        );
        if let Some(grid) = self.grids.get_mut(&window.grid()) {
            grid.windows.entry(window).or_insert(span);
        }
        let lines = encode(own, &wanted, (position, span.until), points).await?;
        Ok(Some((position, lines)))
    }

    /// From where on counts are read for a window that begins before those that are held: some more
    /// than it needs, so that ever longer windows don't read them again each time.
    fn reach_back(&self, window: VolumeWindow, span: WindowSpan) -> Timestamp {
        let Some(grid) = self.grids.get(&window.grid()) else {
            return span.start;
        };
        let buckets = window.step.buckets(span.start, span.until);
        let more = buckets.min(MAX_POINTS.saturating_sub(buckets));
        let more = i64::try_from(more).unwrap_or_default();
        let start = span.start.plus(-window.step.width().saturating_mul(more));
        start.min(grid.counts.start())
    }

    /// Goes on with counts that were read from the rows, and sends what moved meanwhile.
    fn replace(
        &mut self,
        feed: &Feed,
        encoder: &dyn Encoder,
        whose: KeywordPosition<'_>,
        key: VolumeGrid,
        counts: VolumeCounts,
    ) {
        let bytes = counts.len() * COUNT_BYTES;
        let Some(grid) = self.grids.get_mut(&key) else {
            let grid = Grid {
                counts,
                position: whose.position,
                ahead: whose.position.seq,
                windows: HashMap::new(),
                charge: self.budget.charge(bytes),
            };
            self.grids.insert(key, grid);
            return;
        };
        let moved = grid.counts.differences(&counts);
        grid.counts = counts;
        grid.charge.set(bytes);
        if whose.position.seq > grid.position.seq {
            let prev = std::mem::replace(&mut grid.position, whose.position).seq;
            let Grid {
                counts, windows, ..
            } = grid;
            windows.retain(|window, span| {
                let points = points_of(counts, *span, &moved, None);
                send(feed, encoder, whose, prev, (*window, *span), &points)
            });
        }
    }

    /// Follows the fold, and the clock on the way.
    pub(super) fn apply(
        &mut self,
        feed: &Feed,
        encoder: &dyn Encoder,
        whose: KeywordPosition<'_>,
        minutes: &[(Sequence, BTreeMap<Timestamp, i64>)],
        now: Timestamp,
    ) {
        for grid in self.grids.values_mut() {
            let mut moved = BTreeSet::new();
            for (seq, minutes) in minutes {
                // What was read from the rows may be ahead of what was handed over.
                if *seq > grid.position.seq {
                    grid.counts.apply(minutes, &mut moved);
                }
            }
            let prev = grid.position.seq;
            if whose.position.seq > prev {
                grid.position = whose.position;
            }
            grid.charge.set(grid.counts.len() * COUNT_BYTES);
            grid.send(feed, encoder, whose.keyword, prev, &moved, now);
        }
    }

    /// Follows the clock; true when there is something to deliver.
    pub(super) fn move_with_clock(
        &mut self,
        feed: &Feed,
        encoder: &dyn Encoder,
        keyword: &Keyword,
        now: Timestamp,
    ) -> bool {
        let mut has_news = false;
        for grid in self.grids.values_mut() {
            let prev = grid.position.seq;
            has_news |= grid.send(feed, encoder, keyword, prev, &BTreeSet::new(), now);
            grid.forget_unneeded();
        }
        has_news
    }
}

impl Grid {
    /// Sends each window what moved since `prev` or entered, if anything did. True when there is
    /// something to deliver.
    fn send(
        &mut self,
        feed: &Feed,
        encoder: &dyn Encoder,
        keyword: &Keyword,
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
        let whose = KeywordPosition {
            keyword,
            position: *position,
        };
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
                    feed.break_off_channel(&Topic::Volume(*window));
                    return false;
                }
            };
            has_news = true;
            let points = points_of(counts, *span, moved, entered);
            send(feed, encoder, whose, prev, (*window, *span), &points)
        });
        has_news
    }

    /// Forgets the counts before all windows.
    fn forget_unneeded(&mut self) {
        if let Some(start) = self.windows.values().map(|span| span.start).min() {
            self.counts.drop_before(start);
        }
        self.charge.set(self.counts.len() * COUNT_BYTES);
    }
}

/// The points of buckets that moved or entered, each once, oldest first.
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

/// Sends an update of a window; false when the window has grown too long to go on.
fn send(
    feed: &Feed,
    encoder: &dyn Encoder,
    whose: KeywordPosition<'_>,
    prev: Sequence,
    (window, span): (VolumeWindow, WindowSpan),
    points: &[VolumePoint],
) -> bool {
    let seq = whose.position.seq;
    let is_short = window.step.buckets(span.start, span.until) <= MAX_POINTS;
    let (prev, lines) = if is_short {
        let lines = encoder.volume_update(whose, prev, window, span.until, points);
        (prev, lines)
    } else {
        let message = format!(
            "the volume from {} has grown past {MAX_POINTS} points and is not followed any more; \
            subscribe again with a later from or a longer step",
            window.from.unwrap_or_default()
        );
        let (id, keyword) = (RequestId::default(), Some(whose.keyword));
        let line = encoder.error(&id, keyword, ErrorCode::BadRequest, &message);
        // An error moves no channel.
        (seq, vec![line])
    };
    let lines = lines.into();
    feed.push(&Topic::Volume(window), Update { prev, seq, lines });
    is_short
}

/// Reads the counts of a window's grid from `start` on.
async fn read(
    own: &FeedArguments,
    wanted: &WindowRequest,
    start: Timestamp,
) -> Result<Option<(Position, VolumeCounts)>, StoreError> {
    let (views, keyword) = (own.views.clone(), wanted.keyword.clone());
    let WindowRequest {
        window, now, at, ..
    } = *wanted;
    let (_, until) = window.span(now);
    let answer = own
        .read(move || {
            views.read(&keyword, |summary, rows| {
                let read = || {
                    let counts =
                        VolumeCounts::read(rows, window.grid(), start, until, summary.last_at)?;
                    Ok((summary.mark, counts))
                };
                summary.tracked.then(read).transpose()
            })
        })
        .await?;
    let answer = answer.filter(|answer| answer.epoch == at.epoch);
    Ok(answer.and_then(|answer| {
        let (mark, counts) = answer.value?;
        let position = Position::new(answer.epoch, answer.as_of, mark);
        let position = position.unmarked_if(own.progress.is_frozen());
        Some((position, counts))
    }))
}

async fn encode(
    own: &FeedArguments,
    wanted: &WindowRequest,
    (position, until): (Position, Timestamp),
    points: Vec<VolumePoint>,
) -> Result<Vec<Message>, StoreError> {
    let WindowRequest {
        keyword, window, ..
    } = wanted;
    let (encoder, keyword, window) = (Arc::clone(&own.encoder), keyword.clone(), *window);
    let is_short = points.len() <= MAX_POINTS_ENCODED_HERE;
    let encode = move || {
        let whose = KeywordPosition {
            keyword: &keyword,
            position,
        };
        encoder.volume_snapshot(whose, window, until, &points)
    };
    if is_short {
        return Ok(encode());
    }
    own.read(move || Ok(encode())).await
}
