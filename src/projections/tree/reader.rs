//! Reads ranges of a map from rows.

use super::leaf::{Leaf, visit_entries};
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

    /// Calls `visit` with every entry from the key `from` on, in key order, until it returns
    /// `false`.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn visit(
        &self,
        from: &[u8],
        mut visit: impl FnMut(&[u8], u64) -> bool,
    ) -> Result<(), RowsError> {
        let start = row_key(self.format, from);
        let mut found = self.rows.seek(Seek::AtOrBefore(&start))?;
        if found.is_none() {
            found = self.rows.seek(Seek::After(&start))?;
        }
        while let Some((key, row)) = found {
            if !self.visit_leaf(&key, &row, from, &mut visit)? {
                return Ok(());
            }
            found = self.rows.seek(Seek::After(&key))?;
        }
        Ok(())
    }

    fn visit_leaf(
        &self,
        key: &RowKey,
        row: &[u8],
        from: &[u8],
        visit: &mut impl FnMut(&[u8], u64) -> bool,
    ) -> Result<bool, RowsError> {
        self.rows.look(row.len())?;
        let (_, _, body) = self.format.open(key, row)?;
        let goes_on = visit_entries(body, from, visit);
        goes_on.map_err(|what| RowsError::damaged(key, what))
    }
}

impl std::fmt::Debug for TreeReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TreeReader").finish_non_exhaustive()
    }
}
