//! A journal record as a body of the segment log: `received_at` i64, length of the token u16, the
//! token, the stored form. Numbers are little endian.

use crate::events::{Record, Timestamp, stored};
use crate::journal::JournalError;
use crate::journal::segments::{FrameBuilder, RECORD_HEADER_BYTES};

/// The longest token, in bytes. The longest that names a keyword has 64 × 4 × 3 of them.
const MAX_TOKEN_BYTES: usize = 4096;
/// The longest body, in bytes.
const MAX_BODY_BYTES: usize = 10 + MAX_TOKEN_BYTES + stored::MAX_BYTES;

/// How many bytes a record takes in a frame.
///
/// # Errors
/// [`JournalError::TooLarge`].
pub(super) fn checked_size(record: &Record) -> Result<usize, JournalError> {
    let too_large = |bytes: usize, most: usize| JournalError::TooLarge { bytes, most };
    if record.token.len() > MAX_TOKEN_BYTES {
        return Err(too_large(record.token.len(), MAX_TOKEN_BYTES));
    }
    let body = 10_usize
        .saturating_add(record.token.len())
        .saturating_add(record.stored.len());
    if body > MAX_BODY_BYTES {
        return Err(too_large(body, MAX_BODY_BYTES));
    }
    Ok(body.saturating_add(RECORD_HEADER_BYTES))
}

/// Adds a record, whose size has been checked, to a frame.
pub(super) fn push(record: &Record, frame: &mut FrameBuilder) {
    let token_length = u16::try_from(record.token.len()).unwrap_or(u16::MAX);
    frame.push(&[
        &record.received_at.millis().to_le_bytes(),
        &token_length.to_le_bytes(),
        &record.token,
        &record.stored,
    ]);
}

/// The parts of a record in its body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) received_at: Timestamp,
    pub(super) token: &'a [u8],
    pub(super) stored: &'a [u8],
}

impl<'a> Body<'a> {
    /// Takes a body apart; `None` when it isn't one, which a sound checksum rules out unless
    /// something else wrote it.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (received_at, rest) = body.split_first_chunk()?;
        let (token_length, rest) = rest.split_first_chunk()?;
        let (token, stored) =
            rest.split_at_checked(usize::from(u16::from_le_bytes(*token_length)))?;
        Some(Self {
            received_at: Timestamp::from_millis(i64::from_le_bytes(*received_at)),
            token,
            stored,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(token: usize, stored: usize) -> Record {
        Record {
            received_at: Timestamp::EARLIEST,
            token: vec![b'a'; token].into(),
            stored: vec![1; stored].into(),
        }
    }

    #[test]
    fn the_largest_record_is_taken_and_no_larger() {
        assert!(checked_size(&record(4096, stored::MAX_BYTES)).is_ok());
        assert!(checked_size(&record(4097, 1)).is_err());
        assert!(checked_size(&record(0, MAX_BODY_BYTES - 9)).is_err());
    }

    #[test]
    fn a_cut_body_is_none() {
        let mut body = 5_i64.to_le_bytes().to_vec();
        body.extend_from_slice(&3_u16.to_le_bytes());
        body.extend_from_slice(b"abcSTORED");
        let parsed = Body::parse(&body).unwrap();
        assert_eq!((parsed.token, parsed.stored), (&b"abc"[..], &b"STORED"[..]));
        assert_eq!(parsed.received_at.millis(), 5);
        for length in 0..13 {
            assert!(Body::parse(&body[..length]).is_none(), "{length} bytes");
        }
    }
}
