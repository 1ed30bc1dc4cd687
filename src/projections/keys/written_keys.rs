//! The keys of a tweet as records hold them: those of the log of pending tweets, and those of the
//! background.
//!
//! In: the keys of a tweet. Out: their bytes, written once for both records. A key is its length
//! (varint) and its bytes.

use super::kind::{KeyKind, KeysOfTweet};
use crate::projections::varint::write_varint;

/// Room for the keys of most tweets, in bytes.
const USUAL_BYTES: usize = 512;

/// The written keys of one tweet.
#[derive(Debug)]
pub(super) struct WrittenKeys {
    /// The keys of all kinds, in the order of the kinds.
    bytes: Vec<u8>,
    kinds: [Written; KeyKind::COUNT],
}

/// The keys of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    keys: u64,
    /// Where the keys of this kind end in [`WrittenKeys::bytes`].
    end: usize,
}

impl WrittenKeys {
    /// Writes these keys.
    pub(super) fn of(keys: &KeysOfTweet<'_>) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        let kinds = KeyKind::ALL.map(|kind| {
            let mut count = 0;
            keys.visit(kind, |key| {
                write_bytes(key.as_bytes(), &mut bytes);
                count += 1;
            });
            Written {
                keys: count,
                end: bytes.len(),
            }
        });
        Self { bytes, kinds }
    }

    /// The number of keys of each kind, and the keys.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut start = 0;
        self.kinds.iter().map(move |kind| {
            let keys = self.bytes.get(start..kind.end).unwrap_or_default();
            start = kind.end;
            (kind.keys, keys)
        })
    }

    /// The bytes of the words.
    pub(super) fn words(&self) -> &[u8] {
        let words = self.kinds().next();
        words.map_or(&[], |(_, words)| words)
    }
}

/// Appends bytes with their length in front.
pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX), out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_kind_is_that_of_words() {
        assert_eq!(KeyKind::ALL[0], KeyKind::Word);
        assert_eq!(
            KeyKind::ALL.map(|kind| usize::from(kind.number())),
            [0, 1, 2, 3]
        );
    }
}
