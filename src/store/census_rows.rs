//! What is kept of the census, in the one shard that keeps what belongs to no keyword's shard: so
//! it is committed in one step with the checkpoint of the shard that it is counted for.
//!
//! It is a log of changes, many to a row, of which the last one about a keyword counts. A row for
//! each keyword would take more memory than all else that a keyword at rest needs: sled keeps
//! something for every sixteen rows, and the rows themselves once they were read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ShardRows, StoreError, layout};
use crate::events::{Keyword, stored};
use crate::projections::{Admission, CensusRows};

/// Changes in a row, which the longest of names make 33 KiB.
const CHANGES_IN_A_ROW: usize = 128;

/// The log is worth writing anew when it has so many changes more than twice what they come to.
const CHANGES_TO_SPARE: usize = 1024;

/// The census as it was kept.
#[derive(Debug, PartialEq, Eq)]
pub struct KeptCensus {
    /// How the keywords stand, in keyword order.
    pub rows: CensusRows,
    /// Most of what is kept is out of date: put it anew.
    pub is_wasteful: bool,
}

/// What the log starts with.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Start {
    most: u64,
    /// How many rows there are; the last one may have room.
    rows: u32,
}

type Change = (String, Admission);

impl ShardRows {
    /// The census; `None` when none was put yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn census(&self) -> Result<Option<KeptCensus>, StoreError> {
        let Some(start) = self.census_start()? else {
            return Ok(None);
        };
        let mut admissions = BTreeMap::new();
        let mut changes: usize = 0;
        for row in 0..start.rows {
            let row = self.census_row(row)?;
            changes = changes.saturating_add(row.len());
            for (name, admission) in row {
                let keyword = Keyword::new(&name).map_err(|error| {
                    StoreError::Inconsistent(format!("the census names {name:?}: {error}"))
                })?;
                admissions.insert(keyword, admission);
            }
        }
        let few = admissions
            .len()
            .saturating_mul(2)
            .saturating_add(CHANGES_TO_SPARE);
        Ok(Some(KeptCensus {
            rows: CensusRows {
                most: start.most,
                admissions: admissions.into_iter().collect(),
            },
            is_wasteful: changes > few,
        }))
    }

    /// Puts what has changed in the census, in one step.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_census(&self, changes: &CensusRows) -> Result<(), StoreError> {
        let rows = self.census_start()?.map_or(0, |start| start.rows);
        let last = rows.saturating_sub(1);
        let mut open = if rows == 0 {
            Vec::new()
        } else {
            self.census_row(last)?
        };
        open.extend(changes.admissions.iter().map(as_change));
        self.put_census_rows(changes.most, last, &open, Vec::new())
    }

    /// Puts the whole census in place of all that was put before, in one step.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_whole_census(&self, census: &CensusRows) -> Result<(), StoreError> {
        let changes: Vec<_> = census.admissions.iter().map(as_change).collect();
        let gone = self.keys_of(layout::ALL_CENSUS_ROWS)?;
        self.put_census_rows(census.most, 0, &changes, gone)
    }

    fn put_census_rows(
        &self,
        most: u64,
        first: u32,
        changes: &[Change],
        gone: Vec<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let mut next = first;
        let mut put = Vec::new();
        for row in changes.chunks(CHANGES_IN_A_ROW) {
            put.push((layout::census_row(next), encoded(&row)?));
            next = next.saturating_add(1);
        }
        let start = Start { most, rows: next };
        put.push((layout::CENSUS.to_vec(), encoded(&start)?));
        let mut layers = self.writing();
        let pending = &mut layers.pending;
        pending.extend(gone.into_iter().map(|key| (key, None)));
        pending.extend(put.into_iter().map(|(key, row)| (key, Some(row.into()))));
        Ok(())
    }

    fn census_start(&self) -> Result<Option<Start>, StoreError> {
        let row = self.get(layout::CENSUS, None)?;
        row.map(|row| stored::decode_value(&row).map_err(StoreError::Row))
            .transpose()
    }

    fn census_row(&self, row: u32) -> Result<Vec<Change>, StoreError> {
        let kept = self.get(&layout::census_row(row), None)?;
        let kept = kept.ok_or_else(|| {
            StoreError::Inconsistent(format!("row {row} of the census is missing"))
        })?;
        stored::decode_value(&kept).map_err(StoreError::Row)
    }
}

fn as_change((keyword, admission): &(Keyword, Admission)) -> Change {
    (keyword.as_str().to_owned(), *admission)
}

fn encoded<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let mut row = Vec::new();
    stored::encode_value(value, &mut row).map_err(StoreError::Row)?;
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Incarnation, Sequence, ShardCount};
    use crate::store::{Epoch, Generation, Store, StoreOptions};

    fn store(data: &std::path::Path) -> Store {
        let generation = Generation::load(data).unwrap();
        Store::open(&StoreOptions {
            dir: data.join("views"),
            cache_bytes: 1 << 20,
            shards: ShardCount::DEFAULT,
            epoch: Epoch::of(Incarnation(1), generation),
        })
        .unwrap()
    }

    fn changes(
        most: u64,
        numbers: std::ops::Range<usize>,
        to: impl Fn(usize) -> Admission,
    ) -> CensusRows {
        let admissions = numbers
            .map(|number| (Keyword::new(&format!("k{number:06}")).unwrap(), to(number)))
            .collect();
        CensusRows { most, admissions }
    }

    #[test]
    fn the_last_change_of_a_keyword_counts_and_the_log_can_be_written_anew() {
        let data = tempfile::tempdir().unwrap();
        let store = store(data.path());
        let rows = &store.shards()[0];
        assert_eq!(rows.census().unwrap(), None);

        let refused = |number| Admission::Refused(Sequence::new(number as u64));
        for from in [0, 100, 1000] {
            rows.put_census(&changes(7, from..from + 300, refused))
                .unwrap();
        }
        rows.put_census(&changes(9, 0..3, |_| Admission::Followed))
            .unwrap();
        let mut expected = changes(9, 0..400, refused);
        expected
            .admissions
            .extend(changes(9, 1000..1300, refused).admissions);
        for (_, admission) in &mut expected.admissions[..3] {
            *admission = Admission::Followed;
        }
        let kept = rows.census().unwrap().unwrap();
        assert_eq!(kept.rows, expected);
        assert!(!kept.is_wasteful, "903 changes about 700 keywords");

        let count = || rows.keys_of(layout::ALL_CENSUS_ROWS).unwrap().len();
        assert_eq!(count(), 903_usize.div_ceil(CHANGES_IN_A_ROW));
        for _ in 0..6 {
            rows.put_census(&changes(9, 0..300, refused)).unwrap();
        }
        let kept = rows.census().unwrap().unwrap();
        assert!(kept.is_wasteful, "2,703 changes about 700 keywords");
        rows.put_whole_census(&kept.rows).unwrap();
        assert_eq!(count(), 700_usize.div_ceil(CHANGES_IN_A_ROW));
        let again = rows.census().unwrap().unwrap();
        assert_eq!(again.rows, kept.rows);
        assert!(!again.is_wasteful);
    }
}
