//! One shard's rows: a write-back layer over one sled tree.
//!
//! Rows are put in memory and seen at once. A commit writes all rows put since the last one,
//! together with the checkpoint, in one sled batch; meanwhile new rows are put beside it. A row
//! that changes a thousand times between two commits is written once. What is lost in a crash is
//! folded again from the checkpoint.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

use super::catch_panic::guarded;
use super::database::{Database, KeptOpen};
use super::memtable::{Memtables, RowMap};
use super::put_log::PutLog;
use super::{CheckpointRow, KeywordRows, StoreError, layout};
use crate::events::{Keyword, Sequence, binary};
use crate::projections::{PackRow, RowChanges, ids, row_formats};

/// Rows per sled batch when a shard is copied.
const COPIED_AT_A_TIME: usize = 1000;

/// A commit of fewer pages packs them by itself.
const WORTH_A_THREAD: usize = 16;

/// What a commit wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitFigures {
    /// Rows, removed ones too.
    pub rows: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// The rows of one shard.
#[derive(Debug)]
pub struct ShardRows {
    database: Arc<Database>,
    /// Which of the database's trees.
    index: usize,
    memtables: RwLock<Memtables>,
    put_log: PutLog,
    /// Held by the one who puts something new in the roll.
    writes_roll: Mutex<()>,
}

impl ShardRows {
    pub(super) fn new(database: Arc<Database>, index: usize) -> Self {
        Self {
            database,
            index,
            memtables: RwLock::default(),
            put_log: PutLog::default(),
            writes_roll: Mutex::default(),
        }
    }

