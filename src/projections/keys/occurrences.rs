//! Occurrences of keys in the log of pending tweets.

use std::collections::BTreeSet;

use super::bucket::Width;
use super::kind::KeyKind;
use super::names::{Name, Names, Ranked, as_index};
use super::pending;
use crate::projections::rows::RowsError;

/// Maximum number of buckets for which occurrences are counted in a table with an entry for each
/// name. For more buckets, sorting the occurrences is faster.
const MAX_TABLE_BUCKETS: usize = 4;

/// Assumed number of bytes of the log for each occurrence of a key. If there are fewer, the list of
/// occurrences has to grow.
const BYTES_PER_OCCURRENCE: usize = 6;

/// A bucket, and the index of a name that occurs in it. Ordered by bucket, then by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NameInBucket(u64);

impl NameInBucket {
    fn new(bucket: u32, index: u32) -> Self {
        Self(u64::from(bucket) << 32 | u64::from(index))
    }

    pub(super) const fn bucket(self) -> u32 {
        let [a, b, c, d, ..] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    pub(super) const fn index(self) -> u32 {
        let [.., a, b, c, d] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The name in the wider bucket that contains its bucket. A wider bucket covers `buckets`
    /// narrower ones.
    pub(super) fn widened(self, buckets: u32) -> Self {
        Self::new(self.bucket() / buckets, self.index())
    }
}

/// The number of tweets that have a key in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) name: NameInBucket,
    pub(super) tweets: i64,
}

/// The names in the log, each once and in order, and the buckets in which they occur.
#[derive(Debug)]
pub(super) struct Occurrences<'b> {
    names: Vec<Name<'b>>,
    /// The name and the bucket of five minutes of each occurrence, in the order of the journal.
    found: Vec<NameInBucket>,
}

impl<'b> Occurrences<'b> {
    /// Finds the occurrences of keys of the wanted kinds.
    pub(super) fn of(
        records: &'b [Vec<u8>],
        is_wanted: impl Fn(KeyKind) -> bool,
    ) -> Result<Self, RowsError> {
        let bytes = records.iter().map(Vec::len).sum();
        let mut numbers = Names::with_room_for(bytes);
        let mut found = Vec::with_capacity(bytes / BYTES_PER_OCCURRENCE);
        pending::for_each(records, |at, kind, key| {
            if is_wanted(kind) {
                let number = numbers.number((kind, key));
                found.push(NameInBucket::new(Width::FiveMinutes.bucket(at), number));
            }
        })?;
        let Ranked { names, ranks } = numbers.rank();
        for name in &mut found {
            let rank = ranks.get(as_index(name.index()));
            *name = NameInBucket::new(name.bucket(), rank.copied().unwrap_or_default());
        }
        Ok(Self { names, found })
    }

    /// The number of different names.
    pub(super) const fn names(&self) -> usize {
        self.names.len()
    }

    /// The name with this index.
    pub(super) fn name(&self, index: u32) -> Option<Name<'b>> {
        self.names.get(as_index(index)).copied()
    }

    /// The occurrences in buckets of five minutes, added up for each name in a bucket, in the order
    /// of buckets and names.
    pub(super) fn counted(&self) -> Vec<Occurrence> {
        let neighbours = self.found.chunk_by(|a, b| a.bucket() == b.bucket());
        let buckets: BTreeSet<u32> = neighbours
            .filter_map(|chunk| chunk.first().map(|name| name.bucket()))
            .collect();
        if buckets.len() <= MAX_TABLE_BUCKETS {
            return self.counted_in_table(&buckets);
        }
        let mut found = self.found.clone();
        found.sort_unstable();
        let found = found.into_iter();
        let mut counted: Vec<_> = found.map(|name| Occurrence { name, tweets: 1 }).collect();
        add_equal(&mut counted);
        counted
    }

    fn counted_in_table(&self, buckets: &BTreeSet<u32>) -> Vec<Occurrence> {
        let mut counted = Vec::new();
        let mut table = vec![0_i64; self.names.len()];
        for bucket in buckets {
            for name in self.found.iter().filter(|name| name.bucket() == *bucket) {
                if let Some(tweets) = table.get_mut(as_index(name.index())) {
                    *tweets += 1;
                }
            }
            for (index, tweets) in (0..).zip(&mut table) {
                if *tweets > 0 {
                    counted.push(Occurrence {
                        name: NameInBucket::new(*bucket, index),
                        tweets: std::mem::take(tweets),
                    });
                }
            }
        }
        counted
    }

    /// The name and the bucket of this width of every single occurrence, in the order of the
    /// journal.
    pub(super) fn in_journal_order(&self, width: Width) -> impl Iterator<Item = NameInBucket> {
        let buckets = width.five_minutes();
        self.found.iter().map(move |name| name.widened(buckets))
    }
}

/// Adds up occurrences in wider buckets. A wider bucket covers `buckets` narrower ones. The result
/// is in the order of buckets and names.
pub(super) fn widened(counted: &[Occurrence], buckets: u32) -> Vec<Occurrence> {
    let mut wide: Vec<_> = counted
        .iter()
        .map(|one| Occurrence {
            name: one.name.widened(buckets),
            ..*one
        })
        .collect();
    // The occurrences from one narrower bucket are in order already, so a stable sort is fast.
    wide.sort_by_key(|one| one.name);
    add_equal(&mut wide);
    wide
}

/// Adds up neighbouring occurrences of the same name in the same bucket.
fn add_equal(counted: &mut Vec<Occurrence>) {
    counted.dedup_by(|one, before| {
        let is_equal = one.name == before.name;
        if is_equal {
            before.tweets = before.tweets.saturating_add(one.tweets);
        }
        is_equal
    });
}
