//! The rows of the background of a shard. They implement [`Rows`], the port of the projections.

use std::ops::Bound;

use bytes::Bytes;

use super::memtable::Memtables;
use super::result_cache::Ticket;
use super::{ShardRows, StoreError, layout};
use crate::projections::{AnyResult, FoldContext, ResultKey, RowKey, Rows, RowsError, Seek};

/// The rows of the background: the memtables over the rows in sled. Contributions since the last
/// commit are not rows yet.
#[derive(Debug)]
pub(super) struct BackgroundRows<'a> {
    shard: &'a ShardRows,
    /// Memtables that do not change, if the rows are those of a snapshot.
    held: Option<&'a Memtables>,
    /// The ticket for the result cache: that of the snapshot, or of the moment before the first row
    /// is read.
    ticket: Ticket,
}

impl<'a> BackgroundRows<'a> {
    pub(super) fn new(shard: &'a ShardRows, held: Option<(&'a Memtables, Ticket)>) -> Self {
        Self {
            shard,
            held: held.map(|(memtables, _)| memtables),
            ticket: held.map_or_else(|| shard.results().ticket(), |(_, ticket)| ticket),
        }
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

    fn kept_result(&self, key: &ResultKey) -> Option<AnyResult> {
        let (owner, ticket) = (self.shard.background_owner(), self.ticket);
        self.shard.results().get(&owner, ticket, key)
    }

    fn keep_result(&self, key: ResultKey, result: AnyResult, bytes: usize) {
        let (owner, ticket) = (self.shard.background_owner(), self.ticket);
        let results = self.shard.results();
        results.insert(&owner, ticket, key, result, bytes);
    }
}

fn as_rows_error(error: StoreError) -> RowsError {
    RowsError::Store(Box::new(error))
}
