//! The counts of keys in a window and in the window before. Rows can keep them for later questions.

use super::bucket::Group;
use super::key_sums::{KeySums, Pair};
use crate::projections::KeptResult;

/// Keys in the order of their bytes, each with its number of tweets in each of the two windows.
#[derive(Debug, Default)]
pub(super) struct WindowSums {
    /// The keys, one behind the other.
    keys: Vec<u8>,
    /// The end of each key.
    ends: Vec<u32>,
    pairs: Vec<Pair>,
    /// The buckets of the windows that are cut.
    pub(super) cut: Vec<Group>,
}

impl WindowSums {
    /// Takes the counts that were added.
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
            taken.pairs.push(pair);
        }
        taken.keys.shrink_to_fit();
        taken.ends.shrink_to_fit();
        taken.pairs.shrink_to_fit();
        taken
    }

    /// The keys with their counts, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Pair)> {
        let mut start = 0;
        self.ends.iter().zip(&self.pairs).map(move |(end, pair)| {
            let end = usize::try_from(*end).unwrap_or(usize::MAX);
            let key = self.keys.get(start..end).unwrap_or_default();
            start = end;
            (key, *pair)
        })
    }
}

impl KeptResult for WindowSums {
    fn bytes(&self) -> usize {
        let of_entries = self.ends.len() * (size_of::<u32>() + size_of::<Pair>());
        self.keys.len() + of_entries + self.cut.len() * size_of::<Group>()
    }
}
