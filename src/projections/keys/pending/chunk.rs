//! A chunk of the log: one row.
//!
//! A chunk begins with two numbers (varints). The first is the number of tweets from the last merge
//! to the end of the chunk, times 2, plus 1 if the chunk is closed. The second is the number of
//! bytes of the records of these tweets. Both include deleted tweets. The records of the chunk
//! follow ([`super::record`]).

use bytes::Bytes;
use memchr::memmem;

use super::record::{length_of, parse, read_bytes};
use crate::events::Sequence;
use crate::projections::row_format::RowFormat;
use crate::projections::rows::{RowKey, RowKind, RowsError};
use crate::projections::tweet_key::TweetKey;
use crate::projections::varint::{read_varint, write_varint};

/// Length of a chunk's records, in bytes, above which the chunk is closed.
const MAX_CHUNK_BYTES: u64 = if cfg!(test) { 256 } else { 6 * 1024 };
/// Length of a chunk's records, in bytes, up to which the chunk stays open.
const MIN_CHUNK_BYTES: u64 = if cfg!(test) { 64 } else { 1024 };
/// Between [`MIN_CHUNK_BYTES`] and [`MAX_CHUNK_BYTES`], a chunk is closed when its records are
/// longer than the log divided by this number. A keyword with few tweets gets few in each batch,
/// and each batch writes the last chunk again. So the chunks of a short log are small.
const LOG_BYTES_PER_CHUNK_BYTE: u64 = 16;

/// The format of the chunks of the log. A chunk is named by its number (2 bytes, big-endian).
pub(in crate::projections::keys) const PENDING_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'k'),
    name: "pending keys",
    versions: &[1],
    pack: None,
};

/// A chunk of the log: the tweets of one row.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    /// Number of tweets from the last merge to the end of the chunk, deleted ones included.
    pub(super) tweets: u64,
    /// Number of bytes of the records of these tweets.
    pub(super) bytes: u64,
    /// The records of the chunk without those of deleted tweets.
    pub(super) records: Vec<u8>,
    /// Whether the chunk takes no more tweets.
    pub(super) is_closed: bool,
}

pub(super) fn key_of(number: u16) -> RowKey {
    RowKey::of_kind(PENDING_FORMAT.kind).with(&number.to_be_bytes())
}

impl Chunk {
    pub(super) fn decode(key: &RowKey, row: &[u8]) -> Result<(Self, Sequence), RowsError> {
        let (_, changed_at, mut body) = PENDING_FORMAT.open(key, row)?;
        let cut = || RowsError::damaged(key, "it is cut");
        let tweets = read_varint(&mut body).ok_or_else(cut)?;
        let chunk = Self {
            tweets: tweets >> 1,
            is_closed: tweets & 1 != 0,
            bytes: read_varint(&mut body).ok_or_else(cut)?,
            records: body.to_vec(),
        };
        Ok((chunk, changed_at))
    }

    pub(super) fn encode(&self, changed_at: Sequence) -> Bytes {
        let mut row = PENDING_FORMAT.begin(changed_at);
        write_varint(self.tweets << 1 | u64::from(self.is_closed), &mut row);
        write_varint(self.bytes, &mut row);
        row.extend_from_slice(&self.records);
        row.into()
    }

    /// The empty chunk after this one.
    pub(super) const fn next(&self) -> Self {
        Self {
            tweets: self.tweets,
            bytes: self.bytes,
            records: Vec::new(),
            is_closed: false,
        }
    }

    /// Removes a tweet. Returns false if the chunk does not hold it.
    pub(super) fn remove(&mut self, tweet: &TweetKey) -> Result<bool, &'static str> {
        // Searching for the bytes of the id is much faster than reading the records.
        if memmem::find(&self.records, tweet.id()).is_none() {
            return Ok(false);
        }
        let mut rest = &self.records[..];
        loop {
            let start = self.records.len() - rest.len();
            if rest.is_empty() {
                return Ok(false);
            }
            let record = read_bytes(&mut rest)
                .and_then(parse)
                .ok_or("a record is cut")?;
            if record.at == tweet.at() && record.id == tweet.id() {
                let end = self.records.len() - rest.len();
                self.records.drain(start..end);
                return Ok(true);
            }
        }
    }

    /// Closes the chunk if it is long for a log of this length.
    pub(super) fn close_if_long(&mut self) {
        let limit = self.bytes / LOG_BYTES_PER_CHUNK_BYTE;
        let limit = limit.clamp(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES);
        self.is_closed = length_of(self.records.len()) > limit;
    }
}
