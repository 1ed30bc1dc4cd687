//! Sums of counts by key, over many buckets.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// The counts of one key in the window before and in the window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pair {
    pub(super) previous: u64,
    pub(super) current: u64,
}

/// Counts by key. The keys are stored one after the other and the table holds only their indexes,
/// so that the table of some ten thousand keys fits the cache of the processor.
#[derive(Default)]
pub(super) struct KeySums {
    hasher: RandomState,
    table: HashTable<u32>,
    keys: Vec<u8>,
    sums: Vec<Sum>,
}

struct Sum {
    hash: u64,
    key: Range<u32>,
    pair: Pair,
}

impl KeySums {
    /// The counts of a key; 0 for a new key. `None` if the keys exceed the range of an index.
    pub(super) fn pair(&mut self, key: &[u8]) -> Option<&mut Pair> {
        let hash = self.hasher.hash_one(key);
        let (keys, sums) = (&self.keys, &self.sums);
        let entry = self.table.entry(
            hash,
            |index| {
                sum_of(sums, *index).is_some_and(|sum| sum.hash == hash && key_of(keys, sum) == key)
            },
            |index| sum_of(sums, *index).map_or(0, |sum| sum.hash),
        );
        let index = match entry {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let index = u32::try_from(self.sums.len()).ok()?;
                let start = u32::try_from(self.keys.len()).ok()?;
                let end = start.checked_add(u32::try_from(key.len()).ok()?)?;
                place.insert(index);
                self.keys.extend_from_slice(key);
                self.sums.push(Sum {
                    hash,
                    key: start..end,
                    pair: Pair::default(),
                });
                index
            }
        };
        self.sums
            .get_mut(usize::try_from(index).ok()?)
            .map(|sum| &mut sum.pair)
    }

    /// All keys with their counts.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Pair)> {
        self.sums
            .iter()
            .map(|sum| (key_of(&self.keys, sum), sum.pair))
    }
}

fn sum_of(sums: &[Sum], index: u32) -> Option<&Sum> {
    sums.get(usize::try_from(index).ok()?)
}

fn key_of<'k>(keys: &'k [u8], sum: &Sum) -> &'k [u8] {
    let place = |end| usize::try_from(end).unwrap_or(usize::MAX);
    keys.get(place(sum.key.start)..place(sum.key.end))
        .unwrap_or_default()
}
