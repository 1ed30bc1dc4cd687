//! The rows of the background of a shard. They implement [`Rows`], the port of the projections.

use std::ops::Bound;

use bytes::Bytes;

use super::memtable::Memtables;
use super::{ShardRows, StoreError, layout};
use crate::projections::{FoldContext, RowKey, Rows, RowsError, Seek};

/// The rows of the background: the memtables over the rows in sled. Contributions since the last
/// commit are not rows yet.
#[derive(Debug)]
pub(super) struct BackgroundRows<'a> {
    shard: &'a ShardRows,
    /// Set when the caller holds the lock of the memtables.
    held: Option<&'a Memtables>,
}

impl<'a> BackgroundRows<'a> {
    pub(super) const fn new(shard: &'a ShardRows, held: Option<&'a Memtables>) -> Self {
        Self { shard, held }
    }
}

impl Rows for BackgroundRows<'_> {
    fn context(&self) -> &FoldContext {
        self.shard.context()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        self.context().check_kept(key.kind())?;
        let row = self.shard.get(&layout::background(key), self.held);
        row.map_err(as_rows_error)
    }

    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        let kind = seek.key().kind();
        self.context().check_kept(kind)?;
        let number = kind.number();
        let start = Bound::Included(vec![number]);
        let end = Bound::Excluded(vec![number.saturating_add(1)]);
        let (range, backwards) = match seek.map(layout::background) {
            Seek::AtOrBefore(key) => ((start, Bound::Included(key)), true),
            Seek::Before(key) => ((start, Bound::Excluded(key)), true),
            Seek::After(key) => ((Bound::Excluded(key), end), false),
        };
        let found = self.shard.nearest(range, backwards, self.held);
        let found = found.map_err(as_rows_error)?;
        Ok(found.map(|(key, row)| {
            let suffix = key.get(1..).unwrap_or_default();
            (RowKey::of_kind(kind).with(suffix), row)
        }))
    }
}

fn as_rows_error(error: StoreError) -> RowsError {
    RowsError::Store(Box::new(error))
}
