//! The log of pending tweets: the tweets since the last merge, with their keys, in the order of the
//! journal.
//!
//! Merging many tweets at once costs a fraction of merging each tweet separately, because they
//! share buckets and words. A keyword with few tweets has no rows of keys except the log.
//!
//! The log is a sequence of chunks. Each chunk is one row. The longer the log is, the larger its
//! new chunks are.
//!
//! A chunk begins with two numbers (varints). The first is the number of tweets from the last merge
//! to the end of the chunk, times 2, plus 1 if the chunk is closed. The second is the number of
//! bytes of the records of these tweets. Both include deleted tweets. The records of the chunk
//! follow. The last chunk has no row before its first tweet comes.
//!
//! A record is its length (varint), the time of the tweet (8 bytes, big-endian milliseconds), the
//! id and, for each kind of keys, their number (varint) and the keys. The id and each key begin
//! with their length (varint).

use std::collections::BTreeMap;

use bytes::Bytes;
use memchr::memmem;

use super::kind::KeyKind;
use super::written_keys::{WrittenKeys, write_bytes};
use crate::events::{Sequence, Timestamp};
use crate::projections::row_format::RowFormat;
use crate::projections::rows::{RowChange, RowKey, RowKind, Rows, RowsError, Seek};
use crate::projections::tweet_key::TweetKey;
use crate::projections::varint::{read_varint, varint_bytes, write_varint};

/// Number of tweets since the last merge at which the log is merged, deleted ones included. It is
/// small in unit tests, which reach it.
const MAX_PENDING_TWEETS: u64 = if cfg!(test) { 16 } else { 4096 };

/// Number of bytes of records since the last merge at which the log is merged. Only tweets with
/// very long texts reach it before [`MAX_PENDING_TWEETS`].
const MAX_PENDING_BYTES: u64 = 2 * 1024 * 1024;

/// A chunk whose records are longer than this is closed, in bytes.
const MAX_CHUNK_BYTES: u64 = if cfg!(test) { 256 } else { 6 * 1024 };
/// A chunk whose records are not longer than this stays open, in bytes.
const MIN_CHUNK_BYTES: u64 = if cfg!(test) { 64 } else { 1024 };
/// Between these bounds, a chunk is closed when its records are longer than the log divided by this
/// number. A keyword with few tweets gets few in each batch, and each batch writes the last chunk
/// again. So the chunks of a short log are small.
const LOG_BYTES_PER_CHUNK_BYTE: u64 = 16;

/// The chunks of the log, named by their number (2 bytes, big-endian).
pub(super) const PENDING_FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'k'),
    name: "pending keys",
    versions: &[1],
    pack: None,
};

/// One chunk.
#[derive(Debug, Clone, Default)]
struct Chunk {
    /// Number of tweets from the last merge to the end of the chunk, deleted ones included.
    tweets: u64,
    /// Number of bytes of the records of these tweets.
    bytes: u64,
    /// The records of the chunk without those of deleted tweets.
    records: Vec<u8>,
    /// Whether the chunk takes no more tweets.
    is_closed: bool,
}

/// A chunk before the last one, in memory.
#[derive(Debug)]
struct Touched {
    chunk: Chunk,
    /// The last event since the last [`PendingLog::take_row_changes`] that changed the chunk.
    changed_at: Option<Sequence>,
}

/// The log.
#[derive(Debug, Default)]
pub(super) struct PendingLog {
    /// The number of the last chunk.
    last: u16,
    /// The last chunk, which stays in memory.
    open: Chunk,
    /// The last event since the last [`PendingLog::take_row_changes`] that changed `open`.
    open_changed_at: Option<Sequence>,
    /// Other chunks that this batch has read or changed.
    closed: BTreeMap<u16, Touched>,
    /// Chunks with numbers below this may still have rows, although they were merged.
    merged: u16,
}

/// A tweet of the log.
#[derive(Debug, Clone, Copy)]
struct PendingTweet<'b> {
    at: Timestamp,
    id: &'b [u8],
    /// The keys of all kinds, as written in the record.
    keys: &'b [u8],
}

