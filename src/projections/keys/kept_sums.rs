//! The counts of keys of some buckets, added up. Rows can keep them for later queries.

use super::bucket::Group;
use super::key_sums::{KeySums, Pair};
use crate::projections::KeptResult;

/// The counts of neighbouring buckets: keys with their number of tweets.
pub(super) type BucketSums = KeptSums<u64>;
/// The counts of a window and the window before: keys with their number of tweets in each.
pub(super) type WindowSums = KeptSums<Pair>;

/// Keys with their counts, in the order of their bytes.
#[derive(Debug)]
pub(super) struct KeptSums<Count> {
    /// The bytes of all keys, one key after the other.
    keys: Vec<u8>,
    /// The end of each key in `keys`.
    ends: Vec<u32>,
    counts: Vec<Count>,
    /// The buckets that are cut.
    pub(super) cut: Vec<Group>,
}

impl BucketSums {
    /// Keeps the counts of the first window in `sums`, to which the counts of the buckets were
    /// added.
    pub(super) fn of_buckets(sums: &KeySums, cut: Vec<Group>) -> Self {
        Self::of(sums, cut, |pair| pair.current)
    }
}

impl WindowSums {
    /// Keeps the counts of both windows in `sums`.
    pub(super) fn of_windows(sums: &KeySums, cut: Vec<Group>) -> Self {
        Self::of(sums, cut, |pair| pair)
    }
}

impl<Count: Copy> KeptSums<Count> {
    fn of(sums: &KeySums, cut: Vec<Group>, count: impl Fn(Pair) -> Count) -> Self {
        let mut taken = Self {
            keys: Vec::new(),
            ends: Vec::new(),
            counts: Vec::new(),
            cut,
        };
        for (key, pair) in sums.iter() {
            taken.keys.extend_from_slice(key);
            // The sums hold keys of at most 4 GiB together.
            let end = u32::try_from(taken.keys.len()).unwrap_or(u32::MAX);
            taken.ends.push(end);
            taken.counts.push(count(pair));
        }
        taken.keys.shrink_to_fit();
        taken.ends.shrink_to_fit();
        taken.counts.shrink_to_fit();
        taken
    }

    /// The keys with their counts, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Count)> {
        let mut start = 0;
        self.ends.iter().zip(&self.counts).map(move |(end, count)| {
            let end = usize::try_from(*end).unwrap_or(usize::MAX);
            let key = self.keys.get(start..end).unwrap_or_default();
            start = end;
            (key, *count)
        })
    }
}

impl<Count: Send + Sync + 'static> KeptResult for KeptSums<Count> {
    fn bytes(&self) -> usize {
        let of_entries = self.ends.len() * (size_of::<u32>() + size_of::<Count>());
        self.keys.len() + of_entries + self.cut.len() * size_of::<Group>()
    }
}
