//! The read side of the store. Queries read rows of one version, without the mailbox of an actor.
//!
//! In: the stores to show, and queries on a keyword. Out: an [`Answer`] with the position and the
//! epoch of its rows.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::sync::watch;

use super::shown::{Shown, ShownShard};
use super::{Epoch, Store, StoreError, SwapError};
use crate::events::{Keyword, Sequence, ShardId};
use crate::projections::{KeywordSummary, Meter, MeteredRows, Rows, RowsError};

/// Maximum number of attempts of a query on the present rows, while its keyword keeps changing.
/// After them it reads a snapshot: puts go on, and the next commit waits for the query.
const TRIES: usize = 2;

/// The views that readers see: a store for each shard. A clone is cheap. All clones show the same
/// stores, and a store is replaced for all of them.
#[derive(Debug, Clone, Default)]
pub struct Views {
    current: Arc<ArcSwapOption<Shown>>,
    /// Set in a [pinned](Views::pinned) handle: the stores that it reads.
    pinned: Option<Arc<Shown>>,
    /// Number of reads that met damage.
    damage: Arc<watch::Sender<u64>>,
    /// Number of calls of [`Views::show`] and [`Views::swap_shard`].
    shown: Arc<watch::Sender<u64>>,
    /// Counts the bytes that are read through this handle, and can end a query.
    meter: Option<Meter>,
}

/// The result of a query, with the position and the epoch of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The result.
    pub value: T,
    /// The epoch of the rows.
    pub epoch: Epoch,
    /// The sequence of the last record of the keyword that is included.
    pub as_of: Sequence,
}

impl Views {
    /// Shows all shards of a store to readers.
    pub fn show(&self, store: &Arc<Store>) {
        self.current.store(Some(Arc::new(Shown::all_of(store))));
        self.note_shown();
    }

    /// Shows one shard of a store instead of the shown one, for a rebuild of the views of a
    /// running server; only tests call it at present.
    ///
    /// The store has to have the shown number of shards, the shown epoch, and a checkpoint of the
    /// shard that is not below the shown one. No lagging keyword of the shard may be behind its
    /// shown position. The caller lets no rows be put in the shown shard meanwhile.
    ///
    /// # Errors
    /// [`SwapError`], which names the condition that is not met; the shown stores then stay.
    pub fn swap_shard(&self, shard: ShardId, store: &Arc<Store>) -> Result<(), SwapError> {
        loop {
            let current = self.current.load_full().ok_or(SwapError::Hidden)?;
            let next = Arc::new(current.with_shard(shard, store)?);
            let before = self.current.compare_and_swap(&current, Some(next));
            // If the shown views are no longer `current`, others were shown or hidden meanwhile.
            if before
                .as_ref()
                .is_some_and(|before| Arc::ptr_eq(before, &current))
            {
                self.note_shown();
                return Ok(());
            }
        }
    }

    fn note_shown(&self) {
        self.shown
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Returns a handle that goes on reading the stores that are shown now, so that answers about
    /// several keywords do not mix stores. Its queries fail with [`StoreError::Absent`] while no
    /// views are shown.
    ///
    /// # Errors
    /// [`StoreError::Absent`].
    pub fn pinned(&self) -> Result<Self, StoreError> {
        Ok(Self {
            pinned: Some(self.stores()?),
            ..self.clone()
        })
    }

    /// Returns another handle on the same views. `meter` counts the bytes that are read through
    /// that handle, and can end a query.
    #[must_use]
    pub fn metered(&self, meter: Meter) -> Self {
        Self {
            meter: Some(meter),
            ..self.clone()
        }
    }

    /// A receiver that changes whenever a store is shown, also for one shard.
    pub fn shown(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    /// Hides all shards. Queries fail with [`StoreError::Absent`] until a store is shown.
    pub fn hide(&self) {
        self.current.store(None);
    }

    /// The stores that this handle reads.
    pub(super) fn stores(&self) -> Result<Arc<Shown>, StoreError> {
        let current = self.current.load_full().ok_or(StoreError::Absent)?;
        Ok(self.pinned.clone().unwrap_or(current))
    }

    /// A receiver that changes whenever a read meets damage.
    pub fn damage(&self) -> watch::Receiver<u64> {
        self.damage.subscribe()
    }

    /// Returns a result of `shard` unchanged, and counts damage if the shard is still shown.
    pub(super) fn noticing_damage<T>(
        &self,
        shard: &ShownShard,
        answer: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let is_shown = || {
            let shown = self.current.load();
            shown.as_ref().is_some_and(|shown| shown.shows(shard))
        };
        if answer.as_ref().is_err_and(StoreError::is_damage) && is_shown() {
            self.damage
                .send_modify(|count| *count = count.wrapping_add(1));
        }
        answer
    }

    /// The epoch of the answers.
    ///
    /// # Errors
    /// [`StoreError::Absent`].
    pub fn epoch(&self) -> Result<Epoch, StoreError> {
        Ok(self.stores()?.epoch())
    }

    /// The summary of a keyword; `None` when it never existed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn summary(&self, keyword: &Keyword) -> Result<Option<KeywordSummary>, StoreError> {
        let stores = self.stores()?;
        let shard = stores.shard_of(keyword)?;
        let read = || {
            let row = shard.rows.of(keyword).get(&KeywordSummary::key())?;
            Ok(row.map(|row| KeywordSummary::decode(&row)).transpose()?)
        };
        self.noticing_damage(shard, read())
    }

    /// Every keyword that ever existed, in keyword order. Untracked keywords are included.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn summaries(&self) -> Result<Vec<(Keyword, KeywordSummary)>, StoreError> {
        let mut summaries = self.keywords_with(|_, summary| Some(summary))?;
        summaries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(summaries)
    }

