//! The earlier form of the entries of a leaf, which rows of earlier folds have.
//!
//! An entry is the number of leading bytes that its key shares with the key before it (varint), the
//! length of the rest (varint), the rest, and the count (varint).

use super::entry::{read_length, write_entry};
use crate::projections::varint::read_varint;

/// Returns the entries in the present form.
pub(super) fn upcast(mut plain: &[u8]) -> Result<Vec<u8>, &'static str> {
    let cut = "an entry is cut";
    let mut entries = Vec::with_capacity(plain.len());
    let (mut last, mut key) = (Vec::new(), Vec::new());
    while !plain.is_empty() {
        let shared = read_length(&mut plain).ok_or(cut)?;
        let length = read_length(&mut plain).ok_or(cut)?;
        let (tail, after) = plain.split_at_checked(length).ok_or(cut)?;
        plain = after;
        let count = read_varint(&mut plain).ok_or(cut)?;
        key.clear();
        key.extend_from_slice(last.get(..shared).ok_or("a key is longer than any")?);
        key.extend_from_slice(tail);
        write_entry(&last, (&key, count), &mut entries);
        std::mem::swap(&mut last, &mut key);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entries;
    use super::*;

    #[test]
    fn entries_of_the_earlier_form_are_read() {
        let plain = [
            &[0, 3, b'a', b'b', b'c', 5][..],
            &[2, 4, b'd', 0xea, 0xb0, 0x80, 1],
            &[0, 1, b'b', 0x80, 2],
        ];
        let entries = upcast(&plain.concat()).unwrap();
        let mut read = Entries::new(&entries);
        for (key, count) in [("abc", 5), ("abd가", 1), ("b", 256)] {
            assert_eq!(read.next_entry().unwrap(), Some(count));
            assert_eq!(read.key(), key.as_bytes());
        }
        assert_eq!(read.next_entry().unwrap(), None);
    }

    #[test]
    fn damaged_entries_are_refused() {
        for damaged in [
            &[1, 1, b'a', 1][..],
            &[0, 2, b'a'],
            &[0],
            &[0, 1, b'a', 0x80],
        ] {
            assert!(upcast(damaged).is_err(), "{damaged:?}");
        }
    }
}
