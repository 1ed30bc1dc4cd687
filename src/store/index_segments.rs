//! A multimap in memory from a tweet id to the keywords that have seen it, 20 bytes an entry.
//!
//! Entries are in segments. A segment has a sorted part for binary search, and a short unsorted
//! part that is scanned. When the unsorted part is full, it is merged into the sorted part. The
//! segment of an id follows from a hash with a random key per index, so an attacker cannot choose
//! ids that fill one segment.

use std::hash::{BuildHasher as _, RandomState};

use crate::projections::ids::IdHash;

/// Number of segments of an index, a power of two. With ten million entries a segment has 2,400 of
/// them, in 48 KiB.
const SEGMENTS: usize = 4096;
/// Maximum number of unsorted entries of a segment.
const MAX_UNSORTED: usize = 64;

/// The number of a keyword in this index.
pub(super) type KeywordNumber = u32;

/// Bytes of an entry: the hash of the id, then the number of the keyword times two, plus one when
/// the id is deleted in that keyword. Big-endian, so that entries sort by id, then by keyword.
const ENTRY_BYTES: usize = 20;
const HASH_BYTES: usize = 16;

/// An id that was seen in a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry([u8; ENTRY_BYTES]);

impl Entry {
    fn new(id: IdHash, keyword: KeywordNumber, is_deleted: bool) -> Self {
        let value = keyword << 1 | u32::from(is_deleted);
        let mut bytes = [0; ENTRY_BYTES];
        let parts = id.bytes().into_iter().chain(value.to_be_bytes());
        for (to, from) in bytes.iter_mut().zip(parts) {
            *to = from;
        }
        Self(bytes)
    }

    fn id(&self) -> [u8; HASH_BYTES] {
        let [hash @ .., _, _, _, _] = self.0;
        hash
    }

    fn keyword(&self) -> KeywordNumber {
        self.value() >> 1
    }

    fn is_deleted(&self) -> bool {
        self.value() & 1 == 1
    }

    fn value(&self) -> u32 {
        let [.., a, b, c, d] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether both entries have the same id and keyword.
    fn is_like(&self, other: &Self) -> bool {
        self.id() == other.id() && self.keyword() == other.keyword()
    }
}

#[derive(Debug, Default)]
struct Segment {
    sorted: Vec<Entry>,
    unsorted: Vec<Entry>,
}

impl Segment {
    /// The entries of an id.
    fn of(&self, id: IdHash) -> impl Iterator<Item = &Entry> {
        let id = id.bytes();
        let start = self.sorted.partition_point(|entry| entry.id() < id);
        let sorted = self.sorted.get(start..).unwrap_or_default();
        let sorted = sorted.iter().take_while(move |entry| entry.id() == id);
        sorted.chain(self.unsorted.iter().filter(move |entry| entry.id() == id))
    }

    fn find_mut(&mut self, wanted: &Entry) -> Option<&mut Entry> {
        let not_deleted = Entry::new(IdHash::from_bytes(wanted.id()), wanted.keyword(), false);
        let start = self.sorted.partition_point(|entry| *entry < not_deleted);
        match self.sorted.get_mut(start) {
            Some(found) if found.is_like(wanted) => Some(found),
            _ => self.unsorted.iter_mut().find(|entry| entry.is_like(wanted)),
        }
    }

    /// Sorts all entries, and keeps one entry for each id and keyword.
    fn sort(&mut self) {
        self.sorted.append(&mut self.unsorted);
        // The sort detects the part that is sorted already, and merges.
        self.sorted.sort();
        // A deletion sorts after the entry that it deletes, and is the one that is kept.
        self.sorted.dedup_by(|later, first| {
            let same = later.is_like(first);
            if same {
                *first = *later;
            }
            same
        });
    }
}

/// A multimap from ids to the keywords in which they were seen.
#[derive(Debug)]
pub(super) struct IndexSegments {
    segments: Box<[Segment]>,
    key: RandomState,
}

impl IndexSegments {
    pub(super) fn new() -> Self {
        Self {
            segments: std::iter::repeat_with(Segment::default)
                .take(SEGMENTS)
                .collect(),
            key: RandomState::new(),
        }
    }

