//! The keys of one kind of the pending tweets.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::bucket::Width;
use super::buckets::Buckets;
use super::kind::KeyKind;
use super::pending;
use crate::projections::rows::{Rows, RowsError};
use crate::text::first_bytes;

/// The records of the log, and the keys of one kind in them.
pub(super) struct PendingKeys {
    records: Vec<Vec<u8>>,
    /// The different keys in the order of their bytes, one after the other.
    keys: Vec<u8>,
    /// The end of each key in `keys`.
    ends: Vec<usize>,
    /// For each tweet and key: the bucket of five minutes, and the index of the key in `ends`. In
    /// the order of the buckets.
    found: Vec<(u32, usize)>,
}

impl PendingKeys {
    /// Reads the log from rows.
    pub(super) fn read(rows: &dyn Rows, kind: KeyKind) -> Result<Self, RowsError> {
        let records = pending::read(rows)?;
        let mut numbers: HashMap<&[u8], usize, RandomState> = HashMap::default();
        let mut found = Vec::new();
        pending::for_each(&records, |at, of_kind, key| {
            if of_kind == kind {
                let next = numbers.len();
                let number = *numbers.entry(key).or_insert(next);
                found.push((Width::FiveMinutes.bucket(at), number));
            }
        })?;
        let mut order: Vec<_> = numbers
            .into_iter()
            .map(|(key, number)| (first_bytes(key), key, number))
            .collect();
        order.sort_unstable();
        let mut ranks = vec![0; order.len()];
        let (mut keys, mut ends) = (Vec::new(), Vec::with_capacity(order.len()));
        for (_, key, number) in order {
            if let Some(rank) = ranks.get_mut(number) {
                *rank = ends.len();
            }
            keys.extend_from_slice(key);
            ends.push(keys.len());
        }
        for (_, number) in &mut found {
            *number = ranks.get(*number).copied().unwrap_or_default();
        }
        // Most items are in order already.
        found.sort_by_key(|(bucket, _)| *bucket);
        Ok(Self {
            records,
            keys,
            ends,
            found,
        })
    }

    /// The records of the log.
    pub(super) fn records(&self) -> &[Vec<u8>] {
        &self.records
    }

    /// The keys of the tweets in these buckets, in the order of their bytes, with the number of
    /// tweets that have each.
    pub(super) fn in_buckets(&self, buckets: &Buckets) -> impl Iterator<Item = (&[u8], u64)> {
        let found = self.found_in(buckets);
        let mut counts = vec![0_u64; if found.is_empty() { 0 } else { self.ends.len() }];
        for (_, index) in found {
            if let Some(count) = counts.get_mut(*index) {
                *count += 1;
            }
        }
        let counted = counts.into_iter().enumerate();
        let counted = counted.filter(|(_, count)| *count > 0);
        counted.filter_map(|(index, count)| Some((self.key(index)?, count)))
    }

    /// The buckets that have a key, each with its number of different keys.
    pub(super) fn distinct_in(&self, buckets: &Buckets) -> Vec<(u32, u64)> {
        let found = self.found_in(buckets);
        let mut distinct: Vec<(u32, u64)> = Vec::new();
        let mut seen_in = vec![None; if found.is_empty() { 0 } else { self.ends.len() }];
        for (bucket, index) in found {
            let bucket = bucket / buckets.width.five_minutes();
            let Some(seen_in) = seen_in.get_mut(*index) else {
                continue;
            };
            if seen_in.replace(bucket) == Some(bucket) {
                continue;
            }
            match distinct.last_mut() {
                Some((last, count)) if *last == bucket => *count += 1,
                _ => distinct.push((bucket, 1)),
            }
        }
        distinct
    }

    /// The items of `found` in these buckets.
    fn found_in(&self, buckets: &Buckets) -> &[(u32, usize)] {
        let ratio = buckets.width.five_minutes();
        let Range { start, end } = &buckets.numbers;
        let first_from = |bound: u32| {
            self.found
                .partition_point(|(bucket, _)| bucket / ratio < bound)
        };
        self.found
            .get(first_from(*start)..first_from(*end))
            .unwrap_or_default()
    }

    /// The key with this index in `ends`.
    fn key(&self, index: usize) -> Option<&[u8]> {
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.keys.get(start..*self.ends.get(index)?)
    }
}
