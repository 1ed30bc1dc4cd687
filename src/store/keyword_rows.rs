//! The rows of one keyword, by the names that the projections give them.

use std::ops::Bound;

use bytes::Bytes;

use super::memtable::Memtables;
use super::{ShardRows, StoreError, layout};
use crate::events::Keyword;
use crate::projections::{RowKey, Rows, RowsError, Seek, TweetKey};

/// The rows of one keyword, read through the memtables.
#[derive(Debug)]
pub struct KeywordRows<'a> {
    shard: &'a ShardRows,
    keyword: Keyword,
    /// When set, the caller keeps everybody from putting rows.
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
    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        self.shard
            .get(&layout::key(&self.keyword, key), self.held)
            .map_err(as_rows_error)
    }

    fn page(&self, seek: Seek<'_>) -> Result<Option<(TweetKey, Bytes)>, RowsError> {
        let name = |lower: &TweetKey| layout::key(&self.keyword, &RowKey::Page(lower.clone()));
        let prefix = layout::pages(&self.keyword);
        // Keywords end with a zero byte, so the pages of one end where that byte is 1.
        let end = || {
            let mut end = prefix.clone();
            end.pop();
            end.push(1);
            end
        };
        let (range, backwards) = match seek {
            Seek::AtOrBefore(key) => (
                (Bound::Included(prefix.clone()), Bound::Included(name(key))),
                true,
            ),
            Seek::Before(key) => (
                (Bound::Included(prefix.clone()), Bound::Excluded(name(key))),
                true,
            ),
            Seek::After(key) => ((Bound::Excluded(name(key)), Bound::Excluded(end())), false),
        };
        let found = self
            .shard
            .nearest(range, backwards, self.held)
            .map_err(as_rows_error)?;
        found
            .map(|(key, row)| {
                let lower = layout::page_lower(&prefix, &key).ok_or_else(|| {
                    as_rows_error(StoreError::Inconsistent(format!(
                        "a page has the key {key:02x?}"
                    )))
                })?;
                Ok((lower, row))
            })
            .transpose()
    }
}

fn as_rows_error(error: StoreError) -> RowsError {
    RowsError::Store(Box::new(error))
}
