//! Counts the bytes that a query reads, and ends a query when its answer is no longer wanted.
//!
//! In: the bytes of each read, a limit, and a signal that the client has gone. Out: the sum of the
//! bytes, and an error that ends the query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;

use super::{AnyResult, FoldContext, ResultKey, RowKey, Rows, RowsError, Seek};

/// Counts the bytes that one query reads, and ends the query when its client has gone or the bytes
/// exceed a limit. A clone is cheap and shares the count.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bytes: AtomicU64,
    /// The query ends after more bytes than this.
    limit: AtomicU64,
    is_abandoned: AtomicBool,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            is_abandoned: AtomicBool::new(false),
        }
    }
}

impl Meter {
    /// Counts `bytes` before the query works on them.
    ///
    /// # Errors
    /// [`RowsError::Abandoned`] when the answer is no longer wanted, or the limit is exceeded.
    pub fn look(&self, bytes: usize) -> Result<(), RowsError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.shared.is_abandoned.load(Ordering::Relaxed) || self.is_over() {
            return Err(RowsError::Abandoned);
        }
        Ok(())
    }

    /// The number of bytes counted so far.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Sets the limit in bytes, over the whole query. `u64::MAX` means no limit.
    pub fn limit(&self, bytes: u64) {
        self.shared.limit.store(bytes, Ordering::Relaxed);
    }

    /// Whether the count exceeds the limit.
    pub fn is_over(&self) -> bool {
        self.bytes() > self.shared.limit.load(Ordering::Relaxed)
    }

    /// Ends the query at its next [`Meter::look`].
    pub fn abandon(&self) {
        self.shared.is_abandoned.store(true, Ordering::Relaxed);
    }
}

/// Rows whose reads are counted by a [`Meter`]: the bytes of every row, and the bytes that a query
/// reports with [`Rows::look`].
pub struct MeteredRows<'a> {
    rows: &'a dyn Rows,
    meter: &'a Meter,
}

impl<'a> MeteredRows<'a> {
    /// Wraps `rows`, so that `meter` counts their reads.
    pub fn new(rows: &'a dyn Rows, meter: &'a Meter) -> Self {
        Self { rows, meter }
    }
}

impl Rows for MeteredRows<'_> {
    fn context(&self) -> &FoldContext {
        self.rows.context()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        let row = self.rows.get(key)?;
        self.meter.look(row.as_ref().map_or(0, Bytes::len))?;
        Ok(row)
    }

    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        let found = self.rows.seek(seek)?;
        self.meter
            .look(found.as_ref().map_or(0, |(_, row)| row.len()))?;
        Ok(found)
    }

    fn look(&self, bytes: usize) -> Result<(), RowsError> {
        self.meter.look(bytes)
    }

    fn kept_result(&self, key: &ResultKey) -> Option<AnyResult> {
        self.rows.kept_result(key)
    }

    fn keep_result(&self, key: ResultKey, result: AnyResult, bytes: usize) {
        self.rows.keep_result(key, result, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KeywordSummary, MemoryRows};
    use super::*;

    #[test]
    fn query_ends_beyond_its_limit_until_the_limit_is_lifted() {
        let meter = Meter::default();
        meter.limit(10);
        assert!(meter.look(10).is_ok());
        assert!(!meter.is_over());
        assert!(matches!(meter.look(1), Err(RowsError::Abandoned)));
        assert!(meter.is_over());
        meter.limit(u64::MAX);
        assert!(meter.look(1_000).is_ok());
    }

    #[test]
    fn an_abandoned_query_ends_at_its_next_row() {
        let meter = Meter::default();
        let none = MemoryRows::default();
        let rows = MeteredRows::new(&none, &meter);
        assert!(matches!(rows.get(&KeywordSummary::key()), Ok(None)));
        assert!(rows.look(7).is_ok());
        assert_eq!(meter.bytes(), 7);
        meter.clone().abandon();
        assert!(matches!(
            rows.get(&KeywordSummary::key()),
            Err(RowsError::Abandoned)
        ));
        assert!(matches!(
            rows.seek(Seek::After(&KeywordSummary::key())),
            Err(RowsError::Abandoned)
        ));
        assert!(matches!(rows.look(1), Err(RowsError::Abandoned)));
    }
}
