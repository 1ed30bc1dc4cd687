//! One entry of the id index in 22 bytes: the hash of an id and its state.

use crate::events::{Sequence, Timestamp, TweetId};
use crate::projections::{RowFormat, RowKey, RowsError};

/// The hash that stands for an id: [`TweetId::id_hash`].
///
/// Comparing hashes replaces comparing ids. The probability that two of n ids share a hash is n² /
/// 2^129: 10^-21 for a billion ids, far below that of a memory error. Finding two such ids on
/// purpose takes 2^64 hashes. A hash has a fixed length, while an id has up to 128 bytes. The bits
/// of a hash are evenly distributed, which the filters of the runs need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdHash([u8; 16]);

impl IdHash {
    /// Hashes an id. This costs one compression of BLAKE3 (about 0.1 µs), so callers compute it
    /// once.
    pub fn of(id: &TweetId) -> Self {
        Self(id.id_hash())
    }

    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the hash.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The high and the low 64 bits. Hashes are ordered by the high half, then by the low half.
    pub(super) fn halves(self) -> (u64, u64) {
        let [a, b, c, d, e, f, g, h, low @ ..] = self.0;
        (
            u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            u64::from_be_bytes(low),
        )
    }

    /// The hash as a number with the same order. Numbers are cheaper to compare.
    pub(super) const fn number(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

/// The state of an id that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdState {
    /// A tweet with the id is in the views. The value is the time of the tweet.
    Present(Timestamp),
    /// The tweet is deleted, or its deletion came before it. A later post does not bring it back.
    Deleted,
}

/// An id as rows hold it: hash, then six bytes of big-endian milliseconds since 1970, or
/// [`DELETED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IdEntry(pub(super) [u8; Self::LENGTH]);

/// The time bytes that mean deleted: 2^48 − 1 milliseconds, in the year 10889, which is later than
/// [`Timestamp::LATEST`].
const DELETED: [u8; 6] = [0xff; 6];

impl IdEntry {
    /// Bytes of an entry.
    pub(super) const LENGTH: usize = 22;

    /// Makes an entry. No event has a time outside 1970..=[`Timestamp::LATEST`]; such a time is
    /// clamped to this range.
    pub(super) fn new(hash: IdHash, state: IdState) -> Self {
        let time = match state {
            IdState::Present(at) => {
                let millis = at.millis().clamp(0, Timestamp::LATEST.millis());
                let [_, _, time @ ..] = millis.to_be_bytes();
                time
            }
            IdState::Deleted => DELETED,
        };
        let mut bytes = [0; Self::LENGTH];
        for (to, from) in bytes.iter_mut().zip(hash.bytes().into_iter().chain(time)) {
            *to = from;
        }
        Self(bytes)
    }

    pub(super) const fn hash(&self) -> IdHash {
        let [hash @ .., _, _, _, _, _, _] = self.0;
        IdHash::from_bytes(hash)
    }

    pub(super) fn state(&self) -> IdState {
        let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, time @ ..] = self.0;
        if time == DELETED {
            return IdState::Deleted;
        }
        let [a, b, c, d, e, f] = time;
        IdState::Present(Timestamp::from_millis(i64::from_be_bytes([
            0, 0, a, b, c, d, e, f,
        ])))
    }
}

/// The version of rows of entries.
pub(super) const ENTRIES_VERSION: u8 = 2;

/// The earlier version, whose rows have no `changed_at`.
const BARE_ENTRIES_VERSION: u8 = 1;

/// Encodes a row of entries, which must be sorted by hash. `changed_at` is the sequence of the
/// event that changed the row last.
pub(super) fn encode(format: &RowFormat, changed_at: Sequence, entries: &[IdEntry]) -> Vec<u8> {
    let bytes = entries.len() * IdEntry::LENGTH;
    let mut row = format.begin_as(ENTRIES_VERSION, changed_at, bytes);
    for entry in entries {
        row.extend_from_slice(&entry.0);
    }
    row
}

/// Returns the entries of a row.
///
/// # Errors
/// [`RowsError::Damaged`].
pub(super) fn decode<'r>(
    format: &RowFormat,
    key: &RowKey,
    row: &'r [u8],
) -> Result<&'r [[u8; IdEntry::LENGTH]], RowsError> {
    let (_, _, body) = format.open_or_bare(&[BARE_ENTRIES_VERSION], key, row)?;
    match body.as_chunks() {
        (entries, []) => Ok(entries),
        _ => Err(RowsError::damaged(key, "it ends inside an entry")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::RECENT_FORMAT;
    use super::*;

    #[test]
    fn an_entry_keeps_hash_and_state() {
        let hash = IdHash::of(&TweetId::new("x:1593").unwrap());
        for state in [
            IdState::Deleted,
            IdState::Present(Timestamp::EARLIEST),
            IdState::Present(Timestamp::LATEST),
        ] {
            let entry = IdEntry::new(hash, state);
            assert_eq!(entry.hash(), hash);
            assert_eq!(entry.state(), state);
        }
    }

    #[test]
    fn the_hash_is_the_beginning_of_blake3() {
        let hash = IdHash::of(&TweetId::new("x:1593").unwrap());
        assert_eq!(hash.0, blake3::hash(b"x:1593").as_bytes()[..16]);
        let (high, low) = hash.halves();
        assert_eq!(hash.number(), u128::from(high) << 64 | u128::from(low));
    }

    #[test]
    fn rows_of_both_versions_are_these_bytes() {
        let (format, key) = (&RECENT_FORMAT, RowKey::of_kind(RECENT_FORMAT.kind));
        let entry = IdEntry(*b"sixteen bytes...at_six");
        let row = encode(format, Sequence::new(0x0102), &[entry]);
        assert_eq!(row, b"\x02\0\0\0\0\0\0\x01\x02sixteen bytes...at_six");
        let earlier = b"\x01sixteen bytes...at_six";
        for row in [&row[..], earlier] {
            assert_eq!(decode(format, &key, row).unwrap(), &[entry.0][..]);
        }
        assert!(decode(format, &key, &[1]).unwrap().is_empty());
        for damaged in [&[][..], &[3], &[1, 0], &[2, 0], &row[..row.len() - 1]] {
            assert!(decode(format, &key, damaged).is_err(), "{damaged:?}");
        }
    }
}
