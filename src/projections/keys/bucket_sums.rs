//! The counts of the keys of neighbouring buckets, added up. Rows can keep them for later
//! questions.

use super::bucket::Group;
use super::key_sums::KeySums;
use crate::projections::KeptResult;

/// Keys with the number of tweets of some buckets that have them, in the order of their bytes.
#[derive(Debug, Default)]
pub(super) struct BucketSums {
    /// The keys, one behind the other.
    keys: Vec<u8>,
    /// The end of each key.
    ends: Vec<u32>,
    counts: Vec<u64>,
    /// The buckets that are cut.
    pub(super) cut: Vec<Group>,
}

impl BucketSums {
    /// Takes the counts that were added for the window.
    pub(super) fn of(sums: &KeySums, cut: Vec<Group>) -> Self {
        let mut taken = Self {
            cut,
            ..Self::default()
        };
        for (key, pair) in sums.iter() {
            taken.keys.extend_from_slice(key);
            // The sums hold keys of at most 4 GiB together.
            let end = u32::try_from(taken.keys.len()).unwrap_or(u32::MAX);
            taken.ends.push(end);
            taken.counts.push(pair.current);
        }
        taken.keys.shrink_to_fit();
        taken.ends.shrink_to_fit();
        taken.counts.shrink_to_fit();
        taken
    }

    /// The keys with their counts, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let mut start = 0;
        self.ends.iter().zip(&self.counts).map(move |(end, count)| {
            let end = usize::try_from(*end).unwrap_or(usize::MAX);
            let key = self.keys.get(start..end).unwrap_or_default();
            start = end;
            (key, *count)
        })
    }
}

impl KeptResult for BucketSums {
    fn bytes(&self) -> usize {
        let of_entries = self.ends.len() * (size_of::<u32>() + size_of::<u64>());
        self.keys.len() + of_entries + self.cut.len() * size_of::<Group>()
    }
}
