//! Reads ranges of a map from rows.

use std::borrow::Cow;

use bytes::Bytes;

use super::entry::Entries;
use super::leaf::{Leaf, entries_of};
use super::row_key;
use crate::projections::row_format::RowFormat;
use crate::projections::rows::{RowKey, Rows, RowsError, Seek};

/// Reads entries of one map in key order, and can skip ahead.
pub struct TreeReader<'r> {
    rows: &'r dyn Rows,
    format: &'static RowFormat,
}

impl<'r> TreeReader<'r> {
    /// A reader of the map whose leaves are rows of this format.
    pub const fn new(rows: &'r dyn Rows, format: &'static RowFormat) -> Self {
        Self { rows, format }
    }

    /// The count of a key; 0 for a key without an entry.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn get(&self, key: &[u8]) -> Result<u64, RowsError> {
        let start = row_key(self.format, key);
        let Some((row_key, row)) = self.rows.seek(Seek::AtOrBefore(&start))? else {
            return Ok(0);
        };
        self.rows.look(row.len())?;
        let leaf = Leaf::decode(self.format, &row_key, &row)?;
        leaf.get(key)
            .map_err(|what| RowsError::damaged(&row_key, what))
    }

    /// Calls `visit` with every entry from the key `from` on, in key order, until `visit` returns
    /// `false`.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn visit(
        &self,
        from: &[u8],
        mut visit: impl FnMut(&[u8], u64) -> bool,
    ) -> Result<(), RowsError> {
        self.scan(from, |key, count| {
            if visit(key, count) {
                Step::Next
            } else {
                Step::Stop
            }
        })
    }

    /// Calls `visit` with entries from the key `from` on, in key order. The returned [`Step`] says
    /// how the reader continues.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn scan(
        &self,
        from: &[u8],
        mut visit: impl FnMut(&[u8], u64) -> Step,
    ) -> Result<(), RowsError> {
        let mut from: Cow<'_, [u8]> = from.into();
        // Whether an entry from the key `from` on was read.
        let mut has_begun = false;
        let mut last: Option<RowKey> = None;
        loop {
            let Some((key, row)) = self.leaf_after(last.as_ref(), &from)? else {
                return Ok(());
            };
            self.rows.look(row.len())?;
            let body = entries_of(self.format, &key, &row)?;
            let damaged = |what| RowsError::damaged(&key, what);
            let mut entries = Entries::new(&body);
            while let Some(count) = entries.next_entry().map_err(damaged)? {
                if !has_begun && entries.key() < &*from {
                    continue;
                }
                has_begun = true;
                match visit(entries.key(), count) {
                    Step::Next => {}
                    Step::SkipTo(next) => {
                        from = next.into();
                        has_begun = false;
                    }
                    Step::Stop => return Ok(()),
                }
            }
            last = Some(key);
        }
    }

    /// The first leaf after `last` that may have entries from the key `from` on.
    fn leaf_after(
        &self,
        last: Option<&RowKey>,
        from: &[u8],
    ) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        let start = row_key(self.format, from);
        if last.is_none_or(|last| *last < start) {
            let found = self.rows.seek(Seek::AtOrBefore(&start))?;
            if let Some((key, row)) = found
                && last.is_none_or(|last| key > *last)
            {
                return Ok(Some((key, row)));
            }
        }
        self.rows.seek(Seek::After(last.unwrap_or(&start)))
    }
}

/// How a reader continues after an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Continue with the next entry.
    Next,
    /// Continue with the first entry from this key on. Leaves before it are not read.
    SkipTo(Vec<u8>),
    /// Stop.
    Stop,
}

impl std::fmt::Debug for TreeReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeReader").finish_non_exhaustive()
    }
}
