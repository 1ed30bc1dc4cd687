//! The rows of one shard: memtables over one sled tree.
//!
//! A put changes the memtable, and readers see it at once. A commit writes all rows put since the
//! last commit, together with the checkpoint, as one sled batch. Meanwhile new rows go to the next
//! memtable. A row that changes a thousand times between two commits is written once. Rows that are
//! lost in a crash are folded again from the checkpoint.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::database::{Database, KeptOpen};
use super::memtable::Memtables;
use super::put_log::PutLog;
use super::result_cache::{Owner, ResultCache, Ticket};
use super::{CheckpointRow, KeywordRows, StoreError, layout};
use crate::events::{Keyword, Sequence, binary};
use crate::projections::{FoldContext, RowChanges, ids};

mod background;
mod commit;
mod reads;
mod snapshot;
mod stored_runs;
mod time_index;

pub use commit::CommitFigures;
pub use time_index::TimeIndex;

/// The rows of one shard.
#[derive(Debug)]
pub struct ShardRows {
    database: Arc<Database>,
    /// The index of the tree in the database.
    index: usize,
    /// The fold that makes the rows.
    context: FoldContext,
    memtables: RwLock<Memtables>,
    /// Write-locked while a commit writes to sled, read-locked by snapshots.
    sled_writes: RwLock<()>,
    put_log: PutLog,
    /// Results of queries about the keywords of all shards of the store.
    results: Arc<ResultCache>,
    /// Held while the tracked log is read, changed and put.
    tracked_log_lock: Mutex<()>,
    /// Held while the background is merged.
    background_lock: Mutex<()>,
}

impl ShardRows {
    fn new(
        database: Arc<Database>,
        index: usize,
        context: FoldContext,
        results: Arc<ResultCache>,
    ) -> Self {
        Self {
            database,
            index,
            context,
            memtables: RwLock::default(),
            sled_writes: RwLock::default(),
            put_log: PutLog::default(),
            results,
            tracked_log_lock: Mutex::default(),
            background_lock: Mutex::default(),
        }
    }

    /// The rows of a shard, for a fold that continues them.
    ///
    /// # Errors
    /// [`StoreError`] when the runs of the background cannot be read.
    pub(super) fn open(
        database: Arc<Database>,
        index: usize,
        context: FoldContext,
        results: Arc<ResultCache>,
    ) -> Result<Self, StoreError> {
        let rows = Self::new(database, index, context, results);
        rows.load_stored_runs()?;
        Ok(rows)
    }

    /// The committed rows of the same shard, made in this context.
    pub(super) fn in_context(&self, context: FoldContext, results: &Arc<ResultCache>) -> Self {
        let database = Arc::clone(&self.database);
        let rows = Self::new(database, self.index, context, Arc::clone(results));
        rows.writing().stored_runs = self.reading().stored_runs;
        rows
    }

    /// The results of queries about the keywords of the store.
    pub(super) fn results(&self) -> &ResultCache {
        &self.results
    }

    /// The owner of the results over the background of the shard.
    pub(super) const fn background_owner(&self) -> Owner {
        Owner::Background(self.index)
    }

    /// The fold that makes the rows.
    pub(super) const fn context(&self) -> &FoldContext {
        &self.context
    }

