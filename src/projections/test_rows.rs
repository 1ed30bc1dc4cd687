//! Rows that count what is read, and rows that keep results, for tests.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use bytes::Bytes;

use super::{AnyResult, FoldContext, ResultKey, RowKey, Rows, RowsError, Seek, TouchedTimes};

/// Rows that count the rows and the bytes that a query reads.
pub(crate) struct CountedRows<'r> {
    rows: &'r dyn Rows,
    rows_read: Cell<u64>,
    bytes_looked_at: Cell<u64>,
}

impl<'r> CountedRows<'r> {
    pub(crate) fn new(rows: &'r dyn Rows) -> Self {
        Self {
            rows,
            rows_read: Cell::default(),
            bytes_looked_at: Cell::default(),
        }
    }

    pub(crate) fn rows_read(&self) -> u64 {
        self.rows_read.get()
    }

    /// The bytes that the query has reported with [`Rows::look`].
    pub(crate) fn bytes_looked_at(&self) -> u64 {
        self.bytes_looked_at.get()
    }

    fn count_row(&self) {
        self.rows_read.set(self.rows_read.get() + 1);
    }
}

impl Rows for CountedRows<'_> {
    fn context(&self) -> &FoldContext {
        self.rows.context()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        self.count_row();
        self.rows.get(key)
    }

    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        self.count_row();
        self.rows.seek(seek)
    }

    fn look(&self, bytes: usize) -> Result<(), RowsError> {
        let bytes = u64::try_from(bytes).unwrap();
        self.bytes_looked_at.set(self.bytes_looked_at.get() + bytes);
        Ok(())
    }
}

/// The results of queries about one keyword that are still valid.
#[derive(Default)]
pub(crate) struct KeptResults(RefCell<HashMap<ResultKey, AnyResult>>);

impl KeptResults {
    /// Drops the results that depend on touched tweets.
    pub(crate) fn put(&self, touched: &TouchedTimes) {
        self.0
            .borrow_mut()
            .retain(|key, _| !touched.touch(&key.span));
    }
}

/// Rows that keep all results.
pub(crate) struct KeepingRows<'r> {
    rows: &'r dyn Rows,
    results: &'r KeptResults,
}

impl<'r> KeepingRows<'r> {
    pub(crate) const fn new(rows: &'r dyn Rows, results: &'r KeptResults) -> Self {
        Self { rows, results }
    }
}

impl Rows for KeepingRows<'_> {
    fn context(&self) -> &FoldContext {
        self.rows.context()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        self.rows.get(key)
    }

    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        self.rows.seek(seek)
    }

    fn look(&self, bytes: usize) -> Result<(), RowsError> {
        self.rows.look(bytes)
    }

    fn kept_result(&self, key: &ResultKey) -> Option<AnyResult> {
        self.results.0.borrow().get(key).cloned()
    }

    fn keep_result(&self, key: ResultKey, result: AnyResult, _: usize) {
        self.results.0.borrow_mut().insert(key, result);
    }
}
