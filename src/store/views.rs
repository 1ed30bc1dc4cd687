//! The read side: answers of one version, without going through a mailbox.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::{Epoch, ShardRows, Store, StoreError};
use crate::events::{Keyword, Sequence};
use crate::projections::{KeywordSummary, Meter, MeteredRows, Rows, RowsError};

/// How often a query is tried beside a keyword that keeps changing before it makes it wait.
const TRIES: usize = 5;

/// The views that readers see; cheap to clone. Behind it, a store that turned out to be damaged is
/// replaced by one that is made anew.
#[derive(Debug, Clone, Default)]
pub struct Views {
    current: Arc<RwLock<Option<Arc<Store>>>>,
    /// Counts the times that somebody met damage.
    damage: Arc<watch::Sender<u64>>,
    /// Counts the times that a store was shown.
    shown: Arc<watch::Sender<u64>>,
    /// Counts what is read through this handle, and can end the reading.
    meter: Option<Meter>,
}

/// What a query gave, and of when it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// The life of the views that it belongs to.
    pub epoch: Epoch,
    /// The last record of the keyword that was taken into account.
    pub as_of: Sequence,
}

impl Views {
    /// Lets readers see a store from now on.
    pub fn show(&self, store: Arc<Store>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(store);
        self.shown
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The same views; `meter` counts what is read through the new handle, and can end it.
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

    /// Takes the store from the readers; what they ask from now on is [`StoreError::Absent`].
    pub fn hide(&self) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The store that is shown.
    ///
    /// # Errors
    /// [`StoreError::Absent`].
    pub fn store(&self) -> Result<Arc<Store>, StoreError> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(StoreError::Absent)
    }

    /// Changes whenever a reader meets damage.
    pub fn damage(&self) -> watch::Receiver<u64> {
        self.damage.subscribe()
    }

    /// Passes an answer of `store` on. Damage of a store that is no longer shown is old news.
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

    /// Where a keyword stands; `None` when it never existed.
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

    /// Every keyword that ever existed, with what `pick` takes of its header; without those of
    /// which it takes nothing. In no order.
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

    /// The same for one shard of a store.
    pub(super) fn heads_of(
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
    // Every step of a keyword rewrites its header with a later position, so an unchanged
    // header means that nothing else has changed either.
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
