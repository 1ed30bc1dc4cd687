//! The log of pending tweets: the tweets since the last merge, with their keys, in the order of the
//! journal.
//!
//! Merging many tweets at once costs a fraction of merging each tweet separately, because they
//! share buckets and words. A keyword with few tweets has no rows of keys except the log.
//!
//! The log is a sequence of chunks ([`chunk`]) of records ([`record`]), one for each tweet. The
//! longer the log is, the larger its new chunks are. The last chunk has no row before its first
//! tweet comes.

mod chunk;
mod record;

use std::collections::BTreeMap;

use super::kind::KeyKind;
use super::written_keys::{WrittenKeys, write_bytes};
use crate::events::{Sequence, Timestamp};
use crate::projections::rows::{RowChange, Rows, RowsError, Seek};
use crate::projections::tweet_key::TweetKey;
use crate::projections::varint::{varint_bytes, write_varint};
pub(super) use chunk::PENDING_FORMAT;
use chunk::{Chunk, key_of};
use record::{length_of, parse, read_bytes};

/// Number of tweets since the last merge at which the log is merged, deleted ones included. It is
/// small in unit tests, which reach it.
const MAX_PENDING_TWEETS: u64 = if cfg!(test) { 16 } else { 4096 };

/// Number of bytes of records since the last merge at which the log is merged. Only tweets with
/// very long texts reach it before [`MAX_PENDING_TWEETS`].
const MAX_PENDING_BYTES: u64 = 2 * 1024 * 1024;

/// A chunk before the last one, in memory.
#[derive(Debug)]
struct Touched {
    chunk: Chunk,
    /// Sequence of the last event since the last [`PendingLog::take_row_changes`] that changed the
    /// chunk.
    changed_at: Option<Sequence>,
}

/// The log of pending tweets.
#[derive(Debug, Default)]
pub(super) struct PendingLog {
    /// The number of the last chunk.
    last: u16,
    /// The last chunk, which stays in memory.
    open: Chunk,
    /// Sequence of the last event since the last [`PendingLog::take_row_changes`] that changed
    /// `open`.
    open_changed_at: Option<Sequence>,
    /// Other chunks that this batch has read or changed.
    closed: BTreeMap<u16, Touched>,
    /// Chunks with numbers below this may still have rows, although they were merged.
    merged: u16,
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
        open.close_if_long();
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