    /// Adds an entry without a check for duplicates. The caller must call [`IndexSegments::sort`]
    /// afterwards.
    pub(super) fn push(&mut self, id: IdHash, keyword: KeywordNumber, is_deleted: bool) {
        let segment = self.segment_of(id);
        if let Some(segment) = self.segments.get_mut(segment) {
            segment.unsorted.push(Entry::new(id, keyword, is_deleted));
        }
    }

    /// Sorts the pushed entries.
    pub(super) fn sort(&mut self) {
        for segment in &mut self.segments {
            segment.sort();
        }
    }

    /// Adds an entry, or marks the existing one as deleted. Returns true when there was none. A
    /// deletion is never undone.
    pub(super) fn set(&mut self, id: IdHash, keyword: KeywordNumber, is_deleted: bool) -> bool {
        let entry = Entry::new(id, keyword, is_deleted);
        let segment = self.segment_of(id);
        let Some(segment) = self.segments.get_mut(segment) else {
            return false;
        };
        if let Some(found) = segment.find_mut(&entry) {
            if is_deleted {
                *found = entry;
            }
            return false;
        }
        segment.unsorted.push(entry);
        if segment.unsorted.len() > MAX_UNSORTED {
            segment.sort();
        }
        true
    }

    /// The keywords in which an id was seen, each once, and whether the id is deleted there.
    pub(super) fn of(&self, id: IdHash) -> impl Iterator<Item = (KeywordNumber, bool)> {
        let segment = self.segments.get(self.segment_of(id));
        let entries = segment.into_iter().flat_map(move |segment| segment.of(id));
        entries.map(|entry| (entry.keyword(), entry.is_deleted()))
    }

    fn segment_of(&self, id: IdHash) -> usize {
        let hash = self.key.hash_one(id.bytes());
        usize::try_from(hash).unwrap_or_default() % SEGMENTS
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::events::TweetId;

    fn id(number: u32) -> IdHash {
        IdHash::of(&TweetId::new(&format!("x:{number}")).unwrap())
    }

    fn of(index: &IndexSegments, number: u32) -> Vec<(u32, bool)> {
        let mut found: Vec<_> = index.of(id(number)).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn an_id_of_many_keywords_is_found_in_all_of_them() {
        let mut index = IndexSegments::new();
        for keyword in 0..1_000 {
            assert!(index.set(id(1), keyword, false));
            assert!(!index.set(id(1), keyword, keyword % 2 == 0));
        }
        let expected: Vec<_> = (0..1_000)
            .map(|keyword| (keyword, keyword % 2 == 0))
            .collect();
        assert_eq!(of(&index, 1), expected);
        assert_eq!(of(&index, 2), []);
    }

    #[test]
    fn an_entry_takes_twenty_bytes() {
        assert_eq!(size_of::<Entry>(), ENTRY_BYTES);
    }

    proptest! {
        #[test]
        fn pushed_and_set_entries_are_found_as_a_map_holds_them(
            pushed in prop::collection::vec((0_u32..40, 0_u32..6, any::<bool>()), 0..300),
            set in prop::collection::vec((0_u32..40, 0_u32..6, any::<bool>()), 0..600),
        ) {
            let mut index = IndexSegments::new();
            let mut model = BTreeMap::<(u32, u32), bool>::new();
            for (number, keyword, is_deleted) in pushed {
                index.push(id(number), keyword, is_deleted);
                *model.entry((number, keyword)).or_default() |= is_deleted;
            }
            index.sort();
            for (number, keyword, is_deleted) in set {
                let is_new = index.set(id(number), keyword, is_deleted);
                prop_assert_eq!(is_new, !model.contains_key(&(number, keyword)));
                *model.entry((number, keyword)).or_default() |= is_deleted;
            }
            for number in 0..40 {
                let expected: Vec<_> = model
                    .range((number, 0)..(number + 1, 0))
                    .map(|((_, keyword), is_deleted)| (*keyword, *is_deleted))
                    .collect();
                prop_assert_eq!(of(&index, number), expected);
            }
        }
    }
}
