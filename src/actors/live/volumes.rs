//! The volume chains of one feed: windows of counts that follow the fold and the clock.

use std::collections::{BTreeMap, HashMap};

use super::feed::Feed;
use super::line::{Line, Position};
use super::reading::blocking;
use super::request::{ErrorCode, RequestId};
use super::ring::Update;
use super::shapes::{At, Shapes};
use super::topic::Topic;
use crate::events::{Keyword, Sequence, Timestamp};
use crate::projections::volume::{VolumeSeries, VolumeWindow};
use crate::store::{StoreError, Views};

/// A window that has more points is not followed.
const MOST_POINTS: u64 = 10_000;

/// The windows that are followed.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    windows: HashMap<VolumeWindow, Followed>,
}

#[derive(Debug)]
struct Followed {
    series: VolumeSeries,
    /// Through which position the series has taken the fold into account.
    seq: Sequence,
}

impl Volumes {
    /// Forgets everything; followers begin anew.
    pub(super) fn clear(&mut self) {
        self.windows.clear();
    }

    pub(super) fn forget_unfollowed(&mut self, feed: &Feed) {
        self.windows
            .retain(|window, _| !feed.drop_unfollowed(&Topic::Volume(*window)));
    }

    /// When the next bucket of some window begins.
    pub(super) fn next_roll(&self) -> Option<Timestamp> {
        let windows = self.windows.values();
        windows.map(|followed| followed.series.until()).min()
    }

    /// The state of a window at `as_of` or later, read from the rows unless what is followed is as
    /// new; `None` when the keyword isn't followed, or the rows are of another epoch.
    pub(super) async fn snapshot(
        &mut self,
        views: &Views,
        shapes: &dyn Shapes,
        (at, as_of): (Position, Sequence),
        keyword: Keyword,
        window: VolumeWindow,
    ) -> Result<Option<(Sequence, Vec<Line>)>, StoreError> {
        let snapshot = |followed: &Followed| {
            let Followed { series, seq } = followed;
            let position = Position { seq: *seq, ..at };
            let whose = At {
                keyword: &keyword,
                position,
            };
            let points = series.points();
            let lines = shapes.volume_snapshot(whose, window, series.until(), &points);
            (*seq, lines)
        };
        if let Some(followed) = self.windows.get(&window)
            && followed.seq >= as_of
        {
            return Ok(Some(snapshot(followed)));
        }
        let views = views.clone();
        let asked = keyword.clone();
        let answer = blocking(move || {
            views.read(&asked, |head, rows| {
                let read = || VolumeSeries::read(rows, window, Timestamp::now(), head.last_at);
                head.tracked.then(read).transpose()
            })
        })
        .await?;
        let Some(answer) = answer.filter(|answer| answer.epoch == at.epoch) else {
            return Ok(None);
        };
        let seq = answer.as_of;
        Ok(answer.value.map(|series| {
            let read = Followed { series, seq };
            let snapshot = snapshot(&read);
            // Those who follow already go on from where they are.
            self.windows.entry(window).or_insert(read);
            snapshot
        }))
    }

    /// Follows the fold, and the clock on the way.
    pub(super) fn apply(
        &mut self,
        feed: &Feed,
        shapes: &dyn Shapes,
        whose: At<'_>,
        minutes: &[(Sequence, BTreeMap<Timestamp, i64>)],
        now: Timestamp,
    ) {
        self.windows.retain(|window, followed| {
            for (seq, moved) in minutes {
                // What was read from the rows may be ahead of what was handed over.
                if *seq > followed.seq {
                    followed.series.apply(moved);
                }
            }
            let rolled = followed.series.roll(now);
            let seq = whose.position.seq.max(followed.seq);
            let position = Position {
                seq,
                ..whose.position
            };
            let is_new = rolled || seq > followed.seq;
            !is_new || followed.tell(feed, shapes, At { position, ..whose }, *window)
        });
    }

    /// Follows the clock; true when somebody has to be told.
    pub(super) fn roll(
        &mut self,
        feed: &Feed,
        shapes: &dyn Shapes,
        whose: At<'_>,
        now: Timestamp,
    ) -> bool {
        let mut rolled = false;
        self.windows.retain(|window, followed| {
            if !followed.series.roll(now) {
                return true;
            }
            rolled = true;
            let position = Position {
                seq: followed.seq,
                ..whose.position
            };
            followed.tell(feed, shapes, At { position, ..whose }, *window)
        });
        rolled
    }
}

impl Followed {
    /// Tells the followers what changed; false when the window has grown too long to go on.
    fn tell(
        &mut self,
        feed: &Feed,
        shapes: &dyn Shapes,
        whose: At<'_>,
        window: VolumeWindow,
    ) -> bool {
        let prev = std::mem::replace(&mut self.seq, whose.position.seq);
        let is_short = self.series.len() <= MOST_POINTS;
        let lines = if is_short {
            let until = self.series.until();
            let points = self.series.take_untold();
            shapes.volume_update(whose, prev, window, until, &points)
        } else {
            vec![shapes.error(
                &RequestId::default(),
                Some(whose.keyword),
                ErrorCode::BadRequest,
                &format!(
                    "the volume from {} has grown past {MOST_POINTS} points and is not followed any more; subscribe again with a later from or a longer step",
                    window.from.unwrap_or_default()
                ),
            )]
        };
        let seq = whose.position.seq;
        // An error moves no chain.
        let prev = if is_short { prev } else { seq };
        let lines = lines.into();
        feed.push(&Topic::Volume(window), Update { prev, seq, lines });
        is_short
    }
}
