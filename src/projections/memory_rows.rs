//! Rows in memory, into which tests fold.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use bytes::Bytes;

use super::{FoldContext, RowChange, RowKey, Rows, RowsError, Seek, pack_row};

/// All rows of one keyword, in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryRows(pub(crate) BTreeMap<RowKey, Bytes>, FoldContext);

impl MemoryRows {
    /// Makes an empty set of rows with this context.
    pub const fn in_context(context: FoldContext) -> Self {
        Self(BTreeMap::new(), context)
    }

    /// Removes every row.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Writes row changes, packed like a store packs them.
    pub fn put(&mut self, changes: Vec<RowChange>) {
        for (key, row) in changes {
            match row {
                Some(row) => {
                    let packed = pack_row(key.kind(), &row);
                    self.0.insert(key, packed.map_or(row, Into::into));
                }
                None => {
                    self.0.remove(&key);
                }
            }
        }
    }
}

impl Rows for MemoryRows {
    fn context(&self) -> &FoldContext {
        &self.1
    }

    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        Ok(self.0.get(key).cloned())
    }

    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        let found = match seek {
            Seek::AtOrBefore(key) => self.0.range(..=key).next_back(),
            Seek::Before(key) => self.0.range(..key).next_back(),
            Seek::After(key) => self.0.range((Excluded(key), Unbounded)).next(),
        };
        let found = found.filter(|(key, _)| key.kind() == seek.key().kind());
        Ok(found.map(|(key, row)| (key.clone(), row.clone())))
    }
}
