//! Commits of a shard: writes the frozen rows and the checkpoint as one sled batch.
//!
//! In: the rows that were put since the last commit. Out: durable rows, and the size of the commit.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::ShardRows;
use crate::projections::{PackRow, row_formats};
use crate::store::catch_panic::guarded;
use crate::store::memtable::RowMap;
use crate::store::{CheckpointRow, StoreError, layout};

/// Rows per sled batch when a shard is copied.
const COPY_BATCH_ROWS: usize = 1000;

/// A commit with fewer rows to pack than this packs them on one thread.
const MIN_ROWS_FOR_A_THREAD: usize = 16;

/// The size of a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitFigures {
    /// Rows written and rows removed.
    pub rows: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

impl ShardRows {
    /// Freezes all rows put so far for the next [`Self::write_frozen`]. The caller does this at the
    /// position of the checkpoint of the commit. Rows that are put later are not part of the
    /// commit.
    ///
    /// # Errors
    /// [`StoreError`] when the background cannot be merged. Nothing is frozen then.
    pub(in crate::store) fn freeze(&self) -> Result<(), StoreError> {
        let mut memtables = self.with_background_to_freeze()?;
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
        Ok(())
    }

    /// Writes all rows put so far and the checkpoint as one sled batch. Only one caller at a time
    /// is allowed. The call waits for snapshots, and for the disk when the buffers of sled are
    /// full; [`Store::flush`](crate::store::Store::flush) makes the commit durable. After an error
    /// the rows stay frozen, and sled may have written some of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn commit(&self, record: &CheckpointRow) -> Result<CommitFigures, StoreError> {
        self.freeze()?;
        let written = self.write_frozen(record)?;
        self.settle(record);
        Ok(written)
    }

    /// Writes the frozen rows and the checkpoint. The rows stay in memory until [`Self::settle`],
    /// so that they can be read, and written again if the flush fails.
    pub(in crate::store) fn write_frozen(
        &self,
        record: &CheckpointRow,
    ) -> Result<CommitFigures, StoreError> {
        let rows = self.reading().committing.clone().unwrap_or_default();
        self.write(&rows, record)
    }

    /// Drops the frozen rows from memory, after they were written with this checkpoint.
    pub(in crate::store) fn settle(&self, record: &CheckpointRow) {
        self.database.committed(self.index, *record);
        self.writing().committing = None;
    }

    /// Copies all committed rows into an empty shard.
    pub(in crate::store) fn copy_to(&self, to: &Self) -> Result<(), StoreError> {
        let tree = self.database.tree(self.index)?;
        let mut rows = tree.get()?.iter();
        let empty = to.database.tree(to.index)?;
        loop {
            let mut batch = sled::Batch::default();
            let mut count = 0;
            while count < COPY_BATCH_ROWS
                && let Some((key, row)) = guarded("read a row", || rows.next().transpose())?
            {
                batch.insert(key, row);
                count += 1;
            }
            if count == 0 {
                return to.load_stored_runs();
            }
            let empty = empty.get()?;
            guarded("copy rows", || empty.apply_batch(batch))?;
        }
    }

    fn write(&self, rows: &RowMap, record: &CheckpointRow) -> Result<CommitFigures, StoreError> {
        let mut batch = sled::Batch::default();
        let mut figures = CommitFigures::default();
        let packed = packed_rows(rows);
        let observer = self.database.observer();
        for (key, row) in rows {
            let packed = packed.get(key.as_slice()).map(Vec::as_slice);
            let row = packed.or(row.as_deref());
            figures.rows = figures.rows.saturating_add(1);
            let bytes = key.len().saturating_add(row.map_or(0, <[u8]>::len));
            figures.bytes = figures
                .bytes
                .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
            if let Some(observer) = observer {
                observer.row(self.index, key, row);
            }
            match row {
                Some(row) => batch.insert(key.as_slice(), row),
                None => batch.remove(key.as_slice()),
            }
        }
        batch.insert(layout::SHARD, record.encode()?);
        // Waits for snapshots before it takes anything that their reads need.
        let writes = self.sled_writes.write();
        self.database.attempts(self.index, *record);
        let tree = self.database.tree(self.index)?;
        let tree = tree.get()?;
        guarded("commit", || tree.apply_batch(batch))?;
        drop(writes);
        if let Some(observer) = observer {
            observer.committed(self.index, record);
        }
        read_written(tree, rows)?;
        Ok(figures)
    }
}

/// Reads every row that a batch has written, for two things that sled does during reads.
///
/// A read splits nodes that have become too large. A batch leaves them large, and when a write has
/// failed they cannot be split, so they cannot be read either.
///
/// sled also frees a few of the nodes that a batch has replaced per call, and a batch is one call
/// even if it replaces many. Without these reads memory grows with every batch (measured: 6 GiB
/// after a million events over 10,000 keywords).
fn read_written(tree: &sled::Tree, rows: &RowMap) -> Result<(), StoreError> {
    let keys = rows.keys().map(Vec::as_slice);
    for key in keys.chain([layout::SHARD]) {
        guarded("read a row", || tree.get(key))?;
    }
    Ok(())
}

/// Packs the rows of packed kinds, by key. Packing takes most of the processor time of a commit, so
/// two threads share it.
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
    let (here, there) = if plain.len() < MIN_ROWS_FOR_A_THREAD {
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
            // Rows that could not be packed are stored without packing.
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