impl<'b> PendingTweet<'b> {
    /// Calls `visit` with every key of the tweet.
    fn visit(&self, mut visit: impl FnMut(KeyKind, &'b [u8])) -> Option<()> {
        let mut rest = self.keys;
        for kind in KeyKind::ALL {
            for _ in 0..read_varint(&mut rest)? {
                visit(kind, read_bytes(&mut rest)?);
            }
        }
        Some(())
    }
}

fn read_bytes<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(read_varint(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

fn length_of(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn parse(record: &[u8]) -> Option<PendingTweet<'_>> {
    let (at, mut rest) = record.split_first_chunk::<8>()?;
    let id = read_bytes(&mut rest)?;
    Some(PendingTweet {
        at: Timestamp::from_millis(i64::from_be_bytes(*at)),
        id,
        keys: rest,
    })
}

fn key_of(number: u16) -> RowKey {
    RowKey::of_kind(PENDING_FORMAT.kind).with(&number.to_be_bytes())
}

impl Chunk {
    fn decode(key: &RowKey, row: &[u8]) -> Result<(Self, Sequence), RowsError> {
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

    fn encode(&self, changed_at: Sequence) -> Bytes {
        let mut row = PENDING_FORMAT.begin(changed_at);
        write_varint(self.tweets << 1 | u64::from(self.is_closed), &mut row);
        write_varint(self.bytes, &mut row);
        row.extend_from_slice(&self.records);
        row.into()
    }

    /// The empty chunk after this one.
    const fn next(&self) -> Self {
        Self {
            tweets: self.tweets,
            bytes: self.bytes,
            records: Vec::new(),
            is_closed: false,
        }
    }

    /// Removes a tweet. Returns false if the chunk does not hold it.
    fn remove(&mut self, tweet: &TweetKey) -> Result<bool, &'static str> {
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
}

impl PendingLog {
    /// Reads the last chunk of the log from rows.
    pub(super) fn hydrate(rows: &dyn Rows) -> Result<Self, RowsError> {
        let Some((key, row)) = rows.seek(Seek::AtOrBefore(&key_of(u16::MAX)))? else {
            return Ok(Self::default());
        };
        let number = key.suffix().try_into().map(u16::from_be_bytes);
        let mut last = number.map_err(|_| RowsError::damaged(&key, "its key is cut"))?;
        let (mut open, _) = Chunk::decode(&key, &row)?;
        if open.is_closed {
            open = open.next();
            let next = last.checked_add(1);
            last = next.ok_or_else(|| RowsError::damaged(&key, "no chunk can follow it"))?;
        }
        Ok(Self {
            last,
            open,
            ..Self::default()
        })
    }

    /// Appends a tweet.
    pub(super) fn push(&mut self, sequence: Sequence, key: &TweetKey, keys: &WrittenKeys) {
        let id_bytes = varint_bytes(length_of(key.id().len())) + key.id().len();
        let kinds = keys.kinds();
        let key_bytes: usize = kinds
            .map(|(count, keys)| varint_bytes(count) + keys.len())
            .sum();
        let open = &mut self.open;
        let before = open.records.len();
        write_varint(length_of(8 + id_bytes + key_bytes), &mut open.records);
        open.records
            .extend_from_slice(&key.at().millis().to_be_bytes());
        write_bytes(key.id(), &mut open.records);
        for (count, keys) in keys.kinds() {
            write_varint(count, &mut open.records);
            open.records.extend_from_slice(keys);
        }
        open.tweets += 1;
        open.bytes += length_of(open.records.len() - before);
        let limit = open.bytes / LOG_BYTES_PER_CHUNK_BYTE;
        let limit = limit.clamp(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES);
        open.is_closed = length_of(open.records.len()) > limit;
        self.open_changed_at = Some(sequence);
        if open.is_closed {
            let next = open.next();
            let touched = Touched {
                chunk: std::mem::replace(open, next),
                changed_at: self.open_changed_at.take(),
            };
            self.closed.insert(self.last, touched);
            self.last += 1;
        }
    }

    /// Whether the log has to be merged.
    pub(super) const fn is_full(&self) -> bool {
        self.open.tweets >= MAX_PENDING_TWEETS || self.open.bytes >= MAX_PENDING_BYTES
    }

    /// Removes a tweet. Returns false if the log does not hold it.
    pub(super) fn remove(
        &mut self,
        rows: &dyn Rows,
        sequence: Sequence,
        tweet: &TweetKey,
    ) -> Result<bool, RowsError> {
        let damaged = |number, what| RowsError::damaged(&key_of(number), what);
        if self
            .open
            .remove(tweet)
            .map_err(|what| damaged(self.last, what))?
        {
            self.open_changed_at = Some(sequence);
            return Ok(true);
        }
        for number in (0..self.last).rev() {
            let touched = self.load(rows, number)?;
            if touched
                .chunk
                .remove(tweet)
                .map_err(|what| damaged(number, what))?
            {
                touched.changed_at = Some(sequence);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A chunk before the last one. It is read from its row, unless it is in memory.
    fn load(&mut self, rows: &dyn Rows, number: u16) -> Result<&mut Touched, RowsError> {
        use std::collections::btree_map::Entry::{Occupied, Vacant};
        match self.closed.entry(number) {
            Occupied(known) => Ok(known.into_mut()),
            Vacant(entry) => {
                let key = key_of(number);
                let missing = || RowsError::damaged(&key, "it is missing");
                let row = rows.get(&key)?.ok_or_else(missing)?;
                Ok(entry.insert(Touched {
                    chunk: Chunk::decode(&key, &row)?.0,
                    changed_at: None,
                }))
            }
        }
    }

    /// Takes the records of all tweets, in the order of the journal: one item for each chunk. The
    /// log is empty afterwards.
    pub(super) fn take(&mut self, rows: &dyn Rows) -> Result<Vec<Vec<u8>>, RowsError> {
        let mut records = Vec::with_capacity(usize::from(self.last) + 1);
        for number in 0..self.last {
            records.push(std::mem::take(&mut self.load(rows, number)?.chunk.records));
        }
        records.push(std::mem::take(&mut self.open.records));
        let merged = self.merged.max(self.last + 1);
        *self = Self {
            merged,
            ..Self::default()
        };
        Ok(records)
    }

    /// Appends the rows that changed since the last call.
    pub(super) fn take_row_changes(&mut self, out: &mut Vec<RowChange>) {
        for (number, touched) in std::mem::take(&mut self.closed) {
            if let Some(sequence) = touched.changed_at {
                out.push((key_of(number), Some(touched.chunk.encode(sequence))));
            }
        }
        let mut kept = self.last;
        if let Some(sequence) = self.open_changed_at.take() {
            out.push((key_of(self.last), Some(self.open.encode(sequence))));
            kept += 1;
        }
        for number in kept..std::mem::take(&mut self.merged) {
            out.push((key_of(number), None));
        }
    }
}

/// Calls `visit` with the time of each tweet of the log and with each of its keys, in the order of
/// the journal.
pub(super) fn for_each<'b>(
    records: &'b [Vec<u8>],
    mut visit: impl FnMut(Timestamp, KeyKind, &'b [u8]),
) -> Result<(), RowsError> {
    for (number, records) in (0..).zip(records) {
        let damaged = || RowsError::damaged(&key_of(number), "a record is cut");
        let mut rest = &records[..];
        while !rest.is_empty() {
            let tweet = read_bytes(&mut rest).and_then(parse).ok_or_else(damaged)?;
            let visited = tweet.visit(|kind, key| visit(tweet.at, kind, key));
            visited.ok_or_else(damaged)?;
        }
    }
    Ok(())
}

/// Reads the records of the log from rows, in the order of the journal: one item for each chunk.
pub(super) fn read(rows: &dyn Rows) -> Result<Vec<Vec<u8>>, RowsError> {
    let mut records = Vec::new();
    let first = key_of(0);
    let mut found = rows.seek(Seek::AtOrBefore(&first))?;
    while let Some((key, row)) = found {
        rows.look(row.len())?;
        records.push(Chunk::decode(&key, &row)?.0.records);
        found = rows.seek(Seek::After(&key))?;
    }
    Ok(records)
}
