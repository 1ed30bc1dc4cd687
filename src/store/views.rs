//! The read side: queries on rows of one version, without going through an actor's mailbox.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::{Epoch, ShardRows, Store, StoreError};
use crate::events::{Keyword, Sequence};
use crate::projections::{KeywordSummary, Meter, MeteredRows, Rows, RowsError};

/// How often a query is tried while its keyword keeps changing. The last try holds the lock, so
/// that puts wait for it.
const TRIES: usize = 5;

/// The views that readers see; cheap to clone. All clones show the same store, and a damaged store
/// is replaced by a new one behind them.
#[derive(Debug, Clone, Default)]
pub struct Views {
    current: Arc<ArcSwapOption<Store>>,
    /// Counts the reads that met damage.
    damage: Arc<watch::Sender<u64>>,
    /// Counts the calls of [`Views::show`].
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
    /// The last record of the keyword that was taken into account.
    pub as_of: Sequence,
}

impl Views {
    /// Shows a store to readers.
    pub fn show(&self, store: Arc<Store>) {
        self.current.store(Some(store));
        self.shown
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The same views; `meter` counts what is read through the new handle, and can end a query.
    #[must_use]
    pub fn metered(&self, meter: Meter) -> Self {
        Self {
            meter: Some(meter),
            ..self.clone()
        }
    }

    /// Changes whenever a store is shown.
    pub fn shown(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    /// Hides the store: queries fail with [`StoreError::Absent`] until the next one is shown.
    pub fn hide(&self) {
        self.current.store(None);
    }

    /// The store that is shown.
    ///
    /// # Errors
    /// [`StoreError::Absent`].
    pub fn store(&self) -> Result<Arc<Store>, StoreError> {
        self.current.load_full().ok_or(StoreError::Absent)
    }

    /// Changes whenever a reader meets damage.
    pub fn damage(&self) -> watch::Receiver<u64> {
        self.damage.subscribe()
    }

    /// Passes a result of `store` on, and counts damage if the store is still shown.
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

    /// Every keyword that ever existed, in keyword order, also those not tracked any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn summaries(&self) -> Result<Vec<(Keyword, KeywordSummary)>, StoreError> {
        let mut summaries = self.keywords_with(|_, summary| Some(summary))?;
        summaries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(summaries)
    }

    /// Every keyword that ever existed, with the value that `pick` returns for its summary; without
    /// those for which it returns `None`. In no order.
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

    /// Runs a query on one keyword under one version of its rows; `None` when it never existed.
    /// The query may run more than once.
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

    /// How many records came whose token names no keyword.
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
    // Every fold of a keyword rewrites its summary with a later position, so an unchanged summary
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
