//! The read side of the store. Queries read rows of one version, without the mailbox of an actor.
//!
//! In: the store to show, and queries on a keyword. Out: an [`Answer`] with the position and the
//! epoch of its rows.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::{Epoch, ShardRows, Store, StoreError};
use crate::events::{Keyword, Sequence};
use crate::projections::{KeywordSummary, Meter, MeteredRows, Rows, RowsError};

/// Maximum number of attempts of a query while its keyword keeps changing. The last attempt holds
/// the lock, so puts wait for it.
const TRIES: usize = 5;

/// The views that readers see. A clone is cheap. All clones show the same store, and a damaged
/// store is replaced for all of them.
#[derive(Debug, Clone, Default)]
pub struct Views {
    current: Arc<ArcSwapOption<Store>>,
    /// Number of reads that met damage.
    damage: Arc<watch::Sender<u64>>,
    /// Number of calls of [`Views::show`].
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
    /// Shows a store to readers.
    pub fn show(&self, store: Arc<Store>) {
        self.current.store(Some(store));
        self.shown
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Returns another handle on the same views. `meter` counts what is read through it, and can
    /// end a query.
    #[must_use]
    pub fn metered(&self, meter: Meter) -> Self {
        Self {
            meter: Some(meter),
            ..self.clone()
        }
    }

    /// A receiver that changes whenever a store is shown.
    pub fn shown(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    /// Hides the store. Queries fail with [`StoreError::Absent`] until a store is shown.
    pub fn hide(&self) {
        self.current.store(None);
    }

    /// The current store.
    ///
    /// # Errors
    /// [`StoreError::Absent`].
    pub fn store(&self) -> Result<Arc<Store>, StoreError> {
        self.current.load_full().ok_or(StoreError::Absent)
    }

    /// A receiver that changes whenever a read meets damage.
    pub fn damage(&self) -> watch::Receiver<u64> {
        self.damage.subscribe()
    }

    /// Returns a result of `store` unchanged, and counts damage if the store is still the current
    /// one.
    pub(super) fn noticing_damage<T>(
        &self,
        store: &Arc<Store>,
        answer: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let shown = || self.store().is_ok_and(|shown| Arc::ptr_eq(&shown, store));
        if answer.as_ref().is_err_and(StoreError::is_damage) && shown() {
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
        Ok(self.store()?.epoch())
    }

    /// The summary of a keyword; `None` when it never existed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn summary(&self, keyword: &Keyword) -> Result<Option<KeywordSummary>, StoreError> {
        let store = self.store()?;
        let read = || {
            let row = store
                .rows_of(keyword)?
                .of(keyword)
                .get(&KeywordSummary::key())?;
            Ok(row.map(|row| KeywordSummary::decode(&row)).transpose()?)
        };
        self.noticing_damage(&store, read())
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
        let store = self.store()?;
        for shard in store.shards() {
            self.for_each_summary(&store, shard, |keyword, summary| {
                if let Some(value) = pick(&keyword, summary) {
                    picked.push((keyword, value));
                }
            })?;
        }
        Ok(picked)
    }

    /// The summaries of one shard of a store.
    pub(super) fn summaries_of(
        &self,
        store: &Arc<Store>,
        shard: &ShardRows,
    ) -> Result<Vec<(Keyword, KeywordSummary)>, StoreError> {
        let mut summaries = Vec::new();
        self.for_each_summary(store, shard, |keyword, summary| {
            summaries.push((keyword, summary));
        })?;
        Ok(summaries)
    }

    fn for_each_summary(
        &self,
        store: &Arc<Store>,
        shard: &ShardRows,
        mut visit: impl FnMut(Keyword, KeywordSummary),
    ) -> Result<(), StoreError> {
        let read = shard.for_each_summary(|keyword, row| {
            self.look(row.len())?;
            visit(keyword, KeywordSummary::decode(row)?);
            Ok(())
        });
        self.noticing_damage(store, read)
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
        let store = self.store()?;
        let meter = self.meter.as_ref();
        self.noticing_damage(&store, read_in(&store, keyword, meter, query))
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
        let store = self.store()?;
        for shard in store.shards() {
            sum = sum.saturating_add(self.noticing_damage(&store, shard.unaddressed())?);
        }
        Ok(sum)
    }
}

fn read_in<T>(
    store: &Store,
    keyword: &Keyword,
    meter: Option<&Meter>,
    mut query: impl FnMut(&KeywordSummary, &dyn Rows) -> Result<T, RowsError>,
) -> Result<Option<Answer<T>>, StoreError> {
    let shard = store.rows_of(keyword)?;
    let mut query = |summary: &KeywordSummary, rows: &dyn Rows| match meter {
        Some(meter) => query(summary, &MeteredRows::new(rows, meter)),
        None => query(summary, rows),
    };
    let answer = |summary: &KeywordSummary, value| Answer {
        value,
        epoch: store.epoch(),
        as_of: summary.as_of,
    };
    // Every fold of a keyword rewrites its summary with a later position. So an unchanged summary
    // means that no other row has changed.
    let rows = shard.of(keyword);
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
        let after = rows.get(&KeywordSummary::key())?;
        if before == after {
            return Ok(Some(answer(&summary, value?)));
        }
        before = after;
    }
    let memtables = shard.reading();
    let rows = shard.held(keyword, &memtables);
    let Some(row) = rows.get(&KeywordSummary::key())? else {
        return Ok(None);
    };
    let summary = KeywordSummary::decode(&row)?;
    let value = query(&summary, &rows)?;
    Ok(Some(answer(&summary, value)))
}
