//! Reads of the rows of a shard. Each read merges the memtables with the rows in sled.
//!
//! In: a key, a range or a prefix. Out: rows, where a row in a memtable hides the row in sled.

use std::ops::Bound;

use bytes::Bytes;

use super::ShardRows;
use crate::store::StoreError;
use crate::store::catch_panic::guarded;
use crate::store::memtable::{Memtables, RowMap};

impl ShardRows {
    pub(in crate::store) fn get(
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

    /// The first row of a range, or the last one when `backwards`.
    pub(in crate::store) fn nearest(
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
                // A removed row hides the row in sled, so the search continues beyond it.
                None if backwards => range.1 = Bound::Excluded(key),
                None => range.0 = Bound::Excluded(key),
            }
        }
    }

    /// The keys that start with `prefix`, in order.
    pub(in crate::store) fn keys_of(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut keys = Vec::new();
        self.scan(prefix, |key, _| {
            keys.push(key.to_vec());
            Ok(())
        })?;
        Ok(keys)
    }

    /// Visits all rows whose key starts with `prefix`, in key order.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // The memtables are copied first, so a row that is committed meanwhile is in the copy.
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

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key.as_slice()),
        Bound::Excluded(key) => Bound::Excluded(key.as_slice()),
        Bound::Unbounded => Bound::Unbounded,
    }
}