    /// Calls `pick` with the summary of every keyword that ever existed, and returns the keywords
    /// with the values. Leaves out keywords for which `pick` returns `None`. The order is
    /// arbitrary.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keywords_with<T>(
        &self,
        mut pick: impl FnMut(&Keyword, KeywordSummary) -> Option<T>,
    ) -> Result<Vec<(Keyword, T)>, StoreError> {
        let mut picked = Vec::new();
        for shard in self.stores()?.shards() {
            self.for_each_summary(shard, |keyword, summary| {
                if let Some(value) = pick(&keyword, summary) {
                    picked.push((keyword, value));
                }
            })?;
        }
        Ok(picked)
    }

    /// The summaries of one shard.
    pub(super) fn summaries_of(
        &self,
        shard: &ShownShard,
    ) -> Result<Vec<(Keyword, KeywordSummary)>, StoreError> {
        let mut summaries = Vec::new();
        self.for_each_summary(shard, |keyword, summary| {
            summaries.push((keyword, summary));
        })?;
        Ok(summaries)
    }

    fn for_each_summary(
        &self,
        shard: &ShownShard,
        mut visit: impl FnMut(Keyword, KeywordSummary),
    ) -> Result<(), StoreError> {
        let read = shard.rows.for_each_summary(|keyword, row| {
            self.look(row.len())?;
            visit(keyword, KeywordSummary::decode(row)?);
            Ok(())
        });
        self.noticing_damage(shard, read)
    }

    /// Runs a query on one keyword, on one version of its rows; `None` when the keyword never
    /// existed. The query can run more than once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read<T>(
        &self,
        keyword: &Keyword,
        query: impl FnMut(&KeywordSummary, &dyn Rows) -> Result<T, RowsError>,
    ) -> Result<Option<Answer<T>>, StoreError> {
        let stores = self.stores()?;
        let shard = stores.shard_of(keyword)?;
        let meter = self.meter.as_ref();
        self.noticing_damage(shard, read_in(shard, keyword, meter, query))
    }

    /// Adds up over the backgrounds of all shards, beginning with the value `start`. `add` gets the
    /// records of runs and the rows of the map, in one version for each shard. `add` may be called
    /// more than once for a shard; only the last result counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn over_backgrounds<T: Clone>(
        &self,
        start: T,
        mut add: impl FnMut(&mut T, &[Bytes], &dyn Rows) -> Result<(), RowsError>,
    ) -> Result<T, StoreError> {
        let mut sum = start;
        for shard in self.stores()?.shards() {
            let added = shard.rows.read_background(|runs, rows| {
                let mut sum = sum.clone();
                match &self.meter {
                    Some(meter) => add(&mut sum, runs, &MeteredRows::new(rows, meter))?,
                    None => add(&mut sum, runs, rows)?,
                }
                Ok(sum)
            });
            sum = self.noticing_damage(shard, added)?;
        }
        Ok(sum)
    }

    /// A number that differs from an earlier one of the same store when a background has changed
    /// since then.
    ///
    /// # Errors
    /// [`StoreError::Absent`].
    pub fn background_changes(&self) -> Result<u64, StoreError> {
        let stores = self.stores()?;
        let changes = stores
            .shards()
            .iter()
            .map(|shard| shard.rows.background_changes());
        Ok(changes.sum())
    }

    fn look(&self, bytes: usize) -> Result<(), RowsError> {
        self.meter
            .as_ref()
            .map_or(Ok(()), |meter| meter.look(bytes))
    }

    /// The number of records whose token names no keyword.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unaddressed(&self) -> Result<u64, StoreError> {
        let mut sum = 0_u64;
        for shard in self.stores()?.shards() {
            sum = sum.saturating_add(self.noticing_damage(shard, shard.rows.unaddressed())?);
        }
        Ok(sum)
    }
}

fn read_in<T>(
    shard: &ShownShard,
    keyword: &Keyword,
    meter: Option<&Meter>,
    mut query: impl FnMut(&KeywordSummary, &dyn Rows) -> Result<T, RowsError>,
) -> Result<Option<Answer<T>>, StoreError> {
    let mut query = |summary: &KeywordSummary, rows: &dyn Rows| match meter {
        Some(meter) => query(summary, &MeteredRows::new(rows, meter)),
        None => query(summary, rows),
    };
    let answer = |summary: &KeywordSummary, value| Answer {
        value,
        epoch: shard.store.epoch(),
        as_of: summary.as_of,
    };
    // Every fold of a keyword rewrites its summary with a later position. So an unchanged summary
    // means that no other row has changed.
    // The rows take their ticket for kept results before the summary is read, because results may
    // depend on the summary.
    let mut rows = shard.rows.of(keyword);
    let mut before = rows.get(&KeywordSummary::key())?;
    for _ in 0..TRIES {
        let Some(row) = &before else {
            return Ok(None);
        };
        let summary = KeywordSummary::decode(row)?;
        let value = query(&summary, &rows);
        if let Err(RowsError::Abandoned) = value {
            return Err(RowsError::Abandoned.into());
        }
        let next = shard.rows.of(keyword);
        let after = next.get(&KeywordSummary::key())?;
        if before == after {
            return Ok(Some(answer(&summary, value?)));
        }
        (rows, before) = (next, after);
    }
    let snapshot = shard.rows.snapshot(keyword);
    let rows = snapshot.rows();
    let Some(row) = rows.get(&KeywordSummary::key())? else {
        return Ok(None);
    };
    let summary = KeywordSummary::decode(&row)?;
    let value = query(&summary, &rows)?;
    Ok(Some(answer(&summary, value)))
}
