//! The costs of reading the counts of keys, for the choice between whole days and hours.

use std::ops::Range;

use super::bucket::Width;
use super::buckets::Buckets;
use super::counts::KeyCounts;
use super::window_parts::Costs;
use crate::projections::KeptResult;
use crate::projections::rows::RowsError;

/// Costs in keys: the time to read a bucket grows with the number of its keys. Kept costs may be
/// older than the last merge of pending tweets, which changes how many keys the map has. A day that
/// had room for all of its keys still has it while no tweet of it was added.
pub(super) struct KeyCosts<'c>(pub(super) &'c KeyCounts<'c>);

/// The cost of a day; `None` if the day may differ from the sum of its hours.
struct DayCost(Option<u64>);

/// The cost of consecutive hours.
struct HoursCost(u64);

impl KeptResult for DayCost {
    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl KeptResult for HoursCost {
    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Costs for KeyCosts<'_> {
    fn of_day(&mut self, day: u32) -> Result<Option<u64>, RowsError> {
        let Self(counts) = self;
        let buckets = Buckets {
            width: Width::Day,
            numbers: day..day.saturating_add(1),
        };
        let cost = counts.kept(&buckets, || {
            let new = counts.pending()?.distinct_in(&buckets);
            let new = new.first().map_or(0, |(_, new)| *new);
            let state = counts.state(Width::Day, day)?;
            Ok(DayCost(state.has_room_for(new).then_some(state.keys)))
        })?;
        Ok(cost.0)
    }

    fn of_hours(&mut self, hours: &Range<u32>) -> Result<u64, RowsError> {
        let Self(counts) = self;
        let buckets = Buckets {
            width: Width::Hour,
            numbers: hours.clone(),
        };
        let cost = counts.kept(&buckets, || {
            let sum = hours.clone().try_fold(0_u64, |sum, hour| {
                let state = counts.state(Width::Hour, hour)?;
                Ok::<_, RowsError>(sum.saturating_add(state.keys))
            });
            Ok(HoursCost(sum?))
        })?;
        Ok(cost.0)
    }
}
