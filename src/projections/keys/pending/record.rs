//! The record of one tweet in the log.
//!
//! A record is its length (varint), the time of the tweet (8 bytes, big-endian milliseconds), the
//! id and, for each kind of keys, their number (varint) and the keys. The id and each key begin
//! with their length (varint).

use crate::events::Timestamp;
use crate::projections::keys::kind::KeyKind;
use crate::projections::varint::read_varint;

/// A tweet of the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingTweet<'b> {
    pub(super) at: Timestamp,
    pub(super) id: &'b [u8],
    /// The keys of all kinds, as written in the record.
    keys: &'b [u8],
}

impl<'b> PendingTweet<'b> {
    /// Calls `visit` with every key of the tweet.
    pub(super) fn visit(&self, mut visit: impl FnMut(KeyKind, &'b [u8])) -> Option<()> {
        let mut rest = self.keys;
        for kind in KeyKind::ALL {
            for _ in 0..read_varint(&mut rest)? {
                visit(kind, read_bytes(&mut rest)?);
            }
        }
        Some(())
    }
}

pub(super) fn read_bytes<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(read_varint(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

pub(super) fn length_of(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

pub(super) fn parse(record: &[u8]) -> Option<PendingTweet<'_>> {
    let (at, mut rest) = record.split_first_chunk::<8>()?;
    let id = read_bytes(&mut rest)?;
    Some(PendingTweet {
        at: Timestamp::from_millis(i64::from_be_bytes(*at)),
        id,
        keys: rest,
    })
}
