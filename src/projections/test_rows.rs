//! Rows in memory, for tests.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{RowChange, RowKey, Rows, RowsError, Seek, TweetKey, pack_page};

/// All rows of one keyword.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TestRows(pub(crate) BTreeMap<RowKey, Bytes>);

impl TestRows {
    /// Puts what a fold changed, pages packed as a store writes them.
    pub(crate) fn put(&mut self, changes: Vec<RowChange>) {
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

impl Rows for TestRows {
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
