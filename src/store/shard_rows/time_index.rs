//! The time index of a shard. It maps a time to the position that the journal had reached then.
//!
//! The checkpoint row holds the running maximum of `received_at` over the records of the shard. The
//! index keeps earlier values of it, at most one for each 1,024 positions. `received_at` decreases
//! after an import or when a clock was set back. The running maximum does not, so one position
//! separates the records that were received by a time from the later ones.
//!
//! The key of a row has a running maximum (8 bytes, big-endian milliseconds). The value is a
//! version byte and the last known position with this maximum (8 bytes, big-endian). The records
//! alone decide when a row is put, so the rows do not depend on batches or restarts.

use std::ops::Bound;

use bytes::Bytes;

use super::ShardRows;
use crate::events::{Sequence, Timestamp};
use crate::store::{StoreError, layout};

/// Number of positions for which the index has at most one row.
const POSITIONS_PER_ROW: u64 = 1024;

const VERSION: u8 = 1;

/// Writes the time index of a shard.
#[derive(Debug, Clone, Copy)]
pub struct TimeIndex {
    /// The running maximum.
    received_at: Timestamp,
    /// The position of the record that put the last row.
    last_put_by: Sequence,
}

impl TimeIndex {
    /// Continues the index of a shard from its checkpoint.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn resume(rows: &ShardRows) -> Result<Self, StoreError> {
        let record = rows.record()?;
        let last = rows.last_of_time_index(Bound::Unbounded)?;
        Ok(Self {
            received_at: record.map_or(Timestamp::default(), |record| record.received_at),
            last_put_by: last.map_or(Sequence::ZERO, Sequence::next),
        })
    }

    /// The running maximum of `received_at` over the records so far; 1970-01-01 before the first.
    pub const fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// Adds a record of the shard. Records come in sequence order. A record that was added before
    /// changes nothing.
    pub fn add(&mut self, rows: &ShardRows, sequence: Sequence, received_at: Timestamp) {
        let part = |sequence: Sequence| sequence.get() / POSITIONS_PER_ROW;
        if part(sequence) > part(self.last_put_by) {
            self.last_put_by = sequence;
            rows.put_in_time_index(self.received_at, sequence.previous());
        }
        self.received_at = self.received_at.max(received_at);
    }
}

impl ShardRows {
    fn put_in_time_index(&self, received_at: Timestamp, through: Sequence) {
        let mut row = vec![VERSION];
        row.extend_from_slice(&through.get().to_be_bytes());
        let key = layout::time_index(received_at);
        self.writing().pending.insert(key, Some(row.into()));
    }

    /// Returns a position through which all records of this shard had been received by the time
    /// `at`. At most 1,024 later records had been received by then too.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn position_at(&self, at: Timestamp) -> Result<Sequence, StoreError> {
        let last = self.last_of_time_index(Bound::Included(layout::time_index(at)))?;
        Ok(last.unwrap_or_default())
    }

    /// Returns the position in the last row of the index up to a key.
    fn last_of_time_index(&self, end: Bound<Vec<u8>>) -> Result<Option<Sequence>, StoreError> {
        let end = match end {
            Bound::Unbounded => Bound::Excluded(vec![layout::TIME_INDEX.saturating_add(1)]),
            end => end,
        };
        let range = (Bound::Included(vec![layout::TIME_INDEX]), end);
        let row = self.nearest(range, true, None)?;
        row.map(|(key, row)| decode(&key, &row)).transpose()
    }
}

fn decode(key: &[u8], row: &Bytes) -> Result<Sequence, StoreError> {
    match row.split_first() {
        Some((&VERSION, position)) => position.try_into().ok().map(u64::from_be_bytes),
        _ => None,
    }
    .map(Sequence::new)
    .ok_or_else(|| StoreError::Inconsistent(format!("the row {key:02x?} of the time index")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::events::Checkpoint;
    use crate::store::Store;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// Adds records to the index of one shard, with a commit and a restart after each of the counts
    /// in `stops`.
    fn indexed(records: &[(u64, i64)], stops: &[usize]) -> (tempfile::TempDir, Store) {
        let data = tempfile::tempdir().unwrap();
        let store = Store::of_test(data.path());
        let rows = Arc::clone(&store.shards()[0]);
        let mut index = TimeIndex::resume(&rows).unwrap();
        for (count, (sequence, received_at)) in (1..).zip(records) {
            index.add(&rows, Sequence::new(*sequence), at(*received_at));
            if stops.contains(&count) {
                let incarnation = store.parts().incarnation;
                let checkpoint = Checkpoint::start_of(incarnation, Sequence::new(*sequence));
                let record = store.record_at(checkpoint, index.received_at());
                rows.commit(&record).unwrap();
                index = TimeIndex::resume(&rows).unwrap();
                // A record that is read again changes nothing.
                index.add(&rows, Sequence::new(*sequence), at(*received_at));
            }
        }
        (data, store)
    }

    fn rows_of(store: &Store) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        let visit = |key: &[u8], row: &[u8]| {
            found.push((key.to_vec(), row.to_vec()));
            Ok(())
        };
        store.shards()[0]
            .scan(&[layout::TIME_INDEX], visit)
            .unwrap();
        found
    }

    const RECORDS: [(u64, i64); 7] = [
        (1, 500),
        (1_000, 700),
        (1_030, 600),
        (2_047, 650),
        (2_048, 900),
        (5_000, 900),
        (9_000, 950),
    ];

    #[test]
    fn rows_have_these_bytes_after_any_commits() {
        let expected: Vec<(Vec<u8>, Vec<u8>)> = [
            (b"t\0\0\0\0\0\0\x02\xbc", b"\x01\0\0\0\0\0\0\x07\xff"),
            (b"t\0\0\0\0\0\0\x03\x84", b"\x01\0\0\0\0\0\0\x23\x27"),
        ]
        .map(|(key, row)| (key.to_vec(), row.to_vec()))
        .into();
        for stops in [&[][..], &[7], &[3, 5], &[1, 2, 3, 4, 5, 6]] {
            let (_data, store) = indexed(&RECORDS, stops);
            assert_eq!(rows_of(&store), expected, "{stops:?}");
        }
    }

    #[test]
    fn position_of_a_time_covers_only_records_received_by_then() {
        let (_data, store) = indexed(&RECORDS, &[4]);
        let rows = &store.shards()[0];
        for (time, position) in [(0, 0), (699, 0), (700, 2_047), (899, 2_047), (900, 8_999)] {
            let found = rows.position_at(at(time)).unwrap();
            assert_eq!(found, Sequence::new(position), "{time}");
            let later = |(sequence, received_at): &&(u64, i64)| {
                *sequence <= position && *received_at > time
            };
            assert_eq!(RECORDS.iter().find(later), None);
        }
    }
}
