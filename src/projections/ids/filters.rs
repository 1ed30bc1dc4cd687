//! The filters of one keyword's ids without the ids: a yes may be wrong, a no never is.

use super::filter::Filter;
use super::{Ids, run::Run};
use crate::projections::ids::entry::{Entry, IdHash};

/// Bits for each of the newest ids.
const RECENT_BITS: usize = 16;

/// What most likely was seen, deleted ids too. Takes 2 bytes an id, and at least 64.
#[derive(Debug)]
pub struct IdFilters {
    recent: Filter,
    runs: Box<[Filter]>,
}

impl IdFilters {
    /// False when the id was not seen for sure.
    pub fn may_hold(&self, hash: IdHash) -> bool {
        self.recent.may_hold(hash) || self.runs.iter().any(|run| run.may_hold(hash))
    }
}

impl From<Ids> for IdFilters {
    fn from(ids: Ids) -> Self {
        Self {
            recent: Filter::new(ids.recent.iter().map(Entry::hash), RECENT_BITS),
            runs: ids
                .levels
                .into_iter()
                .flatten()
                .map(Run::into_filter)
                .collect(),
        }
    }
}
