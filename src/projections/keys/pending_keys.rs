//! The keys of one kind of the pending tweets.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::bucket::Width;
use super::counts::Buckets;
use super::kind::KeyKind;
use super::pending;
use crate::projections::rows::{Rows, RowsError};

/// The log, and its keys of one kind.
pub(super) struct PendingKeys {
    records: Vec<Vec<u8>>,
    /// All keys, one after the other.
    keys: Vec<u8>,
    /// Each key: its bucket of five minutes, and its range in `keys`.
    found: Vec<(u32, Range<usize>)>,
}

impl PendingKeys {
    pub(super) fn read(rows: &dyn Rows, kind: KeyKind) -> Result<Self, RowsError> {
        let records = pending::read(rows)?;
        let (mut keys, mut found) = (Vec::new(), Vec::new());
        pending::for_each(&records, |at, of_kind, key| {
            if of_kind == kind {
                let start = keys.len();
                keys.extend_from_slice(key);
                found.push((Width::FiveMinutes.bucket(at), start..keys.len()));
            }
        })?;
        Ok(Self {
            records,
            keys,
            found,
        })
    }

    /// The records of the log.
    pub(super) fn records(&self) -> &[Vec<u8>] {
        &self.records
    }

    /// The keys of the tweets in these buckets.
    pub(super) fn in_buckets(&self, buckets: &Buckets) -> impl Iterator<Item = (u32, &[u8])> {
        let ratio = buckets.width.five_minutes();
        self.found.iter().filter_map(move |(bucket, key)| {
            let bucket = bucket / ratio;
            let key = self.keys.get(key.clone())?;
            buckets.numbers.contains(&bucket).then_some((bucket, key))
        })
    }

    /// The number of different keys in each of these buckets that has a key.
    pub(super) fn distinct_in(&self, buckets: &Buckets) -> Vec<(u32, u64)> {
        let mut keys: HashMap<u32, HashSet<&[u8]>> = HashMap::new();
        for (bucket, key) in self.in_buckets(buckets) {
            keys.entry(bucket).or_default().insert(key);
        }
        keys.into_iter()
            .map(|(bucket, keys)| (bucket, u64::try_from(keys.len()).unwrap_or(u64::MAX)))
            .collect()
    }
}