    pub(super) fn reading(&self) -> RwLockReadGuard<'_, Memtables> {
        self.memtables.read()
    }

    pub(super) fn writing(&self) -> RwLockWriteGuard<'_, Memtables> {
        self.memtables.write()
    }

    /// Locks the tracked log, from reading its rows to putting the changed ones.
    pub(super) fn lock_tracked_log(&self) -> MutexGuard<'_, ()> {
        self.tracked_log_lock.lock()
    }

    /// The rows of one keyword. Each call reads their current state.
    pub fn of(&self, keyword: &Keyword) -> KeywordRows<'_> {
        KeywordRows::new(self, keyword, None)
    }

    /// The rows of one keyword, with memtables that do not change.
    fn held<'a>(
        &'a self,
        keyword: &Keyword,
        memtables: &'a Memtables,
        ticket: Ticket,
    ) -> KeywordRows<'a> {
        KeywordRows::new(self, keyword, Some((memtables, ticket)))
    }

    /// Puts all changed rows of a keyword, and the change of the background. Readers see all of
    /// them or none.
    ///
    /// # Errors
    /// [`StoreError`] when the rows to remove, the background or the tracked log cannot be read.
    pub fn put(&self, keyword: &Keyword, changes: RowChanges) -> Result<(), StoreError> {
        let ids_changed =
            changes.cleared || changes.rows.iter().any(|(row, _)| ids::is_of_ids(row));
        let mut gone = Vec::new();
        let mut removal = None;
        if changes.cleared {
            removal = self.remove_from_background(keyword, changes.contribution.changed_at())?;
            for prefix in layout::all_of(keyword) {
                gone.extend(self.keys_of(&prefix)?);
            }
        }
        let mut named: Vec<_> = changes
            .rows
            .into_iter()
            .map(|(row, value)| (layout::key(keyword, &row), value))
            .collect();
        let mut lock = None;
        if let Some(tracking) = changes.tracking {
            lock = Some(self.lock_tracked_log());
            named.extend(self.log_with(layout::TRACKED_LOG, &[(keyword.clone(), tracking)])?);
        }
        let mut memtables = self.writing();
        if let Some(removal) = removal {
            removal.put(&mut memtables, self);
        }
        for key in gone {
            memtables.pending.insert(key, None);
        }
        memtables.pending.extend(named);
        memtables.add_run(changes.contribution);
        let owner = Owner::Keyword(keyword.clone());
        self.results.put(&owner, changes.touched);
        drop(memtables);
        drop(lock);
        if ids_changed {
            self.put_log.note(keyword, changes.cleared);
        }
        Ok(())
    }

    /// The log of keywords whose tweet ids were put.
    pub(super) const fn put_log(&self) -> &PutLog {
        &self.put_log
    }

    /// Whether a commit would change rows: some rows are not frozen for a commit yet, or stored
    /// runs have records of lost tweets.
    pub fn has_pending(&self) -> bool {
        let memtables = self.reading();
        !memtables.pending.is_empty() || memtables.stored_runs.has_losses
    }

    /// Whether rows were put that no completed commit has written.
    pub(super) fn has_uncommitted(&self) -> bool {
        let memtables = self.reading();
        !memtables.pending.is_empty() || memtables.committing.is_some()
    }

    /// The number of records whose token names no keyword.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unaddressed(&self) -> Result<u64, StoreError> {
        Ok(self.unaddressed_through()?.0)
    }

    /// The number of records whose token names no keyword, and the position through which they were
    /// counted.
    fn unaddressed_through(&self) -> Result<(u64, Sequence), StoreError> {
        let Some(row) = self.get(layout::UNADDRESSED, None)? else {
            return Ok((0, Sequence::ZERO));
        };
        let (count, through) = binary::decode_value(&row).map_err(StoreError::Row)?;
        Ok((count, through))
    }

    /// Adds to the number of records whose token names no keyword. `through` is the position of the
    /// last of them. Records up to the stored position are not counted again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count_unaddressed(&self, more: u64, through: Sequence) -> Result<(), StoreError> {
        if more == 0 {
            return Ok(());
        }
        let (count, counted) = self.unaddressed_through()?;
        if through > counted {
            let mut row = Vec::new();
            binary::encode_value(&(count.saturating_add(more), through), &mut row)
                .map_err(StoreError::Row)?;
            self.writing()
                .pending
                .insert(layout::UNADDRESSED.to_vec(), Some(row.into()));
        }
        Ok(())
    }

    /// The checkpoint of the last commit; `None` before the first.
    ///
    /// # Errors
    /// [`StoreError`]; rows without a checkpoint are [`StoreError::Inconsistent`].
    pub fn record(&self) -> Result<Option<CheckpointRow>, StoreError> {
        match self.get(layout::SHARD, None)? {
            Some(row) => CheckpointRow::decode(&row).map(Some),
            None if self.read("read a shard", |tree| Ok(tree.is_empty()))? => Ok(None),
            None => Err(StoreError::Inconsistent(
                "a shard has rows but no checkpoint".into(),
            )),
        }
    }

    /// Calls `visit` with the summary row of every keyword of this shard.
    ///
    /// # Errors
    /// [`StoreError`], or the error of `visit`.
    pub fn for_each_summary(
        &self,
        visit: impl FnMut(Keyword, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.for_each_keyword(layout::ALL_SUMMARIES, visit)
    }

    /// Calls `visit` with the row of newest tweet ids of every keyword of this shard.
    ///
    /// # Errors
    /// [`StoreError`], or the error of `visit`.
    pub(super) fn for_each_recent_ids(
        &self,
        visit: impl FnMut(Keyword, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.for_each_keyword(layout::ALL_RECENT_IDS, visit)
    }

    /// Calls `visit` with every row of a kind that has at most one row per keyword.
    pub(super) fn for_each_keyword(
        &self,
        kind: &[u8],
        mut visit: impl FnMut(Keyword, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.scan(kind, |key, row| visit(keyword_of(key)?, row))
    }

    /// Keeps the database open for a fold.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] while the database is being opened again after a failed write, and
    /// if that failed.
    pub fn keep_open(&self) -> Result<KeptOpen, StoreError> {
        self.database.keep_open()
    }

    fn read<T>(
        &self,
        action: &'static str,
        read: impl FnOnce(&sled::Tree) -> Result<T, sled::Error>,
    ) -> Result<T, StoreError> {
        self.database.read(self.index, action, read)
    }
}

fn keyword_of(key: &[u8]) -> Result<Keyword, StoreError> {
    layout::keyword_of(key)
        .ok_or_else(|| StoreError::Inconsistent(format!("a row has the key {key:02x?}")))
}
