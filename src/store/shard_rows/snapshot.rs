//! Rows as they are at one moment, for a long query: those of one keyword ([`RowsSnapshot`]), and
//! the background ([`BackgroundSnapshot`]).
//!
//! In: a keyword, or a shard. Out: rows, which stay the same while the snapshot is held. The
//! pending rows are copied, so puts do not wait, and the snapshot does not show later ones. A
//! commit of the shard waits before it writes to sled, so the rows in sled stay the same too.
//! Folding continues meanwhile, until the events of several commits are in memory.

use std::ops::Bound;

use parking_lot::RwLockReadGuard;

use super::ShardRows;
use crate::events::Keyword;
use crate::projections::keys::background;
use crate::store::background_rows::BackgroundRows;
use crate::store::memtable::{Memtables, RowMap};
use crate::store::result_cache::{Owner, Ticket};
use crate::store::{KeywordRows, layout};

/// The rows of one keyword at one moment. No commit writes to sled while the snapshot is held, so a
/// caller holds it for one query at most.
#[derive(Debug)]
pub(in crate::store) struct RowsSnapshot<'a> {
    shard: &'a ShardRows,
    keyword: &'a Keyword,
    /// Copies of the pending rows of the keyword, and the rows of the running commit.
    memtables: Memtables,
    /// The ticket for the result cache: the number of puts that the rows include.
    ticket: Ticket,
    _no_writes: RwLockReadGuard<'a, ()>,
}

/// The background of a shard at one moment. No commit writes to sled while the snapshot is held.
#[derive(Debug)]
pub(super) struct BackgroundSnapshot<'a> {
    shard: &'a ShardRows,
    /// Copies of the pending rows and the new runs of the background, and the rows of the running
    /// commit.
    memtables: Memtables,
    /// The ticket for the result cache: the number of merges that the rows include.
    ticket: Ticket,
    _no_writes: RwLockReadGuard<'a, ()>,
}

impl ShardRows {
    /// Takes a snapshot of the rows of a keyword. Waits while a commit writes to sled.
    pub(in crate::store) fn snapshot<'a>(&'a self, keyword: &'a Keyword) -> RowsSnapshot<'a> {
        let no_writes = self.sled_writes.read();
        let memtables = self.reading();
        RowsSnapshot {
            shard: self,
            keyword,
            ticket: self
                .results
                .ticket_of_snapshot(&Owner::Keyword(keyword.clone())),
            memtables: copied(&memtables, layout::all_of(keyword)),
            _no_writes: no_writes,
        }
    }

    /// Takes a snapshot of the background. Waits while a commit writes to sled.
    pub(super) fn background_snapshot(&self) -> BackgroundSnapshot<'_> {
        let no_writes = self.sled_writes.read();
        let memtables = self.reading();
        let kinds = background::FORMATS.iter().map(|format| format.kind);
        BackgroundSnapshot {
            shard: self,
            memtables: Memtables {
                runs: memtables.runs.clone(),
                ..copied(&memtables, kinds.map(|kind| vec![kind.number()]))
            },
            ticket: self.results.ticket_of_snapshot(&self.background_owner()),
            _no_writes: no_writes,
        }
    }
}

/// The pending rows with these prefixes, and the rows of the running commit.
fn copied(memtables: &Memtables, prefixes: impl Iterator<Item = Vec<u8>>) -> Memtables {
    let mut pending = RowMap::new();
    for prefix in prefixes {
        let range = (Bound::Included(prefix.as_slice()), Bound::Unbounded);
        let rows = memtables.pending.range::<[u8], _>(range);
        let rows = rows.take_while(|(key, _)| key.starts_with(&prefix));
        pending.extend(rows.map(|(key, row)| (key.clone(), row.clone())));
    }
    Memtables {
        pending,
        committing: memtables.committing.clone(),
        ..Memtables::default()
    }
}

