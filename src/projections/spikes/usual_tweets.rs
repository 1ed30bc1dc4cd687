//! The usual tweets of a spike: the earlier tweets that its own are compared with.

use std::ops::Range;

use super::query::Spike;
use crate::events::Timestamp;
use crate::projections::volume::{Step, points};
use crate::projections::{Rows, RowsError};

/// Number of earlier days with which a spike is compared. A spike longer than a day is compared
/// with as many earlier stretches, each as long as the spike in whole days.
const EARLIER_DAYS: i64 = 7;
/// Minimum number of usual tweets in the same hours. With fewer, all hours of these days are
/// compared.
const MIN_USUAL_TWEETS: u64 = 200;

/// The usual tweets of a spike, with which its own are compared.
pub(super) struct UsualTweets {
    /// The times of the usual tweets, in whole hours.
    pub(super) spans: Vec<Range<Timestamp>>,
    pub(super) count: u64,
}

impl UsualTweets {
    /// The length of a spike in whole days, in milliseconds.
    const fn stretch_of(spike: &Spike) -> i64 {
        let length = spike.end.millis().saturating_sub(spike.start.millis());
        Timestamp::from_millis(length)
            .ceil_to(Timestamp::DAY)
            .millis()
    }

    /// The span of the [`EARLIER_DAYS`] before a spike.
    pub(super) fn span_before(spike: &Spike) -> Range<Timestamp> {
        let stretches = EARLIER_DAYS.saturating_mul(Self::stretch_of(spike));
        spike.start.plus(-stretches)..spike.start
    }

    /// The usual tweets of the same hours on the [`EARLIER_DAYS`], or of all hours of these days.
    pub(super) fn before(rows: &dyn Rows, spike: &Spike) -> Result<Self, RowsError> {
        let all = Self::span_before(spike);
        let stretch = Self::stretch_of(spike);
        let earlier = |number: i64| -number.saturating_mul(stretch);
        let points = points(rows, all.start, all.end, Step::Hour, 0)?;
        let count_in = |span: &Range<Timestamp>| -> u64 {
            let inside = points.iter().filter(|point| span.contains(&point.at));
            inside.map(|point| point.count).sum()
        };
        let same_hours: Vec<_> = (1..=EARLIER_DAYS)
            .rev()
            .map(|number| spike.start.plus(earlier(number))..spike.end.plus(earlier(number)))
            .collect();
        let count = same_hours.iter().map(count_in).sum();
        Ok(if count < MIN_USUAL_TWEETS {
            Self {
                count: count_in(&all),
                spans: vec![all],
            }
        } else {
            Self {
                count,
                spans: same_hours,
            }
        })
    }
}
