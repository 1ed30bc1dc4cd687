//! The written form of the entries of a leaf.
//!
//! An entry begins with a byte of fields, from the lowest bit on:
//!
//! | bits | value |
//! |---|---|
//! | 1 | 1 if the count is 1 |
//! | 1 | 1 if the rest of the key ends with packed syllables |
//! | 3 | number of leading bytes shared with the key before it, minus 6; 7 if the number follows |
//! | 3 | length of the rest in bytes, or in packed syllables; 7 if the length follows |
//!
//! Then come the number of shared bytes and the length, if they follow (varints), the rest of the
//! key, and the count, unless it is 1 (varint).
//!
//! Entries are in the order of their keys, and an entry has one written form. Reading accepts no
//! other form, so most damage to a row is noticed: a number does not follow if its field has room
//! for it, the shared bytes are all that the keys share, and syllables that can be packed are.
//!
//! A syllable is three bytes that begin with 0xea to 0xed, which in UTF-8 are all Hangul syllables
//! and few other characters. Packed, it has two bytes: 14 bits, big-endian. Before the packed
//! syllables, the rest has bytes that are written unchanged: those that belong to the first six
//! bytes of the key, in which most maps have a number, and those that complete a syllable of which
//! the key before has the first bytes.

use crate::projections::varint::{read_varint, write_varint};

/// Maximum length of the rest of a key, in bytes. A longer one means that the row is damaged.
const MAX_REST_BYTES: usize = 64 * 1024;

/// Leading bytes of a key that are never packed.
const PLAIN_BYTES: usize = 6;

/// Bytes of a syllable.
const SYLLABLE: usize = 3;
/// Bytes of a packed syllable.
const PACKED: usize = 2;
/// The lowest first byte of a Hangul syllable in UTF-8; the highest is `0xed`.
const FIRST_LEAD: u8 = 0xea;

const COUNT_IS_ONE: u8 = 1;
const IS_PACKED: u8 = 1 << 1;
const SHARED_SHIFT: u32 = 2;
const LENGTH_SHIFT: u32 = 5;
/// The largest value of a field; the number follows.
const FOLLOWS: u8 = 7;

/// The damage of bytes that end within an entry.
const CUT: &str = "an entry is cut";
/// The damage of bytes that [`write_entry`] does not write for any entry.
const UNWRITTEN: &str = "an entry has another form than the written one";

/// Reads entries one by one.
#[derive(Debug)]
pub(super) struct Entries<'b> {
    rest: &'b [u8],
    key: Vec<u8>,
    written_key: &'b [u8],
    shared: usize,
    read: usize,
}

impl<'b> Entries<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self {
            rest: bytes,
            key: Vec::new(),
            written_key: &[],
            shared: 0,
            read: 0,
        }
    }

    /// The key of the entry that was read last.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The entry that was read last, without the count behind the key.
    pub(super) const fn written_key(&self) -> &'b [u8] {
        self.written_key
    }

    /// Number of leading bytes that the last read key shares with the key before it.
    pub(super) const fn shared(&self) -> usize {
        self.shared
    }

    /// Number of entries that were read.
    pub(super) const fn read(&self) -> usize {
        self.read
    }

    /// Reads the next entry and gives its count; `None` at the end.
    ///
    /// # Errors
    /// The damage of bytes that are not in the written form of entries in order.
    pub(super) fn next_entry(&mut self) -> Result<Option<u64>, &'static str> {
        let Some((fields, mut rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        let shared = match fields >> SHARED_SHIFT & FOLLOWS {
            FOLLOWS => read_following(&mut rest, PLAIN_BYTES)?,
            shared => PLAIN_BYTES + usize::from(shared),
        };
        let length = match fields >> LENGTH_SHIFT {
            FOLLOWS => read_following(&mut rest, 0)?,
            length => usize::from(length),
        };
        if shared > self.key.len() || length > MAX_REST_BYTES {
            return Err("a key is longer than any");
        }
        let unshared = self.key.get(shared).copied();
        self.key.truncate(shared);
        rest = if fields & IS_PACKED == 0 {
            self.read_plain(length, rest)?
        } else {
            self.read_packed(length, rest)?
        };
        // Behind the bytes that they share, the key is above the key before it.
        if self.read > 0 && self.key.get(shared).copied() <= unshared {
            return Err("keys are not in order");
        }
        let key_bytes = self.rest.len() - rest.len();
        self.written_key = self.rest.get(..key_bytes).unwrap_or_default();
        self.shared = shared;
        self.read += 1;
        let count = if fields & COUNT_IS_ONE == 0 {
            let count = read_varint(&mut rest).ok_or("a count is cut")?;
            if count == 1 {
                return Err(UNWRITTEN);
            }
            count
        } else {
            1
        };
        self.rest = rest;
        Ok(Some(count))
    }

    /// Reads the rest of a key, which has this length in bytes. Returns the bytes behind it.
    fn read_plain(&mut self, length: usize, bytes: &'b [u8]) -> Result<&'b [u8], &'static str> {
        let (rest, behind) = bytes.split_at_checked(length).ok_or(CUT)?;
        if syllables_behind(plain_bytes(&self.key), rest).is_some() {
            return Err(UNWRITTEN);
        }
        self.key.extend_from_slice(rest);
        Ok(behind)
    }

    /// Reads the rest of a key that ends with this number of packed syllables. Returns the bytes
    /// behind it.
    fn read_packed(&mut self, syllables: usize, bytes: &'b [u8]) -> Result<&'b [u8], &'static str> {
        let (plain, rest) = bytes.split_at_checked(plain_bytes(&self.key)).ok_or(CUT)?;
        let (packed, behind) = rest.split_at_checked(syllables * PACKED).ok_or(CUT)?;
        self.key.extend_from_slice(plain);
        let (packed, _) = packed.as_chunks();
        if packed.is_empty() {
            return Err(UNWRITTEN);
        }
        for syllable in packed {
            let syllable = unpacked(*syllable).ok_or(UNWRITTEN)?;
            self.key.extend_from_slice(&syllable);
        }
        Ok(behind)
    }
}

