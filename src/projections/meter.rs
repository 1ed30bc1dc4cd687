//! Counts the bytes that a query reads, and ends a query whose answer is not wanted any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;

use super::{RowKey, Rows, RowsError, Seek};

/// Counts the bytes that one query looks at, and ends the query when its client is gone. Cheap to
/// clone; clones count into the same number.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bytes: AtomicU64,
    /// The query ends once it has looked at more bytes than this.
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
    /// Counts `bytes` that the query is about to work on.
    ///
    /// # Errors
    /// [`RowsError::Abandoned`] when the answer is not wanted any more, or the limit is passed.
    pub fn look(&self, bytes: usize) -> Result<(), RowsError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.shared.is_abandoned.load(Ordering::Relaxed) || self.is_over() {
            return Err(RowsError::Abandoned);
        }
        Ok(())
    }

    /// How many bytes were looked at so far.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Ends the query once it has looked at more than `bytes` in all; `u64::MAX` lets it look at
    /// any number.
    pub fn limit(&self, bytes: u64) {
        self.shared.limit.store(bytes, Ordering::Relaxed);
    }

    /// Whether more bytes were looked at than the limit.
    pub fn is_over(&self) -> bool {
        self.bytes() > self.shared.limit.load(Ordering::Relaxed)
    }

    /// Ends the query at its next [`Meter::look`].
    pub fn abandon(&self) {
        self.shared.is_abandoned.store(true, Ordering::Relaxed);
    }
}

/// Rows whose reading a [`Meter`] counts: every row, and the bytes that a query reports by
/// [`Rows::look`].
pub struct MeteredRows<'a> {
    rows: &'a dyn Rows,
    meter: &'a Meter,
}

impl<'a> MeteredRows<'a> {
    /// Counts the reading of `rows`.
    pub fn new(rows: &'a dyn Rows, meter: &'a Meter) -> Self {
        Self { rows, meter }
    }
}

impl Rows for MeteredRows<'_> {
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
}

#[cfg(test)]
mod tests {
    use super::super::{KeywordSummary, NoRows};
    use super::*;

    #[test]
    fn query_ends_beyond_its_limit_until_that_is_lifted() {
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
        let rows = MeteredRows::new(&NoRows, &meter);
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
