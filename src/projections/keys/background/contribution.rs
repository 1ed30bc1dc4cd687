//! The change of the background by one put of a keyword's rows.
//!
//! A contribution has one record for each tweet that the keyword gained or lost. A record begins
//! with a number (varint): the length of its body in bytes, times 2, plus 1 if the keyword lost the
//! tweet. The body is the time of the tweet (8 bytes, big-endian milliseconds) and its words, each
//! as its length (varint) and its bytes. Records are not added up, because two tweets of a batch
//! rarely have a bucket and a word in common.

use bytes::Bytes;

use super::{RUN_FORMAT, Run};
use crate::events::{Sequence, Timestamp};
use crate::projections::TouchedTimes;
use crate::projections::keys::written_keys::WrittenKeys;
use crate::projections::rows::{RowKey, RowsError};
use crate::projections::varint::{read_varint, write_varint};

/// The words of the tweets that a keyword gained and lost since its last put.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contribution {
    records: Vec<u8>,
    has_losses: bool,
    /// The sequence of the last event that the put includes.
    changed_at: Sequence,
}

impl Contribution {
    /// Adds a tweet that the keyword gained.
    pub(in crate::projections::keys) fn gained(&mut self, at: Timestamp, keys: &WrittenKeys) {
        self.record(at, keys, false);
    }

    /// Adds a tweet that the keyword lost.
    pub(in crate::projections::keys) fn lost(&mut self, at: Timestamp, keys: &WrittenKeys) {
        self.has_losses = true;
        self.record(at, keys, true);
    }

    fn record(&mut self, at: Timestamp, keys: &WrittenKeys, is_lost: bool) {
        let words = keys.words();
        begin_record(8 + words.len(), is_lost, &mut self.records);
        self.records.extend_from_slice(&at.millis().to_be_bytes());
        self.records.extend_from_slice(words);
    }

    /// Sets the sequence of the last event that the put includes.
    pub(in crate::projections::keys) const fn through(mut self, changed_at: Sequence) -> Self {
        self.changed_at = changed_at;
        self
    }

    /// The sequence of the last event that the put includes.
    pub const fn changed_at(&self) -> Sequence {
        self.changed_at
    }

    /// Whether the keyword neither gained nor lost a tweet.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether the keyword lost tweets. A commit removes lost tweets from the runs, or from the
    /// map, so that no row on disk names the words of a deleted tweet.
    pub const fn has_losses(&self) -> bool {
        self.has_losses
    }
}

impl From<Contribution> for Run {
    fn from(contribution: Contribution) -> Self {
        Self {
            changed_at: contribution.changed_at,
            records: contribution.records.into(),
        }
    }
}

/// Appends the beginning of a record with a body of this length.
fn begin_record(bytes: usize, is_lost: bool, records: &mut Vec<u8>) {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    write_varint(bytes << 1 | u64::from(is_lost), records);
}

/// Appends a record with this body.
pub(super) fn write_record(body: &[u8], is_lost: bool, records: &mut Vec<u8>) {
    begin_record(body.len(), is_lost, records);
    records.extend_from_slice(body);
}

/// The record of a tweet in a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunTweet<'r> {
    pub(super) at: Timestamp,
    pub(super) is_lost: bool,
    /// The body of the record: the time and the words.
    pub(super) body: &'r [u8],
    words: &'r [u8],
}

impl<'r> RunTweet<'r> {
    /// Calls `visit` with each word.
    pub(super) fn words(&self, mut visit: impl FnMut(&'r [u8])) -> Result<(), RowsError> {
        let mut rest = self.words;
        while !rest.is_empty() {
            visit(read_bytes(&mut rest).ok_or_else(damaged)?);
        }
        Ok(())
    }
}

fn read_bytes<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(read_varint(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

/// Calls `visit` with each record of a contribution or run.
pub(super) fn for_each<'r>(
    mut records: &'r [u8],
    mut visit: impl FnMut(RunTweet<'r>) -> Result<(), RowsError>,
) -> Result<(), RowsError> {
    while !records.is_empty() {
        let tweet = read_tweet(&mut records).ok_or_else(damaged)?;
        visit(tweet)?;
    }
    Ok(())
}

/// Whether a record of a contribution or run is of a lost tweet.
///
/// # Errors
/// [`RowsError::Damaged`].
pub(super) fn has_losses(records: &[u8]) -> Result<bool, RowsError> {
    let mut has_losses = false;
    for_each(records, |tweet| {
        has_losses |= tweet.is_lost;
        Ok(())
    })?;
    Ok(has_losses)
}

/// The times of the tweets in the records of contributions or runs.
///
/// # Errors
/// [`RowsError::Damaged`].
pub fn times_of(records: &[Bytes]) -> Result<TouchedTimes, RowsError> {
    let mut times = TouchedTimes::default();
    for records in records {
        for_each(records, |tweet| {
            times.add(tweet.at);
            Ok(())
        })?;
    }
    Ok(times)
}

fn read_tweet<'r>(records: &mut &'r [u8]) -> Option<RunTweet<'r>> {
    let number = read_varint(records)?;
    let length = usize::try_from(number >> 1).ok()?;
    let (body, after) = records.split_at_checked(length)?;
    let (at, words) = body.split_first_chunk::<8>()?;
    *records = after;
    Some(RunTweet {
        at: Timestamp::from_millis(i64::from_be_bytes(*at)),
        is_lost: number & 1 != 0,
        body,
        words,
    })
}

fn damaged() -> RowsError {
    RowsError::damaged(&RowKey::of_kind(RUN_FORMAT.kind), "a record is cut")
}