/// Reads a number that follows, because its field has no room for it: the field has room for seven
/// numbers from `least` on.
fn read_following(rest: &mut &[u8], least: usize) -> Result<usize, &'static str> {
    let number = read_length(rest).ok_or(CUT)?;
    let in_field = least..least + usize::from(FOLLOWS);
    if in_field.contains(&number) {
        Err(UNWRITTEN)
    } else {
        Ok(number)
    }
}

pub(super) fn read_length(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(read_varint(rest)?).ok()
}

/// Appends an entry behind one with the key `last`. Returns the number of bytes that the keys
/// share.
pub(super) fn write_entry(last: &[u8], (key, count): (&[u8], u64), out: &mut Vec<u8>) -> usize {
    let shared = last.iter().zip(key).take_while(|(a, b)| a == b).count();
    let (before, rest) = key.split_at_checked(shared).unwrap_or((key, &[]));
    let syllables = syllables_behind(plain_bytes(before), rest);
    let (shared_field, shared_follows) = field(shared.checked_sub(PLAIN_BYTES), shared);
    let length = syllables.map_or(rest.len(), |(_, syllables)| syllables.len());
    let (length_field, length_follows) = field(Some(length), length);
    out.push(
        count_field(count)
            | if syllables.is_some() { IS_PACKED } else { 0 }
            | shared_field << SHARED_SHIFT
            | length_field << LENGTH_SHIFT,
    );
    for number in [shared_follows, length_follows].into_iter().flatten() {
        write_varint(u64::try_from(number).unwrap_or(u64::MAX), out);
    }
    match syllables {
        Some((plain, syllables)) => {
            out.extend_from_slice(plain);
            for syllable in syllables {
                out.extend_from_slice(&packed(*syllable));
            }
        }
        None => out.extend_from_slice(rest),
    }
    write_count(count, out);
    shared
}

/// Appends an entry that was read from another leaf, with another count. `written_key` is its
/// written form without the count ([`Entries::written_key`]). The entry before it must have the
/// same key in both leaves.
pub(super) fn copy_entry(written_key: &[u8], count: u64, out: &mut Vec<u8>) {
    if let Some((fields, rest)) = written_key.split_first() {
        out.push(fields & !COUNT_IS_ONE | count_field(count));
        out.extend_from_slice(rest);
        write_count(count, out);
    }
}

/// The field for a number, and the number if it follows.
fn field(value: Option<usize>, number: usize) -> (u8, Option<usize>) {
    let value = value.and_then(|value| u8::try_from(value).ok());
    match value.filter(|value| *value < FOLLOWS) {
        Some(value) => (value, None),
        None => (FOLLOWS, Some(number)),
    }
}

fn count_field(count: u64) -> u8 {
    if count == 1 { COUNT_IS_ONE } else { 0 }
}

fn write_count(count: u64, out: &mut Vec<u8>) {
    if count != 1 {
        write_varint(count, out);
    }
}

