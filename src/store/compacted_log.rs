//! Compacted logs: one value per keyword, in rows of many changes each. The last change of a
//! keyword counts.
//!
//! Compacted logs are for values that every start reads and that rarely change. One row per keyword
//! would take more memory than all other data of an idle keyword, because sled keeps rows that were
//! read in memory, with some bytes for each of their leaves.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ShardRows, StoreError, layout};
use crate::events::{Keyword, binary};

/// Number of changes per row. A row has at most 33 KiB, with the longest keywords.
const CHANGES_PER_ROW: usize = 128;

/// A start compacts the log when the number of its changes exceeds twice the number of its keywords
/// by more than this. Between two starts the log grows more slowly than the journal, which has an
/// event for each change.
const MAX_SURPLUS_CHANGES: usize = 1024;

/// A log as read from its rows.
#[derive(Debug, PartialEq, Eq)]
pub struct KeptLog<T> {
    /// The last value of each keyword, in keyword order.
    pub last: Vec<(Keyword, T)>,
    /// Whether most changes are out of date, so that the log should be compacted.
    pub is_wasteful: bool,
}

/// Rows of a log to put; `None` removes the row.
pub(super) type LogRows = Vec<(Vec<u8>, Option<Bytes>)>;

impl ShardRows {
    /// Reads the log of this kind; `None` when it was never written.
    pub(super) fn log<T: DeserializeOwned>(
        &self,
        kind: u8,
    ) -> Result<Option<KeptLog<T>>, StoreError> {
        let Some(rows) = self.log_length(kind)? else {
            return Ok(None);
        };
        let mut last = BTreeMap::new();
        let mut changes: usize = 0;
        for row in 0..rows {
            let row: Vec<(String, T)> = self.log_row(kind, row)?;
            changes = changes.saturating_add(row.len());
            for (name, said) in row {
                let keyword = Keyword::new(&name).map_err(|error| {
                    StoreError::Inconsistent(format!("a row names {name:?}: {error}"))
                })?;
                last.insert(keyword, said);
            }
        }
        let few = last
            .len()
            .saturating_mul(2)
            .saturating_add(MAX_SURPLUS_CHANGES);
        Ok(Some(KeptLog {
            last: last.into_iter().collect(),
            is_wasteful: changes > few,
        }))
    }

    /// Returns the rows to put, so that the log of this kind has these changes too. The rows must
    /// be put before the next call.
    pub(super) fn log_with<T: Serialize + DeserializeOwned + Copy>(
        &self,
        kind: u8,
        changes: &[(Keyword, T)],
    ) -> Result<LogRows, StoreError> {
        let rows = self.log_length(kind)?.unwrap_or(0);
        let last = rows.saturating_sub(1);
        let mut open = if rows == 0 {
            Vec::new()
        } else {
            self.log_row(kind, last)?
        };
        open.extend(changes.iter().map(as_change));
        rows_of(kind, last, &open)
    }

    /// Returns the rows to put, so that the log of this kind has these values and no others.
    pub(super) fn compacted_log<T: Serialize + Copy>(
        &self,
        kind: u8,
        all: &[(Keyword, T)],
    ) -> Result<LogRows, StoreError> {
        let gone = self.keys_of(&[kind])?;
        let mut rows: LogRows = gone.into_iter().map(|key| (key, None)).collect();
        let changes: Vec<_> = all.iter().map(as_change).collect();
        rows.extend(rows_of(kind, 0, &changes)?);
        Ok(rows)
    }

    fn log_length(&self, kind: u8) -> Result<Option<u32>, StoreError> {
        let row = self.get(&[kind], None)?;
        row.map(|row| binary::decode_value(&row).map_err(StoreError::Row))
            .transpose()
    }

    fn log_row<T: DeserializeOwned>(
        &self,
        kind: u8,
        number: u32,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let row = self.get(&layout::log_row(kind, number), None)?;
        let row = row.ok_or_else(|| {
            let kind = char::from(kind);
            StoreError::Inconsistent(format!("row {number} of the log {kind:?} is missing"))
        })?;
        binary::decode_value(&row).map_err(StoreError::Row)
    }
}

/// Returns the rows of these changes from the row number `first` on, and the row with the number of
/// rows.
fn rows_of<T: Serialize>(
    kind: u8,
    first: u32,
    changes: &[(String, T)],
) -> Result<LogRows, StoreError> {
    let mut number = first;
    let mut rows = LogRows::new();
    for row in changes.chunks(CHANGES_PER_ROW) {
        rows.push((layout::log_row(kind, number), Some(encoded(&row)?)));
        number = number.saturating_add(1);
    }
    rows.push((vec![kind], Some(encoded(&number)?)));
    Ok(rows)
}

fn as_change<T: Copy>((keyword, said): &(Keyword, T)) -> (String, T) {
    (keyword.as_str().to_owned(), *said)
}

fn encoded<T: Serialize>(value: &T) -> Result<Bytes, StoreError> {
    let mut row = Vec::new();
    binary::encode_value(value, &mut row).map_err(StoreError::Row)?;
    Ok(row.into())
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::store::Store;

    const KIND: u8 = b'a';

    fn changes(numbers: Range<u32>, said: impl Fn(u32) -> u32) -> Vec<(Keyword, u32)> {
        numbers
            .map(|number| {
                (
                    Keyword::new(&format!("k{number:06}")).unwrap(),
                    said(number),
                )
            })
            .collect()
    }

    #[test]
    fn last_change_of_a_keyword_wins_and_log_can_be_rewritten() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::of_test(data.path());
        let shard = &store.shards()[0];
        let put = |rows: LogRows| shard.writing().pending.extend(rows);
        let append = |changes: &[(Keyword, u32)]| put(shard.log_with(KIND, changes).unwrap());
        let log = || shard.log::<u32>(KIND).unwrap();
        assert_eq!(log(), None);

        for from in [0, 100, 1000] {
            append(&changes(from..from + 300, |number| number));
        }
        append(&changes(0..3, |_| 7));
        let mut expected = changes(0..400, |number| if number < 3 { 7 } else { number });
        expected.extend(changes(1000..1300, |number| number));
        let kept = log().unwrap();
        assert_eq!(kept.last, expected);
        assert!(!kept.is_wasteful, "903 changes about 700 keywords");

        let rows = || shard.keys_of(&[KIND]).unwrap().len() - 1;
        assert_eq!(rows(), 903_usize.div_ceil(CHANGES_PER_ROW));
        for _ in 0..6 {
            append(&changes(0..300, |number| number));
        }
        let kept = log().unwrap();
        assert!(kept.is_wasteful, "2,703 changes about 700 keywords");
        put(shard.compacted_log(KIND, &kept.last).unwrap());
        assert_eq!(rows(), 700_usize.div_ceil(CHANGES_PER_ROW));
        let again = log().unwrap();
        assert_eq!(again.last, kept.last);
        assert!(!again.is_wasteful);
    }
}