impl BackgroundSnapshot<'_> {
    /// The rows of the background, which include the stored runs.
    pub(super) fn rows(&self) -> BackgroundRows<'_> {
        BackgroundRows::new(self.shard, Some((&self.memtables, self.ticket)))
    }

    /// The memtables, which include the new runs.
    pub(super) const fn memtables(&self) -> &Memtables {
        &self.memtables
    }
}

impl RowsSnapshot<'_> {
    /// The rows of the keyword.
    pub(in crate::store) fn rows(&self) -> KeywordRows<'_> {
        self.shard.held(self.keyword, &self.memtables, self.ticket)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::events::{Checkpoint, RecordHash, Sequence, Timestamp};
    use crate::projections::{
        KeywordSummary, RowChanges, RowKey, RowKind, Rows, RowsError, Seek, row_formats,
    };
    use crate::store::{Store, Views};

    /// A kind of rows with suffixes.
    fn kind() -> RowKind {
        let mut kinds = row_formats().map(|format| format.kind);
        kinds
            .find(|kind| *kind != KeywordSummary::key().kind())
            .unwrap()
    }

    /// Puts the summary of a keyword with this number of tweets, and a row with the number as its
    /// suffix.
    fn put(rows: &ShardRows, keyword: &Keyword, number: u8) {
        let summary = KeywordSummary {
            tweets: number.into(),
            ..KeywordSummary::default()
        };
        let row = RowKey::of_kind(kind()).with(&[number]);
        let changes = RowChanges {
            rows: vec![
                (KeywordSummary::key(), Some(summary.encode().unwrap())),
                (row, Some(Bytes::from(vec![number]))),
            ],
            ..RowChanges::default()
        };
        rows.put(keyword, changes).unwrap();
    }

    /// The suffixes of the rows that [`put`] has put, in order.
    fn numbers(rows: &dyn Rows) -> Result<Vec<u8>, RowsError> {
        let mut numbers = Vec::new();
        let mut next = RowKey::of_kind(kind());
        while let Some((key, row)) = rows.seek(Seek::After(&next))? {
            assert_eq!(rows.get(&key)?, Some(row));
            numbers.extend(key.suffix());
            next = key;
        }
        Ok(numbers)
    }

    #[test]
    fn long_query_on_a_changing_keyword_reads_one_version_and_no_put_waits_for_it() {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::of_test(data.path()));
        let (keyword, other) = (Keyword::new("a").unwrap(), Keyword::new("ab").unwrap());
        let rows = Arc::clone(store.rows_of(&keyword).unwrap());
        let checkpoint = Checkpoint {
            incarnation: store.parts().incarnation,
            sequence: Sequence::new(1),
            hash: RecordHash(0),
        };
        let record = store.record_at(checkpoint, Timestamp::EARLIEST);
        // The first row is in sled, the second in the memtable of a commit, the others are pending.
        put(&rows, &keyword, 1);
        rows.commit(&record).unwrap();
        put(&rows, &keyword, 2);
        rows.freeze().unwrap();
        put(&rows, &keyword, 3);
        put(&rows, &other, 9);
        let views = Views::default();
        views.show(&store);
        let mut last = 3;
        let mut are_writes_free = Vec::new();
        let answer = views.read(&keyword, |summary, seen| {
            are_writes_free.push(rows.sled_writes.try_write().is_some());
            assert!(rows.memtables.try_write().is_some());
            last += 1;
            put(&rows, &keyword, last);
            rows.freeze().unwrap();
            Ok((summary.tweets, numbers(seen)?))
        });
        let (tweets, found) = answer.unwrap().unwrap().value;
        assert_eq!(tweets, u64::from(last) - 1);
        assert_eq!(found, (1..last).collect::<Vec<_>>());
        let held = are_writes_free.pop();
        assert_eq!(held, Some(false), "a commit would change the rows in sled");
        assert!(are_writes_free.into_iter().all(|is_free| is_free));
        rows.commit(&record).unwrap();
        let after = views.read(&keyword, |_, seen| numbers(seen));
        let after = after.unwrap().unwrap().value;
        assert_eq!(after, (1..=last).collect::<Vec<_>>());
    }
}