    // A panic while the lock is held cannot leave a map half changed: the values are ready.
    pub(super) fn reading(&self) -> RwLockReadGuard<'_, Memtables> {
        self.memtables
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn writing(&self) -> RwLockWriteGuard<'_, Memtables> {
        self.memtables
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Held from reading the roll's rows until what they become is put.
    pub(super) fn lock_roll(&self) -> MutexGuard<'_, ()> {
        let lock = self.writes_roll.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of one keyword as they are at each call.
    pub fn of(&self, keyword: &Keyword) -> KeywordRows<'_> {
        KeywordRows::new(self, keyword, None)
    }

    /// The rows of one keyword under the memtables that the caller holds.
    pub(super) fn held<'a>(
        &'a self,
        keyword: &Keyword,
        memtables: &'a Memtables,
    ) -> KeywordRows<'a> {
        KeywordRows::new(self, keyword, Some(memtables))
    }

    /// Puts all changed rows of a keyword in one step.
    ///
    /// # Errors
    /// [`StoreError`] when the rows that are to go, or the roll, cannot be read.
    pub fn put(&self, keyword: &Keyword, changes: RowChanges) -> Result<(), StoreError> {
        let ids_changed =
            changes.cleared || changes.rows.iter().any(|(row, _)| ids::is_of_ids(row));
        let mut gone = Vec::new();
        if changes.cleared {
            for prefix in layout::all_of(keyword) {
                gone.extend(self.keys_of(&prefix)?);
            }
        }
        let mut named: Vec<_> = changes
            .rows
            .into_iter()
            .map(|(row, value)| (layout::key(keyword, &row), value))
            .collect();
        let mut writes_roll = None;
        if let Some(tracking) = changes.tracking {
            writes_roll = Some(self.lock_roll());
            named.extend(self.log_with(layout::TRACKED_LOG, &[(keyword.clone(), tracking)])?);
        }
        let mut memtables = self.writing();
        for key in gone {
            memtables.pending.insert(key, None);
        }
        memtables.pending.extend(named);
        drop(writes_roll);
        drop(memtables);
        if ids_changed {
            self.put_log.note(keyword, changes.cleared);
        }
        Ok(())
    }

    /// Of which keywords ids were put.
    pub(super) const fn put_log(&self) -> &PutLog {
        &self.put_log
    }

    /// Rows were put that no commit has set apart yet.
    pub fn has_pending(&self) -> bool {
        !self.reading().pending.is_empty()
    }

    /// How many records with invalid tokens came.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unaddressed(&self) -> Result<u64, StoreError> {
        Ok(self.unaddressed_through()?.0)
    }

    /// The count, and the position through which it was counted.
    fn unaddressed_through(&self) -> Result<(u64, Sequence), StoreError> {
        let Some(row) = self.get(layout::UNADDRESSED, None)? else {
            return Ok((0, Sequence::ZERO));
        };
        let (count, through) = binary::decode_value(&row).map_err(StoreError::Row)?;
        Ok((count, through))
    }

    /// Counts more records with invalid tokens, which were met up to a position; once, also when
    /// they are met again.
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
            None if self.read("look into a shard", |tree| Ok(tree.is_empty()))? => Ok(None),
            None => Err(StoreError::Inconsistent(
                "a shard has rows but no checkpoint".into(),
            )),
        }
    }

    /// Hands the header row of every keyword of this shard to `visit`.
    ///
    /// # Errors
    /// [`StoreError`], or what `visit` answers.
    pub fn for_each_summary(
        &self,
        visit: impl FnMut(Keyword, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.for_each_keyword(layout::ALL_SUMMARIES, visit)
    }

    /// Hands the row of newest ids of every keyword of this shard to `visit`.
    ///
    /// # Errors
    /// [`StoreError`], or what `visit` answers.
    pub(super) fn for_each_recent_ids(
        &self,
        visit: impl FnMut(Keyword, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.for_each_keyword(layout::ALL_RECENT_IDS, visit)
    }

    /// The same for any kind of row of which a keyword has one.
    pub(super) fn for_each_keyword(
        &self,
        kind: &[u8],
        mut visit: impl FnMut(Keyword, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.scan(kind, |key, row| visit(keyword_of(key)?, row))
    }

    /// Sets everything put so far apart for the next [`ShardRows::commit`]. The writer calls it
    /// at the position that the commit's record will name: what is put later is not in it.
    pub fn freeze(&self) {
        let mut memtables = self.writing();
        let newer = std::mem::take(&mut memtables.pending);
        let rows = match memtables.committing.take() {
            Some(unwritten) => {
                let mut rows = Arc::unwrap_or_clone(unwritten);
                rows.extend(newer);
                rows
            }
            None => newer,
        };
        memtables.committing = Some(Arc::new(rows));
    }

    /// Writes what was frozen, and the record, in one sled batch. One caller at a time; blocks
    /// on the disk only as far as sled's buffers do: [`super::Store::flush`] makes it durable.
    /// After an error everything is as it was, but for what sled may have written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn commit(&self, record: &CheckpointRow) -> Result<CommitFigures, StoreError> {
        let written = self.write_frozen(record)?;
        self.settle(record);
        Ok(written)
    }

    /// The same, but the rows stay in memory until [`Self::settle`], so that they can be read and
    /// written again when making them durable fails.
    pub(super) fn write_frozen(&self, record: &CheckpointRow) -> Result<CommitFigures, StoreError> {
        let rows = self.reading().committing.clone().unwrap_or_default();
        self.write(&rows, record)
    }

    /// What was written with this record is on disk.
    pub(super) fn settle(&self, record: &CheckpointRow) {
        self.database.committed(self.index, *record);
        self.writing().committing = None;
    }

    /// Keeps the database from being closed meanwhile, for a fold.
    ///
    /// # Errors
    /// [`StoreError::Unwritten`] while it is opened again after a failed write, or could not be.
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

    /// Copies all committed rows into an empty shard.
    pub(super) fn copy_to(&self, empty: &Self) -> Result<(), StoreError> {
        let tree = self.database.tree(self.index)?;
        let mut rows = tree.get()?.iter();
        let empty = empty.database.tree(empty.index)?;
        loop {
            let mut batch = sled::Batch::default();
            let mut count = 0;
            while count < COPIED_AT_A_TIME
                && let Some((key, row)) = guarded("read a row", || rows.next().transpose())?
            {
                batch.insert(key, row);
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            let empty = empty.get()?;
            guarded("copy rows", || empty.apply_batch(batch))?;
        }
    }

    fn write(&self, rows: &RowMap, record: &CheckpointRow) -> Result<CommitFigures, StoreError> {
        let mut batch = sled::Batch::default();
        let mut figures = CommitFigures::default();
        let packed = packed_rows(rows);
        for (key, row) in rows {
            let packed = packed.get(key.as_slice()).map(Vec::as_slice);
            let row = packed.or(row.as_deref());
            figures.rows = figures.rows.saturating_add(1);
            let bytes = key.len().saturating_add(row.map_or(0, <[u8]>::len));
            figures.bytes = figures
                .bytes
                .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            match row {
                Some(row) => batch.insert(key.as_slice(), row),
                None => batch.remove(key.as_slice()),
            }
        }
        batch.insert(layout::SHARD, record.encode()?);
        self.database.attempts(self.index, *record);
        let tree = self.database.tree(self.index)?;
        let tree = tree.get()?;
        guarded("commit", || tree.apply_batch(batch))?;
        reclaim(tree, figures.rows)?;
        Ok(figures)
    }

    pub(super) fn get(
        &self,
        key: &[u8],
        held: Option<&Memtables>,
    ) -> Result<Option<Bytes>, StoreError> {
        let known = match held {
            Some(memtables) => memtables.get(key).cloned(),
            None => self.reading().get(key).cloned(),
        };
        match known {
            Some(row) => Ok(row),
            None => Ok(self
                .read("read a row", |tree| tree.get(key))?
                .map(|row| Bytes::copy_from_slice(&row))),
        }
    }

    /// The nearest row in a range.
    pub(super) fn nearest(
        &self,
        mut range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        backwards: bool,
        held: Option<&Memtables>,
    ) -> Result<Option<(Vec<u8>, Bytes)>, StoreError> {
        loop {
            let bounds = (as_slice(&range.0), as_slice(&range.1));
            let layered = |memtables: &Memtables| {
                memtables
                    .nearest(bounds, backwards)
                    .map(|(key, row)| (key.to_vec(), row.clone()))
            };
            let newer = match held {
                Some(memtables) => layered(memtables),
                None => layered(&self.reading()),
            };
            let older = self.read("look for a row", |tree| {
                let mut rows = tree.range::<&[u8], _>(bounds);
                if backwards {
                    rows.next_back().transpose()
                } else {
                    rows.next().transpose()
                }
            })?;
            let (key, row) = match (newer, older) {
                (None, None) => return Ok(None),
                (None, Some((key, row))) => {
                    return Ok(Some((key.to_vec(), Bytes::copy_from_slice(&row))));
                }
                (Some(newer), None) => newer,
                (Some(newer), Some((key, row))) => {
                    let older_is_nearer = if backwards {
                        key.as_ref() > newer.0.as_slice()
                    } else {
                        key.as_ref() < newer.0.as_slice()
                    };
                    if older_is_nearer {
                        return Ok(Some((key.to_vec(), Bytes::copy_from_slice(&row))));
                    }
                    newer
                }
            };
            match row {
                Some(row) => return Ok(Some((key, row))),
                // A row that is to go hides sled's: look on behind it.
                None if backwards => range.1 = Bound::Excluded(key),
                None => range.0 = Bound::Excluded(key),
            }
        }
    }

    /// The keys that start with `prefix`, in order.
    pub(super) fn keys_of(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut keys = Vec::new();
        self.scan(prefix, |key, _| {
            keys.push(key.to_vec());
            Ok(())
        })?;
        Ok(keys)
    }

    /// Visits all rows whose key starts with `prefix`, in key order.
    fn scan(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // The memtables are copied first: a row that sled takes meanwhile is seen in them, or in
        // sled.
        let mut newer: RowMap = RowMap::new();
        {
            let memtables = self.reading();
            let range = (Bound::Included(prefix), Bound::Unbounded);
            for rows in memtables
                .committing
                .iter()
                .map(AsRef::as_ref)
                .chain([&memtables.pending])
            {
                newer.extend(
                    rows.range::<[u8], _>(range)
                        .take_while(|(key, _)| key.starts_with(prefix))
                        .map(|(key, row)| (key.clone(), row.clone())),
                );
            }
        }
        let mut newer = newer.into_iter().peekable();
        let tree = self.database.tree(self.index)?;
        let mut older = tree.get()?.scan_prefix(prefix);
        loop {
            let next = guarded("list rows", || older.next().transpose())?;
            while let Some((key, row)) = newer.next_if(|(key, _)| {
                next.as_ref()
                    .is_none_or(|(next, _)| key.as_slice() < next.as_ref())
            }) {
                if let Some(row) = row {
                    visit(&key, &row)?;
                }
            }
            let Some((key, row)) = next else {
                return Ok(());
            };
            match newer.next_if(|(newer, _)| newer.as_slice() == key.as_ref()) {
                Some((_, Some(row))) => visit(&key, &row)?,
                Some((_, None)) => {}
                None => visit(&key, &row)?,
            }
        }
    }
}

/// Lets sled free the nodes that a batch has replaced. It frees a few whenever it is used, but
/// a batch counts as one use however many nodes it replaces; without this, memory grows with
/// every batch (measured: 6 GiB after a million events over 10,000 keywords).
fn reclaim(tree: &sled::Tree, replaced: u64) -> Result<(), StoreError> {
    for _ in 0..replaced {
        guarded("read a row", || tree.get(layout::SHARD))?;
    }
    Ok(())
}

/// The rows whose kind is packed, packed. Packing is most of what a commit computes, so two threads
/// share it.
fn packed_rows(rows: &RowMap) -> HashMap<&[u8], Vec<u8>> {
    let packs = row_formats().filter_map(|format| Some((format.kind.number(), format.pack?)));
    let packs: Vec<(u8, PackRow)> = packs.collect();
    let plain: Vec<_> = rows
        .iter()
        .filter_map(|(key, row)| {
            let kind = key.first()?;
            let (_, pack) = packs.iter().find(|(packed, _)| packed == kind)?;
            Some((key.as_slice(), row.as_ref()?, *pack))
        })
        .collect();
    let pack = |plain: &[(&'_ [u8], &Bytes, PackRow)]| -> Vec<Option<Vec<u8>>> {
        plain.iter().map(|(_, row, pack)| pack(row)).collect()
    };
    let (here, there) = if plain.len() < WORTH_A_THREAD {
        (plain.as_slice(), [].as_slice())
    } else {
        plain.split_at(plain.len() / 2)
    };
    let packed = std::thread::scope(|scope| {
        let helper = (!there.is_empty()).then(|| {
            let helper = std::thread::Builder::new().name("pack".into());
            helper.spawn_scoped(scope, || pack(there))
        });
        let mut packed = pack(here);
        packed.extend(match helper {
            // What could not be packed is kept as it is.
            Some(Ok(helper)) => helper.join().unwrap_or_default(),
            Some(Err(_)) | None => pack(there),
        });
        packed
    });
    plain
        .into_iter()
        .zip(packed)
        .filter_map(|((key, ..), packed)| Some((key, packed?)))
        .collect()
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key.as_slice()),
        Bound::Excluded(key) => Bound::Excluded(key.as_slice()),
        Bound::Unbounded => Bound::Unbounded,
    }
}

fn keyword_of(key: &[u8]) -> Result<Keyword, StoreError> {
    layout::keyword_of(key)
        .ok_or_else(|| StoreError::Inconsistent(format!("a row has the key {key:02x?}")))
}
