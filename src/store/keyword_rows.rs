//! The rows of one keyword in the store. They implement [`Rows`], the port of the projections.

use std::ops::Bound;

use bytes::Bytes;

use super::memtable::Memtables;
use super::{ShardRows, StoreError, layout};
use crate::events::Keyword;
use crate::projections::{FoldContext, RowKey, Rows, RowsError, Seek};

/// The rows of one keyword: the memtables over the rows in sled.
#[derive(Debug)]
pub struct KeywordRows<'a> {
    shard: &'a ShardRows,
    keyword: Keyword,
    /// Memtables that do not change, if the rows are those of a snapshot.
    held: Option<&'a Memtables>,
}

impl<'a> KeywordRows<'a> {
    pub(super) fn new(
        shard: &'a ShardRows,
        keyword: &Keyword,
        held: Option<&'a Memtables>,
    ) -> Self {
        Self {
            shard,
            keyword: keyword.clone(),
            held,
        }
    }
}

impl Rows for KeywordRows<'_> {
    fn context(&self) -> &FoldContext {
        self.shard.context()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        self.context().check_kept(key.kind())?;
        self.shard
            .get(&layout::key(&self.keyword, key), self.held)
            .map_err(as_rows_error)
    }

    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        let kind = seek.key().kind();
        self.context().check_kept(kind)?;
        let start = layout::start(kind, &self.keyword);
        let (range, backwards) = match seek.map(|row| layout::key(&self.keyword, row)) {
            Seek::AtOrBefore(key) => {
                let range = (Bound::Included(start.clone()), Bound::Included(key));
                (range, true)
            }
            Seek::Before(key) => {
                let range = (Bound::Included(start.clone()), Bound::Excluded(key));
                (range, true)
            }
            Seek::After(key) => {
                let range = (Bound::Excluded(key), Bound::Excluded(end(&start)));
                (range, false)
            }
        };
        let found = self
            .shard
            .nearest(range, backwards, self.held)
            .map_err(as_rows_error)?;
        found
            .map(|(key, row)| {
                let name = layout::row_key(kind, &start, &key).ok_or_else(|| {
                    as_rows_error(StoreError::Inconsistent(format!(
                        "a row has the key {key:02x?}"
                    )))
                })?;
                Ok((name, row))
            })
            .transpose()
    }
}

/// The end of the range of keys that start with `start`. The last byte of `start` is the zero byte
/// that ends a keyword.
fn end(start: &[u8]) -> Vec<u8> {
    let mut end = start.to_vec();
    end.pop();
    end.push(1);
    end
}

fn as_rows_error(error: StoreError) -> RowsError {
    RowsError::Store(Box::new(error))
}
