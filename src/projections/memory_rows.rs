//! Rows in memory: what tests fold into.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{RowChange, RowKey, Rows, RowsError, Seek, TweetKey, pack_page};

/// All rows of one keyword, in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryRows(pub(crate) BTreeMap<RowKey, Bytes>);

impl MemoryRows {
    /// Removes every row.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Writes row changes, with tweet pages packed as a store writes them.
    pub fn put(&mut self, changes: Vec<RowChange>) {
        for (key, row) in changes {
            let row = row.map(|row| match &key {
                RowKey::Page(_) => pack_page(&row).map_or(row, Into::into),
                _ => row,
            });
            match row {
                Some(row) => self.0.insert(key, row),
                None => self.0.remove(&key),
            };
        }
    }
}

impl Rows for MemoryRows {
    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        Ok(self.0.get(key).cloned())
    }

    fn page(&self, seek: Seek<'_>) -> Result<Option<(TweetKey, Bytes)>, RowsError> {
        let mut pages = self.0.iter().filter_map(as_page);
        Ok(match seek {
            Seek::AtOrBefore(key) => pages.rfind(|(lower, _)| lower <= key),
            Seek::Before(key) => pages.rfind(|(lower, _)| lower < key),
            Seek::After(key) => pages.find(|(lower, _)| lower > key),
        })
    }
}

fn as_page((key, row): (&RowKey, &Bytes)) -> Option<(TweetKey, Bytes)> {
    match key {
        RowKey::Page(lower) => Some((lower.clone(), row.clone())),
        _ => None,
    }
}
