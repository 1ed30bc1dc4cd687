//! The volume channels of one feed: windows of counts that move with the fold and the clock.
//!
//! Windows of one bucket width share their counts (a [grid](super::volume_grid)), so that a window
//! of any length costs little more memory than its channel.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::context::{FeedContext, KeywordOutput};
use super::shared::Feed;
use super::volume_grid::{MAX_POINTS, VolumeGridWindows};
use super::window_span::WindowSpan;
use crate::actors::live::budget::LiveBudget;
use crate::actors::live::encoder::{KeywordPosition, VolumePart};
use crate::actors::live::message::{Message, Position};
use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::volume::{VolumeCounts, VolumeGrid, VolumePoint, VolumeWindow};
use crate::store::StoreError;

/// Maximum points of a snapshot encoded on the event loop; a longer one is encoded on another
/// thread.
const MAX_POINTS_ENCODED_HERE: usize = 256;

/// The windows that have subscribers.
#[derive(Debug)]
pub(super) struct VolumeWindows {
    grids: HashMap<VolumeGrid, VolumeGridWindows>,
    budget: LiveBudget,
}

/// The request for a window's snapshot.
#[derive(Debug)]
pub(super) struct WindowRequest {
    pub(super) at: Position,
    /// The last position that a fold has published: the snapshot must not be older.
    pub(super) as_of: Sequence,
    pub(super) keyword: Keyword,
    pub(super) window: VolumeWindow,
    pub(super) now: Timestamp,
}

impl VolumeWindows {
    pub(super) fn new(budget: LiveBudget) -> Self {
        Self {
            grids: HashMap::new(),
            budget,
        }
    }

    /// Drops all windows; subscribers get snapshots.
    pub(super) fn clear(&mut self) {
        self.grids.clear();
    }

    pub(super) fn forget_unsubscribed(&mut self, feed: &Feed) {
        self.grids.retain(|_, grid| grid.has_subscribers(feed));
    }

    /// The start of the next bucket of any window.
    pub(super) fn next_roll(&self) -> Option<Timestamp> {
        let grids = self.grids.values();
        grids.filter_map(VolumeGridWindows::next_roll).min()
    }

    /// The state of a window at `as_of` or later. It is read from the rows, unless the counts are
    /// recent enough and reach far enough back. `None` when the keyword is not tracked, or the rows
    /// are of another epoch. Called after [`move_with_clock`](Self::move_with_clock) with the same
    /// time.
    pub(super) async fn snapshot(
        &mut self,
        context: &FeedContext,
        wanted: WindowRequest,
    ) -> Result<Option<(Position, Vec<Message>)>, StoreError> {
        let WindowRequest { window, now, .. } = wanted;
        let span = WindowSpan::of(window, now);
        if let Some(grid) = self.grids.get_mut(&window.grid())
            && grid.reaches_back_to(span.start)
        {
            let (position, points) = match grid.points_at(wanted.as_of, span) {
                Some(held) => held,
                None => {
                    let Some((position, counts)) = read(context, &wanted, span.start).await? else {
                        return Ok(None);
                    };
                    grid.note_snapshot_ahead(position.seq);
                    (position, counts.points(span.start, span.until))
                }
            };
            grid.add(window, span);
            let messages = encode(context, &wanted, (position, span.until), points).await?;
            return Ok(Some((position, messages)));
        }
        let start = self.reach_back(window, span);
        let Some((position, counts)) = read(context, &wanted, start).await? else {
            return Ok(None);
        };
        let points = counts.points(span.start, span.until);
        if let Some(output) = context.output() {
            let grid = self.replace(output, position, window.grid(), counts);
            grid.add(window, span);
        }
        let messages = encode(context, &wanted, (position, span.until), points).await?;
        Ok(Some((position, messages)))
    }

    /// Start of the counts to read for a window that starts before the present counts. It is a
    /// little earlier than needed, so that a series of longer windows does not read them again each
    /// time.
    fn reach_back(&self, window: VolumeWindow, span: WindowSpan) -> Timestamp {
        let Some(grid) = self.grids.get(&window.grid()) else {
            return span.start;
        };
        let buckets = window.step.buckets(span.start, span.until);
        let more = buckets.min(MAX_POINTS.saturating_sub(buckets));
        let more = i64::try_from(more).unwrap_or_default();
        let start = span.start.plus(-window.step.width().saturating_mul(more));
        start.min(grid.start())
    }

    /// Continues with counts read from the rows, and sends what changed.
    fn replace(
        &mut self,
        output: KeywordOutput<'_>,
        position: Position,
        key: VolumeGrid,
        counts: VolumeCounts,
    ) -> &mut VolumeGridWindows {
        match self.grids.entry(key) {
            std::collections::hash_map::Entry::Occupied(held) => {
                let grid = held.into_mut();
                grid.replace(output, position, counts);
                grid
            }
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(VolumeGridWindows::new(position, counts, &self.budget))
            }
        }
    }

    /// Moves the counts to a position of the fold, and the windows with the clock.
    pub(super) fn apply(
        &mut self,
        output: KeywordOutput<'_>,
        position: Position,
        minutes: &[(Sequence, BTreeMap<Timestamp, i64>)],
        now: Timestamp,
    ) {
        for grid in self.grids.values_mut() {
            grid.apply(output, position, minutes, now);
        }
    }

    /// Moves the windows to `now`. Returns true if there are updates to deliver.
    pub(super) fn move_with_clock(&mut self, output: KeywordOutput<'_>, now: Timestamp) -> bool {
        let mut has_news = false;
        for grid in self.grids.values_mut() {
            has_news |= grid.move_with_clock(output, now);
        }
        has_news
    }
}

/// Reads the counts of a window's grid from `start` on.
async fn read(
    context: &FeedContext,
    wanted: &WindowRequest,
    start: Timestamp,
) -> Result<Option<(Position, VolumeCounts)>, StoreError> {
    let (views, keyword) = (context.source.views.clone(), wanted.keyword.clone());
    let WindowRequest {
        window, now, at, ..
    } = *wanted;
    let (_, until) = window.span(now);
    let answer = context
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
        let position = position.unmarked_if(context.source.progress.is_frozen());
        Some((position, counts))
    }))
}

async fn encode(
    context: &FeedContext,
    wanted: &WindowRequest,
    (position, until): (Position, Timestamp),
    points: Vec<VolumePoint>,
) -> Result<Vec<Message>, StoreError> {
    let WindowRequest {
        keyword, window, ..
    } = wanted;
    let (encoder, keyword, window) = (Arc::clone(&context.encoder), keyword.clone(), *window);
    let is_short = points.len() <= MAX_POINTS_ENCODED_HERE;
    let encode = move || {
        let at = KeywordPosition {
            keyword: &keyword,
            position,
        };
        let part = VolumePart {
            window,
            until,
            points: &points,
        };
        encoder.volume_snapshot(at, part)
    };
    if is_short {
        return Ok(encode());
    }
    context.read(move || Ok(encode())).await
}
