//! Numbers for names, so that a merge handles numbers instead of bytes.
//!
//! In: the names of many tweets, one by one. Out: each different name once, in order, and the rank
//! of every name that came.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::kind::KeyKind;
use crate::text::first_bytes;

/// A kind of keys, and a key of that kind.
pub(super) type Name<'b> = (KeyKind, &'b [u8]);

/// The bytes of a name that a [`Slot`] holds.
const SLOT_BYTES: u32 = 8;

/// Different names, numbered from 0 in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Names<'b> {
    hasher: RandomState,
    table: HashTable<Slot>,
    names: Vec<Name<'b>>,
}

/// A name in the table. Most names are short, and are compared without looking at their bytes.
#[derive(Debug, Clone, Copy)]
struct Slot {
    start: Start,
    number: u32,
}

/// The beginning of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    /// The first eight bytes of the name, as a number.
    first: u64,
    /// The length of the name times 4, plus the number of its kind.
    tag: u32,
}

impl Start {
    fn of((kind, key): Name<'_>) -> Self {
        let length = u32::try_from(key.len())
            .unwrap_or(u32::MAX)
            .min(u32::MAX >> 2);
        Self {
            first: first_bytes(key),
            tag: length << 2 | u32::from(kind.number()),
        }
    }

    /// Whether the beginning is the whole name.
    const fn is_whole(self) -> bool {
        self.tag >> 2 <= SLOT_BYTES
    }

    fn hash(self, key: &[u8], state: &RandomState) -> u64 {
        let mut hasher = state.build_hasher();
        if self.is_whole() {
            hasher.write_u64(self.first);
        } else {
            hasher.write(key);
        }
        hasher.write_u32(self.tag);
        hasher.finish()
    }
}

/// Different names in order, and their ranks.
#[derive(Debug)]
pub(super) struct Ranked<'b> {
    /// The names by rank, which begins at 0.
    pub(super) names: Vec<Name<'b>>,
    /// The rank of each name, by the number of the name.
    pub(super) ranks: Vec<u32>,
}

impl<'b> Names<'b> {
    /// Makes an empty set with room for the names of records of so many bytes.
    pub(super) fn with_room_for(bytes: usize) -> Self {
        /// Assumed number of bytes of records for each different name. If there are fewer, the
        /// table has to grow.
        const BYTES_PER_NAME: usize = 128;
        Self {
            table: HashTable::with_capacity(bytes / BYTES_PER_NAME),
            ..Self::default()
        }
    }

    /// The number of a name.
    pub(super) fn number(&mut self, name: Name<'b>) -> u32 {
        let start = Start::of(name);
        let hash = start.hash(name.1, &self.hasher);
        let (names, hasher) = (&mut self.names, &self.hasher);
        let key_of = |names: &[Name<'b>], slot: &Slot| {
            let name = names.get(as_index(slot.number));
            name.map_or(&[][..], |(_, key)| *key)
        };
        let known = self.table.find(hash, |slot| {
            slot.start == start && (start.is_whole() || key_of(names, slot) == name.1)
        });
        if let Some(slot) = known {
            return slot.number;
        }
        let number = index_of(names.len());
        names.push(name);
        self.table
            .insert_unique(hash, Slot { start, number }, |slot| {
                slot.start.hash(key_of(names, slot), hasher)
            });
        number
    }

    /// Sorts the names.
    pub(super) fn rank(self) -> Ranked<'b> {
        // Most names differ in their first eight bytes, which are compared as a number.
        let mut order: Vec<(KeyKind, u64, Name<'b>, u32)> = self
            .names
            .into_iter()
            .zip(0..)
            .map(|(name, number)| (name.0, first_bytes(name.1), name, number))
            .collect();
        order.sort_unstable();
        let mut ranks = vec![0; order.len()];
        for (rank, (.., number)) in (0..).zip(&order) {
            if let Some(slot) = ranks.get_mut(as_index(*number)) {
                *slot = rank;
            }
        }
        let names = order.into_iter().map(|(_, _, name, _)| name).collect();
        Ranked { names, ranks }
    }
}

/// Converts the index of a name to its number. Records have at most as many names as bytes, whose
/// number fits 32 bits.
fn index_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// A number or a rank as the index of a table.
pub(super) fn as_index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equal_names_have_one_number_and_ranks_are_in_order(
            came in proptest::collection::vec(("[ab\0]{0,10}", 0..4_usize), 0..200),
        ) {
            let came: Vec<Name<'_>> = came
                .iter()
                .map(|(key, kind)| (KeyKind::ALL[*kind], key.as_bytes()))
                .collect();
            let mut names = Names::default();
            let numbers: Vec<u32> = came.iter().map(|name| names.number(*name)).collect();
            let Ranked { names, ranks } = names.rank();
            let expected: BTreeSet<Name<'_>> = came.iter().copied().collect();
            prop_assert!(names.iter().copied().eq(expected));
            for (name, number) in came.iter().zip(numbers) {
                let rank = ranks[as_index(number)];
                prop_assert_eq!(names[as_index(rank)], *name);
            }
        }
    }
}
