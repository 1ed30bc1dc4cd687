//! Reads the index from the rows of the keywords.

use super::known::{Found, Known};
use crate::events::Keyword;
use crate::projections::KeywordSummary;
use crate::projections::ids::{self, IdState};
use crate::store::shown::Shown;
use crate::store::{StoreError, Views};

impl Known {
    /// Builds the index from the rows of all keywords.
    pub(super) fn read(
        views: &Views,
        stores: &Shown,
        max_indexed: u64,
    ) -> Result<Self, StoreError> {
        let mut known = Self::empty(stores);
        let mut sizes = Vec::new();
        for shard in stores.shards() {
            // The put log is watched before the rows are read, so keywords that are put meanwhile
            // are read again.
            shard.rows.put_log().watch();
            let summaries = views.summaries_of(shard)?.into_iter();
            let tracked = summaries.filter(|(_, summary)| summary.tracked);
            sizes.extend(tracked.map(|(keyword, summary)| {
                let size = ids::at_most(&summary.id_runs);
                (size, keyword, summary.id_runs.is_empty())
            }));
        }
        // Keywords with the fewest ids come first, so that as many keywords as possible are in the
        // index.
        sizes.sort_unstable();
        let mut room = max_indexed;
        for (size, keyword, has_no_runs) in sizes {
            match room.checked_sub(size) {
                Some(rest) if has_no_runs => {
                    room = rest;
                    // All ids of this keyword are in one row. They are read below, together with
                    // those of its neighbours.
                    let (runs, ids) = (Vec::new(), Vec::new());
                    known.add(keyword, Found::Tracked { runs, ids });
                }
                Some(rest) => {
                    room = rest;
                    let found = find(views, &keyword, &[])?;
                    known.add(keyword, found);
                }
                None => {
                    room = 0;
                    // The first query reads the filters of the keyword.
                    known.large.insert(keyword, Default::default());
                }
            }
        }
        for shard in stores.shards() {
            let rows = &shard.rows;
            let read = rows.for_each_recent_ids(|keyword, row| known.add_recent(&keyword, row));
            views.noticing_damage(shard, read)?;
        }
        known.index.sort();
        // Rows that were put between the two reads may have been merged.
        known.refresh(views, stores)?;
        Ok(known)
    }

    /// Reads the keywords that were put since the last call.
    pub(super) fn refresh(&mut self, views: &Views, stores: &Shown) -> Result<(), StoreError> {
        for shard in stores.shards() {
            for (keyword, was_cleared) in shard.rows.put_log().take() {
                if was_cleared {
                    self.forget(&keyword);
                }
                if self.large.contains_key(&keyword) {
                    continue;
                }
                match find(views, &keyword, self.runs_of(&keyword))? {
                    Found::Untracked => self.forget(&keyword),
                    Found::Tracked { runs, ids } => self.start_indexing(keyword, runs, &ids),
                }
            }
        }
        Ok(())
    }
}

/// Reads the ids of a keyword outside the `seen` runs, from one version of its rows.
fn find(views: &Views, keyword: &Keyword, seen: &[u8]) -> Result<Found, StoreError> {
    let found = views.read(keyword, |summary: &KeywordSummary, rows| {
        if !summary.tracked {
            return Ok(Found::Untracked);
        }
        let mut ids = Vec::new();
        ids::visit(rows, &summary.id_runs, seen, |id, state| {
            ids.push((id, state == IdState::Deleted));
        })?;
        let runs = summary.id_runs.clone();
        Ok(Found::Tracked { runs, ids })
    })?;
    Ok(found.map_or(Found::Untracked, |found| found.value))
}