/// The number of bytes that follow `before`, the shared bytes of a key, and are not packed.
fn plain_bytes(before: &[u8]) -> usize {
    match before.get(PLAIN_BYTES..) {
        None => PLAIN_BYTES - before.len(),
        Some([.., lead]) if is_lead(*lead) => 2,
        Some([.., lead, second]) if is_lead(*lead) && is_continuation(*second) => 1,
        Some(_) => 0,
    }
}

/// The first `plain` bytes of the rest of a key, and the syllables behind them; `None` if there is
/// anything else behind them, or nothing.
fn syllables_behind(plain: usize, rest: &[u8]) -> Option<(&[u8], &[[u8; SYLLABLE]])> {
    let (plain, behind) = rest.split_at_checked(plain)?;
    let (syllables, others) = behind.as_chunks();
    let is_syllable = |[lead, second, third]: &[u8; SYLLABLE]| {
        is_lead(*lead) && is_continuation(*second) && is_continuation(*third)
    };
    let are_all = !syllables.is_empty() && others.is_empty() && syllables.iter().all(is_syllable);
    are_all.then_some((plain, syllables))
}

const fn is_lead(byte: u8) -> bool {
    byte.wrapping_sub(FIRST_LEAD) < 4
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

fn packed([lead, second, third]: [u8; SYLLABLE]) -> [u8; PACKED] {
    let [lead, second, third] = [lead.wrapping_sub(FIRST_LEAD), second, third].map(u16::from);
    ((lead & 3) << 12 | (second & 0x3f) << 6 | third & 0x3f).to_be_bytes()
}

/// The three bytes of a packed syllable; `None` if one of the two highest bits is set.
fn unpacked([high, low]: [u8; PACKED]) -> Option<[u8; SYLLABLE]> {
    (high >> 6 == 0).then_some([
        FIRST_LEAD + (high >> 4),
        0x80 | (high << 2 & 0x3c) | low >> 6,
        0x80 | low & 0x3f,
    ])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn written(entries: &[(&[u8], u64)]) -> Vec<u8> {
        let (mut out, mut last) = (Vec::new(), &[][..]);
        for (key, count) in entries {
            write_entry(last, (key, *count), &mut out);
            last = key;
        }
        out
    }

    /// The first byte of an entry.
    fn fields(length: u8, shared: u8, flags: &[u8]) -> u8 {
        length << 5 | shared << 2 | flags.iter().fold(0, |all, flag| all | flag)
    }

    #[test]
    fn entries_have_these_bytes() {
        let name = |word: &str| [b"\x00\x00\x00\x01\x00\x00", word.as_bytes()].concat();
        let names = ["", "ab", "가나", "각다", "가gd", "힣"].map(name);
        let entries = written(&[
            (&names[0], 300),
            (&names[1], 1),
            (&names[4], 1),
            (&names[2], 2),
            (&names[3], 1),
            (&names[5], 1),
            (b"\xff", 0),
        ]);
        let expected: [&[u8]; 7] = [
            // The length 6 is in its field. The number of shared bytes, 0, follows. The count is
            // 300.
            &[fields(6, 7, &[]), 0, 0, 0, 0, 1, 0, 0, 0xac, 2],
            &[fields(2, 0, &[COUNT_IS_ONE]), b'a', b'b'],
            &[fields(5, 0, &[COUNT_IS_ONE]), 0xea, 0xb0, 0x80, b'g', b'd'],
            // The first syllable is shared, and the second one is packed.
            &[fields(1, 3, &[IS_PACKED]), 0x10, 0x98, 2],
            // Two of three bytes of the first syllable are shared.
            &[fields(1, 2, &[IS_PACKED, COUNT_IS_ONE]), 0x81, 0x12, 0xe4],
            &[fields(1, 0, &[IS_PACKED, COUNT_IS_ONE]), 0x37, 0xa3],
            &[fields(1, 7, &[]), 0, 0xff, 0],
        ];
        let mut rest = &entries[..];
        for (number, expected) in (0..).zip(expected) {
            let (found, after) = rest.split_at(expected.len().min(rest.len()));
            assert_eq!(found, expected, "entry {number}");
            rest = after;
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn syllable_is_unpacked_from_two_bytes() {
        for character in '\u{a000}'..='\u{d7ff}' {
            let mut bytes = [0; SYLLABLE];
            character.encode_utf8(&mut bytes);
            assert_eq!(unpacked(packed(bytes)), Some(bytes), "{character}");
        }
    }

    fn read(bytes: &[u8]) -> Result<Vec<(Vec<u8>, u64)>, &'static str> {
        let mut entries = Entries::new(bytes);
        let mut read = Vec::new();
        while let Some(count) = entries.next_entry()? {
            read.push((entries.key().to_vec(), count));
        }
        Ok(read)
    }

    #[test]
    fn entry_is_not_read_from_another_form_than_the_written_one() {
        let first = written(&[(b"\x00\x00\x00\x01\x00\x00ab", 1)]);
        let once = |length, shared| fields(length, shared, &[COUNT_IS_ONE]);
        let packed = |length, shared| fields(length, shared, &[IS_PACKED, COUNT_IS_ONE]);
        for (what, form) in [
            ("shared bytes of the field", &[once(1, 7), 6, b'b'][..]),
            ("a length of the field", &[once(7, 1), 1, b'c']),
            ("a count of 1", &[fields(1, 1, &[]), b'c', 1]),
            ("a count in two bytes", &[fields(1, 1, &[]), b'c', 0x82, 0]),
            ("no shared byte more", &[once(2, 0), b'a', b'c']),
            ("the same key", &[once(0, 2)]),
            ("an earlier key", &[once(1, 1), b'a']),
            ("unpacked syllables", &[once(3, 0), 0xea, 0xb0, 0x80]),
            ("no packed syllable", &[packed(0, 2)]),
            ("15 bits", &[packed(1, 0), 0x40, 0]),
        ] {
            let bytes = [&first, form].concat();
            assert!(read(&bytes).is_err(), "{what}");
        }
    }

    /// How bytes of entries are changed at a place.
    #[derive(Debug, Clone, Copy)]
    enum Change {
        Set(u8),
        Flip(u8),
        Insert(u8),
        Remove,
        /// Lengthens the number that ends at the place by one byte.
        Lengthen,
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            any::<u8>().prop_map(Change::Set),
            (0..8_u8).prop_map(|bit| Change::Flip(1 << bit)),
            (0..9_u8).prop_map(Change::Insert),
            Just(Change::Remove),
            Just(Change::Lengthen),
        ]
    }

    fn changed(bytes: &mut Vec<u8>, place: usize, change: Change) {
        match change {
            Change::Set(byte) => bytes[place] = byte,
            Change::Flip(bit) => bytes[place] ^= bit,
            Change::Insert(byte) => bytes.insert(place, byte),
            Change::Remove => drop(bytes.remove(place)),
            Change::Lengthen => {
                bytes[place] |= 0x80;
                bytes.insert(place + 1, 0);
            }
        }
    }

    fn keys() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            "[가각나힣ab\u{e000}\u{9fff}]{0,3}".prop_map(String::into_bytes),
            proptest::collection::vec(
                prop_oneof![Just(0xea), Just(0xed), Just(0x80), any::<u8>()],
                0..4,
            ),
        ];
        let start = proptest::collection::vec(prop_oneof![Just(0xea), 0..3_u8], 0..8);
        (start, proptest::collection::vec(part, 0..4))
            .prop_map(|(start, parts)| [start, parts.concat()].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_024))]
        #[test]
        fn entries_are_read_as_they_were_written(
            entries in proptest::collection::btree_map(
                keys(),
                prop_oneof![0..3_u64, any::<u64>()],
                0..40,
            ),
        ) {
            let given: Vec<_> = entries.iter().map(|(key, count)| (&key[..], *count)).collect();
            let bytes = written(&given);
            let mut read = BTreeMap::new();
            let mut copied = Vec::new();
            let mut found = Entries::new(&bytes);
            while let Some(count) = found.next_entry().unwrap() {
                read.insert(found.key().to_vec(), count);
                copy_entry(found.written_key(), count.wrapping_add(1), &mut copied);
            }
            prop_assert_eq!(&read, &entries);
            let later = given.iter().map(|(key, count)| (*key, count.wrapping_add(1)));
            prop_assert_eq!(copied, written(&later.collect::<Vec<_>>()));
        }

        #[test]
        fn changed_bytes_are_damage_or_the_written_form_of_other_entries(
            entries in proptest::collection::btree_map(keys(), 0..3_u64, 1..6),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), change()), 1..4),
        ) {
            let given: Vec<_> = entries.iter().map(|(key, count)| (&key[..], *count)).collect();
            let mut bytes = written(&given);
            for (place, change) in changes {
                if !bytes.is_empty() {
                    let place = place.index(bytes.len());
                    changed(&mut bytes, place, change);
                }
            }
            if let Ok(read) = read(&bytes) {
                let read: Vec<_> = read.iter().map(|(key, count)| (&key[..], *count)).collect();
                prop_assert_eq!(written(&read), bytes);
            }
        }
    }
}
